//! The bill as a table, and as data.

use std::time::Duration;

use anstyle::Style;
use live::Failure;
use pointsman::{Ladder, PicoUsd};
use pointsman_cli::paint;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    controls::Control,
    ledger::{Row, Sum, dollars, percent},
};
use crate::table::{BLUE, BOLD, Cell, Column, DIM, GREEN, MAGENTA, PLAIN, RED, Table, YELLOW};

/// Colours of the tiers, cheapest first.
const TIERS: [Style; 4] = [GREEN, BLUE, MAGENTA, YELLOW];

/// All there is to say.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) rows: &'a [Row],
    /// Number of the bundle before which a provider died, and its name.
    pub(crate) death: Option<(usize, &'a str)>,
    /// Requests that went round the dead one.
    pub(crate) rescued: usize,
    pub(crate) controls: &'a [Control],
    pub(crate) ladder: Option<&'a Ladder>,
    /// The target that the bill is held against.
    pub(crate) baseline: String,
}

#[derive(Serialize)]
struct Data<'a> {
    requests: &'a [Row],
    totals: Value,
}

impl Report<'_> {
    /// Prints `{"requests":[…],"totals":{…}}`.
    pub(crate) fn print_json(&self) -> Result<(), Failure> {
        let data = Data { requests: self.rows, totals: self.totals() };
        let text = serde_json::to_string_pretty(&data).map_err(|error| Failure::new(error.to_string()))?;
        println!("{text}");
        Ok(())
    }

    fn totals(&self) -> Value {
        let sum = Sum::of(self.rows);
        let tiers: Map<String, Value> = self
            .shares()
            .into_iter()
            .map(|(tier, share)| {
                let of_all = 100.0 * part(share.requests, sum.requests);
                let value = json!({
                    "requests": share.requests, "share_percent": rounded(of_all), "cost_usd": dollars(share.cost),
                });
                (tier, value)
            })
            .collect();
        let controls: Map<String, Value> = self
            .controls
            .iter()
            .map(|control| {
                let value = json!({
                    "requests": control.sum.requests,
                    "answered": control.sum.answered,
                    "cost_usd": dollars(control.sum.cost),
                });
                (control.name.to_owned(), value)
            })
            .collect();
        json!({
            "requests": sum.requests,
            "answered": sum.answered,
            "input_tokens": sum.input_tokens,
            "cached_tokens": sum.cached_tokens,
            "output_tokens": sum.output_tokens,
            "cost_usd": dollars(sum.cost),
            "baseline_usd": dollars(sum.baseline),
            "baseline": self.baseline,
            "saved_percent": rounded(sum.saved_percent()),
            "tiers": tiers,
            "outage": self.death.map(|(_, name)| json!({ "provider": name, "answered_by_the_next": self.rescued })),
            "controls": controls,
        })
    }

    /// Sums by tier, in the order of the ladder; what was not routed has no tier.
    fn shares(&self) -> Vec<(String, Sum)> {
        let tiers = self.ladder.into_iter().flat_map(|ladder| &ladder.tiers);
        tiers
            .map(|tier| (tier.name.clone(), Sum::of(self.rows.iter().filter(|row| row.tier == tier.name))))
            .collect()
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        paint::heading("requests");
        self.requests().print();
        paint::aside("≈ answered as an event stream");
        paint::heading("tiers");
        self.tiers().print();
        if !self.controls.is_empty() {
            paint::heading("what it would have been");
            self.comparison().print();
        }
    }

    fn requests(&self) -> Table {
        let mut table = Table::new(&[
            Column::Left("request"),
            Column::Left("api"),
            Column::Left(""),
            Column::Left("tier"),
            Column::Left("model"),
            Column::Left("effort"),
            Column::Giving("reason"),
            Column::Right("tries"),
            Column::Right("in"),
            Column::Right("cached"),
            Column::Right("out"),
            Column::Right("cost"),
            Column::Right("baseline"),
            Column::Right("status"),
        ]);
        let mut alive = true;
        for row in self.rows {
            if let Some((at, name)) = self.death
                && alive
                && row.bundle >= at
            {
                alive = false;
                table.across(&format!("{name} dies here: connections are refused from now on"), RED);
            }
            let tier = self.style_of(&row.tier);
            let tries = if row.attempts > 1 { YELLOW } else { DIM };
            let status = if row.status == 200 { GREEN } else { RED };
            table.row(vec![
                row.id.clone().into(),
                Cell::new(row.dialect.clone(), DIM),
                Cell::new(if row.stream { "≈" } else { "" }, DIM),
                Cell::new(row.tier.clone(), tier),
                Cell::new(row.model.clone(), tier),
                row.effort.clone().unwrap_or_else(|| "–".to_owned()).into(),
                Cell::new(row.reason.clone(), DIM),
                Cell::new(row.attempts.to_string(), tries),
                count(row.input_tokens).into(),
                Cell::new(count(row.cached_tokens), DIM),
                count(row.output_tokens).into(),
                money(row.cost).into(),
                Cell::new(money(row.baseline), DIM),
                Cell::new(row.status.to_string(), status),
            ]);
        }
        table.rule();
        let sum = Sum::of(self.rows);
        let bold = |text: String| Cell::new(text, BOLD);
        let mut total = vec![bold(format!("{} requests", sum.requests))];
        total.extend((0..7).map(|_| Cell::from("")));
        total.extend([sum.input_tokens, sum.cached_tokens, sum.output_tokens].map(|n| bold(count(Some(n)))));
        total.extend([sum.cost, sum.baseline].map(|n| bold(money(Some(n)))));
        total.push(bold(format!("{} ok", sum.answered)));
        table.row(total);
        table
    }

    fn tiers(&self) -> Table {
        let mut table = Table::new(&[
            Column::Left("tier"),
            Column::Right("requests"),
            Column::Right("share"),
            Column::Right("cost"),
            Column::Right("baseline"),
            Column::Right("saved"),
            Column::Left(""),
        ]);
        let whole = Sum::of(self.rows);
        for (tier, sum) in self.shares() {
            let share = part(sum.requests, whole.requests);
            table.row(vec![
                Cell::new(tier.clone(), self.style_of(&tier)),
                sum.requests.to_string().into(),
                format!("{:.0} %", share * 100.0).into(),
                money(Some(sum.cost)).into(),
                Cell::new(money(Some(sum.baseline)), DIM),
                format!("{:.0} %", sum.saved_percent()).into(),
                Cell::new(bar(share), self.style_of(&tier)),
            ]);
        }
        table
    }

    fn comparison(&self) -> Table {
        let mut table = Table::new(&[
            Column::Left("the same requests"),
            Column::Right("answered"),
            Column::Right("out tokens"),
            Column::Right("cost"),
            Column::Right("routed is"),
        ]);
        let sum = Sum::of(self.rows);
        let answered = |sum: Sum| format!("{}/{}", sum.answered, sum.requests);
        table.row(vec![
            Cell::new("routed", BOLD),
            answered(sum).into(),
            count(Some(sum.output_tokens)).into(),
            Cell::new(money(Some(sum.cost)), BOLD),
            "".into(),
        ]);
        let mut other = |title: &str, answered: String, tokens: u64, cost: PicoUsd| {
            table.row(vec![
                title.into(),
                answered.into(),
                count(Some(tokens)).into(),
                money(Some(cost)).into(),
                Cell::new(cheaper(percent(sum.cost, cost)), PLAIN),
            ]);
        };
        other(&format!("same tokens at {}", self.baseline), "–".to_owned(), sum.output_tokens, sum.baseline);
        for control in self.controls {
            other(control.title, answered(control.sum), control.sum.output_tokens, control.sum.cost);
        }
        table
    }

    /// What the run has shown. Only to be called when it has.
    pub(crate) fn print_proofs(&self, host: &str, took: Duration) {
        println!();
        let sum = Sum::of(self.rows);
        paint::done(&format!("{} requests in three APIs, every answer in its client's own", sum.requests));
        if let Some((_, name)) = self.death {
            paint::done(&format!(
                "{} of them were {name}'s turn when it was dead: the next target answered, with its own key and model",
                self.rescued
            ));
        }
        paint::done("event streams arrived as they were sent, byte for byte, none held back");
        paint::done(&format!(
            "the bill, the counters of {host} and the providers' own records agree to the last token"
        ));
        paint::done("no key and no internal header went astray; HTTP/2 over TLS to every provider");
        paint::aside(&format!(
            "answers are made up by simulated providers; prices are the catalogue's, figures are the router's own              ({:.1} s)",
            took.as_secs_f64()
        ));
    }

    fn style_of(&self, tier: &str) -> Style {
        let mut tiers = self.ladder.into_iter().flat_map(|ladder| &ladder.tiers);
        let index = tiers.position(|known| known.name == tier);
        index.and_then(|i| TIERS.get(i)).copied().unwrap_or(PLAIN)
    }
}

/// `12 % less`, or more.
fn cheaper(percent: f64) -> String {
    if percent >= 0.0 { format!("{percent:.0} % cheaper") } else { format!("{:.0} % dearer", -percent) }
}

fn count(count: Option<u64>) -> String {
    let Some(count) = count else { return "–".to_owned() };
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn money(money: Option<PicoUsd>) -> String {
    money.map_or_else(|| "–".to_owned(), |money| format!("${:.6}", dollars(money)))
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
fn part(of: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { of as f64 / whole as f64 }
}

fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 40")]
fn bar(share: f64) -> String {
    "█".repeat((share * 40.0).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(Some(1_234_567)), "1,234,567");
        assert_eq!(count(Some(999)), "999");
        assert_eq!(count(None), "–");
        assert_eq!(money(Some(PicoUsd::from_pico(3_150_000))), "$0.000003");
        assert_eq!(cheaper(-12.4), "12 % dearer");
    }
}
