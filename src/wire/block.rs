//! Messages, input items and content blocks: the nested part of a conversation, the same reader for every dialect.
//!
//! The dialects disagree about where things stand, not about what they are: a text, a tool call, a tool's result, an
//! image. One reader takes any object that may be one of them, remembers its parts as spans, and notes [`Traits`].

mod tools;

use alloc::vec::Vec;

use super::{
    Dialect, Span,
    json::{Cursor, JsonError, Kind, Value},
};
use crate::{limits, traits::Traits};

/// Who said a part.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the roles of the wire formats; developer reads as System")]
pub enum Role {
    Assistant,
    System,
    Tool,
    User,
}

/// One piece of the conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Who said it.
    pub role: Role,
    /// What it is.
    pub kind: PartKind,
    /// Index of the message or input item it belongs to; 0 where it stands outside (Messages `system`,
    /// Responses `instructions`).
    pub message: u32,
    /// A string's content without quotes, still escaped; for a tool call its arguments as they stand, quotes included
    /// where they are a string. Empty where there is nothing to read: images, documents, a result without text.
    pub span: Span,
}

/// What a part is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "named by what they are")]
pub enum PartKind {
    Audio,
    Document,
    Image,
    Text,
    Thinking,
    /// `name` is the tool's name, without quotes; the item's type for calls that have no name (`web_search_call`).
    ToolCall {
        name: Span,
    },
    /// `error` where the client flagged it as failed. Every result has at least one such part, be it empty.
    ToolResult {
        error: bool,
    },
}

/// Content within content within content is as deep as any dialect goes (message, tool result, document, its blocks).
const BLOCK_DEPTH: u8 = 4;

/// The conversation as read so far.
pub(super) struct Blocks<'b> {
    body: &'b [u8],
    dialect: Dialect,
    pub(super) parts: Vec<Part>,
    pub(super) traits: Traits,
    pub(super) messages: u32,
    pub(super) beyond: Beyond,
    assistant_last: bool,
}

/// What the parts left out would have counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beyond {
    pub(super) bytes: u64,
    pub(super) images: u32,
    pub(super) documents: u32,
}

/// Members that the reader looks at; each may stand once in an object.
const FIELDS: [&[u8]; 26] = [
    b"role",
    b"content",
    b"type",
    b"text",
    b"tool_calls",
    b"name",
    b"input",
    b"arguments",
    b"output",
    b"thinking",
    b"signature",
    b"cache_control",
    b"is_error",
    b"refusal",
    b"reasoning_content",
    b"reasoning",
    b"reasoning_details",
    b"encrypted_content",
    b"function_call",
    b"source",
    b"file_id",
    b"file",
    b"action",
    b"operation",
    b"stdout",
    b"stderr",
];

/// What one object said of itself.
#[derive(Default)]
struct Block {
    role: Option<Value>,
    kind: Option<Value>,
    text: Option<Value>,
    thinking: Option<Value>,
    signature: Option<Value>,
    arguments: Option<Value>,
    name: Option<Value>,
    error: bool,
    encrypted: bool,
    inline: bool,
    reasoning_text: bool,
    tool_calls: bool,
}

impl<'b> Blocks<'b> {
    pub(super) fn new(dialect: Dialect, body: &'b [u8]) -> Self {
        Self {
            body,
            dialect,
            parts: Vec::with_capacity((body.len() / 256).clamp(32, 128)),
            traits: Traits::NONE,
            messages: 0,
            beyond: Beyond::default(),
            assistant_last: false,
        }
    }

    /// Whether the newest message is the assistant's.
    pub(super) const fn assistant_last(&self) -> bool {
        self.assistant_last
    }

    /// `messages` or `input`: an array of messages, or (Responses) one string.
    pub(super) fn conversation(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        if cursor.peek()? == Kind::String {
            let value = cursor.skip()?;
            self.messages = 1;
            self.push(Role::User, PartKind::Text, value.content());
            return Ok(value);
        }
        cursor.array(|cursor| {
            self.messages = self.messages.saturating_add(1);
            self.assistant_last = false;
            self.make_room();
            self.block(cursor, Role::User, 0).map(drop)
        })
    }

    /// `system`, `instructions`: a string or an array of blocks. Comes first among the parts, wherever it stands in the
    /// body: the Python SDKs write members in alphabetical order, `messages` before `system`.
    pub(super) fn system(&mut self, cursor: &mut Cursor<'b>) -> Result<Value, JsonError> {
        let first = self.parts.len();
        let value = self.content(cursor, Role::System, 0)?;
        let parts = self.parts.get_mut(first..).unwrap_or_default();
        if parts
            .first()
            .is_some_and(|part| part.span.of(self.body).starts_with(b"x-anthropic-billing-header"))
        {
            self.traits |= Traits::BILLING_BLOCK;
        }
        for part in &mut *parts {
            part.message = 0;
        }
        let moved = parts.len();
        self.parts.rotate_right(moved);
        Ok(value)
    }

