//! The Worker as it ships: the module from source, and the JavaScript beside it.

use std::{fs, path::PathBuf};

use crate::{Failure, filter, tools};

/// What a bundle holds: the entry, and the module that it imports.
pub const FILES: [&str; 2] = ["index.js", "pointsman.wasm"];

/// Builds it into `target/worker` and returns that folder. Up to date in a moment where nothing changed.
///
/// # Errors
/// What the compiler printed, or how to get the target.
pub fn build() -> Result<PathBuf, Failure> {
    if let Some(ready) = std::env::var_os("POINTSMAN_WORKER") {
        return Ok(PathBuf::from(ready));
    }
    let module = filter::package("pointsman-worker")?;
    let folder = tools::root().join("target/worker");
    fs::create_dir_all(&folder)?;
    let [entry, imported] = FILES;
    replace(&module, &folder.join(imported))?;
    replace(&tools::root().join("worker/shim").join(entry), &folder.join(entry))?;
    Ok(folder)
}

/// By a rename: somebody may be reading the old one.
fn replace(from: &std::path::Path, to: &std::path::Path) -> Result<(), Failure> {
    let fresh = to.with_extension(format!("{}.new", std::process::id()));
    fs::copy(from, &fresh)?;
    Ok(fs::rename(fresh, to)?)
}
