//! A request once read: what it asks for, whatever dialect it came in.

use crate::hash::Hash;
use crate::json::Json;
use crate::models::{Effort, Model};
use crate::vendor::{Dialect, Vendor};

/// Tokens that one picture or document counts as; its bytes are not counted.
pub(crate) const PICTURE_TOKENS: u64 = 1_000;

/// The simulator's tokenizer: four bytes of UTF-8 make a token, a begun token counts as one.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// How long an Anthropic cache entry lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ttl {
    Short,
    Long,
}

/// A piece of the prompt, the unit of caching.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) tokens: u64,
    pub(crate) hash: u64,
    /// A `cache_control` stands on it.
    pub(crate) mark: Option<Ttl>,
    /// It belongs to `messages`, so thinking, effort and tool choice are part of its prefix.
    pub(crate) in_messages: bool,
}

/// A tool the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments; `None` for a tool that takes free text.
    pub(crate) schema: Option<Json>,
    /// A namespace it belongs to (Responses only).
    pub(crate) freeform: bool,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    Auto,
    Never,
    Any,
    Named(String),
}

/// What the answer must look like.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Text,
    Object,
    Schema(Json),
}

/// What of the thinking is sent back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    /// Text and, where there is one, signature.
    Text,
    /// A signature only.
    Signature,
    /// Nothing.
    Nothing,
}

/// A request, read and found good.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) vendor: Vendor,
    pub(crate) dialect: Dialect,
    pub(crate) model: &'static Model,
    /// The name the answer carries.
    pub(crate) served: String,
    pub(crate) stream: bool,
    /// Chat: the stream ends with a usage chunk.
    pub(crate) include_usage: bool,
    /// Deltas carry padding.
    pub(crate) obfuscation: bool,
    pub(crate) prompt: Vec<Segment>,
    pub(crate) thinks: bool,
    pub(crate) effort: Effort,
    /// At most so many tokens of thinking.
    pub(crate) budget: Option<u64>,
    pub(crate) show: Show,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    pub(crate) parallel: bool,
    /// The text of the last turn.
    pub(crate) last_text: String,
    /// The last turn is the result of a tool.
    pub(crate) last_is_result: bool,
    /// The assistant has not spoken yet.
    pub(crate) first_turn: bool,
    pub(crate) format: Format,
    pub(crate) max_output: u64,
    pub(crate) stop: Vec<String>,
    pub(crate) choices: u64,
    /// Sets cache entries of users or sessions apart.
    pub(crate) scope: u64,
    /// OpenAI: new cache entries live twelve hours instead of thirty minutes.
    pub(crate) cache_long: bool,
    /// OpenAI: only marked prefixes are cached.
    pub(crate) cache_marked_only: bool,
    /// Hash of system, tools and messages without thinking and cache marks: what a thinking block is bound to.
    pub(crate) binding: u64,
    /// MiniMax chat: thinking in its own field instead of inside the text.
    pub(crate) reasoning_split: bool,
    /// Responses: the whole input, to be kept for `previous_response_id`.
    pub(crate) input: Vec<Json>,
    /// Responses: echoed members of the request.
    pub(crate) echo: Json,
    /// Responses: reasoning items carry their encrypted content.
    pub(crate) encrypted: bool,
    pub(crate) keep_response: bool,
}

impl Ask {
    pub(crate) fn new(vendor: Vendor, dialect: Dialect, model: &'static Model, served: &str) -> Self {
        Self {
            vendor,
            dialect,
            model,
            served: served.to_owned(),
            stream: false,
            include_usage: false,
            obfuscation: false,
            prompt: Vec::new(),
            thinks: false,
            effort: model.default,
            budget: None,
            show: Show::Text,
            tools: Vec::new(),
            choice: Choice::Auto,
            parallel: true,
            last_text: String::new(),
            last_is_result: false,
            first_turn: true,
            format: Format::Text,
            max_output: model.max_output,
            stop: Vec::new(),
            choices: 1,
            scope: 0,
            cache_long: false,
            cache_marked_only: false,
            binding: 0,
            reasoning_split: false,
            input: Vec::new(),
            echo: Json::Null,
            encrypted: false,
            keep_response: false,
        }
    }

    pub(crate) fn prompt_tokens(&self) -> u64 {
        self.prompt.iter().map(|segment| segment.tokens).sum()
    }

    /// Seeds everything that is made up for the answer.
    pub(crate) fn seed(&self) -> u64 {
        let hash =
            self.prompt.iter().fold(Hash::new().with(&self.served), |hash, part| hash.number(part.hash));
        hash.with(self.effort.name()).number(u64::from(self.thinks)).value()
    }
}

/// Tokens of the text in a value: strings count, pictures count a fixed sum, keys do not.
pub(crate) fn text_tokens(value: &Json) -> u64 {
    match value {
        Json::String(text) => tokens(text),
        Json::Array(items) => items.iter().map(text_tokens).sum(),
        Json::Object(_) => match value.text("type") {
            "image" | "image_url" | "input_image" | "document" | "file" | "input_file" | "video_url" => {
                PICTURE_TOKENS
            }
            "text" | "input_text" | "output_text" => tokens(value.text("text")),
            "thinking" => tokens(value.text("thinking")),
            "redacted_thinking" => tokens(value.text("data")),
            "tool_use" | "server_tool_use" => {
                tokens(value.text("name")) + value.get("input").map_or(0, |input| tokens(&input.compact()))
            }
            "tool_result" => value.get("content").map_or(0, text_tokens),
            _ => tokens(&value.compact()),
        },
        _ => 0,
    }
}

/// All text parts of a message's content, one line each.
pub(crate) fn plain_text(content: &Json) -> String {
    match content {
        Json::String(text) => text.clone(),
        Json::Array(parts) => {
            let texts: Vec<String> = parts
                .iter()
                .map(|part| match part.text("type") {
                    "tool_result" => part.get("content").map(plain_text).unwrap_or_default(),
                    _ => part.text("text").to_owned(),
                })
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The value without any `cache_control` at its top and in the parts of its `content`.
pub(crate) fn unmarked(value: &Json) -> Json {
    const MARKS: &[&str] = &["cache_control", "prompt_cache_breakpoint"];
    match value.without(MARKS) {
        Json::Object(pairs) => Json::Object(
            pairs
                .into_iter()
                .map(|(key, member)| match (key.as_str(), member) {
                    ("content", Json::Array(parts)) => {
                        (key, Json::Array(parts.iter().map(|part| part.without(MARKS)).collect()))
                    }
                    (_, member) => (key, member),
                })
                .collect(),
        ),
        other => other,
    }
}

/// The cache mark on a value or on one of the parts of its `content`.
pub(crate) fn mark_of(value: &Json) -> Option<Ttl> {
    let own = value.get("cache_control").or_else(|| value.get("prompt_cache_breakpoint"));
    let part = || {
        let parts = value.get("content").and_then(Json::as_array)?;
        parts
            .iter()
            .rev()
            .find_map(|part| part.get("cache_control").or_else(|| part.get("prompt_cache_breakpoint")))
    };
    let mark = own.or_else(part)?;
    Some(if matches!(mark.text("ttl"), "1h" | "12h") { Ttl::Long } else { Ttl::Short })
}
