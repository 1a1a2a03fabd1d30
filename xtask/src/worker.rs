//! `cargo xtask worker`: the Worker as it ships.

use std::fs;

use live::{Failure, worker};
use pointsman_cli::paint;

use crate::progress::Progress;

/// Builds the Worker into `target/worker`, where `wrangler.toml` looks for it.
pub(crate) fn run() -> Result<(), Failure> {
    let progress = Progress::begin("building the Worker");
    let folder = worker::build()?;
    drop(progress);
    let size = worker::FILES
        .iter()
        .map(|name| Ok(fs::metadata(folder.join(name))?.len()))
        .sum::<Result<u64, Failure>>()?;
    paint::done(&format!("target/worker: {}, {} KB", worker::FILES.join(" and "), size.div_ceil(1000)));
    Ok(())
}
