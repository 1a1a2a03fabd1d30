//! Log and counters say what a real Envoy says of the same traffic.

use std::{collections::BTreeMap, time::Duration};

use live::envoy::Envoy;
use pointsman_sim::{Fault, Vendor};
use real_hosts::{client::Ask, play, stage::Script, until};
use serde_json::{Value, json};

use crate::{CHAT, chat, in_each_api, start, streamed};

fn cast(script: Script) -> Script {
    script
        .provider("anthropic", Vendor::Anthropic)
        .provider("minimax", Vendor::MiniMax)
        .lane("lost", 2)
        .alias("mini", &["minimax/MiniMax-M3"])
        .alias("claude", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"])
}

/// The same requests to either.
async fn traffic(to: std::net::SocketAddr) -> usize {
    let long = "The timetable of the railway is kept in a file with one line a stop. ".repeat(200);
    let mut count = 0;
    for alias in ["mini", "claude"] {
        for (path, body) in in_each_api(alias, &long) {
            for body in [body.clone(), streamed(body)] {
                let answer = Ask::json(path, &body).send(to).await;
                assert_eq!(answer.status, 200, "{path} {alias}: {}", answer.text());
                count += 1;
            }
        }
    }
    for alias in ["lost", "lost", "not-routed"] {
        let answer = Ask::json(CHAT, &chat(alias, "hi")).send(to).await;
        assert_eq!(answer.status, if alias == "lost" { 200 } else { 404 }, "{}", answer.text());
        count += 1;
    }
    count
}

/// The counters of ours, by name and labels in a fixed order.
fn counters(page: &str) -> BTreeMap<(String, Vec<String>), u64> {
    let line = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{')?;
        let timed = ["pointsman_decision_us_bucket", "pointsman_decision_us_sum"].contains(&name);
        if !name.starts_with("pointsman_") || timed || name == "pointsman_open_requests" {
            return None;
        }
        let mut labels: Vec<String> =
            labels.trim_end_matches('}').split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect();
        labels.sort();
        Some(((name.to_owned(), labels), value.parse::<u64>().ok()?))
    };
    page.lines().filter_map(line).filter(|(_, value)| *value > 0).collect()
}

/// What two logs must agree on: everything but times, and what only one of the hosts has a word for.
fn agreed(line: &Value) -> Value {
    let names = [
        "method",
        "path",
        "upstream_path",
        "status",
        "attempts",
        "alias",
        "tier",
        "target",
        "effort",
        "reason",
        "difficulty",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "cost_usd",
        "baseline_usd",
    ];
    let plain = |value: &Value| match value {
        Value::String(text) if text == "-" => Value::Null,
        Value::String(text) => text.parse::<u64>().map_or_else(|_| value.clone(), |n| json!(n)),
        other => other.clone(),
    };
    let pairs = names.iter().map(|name| ((*name).to_owned(), plain(&line[*name])));
    let mut agreed = Value::Object(pairs.collect());
    if agreed["attempts"] == 0 {
        // Envoy writes the client's own there.
        agreed["upstream_path"] = Value::Null;
    }
    agreed
}

#[test]
fn the_same_traffic_has_the_same_counters_and_the_same_log_as_in_envoy() {
    play(async {
        let stage = start(cast(Script::serving())).await;
        stage.provider("lost-a").set_fault(Fault::Status(503));
        let sent = traffic(stage.address()).await;
        let whole = || Some(stage.gateway.access_log()).filter(|lines| lines.len() == sent);
        let ours = until(Duration::from_secs(10), whole).await.expect("a line for each");

        let (other, options) = cast(Script::new()).cast().await;
        other.provider("lost-a").set_fault(Fault::Status(503));
        let envoy =
            Envoy::start(&other.document, &other.keys, &options).unwrap_or_else(|why| panic!("{why}"));
        traffic(envoy.address()).await;
        let whole = || Some(envoy.access_log()).filter(|lines| lines.len() == sent);
        let theirs = until(Duration::from_secs(10), whole).await.expect("a line for each");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(agreed(ours), agreed(theirs), "ours {ours}\ntheirs {theirs}");
        }

        // Envoy merges histograms every five seconds.
        let page = stage.gateway.prometheus().expect("the page");
        let mine = counters(&page);
        let same = || (counters(&envoy.prometheus().ok()?) == mine).then_some(());
        if until(Duration::from_secs(15), same).await.is_none() {
            assert_eq!(mine, counters(&envoy.prometheus().expect("the page")));
        }
        assert!(mine.len() > 20, "{mine:?}");
        let buckets = |page: &str| -> Vec<String> {
            let names = page.lines().filter(|line| line.starts_with("pointsman_decision_us_bucket{"));
            names.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
        };
        assert_eq!(buckets(&page), buckets(&envoy.prometheus().expect("the page")));
    });
}
