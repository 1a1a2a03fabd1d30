//! Sessions of coding agents pass whole and stay where they are.

use real_hosts::{
    client::Protocol,
    local::Local,
    play,
    sessions::{self, Host},
    stage::Script,
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
