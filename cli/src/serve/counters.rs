//! Counters and one histogram, as Prometheus text. Names and labels are those of the Envoy door.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pointsman::record::{Count, DECISION_BUCKETS, DECISION_US};

/// Most series of one name. Labels come from the configuration and from lists in the code; this stops whatever slips
/// through, also over many reloads.
const SERIES: usize = 512;

/// All that this process has counted.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By name.
    counts: BTreeMap<&'static str, Vec<Series>>,
    decisions: [u64; DECISION_BUCKETS.len()],
    decision_count: u64,
    decision_sum: u64,
    lost_lines: u64,
}

/// One counter of a name. Those of a name are in the order of their labels, so that one is found without a text being made.
#[derive(Debug)]
struct Series {
    labels: Vec<(&'static str, Cow<'static, str>)>,
    total: u64,
}

impl Counters {
    /// Moves counters.
    pub(super) fn count<'a>(&self, counts: impl IntoIterator<Item = Count<'a>>) {
        let mut table = self.table();
        for count in counts {
            table.count(count);
        }
    }

    /// Adds the time of a decision to the histogram.
    pub(super) fn decision(&self, micros: u64) {
        let mut table = self.table();
        let fits = |bound: &u32| micros <= u64::from(*bound);
        if let Some(at) = DECISION_BUCKETS.iter().position(fits)
            && let Some(bucket) = table.decisions.get_mut(at)
        {
            *bucket += 1;
        }
        table.decision_count += 1;
        table.decision_sum = table.decision_sum.saturating_add(micros);
    }

    /// A line of the access log found no room.
    pub(super) fn lost_line(&self) {
        self.table().lost_lines += 1;
    }

    /// All of them, in the text format of Prometheus.
    pub(super) fn page(&self) -> String {
        let table = self.table();
        let mut page = String::with_capacity(4096);
        for (name, series) in &table.counts {
            // Writing to a string does not fail.
            let _ = writeln!(page, "# TYPE {name} counter");
            // Two names of the configuration may be printed alike.
            let mut printed: BTreeMap<String, u64> = BTreeMap::new();
            for Series { labels, total } in series {
                let sum = printed.entry(print(labels)).or_default();
                *sum = sum.saturating_add(*total);
            }
            for (labels, total) in printed {
                let _ = writeln!(page, "{name}{{{labels}}} {total}");
            }
        }
        let _ = writeln!(page, "# TYPE {DECISION_US} histogram");
        let mut below = 0;
        for (bound, count) in DECISION_BUCKETS.iter().zip(table.decisions) {
            below += count;
            let _ = writeln!(page, "{DECISION_US}_bucket{{le=\"{bound}\"}} {below}");
        }
        let (count, sum) = (table.decision_count, table.decision_sum);
        let _ = writeln!(page, "{DECISION_US}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(page, "{DECISION_US}_sum{{}} {sum}\n{DECISION_US}_count{{}} {count}");
        if table.lost_lines > 0 {
            let lost = table.lost_lines;
            let _ = writeln!(
                page,
                "# TYPE pointsman_log_lines_lost counter\npointsman_log_lines_lost{{}} {lost}"
            );
        }
        page
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&mut self, count: Count<'_>) {
        let series = self.counts.entry(count.name).or_default();
        match series.binary_search_by(|known| compare(&known.labels, &count.labels)) {
            Ok(at) => {
                if let Some(known) = series.get_mut(at) {
                    known.total = known.total.saturating_add(count.add);
                }
            }
            Err(at) if series.len() < SERIES => {
                let own = |(name, value): (_, Cow<'_, str>)| (name, Cow::Owned(value.into_owned()));
                let labels = count.labels.into_iter().map(own).collect();
                series.insert(at, Series { labels, total: count.add });
            }
            Err(_) => {}
        }
    }
}

/// Two of a name have the same labels, save for one that a counter may lack.
fn compare(known: &[(&'static str, Cow<'static, str>)], labels: &[(&'static str, Cow<'_, str>)]) -> Ordering {
    known
        .iter()
        .map(|(name, value)| (*name, &**value))
        .cmp(labels.iter().map(|(name, value)| (*name, &**value)))
}

/// Labels as Prometheus reads them.
fn print(labels: &[(&'static str, Cow<'static, str>)]) -> String {
    let mut text = String::with_capacity(64);
    for (name, value) in labels {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{name}=\"{}\"", label(value));
    }
    text
}

/// A label's value, escaped. Envoy's names cannot hold a dot: one query must do for both.
fn label(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '.' => out.push('_'),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn the_page_is_what_prometheus_reads() {
        let counters = Counters::default();
        for add in [3, 4] {
            let labels =
                vec![("kind", Cow::Borrowed("input")), ("target", Cow::Borrowed("maker/name-5.4 \"x\""))];
            counters.count([Count { name: "pointsman_tokens", labels, add }]);
        }
        counters.decision(7);
        counters.decision(70_000);
        let page = counters.page();
        for line in [
            "# TYPE pointsman_tokens counter",
            "pointsman_tokens{kind=\"input\",target=\"maker/name-5_4 \\\"x\\\"\"} 7",
            "pointsman_decision_us_bucket{le=\"5\"} 0",
            "pointsman_decision_us_bucket{le=\"10\"} 1",
            "pointsman_decision_us_bucket{le=\"5000\"} 1",
            "pointsman_decision_us_bucket{le=\"+Inf\"} 2",
            "pointsman_decision_us_sum{} 70007",
            "pointsman_decision_us_count{} 2",
        ] {
            assert!(page.lines().any(|known| known == line), "{line} is missing in\n{page}");
        }
    }

    #[test]
    fn the_series_of_a_name_are_bounded() {
        let counters = Counters::default();
        for i in 0..SERIES + 10 {
            let labels = vec![("reason", Cow::Owned(i.to_string()))];
            counters.count([Count { name: "pointsman_rejected", labels, add: 1 }]);
        }
        let page = counters.page();
        assert_eq!(page.lines().filter(|line| line.starts_with("pointsman_rejected")).count(), SERIES);
    }
}
