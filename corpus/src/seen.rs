//! What came of a case, as far as a door lets it be seen.

use std::collections::BTreeMap;

use serde_json::Value;

use pointsman::{BodySplice, Forward, Receipt, wire::usage::Usage};

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Facts of the decision and the bill by name: see [`decision`] and [`bill`].
    pub facts: BTreeMap<&'static str, String>,
    /// Everything that left for a provider, in order.
    pub sent: Vec<Sent>,
    /// What the client got; `None` where the host's own words are not the router's business.
    pub delivered: Option<Delivered>,
}

/// A request as a provider received it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// The upstream: the provider's name, with `.2` where a tier lists it twice.
    pub upstream: String,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// What was changed in the client's body, where the door can tell; not compared, since the bytes are.
    pub splices: Vec<BodySplice>,
}

/// An answer as the client received it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivered {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// It broke off.
    pub cut: bool,
}

/// Facts of a decision. Absent ones have no entry.
pub const DECISION: [&str; 8] =
    ["dialect", "caller", "alias", "tier", "reason", "difficulty", "streaming", "targets"];

/// Facts of a bill. Absent ones have no entry.
pub const BILL: [&str; 15] = [
    "target",
    "status",
    "input",
    "cache_read",
    "cache_write_short",
    "cache_write_long",
    "output",
    "reasoning",
    "prompt_tokens",
    "cost",
    "baseline",
    "end",
    "finish",
    "error",
    "served_model",
];

/// The facts of a decision.
pub fn decision(forward: &Forward) -> BTreeMap<&'static str, String> {
    let summary = forward.summary();
    let targets = forward.attempts().iter().map(|attempt| {
        let effort = attempt.effort.map_or_else(String::new, |effort| format!(" ({})", effort.name()));
        let twice = if attempt.upstream == attempt.provider { "" } else { " again" };
        format!("{}{twice}{effort}", attempt.target)
    });
    let facts = [
        ("dialect", summary.dialect.map(|dialect| dialect.name().to_owned())),
        ("caller", summary.caller.clone()),
        ("alias", summary.alias.clone()),
        ("tier", summary.tier.clone()),
        ("reason", Some(summary.reason.to_string())),
        ("difficulty", summary.difficulty.map(|difficulty| difficulty.permille().to_string())),
        ("streaming", Some(summary.stream.to_string())),
        ("targets", Some(targets.collect::<Vec<_>>().join(", "))),
    ];
    present(facts)
}

/// The facts of a receipt; none where no target answered.
pub fn bill(receipt: &Receipt) -> BTreeMap<&'static str, String> {
    if receipt.target.is_empty() {
        return BTreeMap::new();
    }
    let metered = &receipt.metered;
    let mut facts = tokens(&metered.usage);
    facts.extend(present([
        ("target", Some(receipt.target.clone())),
        ("status", Some(receipt.status.to_string())),
        ("cost", receipt.cost.map(|cost| cost.to_string())),
        ("baseline", receipt.baseline.map(|cost| cost.to_string())),
        ("end", Some(format!("{:?}", metered.end).to_lowercase())),
        ("finish", metered.finish.map(|finish| format!("{finish:?}").to_lowercase())),
        ("error", metered.error.clone()),
        ("served_model", metered.served_model.clone()),
    ]));
    facts
}

/// The facts of a usage.
pub fn tokens(usage: &Usage) -> BTreeMap<&'static str, String> {
    let count = |count: Option<u64>| count.map(|count| count.to_string());
    present([
        ("input", count(usage.input)),
        ("cache_read", count(usage.cache_read)),
        ("cache_write_short", count(usage.cache_write_short)),
        ("cache_write_long", count(usage.cache_write_long)),
        ("output", count(usage.output)),
        ("reasoning", count(usage.reasoning)),
        ("prompt_tokens", count(usage.prompt_tokens())),
    ])
}

/// Those that there are.
pub fn present<const N: usize>(facts: [(&'static str, Option<String>); N]) -> BTreeMap<&'static str, String> {
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Facts that a line of the log holds: see [`logged`].
pub const LOGGED: [&str; 12] = [
    "caller",
    "dialect",
    "alias",
    "tier",
    "reason",
    "difficulty",
    "target",
    "prompt_tokens",
    "cache_read",
    "output",
    "cost",
    "baseline",
];

/// The facts of a line of a door's log, which has the keys of [`pointsman::record::line`].
pub fn logged(line: &Value) -> BTreeMap<&'static str, String> {
    let word = |key: &str| match &line[key] {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => Some(other.to_string()),
    };
    let usd = |key: &str| word(key).map(|usd| format!("${usd}"));
    present([
        ("caller", word("caller")),
        ("dialect", word("dialect")),
        ("alias", word("alias")),
        ("tier", word("tier")),
        ("reason", word("reason").or_else(|| word("details"))),
        ("difficulty", word("difficulty")),
        ("target", word("target")),
        ("prompt_tokens", word("input_tokens")),
        ("cache_read", word("cached_tokens")),
        ("output", word("output_tokens")),
        ("cost", usd("cost_usd")),
        ("baseline", usd("baseline_usd")),
    ])
}
