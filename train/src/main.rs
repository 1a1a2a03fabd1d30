//! `train`: makes `data/weights.bin`, its card and the dial's table from labelled prompts, or checks that the data gives the same bytes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use pointsman::classify::Classifier;
use train::{
    calibrate, card, dial,
    fit::{self, Settings},
    samples::Samples,
    weights,
};

/// Makes the classifier's weights from labelled prompts.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder of the labelled prompts. They are not part of the repository.
    #[arg(long, default_value = "../shared/data", value_name = "DIR")]
    data: PathBuf,
    /// Write nothing; fail where the data gives other bytes than the repository has.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::SHIPPED;
    anstream::eprintln!("reading {}", arguments.data.display());
    let samples = Samples::read(&arguments.data, settings.seed)?;
    anstream::eprintln!("{} prompts; five fits for the calibration", samples.rows.len());
    let scores = calibrate::out_of_fold(&samples, &settings);
    let mut table = calibrate::fit_table(&samples, &scores);
    anstream::eprintln!("the fit to all");
    let rows: Vec<usize> = (0..samples.rows.len()).collect();
    let model = fit::fit(&samples, &rows, &settings, true);
    let unshared = Classifier::with_weights(&weights::encode(&model, &samples, &table))
        .map_err(|error| format!("the core refuses what was encoded: {error:?}"))?;
    let gains: Vec<u32> =
        samples.rows.iter().map(|sample| calibrate::judge(&unshared, &sample.row.prompt)).collect();
    table.shares = calibrate::shares(&samples, &gains);
    let bytes = weights::encode(&model, &samples, &table);
    let card = card::write(&arguments.data, &samples, &settings, &bytes, &scores)?;
    let card = format!("{card:#}\n");
    let dial = dial::table(&samples, &table.shares, &scores, &bytes);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let files = [
        ("weights.bin", bytes.as_slice()),
        ("weights.json", card.as_bytes()),
        ("dial.json", dial.as_bytes()),
    ];
    for (name, made) in files {
        let path = folder.join(name);
        if !arguments.check {
            fs::write(&path, made)?;
        } else if fs::read(&path)? != made {
            return Err(format!(
                "data/{name} is not what this data and this extractor give; to make it anew: cargo run --release -p \
                 train -- --data {}",
                arguments.data.display()
            )
            .into());
        }
    }
    anstream::println!("{} bytes of weights, sha256 {}", bytes.len(), card::digest(&bytes));
    Ok(())
}
