//! `cargo xtask bench agents`: what whole runs of agents cost under one policy or another, caches included.
//!
//! Every call of every run goes through the real core, with the history that was recorded. The provider's cache is
//! simulated: exact prefixes, smallest size and lifetime of the model, read and write prices of the catalogue.

mod cache;
mod graded;
mod outcome;
mod page;
mod replay;
mod report;
mod run;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use clap::Args;
use live::Failure;

use self::{
    graded::Graded,
    outcome::Outcomes,
    replay::{Bench, OURS, POLICIES, Replayed, Ride},
    report::{Loops, Results, Sum},
    run::Run,
};
use crate::progress::Progress;

/// Replay whole runs of agents.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Folder of recorded runs (`*.jsonl`, `*.jsonl.gz`, and `outcomes/` beside them) in place of the bundled ones.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration whose alias `auto` is measured (JSON); default: Claude Opus 4.6 above MiniMax M2.5, its dial set by
    /// the cost of these runs.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// Also write a report with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Each run, too.
    #[arg(long)]
    runs: bool,
}

/// The two models that the project began with.
const CONFIG: &str = include_str!("config.json");

/// Runs of our own, for those who have no recorded ones. Written, not recorded; with loops whose beginning is known.
const WRITTEN: &str = include_str!("written.jsonl");

/// What the dial of the default configuration lets the first words of conversations spend, as a share of the bill on the
/// best model. What raises a conversation later comes on top, and where that is more than [`report::BAR`], the first
/// words get less.
const SPEND: f64 = 0.27;

/// How often that share is lowered where the whole bill comes out above the bar.
const LOWERED: usize = 4;

/// Orders of the runs over which the random policy is averaged.
const SHUFFLES: u64 = 50;

/// Replays and reports.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let progress = Progress::begin("reading the runs");
    let document = match &options.config {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?,
        None => CONFIG.to_owned(),
    };
    let mut bench = Bench::new(&document)?;
    let runs = runs(options)?;
    let outcomes = outcome::read(options.data.as_deref(), &runs)?;
    let mut threshold = None;
    let mut replayed = Vec::new();
    let mut spend = SPEND;
    for _ in 0..=LOWERED {
        if options.config.is_none() {
            progress.step("setting the dial");
            let found = bench.threshold(&runs, spend)?;
            let thresholds = format!("\"thresholds\": [{found}]");
            bench = Bench::new(&document.replace("\"thresholds\": [500]", &thresholds))?;
            threshold = Some(found);
        }
        progress.step(&format!("replaying {} runs", runs.len()));
        replayed = replay(&bench, &runs)?;
        let cost = |policy: usize| replayed.iter().map(|replayed| replayed.rides[policy].cost()).sum::<f64>();
        let above = cost(OURS) / cost(0) - report::BAR;
        if options.config.is_some() || above <= 0.0 {
            break;
        }
        spend = (spend - above - 0.01).max(0.0);
    }
    if options.config.is_none() {
        bench.level(&runs, &mut replayed, SPEND);
    }
    drop(progress);
    let mut results = results(&bench, &runs, &replayed, &outcomes);
    results.threshold = threshold;
    if options.json {
        println!("{:#}", results.json(options.runs.then_some((&runs[..], &replayed[..]))));
    } else {
        results.print(&runs, &replayed, options.runs);
    }
    if let Some(path) = &options.html {
        let page = page::page(&results, &runs, &replayed)?;
        std::fs::write(path, page).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        if !options.json {
            println!("\nreport: {}", path.display());
        }
    }
    Ok(())
}

/// Replays all runs, on every processor.
fn replay(bench: &Bench, runs: &[Run]) -> Result<Vec<Replayed>, Failure> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((n, run)) = {
            let n = next.fetch_add(1, Ordering::Relaxed);
            runs.get(n).map(|run| (n, run))
        } {
            done.push((n, bench.replay(run)?));
        }
        Ok::<_, Failure>(done)
    };
    let mut replayed = Vec::with_capacity(runs.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            replayed.extend(thread.join().map_err(|_| Failure::new("a replay failed"))??);
        }
        Ok::<_, Failure>(())
    })?;
    replayed.sort_by_key(|(n, _)| *n);
    Ok(replayed.into_iter().map(|(_, replayed)| replayed).collect())
}

