//! Recorded requests of real agents, all through a real Envoy: the only difference between what goes in and what comes
//! out is what the decision says.
//!
//! The recordings are not part of the project. They are looked for where `POINTSMAN_SHARED` says, else in
//! `../shared/data/fixtures` beside the project. Where there are none, the test says so and passes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use pointsman::{Config, Opened, RequestHead, Routed, Router, edit};
use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    stage::{Script, key_of},
};
use serde_json::{Value, json};

/// Recordings that no provider answers: they hold a tool call without its result. What reaches the provider is held
/// to the same as all others; its refusal is the right response.
const REFUSED: [&str; 2] = ["claudecode:edge_cases-6", "claudecode:edge_cases-8"];

struct Fixture {
    id: String,
    path: String,
    body: String,
}

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("POINTSMAN_SHARED").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| live::tools::root().join("../shared/data/fixtures"));
    folder.is_dir().then_some(folder)
}

/// Every recorded request, its model replaced by the alias.
fn fixtures(folder: &PathBuf) -> Vec<Fixture> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.to_string_lossy().ends_with(".jsonl.gz")) {
        let decoder = flate2::read::GzDecoder::new(File::open(file).expect("a file"));
        for line in BufReader::new(decoder).lines() {
            let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            let mut body = line["body"].clone();
            body["model"] = json!("auto");
            let text = |name: &str| line[name].as_str().expect("a text").to_owned();
            found.push(Fixture { id: text("id"), path: text("endpoint"), body: body.to_string() });
        }
    }
    found
}

/// Providers as strict as the real ones, three tiers, efforts: as much as can go wrong.
fn script() -> Script {
    let cheap =
        json!(["minimax/MiniMax-M3.1-Flash", { "target": "deepseek/deepseek-flash", "effort": "none" }]);
    Script::new()
        .provider("minimax", Vendor::MiniMax)
        .provider("deepseek", Vendor::DeepSeek)
        .provider("openai", Vendor::OpenAi)
        .provider("anthropic", Vendor::Anthropic)
        .set(
            "/ladders/default",
            json!({ "tiers": [
                { "name": "cheap", "effort": "low", "targets": cheap },
                { "name": "mid", "targets": ["deepseek/deepseek-v4-pro", "openai/gpt-5.1"] },
                { "name": "frontier", "effort": "high", "targets": ["anthropic/claude-opus-4-6", "openai/gpt-5.4-mini", "minimax/MiniMax-M3"] },
            ], "thresholds": [300, 600] }),
        )
        .set("/aliases/auto", json!("default"))
}

#[test]
fn recorded_requests_differ_only_by_what_the_decision_says() {
    let Some(folder) = folder() else {
        println!("no recorded requests here (POINTSMAN_SHARED): nothing to show");
        return;
    };
    play(async {
        let fixtures = fixtures(&folder);
        assert!(!fixtures.is_empty(), "a folder without recordings");
        let stage = script().start().await;
        let config = Config::from_json(stage.document.to_string().as_bytes()).expect("a configuration");
        let router = Router::new(config);
        let (mut tiers, mut targets, mut wrong) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut h1 = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let mut h2 = Connection::open(Protocol::H2, stage.address()).await.expect("a connection");
        for (number, fixture) in fixtures.iter().enumerate() {
            let what = &fixture.id;
            let head = RequestHead { method: b"POST", path: fixture.path.as_bytes(), headers: &[] };
            let Opened::NeedBody(pending) = router.open(&head) else {
                panic!("{what}: no completion request")
            };
            let Routed::Forward(forward) = pending.route(&router, fixture.body.as_bytes()) else {
                panic!("{what}: the core would not route it")
            };
            // Every third one fails over, where there is somewhere to go.
            let failing = number % 3 == 0 && forward.attempts().len() > 1;
            let attempt = &forward.attempts()[usize::from(failing)];
            stage.providers().for_each(|provider| provider.clear());
            if failing {
                stage.provider(&forward.attempts()[0].provider).set_fault(Fault::Status(503));
            }
            let connection = if number % 2 == 0 { &mut h1 } else { &mut h2 };
            let answer =
                connection.send(Ask::post(&fixture.path, fixture.body.clone())).await.expect("an answer");
            stage.provider(&forward.attempts()[0].provider).set_fault(Fault::None);

            let expected = if REFUSED.contains(&what.as_str()) { 400 } else { 200 };
            if answer.status != expected {
                wrong.push(format!("{what} at {}: {} {}", attempt.target, answer.status, answer.text()));
                continue;
            }
            assert_eq!(answer.header("x-pointsman-model"), attempt.target, "{what}");
            assert_eq!(answer.header("x-pointsman-reason"), forward.summary().reason.to_string(), "{what}");
            let kind = match expected {
                400 => "error",
                _ if fixture.path.ends_with("/messages") => "message",
                _ => "chat.completion",
            };
            let answered = answer.json();
            assert!(
                answered["type"] == kind || answered[kind].is_object() || answered["object"] == kind,
                "{what}: {}",
                answer.text()
            );
            let seen = stage.provider(&attempt.provider).last().expect("a request");
            assert_eq!(seen.path, attempt.path, "{what}");
            assert!(
                seen.header("authorization")
                    .or_else(|| seen.header("x-api-key"))
                    .is_some_and(|key| key.ends_with(&key_of(&attempt.provider)))
            );
            let expected = edit::apply(fixture.body.as_bytes(), &attempt.splices);
            assert!(
                seen.body == expected,
                "{what}: {} instead of {}",
                String::from_utf8_lossy(&seen.body),
                String::from_utf8_lossy(&expected)
            );
            // And the decision says little: the conversation and the tools are the client's.
            let (sent, got): (Value, Value) = (
                serde_json::from_str(&fixture.body).expect("JSON"),
                serde_json::from_slice(&seen.body).expect("JSON"),
            );
            assert_eq!(got["model"].as_str(), attempt.model.as_deref(), "{what}");
            assert_eq!(
                sent["messages"].as_array().map(Vec::len),
                got["messages"].as_array().map(Vec::len),
                "{what}"
            );
            assert_eq!(sent["tools"], got["tools"], "{what}");
            *tiers.entry(forward.summary().tier.clone().unwrap_or_default()).or_insert(0) += 1;
            *targets.entry(attempt.target.clone()).or_insert(0) += 1;
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), fixtures.len(), wrong.join("\n"));
        println!("{} recorded requests through Envoy; tiers {tiers:?}; targets {targets:?}", fixtures.len());
    });
}
