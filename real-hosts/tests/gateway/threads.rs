//! Connections are served by threads of their own, and all of those threads know the same.

use std::{collections::BTreeSet, time::Duration};

use pointsman_sim::Fault;
use real_hosts::{
    client::{Answer, Ask, Connection, Protocol},
    local::Local,
    play,
    stage::Script,
};
use serde_json::json;

use crate::{CHAT, chat, start, streamed};

/// More than one for each thread of the machines that this runs on.
const CONNECTIONS: usize = 24;

/// Connections that are open at once, of either protocol.
async fn connect(stage: &Local) -> Vec<Connection> {
    let mut all = Vec::new();
    for number in 0..CONNECTIONS {
        let protocol = if number % 2 == 0 { Protocol::H1 } else { Protocol::H2 };
        let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
        // Answered: some thread has it.
        let answer = connection.send(Ask::new("GET", "/v1/models")).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        all.push(connection);
    }
    all
}

/// The same request by each of them.
async fn ask(all: &mut [Connection], alias: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for connection in all {
        answers.push(connection.send(Ask::json(CHAT, &chat(alias, "hi"))).await.expect("an answer"));
    }
    answers
}

fn targets(answers: &[Answer]) -> BTreeSet<&str> {
    answers.iter().map(|answer| answer.header("x-pointsman-model")).collect()
}

#[test]
fn a_new_document_is_in_force_on_all_connections_at_once() {
    play(async {
        let stage = start(Script::serving().lane("auto", 2)).await;
        let mut all = connect(&stage).await;
        assert_eq!(targets(&ask(&mut all, "auto").await), BTreeSet::from(["auto-a/model-a"]));
        let mut document = stage.cast.document.clone();
        document["ladders"]["auto"]["tiers"][0]["targets"] = json!(["auto-b/model-b"]);
        tokio::task::block_in_place(|| stage.gateway.reload(&document)).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(targets(&ask(&mut all, "auto").await), BTreeSet::from(["auto-b/model-b"]));
    });
}

#[test]
fn what_one_connection_learns_of_a_provider_all_know() {
    play(async {
        let script = Script::serving().lane("auto", 2);
        let stage =
            start(script.set("/serve/rest_after", json!(2)).set("/serve/rest_ms", json!(60_000))).await;
        stage.provider("auto-a").set_fault(Fault::Status(500));
        let mut all = connect(&stage).await;
        let answers = ask(&mut all, "auto").await;
        assert_eq!(targets(&answers), BTreeSet::from(["auto-b/model-b"]));
        assert_eq!(stage.counts("auto", 2), [2, CONNECTIONS], "two failures are enough for all of them");
        let page = stage.gateway.prometheus().expect("the page");
        assert!(page.contains("pointsman_resting{name=\"auto-a\"} 1"), "{page}");
        drop(all);
    });
}

#[test]
fn told_to_end_it_waits_for_the_streams_of_all_threads() {
    play(async {
        let mut stage = start(Script::serving().lane("auto", 1)).await;
        let mut all = connect(&stage).await;
        stage.provider("auto-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(100) });
        let body = streamed(chat("auto", "tell me a story"));
        let mut flows = Vec::new();
        for connection in &mut all {
            let mut flow = connection.start(Ask::json(CHAT, &body)).await.expect("an answer");
            flow.next().await.expect("a piece");
            flows.push(flow);
        }
        stage.gateway.signal("TERM").expect("a signal");
        for flow in flows {
            let answer = flow.finish().await;
            assert!(!answer.cut && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        }
        drop(all);
        assert!(stage.gateway.wait(Duration::from_secs(10)).expect("its end"), "{}", stage.gateway.log());
        let log = stage.gateway.access_log();
        let whole = log.iter().filter(|line| line["alias"] == "auto" && line["status"] == 200);
        assert_eq!(whole.count(), CONNECTIONS, "{log:?}");
    });
}
