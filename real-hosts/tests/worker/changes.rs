//! The document in KV: a change needs no deployment, breaks no stream, and a wrong one is refused.

use std::time::Duration;

use live::workerd::{Site, Workerd};
use pointsman_sim::Fault;
use real_hosts::{
    client::{Ask, Connection, Protocol},
    stage::Script,
    until,
};
use serde_json::json;

use crate::{CHAT, Stage, chat, kv::Kv, messages, play, streamed};

#[test]
fn a_change_takes_hold_in_the_middle_of_a_stream_and_the_stream_goes_on() {
    play(async {
        let script = Script::new()
            .set("/worker", json!({ "kv_ttl_s": 0, "rest_after": 0 }))
            .lane("one", 1)
            .lane("two", 1);
        let (cast, _) = script.cast().await;
        let mut changed = cast.document.clone();
        changed["ladders"]["one"]["tiers"][0]["targets"] = json!(["two-a/model-a"]);
        let kv = Kv::start(cast.document.to_string()).await;
        let mut site =
            Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
        site.texts.retain(|(name, _)| name != "POINTSMAN_CONFIG");
        site.kv = Some(kv.address());
        let workerd = Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"));
        let stage = Stage { workerd, cast };

        stage.provider("one-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(100) });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let mut flow = connection.start(Ask::json(CHAT, &streamed("one"))).await.expect("an answer");
        assert_eq!(flow.header("x-pointsman-model"), "one-a/model-a");
        let first = flow.next().await.expect("still running").expect("an event");

        kv.set(changed.to_string());
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!(answer.header("x-pointsman-model"), "two-a/model-a", "{}", stage.workerd.log());

        // A wrong one is told of and changes nothing.
        let mut wrong = changed.clone();
        wrong["ladders"]["one"]["tires"] = json!([]);
        kv.set(wrong.to_string());
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "two-a/model-a"));
        let told = || stage.workerd.log().contains("/ladders/one/tires").then_some(());
        assert!(until(Duration::from_secs(5), told).await.is_some(), "{}", stage.workerd.log());

        let rest = flow.finish().await;
        assert!(!rest.cut);
        let whole = [first.to_vec(), rest.body].concat();
        assert!(whole.ends_with(b"data: [DONE]\n\n"), "{}", String::from_utf8_lossy(&whole));
        assert_eq!(stage.counts("one", 1), [1]);
    });
}

#[test]
fn a_wrong_document_is_an_answer_that_names_the_place() {
    play(async {
        let script = Script::new().set("/worker", json!({ "max_bodies": 1 })).lane("one", 1);
        let stage = Stage::start(script).await;
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 500);
        let message = answer.json()["error"]["message"].as_str().map(str::to_owned).unwrap_or_default();
        assert!(message.contains("/worker/max_bodies"), "{message}");
        let answer = Ask::json("/v1/messages", &messages("one", "hi")).send(stage.address()).await;
        assert_eq!((answer.status, &answer.json()["type"]), (500, &json!("error")), "{}", answer.text());
        assert!(stage.workerd.log().contains("/worker/max_bodies"), "{}", stage.workerd.log());
    });
}

#[test]
fn a_missing_key_is_said_and_no_other_is_used() {
    play(async {
        let script = Script::new().lane("one", 2);
        let stage =
            Stage::start_with(script, |site| site.texts.retain(|(name, _)| name != "TEST_ONE_A_KEY")).await;
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.text().contains("one-a"), "{}", answer.text());
        assert_eq!(stage.counts("one", 2), [0, 0]);
    });
}
