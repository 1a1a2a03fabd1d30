//! The places where effort is said, and the words that are said there: data of a rule.

use alloc::{
    borrow::{Cow, ToOwned},
    collections::BTreeMap,
    string::String,
    vec::Vec,
};
use serde::Deserialize;

use super::{nested::Step, rules::RulesFault};
use crate::effort::Effort;

/// Where a target reads how much to think.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knob {
    /// The member that holds an effort's name.
    pub(super) word: Option<Word>,
    /// What the target takes of `thinking`; without it that member goes.
    pub(super) thinking: Option<Switch>,
    /// `enable_thinking` and `thinking_budget`; without it they go.
    #[serde(default)]
    pub(super) flag: bool,
    /// Whether the target thinks if nothing is said. Only asked where there is no word with a known default.
    #[serde(default = "yes")]
    pub(super) idle: bool,
    /// The target maps all efforts itself, whatever the catalogue lists for the model.
    #[serde(default)]
    pub(super) own_scale: bool,
    /// Top-level members of other knobs that are neither read nor cleared: nobody knows what the target makes of them.
    #[serde(default)]
    pub(super) leave: Vec<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum Word {
    #[serde(rename = "reasoning_effort")]
    ReasoningEffort,
    #[serde(rename = "reasoning.effort")]
    Reasoning,
    #[serde(rename = "output_config.effort")]
    OutputConfig,
}

/// The target's `thinking` member.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// The `type` that means "on".
    pub(super) on: On,
    /// Whether `disabled` is taken, by models that can do without thinking.
    #[serde(default)]
    pub(super) off: bool,
    /// Whether an effort is worth nothing without it.
    #[serde(default)]
    pub(super) write: bool,
    #[serde(default)]
    pub(super) budget: Budget,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum On {
    Adaptive,
    Enabled,
}

/// What the target makes of `thinking.budget_tokens`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Budget {
    /// An error.
    #[default]
    Drop,
    /// Nothing.
    Ignored,
    /// It is how effort is said.
    Needed,
}

/// Tokens of thinking that stand for an effort where a budget is asked for, and the other way round.
#[derive(Clone, Debug)]
pub(super) struct Budgets([u64; Effort::ALL.len()]);

impl Budgets {
    /// Ascending from `minimal` to `max`.
    pub(super) fn new(map: &BTreeMap<String, u64>) -> Result<Self, RulesFault> {
        let mut budgets = [0; Effort::ALL.len()];
        for name in map.keys() {
            named(name)?;
        }
        let mut least = 0;
        for (effort, budget) in Effort::ALL.into_iter().zip(&mut budgets).skip(1) {
            let tokens = map.get(effort.name()).copied().filter(|tokens| *tokens > least);
            *budget = tokens.ok_or_else(|| RulesFault::Unknown(effort.name().to_owned()))?;
            least = *budget;
        }
        Ok(Self(budgets))
    }

    pub(super) fn of(&self, effort: Effort) -> u64 {
        self.0.get(effort as usize).copied().unwrap_or_default()
    }

    /// The highest effort whose budget is within this one.
    pub(super) fn effort(&self, tokens: u64) -> Effort {
        let within = |effort: &Effort| self.of(*effort) <= tokens;
        Effort::ALL.into_iter().skip(1).rev().find(within).unwrap_or(Effort::Minimal)
    }
}

/// Efforts and what they become.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clamp(pub(super) [Option<Effort>; Effort::ALL.len()]);

impl Clamp {
    /// `*` stands for every effort that is not named.
    pub(super) fn new(map: &BTreeMap<String, String>) -> Result<Self, RulesFault> {
        let other = map.get("*").map(|to| named(to)).transpose()?;
        let mut clamp = [other; Effort::ALL.len()];
        for (from, to) in map.iter().filter(|(from, _)| *from != "*") {
            if let Some(slot) = clamp.get_mut(named(from)? as usize) {
                *slot = Some(named(to)?);
            }
        }
        Ok(Self(clamp))
    }
}

/// The effort of this name.
pub(super) fn named(name: &str) -> Result<Effort, RulesFault> {
    Effort::parse(name.as_bytes()).ok_or_else(|| RulesFault::Unknown(name.to_owned()))
}

static EFFORT: [Step; 1] = [Step::Member(Cow::Borrowed(b"effort"))];

impl Word {
    /// The top-level member, and the way down from it.
    pub(super) const fn place(self) -> (&'static [u8], Option<&'static [Step]>) {
        match self {
            Self::ReasoningEffort => (b"reasoning_effort", None),
            Self::Reasoning => (b"reasoning", Some(&EFFORT)),
            Self::OutputConfig => (b"output_config", Some(&EFFORT)),
        }
    }
}

impl On {
    pub(super) const fn quoted(self) -> &'static [u8] {
        match self {
            Self::Adaptive => b"\"adaptive\"",
            Self::Enabled => b"\"enabled\"",
        }
    }
}

/// An effort as JSON text.
pub(super) const fn quoted(effort: Effort) -> &'static [u8] {
    match effort {
        Effort::None => b"\"none\"",
        Effort::Minimal => b"\"minimal\"",
        Effort::Low => b"\"low\"",
        Effort::Medium => b"\"medium\"",
        Effort::High => b"\"high\"",
        Effort::Xhigh => b"\"xhigh\"",
        Effort::Max => b"\"max\"",
    }
}
