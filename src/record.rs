//! What is kept of an exchange: one line of a log, and the counters that it moves. The same words in every door.
//!
//! Nothing here holds prompt text, a key or a token.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    budget::Tab,
    calendar::timestamp,
    classify::Task,
    config::Config,
    effort::Effort,
    exchange::{Receipt, Summary},
    price::PicoUsd,
    reject::quote,
    samples::Plan,
    wire::Dialect,
};

/// Time from the whole body to the edited request, in microseconds: the one histogram.
pub const DECISION_US: &str = "pointsman_decision_us";

/// Upper bounds of the buckets of [`DECISION_US`].
pub const DECISION_BUCKETS: [u32; 9] = [5, 10, 25, 50, 100, 250, 500, 1000, 5000];

/// A counter and by how much it moves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Count<'a> {
    /// Its name, as Prometheus shows it.
    pub name: &'static str,
    /// Label and value, in the order of the name.
    pub labels: Vec<(&'static str, Cow<'a, str>)>,
    /// How much is added.
    pub add: u64,
}

/// Name, and label `kind` where it has one, of each counter of [`bill`].
pub const BILL: [(&str, Option<&str>); 10] = [
    ("pointsman_tokens", Some("input")),
    ("pointsman_tokens", Some("cached")),
    ("pointsman_tokens", Some("cache_write")),
    ("pointsman_tokens", Some("output")),
    ("pointsman_tokens", Some("reasoning")),
    ("pointsman_cost_picodollars", None),
    ("pointsman_baseline_picodollars", None),
    ("pointsman_saved_picodollars", None),
    ("pointsman_overspent_picodollars", None),
    ("pointsman_unreported", None),
];

/// What a receipt adds to each of [`BILL`]; `None` where it was no upstream's answer.
pub fn bill(receipt: &Receipt) -> Option<[u64; BILL.len()]> {
    if receipt.target.is_empty() {
        return None;
    }
    let usage = &receipt.metered.usage;
    let cache_write =
        usage.cache_write_short.unwrap_or(0).saturating_add(usage.cache_write_long.unwrap_or(0));
    let pico = |money: Option<PicoUsd>| money.map_or(0, PicoUsd::pico);
    let (cost, baseline) = (pico(receipt.cost), pico(receipt.baseline));
    let known = receipt.cost.is_some() && receipt.baseline.is_some();
    let answered = (200..300).contains(&receipt.status);
    let unreported = answered && usage.input.is_none() && usage.output.is_none();
    Some([
        usage.input.unwrap_or(0),
        usage.cache_read.unwrap_or(0),
        cache_write,
        usage.output.unwrap_or(0),
        usage.reasoning.unwrap_or(0),
        cost,
        baseline,
        if known { baseline.saturating_sub(cost) } else { 0 },
        if known { cost.saturating_sub(baseline) } else { 0 },
        u64::from(unreported),
    ])
}

/// The counters that a receipt moves.
pub fn billed(receipt: &Receipt) -> Vec<Count<'_>> {
    let counts = bill(receipt).unwrap_or_default();
    let moved = BILL.into_iter().zip(counts).filter(|(_, add)| *add > 0);
    moved
        .map(|((name, kind), add)| {
            let target = ("target", Cow::Borrowed(receipt.target.as_str()));
            let kind = kind.map(|kind| ("kind", Cow::Borrowed(kind)));
            Count { name, labels: kind.into_iter().chain([target]).collect(), add }
        })
        .collect()
}

/// Names of the counters of [`charged`].
pub const CHARGED: [&str; 2] = ["pointsman_budget_spent_picodollars", "pointsman_budget_estimated"];

/// The counters of a charge: for each budget what was spent, and whether that is an estimate.
pub fn charged<'c>(config: &'c Config, tab: &Tab, charge: PicoUsd, estimated: bool) -> Vec<Count<'c>> {
    let budgets = tab.accounts.iter().filter_map(|account| config.budgets().get(account.budget));
    let counts = budgets.flat_map(|budget| {
        CHARGED.into_iter().zip([charge.pico(), u64::from(estimated)]).map(|(name, add)| Count {
            name,
            labels: Vec::from([("budget", Cow::Borrowed(budget.name.as_str()))]),
            add,
        })
    });
    counts.filter(|count| count.add > 0).collect()
}

