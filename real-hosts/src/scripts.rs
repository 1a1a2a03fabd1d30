//! Real clients, unmodified: scripts that talk to a router through a vendor's SDK, or through what others built on it.
//!
//! Each prints `ok NAME` for a check that holds, and ends with an error otherwise. They know nothing of the host that
//! they talk to.

use std::{path::PathBuf, process::Stdio, sync::Mutex, time::Duration};

use live::{node, python, tools};

/// A script and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// File in `real-hosts/sdk`.
    pub file: &'static str,
    /// Where its packages are.
    pub runtime: Runtime,
    /// How many checks it makes.
    pub checks: usize,
}

/// What runs a script.
#[derive(Clone, Copy, Debug)]
pub enum Runtime {
    /// Python with the vendors' SDKs.
    Python,
    /// Python with litellm and LangChain.
    Frameworks,
    /// Node with everything from npm.
    Node,
}

/// The scripts that need nothing but the aliases `auto`, for Chat Completions and Responses, and `claude-auto`, for
/// Messages, each with a ladder of one tier named `only`.
pub const ANYWHERE: [Script; 6] = [
    Script { file: "litellm_client.py", runtime: Runtime::Frameworks, checks: 10 },
    Script { file: "langchain_chat.py", runtime: Runtime::Frameworks, checks: 15 },
    Script { file: "openai_sdk.mjs", runtime: Runtime::Node, checks: 7 },
    Script { file: "anthropic_sdk.mjs", runtime: Runtime::Node, checks: 7 },
    Script { file: "vercel_ai.mjs", runtime: Runtime::Node, checks: 14 },
    Script { file: "langchain_chat.mjs", runtime: Runtime::Node, checks: 9 },
];

/// How long a script may take. They take seconds; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs a script against the router at `url`; returns the names of its checks.
///
/// # Panics
/// Where one fails, with what the script printed.
pub async fn run(script: Script, url: &str) -> Vec<String> {
    let source = tools::root().join("real-hosts/sdk").join(script.file);
    let (program, file) = match script.runtime {
        Runtime::Python => (ready(python::with_sdks), source),
        Runtime::Frameworks => (ready(python::with_frameworks), source),
        // Node looks for packages beside the script, and nowhere else.
        Runtime::Node => {
            let file = ready(node::with_clients).join(script.file);
            std::fs::copy(&source, &file).expect("the script beside its packages");
            (PathBuf::from("node"), file)
        }
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let child = tokio::process::Command::new(program)
        .arg(file)
        .arg(url)
        // Nothing of this machine's own settings: no key, no proxy.
        .env_clear()
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AI_SDK_LOG_WARNINGS", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the script's interpreter");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
    let output = output.await.expect("the script hangs").expect("its output");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{out}\n{err}", script.file);
    let checks: Vec<String> =
        out.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect();
    assert_eq!(checks.len(), script.checks, "{}: {checks:?}", script.file);
    checks
}

/// Fetches what a script runs in; tests that run at the same time fetch one after another.
fn ready(fetch: fn() -> Result<PathBuf, live::Failure>) -> PathBuf {
    static FETCHING: Mutex<()> = Mutex::new(());
    let _turn = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fetch().unwrap_or_else(|failure| panic!("{failure}"))
}
