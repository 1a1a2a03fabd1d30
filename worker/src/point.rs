//! The data point of a request for Analytics Engine.
//!
//! | place | what |
//! | --- | --- |
//! | index 1 | the alias, or the target where the request passed through |
//! | blobs 1 to 8 | dialect, caller, alias, tier, target, effort, reason, details |
//! | double 1 to 4 | status, attempts, milliseconds, bytes of the request's body |
//! | double 5 to 14 | the bill, in the order of [`record::BILL`]: tokens, then pico-dollars, then 1 where nothing was reported |
//!
//! Holds no prompt text, no key and no token.

use pointsman::{
    Dialect, Effort, Receipt, Summary,
    record::{self, Facts},
};

/// One data point.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) index: String,
    pub(crate) blobs: [String; 8],
    /// Counts and pico-dollars; Analytics Engine has floats alone.
    pub(crate) doubles: Vec<u64>,
}

impl Point {
    pub(crate) fn new(facts: &Facts<'_>, summary: Option<&Summary>, receipt: Option<&Receipt>) -> Self {
        let target = receipt.map_or("", |receipt| receipt.target.as_str());
        let of = |part: fn(&Summary) -> Option<&str>| summary.and_then(part).unwrap_or_default();
        let alias = of(|summary| summary.alias.as_deref());
        let blobs = [
            of(|summary| summary.dialect.map(Dialect::name)),
            of(|summary| summary.caller.as_deref()),
            alias,
            of(|summary| summary.tier.as_deref()),
            target,
            facts.effort.map_or("", Effort::name),
            of(|summary| Some(summary.reason.code())),
            facts.details.unwrap_or_default(),
        ];
        let mut doubles =
            vec![u64::from(facts.status), u64::from(facts.attempts), facts.duration_ms, facts.bytes_in];
        doubles.extend(receipt.and_then(record::bill).unwrap_or_default());
        // An index has at most 96 bytes.
        let index = if alias.is_empty() { target } else { alias }.chars().take(24).collect();
        Self { index, blobs: blobs.map(str::to_owned), doubles }
    }
}
