//! Bytes: the formats on the wire, without opinions.
//!
//! Nothing here knows a model, a price or a policy. Readers take untrusted bytes, never panic, never recurse deeper
//! than [`limits`](crate::limits) allows, and hand out [`Span`]s instead of copies.

mod block;
mod chat;
pub mod json;
mod messages;
pub mod request;
mod responses;
pub mod sse;
pub mod text;
pub mod tokens;
pub mod usage;

pub use block::Role;
pub(crate) use block::signer;

/// The API a request speaks, told by its endpoint and never guessed from its content.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Dialect {
    /// OpenAI Chat Completions: `POST …/v1/chat/completions`.
    Chat,
    /// Anthropic Messages: `POST …/v1/messages`, and `…/v1/messages/count_tokens`.
    Messages,
    /// OpenAI Responses: `POST …/v1/responses`.
    Responses,
}

impl Dialect {
    /// All dialects, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Messages, Self::Responses];

    /// The name used in configuration, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
        }
    }
}

/// A range of bytes of one request body. Bodies are at most 32 MiB, so 32 bits do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes themselves; empty where the span does not belong to `body`.
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Length in bytes.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it holds no byte.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }
}
