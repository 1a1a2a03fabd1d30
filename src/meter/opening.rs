//! The first events of a stream: does an answer begin here, or an error that came with status 200?

use alloc::string::String;

use serde_json::Value;

use super::{Reading, StreamEnd};
use crate::{
    limits,
    meter::BodyKind,
    wire::{
        Dialect,
        sse::{Decoder, Event},
    },
};

/// Looks at the beginning of an answer before its first byte goes to the client, so that an overloaded provider's
/// error event can still be answered by another target.
///
/// Push chunks until the answer is no longer [`Peek::Wait`]. What was pushed is the door's to keep, and to send on as it
/// came. A door waits no longer than [`limits::OPENING_MS`] milliseconds, and the opening no longer than
/// [`limits::OPENING_BYTES`] bytes: after that the answer goes to the client as it is.
#[derive(Debug)]
pub struct Opening {
    dialect: Dialect,
    decoder: Decoder,
    reading: Reading,
    pushed: usize,
    peek: Peek,
}

/// What the beginning of an answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peek {
    /// Nothing of the answer itself has come yet: no content, only what says that it will begin.
    Wait,
    /// Content, or nothing that can be judged: it belongs to the client.
    Deliver,
    /// An error before any content.
    Failed,
}

impl Opening {
    /// The opening of an answer in this dialect. Only event streams are waited for.
    pub(crate) fn new(dialect: Option<Dialect>, kind: BodyKind, status: u16) -> Self {
        let waits = kind == BodyKind::EventStream && (200..300).contains(&status);
        let peek = if waits && dialect.is_some() { Peek::Wait } else { Peek::Deliver };
        Self {
            dialect: dialect.unwrap_or(Dialect::Chat),
            decoder: Decoder::new(),
            reading: Reading::new(),
            pushed: 0,
            peek,
        }
    }

    /// What is known so far.
    pub const fn peek(&self) -> Peek {
        self.peek
    }

    /// Takes the next bytes of the body. Any chunking ends in the same answer.
    pub fn push(&mut self, chunk: &[u8]) -> Peek {
        if self.peek != Peek::Wait {
            return self.peek;
        }
        // Beyond the bound nothing is looked at, wherever the chunks are cut.
        let room = limits::OPENING_BYTES.saturating_sub(self.pushed);
        let seen = chunk.get(..room).unwrap_or(chunk);
        self.pushed = self.pushed.saturating_add(seen.len());
        let Self { dialect, decoder, reading, peek, .. } = self;
        decoder.push(seen, |event| {
            if *peek == Peek::Wait {
                *peek = judge(*dialect, reading, event);
            }
        });
        if self.peek == Peek::Wait && self.pushed >= limits::OPENING_BYTES {
            self.peek = Peek::Deliver;
        }
        self.peek
    }

    /// Type or code of the provider's error, where there was one.
    pub fn error(&self) -> Option<&String> {
        self.reading.error.as_ref()
    }
}

fn judge(dialect: Dialect, reading: &mut Reading, event: Event<'_>) -> Peek {
    reading.event(dialect, event);
    if reading.end == StreamEnd::Error {
        return Peek::Failed;
    }
    let names: &[&[u8]] = match dialect {
        Dialect::Chat if event.data.is_some_and(announces) => return Peek::Wait,
        Dialect::Chat => return Peek::Deliver,
        Dialect::Messages => &[b"message_start", b"ping"],
        Dialect::Responses => {
            &[b"response.created", b"response.queued", b"response.in_progress", b"ping", b"keepalive"]
        }
    };
    if names.contains(&event.name) { Peek::Wait } else { Peek::Deliver }
}

/// Whether a chunk of Chat Completions only says that an answer will begin: a role, and nothing in it yet.
fn announces(chunk: &[u8]) -> bool {
    let Ok(Value::Object(chunk)) = serde_json::from_slice(chunk) else { return false };
    let Some(Value::Array(choices)) = chunk.get("choices") else { return false };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let waits = |choice: &Value| {
        let Some(Value::Object(delta)) = choice.get("delta") else { return false };
        choice.get("finish_reason").is_none_or(empty)
            && delta.iter().all(|(name, value)| name == "role" || empty(value))
    };
    chunk.get("usage").is_none_or(empty) && choices.iter().all(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(dialect: Dialect, stream: &[u8]) -> Peek {
        let whole = Opening::new(Some(dialect), BodyKind::EventStream, 200).push(stream);
        for cut in 1..stream.len() {
            let mut opening = Opening::new(Some(dialect), BodyKind::EventStream, 200);
            let (head, tail) = stream.split_at(cut);
            opening.push(head);
            assert_eq!(opening.push(tail), whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn an_error_before_content_is_a_failure() {
        let start = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n";
        assert_eq!(opening(Dialect::Messages, start), Peek::Wait);
        let mut failed = start.to_vec();
        failed.extend_from_slice(
            b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        );
        assert_eq!(opening(Dialect::Messages, &failed), Peek::Failed);
        let chat = b": queued\n\ndata: {\"error\":{\"code\":502,\"message\":\"x\"}}\n\n";
        assert_eq!(opening(Dialect::Chat, chat), Peek::Failed);
        // The first chunk of most is a role alone.
        let role = br#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}

"#;
        assert_eq!(opening(Dialect::Chat, role), Peek::Wait);
        let mut failed = role.to_vec();
        failed.extend_from_slice(chat);
        assert_eq!(opening(Dialect::Chat, &failed), Peek::Failed);
        let responses = b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}}\n\n";
        assert_eq!(opening(Dialect::Responses, responses), Peek::Failed);
    }

    #[test]
    fn content_is_the_clients_and_so_is_what_cannot_be_judged() {
        let messages = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\nevent: content_block_start\ndata: {}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
        assert_eq!(opening(Dialect::Messages, messages), Peek::Deliver);
        for delta in [
            r#"{"delta":{"content":"x"}}"#,
            r#"{"delta":{"reasoning_content":"x"}}"#,
            r#"{"delta":{"role":"assistant","tool_calls":[{"index":0}]}}"#,
            r#"{"delta":{},"finish_reason":"stop"}"#,
            r#"{"text":"x"}"#,
        ] {
            let chat = alloc::format!("data: {{\"choices\":[{delta}]}}\n\n");
            assert_eq!(opening(Dialect::Chat, chat.as_bytes()), Peek::Deliver, "{delta}");
        }
        assert_eq!(Opening::new(Some(Dialect::Chat), BodyKind::Json, 200).peek(), Peek::Deliver);
        assert_eq!(Opening::new(Some(Dialect::Chat), BodyKind::EventStream, 500).peek(), Peek::Deliver);
        let mut endless = Opening::new(Some(Dialect::Chat), BodyKind::EventStream, 200);
        while endless.push(b": still queued\n\n") == Peek::Wait {}
        assert_eq!(endless.peek(), Peek::Deliver);
    }
}
