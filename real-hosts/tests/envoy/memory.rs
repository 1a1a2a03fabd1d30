//! What the workers of one Envoy remember of a conversation.

use pointsman_sim::Fault;
use real_hosts::{
    client::{Answer, Ask},
    play,
    stage::{Script, Stage},
};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// The n-th call of a conversation about a subject.
fn call(subject: &str, number: usize) -> Value {
    let mut messages = vec![json!({ "role": "user", "content": format!("Tell me of {subject}.") })];
    for n in 1..number {
        messages.push(json!({ "role": "assistant", "content": format!("Part {n}.") }));
        messages
            .push(json!({ "role": "user", "content": format!("Go on from {n}, and leave nothing out.") }));
    }
    json!({ "model": "warm", "messages": messages })
}

async fn ask(stage: &Stage, subject: &str, number: usize) -> Answer {
    // A connection of its own each time, so that it may be any worker's.
    Ask::json(CHAT, &call(subject, number)).send(stage.address()).await
}

/// Who answers the second call of a conversation whose first call the second provider answered.
async fn second(stage: &Stage, subject: &str) -> String {
    stage.provider("warm-a").set_fault(Fault::Status(503));
    let first = ask(stage, subject, 1).await;
    assert_eq!(first.header("x-pointsman-model"), "warm-b/model-b", "{}", first.text());
    let then = ask(stage, subject, 2).await;
    assert_eq!(then.status, 200, "{}", then.text());
    then.header("x-pointsman-model").to_owned()
}

#[test]
fn a_conversation_stays_on_its_warm_model_in_every_worker() {
    play(async {
        let script = Script::new().lane("warm", 3).set("/envoy/memory", json!(true));
        let stage = script.workers(2).start().await;
        let fresh = ask(&stage, "moths", 1).await;
        assert_eq!(fresh.header("x-pointsman-model"), "warm-a/model-a", "nothing is remembered");
        for number in 0..10 {
            assert_eq!(second(&stage, &format!("ants {number}")).await, "warm-b/model-b", "{number}");
        }
        // The chain that begins with it has all the others behind.
        stage.provider("warm-b").set_fault(Fault::Status(503));
        stage.provider("warm-a").set_fault(Fault::Status(503));
        let last = ask(&stage, "ants 3", 3).await;
        assert_eq!(
            (last.status, last.header("x-pointsman-model")),
            (200, "warm-c/model-c"),
            "{}",
            last.text()
        );
        let moved = ask(&stage, "ants 3", 4).await;
        assert_eq!(moved.header("x-pointsman-model"), "warm-c/model-c", "{}", moved.text());
        // A conversation of which nothing is known goes where the operator said.
        let unknown = ask(&stage, "bees", 2).await;
        assert_eq!(unknown.header("x-pointsman-model"), "warm-a/model-a");
    });
}

#[test]
fn without_memory_every_call_is_decided_by_itself() {
    play(async {
        let stage = Script::new().lane("warm", 3).start().await;
        assert_eq!(second(&stage, "ants").await, "warm-a/model-a");
    });
}
