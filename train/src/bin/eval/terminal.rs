//! The report on a terminal: bars, and both tables.

use anstream::println;

use crate::{Report, table::Table};

/// Prints it.
pub(crate) fn print(report: &Report) {
    for table in &report.tables {
        tables(table);
    }
    println!("\nwhat was asked for");
    for bar in &report.bars {
        let mark = match bar.met {
            Some(true) => "\u{1b}[32m✓\u{1b}[0m",
            Some(false) => "\u{1b}[31m✗\u{1b}[0m",
            None => "?",
        };
        println!("{mark} {}: {}  ({})", bar.what, bar.found, bar.bar);
    }
}

fn tables(table: &Table) {
    println!("\n{}: {}", table.split, table.what);
    println!(
        "{:<9} {:<52} {:>6} {:>6} {:>13} {:>6} {:>6} {:>6} | {:>11} {:>6} {:>7} {:>8}",
        "source",
        "pair",
        "rows",
        "APGR",
        "95 %",
        "CPT50",
        "CPT80",
        "AUC",
        "random",
        "length",
        "numbers",
        "shuffled"
    );
    for row in &table.rows {
        let mut pair = row.pair.clone();
        pair.truncate(52);
        println!(
            "{:<9} {pair:<52} {:>6} {:>6.3} {:>13} {:>6.3} {:>6.3} {:>6.3} | {:>11} {:>6.3} {:>7.3} {:>8.3}{}",
            row.source,
            row.rows,
            row.apgr,
            format!("{:.3}–{:.3}", row.interval[0], row.interval[1]),
            row.cpt50,
            row.cpt80,
            row.auc,
            format!(".500 ± {:.3}", row.labels.random_spread),
            row.controls.length,
            row.controls.numbers,
            row.controls.shuffled,
            if row.why.is_some() { "  *" } else { "" },
        );
    }
    for mean in &table.means {
        println!(
            "mean of {} {:<53} {:>6} {:>6.3} {:>13} {:>20} | {:>11} {:>6.3} {:>7.3}",
            mean.sources,
            mean.of,
            "",
            mean.apgr,
            format!("{:.3}–{:.3}", mean.interval[0], mean.interval[1]),
            "",
            "",
            mean.length,
            mean.numbers
        );
    }
    for row in &table.rows {
        if let Some(why) = &row.why {
            println!("* {}, {}: {why}", row.source, row.pair);
        }
    }
}