fn runs(options: &Options) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    let Some(data) = &options.data else {
        for (n, line) in WRITTEN.lines().enumerate() {
            runs.push(run::parse(line, &format!("written.jsonl, line {}", n + 1))?);
        }
        return Ok(runs);
    };
    let files = run::files(data)?;
    if files.is_empty() {
        return Err(Failure::new(format!("{}: no *.jsonl and no *.jsonl.gz in it", data.display())));
    }
    for path in files {
        for (n, line) in run::lines(&path)?.iter().enumerate() {
            runs.push(run::parse(line, &format!("{}, line {}", path.display(), n + 1))?);
        }
    }
    Ok(runs)
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 of anything here")]
fn results(bench: &Bench, runs: &[Run], replayed: &[Replayed], outcomes: &Outcomes) -> Results {
    let best = bench.best();
    let mut sums: Vec<Sum> = Vec::new();
    for (policy, name) in POLICIES.iter().enumerate() {
        let rides: Vec<&Ride> = replayed.iter().map(|replayed| &replayed.rides[policy]).collect();
        sums.push(Sum {
            name: (*name).to_owned(),
            cost: rides.iter().map(|ride| ride.cost()).sum(),
            prompt: rides.iter().map(|ride| ride.prompt).sum::<u64>() as f64,
            read: rides.iter().map(|ride| ride.read).sum::<u64>() as f64,
            switches: rides.iter().map(|ride| ride.switches()).sum::<usize>() as f64,
            strong_calls: rides
                .iter()
                .map(|ride| ride.tiers.iter().filter(|tier| **tier == best).count())
                .sum::<usize>() as f64,
            kept: kept(runs, outcomes, |n| replayed[n].rides[policy].strong(best)),
        });
    }
    sums.push(shuffled(runs, replayed, outcomes, sums[OURS].cost));
    let loops = Loops::of(runs, replayed);
    Results {
        runs: runs.len(),
        calls: runs.iter().map(|run| run.calls.len()).sum(),
        joined: outcomes.pairs.len(),
        stand_ins: outcomes.stand_ins.clone(),
        per_run: (0..runs.len())
            .map(|n| (replayed[n].rides[0].cost(), replayed[n].rides[OURS].cost()))
            .collect(),
        sharpened: replayed.iter().map(|replayed| replayed.told.sharpened).sum(),
        sums,
        loops,
        graded: Graded::of(bench, runs, replayed, outcomes),
        threshold: None,
    }
}

/// Of the tasks that the strong model solves, the share that stays solved: a call that the strong model took counts as
/// its outcome, one that the cheap model took as the cheap one's, each with the weight of one call.
///
/// A run of the cheap model stands for the task where there is one, since that is what the router would have seen.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 tasks")]
fn kept(runs: &[Run], outcomes: &Outcomes, strong: impl Fn(usize) -> f64) -> Option<f64> {
    let (mut tasks, mut kept) = (0usize, 0.0);
    let mut seen = std::collections::HashSet::new();
    for (n, run) in runs.iter().enumerate() {
        let Some((solved, cheaply)) = outcomes.pairs.get(&run.task) else { continue };
        if !solved || !outcomes.stands_for(run, runs) || !seen.insert(&run.task) {
            continue;
        }
        tasks += 1;
        let share = strong(n);
        kept += share + if *cheaply { 1.0 - share } else { 0.0 };
    }
    (tasks > 0).then(|| kept / tasks as f64)
}

/// A policy that knows nothing: whole runs go to the best tier at random until the money that ours costs is spent, the
/// last one in part. The mean over many orders.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 runs")]
fn shuffled(runs: &[Run], replayed: &[Replayed], outcomes: &Outcomes, budget: f64) -> Sum {
    let mut sum = Sum { name: "shuffled".to_owned(), ..Sum::default() };
    let mut keeps = Vec::new();
    for seed in 0..SHUFFLES {
        let mut order: Vec<usize> = (0..runs.len()).collect();
        super::Order(seed.wrapping_mul(0x9E37_79B9).wrapping_add(0x5eed)).mix(&mut order);
        let mut cost: f64 = replayed.iter().map(|replayed| replayed.rides[1].cost()).sum();
        let mut shares = vec![0.0; runs.len()];
        for n in order {
            let [dear, cheap] = [0, 1].map(|policy| replayed[n].rides[policy].cost());
            let more = dear - cheap;
            let share = if more <= 0.0 { 0.0 } else { ((budget - cost) / more).clamp(0.0, 1.0) };
            cost += share * more;
            shares[n] = share;
        }
        sum.cost += cost;
        for (n, share) in shares.iter().enumerate() {
            let [dear, cheap] = [0, 1].map(|policy| &replayed[n].rides[policy]);
            sum.prompt += cheap.prompt as f64;
            sum.read += dear.read as f64 * share + cheap.read as f64 * (1.0 - share);
            sum.strong_calls += runs[n].calls.len() as f64 * share;
        }
        keeps.extend(kept(runs, outcomes, |n| shares[n]));
    }
    let of = SHUFFLES as f64;
    sum.cost /= of;
    sum.prompt /= of;
    sum.read /= of;
    sum.strong_calls /= of;
    sum.kept = (!keeps.is_empty()).then(|| keeps.iter().sum::<f64>() / keeps.len() as f64);
    sum
}
