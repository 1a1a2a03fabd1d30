//! Usage objects of the three dialects, read into one shape.
//!
//! Providers that speak the same dialect still report differently: a count may stand under one of several
//! names, be `null`, be repeated in later events, or be left out. The readers here take what is understood
//! and skip the rest; a field of an unexpected type costs only itself.

use alloc::{borrow::ToOwned, string::String, string::ToString};
use core::{fmt, marker::PhantomData};

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Tokens of one exchange, as the provider reported them. `None` means "not reported", never zero.
///
/// The five counts do not overlap: `input` holds only tokens that were neither read from nor written to a
/// prompt cache. `reasoning` is the exception: it is the part of `output` that was thinking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Prompt tokens at the full input price.
    pub input: Option<u64>,
    /// Prompt tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to the short-lived cache (Anthropic 5 minutes, OpenAI 30 minutes).
    pub cache_write_short: Option<u64>,
    /// Prompt tokens written to the long-lived cache (Anthropic 1 hour, OpenAI 12 hours).
    pub cache_write_long: Option<u64>,
    /// Completion tokens, thinking included.
    pub output: Option<u64>,
    /// Thinking tokens, a part of `output`.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Nothing was reported.
    pub const NONE: Self = Self {
        input: None,
        cache_read: None,
        cache_write_short: None,
        cache_write_long: None,
        output: None,
        reasoning: None,
    };

    /// All prompt tokens, however they were billed; `None` where no prompt side was reported.
    pub fn prompt_tokens(&self) -> Option<u64> {
        let sides = [self.input, self.cache_read, self.cache_write_short, self.cache_write_long];
        let known = sides.into_iter().flatten();
        known.fold(None, |sum: Option<u64>, n| Some(sum.unwrap_or(0).saturating_add(n)))
    }

    /// Both together, count by count.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        Self {
            input: sum(self.input, other.input),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write_short: sum(self.cache_write_short, other.cache_write_short),
            cache_write_long: sum(self.cache_write_long, other.cache_write_long),
            output: sum(self.output, other.output),
            reasoning: sum(self.reasoning, other.reasoning),
        }
    }

    /// Prompt tokens written to a cache of either kind.
    pub fn cache_written(&self) -> Option<u64> {
        let sides = [self.cache_write_short, self.cache_write_long];
        sides.into_iter().flatten().fold(None, |sum: Option<u64>, n| Some(sum.unwrap_or(0).saturating_add(n)))
    }
}

/// Counts as they were reported, before overlaps are taken out. Several reports of one exchange are merged
/// first, because the counts that overlap may come in different ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    prompt: Option<u64>,
    /// Whether `prompt` contains the tokens read from and written to a cache.
    prompt_includes_cache: bool,
    cache_read: Option<u64>,
    /// Written to any cache.
    cache_write: Option<u64>,
    cache_write_short: Option<u64>,
    cache_write_long: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
    total: Option<u64>,
}

impl Report {
    /// Adds a later report: the fields it has replace the earlier ones, the fields it lacks leave them alone.
    ///
    /// A later prompt side that is zero throughout replaces nothing. There is no completion without a prompt,
    /// so such zeros are placeholders (MiniMax puts them into `message_start`).
    pub(crate) fn absorb(&mut self, later: Self) {
        let prompt_side = [
            later.prompt,
            later.cache_read,
            later.cache_write,
            later.cache_write_short,
            later.cache_write_long,
        ];
        if prompt_side.iter().any(|count| count.is_some_and(|n| n > 0)) {
            self.prompt = later.prompt.or(self.prompt);
            self.prompt_includes_cache = later.prompt_includes_cache;
            self.cache_read = later.cache_read.or(self.cache_read);
            self.cache_write = later.cache_write.or(self.cache_write);
            self.cache_write_short = later.cache_write_short.or(self.cache_write_short);
            self.cache_write_long = later.cache_write_long.or(self.cache_write_long);
        }
        self.output = later.output.or(self.output);
        self.reasoning = later.reasoning.or(self.reasoning);
        self.total = later.total.or(self.total);
    }

