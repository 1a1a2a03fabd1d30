//! One request through both roles, to a provider and back.

use std::mem;

use super::abi::{Local, Stream};
use super::{ATTEMPT, DECIDE, Envoy, Headers, abi};

/// Statuses besides 5xx after which Envoy tries the next upstream, as the generated bootstrap has them.
const RETRIED: [u16; 7] = [401, 402, 403, 404, 408, 409, 429];

/// A request as the client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    headers: Headers,
    body: Vec<u8>,
    trailers: bool,
}

/// What a provider does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Refuses the connection, or resets it before the head of an answer.
    Reset,
    /// Answers.
    Full {
        /// Head, `:status` first.
        headers: Headers,
        /// Body.
        body: Vec<u8>,
        /// Trailers follow.
        trailers: bool,
        /// The connection breaks after the body: there is no end.
        cut: bool,
    },
}

/// A request as a provider received it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The upstream, by its cluster.
    pub upstream: String,
    /// Head.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// What came of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Status that the client saw.
    pub status: u16,
    /// Head that the client saw.
    pub headers: Headers,
    /// Body that the client saw.
    pub body: Vec<u8>,
    /// Everything that left for a provider, in order.
    pub sent: Vec<Sent>,
    /// Filter state at the end: what the access log can show.
    pub state: std::collections::BTreeMap<String, String>,
    /// Fuel that the filter burnt: about one for each instruction.
    pub fuel: u64,
}

/// What became of a message on its way through a filter.
enum Passed {
    On(Vec<u8>),
    Local(Local),
}

impl Request {
    /// `POST` with a JSON body.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self::new("POST", path)
            .header("content-type", "application/json")
            .header("content-length", &length)
            .with_body(body)
    }

    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        let head =
            [(":method", method), (":path", path), (":authority", "gateway.test"), (":scheme", "http")];
        let headers = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { headers, body: Vec::new(), trailers: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Takes a header away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Ends the request with trailers.
    #[must_use]
    pub fn with_trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    /// With this body; nothing is said of its length.
    #[must_use]
    pub fn body(self, body: Vec<u8>) -> Self {
        self.with_body(body)
    }

    fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::of(status, "application/json", body)
    }

    /// An event stream.
    pub fn events(body: impl Into<Vec<u8>>) -> Self {
        Self::of(200, "text/event-stream", body)
    }

    fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            (":status".to_owned(), status.to_string().into_bytes()),
            ("content-type".to_owned(), content_type.as_bytes().to_vec()),
        ];
        Self::Full { headers, body: body.into(), trailers: false, cut: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Full { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        self
    }

    /// Ends the answer with trailers, and with no end in its body.
    #[must_use]
    pub fn with_trailers(mut self) -> Self {
        if let Self::Full { trailers, .. } = &mut self {
            *trailers = true;
        }
        self
    }

    /// Breaks the answer off.
    #[must_use]
    pub fn cut_off(mut self) -> Self {
        if let Self::Full { cut, .. } = &mut self {
            *cut = true;
        }
        self
    }

    fn is_retried(&self) -> bool {
        match self {
            Self::Reset => true,
            Self::Full { headers, .. } => {
                let status = status(headers);
                status >= 500 || RETRIED.contains(&status)
            }
        }
    }
}

impl Sent {
    /// The one value of a header; `None` where there is none.
    ///
    /// # Panics
    /// Where there are two.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }
}

impl Outcome {
    /// The one value of a header of the answer.
    ///
    /// # Panics
    /// Where there are two.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(&self.headers, name)
    }

    /// A word of the access log.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.state.get(&format!("pointsman.{name}")).map(String::as_str)
    }
}

impl Envoy {
    /// Sends a request. `provider` plays all providers, and may send further requests while this one is open.
    pub fn exchange(
        &mut self,
        request: Request,
        mut provider: impl FnMut(&mut Self, &Sent) -> Answer,
    ) -> Outcome {
        let outer = mem::take(&mut self.store.data_mut().stream);
        let fuel = self.store.get_fuel().expect("fuel is on");
        let mut outcome = Outcome::default();
        let decide = self.create(DECIDE);
        self.stream().request = Some(request.headers);
        match self.request(decide, &request.body, request.trailers) {
            Passed::Local(local) => self.answer_locally(decide, local, &mut outcome),
            Passed::On(body) => self.attempts(decide, &body, request.trailers, &mut provider, &mut outcome),
        }
        self.delete(decide, true);
        let stream = mem::replace(&mut self.store.data_mut().stream, outer);
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        outcome.state = stream.state.into_iter().map(|(name, value)| (name, text(value))).collect();
        outcome.fuel = fuel.saturating_sub(self.store.get_fuel().expect("fuel is on"));
        outcome
    }

