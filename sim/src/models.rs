//! What the simulated models can and refuse. Written by hand from the providers' documentation and public error
//! reports (2026-11), on purpose not from the router's catalogue: a mistake in one is then seen by the other.

use crate::vendor::Vendor;

/// How much a model is asked to think.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Effort {
    /// Not at all.
    None,
    /// `minimal`
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    Xhigh,
    /// `max`
    Max,
}

impl Effort {
    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of that word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max]
            .into_iter()
            .find(|effort| effort.name() == name)
    }
}

/// Whose weights they are; decides dialect details where a host serves several.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    Claude,
    Gpt,
    MiniMax,
    DeepSeek,
    Kimi,
    Glm,
    Other,
}

/// A single fact about a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quirk {
    /// Takes pictures.
    Images,
    /// Takes a JSON schema for its answer.
    Schema,
    /// Takes `thinking: adaptive`.
    Adaptive,
    /// Takes `thinking: enabled` with a budget.
    Budget,
    /// Thinking can be turned off.
    Disable,
    /// Thinking can be turned off, but not at an effort above high.
    DisableUpToHigh,
    /// Thinks unless told not to.
    Thinks,
    /// Refuses temperature, top_p and top_k.
    NoSampling,
    /// Refuses a tool choice that forces a call.
    NoForcedTool,
    /// Refuses a last message of the assistant.
    NoPrefill,
    /// Takes `role: system` inside `messages`.
    MidSystem,
    /// A thinking block is good only after the very prefix that produced it.
    PrefixBound,
    /// A thinking block is good only for the account that got it.
    AccountBound,
    /// Sends thinking blocks with a signature but without text, unless asked.
    Omitted,
    /// Not offered on Chat Completions.
    ResponsesOnly,
    /// Refuses function tools on Chat Completions while it reasons.
    NoToolsWhileReasoning,
    /// Takes `prompt_cache_options`; bills cache writes.
    CacheOptions,
    /// MiniMax M2 generation.
    M2,
    /// Kimi with a fixed temperature.
    FixedSampling,
    /// Sends `reasoning_content` and wants it back with tool calls.
    ReasoningBack,
}

/// One model of one vendor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) vendor: Vendor,
    pub(crate) family: Family,
    pub(crate) id: &'static str,
    /// Tokens of prompt it takes.
    pub(crate) context: u64,
    /// Tokens it may answer with.
    pub(crate) max_output: u64,
    /// Tokens below which a prefix is not cached.
    pub(crate) cache_min: u64,
    /// The efforts it takes by name.
    pub(crate) efforts: &'static [Effort],
    /// What it does if no effort is given.
    pub(crate) default: Effort,
    quirks: &'static [Quirk],
}

impl Model {
    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// The list for an error message: `'low', 'medium', and 'high'`.
    pub(crate) fn effort_list(&self, efforts: &[Effort]) -> String {
        let names: Vec<String> = efforts.iter().map(|effort| format!("'{}'", effort.name())).collect();
        match names.as_slice() {
            [] => "none".to_owned(),
            [only] => only.clone(),
            [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        }
    }
}

/// The model that `vendor` serves under `name`; a trailing date of a snapshot is allowed.
pub(crate) fn find(vendor: Vendor, name: &str) -> Option<&'static Model> {
    if vendor == Vendor::Generic {
        return Some(&GENERIC);
    }
    MODELS.iter().filter(|model| model.vendor == vendor).find(|model| {
        name.strip_prefix(model.id).is_some_and(|rest| rest.is_empty() || is_snapshot(vendor, rest))
    })
}

/// The names that `vendor` lists.
pub(crate) fn ids(vendor: Vendor) -> Vec<&'static str> {
    MODELS.iter().filter(|model| model.vendor == vendor).map(|model| model.id).collect()
}

