//! The command as a person runs it: what it prints, what it writes, what it says when something is wrong.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pointsman(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(arguments)
        .env_clear()
        .env("ANTHROPIC_API_KEY", "sk-of-a-test")
        .output()
        .unwrap()
}

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy/pointsman.yaml").display().to_string()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn check_shows_tiers_prices_and_where_everything_goes() {
    let text = stdout(&pointsman(&["check", &example()]));
    for part in
        ["cheap", "frontier", "anthropic/claude-opus-5-5", "0.15", "claude-opus-4-6", "0–221", "can be used"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let json: Value = serde_json::from_str(&stdout(&pointsman(&["check", &example(), "--json"]))).unwrap();
    assert_eq!(json["ladders"][0]["tiers"][0]["name"], "cheap");
    assert!(json["chains"].as_array().unwrap().len() > 3);
}

#[test]
fn check_warns_of_a_model_past_its_end_and_names_the_successor() {
    let folder = Folder::new("past");
    let path = folder.write(
        "c.yaml",
        "version: 1\nladders: { default: { tiers: [ { name: only, targets: [deepseek/deepseek-chat] } ] } }\n\
         aliases: { auto: default }\n",
    );
    let output = pointsman(&["check", path.to_str().unwrap()]);
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{warnings}");
    assert!(warnings.contains("2026-07-24") && warnings.contains("deepseek-flash"), "{warnings}");
}

#[test]
fn a_mistake_is_named_with_its_place_and_cure() {
    let folder = Folder::new("wrong");
    let good = fs::read_to_string(example()).unwrap();
    for (from, to, place, cure) in [
        ("thresholds: [222, 267]", "thresold: [212, 264]", "/ladders/default/thresold", "thresholds"),
        ("listen: 127.0.0.1:8080", "listen: nowhere", "/envoy/listen", "invalid"),
        ("admin: 127.0.0.1:9901", "admim: 127.0.0.1:9901", "/envoy", "admin"),
        ("version: 1", "version: 1\nversion: 1", "", "version"),
        ("default_tier: mid", "default_tier: midd", "/ladders/default/default_tier", "mid"),
    ] {
        assert!(good.contains(from), "{from}");
        let path = folder.write("c.yaml", &good.replacen(from, to, 1));
        let output = pointsman(&["check", path.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{to} is accepted");
        assert!(error.contains(place) && error.contains(cure) && error.contains("c.yaml"), "{to}: {error}");
    }
}

#[test]
fn explain_shows_the_reason_and_the_exact_change() {
    let folder = Folder::new("explain");
    let body = r#"{"model": "auto", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}"#;
    let request = folder.write("r.json", body);
    let request = request.to_str().unwrap();
    let text = stdout(&pointsman(&["explain", &example(), request, "--path", "/v1/messages"]));
    for part in
        ["cheap", "difficulty", "minimax/MiniMax-M3.1-Flash", "[\"auto\"]", "[\"MiniMax-M3.1-Flash\"]"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let json: Value = serde_json::from_str(&stdout(&pointsman(&[
        "explain",
        &example(),
        request,
        "--path",
        "/v1/messages",
        "--json",
    ])))
    .unwrap();
    let attempt = &json["attempts"][0];
    let mut edited = body.to_owned();
    let splices = attempt["splices"].as_array().unwrap();
    for splice in splices.iter().rev() {
        let at = |name: &str| usize::try_from(splice[name].as_u64().unwrap()).unwrap();
        edited.replace_range(at("start")..at("end"), splice["with"].as_str().unwrap());
    }
    assert_eq!(attempt["body"], edited);
    let sent: Value = serde_json::from_str(&edited).unwrap();
    assert_eq!(sent["messages"][0]["content"], "hi");
}

#[test]
fn check_and_explain_show_budgets_and_samples() {
    let folder = Folder::new("money");
    let config = folder.write(
        "c.yaml",
        "version: 1
ladders:
  default:
    tiers:
      - { name: cheap, targets: [minimax/MiniMax-M3], samples: { mode: vote, min: 2 } }
      - { name: top, targets: [anthropic/claude-opus-5-5] }
    thresholds: [0]
aliases: { auto: default }
budgets:
  - { name: team, usd: 20, window: day, near: 0.8 }
",
    );
    let config = config.to_str().unwrap();
    let text = stdout(&pointsman(&["check", config]));
    for part in ["team", "$20 a day", "all together", "1 from 80.0 %", "refused with 429"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let request = folder.write(
        "r.json",
        r#"{"model":"auto","max_tokens":50,"messages":[{"role":"user","content":"2+2? Answer with a single number."}]}"#,
    );
    let request = request.to_str().unwrap();
    for (spent, parts) in [
        ("team=1", &["team: $1 of $20 a day", "top"][..]),
        ("team=16.5", &["team is nearly spent", "vote on a number, 2 to 7 samples"]),
        ("team=20", &["429", "pointsman_budget", "team: $20 of $20 a day"]),
    ] {
        let text =
            stdout(&pointsman(&["explain", config, request, "--path", "/v1/messages", "--spent", spent]));
        for part in parts {
            assert!(text.contains(part), "{spent}: {part} is missing in\n{text}");
        }
    }
    let wrong = pointsman(&["explain", config, request, "--spent", "taem=1"]);
    assert!(!wrong.status.success());
}

#[test]
fn envoy_writes_what_envoy_needs_and_keeps_the_keys_to_the_owner() {
    let folder = Folder::new("envoy");
    let out = folder.0.join("conf");
    let output = pointsman(&["envoy", &example(), "--out", out.to_str().unwrap()]);
    let text = stdout(&output);
    assert!(text.contains("envoy -c"), "{text}");
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warnings.contains("OPENAI_API_KEY is not set"), "{warnings}");
    assert!(!warnings.contains("ANTHROPIC_API_KEY"), "{warnings}");

    let secret = out.join("secrets/anthropic.json");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&secret).unwrap().contains("sk-of-a-test"));
    for name in ["envoy.yaml", "clusters.json", "filter.json"] {
        let text = fs::read_to_string(out.join(name)).unwrap();
        assert!(!text.contains("sk-of-a-test"), "the key stands in {name}");
    }
    let clusters: Value =
        serde_json::from_str(&fs::read_to_string(out.join("clusters.json")).unwrap()).unwrap();
    let anthropic =
        clusters["resources"].as_array().unwrap().iter().find(|c| c["name"] == "anthropic").unwrap();
    let tls = &anthropic["transport_socket"]["typed_config"];
    assert_eq!(tls["sni"], "api.anthropic.com");
    let check = &tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"][0];
    assert_eq!(check["matcher"]["exact"], "api.anthropic.com");
    assert!(!output.stdout.windows(12).any(|bytes| bytes == b"sk-of-a-test"));
}