    fn push(&mut self, role: Role, kind: PartKind, span: Span) {
        if self.parts.len() < limits::TEXT_PIECES {
            self.parts.push(Part { role, kind, message: self.messages.saturating_sub(1), span });
        } else {
            self.beyond.count(kind, span);
        }
    }

    /// Leaves parts of the middle out once most places are taken, so that a very long conversation keeps its opening
    /// (whose it is) and its newest messages (what is asked now). Only between messages: nothing points at a part then.
    fn make_room(&mut self) {
        if self.parts.len() >= limits::TEXT_PIECES / 4 * 3 {
            for part in self.parts.drain(limits::TEXT_PIECES / 4..limits::TEXT_PIECES / 2) {
                self.beyond.count(part.kind, part.span);
            }
        }
    }

    /// A string, an array of blocks (or of strings), or one block.
    fn content(&mut self, cursor: &mut Cursor<'b>, role: Role, depth: u8) -> Result<Value, JsonError> {
        let kind = cursor.peek()?;
        if kind == Kind::String {
            let value = cursor.skip()?;
            self.push(role, PartKind::Text, value.content());
            return Ok(value);
        }
        if depth >= BLOCK_DEPTH {
            return cursor.skip();
        }
        let depth = depth.saturating_add(1);
        if kind == Kind::Object {
            return self.block(cursor, role, depth);
        }
        cursor.array(|cursor| {
            if cursor.peek()? == Kind::String {
                let value = cursor.skip()?;
                self.push(role, PartKind::Text, value.content());
                return Ok(());
            }
            self.block(cursor, role, depth).map(drop)
        })
    }

    /// A message, an input item or a content block. `depth` 0 is a message or item.
    fn block(&mut self, cursor: &mut Cursor<'b>, outer: Role, depth: u8) -> Result<Value, JsonError> {
        let first = self.parts.len();
        let mut block = Block::default();
        let value = cursor.fields(&FIELDS, |cursor, field| {
            match field {
                b"role" => block.role = Some(cursor.skip()?),
                b"type" => block.kind = Some(cursor.skip()?),
                b"text" | b"refusal" => block.text = string(cursor)?.or(block.text),
                b"content" | b"output" => {
                    self.content(cursor, outer, depth)?;
                }
                b"stdout" | b"stderr" => {
                    if let Some(text) = string(cursor)?.filter(|text| !text.content().is_empty()) {
                        self.push(outer, PartKind::Text, text.content());
                    }
                }
                b"thinking" => block.thinking = string(cursor)?,
                b"signature" => block.signature = string(cursor)?,
                b"input" | b"arguments" | b"action" | b"operation" => {
                    block.arguments = Some(cursor.skip()?);
                }
                b"name" => block.name = string(cursor)?,
                b"is_error" => block.error = cursor.skip()?.boolean().unwrap_or(false),
                b"encrypted_content" => block.encrypted = string(cursor)?.is_some(),
                b"reasoning_content" | b"reasoning" | b"reasoning_details" => {
                    block.reasoning_text |= self.reasoning(cursor, outer)?;
                }
                b"tool_calls" => {
                    cursor.array(|cursor| {
                        block.tool_calls = true;
                        self.tool_call(cursor)
                    })?;
                }
                b"function_call" => {
                    block.tool_calls |= cursor.peek()? == Kind::Object;
                    self.function(cursor)?;
                }
                b"source" => block.inline = self.source(cursor, outer, depth)?,
                b"file_id" => self.file_id(cursor)?,
                b"file" => {
                    cursor.fields(&[b"file_id"], |cursor, _| self.file_id(cursor))?;
                }
                b"cache_control" => self.cache_control(cursor)?,
                _ => {
                    cursor.skip()?;
                }
            }
            Ok(())
        })?;
        if value.kind == Kind::Object {
            self.settle(&block, first, outer, depth);
        }
        Ok(value)
    }