    fn attempts(
        &mut self,
        decide: u32,
        body: &[u8],
        trailers: bool,
        provider: &mut impl FnMut(&mut Self, &Sent) -> Answer,
        outcome: &mut Outcome,
    ) {
        let cluster = {
            let headers = self.stream().request.clone().unwrap_or_default();
            only(&headers, "x-pointsman-cluster").unwrap_or_default().to_owned()
        };
        assert!(self.clusters.contains(&cluster), "there is no cluster `{cluster}`: {:?}", self.clusters);
        let resting = self.store.data().quirks.resting.clone();
        let chain = cluster.strip_prefix("chain:").unwrap_or_default().split('+');
        let chain: Vec<String> = chain.filter(|name| !resting.contains(*name)).map(str::to_owned).collect();
        let longest = self.clusters.iter().map(|name| name.matches('+').count()).max().unwrap_or(0);
        // The route's own number is for the longest chain. The header takes precedence, and never leaves Envoy.
        let headers = self.stream().request.as_mut().expect("a request");
        let retries = only(headers, "x-envoy-max-retries").map(|text| text.parse().expect("a number"));
        let retries: usize = retries.unwrap_or(longest);
        headers.retain(|(name, _)| name != "x-envoy-max-retries");
        for (i, upstream) in chain.iter().enumerate() {
            let keys: Vec<_> = self.keys.clone().into_iter().collect();
            let stream = self.stream();
            stream.upstream = Some(upstream.clone());
            stream.response = None;
            let headers = stream.request.as_mut().expect("a request");
            for (provider, key) in keys {
                abi::set(headers, &format!("x-pointsman-credential-{provider}"), key.into_bytes());
            }
            let attempt = self.create(ATTEMPT);
            let body = match self.request(attempt, body, trailers) {
                Passed::On(body) => body,
                Passed::Local(local) => {
                    self.delete(attempt, false);
                    return self.answer_locally(decide, local, outcome);
                }
            };
            let headers = self.stream().request.clone().expect("a request");
            let sent = Sent { upstream: upstream.clone(), headers, body };
            check_framing(&sent, trailers);
            outcome.sent.push(sent.clone());
            let held = mem::take(&mut self.store.data_mut().stream);
            let answer = provider(self, &sent);
            self.store.data_mut().stream = held;
            if let Answer::Full { headers, .. } = &answer {
                self.stream().response = Some(headers.clone());
                let count = headers.len() as u32;
                self.call::<_, u32>("proxy_on_response_headers", (attempt, count, 0u32));
            }
            if answer.is_retried() && i < retries {
                self.delete(attempt, false);
                continue;
            }
            match answer {
                Answer::Reset => {
                    let body = b"upstream connect error".to_vec();
                    self.delete(attempt, false);
                    let local = Local { status: 503, headers: Vec::new(), body };
                    self.answer_locally(decide, local, outcome);
                }
                Answer::Full { body, trailers, cut, .. } => {
                    self.respond(&[decide, attempt], &body, trailers, cut, outcome);
                    self.delete(attempt, false);
                }
            }
            return;
        }
        let local = Local { status: 503, headers: Vec::new(), body: b"no healthy upstream".to_vec() };
        self.answer_locally(decide, local, outcome);
    }

    /// A request through one filter: what it passes on, or its own answer.
    fn request(&mut self, context: u32, body: &[u8], trailers: bool) -> Passed {
        let bodiless = body.is_empty() && !trailers;
        let count = self.stream().request.as_ref().map_or(0, Vec::len) as u32;
        let action: u32 = self.call("proxy_on_request_headers", (context, count, u32::from(bodiless)));
        if let Some(local) = self.stream().local.take() {
            return Passed::Local(local);
        }
        let mut paused = action == 1;
        if bodiless {
            assert!(!paused, "the request hangs: held after its end");
            return Passed::On(Vec::new());
        }
        let (mut held, mut passed) = (Vec::new(), Vec::new());
        for (piece, end) in pieces(body, &self.store.data().quirks.clone(), trailers) {
            held.extend_from_slice(piece);
            let size = held.len() as u32;
            self.stream().request_body = Some(mem::take(&mut held));
            let action: u32 = self.call("proxy_on_request_body", (context, size, u32::from(end)));
            held = self.stream().request_body.take().expect("a body");
            if let Some(local) = self.stream().local.take() {
                return Passed::Local(local);
            }
            paused = action == 1;
            if !paused {
                passed.append(&mut held);
            }
        }
        if trailers {
            self.stream().request_body = Some(held);
            let action: u32 = self.call("proxy_on_request_trailers", (context, 1u32));
            held = self.stream().request_body.take().expect("a body");
            if let Some(local) = self.stream().local.take() {
                return Passed::Local(local);
            }
            paused = action == 1;
            passed.append(&mut held);
        }
        assert!(!paused, "the request hangs: held after its end");
        Passed::On(passed)
    }

