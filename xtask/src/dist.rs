//! `cargo xtask dist`: the doors as they ship.

use std::{fs, path::Path};

use live::{Failure, component, filter, tools, worker};
use pointsman_cli::paint;

use crate::progress::Progress;

/// Builds the doors and copies them to `target/dist`, where examples and the README look for them.
pub(crate) fn run() -> Result<(), Failure> {
    let progress = Progress::begin("building the Envoy filter");
    let filter = filter::build()?;
    progress.step("building the component");
    let component = component::build()?;
    progress.step("building the Worker");
    let worker = worker::build()?;
    drop(progress);
    ship(&filter, "pointsman.wasm")?;
    ship(&component, "pointsman.component.wasm")?;
    worker::FILES.into_iter().try_for_each(|name| ship(&worker.join(name), &format!("worker/{name}")))
}

fn ship(built: &Path, name: &str) -> Result<(), Failure> {
    let folder = tools::root().join("target/dist");
    let to = folder.join(name);
    fs::create_dir_all(to.parent().unwrap_or(&folder))?;
    let bytes = fs::copy(built, to)?;
    paint::done(&format!("target/dist/{name}, {} KB", bytes.div_ceil(1000)));
    Ok(())
}
