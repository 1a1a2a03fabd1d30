//! Settings: one document for every door, turned into types that cannot hold a contradiction.
//!
//! [`Config::from_json`] is the only way in. It rejects unknown keys, dangling names and impossible ladders with a
//! [`ConfigError`] that names the place as a JSON Pointer and, where there is one, the cure. What is allowed but
//! deserves a look (a model past its shutdown date, a target without a price) is a [`Warning`].

mod budget;
mod decode;
mod dial;
mod regex;
mod rule;
mod samples;
mod steps;

use alloc::{string::String, vec::Vec};
use core::fmt;

pub use budget::{AtLimit, Budget, Level, Window};
pub use dial::{Aim, Dial, Outlook};
pub use regex::Regex;
pub use rule::{Pattern, Rule, Then, When};
pub use samples::{Mode, Sampling};
pub use steps::{Bounds, Efforts, Steps};

use crate::{
    catalog::{Endpoint, Model, Origin},
    effort::Effort,
    fit::Fit,
    price::PicoUsd,
    wire::{Dialect, usage::Usage},
};

/// A whole, checked configuration. Immutable.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) providers: Vec<Provider>,
    pub(crate) targets: Vec<Target>,
    pub(crate) ladders: Vec<Ladder>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) overrides: Overrides,
    pub(crate) on_unreadable: OnUnreadable,
    pub(crate) passthrough: Passthrough,
    pub(crate) response_headers: bool,
    pub(crate) stream_usage: bool,
    pub(crate) rules: Vec<Rule>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) hosts: Vec<(String, serde_json::Value)>,
    pub(crate) callers: Option<Vec<Caller>>,
}

/// Who may use the router, and by which tokens.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The operator's name for it: in the log, never shown to a client.
    pub name: String,
    /// SHA-256 of each of its tokens. The tokens themselves are in no document.
    pub(crate) digests: Vec<[u8; 32]>,
}

/// A provider that the configuration uses.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the configuration: also its cluster's name, and that of its credential.
    pub name: String,
    /// Where it takes requests, by [`Dialect`] in the order of [`Dialect::ALL`]. All share one origin.
    pub endpoints: [Option<Endpoint>; 3],
    /// The environment variable its key comes from; `None` where it takes none.
    pub key_env: Option<String>,
}

/// A model at a provider: what a tier lists.
#[derive(Clone, Debug)]
pub struct Target {
    /// `provider/model`, as configured.
    pub name: String,
    /// Index into the providers.
    pub(crate) provider: usize,
    /// What is known of the model: wire name, prices, limits, capabilities.
    pub model: Model,
    /// How a request is made right for it, by dialect in the order of [`Dialect::ALL`]; `None` where it cannot be
    /// reached by that dialect.
    pub(crate) fits: [Option<Fit>; 3],
}

/// An ordered list of tiers, cheapest first.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Its name.
    pub name: String,
    /// At least one, at most [`limits::TIERS`](crate::limits::TIERS).
    pub tiers: Vec<Tier>,
    /// Its own dial; aliases may have another.
    pub(crate) dial: Dial,
    /// Index of the target whose price is the baseline of the bill.
    pub(crate) baseline: usize,
    /// Whether a client's own effort is kept.
    pub(crate) client_effort: ClientEffort,
    /// What happens to thinking that the target cannot take.
    pub(crate) foreign_thinking: ForeignThinking,
    /// What the operator says of single steps.
    pub steps: Steps,
    /// Effort by difficulty.
    pub efforts: Efforts,
}

/// A rung of a ladder.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its name, unique in the ladder.
    pub name: String,
    /// In order of preference; at least one, at most [`limits::TARGETS_PER_TIER`](crate::limits::TARGETS_PER_TIER).
    pub choices: Vec<Choice>,
    /// Whether requests that qualify are asked more than once.
    pub samples: Option<Sampling>,
}

/// A target in a tier.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Index into the targets.
    pub(crate) target: usize,
    /// Effort where the client asked for none (or is overridden): the target's own, else the tier's.
    pub effort: Option<Effort>,
    /// The upstream's name: the provider's, with `.2`, `.3` where the tier lists the provider more than once.
    pub upstream: String,
}

/// A model name that is routed.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The name as clients send it.
    pub name: String,
    /// Index into the ladders.
    pub(crate) ladder: usize,
    /// Its own dial, or the ladder's.
    pub(crate) dial: Dial,
}

/// Which `x-pointsman-*` request headers are obeyed. All are removed in any case.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Overrides {
    /// `x-pointsman-tier: NAME`.
    pub tier: bool,
    /// `x-pointsman-effort: low`.
    pub effort: bool,
    /// `x-pointsman-target: provider/model`, one of the alias's ladder.
    pub target: bool,
}

/// What happens to a body that cannot be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "the words of the configuration")]
pub enum OnUnreadable {
    #[default]
    Pass,
    Reject,
}

/// Whether the effort that a client set itself is kept (clamped to what the target takes) or replaced by the tier's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "the words of the configuration")]
pub enum ClientEffort {
    #[default]
    Keep,
    Replace,
}

