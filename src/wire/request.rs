//! What routing needs to know of a request, whatever its dialect: one pass, spans instead of copies.
//!
//! [`RequestView::read`] walks the body once. It keeps the top-level members (for later edits), the parts of the
//! conversation (for the token estimate and the classifier), and a set of [`Traits`] (for requirements and fit rules).
//! A body that it cannot read in full is [`Unreadable`]: the request is then forwarded as it is, or rejected where the
//! operator asked for that.

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{
    Dialect, Span,
    block::{Beyond, Blocks},
    json::{Cursor, JsonError, JsonErrorKind, Key, Kind, Value},
    tokens::Estimator,
};
use crate::{effort::Effort, limits, traits::Traits};

pub use super::block::{Part, PartKind};

/// A request body, read.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// The API it speaks.
    pub dialect: Dialect,
    /// Top-level members in the order they stand.
    pub members: Vec<Member>,
    /// The `model` member's value, quotes included.
    pub model_span: Span,
    /// The model's name, escapes resolved, at most [`limits::MODEL_NAME`] bytes.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Chat only: whether `stream_options.include_usage` is set.
    pub stream_usage: bool,
    /// Tokens the client allows for the answer.
    pub max_output: Option<u64>,
    /// What the client itself asked about thinking.
    pub asked: Asked,
    /// What it needs and what its history holds.
    pub traits: Traits,
    /// Pieces of the conversation in order, the top-level system prompt first; at most [`limits::TEXT_PIECES`]. Of a
    /// conversation with more of them a part of the middle is left out here, and counted in the estimate all the same.
    pub parts: Vec<Part>,
    /// Messages or input items.
    pub messages: u32,
    /// The tool definitions as they stand.
    tools: Span,
    /// What came after the bound on parts.
    beyond: Beyond,
}

/// An estimate of prompt tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PromptTokens {
    /// The likely figure.
    pub likely: u64,
    /// The cautious figure, for a vocabulary that needs more tokens: this is held against context windows.
    pub at_most: u64,
}

/// A top-level member of the body.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name, quotes included.
    pub key: Span,
    /// The value.
    pub value: Value,
    /// The name with escapes resolved, where it holds any.
    unescaped: Option<Vec<u8>>,
}

impl Member {
    /// Its name with escapes resolved.
    pub fn name<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match &self.unescaped {
            Some(name) => name,
            None => {
                let quoted = self.key.of(body);
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
            }
        }
    }
}

/// What the client asked about thinking, in its own dialect's words.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// `reasoning_effort`, `reasoning.effort` or `output_config.effort`.
    pub effort: Option<Effort>,
    /// `thinking.type`.
    pub thinking: Option<Thinking>,
    /// `thinking.budget_tokens`, in tokens.
    pub budget: Option<u64>,
}

/// The `thinking.type` of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the values of the wire format, by their own names")]
pub enum Thinking {
    Adaptive,
    Disabled,
    Enabled,
}

/// Why a body could not be read. The request is not understood; it is not necessarily wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// Starts with a byte order mark.
    ByteOrderMark,
    /// Compressed; the name is the header's value where it is one of gzip, br, zstd, deflate.
    Encoded(&'static str),
    /// Not JSON, or JSON that two readers could take differently.
    Json(JsonError),
    /// JSON, but no object.
    NotAnObject,
    /// No `model` that is a string of sensible length.
    NoModel,
    /// Larger than [`limits::REQUEST_BODY`] or with more members than [`limits::TOP_LEVEL_MEMBERS`].
    TooLarge,
}

impl Unreadable {
    /// A stable name for logs, metrics and error bodies.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::Encoded(_) => "content_encoding",
            Self::Json(JsonError { kind, .. }) => match kind {
                JsonErrorKind::Byte => "not_json",
                JsonErrorKind::Depth => "too_deep",
                JsonErrorKind::Duplicate => "duplicate_member",
                JsonErrorKind::End => "truncated",
                JsonErrorKind::Utf8 => "not_utf8",
            },
            Self::NotAnObject => "not_an_object",
            Self::NoModel => "no_model",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrderMark => f.write_str("the body starts with a byte order mark"),
            Self::Encoded(name) => write!(f, "the body is compressed ({name})"),
            Self::Json(error) => write!(f, "the body is not readable JSON: {error}"),
            Self::NotAnObject => f.write_str("the body is not a JSON object"),
            Self::NoModel => f.write_str("the body names no model"),
            Self::TooLarge => f.write_str("the body is too large"),
        }
    }
}

impl core::error::Error for Unreadable {}

