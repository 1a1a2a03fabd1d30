//! What is known of a model at one provider.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};
use serde::Deserialize;

use crate::{effort::Effort, price::Rates, wire::Dialect};

/// One model as one provider serves it. The same weights elsewhere are another `Model` with the same `canonical` name.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Name of the provider.
    pub provider: String,
    /// Name on the wire at this provider.
    pub id: String,
    /// Other names that the provider takes for it.
    pub aliases: Vec<String>,
    /// The model's own name, the same at every provider: `claude-opus-4-6`, `minimax-m2.5`.
    pub canonical: String,
    /// Whose manners it has.
    pub family: Family,
    /// Price list; `None` if nobody told.
    pub rates: Option<Rates>,
    /// Size of the context window in tokens; what counts against it says `window`.
    pub context: u64,
    /// What counts against `context`.
    pub window: Window,
    /// Longest completion, thinking included, in tokens.
    pub max_output: u64,
    /// What it takes and offers.
    pub capabilities: Capabilities,
    /// Whether Chat Completions takes function tools for it.
    pub chat_tools: ChatTools,
    /// How it thinks.
    pub reasoning: Reasoning,
    /// Shortest prefix that its prompt cache keeps, in tokens.
    pub cache_min_prefix_tokens: Option<u64>,
    /// How long its prompt cache keeps a prefix that nobody reads, in seconds; `None` if nobody told.
    pub cache_life_seconds: Option<u32>,
    /// Where it stands between release and retirement; `None` if nobody told.
    pub lifecycle: Option<Lifecycle>,
    /// Day of release.
    pub released: Option<Date>,
    /// Speed that the provider promises, in tokens a second.
    pub speed_tps: Option<u32>,
    /// The rung of a ladder that it suits: `cheap`, `mid`, `frontier`, `top`.
    pub suggested_tier: Option<String>,
    /// The day on which this was known to be so.
    pub as_of: Option<Date>,
    /// Where it was read.
    pub sources: Vec<String>,
    /// Caveat.
    pub note: Option<String>,
    /// `None`: every dialect of the provider.
    pub(super) dialects: Option<Vec<Dialect>>,
}

impl Model {
    /// Whether the model answers in this dialect, provided that the provider speaks it.
    pub fn speaks(&self, dialect: Dialect) -> bool {
        self.dialects.as_ref().is_none_or(|only| only.contains(&dialect))
    }

    /// Whether a prompt of so many tokens fits, with so many tokens of completion asked for. More than `max_output` can
    /// be asked for, not got: it counts as `max_output`.
    pub fn fits(&self, prompt_tokens: u64, output_tokens: u64) -> bool {
        match self.window {
            Window::Input => prompt_tokens <= self.context,
            Window::Shared => {
                prompt_tokens.saturating_add(output_tokens.min(self.max_output)) <= self.context
            }
        }
    }
}

/// What counts against the size of a context window.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The prompt alone.
    Input,
    /// Prompt and completion together.
    #[default]
    Shared,
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $prefixes:expr;)*) => {
        /// Models with the same manners on the wire, whoever serves them.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Family {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Family {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name used in configuration and rules.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// How the canonical names of the family begin.
            const fn prefixes(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &$prefixes,)*
                }
            }
        }
    };
}

families! {
    /// Anthropic.
    Claude = "claude", ["claude-"];
    /// OpenAI, open weights. Stands before `gpt`, whose prefix it shares.
    GptOss = "gpt-oss", ["gpt-oss-"];
    /// OpenAI.
    Gpt = "gpt", ["gpt-"];
    /// MiniMax.
    Minimax = "minimax", ["minimax-"];
    /// DeepSeek.
    Deepseek = "deepseek", ["deepseek-"];
    /// Moonshot.
    Kimi = "kimi", ["kimi-"];
    /// Z.ai.
    Glm = "glm", ["glm-"];
    /// Alibaba.
    Qwen = "qwen", ["qwen"];
    /// Google.
    Gemini = "gemini", ["gemini-"];
    /// Mistral.
    Mistral = "mistral", ["mistral-", "ministral-", "magistral-", "devstral-", "codestral-"];
    /// xAI.
    Grok = "grok", ["grok-"];
    /// Meta.
    Llama = "llama", ["llama-"];
    /// Any other: no manners assumed.
    Other = "other", [];
}

