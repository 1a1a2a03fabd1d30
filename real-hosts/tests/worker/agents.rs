//! Sessions of coding agents pass whole and stay where they are.

use real_hosts::{
    client::Protocol,
    sessions::{self, Host},
    stage::Script,
};

use crate::{Stage, play};

async fn stage() -> Stage {
    Stage::start(sessions::script(Script::new())).await
}

fn host(stage: &Stage) -> Host<'_> {
    Host { address: stage.address(), cast: &stage.cast, protocols: &[Protocol::H1] }
}

#[test]
fn a_session_of_claude_code_passes_whole_and_stays_where_it_is() {
    play(async { sessions::claude_code(host(&stage().await)).await });
}

#[test]
fn a_session_of_codex_passes_whole_and_stays_where_it_is() {
    play(async { sessions::codex(host(&stage().await)).await });
}
