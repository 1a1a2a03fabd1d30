//! The data point of a request for Analytics Engine.
//!
//! | place | what |
//! | --- | --- |
//! | index 1 | the alias, or the target where the request passed through |
//! | blobs 1 to 8 | dialect, caller, alias, tier, target, effort, reason, details |
//! | blob 9 | the budgets that it was charged to, divided by commas |
//! | double 1 to 4 | status, attempts, milliseconds, bytes of the request's body |
//! | double 5 to 14 | the bill, in the order of [`record::BILL`]: tokens, then pico-dollars, then 1 where nothing was reported |
//! | double 15 to 16 | the charge, in the order of [`record::CHARGED`]: pico-dollars for each of these budgets, then 1 where that is an estimate |
//!
//! Holds no prompt text, no key and no token.

use pointsman::{
    Dialect, Effort, Receipt, Summary,
    record::{self, Count, Facts},
};

/// One data point.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) index: String,
    pub(crate) blobs: [String; 9],
    /// Counts and pico-dollars; Analytics Engine has floats alone.
    pub(crate) doubles: Vec<u64>,
}

impl Point {
    /// `charged` is what [`record::charged`] says.
    pub(crate) fn new(
        facts: &Facts<'_>,
        summary: Option<&Summary>,
        receipt: Option<&Receipt>,
        charged: &[Count<'_>],
    ) -> Self {
        let target = receipt.map_or("", |receipt| receipt.target.as_str());
        let of = |part: fn(&Summary) -> Option<&str>| summary.and_then(part).unwrap_or_default();
        let alias = of(|summary| summary.alias.as_deref());
        let budgets = record::budgets(charged).join(",");
        let blobs = [
            of(|summary| summary.dialect.map(Dialect::name)),
            of(|summary| summary.caller.as_deref()),
            alias,
            of(|summary| summary.tier.as_deref()),
            target,
            facts.effort.map_or("", Effort::name),
            of(|summary| Some(summary.reason.code())),
            facts.details.unwrap_or_default(),
            &budgets,
        ];
        let mut doubles =
            vec![u64::from(facts.status), u64::from(facts.attempts), facts.duration_ms, facts.bytes_in];
        doubles.extend(receipt.and_then(record::bill).unwrap_or_default());
        // Each budget is charged the same.
        let most = |name| charged.iter().filter(|count| count.name == name).map(|count| count.add).max();
        doubles.extend(record::CHARGED.map(|name| most(name).unwrap_or(0)));
        // An index has at most 96 bytes.
        let index = if alias.is_empty() { target } else { alias }.chars().take(24).collect();
        Self { index, blobs: blobs.map(str::to_owned), doubles }
    }
}