impl Family {
    /// The family of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.as_str() == name)
    }

    /// The family that a canonical name belongs to by its beginning; `Other` if none. For entries that do not say.
    pub fn of(canonical: &str) -> Self {
        let begins = |family: &Self| family.prefixes().iter().any(|prefix| canonical.starts_with(prefix));
        Self::ALL.iter().copied().find(begins).unwrap_or(Self::Other)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a model takes and offers, as a set of bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capabilities(u16);

impl Capabilities {
    /// Calls functions.
    pub const TOOLS: Self = Self(1);
    /// Calls several functions at once.
    pub const PARALLEL_TOOLS: Self = Self(1 << 1);
    /// Obeys a `tool_choice` that demands a call.
    pub const FORCED_TOOL_CHOICE: Self = Self(1 << 2);
    /// Reads images.
    pub const IMAGES: Self = Self(1 << 3);
    /// Reads PDF documents.
    pub const DOCUMENTS: Self = Self(1 << 4);
    /// Listens to audio.
    pub const AUDIO: Self = Self(1 << 5);
    /// Answers after a JSON schema.
    pub const JSON_SCHEMA: Self = Self(1 << 6);
    /// Has a prompt cache.
    pub const PROMPT_CACHE: Self = Self(1 << 7);
    /// Takes `temperature`, `top_p` and the like.
    pub const SAMPLING_PARAMS: Self = Self(1 << 8);
    /// Continues a message that the assistant began.
    pub const PREFILL: Self = Self(1 << 9);

    /// The empty set.
    pub const NONE: Self = Self(0);

    /// What is assumed where nobody told: functions and sampling parameters are common, the rest has to be stated.
    pub const ASSUMED: Self =
        Self(Self::TOOLS.0 | Self::PARALLEL_TOOLS.0 | Self::FORCED_TOOL_CHOICE.0 | Self::SAMPLING_PARAMS.0);

    /// Whether all of `other` is in this set.
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set with or without the other.
    #[must_use]
    pub const fn set(self, other: Self, present: bool) -> Self {
        if present { Self(self.0 | other.0) } else { Self(self.0 & !other.0) }
    }
}

impl core::ops::BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether Chat Completions takes function tools. From GPT-5.4 on OpenAI refuses them there while the model thinks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum ChatTools {
    /// Always.
    #[default]
    Any,
    /// Only with effort `none`.
    EffortNone,
    /// Never, since the model always thinks: use Responses.
    Never,
}

/// How a model thinks, and what a request may say about it. The default is a model that does not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reasoning {
    /// Whether it thinks at all.
    pub thinks: bool,
    /// Efforts that a request may name, ascending; empty if it may name none.
    pub efforts: Vec<Effort>,
    /// The effort where a request names none.
    pub default: Option<Effort>,
    /// Whether a request may switch thinking off.
    pub can_disable: bool,
    /// The highest effort at which it may, if there is such a bound.
    pub disable_max_effort: Option<Effort>,
    /// The highest effort that Chat Completions takes, where that is not the highest of `efforts`.
    pub chat_max_effort: Option<Effort>,
    /// Values of `thinking.type` that a request may use; empty if that field is not known.
    pub thinking_types: Vec<ThinkingType>,
    /// Smallest budget in thinking tokens that a request may name; `None` if it may name no budget.
    pub budget_min: Option<u64>,
    /// Largest such budget, if known.
    pub budget_max: Option<u64>,
}

/// Values of `thinking.type`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingType {
    /// The model decides how much.
    Adaptive,
    /// On, as a rule with a budget.
    Enabled,
    /// Off.
    Disabled,
}

