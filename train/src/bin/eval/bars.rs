//! What was asked of the scorer, and what it does.

use serde::Serialize;
use train::order;

use crate::{Report, languages};

/// A bar, and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) bar: String,
    pub(crate) found: String,
    /// `None` where it was not measured.
    pub(crate) met: Option<bool>,
}

/// All of them.
pub(crate) fn all(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut add = |what: String, bar: String, found: String, met: Option<bool>| {
        bars.push(Bar { what, bar, found, met });
    };
    for (split, of, least) in
        [("groups", "usual pairs", 0.61), ("left out", "usual pairs", 0.55), ("left out", "groups", 0.58)]
    {
        let table = report.tables.iter().find(|table| table.split == split);
        let Some(mean) = table.and_then(|table| table.means.iter().find(|mean| mean.of == of)) else {
            continue;
        };
        let where_ = if split == "groups" { "near-equal prompts left out" } else { "whole source left out" };
        add(
            format!("APGR, mean of {} sources, {of}, {where_}", mean.sources),
            format!("≥ {least:.2}"),
            format!(
                "{:.3} ({:.3} to {:.3}); length {:.3}",
                mean.apgr, mean.interval[0], mean.interval[1], mean.length
            ),
            Some(mean.apgr >= least),
        );
    }
    for table in &report.tables {
        let (rows, behind) = (table.rows.len(), table.rows.iter().filter(|row| row.why.is_some()).count());
        let beyond = table
            .rows
            .iter()
            .filter_map(|row| row.why.as_deref())
            .filter(|why| why.starts_with("Behind"))
            .count();
        add(
            format!("Rows above their best trivial control, {}", table.split),
            format!("{rows} of {rows}"),
            format!("{} of {rows}; {beyond} are behind beyond noise, the table says why", rows - behind),
            Some(behind == 0),
        );
    }
    for row in &report.rewordings {
        let percent = |part: f64| format!("{:.1} %", part * 100.0);
        add(
            format!(
                "Same side when reworded ({}: {}), at the median and at a dial of 20 %",
                row.kind, row.what
            ),
            format!("≥ {:.0} %, {:.0} %", row.bar_median * 100.0, row.bar_dial_20 * 100.0),
            format!("{}, {}", percent(row.median), percent(row.dial_20)),
            Some(row.median >= row.bar_median && row.dial_20 >= row.bar_dial_20),
        );
    }
    let (same, n) = report
        .languages
        .iter()
        .fold((0.0, 0), |(same, n), row| (same + row.same_rung * row.n as f64, n + row.n));
    let least = report.languages.iter().map(|row| row.same_rung).fold(1.0, f64::min);
    add(
        format!("The same question in {} other languages on the same rung", report.languages.len()),
        format!("≥ {:.0} %", languages::BAR * 100.0),
        format!("{:.1} %, at least {:.1} % in each", same / n.max(1) as f64 * 100.0, least * 100.0),
        Some(same / n.max(1) as f64 >= languages::BAR),
    );
    add(
        format!("Easy open prompts below hard ones, pairs of {} × {}", order::EASY.len(), order::HARD.len()),
        format!("≥ {:.0} %", order::BAR * 100.0),
        format!("{:.1} %", report.easy_below_hard * 100.0),
        Some(report.easy_below_hard >= order::BAR),
    );
    add(
        "Weights".to_owned(),
        "≤ 512 KB, aim 64".to_owned(),
        format!("{:.0} KB", report.weights_bytes as f64 / 1000.0),
        Some(report.weights_bytes <= 512 * 1024),
    );
    for row in &report.speed {
        for (host, took, bar) in
            [("natively", Some(row.native), row.native_bar), ("in WebAssembly", row.wasm, row.wasm_bar)]
        {
            let Some(bar) = bar else { continue };
            add(
                format!("Judging a {} {host}", row.name),
                format!("≤ {bar:.0} µs"),
                took.map_or_else(|| "not measured".to_owned(), |took| format!("{:.1} µs", took.judge)),
                took.map(|took| took.judge <= bar),
            );
        }
    }
    bars
}
