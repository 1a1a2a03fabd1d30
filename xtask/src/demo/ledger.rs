//! The bill: what the host's access log says of each request, and whether all books agree.

use std::collections::BTreeMap;

use live::Failure;
use pointsman::PicoUsd;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    play::{Exchange, Played},
    stage::Stage,
};

/// One request on the bill, in the filter's own figures. Serialised as the demo's `--json` has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) bundle: usize,
    pub(crate) dialect: String,
    #[serde(skip)]
    pub(crate) stream: bool,
    pub(crate) tier: String,
    /// `provider/model`.
    pub(crate) model: String,
    pub(crate) effort: Option<String>,
    pub(crate) reason: String,
    pub(crate) attempts: u64,
    /// All of the prompt, what was read from a cache included; `None` where it was not reported.
    pub(crate) input_tokens: Option<u64>,
    pub(crate) cached_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    #[serde(rename = "cost_usd", serialize_with = "in_dollars")]
    pub(crate) cost: Option<PicoUsd>,
    #[serde(rename = "baseline_usd", serialize_with = "in_dollars")]
    pub(crate) baseline: Option<PicoUsd>,
    pub(crate) status: u64,
}

/// The sum of some rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) input_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost: PicoUsd,
    pub(crate) baseline: PicoUsd,
}

/// Reads the rows from the access log, which has them in the order of the exchanges.
///
/// # Errors
/// A log that does not tell the same story.
pub(crate) async fn rows(stage: &Stage, played: &Played) -> Result<Vec<Row>, Failure> {
    let lines = stage.log(played.exchanges.len()).await?;
    if lines.len() != played.exchanges.len() {
        let (lines, sent) = (lines.len(), played.exchanges.len());
        return Err(Failure::new(format!("{sent} requests were sent, the access log has {lines}")));
    }
    played.exchanges.iter().zip(&lines).map(|(exchange, line)| row(exchange, line)).collect()
}

fn row(exchange: &Exchange, line: &Value) -> Result<Row, Failure> {
    let word = |name: &str| match &line[name] {
        Value::String(text) if text != "-" => Some(text.clone()),
        _ => None,
    };
    let count = |name: &str| match &line[name] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let money = |name: &str| word(name).and_then(|text| dollars_to_pico(&text));
    let row = Row {
        id: exchange.id.clone(),
        bundle: exchange.bundle,
        dialect: word("dialect").unwrap_or_default(),
        stream: exchange.stream,
        tier: word("tier").unwrap_or_default(),
        model: word("target").unwrap_or_default(),
        effort: word("effort"),
        reason: word("reason").unwrap_or_default(),
        attempts: count("attempts").unwrap_or(0),
        input_tokens: count("input_tokens"),
        cached_tokens: count("cached_tokens"),
        output_tokens: count("output_tokens"),
        cost: money("cost_usd"),
        baseline: money("baseline_usd"),
        status: count("status").unwrap_or(0),
    };
    // The log has no name for a request: hold it against what the client was told.
    let same = row.status == u64::from(exchange.answer.status)
        && row.model == exchange.answer.header("x-pointsman-model")
        && row.tier == exchange.answer.header("x-pointsman-tier")
        && row.effort.as_deref().unwrap_or_default() == exchange.answer.header("x-pointsman-effort")
        && row.dialect == exchange.dialect.name();
    if same || exchange.answer.status != 200 {
        return Ok(row);
    }
    Err(Failure::new(format!("{}: the access log and the answer's headers differ: {line}", exchange.id)))
}

impl Sum {
    /// Adds up.
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        rows.into_iter().fold(Self::default(), |sum, row| Self {
            requests: sum.requests + 1,
            answered: sum.answered + u64::from(row.status == 200),
            input_tokens: sum.input_tokens + row.input_tokens.unwrap_or(0),
            cached_tokens: sum.cached_tokens + row.cached_tokens.unwrap_or(0),
            output_tokens: sum.output_tokens + row.output_tokens.unwrap_or(0),
            cost: sum.cost.saturating_add(row.cost.unwrap_or_default()),
            baseline: sum.baseline.saturating_add(row.baseline.unwrap_or_default()),
        })
    }

    /// How much less it cost than the baseline, in percent.
    pub(crate) fn saved_percent(&self) -> f64 {
        percent(self.cost, self.baseline)
    }
}

