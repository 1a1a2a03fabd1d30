//! The Worker as it ships: the module from source, and the JavaScript beside it, part of which is written for it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use wasm_bindgen_cli_support::Bindgen;

use crate::{Failure, filter, tools};

/// What a bundle holds: the entry and what it imports, what wasm-bindgen writes, what `worker` brings along, the module.
pub const FILES: [&str; 8] = [
    "index.js",
    "bridge.js",
    "passing.js",
    "samples.js",
    "store.js",
    "pointsman.js",
    "host.js",
    "pointsman_bg.wasm",
];

/// The module's place among them.
pub const MODULE: &str = FILES[7];

/// Builds it into `target/worker` and returns that folder. Up to date in a moment where nothing changed.
///
/// # Errors
/// What the compiler or wasm-bindgen said, or how to get the target.
pub fn build() -> Result<PathBuf, Failure> {
    if let Some(ready) = std::env::var_os("POINTSMAN_WORKER") {
        return Ok(PathBuf::from(ready));
    }
    let module = filter::package_as("pointsman-worker", "worker")?;
    let folder = tools::root().join("target/worker");
    fs::create_dir_all(&folder)?;
    let [written @ .., glue, brought, bound] = FILES;
    for file in written {
        let text = fs::read(tools::root().join("worker/js").join(file))?;
        if text != fs::read(folder.join(file)).unwrap_or_default() {
            put(&text, &folder.join(file))?;
        }
    }
    // Of which module the rest was made: the same one is not bound again.
    let source = folder.join("source.wasm");
    let bytes = fs::read(&module)?;
    if fs::read(&source).is_ok_and(|known| known == bytes)
        && FILES.iter().all(|file| folder.join(file).exists())
    {
        return Ok(folder);
    }
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("wasm-bindgen: {error:#}"));
    let mut output = Bindgen::new()
        .input_bytes("pointsman", bytes.clone())
        .module(true)
        .and_then(|bindgen| bindgen.typescript(false).reset_state_function(true).generate_output())
        .map_err(|error| failed(&error))?;
    // Its name has a digest in it; here it is one file, and stays one.
    let snippets: Vec<_> = output.snippets().iter().filter(|(_, texts)| !texts.is_empty()).collect();
    let [(name, texts)] = snippets[..] else { return Err(failed(&"more snippets than that of `worker`")) };
    let [text] = &texts[..] else { return Err(failed(&"`worker` brings more than one file")) };
    put(text.as_bytes(), &folder.join(brought))?;
    // Cloudflare's runtime gives the module to a plain import of it.
    let text = output.js().replace("import source ", "import ");
    let text = text.replace(&format!("./snippets/{name}/inline0.js"), &format!("./{brought}"));
    put(text.as_bytes(), &folder.join(glue))?;
    put(&output.wasm_mut().emit_wasm(), &folder.join(bound))?;
    put(&bytes, &source)?;
    Ok(folder)
}

/// By a rename: somebody may be reading the old one.
fn put(bytes: &[u8], to: &Path) -> Result<(), Failure> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let fresh = to.with_extension(format!("{}-{count}.new", std::process::id()));
    fs::write(&fresh, bytes)?;
    Ok(fs::rename(fresh, to)?)
}
