//! Ratios first, then dollars.

use pointsman_cli::paint;
use serde_json::{Value, json};

use super::{
    graded::Graded,
    replay::{OURS, POLICIES, Replayed},
    run::{Run, said},
};
use crate::table::{BOLD, Cell, Column, DIM, GREEN, PLAIN, RED, Table};

/// The most that ours may cost, as a share of the best model with its own warm cache.
pub(super) const BAR: f64 = 0.35;

/// Calls within which a loop is to be noticed.
const WITHIN: usize = 3;

/// What a task cost and is to cost, in dollars, as the project set out.
const SEED: (f64, f64) = (0.50, 0.02);

/// A policy over all runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) name: String,
    pub(super) cost: f64,
    pub(super) prompt: f64,
    pub(super) read: f64,
    pub(super) switches: f64,
    pub(super) strong_calls: f64,
    pub(super) kept: Option<f64>,
}

/// Loops and healthy runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Loops {
    pub(super) known: usize,
    pub(super) noticed: usize,
    pub(super) healthy: usize,
    pub(super) disturbed: usize,
    pub(super) missed: Vec<String>,
    pub(super) alarms: Vec<String>,
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) runs: usize,
    pub(super) calls: usize,
    pub(super) joined: usize,
    pub(super) stand_ins: Vec<(String, String, String)>,
    pub(super) sums: Vec<Sum>,
    /// Dollars of each run: the best model alone, and ours.
    pub(super) per_run: Vec<(f64, f64)>,
    pub(super) sharpened: u32,
    pub(super) loops: Loops,
    /// `None` where no outcomes are known.
    pub(super) graded: Option<Graded>,
    /// Threshold between the tiers, in permille of difficulty, where the bench set it.
    pub(super) threshold: Option<u16>,
}

impl Sum {
    pub(super) fn hit_share(&self) -> f64 {
        if self.prompt > 0.0 { self.read / self.prompt } else { 0.0 }
    }
}

impl Loops {
    /// Holds what the core noticed against loops that are known: those whose beginning is written down, and in recorded
    /// runs those that a plain reading of the messages finds. A run without such a loop that was solved, or that nobody
    /// checked, is healthy.
    pub(super) fn of(runs: &[Run], replayed: &[Replayed]) -> Self {
        let mut loops = Self::default();
        for (run, replayed) in runs.iter().zip(replayed) {
            let noticed = &replayed.told.loops;
            let begins = run.stuck.map(|call| call as usize).or_else(|| plain_loop(run));
            if let Some(begins) = begins {
                // The results of calls `begins`, +1, +2 are bad; the request after the third carries them all.
                if begins + WITHIN >= run.calls.len() {
                    continue;
                }
                loops.known += 1;
                if noticed.iter().any(|call| (begins..=begins + WITHIN).contains(call)) {
                    loops.noticed += 1;
                } else {
                    loops.missed.push(run.id.clone());
                }
            } else if run.solved != Some(false) {
                loops.healthy += 1;
                if !noticed.is_empty() {
                    loops.disturbed += 1;
                    loops.alarms.push(run.id.clone());
                }
            }
        }
        loops
    }

    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 runs")]
    fn shares(&self) -> (Option<f64>, Option<f64>) {
        let share = |part: usize, all: usize| (all > 0).then(|| part as f64 / all as f64);
        (share(self.noticed, self.known), share(self.disturbed, self.healthy))
    }
}

/// The call at which a loop of a recorded run begins, by a plain reading that shares nothing with the core: the same
/// assistant message three times in a row with the same reply, or three replies in a row that report a failure.
fn plain_loop(run: &Run) -> Option<usize> {
    let reply = |n: usize| -> Option<(String, String)> {
        let call = run.calls.get(n)?;
        let next = run.calls.get(n + 1).map_or(run.messages.len(), |call| call.sent);
        let asked: Value = serde_json::from_str(&run.messages.get(call.sent)?.0).ok()?;
        let mut text = String::new();
        let mut failed = 0;
        let mut all = 0;
        for (message, _) in run.messages.get(call.sent + 1..next)? {
            let value: Value = serde_json::from_str(message).ok()?;
            for block in value["content"].as_array().into_iter().flatten() {
                all += usize::from(block["type"] == "tool_result");
                let declined = said(&block["content"]).starts_with("The user doesn't want");
                failed += usize::from(block["is_error"] == true && !declined);
            }
            text.push_str(&said(&value["content"]));
        }
        let code = text.strip_prefix("<returncode>").and_then(|rest| rest.split('<').next()).unwrap_or("0");
        let output = text.split("<output>").nth(1).unwrap_or("").trim_start();
        let broken = (code != "0" && !output.starts_with("</output>") && text.len() > 64)
            || (all > 0 && failed == all)
            || text.starts_with("Error: ");
        let what = json!([asked["tool_calls"], asked["content"]]).to_string();
        let what = ids_gone(&what);
        Some((what, if broken { format!("broken {text}") } else { text }))
    };
    let replies: Vec<Option<(String, String)>> = (0..run.calls.len()).map(reply).collect();
    replies.windows(3).position(|three| {
        let [Some(a), Some(b), Some(c)] = three else { return false };
        let spoken = [a, b, c].iter().any(|(_, reply)| reply.is_empty());
        let same = a == b && b == c && !spoken;
        same || [a, b, c].iter().all(|(_, reply)| reply.starts_with("broken "))
    })
}

