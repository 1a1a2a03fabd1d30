//! What an answer cost and how it ended, read from its body as it streams past.
//!
//! Nothing is changed, delayed or held back. Of an event stream only the events that can matter are parsed;
//! the many that carry a piece of text are told apart by their name or by one scan, and forgotten.

use alloc::{string::String, vec::Vec};

mod answer;
mod opening;
mod relevance;

pub use self::opening::{Opening, Peek};

use self::answer::{BaseResp, Chat, Fault, Messages, Response, Responses, parse};
use self::relevance::{Relevance, is_last_event, may_matter, relevance};
use crate::limits;
use crate::wire::Dialect;
use crate::wire::sse::{Decoder, Event};
use crate::wire::usage::{Maybe, Name, Report, Usage};

/// Reads token usage out of an answer as it streams past.
///
/// Feed every body chunk to [`push`](Self::push) in order, then call [`finish`](Self::finish) once. Chunks
/// may be cut anywhere, including inside a character: the result depends only on their concatenation.
///
/// The meter never fails. A body that it cannot read yields an empty [`Usage`], because accounting must not
/// be able to break an answer that is already on its way to the client.
///
/// Memory is bounded by [`limits::RESPONSE_BODY`] for a JSON body and by twice [`limits::SSE_LINE`] for an
/// event stream. A stream whose events arrive in whole chunks needs none.
///
/// ```
/// use pointsman::meter::{BodyKind, Meter, StreamEnd};
/// use pointsman::wire::Dialect;
///
/// let mut meter = Meter::new(Dialect::Chat, BodyKind::of(Some(b"text/event-stream"), None));
/// meter.push(b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
/// meter.push(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\nda");
/// meter.push(b"ta: [DONE]\n\n");
///
/// let metered = meter.finish();
/// assert_eq!(metered.usage.input, Some(9));
/// assert_eq!(metered.usage.cache_read, None);
/// assert_eq!(metered.end, StreamEnd::Complete);
/// ```
#[derive(Debug)]
pub struct Meter {
    dialect: Dialect,
    body: Body,
    reading: Reading,
}

/// How the bytes of a body are to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyKind {
    /// One JSON document.
    Json,
    /// An event stream.
    EventStream,
    /// Compressed, or not a type that is understood: nothing can be read from it.
    Opaque,
}

/// What a [`Meter`] learned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metered {
    /// Tokens, as far as the provider reported them.
    pub usage: Usage,
    /// How the body ended.
    pub end: StreamEnd,
    /// Why the model stopped.
    pub finish: Option<FinishReason>,
    /// Type or code of the provider's error, at most [`limits::ERROR_CODE`] printable ASCII characters
    /// without spaces. Never its message, which may quote the prompt.
    pub error: Option<String>,
    /// The model that the provider says has answered, at most [`limits::MODEL_NAME`] bytes.
    pub served_model: Option<String>,
}

impl Metered {
    /// Of a body that nobody looked at.
    pub const fn unread() -> Self {
        Self { usage: Usage::NONE, end: StreamEnd::Complete, finish: None, error: None, served_model: None }
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamEnd {
    /// With everything that belongs to it: a whole JSON document, or a stream in which the model had said why
    /// it stopped, whether or not a closing event followed. Also a body that could not be looked into, since
    /// nothing speaks against it.
    Complete,
    /// Too early, or in the middle of something.
    Truncated,
    /// With an error of the provider, as the whole body or as one event.
    Error,
}

/// Why the model stopped, in the words of no dialect in particular.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FinishReason {
    /// It was done, or met a stop sequence.
    Stop,
    /// It ran into a limit on tokens.
    Length,
    /// It waits for the result of a tool.
    ToolUse,
    /// It refused, or a filter stepped in.
    Filtered,
    /// It paused a long turn that the client is expected to continue.
    Paused,
    /// A reason that is not known here.
    Other,
}

#[derive(Debug)]
enum Body {
    Json(Vec<u8>),
    Events(Decoder),
    /// Opaque, or a JSON document above the bound.
    Unread,
}

impl BodyKind {
    /// Tells the kind from the values of the `content-type` and `content-encoding` headers.
    ///
    /// An encoding other than `identity` makes any body opaque: this crate does not decompress.
    pub fn of(content_type: Option<&[u8]>, content_encoding: Option<&[u8]>) -> Self {
        let encoded = content_encoding.is_some_and(|value| {
            let mut encodings = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            encodings.any(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
        });
        if encoded {
            return Self::Opaque;
        }
        let media_type = content_type.and_then(|value| value.split(|&byte| byte == b';').next());
        let media_type = media_type.unwrap_or_default().trim_ascii();
        let subtype = media_type.rsplit(|&byte| byte == b'+').next().unwrap_or_default();
        let has_suffix = subtype.len() < media_type.len();
        if media_type.eq_ignore_ascii_case(b"text/event-stream") {
            Self::EventStream
        } else if media_type.eq_ignore_ascii_case(b"application/json")
            || (has_suffix && subtype.eq_ignore_ascii_case(b"json"))
        {
            Self::Json
        } else {
            Self::Opaque
        }
    }
}

impl Meter {
    /// A meter for the answer to a request of this dialect.
    pub fn new(dialect: Dialect, kind: BodyKind) -> Self {
        let body = match kind {
            BodyKind::Json => Body::Json(Vec::new()),
            BodyKind::EventStream => Body::Events(Decoder::new()),
            BodyKind::Opaque => Body::Unread,
        };
        Self { dialect, body, reading: Reading::new() }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        match &mut self.body {
            Body::Unread => {}
            Body::Events(decoder) => decoder.push(chunk, |event| self.reading.event(self.dialect, event)),
            Body::Json(kept) => {
                let length = kept.len().saturating_add(chunk.len());
                if length > limits::RESPONSE_BODY {
                    self.body = Body::Unread;
                    return;
                }
                if length > kept.capacity() {
                    // Doubling, as the vector itself would, but never past the bound.
                    let capacity = kept.capacity().saturating_mul(2).clamp(length, limits::RESPONSE_BODY);
                    kept.reserve_exact(capacity.saturating_sub(kept.len()));
                }
                kept.extend_from_slice(chunk);
            }
        }
    }