    /// The counts without overlap.
    pub(crate) fn usage(&self) -> Usage {
        let (cache_write_short, cache_write_long) = self.cache_writes();
        let cached = [self.cache_read, cache_write_short, cache_write_long]
            .iter()
            .fold(0, |sum: u64, count| sum.saturating_add(count.unwrap_or(0)));
        Usage {
            input: self.prompt.map(|n| if self.prompt_includes_cache { n.saturating_sub(cached) } else { n }),
            cache_read: self.cache_read,
            cache_write_short,
            cache_write_long,
            output: self.output_with_thinking(),
            reasoning: self.reasoning,
        }
    }

    /// Writes by lifetime. What a total has above its details went to the default cache, the short-lived one:
    /// a final `message_delta` repeats only the total.
    fn cache_writes(&self) -> (Option<u64>, Option<u64>) {
        let short = match self.cache_write {
            None => self.cache_write_short,
            Some(total) => {
                let rest = total.saturating_sub(self.cache_write_long.unwrap_or(0));
                Some(rest.max(self.cache_write_short.unwrap_or(0)))
            }
        };
        (short, self.cache_write_long)
    }

    /// Completion tokens, thinking included. xAI counts thinking beside them, which the total gives away.
    fn output_with_thinking(&self) -> Option<u64> {
        let (Some(output), Some(reasoning)) = (self.output, self.reasoning) else { return self.output };
        let both = output.saturating_add(reasoning);
        let beside = match (self.total, self.prompt) {
            (Some(total), Some(prompt)) if self.prompt_includes_cache => total == prompt.saturating_add(both),
            _ => false,
        };
        // A part cannot be larger than the whole.
        Some(if beside || reasoning > output { both } else { output })
    }
}

/// `usage` of a Chat Completions answer, with the names that providers added to it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ChatUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Maybe<PromptDetails>,
    completion_tokens_details: Maybe<CompletionDetails>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Count,
    /// DeepSeek.
    prompt_cache_miss_tokens: Count,
    /// Anthropic's compatible endpoint, Moonshot.
    cached_tokens: Count,
    /// Providers without `completion_tokens_details`.
    reasoning_tokens: Count,
}

/// `usage` of a Responses answer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ResponsesUsage {
    input_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    input_tokens_details: Maybe<PromptDetails>,
    output_tokens_details: Maybe<CompletionDetails>,
}

/// `usage` of an Anthropic message, of `message_start` or of `message_delta`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct MessagesUsage {
    input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_creation: Maybe<CacheCreation>,
    output_tokens: Count,
    output_tokens_details: Maybe<CompletionDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    cache_write_tokens_details: Maybe<CacheWriteDetails>,
    /// Alibaba's explicit cache.
    cache_creation_input_tokens: Count,
    /// Alibaba's explicit cache.
    cache_creation: Maybe<CacheCreation>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CacheWriteDetails {
    ttl_30m_tokens: Count,
    ttl_12h_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Count,
    /// Anthropic.
    thinking_tokens: Count,
}

impl From<ChatUsage> for Report {
    fn from(usage: ChatUsage) -> Self {
        let details = usage.prompt_tokens_details.object();
        let (hit, miss) = (usage.prompt_cache_hit_tokens.0, usage.prompt_cache_miss_tokens.0);
        let hit_and_miss = miss.map(|n| n.saturating_add(hit.unwrap_or(0)));
        Self {
            prompt: usage.prompt_tokens.0.or(hit_and_miss),
            // The same number under up to three names, where a name that is not in use may hold a zero.
            cache_read: details.cached_tokens.0.max(hit).max(usage.cached_tokens.0),
            output: usage.completion_tokens.0,
            reasoning: usage
                .completion_tokens_details
                .object()
                .reasoning_tokens
                .0
                .max(usage.reasoning_tokens.0),
            total: usage.total_tokens.0,
            ..Self::with_cache_writes(details)
        }
    }
}

impl From<ResponsesUsage> for Report {
    fn from(usage: ResponsesUsage) -> Self {
        let details = usage.input_tokens_details.object();
        Self {
            prompt: usage.input_tokens.0,
            cache_read: details.cached_tokens.0,
            output: usage.output_tokens.0,
            reasoning: usage.output_tokens_details.object().reasoning_tokens.0,
            total: usage.total_tokens.0,
            ..Self::with_cache_writes(details)
        }
    }
}

