//! What the classifier is worth on labelled prompts that it was not trained on. `cargo xtask eval` runs this.

mod bars;
mod calibration;
mod confusion;
mod labels;
mod languages;
mod page;
mod plots;
mod scores;
mod speed;
mod stability;
mod table;
mod terminal;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use pointsman::classify::Classifier;
use serde::Serialize;
use train::{card, fit::Settings, order, samples::Samples};

/// Measures the classifier on splits that it was not trained on.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the labelled prompts. They are not part of the repository.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// File of the report, one HTML page.
    #[arg(long, default_value = "target/eval.html", value_name = "FILE")]
    html: PathBuf,
    /// What `cargo test --workspace --bench judge` printed: the times in WebAssembly.
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    weights_sha256: String,
    weights_bytes: usize,
    bars: Vec<bars::Bar>,
    tables: Vec<table::Table>,
    calibration: Vec<calibration::Calibrated>,
    rewordings: Vec<stability::Stability>,
    languages: Vec<languages::Agreement>,
    /// Share of the English questions above the default dial.
    english_above: f64,
    /// Share of the pairs of an easy and a hard open prompt of ours in which the hard one stands above.
    easy_below_hard: f64,
    tasks: confusion::Confusion,
    speed: Vec<speed::Speed>,
}

const WEIGHTS: &[u8] = include_bytes!("../../../../data/weights.bin");

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says on standard error what is going on.
fn progress(text: &str) {
    anstream::eprintln!("· {text}");
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::SHIPPED;
    // First, while nothing else runs.
    progress("speed");
    let speed = speed::all(arguments.wasm.as_deref())?;
    progress(&format!("reading and rewording the prompts of {}", arguments.data.display()));
    let samples = Samples::read(&arguments.data, settings.seed)?;
    let scores = scores::all(&samples, &settings);
    progress("tables, intervals and reasons");
    let labels = labels::all(&samples);
    let (languages, english_above) = languages::agreement(&Classifier::shipped())?;
    let mut report = Report {
        weights_sha256: card::digest(WEIGHTS),
        weights_bytes: WEIGHTS.len(),
        bars: Vec::new(),
        tables: vec![
            table::Table::of(
                "groups",
                "Five folds; near-equal prompts are in one fold, and no model has seen what it scores",
                &samples,
                &labels,
                &scores.folds,
            ),
            table::Table::of(
                "left out",
                "The model has seen nothing of the source, nor anything near-equal to it: what to expect of new traffic",
                &samples,
                &labels,
                &scores.left_out,
            ),
        ],
        calibration: calibration::all(&samples, &scores),
        rewordings: scores.rewordings.table(),
        languages,
        english_above,
        easy_below_hard: order::right(&Classifier::shipped()),
        tasks: confusion::of(&samples, &scores.tasks),
        speed,
    };
    report.bars = bars::all(&report);
    progress("plots");
    let page = page::page(&report, &samples, &labels, &scores)?;
    if let Some(folder) = arguments.html.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&arguments.html, page).map_err(|error| format!("{}: {error}", arguments.html.display()))?;
    if arguments.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        terminal::print(&report);
        anstream::println!("\nreport: {}", arguments.html.display());
    }
    Ok(())
}