/// How much less `cost` is than `of`, in percent.
pub(crate) fn percent(cost: PicoUsd, of: PicoUsd) -> f64 {
    if of == PicoUsd::ZERO { 0.0 } else { 100.0 * (1.0 - dollars(cost) / dollars(of)) }
}

fn in_dollars<S: Serializer>(money: &Option<PicoUsd>, serializer: S) -> Result<S::Ok, S::Error> {
    money.map(dollars).serialize(serializer)
}

/// For printing; sums are made in whole pico-dollars.
#[expect(clippy::cast_precision_loss, reason = "15 digits are more than anybody reads")]
pub(crate) fn dollars(money: PicoUsd) -> f64 {
    money.pico() as f64 / 1e12
}

/// Holds the bill against the two other books: the host's statistics, and what the providers themselves will charge.
pub(crate) fn audit(stage: &Stage, rows: &[Row]) -> Result<Vec<String>, Failure> {
    let sum = Sum::of(rows);
    let mut faults = Vec::new();
    let mut equal = |what: &str, ours: u64, theirs: u64| {
        if ours != theirs {
            faults.push(format!("{what}: the rows add up to {ours}, but it is {theirs}"));
        }
    };
    let unreported =
        rows.iter().filter(|row| row.status == 200 && row.output_tokens.is_none()).count() as u64;
    equal("answers without usage", unreported, 0);

    // A Worker keeps no counters: its log is the one book that it has.
    if let Some(page) = stage.host.prometheus()? {
        let statistics = statistics(&page);
        let counter = |name: &str| statistics.get(name).copied().unwrap_or(0);
        equal("pico-dollars in the host's statistics", sum.cost.pico(), counter("cost_picodollars"));
        equal("baseline in the host's statistics", sum.baseline.pico(), counter("baseline_picodollars"));
        let prompt = counter("tokens input") + counter("tokens cached") + counter("tokens cache_write");
        equal("prompt tokens in the host's statistics", sum.input_tokens, prompt);
        equal("output tokens in the host's statistics", sum.output_tokens, counter("tokens output"));
        equal("requests in the host's statistics", sum.requests, counter("requests"));
        equal(
            "attempts in the host's statistics",
            rows.iter().map(|row| row.attempts).sum(),
            counter("attempts"),
        );
    }

    let (mut prompt, mut cached, mut output) = (0, 0, 0);
    for (_, seen) in stage.seen() {
        if let Some(billed) = seen.billed {
            prompt += billed.prompt();
            cached += billed.cache_read;
            output += billed.output;
        }
    }
    equal("prompt tokens that the providers bill", sum.input_tokens, prompt);
    equal("cached tokens that the providers bill", sum.cached_tokens, cached);
    equal("output tokens that the providers bill", sum.output_tokens, output);
    Ok(faults)
}

/// Sums of the filter's counters over all labels but the kind of token, without their prefix.
fn statistics(page: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let Some((_, name)) = name.split_once("pointsman_") else { continue };
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let kind = labels.split("kind=\"").nth(1).and_then(|rest| rest.split('"').next());
        let key = kind.map_or_else(|| name.to_owned(), |kind| format!("{name} {kind}"));
        *sums.entry(key).or_insert(0) += value.parse::<u64>().unwrap_or(0);
    }
    sums
}

/// `$0.00123` in pico-dollars, without rounding.
fn dollars_to_pico(text: &str) -> Option<PicoUsd> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 12 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<12}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    Some(PicoUsd::from_pico(whole.checked_mul(1_000_000_000_000)?.checked_add(fraction)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_as_it_is_written() {
        for pico in [0, 1, 315_000_000, 1_000_000_000_000, 18_000_000_000_001] {
            let money = PicoUsd::from_pico(pico);
            assert_eq!(dollars_to_pico(&money.to_string()), Some(money));
        }
        assert_eq!(dollars_to_pico("-"), None);
        assert_eq!(dollars_to_pico("$0.0000000000001"), None);
    }

    #[test]
    fn counters_are_summed_over_their_labels() {
        let page = "# TYPE x counter\n\
            envoy_wasmcustom_pointsman_tokens{kind=\"input\",target=\"a\"} 3\n\
            envoy_wasmcustom_pointsman_tokens{target=\"b\",kind=\"input\"} 4\n\
            envoy_wasmcustom_pointsman_cost_picodollars{target=\"a\"} 5\n";
        let sums = statistics(page);
        assert_eq!((sums["tokens input"], sums["cost_picodollars"]), (7, 5));
    }
}
