//! `pointsman serve CONFIG --json` under test: the command's own code in a process of its own, built with the tests.

use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(2).map(PathBuf::from) else {
        eprintln!("gateway serve CONFIG --json");
        return ExitCode::FAILURE;
    };
    match pointsman_cli::serve::run(&path, true) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
