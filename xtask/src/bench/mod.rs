//! `cargo xtask bench`: what the filter costs a real Envoy, what the gateway costs beside one, what the Worker costs
//! beside JavaScript, and what the parts of the core cost alone.

mod agents;
mod body;
mod hosts;
mod load;
mod report;
mod startup;
mod streams;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use clap::Subcommand;
use live::{Failure, filter, gateway, tools};
use tokio::runtime::Runtime;

use self::{
    body::{CASES, Case},
    hosts::{ENVOYS, Host, Hosts, NATIVE, WORKERS},
    load::{Load, Sample},
    report::Results,
};
use crate::progress::Progress;

/// Connections that are kept busy.
const CONNECTIONS: usize = 8;

/// One measurement.
const WINDOW: Duration = Duration::from_millis(700);

/// Before the first: V8 compiles what is hot a second time, better.
const WARM_UP: Duration = Duration::from_millis(1500);

/// What to measure.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Bench {
    /// A plain Envoy, one with a filter that buffers and does nothing, and ours.
    Envoy {
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
        /// How often each of them is measured.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rounds: u32,
    },
    /// A plain Envoy, and the native gateway.
    Native {
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
        /// How often each of them is measured.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rounds: u32,
        /// Instead: the gateway's memory over time under many streams at once.
        #[arg(long)]
        streams: bool,
        /// With --streams: how many.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// With --streams: how long each lasts, in seconds.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=3600))]
        seconds: u32,
    },
    /// A pass-through Worker in JavaScript, one that reads what it passes on, and ours, in one workerd.
    Worker {
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
        /// How often each of them is measured.
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rounds: u32,
        /// Instead: the time until workerd listens, with the pass-through alone and with ours.
        #[arg(long, conflicts_with = "streams")]
        startup: bool,
        /// Instead: workerd's memory over time under many streams at once.
        #[arg(long)]
        streams: bool,
        /// With --streams: how many.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// With --streams: how long each lasts, in seconds.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=3600))]
        seconds: u32,
    },
    /// The parts of the core, by themselves.
    Core,
    /// Whole runs of agents, and what they cost under one policy or another, caches included.
    Agents(agents::Options),
    /// Calls of the component, beside the core in a module without a door.
    Component {
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
}

/// Measures.
///
/// # Errors
/// What cannot be had or built.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    match bench {
        Bench::Core => core(),
        Bench::Component { json } => {
            let mut cargo = cargo();
            cargo.args([
                "bench",
                "--quiet",
                "--locked",
                "--package",
                "host-tests",
                "--bench",
                "component",
                "--",
            ]);
            status(if *json { cargo.arg("--json") } else { &mut cargo })
        }
        &Bench::Worker { json, rounds, startup: true, .. } => startup::run(rounds, json),
        // A client that is slow itself lets Envoy fall asleep between requests, and waking up is counted as work.
        _ if cfg!(debug_assertions) => optimised(),
        &Bench::Envoy { json, rounds } => print(&envoy(rounds)?, json),
        &Bench::Native { json, streams: true, count, seconds, .. } => {
            show(&streams::run(false, count, Duration::from_secs(seconds.into()))?, json)
        }
        &Bench::Worker { json, streams: true, count, seconds, .. } => {
            show(&streams::run(true, count, Duration::from_secs(seconds.into()))?, json)
        }
        &Bench::Worker { json, rounds, .. } => print(&workers(rounds)?, json),
        &Bench::Native { json, rounds, .. } => print(&native(rounds)?, json),
        Bench::Agents(options) => agents::run(options),
    }
}

fn show(course: &streams::Course, json: bool) -> Result<(), Failure> {
    if json {
        println!("{:#}", course.json());
    } else {
        course.print();
    }
    course.judge()
}

#[expect(clippy::unnecessary_wraps, reason = "one arm of a match among others that can fail")]
fn print(results: &Results, json: bool) -> Result<(), Failure> {
    if json {
        println!("{:#}", results.json());
    } else {
        results.print();
    }
    Ok(())
}