    /// Ends the body and hands out what was learned. A stream that was cut off still reports what came before
    /// the cut.
    pub fn finish(self) -> Metered {
        let Self { dialect, body, mut reading } = self;
        match body {
            Body::Unread => reading.done(),
            Body::Events(decoder) => decoder.finish(|event| reading.event(dialect, event)),
            Body::Json(kept) => {
                if reading.document(dialect, &kept) {
                    reading.done();
                }
            }
        }
        Metered {
            usage: reading.report.usage(),
            end: reading.end,
            finish: reading.finish,
            error: reading.error,
            served_model: reading.model,
        }
    }
}

/// What has been read so far.
#[derive(Debug)]
struct Reading {
    report: Report,
    /// How the body would have ended, were this all of it.
    end: StreamEnd,
    finish: Option<FinishReason>,
    error: Option<String>,
    model: Option<String>,
    /// No event has been parsed yet. The first one is, whatever it says, because it names the model.
    at_start: bool,
}

impl Reading {
    fn new() -> Self {
        Self {
            report: Report::default(),
            end: StreamEnd::Truncated,
            finish: None,
            error: None,
            model: None,
            at_start: true,
        }
    }

    fn event(&mut self, dialect: Dialect, event: Event<'_>) {
        let Some(data) = event.data else {
            if is_last_event(dialect, event.name) {
                self.done(); // too long to be read, but it did come
            }
            return;
        };
        let relevant = match relevance(dialect, event.name) {
            Relevance::Never => false,
            Relevance::Always => true,
            Relevance::ByContent if data.trim_ascii() == b"[DONE]" => {
                if dialect == Dialect::Chat {
                    self.done();
                }
                false
            }
            Relevance::ByContent => self.at_start || may_matter(dialect, data),
        };
        if relevant && self.document(dialect, data) {
            self.at_start = false;
        }
        if event.name == b"error" {
            self.fail(None);
        }
    }

    /// Reads one JSON document, which is an event or a whole body. Answers whether it is one.
    fn document(&mut self, dialect: Dialect, json: &[u8]) -> bool {
        match dialect {
            Dialect::Chat => parse(json).map(|chunk| self.chat(chunk)),
            Dialect::Messages => parse(json).map(|event| self.messages(event)),
            Dialect::Responses => parse(json).map(|event| self.responses(event)),
        }
        .is_some()
    }

