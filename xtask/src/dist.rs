//! `cargo xtask dist`: the filter as it ships.

use std::fs;

use live::{Failure, filter, tools};
use pointsman_cli::paint;

use crate::progress::Progress;

/// Builds the filter and copies it to where the example configuration looks for it.
pub(crate) fn run() -> Result<(), Failure> {
    let progress = Progress::begin("building the filter");
    let built = filter::build()?;
    drop(progress);
    let folder = tools::root().join("target/dist");
    fs::create_dir_all(&folder)?;
    let shipped = folder.join("pointsman.wasm");
    let bytes = fs::copy(&built, &shipped)?;
    paint::done(&format!("target/dist/pointsman.wasm, {} KB", bytes.div_ceil(1000)));
    Ok(())
}
