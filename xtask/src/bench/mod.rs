//! `cargo xtask bench`: what the filter costs a real Envoy, and what its parts cost alone.

mod agents;
mod body;
mod hosts;
mod load;
mod report;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use clap::Subcommand;
use live::{Failure, filter, tools};
use serde::Serialize;
use tokio::runtime::Runtime;

use self::{
    body::{CASES, Case},
    hosts::{Host, Hosts, VARIANTS},
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
    /// The parts of the core, by themselves.
    Core,
    /// Whole runs of agents, and what they cost under one policy or another, caches included.
    Agents(agents::Options),
}

/// Measures.
///
/// # Errors
/// What cannot be had or built.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    match bench {
        Bench::Core => core(),
        Bench::Agents(options) if cfg!(debug_assertions) => {
            let mut arguments = vec!["agents".to_owned()];
            arguments.extend(options.arguments());
            optimised(&arguments)
        }
        Bench::Agents(options) => agents::run(options),
        // A client that is slow itself lets Envoy fall asleep between requests, and waking up is counted as work.
        Bench::Envoy { json, rounds } if cfg!(debug_assertions) => {
            let mut arguments = vec!["envoy".to_owned(), "--rounds".to_owned(), rounds.to_string()];
            if *json {
                arguments.push("--json".to_owned());
            }
            optimised(&arguments)
        }
        &Bench::Envoy { json, rounds } => {
            let results = envoy(rounds)?;
            if json {
                println!("{:#}", results.json());
            } else {
                results.print();
            }
            Ok(())
        }
    }
}

fn core() -> Result<(), Failure> {
    status(cargo().args(["bench", "--locked", "--package", "pointsman", "--bench", "core"]))
}

/// The same command, built for speed.
fn optimised(arguments: &[String]) -> Result<(), Failure> {
    let progress = Progress::begin("building the bench for speed");
    tools::run(cargo().args(["build", "--quiet", "--locked", "--release", "--package", "xtask"]))?;
    drop(progress);
    let mut command = Command::new(tools::root().join("target/release/xtask"));
    command.arg("bench").args(arguments);
    // Paths are the caller's, not the project's.
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
    samples: [Vec<Sample>; 3],
}

/// Resident memory after the load, in bytes, by variant.
#[derive(Clone, Copy, Debug, Serialize)]
struct Memory {
    plain: u64,
    buffer_only: u64,
    pointsman: u64,
}

fn envoy(rounds: u32) -> Result<Results, Failure> {
    let progress = Progress::begin("getting Envoy");
    tools::envoy()?;
    progress.step("building the filters");
    let (ours, buffer) = (filter::build()?, filter::package("bench-filter")?);
    progress.step("starting three Envoys");
    let runtime = Runtime::new()?;
    let upstream = runtime.block_on(hosts::upstream())?;
    let hosts = Hosts::start(upstream.addr(), &ours, &buffer)?;
    let load = Load::new(CONNECTIONS)?;

    progress.step("warming up");
    for host in &hosts.all {
        for case in &CASES {
            load.run(host, case, WARM_UP / 2)?;
        }
    }
    progress.step(&format!("measuring, {rounds} rounds"));
    let mut measured: Vec<Measured> =
        CASES.iter().map(|case| Measured { case, samples: [Vec::new(), Vec::new(), Vec::new()] }).collect();
    let mut order = Order(0x5eed);
    for round in 1..=rounds {
        progress.detail(&format!("measuring, round {round} of {rounds}"));
        for case in order.shuffled(CASES.len()) {
            // The three of a round stand close together in time: what else the machine does meets all of them.
            for variant in order.shuffled(VARIANTS.len()) {
                let measured = &mut measured[case];
                let sample = load.run(&hosts.all[variant], measured.case, WINDOW)?;
                measured.samples[variant].push(sample);
            }
        }
    }
    let [plain, buffer_only, pointsman] = hosts.all.each_ref().map(Host::memory);
    Ok(Results { rounds, measured, memory: Memory { plain, buffer_only, pointsman } })
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