impl From<MessagesUsage> for Report {
    fn from(usage: MessagesUsage) -> Self {
        let creation = usage.cache_creation.object();
        Self {
            prompt: usage.input_tokens.0,
            prompt_includes_cache: false,
            cache_read: usage.cache_read_input_tokens.0,
            cache_write: usage.cache_creation_input_tokens.0,
            cache_write_short: creation.ephemeral_5m_input_tokens.0,
            cache_write_long: creation.ephemeral_1h_input_tokens.0,
            output: usage.output_tokens.0,
            reasoning: usage.output_tokens_details.object().thinking_tokens.0,
            total: None,
        }
    }
}

impl Report {
    /// The cache writes of a dialect whose prompt tokens include them.
    fn with_cache_writes(details: PromptDetails) -> Self {
        let (by_ttl, creation) =
            (details.cache_write_tokens_details.object(), details.cache_creation.object());
        Self {
            prompt_includes_cache: true,
            cache_write: details.cache_write_tokens.0.max(details.cache_creation_input_tokens.0),
            cache_write_short: by_ttl.ttl_30m_tokens.0.max(creation.ephemeral_5m_input_tokens.0),
            cache_write_long: by_ttl.ttl_12h_tokens.0.max(creation.ephemeral_1h_input_tokens.0),
            ..Self::default()
        }
    }
}

/// A number of tokens, or nothing where something else than a whole number of at least zero stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count(Option<u64>);

/// A name of at most `MAX` bytes without control characters, or nothing. A number is taken for its decimal
/// digits, because error codes come in both forms.
#[derive(Default)]
pub(crate) struct Name<const MAX: usize>(pub(crate) Option<String>);

/// An object of a known shape. A list stands for its first element.
#[derive(Default)]
pub(crate) enum Maybe<T> {
    /// Missing, or a value that means nothing: `null`, `false`, `0`, `""`, `[]`.
    #[default]
    Absent,
    /// Something that is not an object.
    Other,
    /// An object.
    Object(T),
}

impl<T: Default> Maybe<T> {
    /// The object, or one whose fields are all missing.
    pub(crate) fn object(self) -> T {
        match self {
            Self::Object(object) => object,
            Self::Absent | Self::Other => T::default(),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Name<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_any_json(deserializer)
    }
}

/// Takes a JSON value of any type and makes the best of it.
pub(crate) fn from_any_json<'de, T: FromAnyJson<'de>, D: Deserializer<'de>>(json: D) -> Result<T, D::Error> {
    json.deserialize_any(Lenient(PhantomData))
}

struct Lenient<T>(PhantomData<T>);

/// What the JSON types mean for one target; a type that is not named means nothing.
pub(crate) trait FromAnyJson<'de>: Default {
    fn from_number(_: u64) -> Self {
        Self::default()
    }
    fn from_text(_: &str) -> Self {
        Self::default()
    }
    fn from_false() -> Self {
        Self::default()
    }
    /// `true`, a negative number or a fraction.
    fn from_other() -> Self {
        Self::default()
    }
    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl FromAnyJson<'_> for Count {
    fn from_number(number: u64) -> Self {
        Self(Some(number))
    }
}

impl<const MAX: usize> FromAnyJson<'_> for Name<MAX> {
    fn from_number(number: u64) -> Self {
        Self(Some(number.to_string()))
    }

    fn from_text(text: &str) -> Self {
        let fits = !text.is_empty() && text.len() <= MAX && !text.chars().any(char::is_control);
        Self(fits.then(|| text.to_owned()))
    }
}

impl<'de, T: Deserialize<'de>> FromAnyJson<'de> for Maybe<T> {
    fn from_number(number: u64) -> Self {
        if number == 0 { Self::Absent } else { Self::Other }
    }

    fn from_text(text: &str) -> Self {
        if text.is_empty() { Self::Absent } else { Self::Other }
    }

    fn from_other() -> Self {
        Self::Other
    }

    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Self::Object)
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.unwrap_or_default())
    }
}

impl<'de, T: FromAnyJson<'de>> Visitor<'de> for Lenient<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(if value { T::from_other() } else { T::from_false() })
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::from_number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::from_other()) // serde_json hands out negative numbers only
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::from_other())
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from_text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::from_list(list)
    }
}
