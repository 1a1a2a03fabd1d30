//! `cargo xtask eval`: what the difficulty scorer is worth. Two builds do the work: the module in wasmtime for the times in
//! WebAssembly, and the trainer's package, built for speed, for everything else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;
use live::{Failure, tools};

use crate::progress::Progress;

/// What to measure with, and where the report goes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder of the labelled prompts. They are not part of the repository.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
    /// File of the report, one HTML page.
    #[arg(long, default_value = "target/eval.html", value_name = "FILE")]
    html: PathBuf,
    /// Leave out the times in WebAssembly, which need a build of wasmtime.
    #[arg(long)]
    no_wasm: bool,
}

/// Measures, and writes the report.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // Said before minutes of building, not after them.
    if !options.data.is_dir() {
        return Err(Failure::new(format!(
            "{} is no folder: name that of the labelled prompts with --data; they are not part of the repository",
            options.data.display()
        )));
    }
    let wasm = if options.no_wasm { None } else { Some(in_wasm()?) };
    let progress = Progress::begin("building the evaluation");
    cargo(
        &["build", "--quiet", "--release", "--locked", "--package", "train", "--bin", "eval"],
        Stdio::null(),
    )?;
    drop(progress);
    let mut eval = Command::new(tools::root().join("target/release/eval"));
    eval.arg("--data").arg(&options.data).arg("--html").arg(&options.html);
    if options.json {
        eval.arg("--json");
    }
    if let Some(wasm) = &wasm {
        eval.arg("--wasm").arg(wasm);
    }
    let status = eval.status().map_err(|error| Failure::new(format!("the evaluation: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new("the evaluation failed")) }
}

/// Times in WebAssembly, in a file. The host is built without optimisation, which is quick: what is timed is the module.
fn in_wasm() -> Result<PathBuf, Failure> {
    let _progress = Progress::begin("building the module and wasmtime, and timing the module");
    let out = tools::root().join("target/eval-wasm.json");
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = fs::File::create(&out)?;
    cargo(&["test", "--quiet", "--locked", "--workspace", "--bench", "judge"], file.into())?;
    Ok(out)
}

fn cargo(arguments: &[&str], out: Stdio) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .current_dir(tools::root())
        .args(arguments)
        .stdout(out)
        .status()
        .map_err(|error| Failure::new(format!("{}: {error}", Path::new(&cargo).display())))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("cargo {} failed", arguments.join(" ")))) }
}