/// Names of the budgets that a charge went to.
pub fn budgets<'a>(charged: &'a [Count<'_>]) -> Vec<&'a str> {
    let spent = charged.iter().filter(|count| count.name == CHARGED[0]);
    spent.flat_map(|count| count.labels.iter().map(|(_, name)| name.as_ref())).collect()
}

/// The counter of samples by the mode and what became of them: `delivered`, `beside`, `cancelled`.
pub fn sampled(plan: &Plan, fate: &'static str, count: usize) -> Count<'static> {
    let labels = Vec::from([("mode", Cow::Borrowed(plan.mode.name())), ("fate", Cow::Borrowed(fate))]);
    Count { name: "pointsman_samples", labels, add: count as u64 }
}

/// The counter of a request that was sent on.
pub fn requested(summary: &Summary) -> Count<'_> {
    Count {
        name: "pointsman_requests",
        labels: Vec::from([
            ("dialect", Cow::Borrowed(summary.dialect.map_or("other", Dialect::name))),
            ("tier", Cow::Borrowed(summary.tier.as_deref().unwrap_or("none"))),
            ("reason", Cow::Borrowed(summary.reason.code())),
        ]),
        add: 1,
    }
}

/// The counter of a request that the router answered with an error of its own.
pub fn rejected(code: &'static str) -> Count<'static> {
    Count { name: "pointsman_rejected", labels: Vec::from([("reason", Cow::Borrowed(code))]), add: 1 }
}

/// The counter of an attempt; `None` where no head came.
pub fn attempted(upstream: &str, status: Option<u16>) -> Count<'_> {
    let labels =
        Vec::from([("upstream", Cow::Borrowed(upstream)), ("status", Cow::Borrowed(status_class(status)))]);
    Count { name: "pointsman_attempts", labels, add: 1 }
}

/// `2xx`, `none` where there was no answer.
pub const fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}

/// What a door knows of an exchange besides decision and receipt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// When the request came, in milliseconds since 1970.
    pub unix_ms: u64,
    /// `POST`.
    pub method: &'a str,
    /// Path with query, as the client sent it.
    pub path: &'a str,
    /// Path with query at the last provider.
    pub upstream_path: Option<&'a str>,
    /// Status that the client saw; 0 where it left before.
    pub status: u16,
    /// What was special: a rejection's code, `client_disconnected`, `upstream_reset`.
    pub details: Option<&'a str>,
    /// Attempts made.
    pub attempts: u32,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// From the request's head to the answer's end, in milliseconds.
    pub duration_ms: u64,
    /// Effort in force at the target.
    pub effort: Option<Effort>,
}

/// One line of JSON without a line end, with the keys of the Envoy door's access log. What is not known is `null`.
pub fn line(facts: &Facts<'_>, summary: Option<&Summary>, receipt: Option<&Receipt>) -> String {
    let receipt = receipt.filter(|receipt| !receipt.target.is_empty());
    let usage = receipt.map(|receipt| &receipt.metered.usage);
    let text = |value: Option<&str>| value.map_or_else(null, quote);
    let number = |value: Option<u64>| value.map_or_else(null, |value| value.to_string());
    // Envoy writes money without its sign.
    let money = |value: Option<PicoUsd>| {
        value.map_or_else(null, |value| quote(value.to_string().trim_start_matches('$')))
    };
    let pairs: [(&str, String); 24] = [
        ("time", quote(&timestamp(facts.unix_ms))),
        ("method", quote(facts.method)),
        ("path", quote(facts.path)),
        ("upstream_path", text(facts.upstream_path)),
        ("status", facts.status.to_string()),
        ("details", text(facts.details)),
        ("attempts", facts.attempts.to_string()),
        ("bytes_in", facts.bytes_in.to_string()),
        ("bytes_out", facts.bytes_out.to_string()),
        ("duration_ms", facts.duration_ms.to_string()),
        ("caller", text(summary.and_then(|summary| summary.caller.as_deref()))),
        ("dialect", text(summary.and_then(|summary| summary.dialect).map(Dialect::name))),
        ("alias", text(summary.and_then(|summary| summary.alias.as_deref()))),
        ("tier", text(summary.and_then(|summary| summary.tier.as_deref()))),
        ("target", text(receipt.map(|receipt| receipt.target.as_str()))),
        ("effort", text(facts.effort.map(Effort::name))),
        // A refusal before any decision has its own code for a reason; who left before one has none.
        (
            "reason",
            summary.map_or_else(
                || text(facts.details.filter(|_| facts.status > 0)),
                |summary| quote(&summary.reason.to_string()),
            ),
        ),
        (
            "difficulty",
            number(
                summary
                    .and_then(|summary| summary.difficulty)
                    .map(|difficulty| u64::from(difficulty.permille())),
            ),
        ),
        ("task", text(summary.and_then(|summary| summary.task).map(Task::name))),
        ("input_tokens", number(usage.and_then(|usage| usage.prompt_tokens()))),
        ("cached_tokens", number(usage.and_then(|usage| usage.cache_read))),
        ("output_tokens", number(usage.and_then(|usage| usage.output))),
        ("cost_usd", money(receipt.and_then(|receipt| receipt.cost))),
        ("baseline_usd", money(receipt.and_then(|receipt| receipt.baseline))),
    ];
    let mut line = String::with_capacity(512);
    for (i, (key, value)) in pairs.iter().enumerate() {
        line.push_str(if i == 0 { "{" } else { "," });
        line.push_str(&format!("\"{key}\":{value}"));
    }
    line.push('}');
    line
}

fn null() -> String {
    "null".to_owned()
}
