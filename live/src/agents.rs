//! Coding agents at a terminal: Claude Code, Codex and opencode, as their makers ship them.

use std::{path::PathBuf, process::Command};

use crate::{Failure, tools};

/// The agents, in the versions that they were tried with.
const AGENTS: [&str; 3] =
    ["@anthropic-ai/claude-code@2.1.197", "@openai/codex@0.171.0", "opencode-ai@1.18.33"];

/// What two of them do after they were installed: put the binary for this machine in its place. npm may be told not to.
const FINISH: [&str; 2] =
    ["node_modules/@anthropic-ai/claude-code/install.cjs", "node_modules/opencode-ai/postinstall.mjs"];

/// The folder that holds `claude`, `codex` and `opencode`.
///
/// # Errors
/// What npm printed.
pub fn folder() -> Result<PathBuf, Failure> {
    let home = tools::npm_and("agents", &AGENTS, |home| {
        for script in FINISH {
            let script = home.join(script);
            let folder = script.parent().unwrap_or(home);
            tools::run(Command::new("node").current_dir(folder).arg(&script))?;
        }
        Ok(())
    })?;
    Ok(home.join("node_modules/.bin"))
}
