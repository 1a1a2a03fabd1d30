//! The attempts of a decided request, one after the other, until one of them brings an answer for the client.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
    http::{request, response::Parts},
};
use pointsman::{
    Attempt, Dialect, Forward, Peek, Rejection, ResponseHead,
    failover::{AnswerHead, Failover, Verdict},
    limits,
    outgoing::{self, Header},
};
use tokio::time::{Duration, Instant, timeout_at};

use super::{
    answer::Opening,
    gateway::now,
    story::Story,
    upstream::{Payload, Place},
};

/// What is sent, to whomever it goes.
pub(super) struct Outgoing<'a> {
    /// The client's request.
    pub(super) head: &'a request::Parts,
    /// Its headers.
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    pub(super) body: OutgoingBody,
}

/// The client's body.
pub(super) enum OutgoingBody {
    /// Read, to be spliced for each attempt.
    Read(Bytes),
    /// On its way, for one attempt alone; `None` once it was taken.
    Passing(Option<Incoming>),
}

/// An answer whose first bytes may have been read.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Which attempt brought it.
    pub(super) attempt: usize,
    pub(super) head: Parts,
    pub(super) opening: Opening,
    pub(super) body: Incoming,
    pub(super) place: Place,
}

/// Makes attempts until one brings an answer that belongs to the client.
///
/// # Errors
/// The refusal where there is none.
pub(super) async fn make(
    story: &mut Story,
    forward: &Forward,
    mut outgoing: Outgoing<'_>,
) -> Result<Arrived, Rejection> {
    let gateway = std::sync::Arc::clone(&story.gateway);
    let setup = std::sync::Arc::clone(&story.setup);
    let mut failover = Failover::new(forward);
    // The last answer that was not good enough, for want of a better one.
    let mut kept: Option<Arrived> = None;
    loop {
        let next = failover.next(&gateway.circuits(), now());
        let Some((number, attempt)) = next.and_then(|at| Some((at, forward.attempts().get(at)?))) else {
            return kept.ok_or_else(|| failover.rejection());
        };
        let key = setup.keys.of(&attempt.provider);
        let headers = outgoing::request_headers(forward, attempt, outgoing.headers, key)?;
        let url = setup.router.url(attempt).unwrap_or_default();
        let Some(payload) = outgoing.body.for_attempt(attempt) else {
            return kept.ok_or_else(|| failover.rejection());
        };
        let request = request(outgoing.head, &url, headers, payload)
            .ok_or_else(|| unsendable(forward.summary().dialect))?;
        story.asks(attempt);
        let (response, place) =
            match setup.upstreams.send(story.thread, request, setup.settings.first_byte_timeout()).await {
                Ok(answered) => answered,
                Err(failure) => {
                    story.heard(None);
                    failover.failed(&mut gateway.circuits(), now(), failure);
                    continue;
                }
            };
        story.heard(Some(response.status().as_u16()));
        let verdict = failover.answered(&mut gateway.circuits(), now(), &answer_head(&response));
        let (head, body) = response.into_parts();
        let mut arrived = Arrived { attempt: number, head, opening: Opening::default(), body, place };
        let verdict = match verdict {
            Verdict::Next => {
                arrived.read_refusal().await;
                failover.explained(&mut gateway.circuits(), now(), &arrived.opening.bytes());
                Verdict::Next
            }
            Verdict::Deliver if arrived.opens_with_an_error(forward).await => {
                failover.opening_failed(&mut gateway.circuits(), now())
            }
            Verdict::Deliver => Verdict::Deliver,
        };
        match verdict {
            Verdict::Deliver => return Ok(arrived),
            Verdict::Next => kept = Some(arrived),
        }
    }
}

impl OutgoingBody {
    fn for_attempt(&mut self, attempt: &Attempt) -> Option<Payload> {
        match self {
            Self::Read(body) => Some(Payload::edited(body, &attempt.splices)),
            Self::Passing(body) => body.take().map(Payload::Passing),
        }
    }
}

impl Arrived {
    /// Reads what a refusal says, within bounds.
    async fn read_refusal(&mut self) {
        let end = deadline(limits::REFUSAL_MS);
        let mut length = 0;
        while length < limits::REFUSAL_BODY {
            match timeout_at(end, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    length += frame.data_ref().map_or(0, Bytes::len);
                    self.opening.push(frame);
                }
                Ok(Some(Err(error))) => return self.opening.broke(error),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Looks at the first events, within bounds. A stream that ends or breaks off before the first content is no answer
    /// either: nothing of it has gone to the client yet.
    async fn opens_with_an_error(&mut self, forward: &Forward) -> bool {
        let mut opening = forward.opening(&response_head(&self.head));
        let end = deadline(limits::OPENING_MS);
        while opening.peek() == Peek::Wait {
            match timeout_at(end, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        opening.push(data);
                    }
                    self.opening.push(frame);
                }
                Ok(Some(Err(error))) => {
                    self.opening.broke(error);
                    return true;
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        opening.peek() == Peek::Failed
    }
}

/// What metering reads of a head.
pub(super) fn response_head(head: &Parts) -> ResponseHead<'_> {
    ResponseHead {
        status: head.status.as_u16(),
        content_type: bytes_of(&head.headers, "content-type"),
        content_encoding: bytes_of(&head.headers, "content-encoding"),
    }
}

/// Names and values as the core takes them.
pub(super) fn pairs(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Adds headers as the core gives them, most of which are those of `from`: they are shared, not copied. What HTTP cannot
/// carry is left out: it came from no HTTP message.
pub(super) fn extend(map: &mut HeaderMap, headers: Vec<Header<'_>>, from: &HeaderMap) {
    // The core keeps their order.
    let mut rest = from.iter();
    for (name, value) in headers {
        let shared = match &value {
            Cow::Borrowed(bytes) => {
                rest.find(|(known, value)| known.as_str() == name && std::ptr::eq(value.as_bytes(), *bytes))
            }
            Cow::Owned(_) => None,
        };
        let pair = match shared {
            Some((name, value)) => Some((name.clone(), value.clone())),
            None => HeaderName::from_bytes(name.as_bytes())
                .ok()
                .zip(HeaderValue::from_maybe_shared(Bytes::from(value.into_owned())).ok()),
        };
        if let Some((name, mut value)) = pair {
            // Kept out of HPACK's memory, and out of `{:?}`.
            value.set_sensitive(name == AUTHORIZATION || name == "x-api-key");
            map.append(name, value);
        }
    }
}

fn request(
    client: &request::Parts,
    url: &str,
    headers: Vec<Header<'_>>,
    payload: Payload,
) -> Option<Request<Payload>> {
    let mut request = Request::new(payload);
    *request.method_mut() = client.method.clone();
    *request.uri_mut() = url.parse().ok()?;
    extend(request.headers_mut(), headers, &client.headers);
    Some(request)
}

fn unsendable(dialect: Option<Dialect>) -> Rejection {
    Rejection::new(dialect, 500, "host", "the request has no address that HTTP can carry")
}

fn answer_head(response: &Response<Incoming>) -> AnswerHead<'_> {
    let header = |name| bytes_of(response.headers(), name);
    AnswerHead {
        status: response.status().as_u16(),
        should_retry: header("x-should-retry"),
        retry_after: header("retry-after"),
        retry_after_ms: header("retry-after-ms"),
    }
}

fn bytes_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

fn deadline(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}