    /// The answer of a filter or of Envoy itself: it passes *decide* as any other does.
    fn answer_locally(&mut self, decide: u32, local: Local, outcome: &mut Outcome) {
        let mut headers = vec![(":status".to_owned(), local.status.to_string().into_bytes())];
        headers.extend(local.headers);
        self.stream().response = Some(headers);
        self.stream().upstream = None;
        self.respond(&[decide], &local.body, false, false, outcome);
    }

    fn respond(&mut self, contexts: &[u32], body: &[u8], trailers: bool, cut: bool, outcome: &mut Outcome) {
        let decide = contexts[0];
        let bodiless = body.is_empty() && !trailers && !cut;
        let count = self.stream().response.as_ref().map_or(0, Vec::len) as u32;
        let action: u32 = self.call("proxy_on_response_headers", (decide, count, u32::from(bodiless)));
        assert_eq!(action, 0, "an answer is never held back");
        let quirks = self.store.data().quirks.clone();
        let sizes = super::Quirks { request_chunk: quirks.response_chunk, ..quirks };
        if !bodiless {
            for (piece, end) in pieces(body, &sizes, trailers || cut) {
                let mut piece = piece.to_vec();
                // The filter nearest to the upstream sees it first.
                for context in contexts.iter().rev() {
                    let size = piece.len() as u32;
                    self.stream().response_body = Some(piece);
                    let action: u32 = self.call("proxy_on_response_body", (*context, size, u32::from(end)));
                    piece = self.stream().response_body.take().expect("a body");
                    assert_eq!(action, 0, "an answer is never held back");
                }
                outcome.body.extend(piece);
            }
        }
        if trailers {
            for context in contexts.iter().rev() {
                self.call::<_, u32>("proxy_on_response_trailers", (*context, 1u32));
            }
        }
        outcome.headers = self.stream().response.clone().unwrap_or_default();
        outcome.status = status(&outcome.headers);
    }

    fn create(&mut self, root: u32) -> u32 {
        let context = self.next_context;
        self.next_context += 1;
        self.call::<_, ()>("proxy_on_context_create", (context, root));
        context
    }

    fn delete(&mut self, context: u32, log: bool) {
        if log {
            self.call::<_, ()>("proxy_on_log", context);
        }
        self.call::<_, u32>("proxy_on_done", context);
        self.call::<_, ()>("proxy_on_delete", context);
    }

    fn stream(&mut self) -> &mut Stream {
        &mut self.store.data_mut().stream
    }
}

/// A body in pieces; with each, whether it is the last of the message.
fn pieces<'a>(body: &'a [u8], quirks: &super::Quirks, more: bool) -> Vec<(&'a [u8], bool)> {
    let mut pieces: Vec<(&[u8], bool)> =
        body.chunks(quirks.request_chunk.max(1)).map(|piece| (piece, false)).collect();
    if more {
        return pieces;
    }
    match pieces.last_mut() {
        Some((_, end)) if !quirks.end_apart => *end = true,
        _ => pieces.push((&[], true)),
    }
    pieces
}

/// A provider reads as many bytes as the head announces. What is left would be the next request on the connection.
fn check_framing(sent: &Sent, trailers: bool) {
    let length = sent.header("content-length");
    if trailers {
        assert_eq!(length, None, "a length beside trailers");
    } else if let Some(length) = length {
        assert_eq!(length, sent.body.len().to_string(), "the announced length is not the body's");
    }
}

fn status(headers: &Headers) -> u16 {
    let value = headers.iter().find(|(name, _)| name == ":status").map(|(_, value)| value);
    value.and_then(|value| str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
}

fn only<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(known, _)| known == name);
    let value = found.next()?;
    assert!(found.next().is_none(), "two headers `{name}`");
    Some(str::from_utf8(&value.1).expect("a value of text"))
}
