//! The runs whose outcome is known for a strong and a cheap model: what keeping as many tasks right costs each policy.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    outcome::Outcomes,
    replay::{Bench, OURS, Replayed, Ride},
    run::Run,
};

/// Orders of the runs over which the random policy is taken.
const SHUFFLES: u64 = 400;

/// A run that stands for its task.
struct Task<'r> {
    run: &'r Run,
    replayed: &'r Replayed,
    strong: bool,
    cheap: bool,
}

/// A policy over the graded runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Point {
    /// Dollars, as a share of the best model with its own warm cache.
    pub(super) cost: f64,
    /// Share of the strong model's tasks that stay solved; each call with the weight of one.
    pub(super) kept: f64,
    /// The same if a run were as good as its worst call, and as its best one.
    pub(super) between: (f64, f64),
}

/// What the graded runs say.
#[derive(Debug, Default)]
pub(super) struct Graded {
    pub(super) tasks: usize,
    pub(super) solved: usize,
    pub(super) cheap: f64,
    pub(super) ours: Point,
    /// Ours, if nothing after the first words moved it.
    pub(super) unmoved: Point,
    /// Kept by whole runs at random for the money that ours costs: the mean, and where 95 % of the orders lie.
    pub(super) random: (f64, f64, f64),
    /// What others must spend to keep as much as ours does, as a share of the best model; `None` where nothing they do keeps
    /// as much. Of whole runs at random, the mean and where 95 % of the orders lie.
    pub(super) needed: [(&'static str, Option<f64>); 3],
    pub(super) needed_random: (f64, f64),
}

impl Graded {
    /// Compares, where outcomes are known.
    pub(super) fn of(
        bench: &Bench,
        runs: &[Run],
        replayed: &[Replayed],
        outcomes: &Outcomes,
    ) -> Option<Self> {
        let mut seen = HashSet::new();
        let mut tasks = Vec::new();
        for (run, replayed) in runs.iter().zip(replayed) {
            let Some((strong, cheap)) = outcomes.pairs.get(&run.task).copied() else { continue };
            if outcomes.stands_for(run, runs) && seen.insert(&run.task) {
                tasks.push(Task { run, replayed, strong, cheap });
            }
        }
        let solved = tasks.iter().filter(|task| task.strong).count();
        if solved == 0 {
            return None;
        }
        let best = bench.best();
        let ride = |of: &dyn Fn(&Task<'_>) -> Ride| point(&tasks, best, of);
        let ours = ride(&|task| task.replayed.rides[OURS].clone());
        let (random, needed_random, shuffled) = shuffled(&tasks, ours);
        let sticky = sticky(&tasks, ours.kept);
        let mut thresholds: Vec<u16> =
            tasks.iter().flat_map(|task| task.replayed.told.alone.iter().copied()).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        // The higher the threshold, the less goes up: the last that keeps as much.
        let bounce = |threshold: u16| ride(&|task| bench.bounced(task.run, task.replayed, threshold));
        let enough = thresholds.partition_point(|threshold| bounce(*threshold).kept >= ours.kept);
        let bounced = enough.checked_sub(1).map(|at| bounce(thresholds[at]).cost);
        Some(Self {
            tasks: tasks.len(),
            solved,
            cheap: ride(&|task| task.replayed.rides[1].clone()).kept,
            ours,
            unmoved: ride(&|task| task.replayed.unmoved.clone()),
            random,
            needed: [("shuffled", Some(shuffled)), ("sticky", sticky), ("bounce", bounced)],
            needed_random,
        })
    }

    /// The figures as data.
    pub(super) fn json(&self) -> Value {
        let point = |point: Point| json!({ "of_frontier": point.cost, "kept": point.kept, "kept_between": point.between });
        json!({
            "tasks": self.tasks,
            "solved_by_the_strong": self.solved,
            "kept_by_cheap": self.cheap,
            "pointsman": point(self.ours),
            "first_words_alone": point(self.unmoved),
            "kept_by_random_for_the_same": self.random,
            "needed_for_the_same": self.needed.iter().map(|(name, cost)| json!({ "name": name, "of_frontier": cost })).collect::<Vec<_>>(),
            "needed_by_random_95": self.needed_random,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 tasks")]
fn point(tasks: &[Task<'_>], best: usize, of: &dyn Fn(&Task<'_>) -> Ride) -> Point {
    let mut point = Point::default();
    let (mut dear, mut solved) = (0.0, 0usize);
    for task in tasks {
        let ride = of(task);
        dear += task.replayed.rides[0].cost();
        point.cost += ride.cost();
        if task.strong {
            solved += 1;
            let without = if task.cheap { 1.0 } else { 0.0 };
            let kept = |share: f64| share + (1.0 - share) * without;
            let share = ride.strong(best);
            point.kept += kept(share);
            point.between.0 += kept(share.floor());
            point.between.1 += kept(share.ceil());
        }
    }
    let of = solved.max(1) as f64;
    Point {
        cost: point.cost / dear,
        kept: point.kept / of,
        between: (point.between.0 / of, point.between.1 / of),
    }
}

/// Whole runs at random: what they keep for the money, what they need to keep as much, and the mean of that.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 tasks")]
fn shuffled(tasks: &[Task<'_>], ours: Point) -> ((f64, f64, f64), (f64, f64), f64) {
    let dear: f64 = tasks.iter().map(|task| task.replayed.rides[0].cost()).sum();
    let cheap: f64 = tasks.iter().map(|task| task.replayed.rides[1].cost()).sum();
    let solved = tasks.iter().filter(|task| task.strong).count() as f64;
    let base = tasks.iter().filter(|task| task.strong && task.cheap).count() as f64;
    let (mut kept, mut needed) = (Vec::new(), Vec::new());
    for seed in 0..SHUFFLES {
        let mut order: Vec<usize> = (0..tasks.len()).collect();
        super::super::Order(seed.wrapping_mul(0x9E37_79B9).wrapping_add(0x5eed)).mix(&mut order);
        let (mut cost, mut now) = (cheap, base);
        let (mut at_budget, mut at_kept) = (None, None);
        for n in order {
            let task = &tasks[n];
            let more = task.replayed.rides[0].cost() - task.replayed.rides[1].cost();
            let gain = if task.strong && !task.cheap { 1.0 } else { 0.0 };
            if at_budget.is_none() && cost + more >= ours.cost * dear {
                at_budget = Some(now + gain * (ours.cost * dear - cost) / more);
            }
            cost += more;
            now += gain;
            if at_kept.is_none() && now / solved >= ours.kept {
                at_kept = Some(cost / dear);
            }
        }
        kept.push(at_budget.unwrap_or(now) / solved);
        needed.push(at_kept.unwrap_or(1.0));
    }
    let spread = |figures: &mut Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        let cut = figures.len() / 40;
        let mean = figures.iter().sum::<f64>() / figures.len() as f64;
        (mean, figures[cut], figures[figures.len() - 1 - cut])
    };
    let (mean, low, high) = spread(&mut needed);
    (spread(&mut kept), (low, high), mean)
}

/// The least that whole runs must cost by the difficulty of their first words, as a router for questions sees it.
fn sticky(tasks: &[Task<'_>], wanted: f64) -> Option<f64> {
    let mut thresholds: Vec<u16> = tasks.iter().map(|task| task.replayed.told.plain).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    let at = |threshold: u16| {
        point(tasks, 1, &|task| {
            let up = task.replayed.told.plain >= threshold;
            let mut ride = task.replayed.rides[usize::from(!up)].clone();
            ride.tiers.fill(usize::from(up));
            ride
        })
    };
    thresholds
        .iter()
        .rev()
        .map(|threshold| at(*threshold))
        .find(|point| point.kept >= wanted)
        .map(|point| point.cost)
}
