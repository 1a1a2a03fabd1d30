//! Counters and one histogram, in Envoy's own statistics.
//!
//! Labels are part of a metric's name, as `.label=value`; `stats_tags` in the bootstrap cut them out again. Values hold
//! no dot. Their number is bounded: tiers, targets and upstreams come from the configuration, the rest from lists in the
//! code, and [`NAMES`] stops whatever slips through.
//!
//! | name | labels |
//! | --- | --- |
//! | `pointsman_requests` | `dialect`, `tier`, `reason` |
//! | `pointsman_rejected` | `reason` |
//! | `pointsman_attempts` | `upstream`, `status` (`2xx`…, `none` where no answer came) |
//! | `pointsman_tokens` | `kind`, `target` |
//! | `pointsman_cost_picodollars`, `pointsman_baseline_picodollars` | `target` |
//! | `pointsman_saved_picodollars`, `pointsman_overspent_picodollars` | `target` |
//! | `pointsman_unreported` | `target` |
//! | `pointsman_budget_spent_picodollars`, `pointsman_budget_estimated` | `budget` |
//! | `pointsman_decision_us` | histogram, no labels |

use std::cell::RefCell;

use pointsman::{
    Config, Dialect, PicoUsd, Receipt, Summary, Tab,
    record::{self, BILL},
};

use crate::host::{self, Metric};

/// Most names of one kind that a VM makes known to the host.
const NAMES: usize = 512;

thread_local! {
    // One for the VM, both roles together. The host makes a new entry each time a name is defined.
    static TABLE: RefCell<Table> = const { RefCell::new(Table::new()) };
}

/// Numbers of what was counted before, by what was counted: names are put together once.
struct Table {
    requests: Vec<(Option<Dialect>, &'static str, String, u32)>,
    rejections: Vec<(&'static str, u32)>,
    attempts: Vec<(String, &'static str, u32)>,
    targets: Vec<(String, [Option<u32>; BILL.len()])>,
    budgets: Vec<(&'static str, String, u32)>,
    decision: Option<u32>,
}

/// A request that was sent on.
pub(crate) fn request(summary: &Summary) {
    let (dialect, reason) = (summary.dialect, summary.reason.code());
    let tier = summary.tier.as_deref().unwrap_or("none");
    with_table(|Table { requests, .. }| {
        let known = requests.iter().find(|(d, r, t, _)| (*d, *r, t.as_str()) == (dialect, reason, tier));
        let id = known.map(|(.., id)| *id).or_else(|| {
            let dialect_name = dialect.map_or("other", Dialect::name);
            let name =
                [("pointsman_requests.dialect=", dialect_name), (".tier=", tier), (".reason=", reason)];
            let id = define(requests.len(), &name)?;
            requests.push((dialect, reason, tier.to_owned(), id));
            Some(id)
        });
        count(id);
    });
}

/// A request that this door answered itself.
pub(crate) fn rejected(code: &'static str) {
    with_table(|Table { rejections, .. }| {
        let known = rejections.iter().find(|(known, _)| *known == code).map(|(_, id)| *id);
        let id = known.or_else(|| {
            let id = define(rejections.len(), &[("pointsman_rejected.reason=", code)])?;
            rejections.push((code, id));
            Some(id)
        });
        count(id);
    });
}

/// The outcome of one attempt: the status line's code, or nothing.
pub(crate) fn attempt(upstream: &str, status: Option<&[u8]>) {
    let status = status.map(|text| str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0));
    let class = record::status_class(status);
    with_table(|Table { attempts, .. }| {
        let known = attempts.iter().find(|(u, c, _)| (u.as_str(), *c) == (upstream, class));
        let id = known.map(|(.., id)| *id).or_else(|| {
            let name = [("pointsman_attempts.upstream=", upstream), (".status=", class)];
            let id = define(attempts.len(), &name)?;
            attempts.push((upstream.to_owned(), class, id));
            Some(id)
        });
        count(id);
    });
}

/// Time from the whole body to the edited request.
pub(crate) fn decision(nanos: u64) {
    with_table(|table| {
        if table.decision.is_none() {
            table.decision = host::define(Metric::Histogram, "pointsman_decision_us");
        }
        if let Some(id) = table.decision {
            host::record(id, nanos / 1000);
        }
    });
}

/// What budgets were charged.
pub(crate) fn charged(config: &Config, tab: &Tab, charge: PicoUsd, estimated: bool) {
    for count in record::charged(config, tab, charge, estimated) {
        let Some((label, budget)) = count.labels.first() else { continue };
        with_table(|Table { budgets, .. }| {
            let known = budgets.iter().find(|(name, of, _)| *name == count.name && of == budget);
            let id = known.map(|(.., id)| *id).or_else(|| {
                let head = format!("{}.{label}=", count.name);
                let id = define(budgets.len(), &[(&head, budget)])?;
                budgets.push((count.name, budget.clone().into_owned(), id));
                Some(id)
            });
            if let Some(id) = id {
                host::increment(id, count.add);
            }
        });
    }
}

/// What an answer used and cost.
pub(crate) fn receipt(receipt: &Receipt) {
    let Some(counts) = record::bill(receipt) else { return };
    with_table(|table| table.bill(&receipt.target, &counts));
}

fn with_table(f: impl FnOnce(&mut Table)) {
    TABLE.with(|table| {
        // Never borrowed twice: nothing in here calls back.
        if let Ok(mut table) = table.try_borrow_mut() {
            f(&mut table);
        }
    });
}

/// Makes a counter known, under a name made of label heads and values, unless there are too many of its kind.
fn define(already: usize, parts: &[(&str, &str)]) -> Option<u32> {
    if already >= NAMES {
        return None;
    }
    let mut name = String::with_capacity(96);
    for (head, value) in parts {
        name.push_str(head);
        push_value(&mut name, value);
    }
    host::define(Metric::Counter, &name)
}

fn count(id: Option<u32>) {
    if let Some(id) = id {
        host::increment(id, 1);
    }
}

impl Table {
    const fn new() -> Self {
        Self {
            requests: Vec::new(),
            rejections: Vec::new(),
            attempts: Vec::new(),
            targets: Vec::new(),
            budgets: Vec::new(),
            decision: None,
        }
    }

    fn bill(&mut self, target: &str, counts: &[u64; BILL.len()]) {
        let known = self.targets.iter().position(|(name, _)| name == target);
        if known.is_none() {
            if self.targets.len() >= NAMES {
                return;
            }
            self.targets.push((target.to_owned(), [None; BILL.len()]));
        }
        let entry = match known {
            Some(i) => self.targets.get_mut(i),
            None => self.targets.last_mut(),
        };
        let Some((_, ids)) = entry else { return };
        for (((name, kind), id), count) in BILL.iter().zip(ids).zip(counts) {
            if *count == 0 {
                continue;
            }
            if id.is_none() {
                let kind_label = if kind.is_some() { ".kind=" } else { "" };
                let kind = (kind_label, kind.unwrap_or_default());
                *id = define(0, &[(name, ""), kind, (".target=", target)]);
            }
            if let Some(id) = id {
                host::increment(*id, *count);
            }
        }
    }
}

/// A label's value: a dot would end it.
fn push_value(name: &mut String, value: &str) {
    name.extend(value.chars().map(|c| match c {
        '.' => '_',
        c => c,
    }));
}