    /// Gives an object's parts their roles and kinds, once all of its members are known.
    fn settle(&mut self, block: &Block, first: usize, outer: Role, depth: u8) {
        let body = self.body;
        let kind = block.kind.map(|kind| kind.word(body)).unwrap_or_default();
        let kind = &*kind;
        // Names of both vendors: tool_result, mcp_tool_result, function_call_output, computer_call_output, …
        let result = kind.ends_with(b"_output") || kind.ends_with(b"tool_result");
        // tool_use, server_tool_use, function_call, mcp_call, web_search_call, …
        let call = kind.ends_with(b"tool_use") || kind.ends_with(b"_call");
        let role = match block.role.map(|role| role.word(body)).as_deref() {
            _ if result => Role::Tool,
            Some(b"assistant") => Role::Assistant,
            Some(b"system") => Role::System,
            Some(b"developer") => {
                self.traits |= Traits::DEVELOPER_ROLE;
                Role::System
            }
            Some(b"tool" | b"function") => Role::Tool,
            Some(_) => Role::User,
            None if call || matches!(kind, b"reasoning" | b"compaction" | b"compaction_summary") => {
                Role::Assistant
            }
            None => outer,
        };
        self.own_parts(block, kind, role);
        if call {
            self.traits |= Traits::TOOL_HISTORY;
            let name = block.name.or(block.kind).map(|name| name.content()).unwrap_or_default();
            let span = block.arguments.map(|arguments| arguments.span).unwrap_or_default();
            self.push(Role::Assistant, PartKind::ToolCall { name }, span);
        }
        // What was read before the role was known. A call that holds its own result (mcp_call) comes before it.
        let tail = self.parts.get_mut(first..).unwrap_or_default();
        if call && !tail.is_empty() {
            tail.rotate_right(1);
        }
        let result = result || call || (depth == 0 && role == Role::Tool);
        for part in &mut *tail {
            if matches!(part.kind, PartKind::ToolCall { .. }) {
                continue;
            }
            if result {
                part.role = Role::Tool;
                if part.kind == PartKind::Text {
                    part.kind = PartKind::ToolResult { error: block.error };
                }
            } else if depth == 0 && part.role == outer {
                part.role = role;
            }
        }
        // In Messages both are blocks of one message; Chat has members for them, see `settle_message`.
        if depth == 0
            && self.dialect == Dialect::Messages
            && tail.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }))
            && !tail.iter().any(|part| part.kind == PartKind::Thinking)
        {
            self.traits |= Traits::REASONING_ABSENT;
        }
        let seen = tail.iter().any(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        if result && !call && !seen {
            self.push(Role::Tool, PartKind::ToolResult { error: block.error }, Span::default());
        }
        if depth == 0 {
            self.settle_message(block, kind, role);
        }
    }

    /// What a block says by its type, apart from calls and results.
    fn own_parts(&mut self, block: &Block, kind: &[u8], role: Role) {
        match kind {
            b"text" | b"input_text" | b"output_text" | b"refusal" | b"summary_text" | b"message" | b"" => {
                if let Some(text) = block.text {
                    self.push(role, PartKind::Text, text.content());
                }
            }
            b"thinking" | b"reasoning_text" => {
                let text = block.thinking.or(block.text).map(|text| text.content());
                self.push(role, PartKind::Thinking, text.unwrap_or_default());
                self.signature(block.signature);
            }
            b"redacted_thinking" => self.traits |= Traits::REDACTED_THINKING,
            b"compaction_trigger" => self.traits |= Traits::ENCRYPTED,
            b"item_reference" => self.traits |= Traits::SERVER_STATE,
            b"image" | b"image_url" | b"input_image" | b"computer_screenshot" => {
                self.traits |= Traits::IMAGES;
                self.push(role, PartKind::Image, Span::default());
            }
            b"document" | b"file" | b"input_file" => {
                self.traits |= Traits::DOCUMENTS;
                // Its text was read already.
                if !block.inline {
                    self.push(role, PartKind::Document, Span::default());
                }
            }
            b"input_audio" | b"audio" => {
                self.traits |= Traits::AUDIO;
                self.push(role, PartKind::Audio, Span::default());
            }
            _ => {}
        }
    }

    fn settle_message(&mut self, block: &Block, kind: &[u8], role: Role) {
        if role == Role::System && self.dialect == Dialect::Messages {
            self.traits |= Traits::SYSTEM_IN_MESSAGES;
        }
        if block.encrypted {
            self.traits |= Traits::ENCRYPTED;
        }
        if block.reasoning_text {
            self.traits |= Traits::REASONING_TEXT;
        }
        if block.tool_calls {
            self.traits |= Traits::TOOL_HISTORY;
            if !block.reasoning_text {
                self.traits |= Traits::REASONING_ABSENT;
            }
        }
        // Calls and reasoning items of the Responses API are the assistant's, but nothing that could be continued.
        self.assistant_last = role == Role::Assistant && matches!(kind, b"" | b"message");
    }

    /// Reasoning as text on a Chat message: `reasoning_content` of DeepSeek, Kimi and GLM, `reasoning` of OpenRouter and
    /// vLLM; `reasoning_details` is the same once more, in a list. Tells whether there is any: null and empty are none.
    fn reasoning(&mut self, cursor: &mut Cursor<'b>, role: Role) -> Result<bool, JsonError> {
        let value = cursor.skip()?;
        if value.kind == Kind::String && !value.content().is_empty() {
            self.push(role, PartKind::Thinking, value.content());
        }
        Ok(matches!(value.kind, Kind::String | Kind::Array) && value.span.len() > 2)
    }

    /// Chat's `tool_calls[]`: `{"id", "type", "function": {"name", "arguments"}}`.
    fn tool_call(&mut self, cursor: &mut Cursor<'b>) -> Result<(), JsonError> {
        cursor.fields(&[b"function", b"custom"], |cursor, _| self.function(cursor)).map(drop)
    }

    fn function(&mut self, cursor: &mut Cursor<'b>) -> Result<(), JsonError> {
        let (mut name, mut arguments) = (Span::default(), Span::default());
        let value = cursor.fields(&[b"name", b"arguments", b"input"], |cursor, field| {
            let value = cursor.skip()?;
            match field {
                b"name" => name = value.content(),
                _ => arguments = value.span,
            }
            Ok(())
        })?;
        if value.kind == Kind::Object {
            self.push(Role::Assistant, PartKind::ToolCall { name }, arguments);
        }
        Ok(())
    }

    /// A block's `source`. Tells whether it is text: a plain-text document is, or one made of blocks; base64, links and
    /// files are not.
    fn source(&mut self, cursor: &mut Cursor<'b>, role: Role, depth: u8) -> Result<bool, JsonError> {
        let (mut kind, mut data) = (None, None);
        cursor.fields(&[b"type", b"data", b"content", b"file_id"], |cursor, field| {
            match field {
                b"type" => kind = Some(cursor.skip()?),
                b"data" => data = string(cursor)?,
                b"content" => {
                    self.content(cursor, role, depth)?;
                }
                _ => self.file_id(cursor)?,
            }
            Ok(())
        })?;
        let kind = kind.map(|kind: Value| kind.word(self.body)).unwrap_or_default();
        if &*kind == b"text"
            && let Some(data) = data
        {
            self.push(role, PartKind::Text, data.content());
        }
        Ok(matches!(&*kind, b"text" | b"content"))
    }

    /// A file that the provider holds: no other provider can read it.
    fn file_id(&mut self, cursor: &mut Cursor<'b>) -> Result<(), JsonError> {
        if string(cursor)?.is_some() {
            self.traits |= Traits::SERVER_STATE;
        }
        Ok(())
    }

    /// A `cache_control` mark, wherever it stands. SDKs also write it as null.
    pub(super) fn cache_control(&mut self, cursor: &mut Cursor<'b>) -> Result<(), JsonError> {
        if cursor.skip()?.kind != Kind::Null {
            self.traits |= Traits::CACHE_CONTROL;
        }
        Ok(())
    }

    fn signature(&mut self, signature: Option<Value>) {
        self.traits |= signer(signature.map(|value| value.raw(self.body)).unwrap_or_default());
    }
}

impl Beyond {
    fn count(&mut self, kind: PartKind, span: Span) {
        self.bytes = self.bytes.saturating_add(span.len() as u64);
        match kind {
            PartKind::Image => self.images = self.images.saturating_add(1),
            PartKind::Audio | PartKind::Document => self.documents = self.documents.saturating_add(1),
            PartKind::Text | PartKind::Thinking | PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => {
            }
        }
    }
}

/// Walks over a value; hands it out where it is a string. SDKs write absent texts as null.
fn string(cursor: &mut Cursor<'_>) -> Result<Option<Value>, JsonError> {
    let value = cursor.skip()?;
    Ok((value.kind == Kind::String).then_some(value))
}

/// Whose a thinking block is, by the envelope of its signature: Claude's are base64 of a protobuf message whose first
/// byte is 0x12 (`E…`). Others are of other vendors; an absent or empty one binds to nobody.
pub(crate) fn signer(raw: &[u8]) -> Traits {
    match raw {
        [] => Traits::NONE,
        [b'E', rest @ ..] if rest.len() >= 31 => Traits::CLAUDE_SIGNATURE,
        _ => Traits::OTHER_SIGNATURE,
    }
}
