//! Changes without a restart: new files over a running Envoy.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use pointsman_sim::Fault;
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    stage::{Script, Stage},
    until,
};
use serde_json::{Value, json};

use crate::chat;

const CHAT: &str = "/v1/chat/completions";

/// Asks until the answer comes from this target, at most for `patience`; says how long it took.
async fn answered_by(stage: &Stage, alias: &str, target: &str, patience: Duration) -> Option<Duration> {
    let began = Instant::now();
    loop {
        let answer = Ask::json(CHAT, &chat(alias, "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "no request is lost on the way: {}", answer.text());
        if answer.header("x-pointsman-model") == target {
            return Some(began.elapsed());
        }
        if began.elapsed() > patience {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Writes a file the way the command does: beside it, then over it.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).expect("a file");
    fs::rename(fresh, path).expect("a rename");
}

fn filter(stage: &Stage) -> (std::path::PathBuf, Value) {
    let path = stage.envoy.folder().join("filter.json");
    let value = serde_json::from_str(&fs::read_to_string(&path).expect("the file")).expect("JSON");
    (path, value)
}

#[test]
fn a_new_configuration_holds_within_a_second_and_disturbs_no_stream() {
    play(async {
        let stage = Script::new().lane("auto", 2).lane("slow", 1).start().await;
        assert!(answered_by(&stage, "auto", "auto-a/model-a", Duration::ZERO).await.is_some());

        stage.provider("slow-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(120) });
        let mut body = chat("slow", "a long story");
        body["stream"] = json!(true);
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let flow = connection.start(Ask::json(CHAT, &body)).await.expect("an answer");

        // Other order, another model, a further alias: clusters change as well as the filter.
        let mut document = stage.document.clone();
        document["ladders"]["auto"]["tiers"][0]["targets"] = json!(["auto-b/new-model", "auto-a/model-a"]);
        document["aliases"]["another"] = json!("auto");
        stage.envoy.reload(&document, None).unwrap_or_else(|failure| panic!("{failure}"));
        let taken = answered_by(&stage, "auto", "auto-b/new-model", Duration::from_secs(1)).await;
        assert!(taken.is_some(), "the old decisions are still made");
        assert_eq!(stage.provider("auto-b").last().expect("a request").model(), "new-model");
        assert!(answered_by(&stage, "another", "auto-b/new-model", Duration::ZERO).await.is_some());
        stage.provider("auto-b").set_fault(Fault::Status(503));
        assert!(
            answered_by(&stage, "auto", "auto-a/model-a", Duration::ZERO).await.is_some(),
            "the new chain fails over"
        );

        let answer = flow.finish().await;
        assert!(!answer.cut && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-model"), "slow-a/model-a");
    });
}

#[test]
fn a_wrong_configuration_is_refused_and_the_old_one_stays() {
    play(async {
        let stage = Script::new().lane("auto", 2).start().await;
        let (path, good) = filter(&stage);
        let rejected = "extension_config_discovery.http_filter.pointsman.update_rejected";
        let value = "/resources/0/typed_config/config/configuration/value";
        for (number, change) in [
            // Not a configuration; one that names nobody; not even the shape.
            |plugin: &mut Value| plugin["config"] = json!({ "version": 1 }),
            |plugin: &mut Value| plugin["config"]["aliases"]["auto"] = json!("no-such-ladder"),
            |plugin: &mut Value| plugin["role"] = json!("decider"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut bad = good.clone();
            let text = bad.pointer(value).and_then(Value::as_str).expect("the plugin's configuration");
            let mut plugin: Value = serde_json::from_str(text).expect("JSON");
            change(&mut plugin);
            *bad.pointer_mut(value).expect("the same") = json!(plugin.to_string());
            replace(&path, &bad.to_string());
            let count = || stage.envoy.stat(rejected).filter(|count| *count == number as u64 + 1);
            assert!(until(Duration::from_secs(10), count).await.is_some(), "{number}: {}", stage.envoy.log());
            assert!(
                answered_by(&stage, "auto", "auto-a/model-a", Duration::ZERO).await.is_some(),
                "{number}"
            );
        }
        assert!(
            stage.envoy.log().contains("/aliases/auto"),
            "the log names the place: {}",
            stage.envoy.log()
        );

        // And a right one is taken up after all that.
        let mut document = stage.document.clone();
        document["ladders"]["auto"]["tiers"][0]["targets"] = json!(["auto-b/model-b"]);
        stage.envoy.reload(&document, None).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(answered_by(&stage, "auto", "auto-b/model-b", Duration::from_secs(1)).await.is_some());
    });
}

#[test]
fn a_key_is_rotated_live() {
    play(async {
        let stage = Script::new().lane("auto", 1).start().await;
        assert!(answered_by(&stage, "auto", "auto-a/model-a", Duration::ZERO).await.is_some());
        let path = stage.envoy.folder().join("secrets/auto-a.json");
        let old = fs::read_to_string(&path).expect("the secret");
        let key = real_hosts::stage::key_of("auto-a");
        assert!(old.contains(&key));
        replace(&path, &old.replace(&key, "sk-rotated"));
        let began = Instant::now();
        loop {
            // The simulator knows the old key alone: it answers 401, and says what it was shown.
            Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
            let seen = stage.provider("auto-a").last().expect("a request");
            if seen.header("authorization") == Some("Bearer sk-rotated") {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", seen.header("authorization"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}