fn is_snapshot(vendor: Vendor, rest: &str) -> bool {
    let digits = match vendor {
        Vendor::Anthropic => rest.strip_prefix("-20").map(str::to_owned),
        Vendor::OpenAi => rest.strip_prefix("-20").map(|rest| rest.replace('-', "")),
        _ => None,
    };
    digits.is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

use Effort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};
use Quirk::{
    AccountBound, Adaptive, Budget, CacheOptions, Disable, DisableUpToHigh, FixedSampling, Images, M2,
    MidSystem, NoForcedTool, NoPrefill, NoSampling, NoToolsWhileReasoning, Omitted, PrefixBound,
    ReasoningBack, ResponsesOnly, Schema, Thinks,
};

const UP_TO_HIGH: &[Effort] = &[Low, Medium, High];
const WITHOUT_XHIGH: &[Effort] = &[Low, Medium, High, Max];
const LOW_TO_MAX: &[Effort] = &[Low, Medium, High, Xhigh, Max];
const LOW_HIGH_MAX: &[Effort] = &[Low, High, Max];
const NONE_TO_HIGH: &[Effort] = &[Off, Low, Medium, High];
const NONE_TO_XHIGH: &[Effort] = &[Off, Low, Medium, High, Xhigh];
const NONE_TO_MAX: &[Effort] = &[Off, Low, Medium, High, Xhigh, Max];
const MINIMAL_TO_HIGH: &[Effort] = &[Minimal, Low, Medium, High];

const K: u64 = 1_000;
const M: u64 = 1_000_000;

/// A host that takes whatever its engine takes.
static GENERIC: Model = Model {
    vendor: Vendor::Generic,
    family: Family::Other,
    id: "generic",
    context: 128 * K,
    max_output: 128 * K,
    cache_min: 16,
    efforts: &[Off, Minimal, Low, Medium, High, Xhigh, Max],
    default: Off,
    quirks: &[Images, Schema],
};

