//! The vendors' own SDKs, unmodified, from PyPI. The scripts check what the client sees; this, what the providers saw.

use std::{process::Stdio, time::Duration};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    play,
    stage::{Script, Stage, key_of},
};
use serde_json::json;

/// Runs a script against a stage, in a Python of its own; returns the names of its checks.
async fn run(script: &str, stage: &Stage) -> Vec<String> {
    let python = live::python::with_sdks().unwrap_or_else(|failure| panic!("{failure}"));
    let child = tokio::process::Command::new(python)
        .arg(live::tools::root().join("real-hosts/sdk").join(script))
        .arg(stage.envoy.url())
        // Nothing of this machine's own settings: no key, no proxy.
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python");
    let output = tokio::time::timeout(Duration::from_secs(100), child.wait_with_output());
    let output = output.await.expect("the script hangs").expect("its output");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect()
}

fn requests(stage: &Stage, name: &str) -> usize {
    stage.provider(name).requests().len()
}

/// What no provider may have seen.
fn assert_clean(stage: &Stage) {
    for provider in stage.providers() {
        for seen in provider.requests() {
            let key = seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default();
            assert!(key.ends_with(&key_of(provider.name())), "{}: {key}", provider.name());
            let refusal = seen.refusal.unwrap_or_default();
            assert!(!refusal.contains("unexpected_header"), "{}: {refusal}", provider.name());
        }
    }
}

#[test]
fn the_openai_sdk_works_unmodified() {
    play(async {
        let stage = Script::new()
            .provider("openai", Vendor::OpenAi)
            .alias("auto", &["openai/gpt-5.4-mini"])
            .lane("chain", 2)
            .lane("unauthorized", 2)
            .lane("limited", 2)
            .lane("down", 2)
            .lane("retried", 2)
            .lane("recovers", 2)
            .lane("hangs", 2)
            .set("/override", json!(["tier"]))
            .set("/passthrough", json!({ "other": "openai" }))
            .set("/envoy/max_body", json!(200_000))
            .start()
            .await;
        lanes_behave(&stage, "openai_sdk.py", 12, 503).await;
        assert_clean(&stage);
    });
}

/// Breaks the providers of every lane as its name says, runs the SDK's script, and counts what reached whom. `busy` is
/// the vendors' status for "overloaded".
async fn lanes_behave(stage: &Stage, script: &str, expected_checks: usize, busy: u16) {
    for (lane, a, b) in [
        ("chain", Fault::Status(busy), Fault::None),
        ("unauthorized", Fault::Status(busy), Fault::Status(401)),
        ("limited", Fault::Status(500), Fault::Status(429)),
        ("down", Fault::Status(429), Fault::Status(busy)),
        ("retried", Fault::Status(busy), Fault::Status(busy)),
        ("recovers", Fault::Status(busy), Fault::FirstN(1, Box::new(Fault::Status(busy)))),
        ("hangs", Fault::Hang, Fault::None),
    ] {
        stage.provider(&format!("{lane}-a")).set_fault(a);
        stage.provider(&format!("{lane}-b")).set_fault(b);
    }
    let checks = run(script, stage).await;
    assert_eq!(checks.len(), expected_checks, "{checks:?}");
    for (lane, count) in
        [("chain", 1), ("unauthorized", 1), ("limited", 1), ("down", 1), ("retried", 3), ("recovers", 2)]
    {
        // As many as the SDK sent, to each target once: its retries and ours do not multiply.
        for letter in ["a", "b"] {
            assert_eq!(requests(stage, &format!("{lane}-{letter}")), count, "{lane}-{letter}");
        }
    }
    assert_eq!((requests(stage, "hangs-a"), requests(stage, "hangs-b")), (1, 0));
}

#[test]
fn the_anthropic_sdk_works_unmodified() {
    play(async {
        let lanes = ["chain", "unauthorized", "limited", "down", "retried", "recovers", "hangs"];
        let script = Script::new()
            .provider("anthropic", Vendor::Anthropic)
            .alias("auto", &["anthropic/claude-opus-4-6"])
            .set("/override", json!(["tier"]))
            .set("/envoy/max_body", json!(200_000));
        let script = lanes.into_iter().fold(script, |script, lane| {
            let (a, b) = (format!("{lane}-a"), format!("{lane}-b"));
            let targets = [format!("{a}/claude-opus-4-6"), format!("{b}/MiniMax-M3")];
            script
                .provider(&a, Vendor::Anthropic)
                .provider(&b, Vendor::MiniMax)
                .alias(lane, &[targets[0].as_str(), targets[1].as_str()])
        });
        let stage = script.start().await;
        lanes_behave(&stage, "anthropic_sdk.py", 13, 529).await;
        assert_clean(&stage);
    });
}