/// Without the ids of tool calls, which differ between calls that are otherwise the same.
fn ids_gone(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\"id\":\"") {
        out.push_str(before);
        rest = after.split_once('"').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

impl Results {
    /// The figures as data, and those of each run where they are wanted.
    pub(super) fn json(&self, each: Option<(&[Run], &[Replayed])>) -> Value {
        let policies: Vec<Value> = self
            .sums
            .iter()
            .map(|sum| {
                json!({
                    "name": sum.name,
                    "cost_usd": round(sum.cost),
                    "cache_hit_share": round(sum.hit_share()),
                    "switches": sum.switches.round() as u64,
                    "kept": sum.kept.map(round),
                })
            })
            .collect();
        let mut found = json!({ "runs": self.runs, "calls": self.calls, "policies": policies });
        if let Some((runs, replayed)) = each {
            found["details"] = self.details(runs, replayed);
        }
        found
    }

    /// All else that was found, and each run.
    fn details(&self, runs: &[Run], replayed: &[Replayed]) -> Value {
        let (noticed, disturbed) = self.loops.shares();
        json!({
            "threshold": self.threshold,
            "tasks_joined": self.joined,
            "stand_ins": self.stand_ins.iter().map(|(family, strong, cheap)| json!({
                "family": family, "strong": strong, "cheap": cheap,
            })).collect::<Vec<_>>(),
            "strong_calls": self.sums.iter().map(|sum| round(sum.strong_calls)).collect::<Vec<_>>(),
            "graded": self.graded.as_ref().map(Graded::json),
            "loops": {
                "known": self.loops.known,
                "noticed_within_3": self.loops.noticed,
                "noticed_share": noticed.map(round),
                "healthy_runs": self.loops.healthy,
                "falsely_escalated": self.loops.disturbed,
                "false_share": disturbed.map(round),
            },
            "decisions_sharpened_by_memory": self.sharpened,
            "per_task": self.per_task(),
            "each": runs.iter().zip(replayed).map(|(run, replayed)| one(run, replayed)).collect::<Vec<_>>(),
        })
    }

    /// Where the project's figure, from half a dollar to two cents a task, holds.
    fn per_task(&self) -> Value {
        let median = |of: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = self.per_run.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(0.0)
        };
        let dear = self.per_run.iter().filter(|(frontier, _)| *frontier >= SEED.0).count();
        let reached = self
            .per_run
            .iter()
            .filter(|(frontier, ours)| *frontier >= SEED.0 && ours / frontier <= SEED.1 / SEED.0)
            .count();
        let under = self.per_run.iter().filter(|(_, ours)| *ours <= SEED.1).count();
        json!({
            "median_frontier_usd": round(median(|run| run.0)),
            "median_ours_usd": round(median(|run| run.1)),
            "runs_of_half_a_dollar_or_more_on_the_frontier": dear,
            "of_them_at_a_twenty_fifth_or_less": reached,
            "runs_of_two_cents_or_less": under,
        })
    }

    /// Where the project's figure holds, in words.
    fn print_per_task(&self) {
        let per_task = self.per_task();
        anstream::println!(
            "\na task, in the median: ${} on the frontier, ${} here; two cents or less: {} of {} runs here",
            per_task["median_frontier_usd"],
            per_task["median_ours_usd"],
            per_task["runs_of_two_cents_or_less"],
            self.runs,
        );
        anstream::println!(
            "from half a dollar to two cents: of {} runs that cost half a dollar or more on the frontier, {} cost a \
             twenty-fifth or less here; with every call on the cheap model the bill is a {:.0}th, and that is as far as \
             these two models go",
            per_task["runs_of_half_a_dollar_or_more_on_the_frontier"],
            per_task["of_them_at_a_twenty_fifth_or_less"],
            self.sums[0].cost / self.sums[1].cost,
        );
    }

    /// The figures as a table.
    pub(super) fn print(&self, runs: &[Run], replayed: &[Replayed], each: bool) {
        if each {
            print_runs(runs, replayed);
        }
        paint::heading(&format!("{} runs, {} calls", self.runs, self.calls));
        let mut table = Table::new(&[
            Column::Left("policy"),
            Column::Right("bill"),
            Column::Right("of frontier"),
            Column::Right("cache hits"),
            Column::Right("switches"),
            Column::Right("calls on the best"),
            Column::Right("tasks kept"),
        ]);
        let frontier = self.sums[0].cost;
        for (n, sum) in self.sums.iter().enumerate() {
            let share = sum.cost / frontier;
            let style = match n {
                OURS if share <= BAR => GREEN.bold(),
                OURS => RED,
                _ => PLAIN,
            };
            let name = if n == OURS { BOLD } else { PLAIN };
            table.row(vec![
                Cell::new(sum.name.clone(), name),
                format!("${:.2}", sum.cost).into(),
                Cell::new(format!("{share:.3}"), style),
                format!("{:.1} %", 100.0 * sum.hit_share()).into(),
                format!("{:.0}", sum.switches).into(),
                format!("{:.0}", sum.strong_calls).into(),
                sum.kept.map_or_else(|| "?".to_owned(), |kept| format!("{:.1} %", 100.0 * kept)).into(),
            ]);
        }
        table.print();
        if let Some(threshold) = self.threshold {
            paint::aside(&format!(
                "the frontier begins at difficulty {threshold}, set by the cost of these runs alone"
            ));
        }
        for (family, strong, cheap) in &self.stand_ins {
            paint::aside(&format!(
                "{family}: outcomes of {strong} stand for the frontier, of {cheap} for cheap"
            ));
        }
        paint::aside(
            "Kept: of the tasks that the strong model solves, the share that stays solved. A call on the best tier \
             counts as the strong model's outcome, any other as the cheap one's, each with the weight of one call. \
             Shuffled spends what ours costs on whole runs drawn at random.",
        );
        if let Some(graded) = &self.graded {
            print_graded(graded);
        }
        let (noticed, disturbed) = self.loops.shares();
        let share = |share: Option<f64>| {
            share.map_or_else(|| "?".to_owned(), |share| format!("{:.1} %", 100.0 * share))
        };
        let loops = &self.loops;
        anstream::println!(
            "\nloops noticed within {WITHIN} calls: {} of {} ({}); healthy runs escalated: {} of {} ({})",
            loops.noticed,
            loops.known,
            share(noticed),
            loops.disturbed,
            loops.healthy,
            share(disturbed)
        );
        self.print_per_task();
        for (what, ids) in [("missed", &loops.missed), ("false alarm", &loops.alarms)] {
            for id in ids.iter().take(if each { usize::MAX } else { 3 }) {
                paint::aside(&format!("{what}: {id}"));
            }
        }
    }
}