/// Where a model stands between release and retirement.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lifecycle {
    /// Its state on the day of the entry.
    pub state: LifecycleState,
    /// The day that belongs to the state; see there.
    pub date: Option<Date>,
    /// What to use instead: a model of the same provider.
    pub successor: Option<String>,
}

impl Lifecycle {
    /// Whether the model is gone on this day (`YYYY-MM-DD`): the announced or actual end is reached. A day in any other
    /// shape is taken for long ago.
    ///
    /// An active model never is, even past its "not sooner than" day, as long as no end was announced.
    pub fn past(&self, today: &str) -> bool {
        match self.state {
            LifecycleState::Active | LifecycleState::Unverified => false,
            LifecycleState::Deprecated => {
                self.date.is_some_and(|end| Date::from_str(today).is_ok_and(|today| today >= end))
            }
            LifecycleState::Retired => {
                self.date.is_none_or(|end| Date::from_str(today).is_ok_and(|today| today >= end))
            }
        }
    }
}

/// State of a model at its provider.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleState {
    /// In service; ends not sooner than the day.
    Active,
    /// Last seen in service on the day; not confirmed since.
    Unverified,
    /// In service; ends on the day.
    Deprecated,
    /// Ended on the day.
    Retired,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Reads `YYYY-MM-DD`.
impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let mut parts = text.splitn(3, '-');
        let mut part = |digits: usize| {
            let text = parts.next().filter(|t| t.len() == digits && t.bytes().all(|b| b.is_ascii_digit()));
            text.and_then(|text| u16::from_str(text).ok()).ok_or(InvalidDate)
        };
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return Err(InvalidDate),
        };
        if !(1..=days).contains(&day) {
            return Err(InvalidDate);
        }
        let narrow = |part: u16| u8::try_from(part).map_err(|_| InvalidDate);
        Ok(Self { year, month: narrow(month)?, day: narrow(day)? })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Not a day in the shape `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidDate;

impl fmt::Display for InvalidDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date has the shape YYYY-MM-DD")
    }
}

impl core::error::Error for InvalidDate {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_date_is_a_day_that_exists() {
        for text in ["2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert_eq!(Date::from_str(text).unwrap().to_string(), text);
        }
        for text in
            ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-01", "2026-01-00"]
        {
            assert_eq!(Date::from_str(text), Err(InvalidDate), "{text}");
        }
        for text in ["", "2026-01", "2026-01-01-", "20260101", "+026-01-01", "2026/01/01"] {
            assert_eq!(Date::from_str(text), Err(InvalidDate), "{text}");
        }
    }

    #[test]
    fn an_end_is_reached_on_its_day() {
        let lifecycle = |state| Lifecycle { state, date: "2026-11-18".parse().ok(), successor: None };
        for state in [LifecycleState::Deprecated, LifecycleState::Retired] {
            assert!(!lifecycle(state).past("2026-11-17"));
            assert!(lifecycle(state).past("2026-11-18"));
            assert!(lifecycle(state).past("2027-01-01"));
            assert!(!lifecycle(state).past("tomorrow"));
        }
        for state in [LifecycleState::Active, LifecycleState::Unverified] {
            assert!(!lifecycle(state).past("2030-01-01"));
        }
        let undated = |state| Lifecycle { state, date: None, successor: None };
        assert!(undated(LifecycleState::Retired).past("2026-11-18"));
        assert!(!undated(LifecycleState::Deprecated).past("2026-11-18"));
    }

    #[test]
    fn a_family_is_told_by_the_name() {
        for (name, family) in [
            ("claude-opus-9", Family::Claude),
            ("gpt-oss-120b", Family::GptOss),
            ("gpt-7", Family::Gpt),
            ("qwen3-max", Family::Qwen),
            ("devstral-latest", Family::Mistral),
            ("gpt", Family::Other),
            ("my-claude-", Family::Other),
        ] {
            assert_eq!(Family::of(name), family, "{name}");
        }
        for family in Family::ALL {
            assert_eq!(Family::parse(family.as_str()), Some(*family));
        }
    }
}
