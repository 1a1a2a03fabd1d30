//! What the workers of one Envoy remember of a conversation.

use real_hosts::{
    play,
    stage::Script,
    warm::{self, refuse_once, second, target},
};
use serde_json::json;

#[test]
fn a_conversation_stays_on_its_warm_model_in_every_worker() {
    play(async {
        let script = warm::script(Script::new()).set("/envoy/memory", json!(true));
        let stage = script.workers(2).start().await;
        let address = stage.address();
        assert_eq!(target(address, "moths", 1).await, "warm-a/model-a", "nothing is remembered");
        for number in 0..10 {
            let subject = format!("ants {number}");
            assert_eq!(
                second(address, stage.provider("warm-a"), &subject).await,
                "warm-b/model-b",
                "{number}"
            );
        }
        // The chain that begins with it has all the others behind, in their order.
        for failing in ["warm-a", "warm-b"] {
            refuse_once(stage.provider(failing));
        }
        assert_eq!(target(address, "ants 3", 3).await, "warm-c/model-c");
        assert_eq!(target(address, "ants 3", 4).await, "warm-c/model-c");
        // A conversation of which nothing is known goes where the operator said.
        assert_eq!(target(address, "bees", 2).await, "warm-a/model-a");
    });
}

#[test]
fn a_memory_under_another_configuration_is_none_and_breaks_nothing() {
    play(async {
        let stage = warm::script(Script::new()).set("/envoy/memory", json!(true)).start().await;
        let address = stage.address();
        assert_eq!(second(address, stage.provider("warm-a"), "ants").await, "warm-b/model-b");
        let mut document = stage.document.clone();
        document["aliases"]["another"] = json!("warm");
        stage.envoy.reload(&document, None).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(target(address, "ants", 3).await, "warm-a/model-a", "the tiers may be others");
        assert_eq!(second(address, stage.provider("warm-a"), "bees").await, "warm-b/model-b");
    });
}

#[test]
fn without_memory_every_call_is_decided_by_itself() {
    play(async {
        let stage = warm::script(Script::new()).start().await;
        assert_eq!(second(stage.address(), stage.provider("warm-a"), "ants").await, "warm-a/model-a");
    });
}
