//! `cargo xtask demo`: a real host in front of simulated providers, requests of every kind, one provider that dies, and
//! the bill beside the bill that it would have been. The same on every host.

mod answer;
mod client;
mod controls;
mod ledger;
mod play;
mod real;
mod report;
mod requests;
mod stage;
mod witness;

use std::{sync::Arc, time::Instant};

use clap::{Args, ValueEnum};
use live::{Failure, host::Program};
use pointsman_cli::paint;
use tokio::runtime::Runtime;

use self::{
    controls::{Control, Controls},
    ledger::{Row, Sum},
    play::{Played, Script},
    report::Report,
    requests::Bundle,
    stage::Stage,
};
use crate::progress::Progress;

/// The provider that dies: the first one asked in the cheapest tier.
const MORTAL: &str = "minimax";

/// What the demo is to do.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// What runs the document. The table is the same on each.
    #[arg(long, value_enum, default_value_t = On::Envoy)]
    host: On,
    /// Leave the host and the providers running afterwards, and say how to use them.
    #[arg(long)]
    keep: bool,
    /// Ask the real providers whose key is in the environment. Costs money; says how much at most before.
    #[arg(long)]
    live: bool,
    /// Do not ask before spending money.
    #[arg(long, requires = "live")]
    yes: bool,
}

/// The hosts that the demo can be shown on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum On {
    /// A real Envoy with the filter.
    Envoy,
    /// The native gateway, `pointsman serve`.
    Native,
    /// A real workerd with the Worker.
    Worker,
}

impl On {
    /// Fetches and builds it.
    fn prepare(self) -> Result<Program, Failure> {
        match self {
            Self::Envoy => Program::envoy(),
            Self::Native => Program::native(),
            Self::Worker => Program::worker(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy",
            Self::Native => "the gateway",
            Self::Worker => "the Worker",
        }
    }
}

/// Runs it.
///
/// # Errors
/// What cannot be had, and everything that was not as it should be.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    runtime.block_on(async { if options.live { real::run(options).await } else { simulated(options).await } })
}

async fn simulated(options: &Options) -> Result<(), Failure> {
    let began = Instant::now();
    let name = options.host.name();
    let progress = Progress::begin(&format!("getting and building {name}"));
    let program = options.host.prepare()?;
    let bundles = Bundle::all()?;
    let document = Arc::new(stage::example()?);
    progress.step(&format!("starting simulated providers and {name}"));
    let controls = Controls::prepare(&document, &program);
    let stage = Stage::simulated(&document, &program).await?;

    let half = bundles.len() / 2;
    progress.step(&format!("sending {} requests, one provider dies half-way", bundles.len()));
    let script = Script { bundles: &bundles, death: Some((half, MORTAL)), tiers: None };
    let count = bundles.len();
    let played =
        play::play(&stage, script, |i, id| progress.detail(&format!("{:>2}/{count} {id}", i + 1))).await?;
    let rows = ledger::rows(&stage, &played).await?;
    let mut faults = faults(&stage, &played, &rows)?;

    progress.step("the same requests again: all cheap, all frontier, tiers shuffled");
    let controls = controls.run(&bundles, &rows, script.death).await?;
    faults.extend(controls.iter().flat_map(Control::faults));
    drop(progress);

    let report = Report {
        rows: &rows,
        death: Some((half, MORTAL)),
        rescued: witness::rescued(&played, MORTAL).len(),
        controls: &controls,
        ladder: document.config.ladders().first(),
        baseline: baseline(&document.config),
    };
    if options.json {
        report.print_json()?;
    } else {
        report.print();
    }
    if !faults.is_empty() {
        let list: String = faults.iter().map(|fault| format!("\n  - {fault}")).collect();
        return Err(Failure::new(format!("the demo does not show what it should:{list}")));
    }
    if !options.json {
        report.print_proofs(name, began.elapsed());
    }
    if options.keep {
        keep(&stage, name, options.json).await?;
    }
    Ok(())
}

/// Everything that is not as it should be.
fn faults(stage: &Stage, played: &Played, rows: &[Row]) -> Result<Vec<String>, Failure> {
    let mut faults = played.faults.clone();
    let sum = Sum::of(rows);
    if sum.answered != sum.requests {
        faults.push(format!("{} of {} requests were answered", sum.answered, sum.requests));
    }
    faults.extend(witness::outage(stage, played, rows, MORTAL));
    faults.extend(witness::wire(stage));
    faults.extend(ledger::audit(stage, rows)?);
    Ok(faults)
}

fn baseline(config: &pointsman::Config) -> String {
    let ladder = config.ladders().first();
    ladder.and_then(|ladder| config.baseline_of(ladder)).map(|target| target.name.clone()).unwrap_or_default()
}

/// Leaves everything running until Ctrl-C.
async fn keep(stage: &Stage, name: &str, quiet: bool) -> Result<(), Failure> {
    if let Some(provider) = stage.providers.get(MORTAL) {
        provider.restart().await?;
    }
    let url = stage.host.url();
    let text = format!(
        "{name} listens on {url}{}\nfiles: {}\n{}\n",
        stage.host.admin().map_or_else(String::new, |admin| format!(", its admin page is http://{admin}")),
        stage.host.folder().display(),
        stage::instructions(&url)
    );
    if quiet {
        eprintln!("{text}\nCtrl-C ends it");
    } else {
        paint::heading("running");
        println!("{text}");
        paint::aside("Ctrl-C ends it");
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
