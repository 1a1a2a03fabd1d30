//! What a request needs and what its history holds, as a set of bits.
//!
//! Requirements and fit rules are written in these words, in `data/rules.json` too, so that a target's demands and a
//! request's contents meet in one `&`.

use alloc::vec::Vec;
use core::ops::{BitAnd, BitOr, BitOrAssign};

/// A set of traits.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Traits(u32);

macro_rules! traits {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $bit:literal;)*) => {
        impl Traits {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &'static [(&'static str, Self)] = &[$(($word, Self::$name)),*];
        }
    };
}

traits! {
    /// Offers at least one tool.
    TOOLS = "tools", 0;
    /// Demands that a tool is called.
    FORCED_TOOL = "forced_tool", 1;
    /// Holds an image.
    IMAGES = "images", 2;
    /// Holds a document (PDF or file).
    DOCUMENTS = "documents", 3;
    /// Holds audio.
    AUDIO = "audio", 4;
    /// Demands an answer after a JSON schema.
    JSON_SCHEMA = "json_schema", 5;
    /// Demands a JSON answer without a schema.
    JSON_OBJECT = "json_object", 6;
    /// The newest message is the assistant's: the model is to continue it (prefill).
    ASSISTANT_LAST = "assistant_last", 7;
    /// Thinking blocks that a Claude model signed.
    CLAUDE_SIGNATURE = "claude_signature", 8;
    /// Thinking blocks that another vendor signed.
    OTHER_SIGNATURE = "other_signature", 9;
    /// Redacted thinking: readable by its maker only.
    REDACTED_THINKING = "redacted_thinking", 10;
    /// Encrypted reasoning or compaction items of the Responses API.
    ENCRYPTED = "encrypted", 11;
    /// `previous_response_id`, a stored conversation or prompt: the history lives at the provider.
    SERVER_STATE = "server_state", 12;
    /// The assistant called tools before.
    TOOL_HISTORY = "tool_history", 13;
    /// An assistant turn with tool calls came without its reasoning text.
    REASONING_ABSENT = "reasoning_absent", 14;
    /// An assistant turn carries its reasoning as text.
    REASONING_TEXT = "reasoning_text", 15;
    /// A message of the role `developer`.
    DEVELOPER_ROLE = "developer_role", 16;
    /// Messages dialect: a `system` entry among the messages.
    SYSTEM_IN_MESSAGES = "system_in_messages", 17;
    /// A `cache_control` mark somewhere.
    CACHE_CONTROL = "cache_control", 18;
    /// Messages dialect: a tool with `"type": "custom"`.
    TOOL_TYPE_CUSTOM = "tool_type_custom", 19;
    /// Tools that the provider runs itself, or freeform tools: not plain functions.
    HOSTED_TOOLS = "hosted_tools", 20;
    /// Tools with `strict`, `defer_loading` and the like.
    TOOL_EXTRAS = "tool_extras", 21;
    /// The system prompt opens with a client's billing line.
    BILLING_BLOCK = "billing_block", 22;
}

impl Traits {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Whether the two sets share a trait.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` is in this set.
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together, in a constant.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set less the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The trait of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(word, _)| *word == name).map(|(_, bit)| *bit)
    }

    /// The names of its traits, in a fixed order.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(_, bit)| self.meets(*bit)).map(|(word, _)| *word).collect()
    }

    /// Every single trait of the set.
    pub fn each(self) -> impl Iterator<Item = Self> {
        Self::NAMES.iter().map(|(_, bit)| *bit).filter(move |bit| self.meets(*bit))
    }
}

impl BitOr for Traits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Traits {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Traits {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
