//! The first events of a stream: does an answer begin here, or an error that came with status 200?

use alloc::string::String;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess},
};

use super::{Reading, StreamEnd};
use crate::{
    limits,
    meter::BodyKind,
    wire::{
        Dialect,
        sse::{Decoder, Event},
        usage::{FromAnyJson, Maybe, from_any_json},
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
        // Line by line: a chunk may hold the whole answer, of which nothing is read here once it has begun.
        for line in seen.split_inclusive(|byte| *byte == b'\n') {
            decoder.push(line, |event| {
                if *peek == Peek::Wait {
                    *peek = judge(*dialect, reading, event);
                }
            });
            if *peek != Peek::Wait {
                break;
            }
        }
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
    serde_json::from_slice::<Chunk>(chunk).is_ok_and(|chunk| chunk.choices.0 && chunk.usage.0)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk {
    choices: Choices,
    usage: Empty,
}

/// Whether it is a list in which every choice says nothing yet.
#[derive(Default)]
struct Choices(bool);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice {
    delta: Delta,
    finish_reason: Empty,
}

/// Whether it is an object that says nothing but a role.
#[derive(Default)]
struct Delta(bool);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Role,
    #[serde(other)]
    Other,
}

/// Whether a value says nothing: none, `null`, an empty text or list.
struct Empty(bool);

impl Default for Empty {
    fn default() -> Self {
        Self(true)
    }
}

impl<'de> FromAnyJson<'de> for Choices {
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut wait = true;
        while let Some(choice) = list.next_element::<Maybe<Choice>>()? {
            wait &= matches!(choice, Maybe::Object(choice) if choice.delta.0 && choice.finish_reason.0);
        }
        Ok(Self(wait))
    }
}

impl<'de> FromAnyJson<'de> for Delta {
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut waits = true;
        while let Some((key, value)) = map.next_entry::<Key, Empty>()? {
            waits &= matches!(key, Key::Role) || value.0;
        }
        Ok(Self(waits))
    }
}

impl<'de> FromAnyJson<'de> for Empty {
    fn from_false() -> Self {
        Self(false)
    }

    fn from_number(_: u64) -> Self {
        Self(false)
    }

    fn from_text(text: &str) -> Self {
        Self(text.is_empty())
    }

    fn from_other() -> Self {
        Self(false)
    }

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self(false))
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let empty = list.next_element::<IgnoredAny>()?.is_none();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(empty))
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
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

    #[test]
    fn a_chunk_announces_only_where_every_choice_says_nothing() {
        let choice = |delta: &str, rest: &str| {
            let chunk =
                alloc::format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{delta}{rest}}}],"n":1}}"#);
            announces(chunk.as_bytes())
        };
        for empty in ["null", r#""""#, "[]"] {
            assert!(
                choice(r#"{"role":"assistant"}"#, &alloc::format!(r#","finish_reason":{empty}"#)),
                "{empty}"
            );
            assert!(choice(&alloc::format!(r#"{{"refusal":{empty},"role":"assistant"}}"#), ""), "{empty}");
        }
        for full in ["false", "true", "0", "-1", "1.5", r#""x""#, "[0]", "{}", r#"{"a":[]}"#] {
            assert!(!choice("{}", &alloc::format!(r#","finish_reason":{full}"#)), "{full}");
            assert!(!choice(&alloc::format!(r#"{{"content":{full}}}"#), ""), "{full}");
            assert!(choice(&alloc::format!(r#"{{"role":{full}}}"#), ""), "{full}");
        }
        for (chunk, wait) in [
            (r#"{"choices":[]}"#, true),
            (r#"{"choices":[],"usage":null}"#, true),
            (r#"{"choices":[],"usage":{}}"#, false),
            (r#"{"choices":[{"delta":{}},{"delta":{"content":"x"}}]}"#, false),
            (r#"{"choices":[{"delta":{}},{}]}"#, false),
            (r#"{"choices":[1]}"#, false),
            (r#"{"choices":null}"#, false),
            (r#"{}"#, false),
            (r#"1"#, false),
            (r#"{"choices":[]"#, false),
        ] {
            assert_eq!(announces(chunk.as_bytes()), wait, "{chunk}");
        }
    }

    #[test]
    fn nothing_is_read_behind_the_first_content() {
        let mut stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n".to_vec();
        stream.extend_from_slice(b"data: {\"error\":{\"code\":502}}\n\n");
        let mut opening = Opening::new(Some(Dialect::Chat), BodyKind::EventStream, 200);
        assert_eq!(opening.push(&stream), Peek::Deliver);
        assert_eq!(opening.error(), None);
    }
}