const fn claude(
    id: &'static str,
    window: (u64, u64),
    cache_min: u64,
    efforts: (&'static [Effort], Effort),
    quirks: &'static [Quirk],
) -> Model {
    Model {
        vendor: Vendor::Anthropic,
        family: Family::Claude,
        id,
        context: window.0,
        max_output: window.1,
        cache_min,
        efforts: efforts.0,
        default: efforts.1,
        quirks,
    }
}

const fn gpt(
    id: &'static str,
    context: u64,
    efforts: (&'static [Effort], Effort),
    quirks: &'static [Quirk],
) -> Model {
    Model {
        vendor: Vendor::OpenAi,
        family: Family::Gpt,
        id,
        context,
        max_output: 128_000,
        cache_min: 1024,
        efforts: efforts.0,
        default: efforts.1,
        quirks,
    }
}

const fn other(
    place: (Vendor, Family),
    id: &'static str,
    window: (u64, u64),
    cache_min: u64,
    efforts: (&'static [Effort], Effort),
    quirks: &'static [Quirk],
) -> Model {
    Model {
        vendor: place.0,
        family: place.1,
        id,
        context: window.0,
        max_output: window.1,
        cache_min,
        efforts: efforts.0,
        default: efforts.1,
        quirks,
    }
}

const C45: &[Quirk] = &[Images, Schema, Budget, Disable];
const C46: &[Quirk] = &[Images, Schema, Adaptive, Budget, Disable, NoPrefill];
const C47: &[Quirk] = &[Images, Schema, Adaptive, Disable, NoPrefill, NoSampling, Omitted];
const C48: &[Quirk] = &[Images, Schema, Adaptive, Disable, NoPrefill, NoSampling, Omitted, MidSystem];
const SONNET5: &[Quirk] =
    &[Images, Schema, Adaptive, Disable, NoPrefill, NoSampling, Omitted, MidSystem, Thinks];
const OPUS5: &[Quirk] =
    &[Images, Schema, Adaptive, Disable, DisableUpToHigh, NoPrefill, NoSampling, Omitted, MidSystem, Thinks];
const FABLE5: &[Quirk] = &[Images, Schema, Adaptive, NoPrefill, NoSampling, Omitted, MidSystem, Thinks];
const C55: &[Quirk] =
    &[Images, Schema, Adaptive, NoPrefill, NoSampling, NoForcedTool, Omitted, MidSystem, Thinks, PrefixBound];
const SONNET55: &[Quirk] = &[
    Images,
    Schema,
    Adaptive,
    NoPrefill,
    NoSampling,
    NoForcedTool,
    Omitted,
    MidSystem,
    Thinks,
    PrefixBound,
    AccountBound,
];
const HAIKU55: &[Quirk] =
    &[Images, Schema, Adaptive, NoPrefill, NoSampling, Omitted, MidSystem, Thinks, PrefixBound, AccountBound];

const GPT: &[Quirk] = &[Images, Schema];
const GPT_PRO: &[Quirk] = &[Images, Schema, ResponsesOnly];
const GPT54: &[Quirk] = &[Images, Schema, NoToolsWhileReasoning];
const GPT56: &[Quirk] = &[Images, Schema, NoToolsWhileReasoning, CacheOptions];

const MINIMAX: (Vendor, Family) = (Vendor::MiniMax, Family::MiniMax);
const DEEPSEEK: (Vendor, Family) = (Vendor::DeepSeek, Family::DeepSeek);
const MOONSHOT: (Vendor, Family) = (Vendor::Moonshot, Family::Kimi);
const ZAI: (Vendor, Family) = (Vendor::Zai, Family::Glm);

static MODELS: &[Model] = &[
    claude("claude-opus-4-5", (200 * K, 64_000), 4096, (UP_TO_HIGH, High), C45),
    claude("claude-sonnet-4-5", (200 * K, 64_000), 1024, (&[], High), C45),
    claude("claude-haiku-4-5", (200 * K, 64_000), 4096, (&[], High), C45),
    claude("claude-opus-4-6", (M, 128_000), 4096, (WITHOUT_XHIGH, High), C46),
    claude("claude-sonnet-4-6", (M, 128_000), 1024, (WITHOUT_XHIGH, High), C46),
    claude("claude-opus-4-7", (M, 128_000), 2048, (LOW_TO_MAX, High), C47),
    claude("claude-opus-4-8", (M, 128_000), 1024, (LOW_TO_MAX, High), C48),
    claude("claude-opus-5", (M, 128_000), 512, (LOW_TO_MAX, High), OPUS5),
    claude("claude-sonnet-5", (M, 128_000), 1024, (LOW_TO_MAX, High), SONNET5),
    claude("claude-fable-5", (M, 128_000), 512, (LOW_TO_MAX, High), FABLE5),
    claude("claude-opus-5-5", (M, 128_000), 512, (LOW_TO_MAX, Medium), C55),
    claude("claude-sonnet-5-5", (M, 128_000), 512, (LOW_TO_MAX, High), SONNET55),
    claude("claude-haiku-5-5", (M, 128_000), 512, (LOW_TO_MAX, Medium), HAIKU55),
    claude("claude-fable-5-1", (M, 128_000), 512, (LOW_TO_MAX, High), C55),
    claude("claude-mythos-5-1", (M, 128_000), 512, (LOW_TO_MAX, High), C55),
    Model { max_output: 32_768, ..gpt("gpt-4.1", 1_047_576, (&[], Off), GPT) },
    Model { max_output: 32_768, ..gpt("gpt-4.1-mini", 1_047_576, (&[], Off), GPT) },
    gpt("gpt-5", 272_000, (MINIMAL_TO_HIGH, Medium), GPT),
    gpt("gpt-5-mini", 272_000, (MINIMAL_TO_HIGH, Medium), GPT),
    gpt("gpt-5-nano", 272_000, (MINIMAL_TO_HIGH, Medium), GPT),
    Model { max_output: 272_000, ..gpt("gpt-5-pro", 400_000, (&[High], High), GPT_PRO) },
    gpt("gpt-5.1", 272_000, (NONE_TO_HIGH, Off), GPT),
    gpt("gpt-5.2", 272_000, (NONE_TO_XHIGH, Off), GPT),
    gpt("gpt-5.3-codex", 272_000, (NONE_TO_XHIGH, Medium), GPT_PRO),
    gpt("gpt-5.4", 1_050_000, (NONE_TO_XHIGH, Off), GPT54),
    gpt("gpt-5.4-mini", 272_000, (NONE_TO_XHIGH, Off), GPT54),
    gpt("gpt-5.4-nano", 272_000, (NONE_TO_XHIGH, Off), GPT54),
    // From 5.5 on it reasons unless told not to.
    gpt("gpt-5.5", 1_050_000, (NONE_TO_XHIGH, Medium), GPT54),
    gpt("gpt-5.5-pro", 1_050_000, (&[Medium, High, Xhigh], Medium), GPT_PRO),
    gpt("gpt-5.6-sol", 922_000, (NONE_TO_XHIGH, Medium), GPT56),
    gpt("gpt-5.6-terra", 922_000, (NONE_TO_XHIGH, Medium), GPT56),
    gpt("gpt-5.6-luna", 922_000, (NONE_TO_XHIGH, Medium), GPT56),
    gpt("gpt-6-astra", 922_000, (LOW_TO_MAX, Medium), GPT56),
    gpt("gpt-6-sol", 922_000, (NONE_TO_MAX, Medium), GPT56),
    gpt("gpt-6-luna", 922_000, (NONE_TO_MAX, Medium), GPT56),
    gpt("gpt-6.1-sol", 922_000, (LOW_TO_MAX, Medium), GPT56),
    gpt("gpt-6.1-terra", 922_000, (NONE_TO_MAX, Medium), GPT56),
    other(MINIMAX, "MiniMax-M2.5", (204_800, 131_072), 512, (&[], Medium), &[M2, Thinks]),
    other(MINIMAX, "MiniMax-M2.5-highspeed", (204_800, 131_072), 512, (&[], Medium), &[M2, Thinks]),
    other(MINIMAX, "MiniMax-M2.7", (204_800, 131_072), 512, (&[], Medium), &[M2, Thinks]),
    other(
        MINIMAX,
        "MiniMax-M3",
        (M, 128_000),
        512,
        (&[], Medium),
        &[Images, Schema, Adaptive, Disable, Thinks],
    ),
    other(
        MINIMAX,
        "MiniMax-M3.1-Flash",
        (M, 131_072),
        512,
        (WITHOUT_XHIGH, Max),
        &[Images, Schema, Adaptive, Thinks],
    ),
    other(
        DEEPSEEK,
        "deepseek-flash",
        (M, 393_216),
        64,
        (LOW_HIGH_MAX, High),
        &[Images, Disable, Thinks, ReasoningBack],
    ),
    other(
        DEEPSEEK,
        "deepseek-v4-pro",
        (M, 393_216),
        64,
        (LOW_HIGH_MAX, High),
        &[Disable, Thinks, ReasoningBack],
    ),
    other(
        MOONSHOT,
        "kimi-k2.5",
        (262_144, 262_144),
        256,
        (&[], High),
        &[Images, Schema, Disable, Thinks, FixedSampling, ReasoningBack],
    ),
    other(
        MOONSHOT,
        "kimi-k2.6",
        (262_144, 262_144),
        256,
        (&[], High),
        &[Images, Schema, Disable, Thinks, FixedSampling, ReasoningBack],
    ),
    other(
        MOONSHOT,
        "kimi-k2.7-code",
        (262_144, 262_144),
        256,
        (&[], High),
        &[Images, Schema, Thinks, FixedSampling, ReasoningBack],
    ),
    other(
        MOONSHOT,
        "kimi-k3",
        (1_048_576, 1_048_576),
        256,
        (LOW_HIGH_MAX, Max),
        &[Images, Schema, Thinks, FixedSampling, ReasoningBack, CacheOptions],
    ),
    other(
        MOONSHOT,
        "kimi-k3.1-pro",
        (1_048_576, 1_048_576),
        256,
        (LOW_HIGH_MAX, Max),
        &[Images, Schema, Thinks, FixedSampling, ReasoningBack, CacheOptions],
    ),
    other(ZAI, "glm-4.5-air", (128_000, 32_000), 128, (&[], High), &[Disable, Thinks]),
    other(ZAI, "glm-4.6", (200_000, 128_000), 128, (&[], High), &[Disable, Thinks]),
    other(ZAI, "glm-4.7", (200_000, 128_000), 128, (&[], High), &[Disable, Thinks]),
    other(ZAI, "glm-5", (200_000, 128_000), 128, (&[], High), &[Disable, Thinks]),
    other(ZAI, "glm-5.1", (200_000, 128_000), 128, (&[], High), &[Disable, Thinks]),
    other(ZAI, "glm-5.2", (M, 128_000), 128, (NONE_TO_MAX, Max), &[Disable, Thinks]),
    other(ZAI, "glm-5.3", (M, 128_000), 128, (NONE_TO_MAX, Max), &[Schema, Disable, Thinks]),
    other(
        ZAI,
        "glm-5.3-flash",
        (1_048_576, 128_000),
        128,
        (NONE_TO_MAX, Max),
        &[Images, Schema, Disable, Thinks],
    ),
    routed(Family::Claude, "anthropic/claude-opus-4.6", M, 4096, &[Images, Schema, NoPrefill]),
    routed(Family::Claude, "anthropic/claude-opus-5.5", M, 512, &[Images, Schema, NoPrefill, Thinks]),
    routed(Family::Claude, "anthropic/claude-sonnet-5.5", M, 512, &[Images, Schema, NoPrefill, Thinks]),
    routed(Family::Claude, "anthropic/claude-haiku-5.5", M, 512, &[Images, Schema, NoPrefill, Thinks]),
    routed(Family::Gpt, "openai/gpt-6-sol", 1_050_000, 1024, &[Images, Schema, CacheOptions, Thinks]),
    routed(Family::Gpt, "openai/gpt-6-luna", 1_050_000, 1024, &[Images, Schema, CacheOptions, Thinks]),
    routed(Family::MiniMax, "minimax/minimax-m2.5", 204_800, 512, &[Schema, Thinks]),
    routed(Family::MiniMax, "minimax/minimax-m3", M, 512, &[Images, Schema, Thinks]),
    routed(Family::DeepSeek, "deepseek/deepseek-v4-pro-0813", 1_048_576, 64, &[Schema, Thinks]),
    routed(Family::DeepSeek, "deepseek/deepseek-v4.1-flash", 1_048_576, 64, &[Images, Schema, Thinks]),
    routed(Family::Kimi, "moonshotai/kimi-k3", 1_048_576, 256, &[Images, Schema, Thinks]),
    routed(Family::Glm, "z-ai/glm-5.3", 1_048_576, 128, &[Schema, Thinks]),
    routed(Family::Other, "qwen/qwen3.8-flash", M, 256, &[Images, Schema, Thinks]),
];

/// A model on OpenRouter, which knows no `max` and takes every other effort for every model.
const fn routed(
    family: Family,
    id: &'static str,
    context: u64,
    cache_min: u64,
    quirks: &'static [Quirk],
) -> Model {
    other(
        (Vendor::OpenRouter, family),
        id,
        (context, 131_072),
        cache_min,
        (&[Off, Minimal, Low, Medium, High, Xhigh], Medium),
        quirks,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_date_is_allowed_and_nothing_else() {
        let id = |vendor, name| find(vendor, name).map(|model| model.id);
        assert_eq!(id(Vendor::Anthropic, "claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        assert_eq!(id(Vendor::Anthropic, "claude-opus-5-5"), Some("claude-opus-5-5"));
        assert_eq!(id(Vendor::OpenAi, "gpt-4.1-2025-04-14"), Some("gpt-4.1"));
        assert_eq!(id(Vendor::Anthropic, "claude-opus-5.5"), None);
        assert_eq!(id(Vendor::MiniMax, "minimax-m3"), None);
        assert_eq!(id(Vendor::OpenAi, "claude-opus-5-5"), None);
    }
}
