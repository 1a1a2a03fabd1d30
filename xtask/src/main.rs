//! `cargo xtask demo | test | bench | eval | dist | worker`: fetches what is needed, builds it, and runs it.

#![allow(clippy::disallowed_methods, reason = "tools have a clock and an environment; the ban is the core's")]

mod bench;
mod demo;
mod dist;
mod eval;
mod progress;
mod table;
mod test;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use live::Failure;
use pointsman_cli::paint;

/// Chores of the project: everything is fetched, built and run by one command.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// A real Envoy with the filter, simulated providers, 40 requests, one dead provider, and the bill.
    Demo(demo::Options),
    /// Everything that can be checked, real Envoy included.
    Test,
    /// Measure.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// What the difficulty scorer is worth on labelled prompts that it was not trained on: a table, and a page of plots.
    Eval(eval::Options),
    /// Build the doors as they ship, into target/dist.
    Dist,
    /// Build the Worker as it ships, into target/worker.
    Worker,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Demo(options) => demo::run(&options),
        Chore::Test => test::run(),
        Chore::Bench(bench) => bench::run(&bench),
        Chore::Eval(options) => eval::run(&options),
        Chore::Dist => dist::run(),
        Chore::Worker => worker::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            paint::error(&text);
            ExitCode::FAILURE
        }
    }
}
