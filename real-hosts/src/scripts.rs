//! Real clients, unmodified: scripts that talk to a router through a vendor's SDK, or through what others built on it.
//!
//! Each prints `ok NAME` for a check that holds, and ends with an error otherwise. They know nothing of the host that
//! they talk to.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, sync::Mutex, time::Duration};

use live::{node, python, tools};
use pointsman_sim::{Fault, Provider, Vendor};
use serde_json::json;
use tokio::process::Command;

use crate::stage;

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

/// The vendors' SDKs for Python in front of providers that fail, lane by lane: on a stage made by [`failing`].
pub const OPENAI_FAILING: Script = Script { file: "openai_sdk.py", runtime: Runtime::Python, checks: 12 };
/// The same for Anthropic's.
pub const ANTHROPIC_FAILING: Script =
    Script { file: "anthropic_sdk.py", runtime: Runtime::Python, checks: 13 };

/// The lanes of those scripts: what the first and the second provider of each does, and how often each is then asked. An
/// SDK's retries and the router's do not multiply.
fn lanes(busy: u16) -> [(&'static str, Fault, Fault, [usize; 2]); 7] {
    let status = Fault::Status;
    [
        ("chain", status(busy), Fault::None, [1, 1]),
        ("unauthorized", status(busy), status(401), [1, 1]),
        ("limited", status(500), status(429), [1, 1]),
        ("down", status(429), status(busy), [1, 1]),
        ("retried", status(busy), status(busy), [3, 3]),
        ("recovers", status(busy), Fault::FirstN(1, Box::new(status(busy))), [2, 2]),
        ("hangs", Fault::Hang, Fault::None, [1, 0]),
    ]
}

/// Adds the lanes of a script that fails: two providers each, of a vendor that the SDK speaks to.
#[must_use]
pub fn failing(script: Script, mut stage: stage::Script) -> stage::Script {
    let names = lanes(0).map(|lane| lane.0);
    if script.file == OPENAI_FAILING.file {
        stage = names.into_iter().fold(stage, |stage, lane| stage.lane(lane, 2));
        let stage = stage.provider("openai", Vendor::OpenAi).alias("auto", &["openai/gpt-5.4-mini"]);
        return stage.set("/override", json!(["tier"])).set("/passthrough", json!({ "other": "openai" }));
    }
    for lane in names {
        let (a, b) = (format!("{lane}-a"), format!("{lane}-b"));
        let targets = [format!("{a}/claude-opus-4-6"), format!("{b}/MiniMax-M3")];
        stage = stage
            .provider(&a, Vendor::Anthropic)
            .provider(&b, Vendor::MiniMax)
            .alias(lane, &[targets[0].as_str(), targets[1].as_str()]);
    }
    let stage = stage.provider("anthropic", Vendor::Anthropic).alias("auto", &["anthropic/claude-opus-4-6"]);
    stage.set("/override", json!(["tier"]))
}

/// Breaks the providers of every lane as its name says, runs the script, and counts what reached whom, with whose key.
///
/// # Panics
/// Where anything is not as it should be.
pub async fn run_failing<'a>(script: Script, url: &str, cast: impl Iterator<Item = &'a Provider>) {
    let cast: BTreeMap<&str, &Provider> = cast.map(|provider| (provider.name(), provider)).collect();
    // The vendors' status for "overloaded".
    let busy = if script.file == OPENAI_FAILING.file { 503 } else { 529 };
    for (lane, a, b, _) in lanes(busy) {
        cast[&*format!("{lane}-a")].set_fault(a);
        cast[&*format!("{lane}-b")].set_fault(b);
    }
    run(script, url).await;
    for (lane, _, _, counts) in lanes(busy) {
        let seen = ["a", "b"].map(|letter| cast[&*format!("{lane}-{letter}")].requests().len());
        assert_eq!(seen, counts, "{lane}");
    }
    for provider in cast.values() {
        for seen in provider.requests() {
            let key = seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default();
            assert!(key.ends_with(&stage::key_of(provider.name())), "{}: {key}", provider.name());
            let refusal = seen.refusal.unwrap_or_default();
            assert!(!refusal.contains("unexpected_header"), "{}: {refusal}", provider.name());
        }
    }
}

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
    let mut command = Command::new(program);
    command.arg(file).arg(url);
    // Nothing of this machine's own settings: no key, no proxy.
    command
        .env_clear()
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AI_SDK_LOG_WARNINGS", "false");
    let out = finished(command, script.file).await;
    let checks: Vec<String> =
        out.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect();
    assert_eq!(checks.len(), script.checks, "{}: {checks:?}", script.file);
    checks
}

/// Runs a client to its end; what it printed.
///
/// # Panics
/// Where it fails or hangs, with what it printed.
pub(crate) async fn finished(mut command: Command, what: &str) -> String {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().expect("a client's interpreter");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{what} hangs")).expect("its output");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}:\n{out}\n{err}");
    out.into_owned()
}

/// Fetches what a script runs in; tests that run at the same time fetch one after another.
pub(crate) fn ready(fetch: fn() -> Result<PathBuf, live::Failure>) -> PathBuf {
    static FETCHING: Mutex<()> = Mutex::new(());
    let _turn = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fetch().unwrap_or_else(|failure| panic!("{failure}"))
}
