//! Sessions of coding agents pass whole and stay where they are.

use real_hosts::{
    client::Protocol,
    local::Local,
    play,
    sessions::{self, Host},
    stage::Script,
    warm::{self, second, target},
};

use crate::start;

async fn stage() -> Local {
    start(sessions::script(Script::serving())).await
}

fn host(stage: &Local) -> Host<'_> {
    Host { address: stage.address(), cast: &stage.cast, protocols: &[Protocol::H1, Protocol::H2] }
}

#[test]
fn a_session_of_claude_code_passes_whole_and_stays_where_it_is() {
    play(async {
        let stage = stage().await;
        sessions::claude_code(host(&stage)).await;
        let line = stage.logged("auto").await;
        assert_eq!(line["dialect"], "messages");
        assert!(line["output_tokens"].as_u64().is_some_and(|count| count > 0), "{line}");
    });
}

#[test]
fn a_session_of_codex_passes_whole_and_stays_where_it_is() {
    play(async {
        let stage = stage().await;
        sessions::codex(host(&stage)).await;
        assert_eq!(stage.logged("auto").await["dialect"], "responses");
    });
}

#[test]
fn a_conversation_stays_where_its_cache_is_warm_until_that_is_forgotten() {
    play(async {
        let stage = start(warm::script(Script::serving())).await;
        let address = stage.address();
        assert_eq!(target(address, "moths", 1).await, "warm-a/model-a", "nothing is remembered");
        assert_eq!(second(address, stage.provider("warm-a"), "ants").await, "warm-b/model-b");
        // Forgotten in the middle of the run: the history alone decides.
        let mut document = stage.cast.document.clone();
        document["aliases"]["another"] = serde_json::json!("warm");
        tokio::task::block_in_place(|| stage.gateway.reload(&document)).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(target(address, "ants", 3).await, "warm-a/model-a");
        assert_eq!(target(address, "ants", 4).await, "warm-a/model-a");
    });
}