/// What keeping as many tasks right costs others.
fn print_graded(graded: &Graded) {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let ours = graded.ours;
    anstream::println!(
        "\n{} tasks have known outcomes, {} of them the strong model solves. On their runs ours costs {:.3} of the frontier \
         and keeps {} (between {} and {}, if a run is as good as its worst call or as its best); cheap keeps {}",
        graded.tasks,
        graded.solved,
        ours.cost,
        percent(ours.kept),
        percent(ours.between.0),
        percent(ours.between.1),
        percent(graded.cheap),
    );
    let (mean, low, high) = graded.random;
    anstream::println!(
        "random runs for the same money keep {} (95 % of the orders: {} to {})",
        percent(mean),
        percent(low),
        percent(high)
    );
    let (low, high) = graded.needed_random;
    for (name, cost) in graded.needed {
        let cost =
            cost.map_or_else(|| "more than any of its settings".to_owned(), |cost| format!("{cost:.3}"));
        let range =
            if name == "shuffled" { format!(" (95 %: {low:.3} to {high:.3})") } else { String::new() };
        anstream::println!("to keep as many, {name} costs {cost}{range}");
    }
    anstream::println!(
        "our first words alone, without what raises a run later: {:.3}, and {} kept",
        graded.unmoved.cost,
        percent(graded.unmoved.kept)
    );
    paint::aside(
        "No task is judged by weights that its own project had a part in: of each project, the weights were made from the \
         others. Sticky and bounce go by what the scorer for questions says, with the best dial for this.",
    );
}

fn one(run: &Run, replayed: &Replayed) -> Value {
    let ours = &replayed.rides[OURS];
    let costs: serde_json::Map<String, Value> = POLICIES
        .iter()
        .zip(&replayed.rides)
        .map(|(name, ride)| ((*name).to_owned(), json!(round(ride.cost()))))
        .collect();
    json!({
        "id": run.id,
        "task": run.task,
        "calls": run.calls.len(),
        "difficulty": replayed.told.difficulty,
        "cost_usd": costs,
        "switches": ours.switches(),
        "strong_calls": ours.tiers.iter().filter(|tier| **tier > 0).count(),
        "loops_at": replayed.told.loops,
        "steps": replayed.told.steps.iter().map(|step| step.name()).collect::<Vec<_>>(),
    })
}

fn print_runs(runs: &[Run], replayed: &[Replayed]) {
    let mut columns = vec![Column::Giving("run"), Column::Right("calls")];
    columns.extend(POLICIES.map(Column::Right));
    columns.extend([Column::Right("switches"), Column::Right("hits")]);
    let mut table = Table::new(&columns);
    for (run, replayed) in runs.iter().zip(replayed) {
        let mut cells = vec![Cell::new(run.id.clone(), DIM), format!("{}", run.calls.len()).into()];
        cells.extend(replayed.rides.iter().map(|ride| Cell::from(format!("{:.3}", ride.cost()))));
        let ours = &replayed.rides[OURS];
        cells.push(format!("{}", ours.switches()).into());
        cells.push(format!("{} %", 100 * ours.read / ours.prompt.max(1)).into());
        table.row(cells);
    }
    table.print();
}

/// Four decimals: a hundredth of a cent.
fn round(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}