impl From<JsonError> for Unreadable {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl RequestView {
    /// Reads a whole request body.
    pub fn read(dialect: Dialect, body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > limits::REQUEST_BODY {
            return Err(Unreadable::TooLarge);
        }
        if body.starts_with("\u{feff}".as_bytes()) {
            return Err(Unreadable::ByteOrderMark);
        }
        let mut reader = Reader::new(dialect, body);
        let mut cursor = Cursor::new(body);
        if cursor.peek()? != Kind::Object {
            // Only a whole, well-formed text is "not an object"; a broken one is broken.
            cursor.skip()?;
            cursor.end()?;
            return Err(Unreadable::NotAnObject);
        }
        cursor.object(|cursor, key| reader.member(cursor, key))?;
        cursor.end()?;
        reader.finish()
    }

    /// Prompt tokens that the request cannot exceed, told from lengths alone: no tokenizer makes more than one token of
    /// a byte. Costs nothing; a request that fits by it needs no estimate.
    pub fn prompt_bound(&self) -> u64 {
        let mut fixed = Estimator::new(0);
        self.add_fixed(&mut fixed);
        fixed.tokens().saturating_add(self.text_bytes()).saturating_add(self.beyond.bytes)
    }

    /// Prompt tokens, estimated: images and tool definitions included. See [`super::tokens`] for how good it is.
    pub fn estimate(&self, body: &[u8]) -> PromptTokens {
        let mut estimator = Estimator::new(self.text_bytes());
        self.add_fixed(&mut estimator);
        for part in &self.parts {
            match part.kind {
                PartKind::Text | PartKind::Thinking | PartKind::ToolResult { .. } => {
                    estimator.text(part.span.of(body));
                }
                PartKind::ToolCall { name } => {
                    estimator.text(name.of(body));
                    estimator.text(part.span.of(body));
                }
                PartKind::Audio | PartKind::Document | PartKind::Image => {}
            }
        }
        if !self.tools.is_empty() {
            estimator.schema(self.tools.of(body));
        }
        // Texts beyond the bound were counted in bytes only: four bytes a token is the usual rule of thumb, three is safe.
        let beyond = self.beyond.bytes;
        let at_most = estimator.cautious().saturating_add(beyond / 3).min(self.prompt_bound());
        PromptTokens { likely: estimator.tokens().saturating_add(beyond / 4).min(at_most), at_most }
    }

    /// Bytes of text and tool definitions, as far as they are remembered.
    fn text_bytes(&self) -> u64 {
        let bytes = |part: &Part| match part.kind {
            PartKind::Audio | PartKind::Document | PartKind::Image => 0,
            PartKind::ToolCall { name } => name.len().saturating_add(part.span.len()),
            PartKind::Text | PartKind::Thinking | PartKind::ToolResult { .. } => part.span.len(),
        };
        self.parts.iter().map(bytes).sum::<usize>().saturating_add(self.tools.len()) as u64
    }

    /// What messages, images and documents cost besides text.
    fn add_fixed(&self, estimator: &mut Estimator) {
        for _ in 0..self.messages {
            estimator.message();
        }
        let here =
            |wanted: fn(PartKind) -> bool| self.parts.iter().filter(|part| wanted(part.kind)).count() as u64;
        let images = here(|kind| kind == PartKind::Image).saturating_add(u64::from(self.beyond.images));
        let documents = here(|kind| matches!(kind, PartKind::Audio | PartKind::Document));
        for _ in 0..images {
            estimator.image();
        }
        for _ in 0..documents.saturating_add(u64::from(self.beyond.documents)) {
            estimator.document();
        }
    }

    /// The top-level member of this name.
    pub fn member(&self, body: &[u8], name: &[u8]) -> Option<&Member> {
        self.members.iter().find(|member| member.name(body) == name)
    }
}

/// The state of one walk.
pub(super) struct Reader<'b> {
    pub(super) body: &'b [u8],
    pub(super) dialect: Dialect,
    members: Vec<Member>,
    model: Option<Value>,
    pub(super) stream: bool,
    pub(super) stream_usage: bool,
    pub(super) max_output: Option<u64>,
    pub(super) asked: Asked,
    pub(super) blocks: Blocks<'b>,
    pub(super) tools: Span,
    too_many: bool,
}

impl<'b> Reader<'b> {
    fn new(dialect: Dialect, body: &'b [u8]) -> Self {
        Self {
            body,
            dialect,
            members: Vec::with_capacity(16),
            model: None,
            stream: false,
            stream_usage: false,
            max_output: None,
            asked: Asked::default(),
            blocks: Blocks::new(dialect, body),
            tools: Span::default(),
            too_many: false,
        }
    }