fn core() -> Result<(), Failure> {
    status(cargo().args(["bench", "--locked", "--package", "pointsman", "--bench", "core"]))
}

/// The same command, built for speed.
fn optimised() -> Result<(), Failure> {
    let progress = Progress::begin("building the load generator for speed");
    tools::run(cargo().args(["build", "--quiet", "--locked", "--release", "--package", "xtask"]))?;
    drop(progress);
    let mut command = Command::new(tools::root().join("target/release/xtask"));
    command.args(std::env::args_os().skip(1));
    status(&mut command)
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tools::root());
    cargo
}

fn status(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{command:?} ended with {status}"))) }
}

/// Measures of one case, by variant and round.
#[derive(Debug)]
struct Measured {
    case: &'static Case,
    /// For each variant, its rounds.
    samples: Vec<Vec<Sample>>,
}

fn envoy(rounds: u32) -> Result<Results, Failure> {
    let progress = Progress::begin("getting Envoy");
    tools::envoy()?;
    progress.step("building the filters");
    let (ours, buffer) = (filter::build()?, filter::package("bench-filter")?);
    progress.step("starting three Envoys");
    let runtime = Runtime::new()?;
    let upstream = runtime.block_on(hosts::upstream())?;
    let hosts = Hosts::envoys(upstream.addr(), &ours, &buffer)?;
    measure(&progress, &hosts, &ENVOYS, true, rounds)
}

fn native(rounds: u32) -> Result<Results, Failure> {
    let progress = Progress::begin("getting Envoy");
    tools::envoy()?;
    progress.step("building the gateway");
    let binary = gateway::build_for_speed()?;
    progress.step("starting a plain Envoy and the gateway");
    let runtime = Runtime::new()?;
    let upstream = runtime.block_on(hosts::upstream())?;
    let hosts = Hosts::native(upstream.addr(), &binary)?;
    measure(&progress, &hosts, &NATIVE, false, rounds)
}

fn workers(rounds: u32) -> Result<Results, Failure> {
    let progress = Progress::begin("getting workerd");
    tools::workerd()?;
    progress.step("building the Worker");
    live::worker::build()?;
    progress.step("starting workerd");
    let runtime = Runtime::new()?;
    let upstream = runtime.block_on(hosts::upstream())?;
    let hosts = Hosts::workers(upstream.addr())?;
    measure(&progress, &hosts, &WORKERS, false, rounds)
}

fn measure(
    progress: &Progress,
    hosts: &Hosts,
    names: &'static [&'static str],
    bars: bool,
    rounds: u32,
) -> Result<Results, Failure> {
    let load = Load::new(CONNECTIONS)?;
    progress.step("warming up");
    for host in &hosts.all {
        for case in &CASES {
            load.run(host, case, WARM_UP / 2)?;
        }
    }
    progress.step(&format!("measuring, {rounds} rounds"));
    let mut measured: Vec<Measured> =
        CASES.iter().map(|case| Measured { case, samples: vec![Vec::new(); names.len()] }).collect();
    let mut order = Order(0x5eed);
    for round in 1..=rounds {
        progress.detail(&format!("measuring, round {round} of {rounds}"));
        for case in order.shuffled(CASES.len()) {
            // Those of a round stand close together in time: what else the machine does meets all of them.
            for variant in order.shuffled(names.len()) {
                let measured = &mut measured[case];
                let sample = load.run(&hosts.all[variant], measured.case, WINDOW)?;
                measured.samples[variant].push(sample);
            }
        }
    }
    let memory = hosts.all.iter().map(Host::memory).collect();
    Ok(Results { names, bars, rounds, measured, memory })
}

/// Orders at random, the same in every run.
struct Order(u64);

impl Order {
    fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        self.mix(&mut order);
        order
    }

    fn mix(&mut self, order: &mut [usize]) {
        for i in (1..order.len()).rev() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, usize::try_from(self.0 >> 33).unwrap_or(0) % (i + 1));
        }
    }
}