/// What happens when the history holds thinking that a target cannot take.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForeignThinking {
    /// The target is no candidate, so that the conversation stays with the vendor it began with.
    #[default]
    Stay,
    /// The blocks are dropped and the target stays a candidate.
    Drop,
}

/// Provider (index) that gets the requests which are not routed, by dialect, and all other paths.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Passthrough {
    pub(crate) dialects: [Option<usize>; 3],
    pub(crate) other: Option<usize>,
}

/// Something allowed that deserves a look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// JSON Pointer to the place.
    pub pointer: String,
    /// One sentence, with the cure.
    pub message: String,
}

/// A document that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    /// JSON Pointer to the offending value; empty for the document itself.
    pub pointer: String,
    /// What is wrong there and, where there is one, the cure.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Reads a JSON document. Prices and models come from the built-in catalogue, overlaid by the document's own.
    ///
    /// # Errors
    /// The first thing that is wrong, by its JSON Pointer.
    pub fn from_json(document: &[u8]) -> Result<Self, ConfigError> {
        decode::document(document)
    }

    /// The providers in use, sorted by name.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// All ladders, sorted by name.
    pub fn ladders(&self) -> &[Ladder] {
        &self.ladders
    }

    /// All aliases, sorted by name.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The alias of this name.
    pub fn alias(&self, model: &str) -> Option<&Alias> {
        let found = self.aliases.binary_search_by(|alias| alias.name.as_str().cmp(model)).ok()?;
        self.aliases.get(found)
    }

    /// The ladder of an alias.
    pub fn ladder_of(&self, alias: &Alias) -> Option<&Ladder> {
        self.ladders.get(alias.ladder)
    }

    /// The target behind a choice.
    pub fn target_of(&self, choice: &Choice) -> Option<&Target> {
        self.targets.get(choice.target)
    }

    /// What this usage costs at a target, by its index; `None` where usage or price is unknown.
    pub(crate) fn cost(
        &self,
        target: Option<usize>,
        usage: &Usage,
        unix_seconds: Option<u64>,
    ) -> Option<PicoUsd> {
        self.targets.get(target?)?.model.rates.as_ref()?.cost(usage, unix_seconds)
    }

    /// The provider of a target.
    pub fn provider_of(&self, target: &Target) -> Option<&Provider> {
        self.providers.get(target.provider)
    }

    /// The target whose price is a ladder's baseline.
    pub fn baseline_of(&self, ladder: &Ladder) -> Option<&Target> {
        self.targets.get(ladder.baseline)
    }

    /// What deserves a look, section by section of the document.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What is past its shutdown date on `today` (`YYYY-MM-DD`), with the successor. The core has no clock.
    pub fn lifecycle_warnings(&self, today: &str) -> Vec<Warning> {
        decode::lifecycle(self, today)
    }

    /// Which provider gets the requests that are not routed: by dialect, or (`None`) every other path.
    pub fn passthrough(&self, dialect: Option<Dialect>) -> Option<&Provider> {
        let index = match dialect {
            Some(dialect) => self.passthrough.dialects.get(dialect as usize).copied().flatten(),
            None => self.passthrough.other,
        };
        self.providers.get(index?)
    }

    /// A door's own section of the document (`envoy`, `worker`, `serve`), which the core keeps and does not read.
    pub fn host_section(&self, name: &str) -> Option<&serde_json::Value> {
        self.hosts.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The budgets, in their order.
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Which `x-pointsman-*` headers of a request are obeyed.
    pub fn overrides(&self) -> Overrides {
        self.overrides
    }

    /// Who may use the router, sorted by name; `None` where anybody who can reach it may.
    pub fn callers(&self) -> Option<&[Caller]> {
        self.callers.as_deref()
    }

    /// The same configuration, open to anybody: for a tool that asks what would happen to a request.
    #[must_use]
    pub fn without_callers(mut self) -> Self {
        self.callers = None;
        for budget in &mut self.budgets {
            budget.callers.clear();
        }
        self
    }

    /// The provider of this name, if it is in use.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// What happens to a body that cannot be read.
    pub fn on_unreadable(&self) -> OnUnreadable {
        self.on_unreadable
    }
}

impl Alias {
    /// Which difficulty leads to which tier.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }
}

impl Ladder {
    /// The dial of aliases without one of their own.
    pub fn dial(&self) -> &Dial {
        &self.dial
    }
}

impl Target {
    /// Whether it can be reached by this dialect.
    pub fn speaks(&self, dialect: Dialect) -> bool {
        self.fit(dialect).is_some()
    }

    pub(crate) fn fit(&self, dialect: Dialect) -> Option<&Fit> {
        self.fits.get(dialect as usize).and_then(Option::as_ref)
    }
}

impl Caller {
    /// Whether a token with this SHA-256 is one of its own.
    pub(crate) fn owns(&self, digest: &[u8; 32]) -> bool {
        self.digests.contains(digest)
    }
}

impl Provider {
    /// Where it is, for all of its endpoints.
    pub fn origin(&self) -> Option<&Origin> {
        self.endpoints.iter().flatten().next().map(Endpoint::origin)
    }

    /// Its endpoint for a dialect.
    pub fn endpoint(&self, dialect: Dialect) -> Option<&Endpoint> {
        self.endpoints.get(dialect as usize).and_then(Option::as_ref)
    }
}