    fn chat(&mut self, chunk: Chat) {
        let choice = chunk.choices.object();
        let groq = chunk.x_groq.object();
        self.served(chunk.model);
        for usage in [choice.usage, groq.usage, chunk.usage] {
            self.report(usage);
        }
        self.finished(choice.finish_reason.0.as_deref());
        let flat = Fault { code: chunk.code, r#type: chunk.r#type, status: Name(None) };
        self.faults(chunk.error, flat, chunk.object.0.as_deref() == Some("error"));
        self.faults(groq.error, Fault::default(), false);
        self.base_resp(chunk.base_resp);
    }

    fn messages(&mut self, event: Messages) {
        let start = event.message.object();
        self.served(start.model);
        self.served(event.model);
        for usage in [start.usage, event.usage] {
            self.report(usage);
        }
        for reason in [event.stop_reason, event.delta.object().stop_reason] {
            self.finished(reason.0.as_deref());
        }
        if event.r#type.0.as_deref() == Some("message_stop") {
            self.done();
        }
        self.faults(event.error, Fault::default(), event.r#type.0.as_deref() == Some("error"));
        self.base_resp(event.base_resp);
    }

    fn responses(&mut self, event: Responses) {
        // In a stream the answer stands inside the event; otherwise it is the whole document.
        let whole = Response {
            model: event.model,
            status: event.status,
            usage: event.usage,
            error: event.error,
            incomplete_details: event.incomplete_details,
            output: event.output,
        };
        let flat = Fault { code: event.code, ..Fault::default() };
        let kind = event.r#type.0.as_deref();
        self.response(whole, flat, kind == Some("error"));
        self.response(event.response.object(), Fault::default(), kind == Some("response.failed"));
        if kind.is_some_and(|kind| is_last_event(Dialect::Responses, kind.as_bytes())) {
            self.done();
        }
        self.base_resp(event.base_resp);
    }

    fn response(&mut self, response: Response, flat: Fault, failed: bool) {
        self.served(response.model);
        self.report(response.usage);
        let status = response.status.0.as_deref();
        self.finish = match status {
            Some("completed") if response.output.0 => Some(FinishReason::ToolUse),
            Some("completed") => Some(FinishReason::Stop),
            Some("incomplete") => {
                let reason = response.incomplete_details.object().reason;
                Some(reason.0.as_deref().map_or(FinishReason::Other, finish_reason))
            }
            _ => self.finish,
        };
        self.faults(response.error, flat, failed || status == Some("failed"));
    }

    fn served(&mut self, model: Name<{ limits::MODEL_NAME }>) {
        self.model = self.model.take().or(model.0);
    }

    fn report<U: Into<Report>>(&mut self, usage: Maybe<U>) {
        if let Maybe::Object(usage) = usage {
            self.report.absorb(usage.into());
        }
    }

    /// Notes a finish reason of a Chat or Messages answer; after it nothing but usage follows.
    fn finished(&mut self, reason: Option<&str>) {
        match reason {
            None => {}
            Some("error") => self.fail(None),
            Some(reason) => {
                self.finish = Some(finish_reason(reason));
                self.done();
            }
        }
    }

    /// Notes an error that stands in its own object, or `flat` beside it.
    fn faults(&mut self, nested: Maybe<Fault>, flat: Fault, is_error: bool) {
        match nested {
            Maybe::Object(fault) => self.fail(fault.code().or_else(|| flat.code())),
            Maybe::Other => self.fail(flat.code()),
            Maybe::Absent if is_error => self.fail(flat.code()),
            Maybe::Absent => {}
        }
    }

    /// MiniMax answers errors with HTTP 200 and a code here; zero stands for success.
    fn base_resp(&mut self, base_resp: Maybe<BaseResp>) {
        if let Maybe::Object(BaseResp { status_code: Name(Some(code)) }) = base_resp
            && code != "0"
        {
            self.fail(Fault { code: Name(Some(code)), ..Fault::default() }.code());
        }
    }

    const fn done(&mut self) {
        if matches!(self.end, StreamEnd::Truncated) {
            self.end = StreamEnd::Complete;
        }
    }

    fn fail(&mut self, code: Option<String>) {
        self.end = StreamEnd::Error;
        self.error = self.error.take().or(code);
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "end_turn" | "stop_sequence" => FinishReason::Stop,
        "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" | "model_length" => {
            FinishReason::Length
        }
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolUse,
        "content_filter" | "refusal" | "sensitive" => FinishReason::Filtered,
        "pause_turn" => FinishReason::Paused,
        _ => FinishReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_kept_body_never_takes_more_memory_than_the_bound() {
        let mut meter = Meter::new(Dialect::Chat, BodyKind::Json);
        let chunk = vec![b' '; 3 * 1024 * 1024];
        for count in 1..=12 {
            meter.push(&chunk);
            match &meter.body {
                Body::Json(kept) => {
                    assert_eq!(kept.len(), count * chunk.len());
                    assert!(kept.capacity() <= limits::RESPONSE_BODY);
                }
                Body::Unread => assert!(count * chunk.len() > limits::RESPONSE_BODY),
                Body::Events(_) => unreachable!("it is a JSON body"),
            }
        }
        assert!(matches!(meter.body, Body::Unread));
    }
}
