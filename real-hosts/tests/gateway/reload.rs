//! A document that changes: taken up without a pause, and without disturbing what is under way.

use std::time::Duration;

use pointsman_sim::Fault;
use real_hosts::{
    client::{Ask, Connection, Protocol},
    local::Local,
    play,
    stage::Script,
};
use serde_json::json;

use crate::{CHAT, chat, start, streamed};

async fn answered_by(stage: &Local, alias: &str) -> String {
    let answer = Ask::json(CHAT, &chat(alias, "hi")).send(stage.address()).await;
    assert_eq!(answer.status, 200, "no request is lost on the way: {}", answer.text());
    answer.header("x-pointsman-model").to_owned()
}

#[test]
fn a_change_in_the_middle_of_a_stream_disturbs_it_not() {
    play(async {
        let stage = start(Script::serving().lane("auto", 2).lane("slow", 1)).await;
        assert_eq!(answered_by(&stage, "auto").await, "auto-a/model-a");
        stage.provider("slow-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(80) });
        let body = streamed(chat("slow", "a long story"));
        let mut flows = Vec::new();
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let flow = connection.start(Ask::json(CHAT, &body)).await.expect("an answer");
            flows.push((connection, flow));
        }
        // Requests all the while: none is lost.
        let busy = async {
            for _ in 0..60 {
                let target = answered_by(&stage, "auto").await;
                assert!(["auto-a/model-a", "auto-b/new-model"].contains(&target.as_str()), "{target}");
            }
        };
        let change = async {
            let mut document = stage.cast.document.clone();
            document["ladders"]["auto"]["tiers"][0]["targets"] =
                json!(["auto-b/new-model", "auto-a/model-a"]);
            document["aliases"]["another"] = json!("auto");
            // The streams' own alias is gone: what is under way has no need of it.
            document["aliases"].as_object_mut().expect("aliases").remove("slow");
            tokio::task::block_in_place(|| stage.gateway.reload(&document))
                .unwrap_or_else(|why| panic!("{why}"));
        };
        tokio::join!(busy, change);
        assert_eq!(answered_by(&stage, "auto").await, "auto-b/new-model");
        assert_eq!(answered_by(&stage, "another").await, "auto-b/new-model");
        for (_connection, flow) in flows {
            let answer = flow.finish().await;
            assert!(!answer.cut && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        }
        assert_eq!(stage.logged("slow").await["target"], "slow-a/model-a", "and on the bill all the same");
    });
}

#[test]
fn a_wrong_document_is_reported_and_the_old_one_stays() {
    play(async {
        let stage = start(Script::serving().lane("auto", 2)).await;
        let good = stage.cast.document.clone();
        let mut dangling = good.clone();
        dangling["aliases"]["auto"] = json!("no-such-ladder");
        let mut misspelt = good.clone();
        misspelt["serve"]["idle_timeout"] = json!(5);
        for (text, place) in [
            ("{ not json".to_owned(), "pointsman.json"),
            (String::new(), "pointsman.json"),
            (dangling.to_string(), "/aliases/auto"),
            (misspelt.to_string(), "idle_timeout"),
        ] {
            let failure =
                tokio::task::block_in_place(|| stage.gateway.write(&text)).expect_err("it is wrong");
            assert!(failure.0.contains(place), "{place} is not named in {failure}");
            assert!(failure.0.contains("stays in force"), "{failure}");
            assert_eq!(answered_by(&stage, "auto").await, "auto-a/model-a", "{place}");
        }
        let mut document = good;
        document["ladders"]["auto"]["tiers"][0]["targets"] = json!(["auto-b/model-b"]);
        tokio::task::block_in_place(|| stage.gateway.reload(&document)).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(answered_by(&stage, "auto").await, "auto-b/model-b");
    });
}

#[test]
fn a_hangup_takes_it_up_and_opens_the_log_anew() {
    play(async {
        let stage = start(Script::serving().lane("auto", 1)).await;
        assert_eq!(answered_by(&stage, "auto").await, "auto-a/model-a");
        stage.logged("auto").await;
        let log = stage.gateway.folder().join("access.log");
        std::fs::rename(&log, log.with_extension("old")).expect("a rename");
        stage.gateway.signal("HUP").expect("a signal");
        let taken = || {
            stage.gateway.prometheus().ok()?.contains("pointsman_reloads{result=\"taken\"} 1").then_some(())
        };
        assert!(real_hosts::until(Duration::from_secs(10), taken).await.is_some(), "{}", stage.gateway.log());
        let there = || log.exists().then_some(());
        assert!(real_hosts::until(Duration::from_secs(5), there).await.is_some());
        assert_eq!(answered_by(&stage, "auto").await, "auto-a/model-a");
        stage.logged("auto").await;
        assert_eq!(stage.gateway.access_log().len(), 1, "the new file has the new line alone");
    });
}