    fn member(&mut self, cursor: &mut Cursor<'b>, key: Key<'b>) -> Result<(), JsonError> {
        if self.members.len() >= limits::TOP_LEVEL_MEMBERS {
            // Too large whatever it says, unless it is no JSON at all: the walk goes on to see that.
            self.too_many = true;
            return cursor.skip().map(drop);
        }
        if self.members.iter().any(|known| known.name(self.body) == key.name()) {
            return Err(JsonError { kind: JsonErrorKind::Duplicate, offset: key.span.start as usize });
        }
        let value = match key.name() {
            b"model" => {
                let value = cursor.skip()?;
                self.model = Some(value);
                value
            }
            b"stream" => {
                let value = cursor.skip()?;
                self.stream = value.boolean().unwrap_or(false);
                value
            }
            b"tools" | b"functions" => {
                let value = self.blocks.tools(cursor)?;
                if value.kind == Kind::Array {
                    self.tools = value.span;
                }
                value
            }
            b"tool_choice" | b"function_call" => self.blocks.tool_choice(cursor)?,
            b"cache_control" => {
                let value = cursor.skip()?;
                if value.kind != Kind::Null {
                    self.blocks.traits |= Traits::CACHE_CONTROL;
                }
                value
            }
            b"thinking" => self.thinking(cursor)?,
            name => match self.dialect {
                Dialect::Chat => super::chat::member(self, cursor, name)?,
                Dialect::Messages => super::messages::member(self, cursor, name)?,
                Dialect::Responses => super::responses::member(self, cursor, name)?,
            },
        };
        let plain = key.span.len().saturating_sub(2) == key.name().len();
        let unescaped = if plain { None } else { Some(key.name().to_vec()) };
        self.members.push(Member { key: key.span, value, unescaped });
        Ok(())
    }

    /// `{"type": "enabled", "budget_tokens": 4096}`, the same in Messages and in several Chat hosts.
    fn thinking(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        let (body, asked) = (self.body, &mut self.asked);
        cursor.fields(&[b"type", b"budget_tokens"], |cursor, field| {
            let value = cursor.skip()?;
            match field {
                b"type" => {
                    asked.thinking = match &*value.word(body) {
                        b"adaptive" => Some(Thinking::Adaptive),
                        b"disabled" => Some(Thinking::Disabled),
                        b"enabled" => Some(Thinking::Enabled),
                        _ => None,
                    }
                }
                _ => asked.budget = value.unsigned(body),
            }
            Ok(())
        })
    }

    /// A string that is an effort.
    pub(super) fn effort(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        let value = cursor.skip()?;
        // Chat hosts take it in two places; null in the one says nothing about the other.
        self.asked.effort = Effort::parse(&value.word(self.body)).or(self.asked.effort);
        Ok(value)
    }

    /// An object of which one string member is an effort: `{"effort": "high"}`.
    pub(super) fn effort_in(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        cursor.fields(&[b"effort"], |cursor, _| self.effort(cursor).map(drop))
    }

    /// `{"type": "json_schema", …}` or `{"format": {"type": "json_schema", …}, "effort": "high"}`.
    pub(super) fn format_in(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        cursor.fields(&[b"type", b"format", b"effort"], |cursor, field| {
            match field {
                b"type" => self.blocks.format(&cursor.skip()?),
                b"format" => {
                    cursor.fields(&[b"type"], |cursor, _| {
                        self.blocks.format(&cursor.skip()?);
                        Ok(())
                    })?;
                }
                _ => {
                    self.effort(cursor)?;
                }
            }
            Ok(())
        })
    }

    fn finish(self) -> Result<RequestView, Unreadable> {
        if self.too_many {
            return Err(Unreadable::TooLarge);
        }
        let value = self.model.ok_or(Unreadable::NoModel)?;
        let model = value.text(self.body).ok_or(Unreadable::NoModel)?;
        if model.is_empty() || model.len() > limits::MODEL_NAME {
            return Err(Unreadable::NoModel);
        }
        let mut traits = self.blocks.traits;
        if self.blocks.assistant_last() {
            traits |= Traits::ASSISTANT_LAST;
        }
        Ok(RequestView {
            dialect: self.dialect,
            model_span: value.span,
            model: model.into_owned(),
            stream: self.stream,
            stream_usage: self.stream_usage,
            max_output: self.max_output,
            asked: self.asked,
            traits,
            messages: self.blocks.messages,
            parts: self.blocks.parts,
            members: self.members,
            tools: self.tools,
            beyond: self.blocks.beyond,
        })
    }
}
