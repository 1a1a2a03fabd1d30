//! The vendors' own SDKs, unmodified, from PyPI, in front of providers that fail. The scripts check what the client sees.

use std::time::Duration;

use real_hosts::{
    play_for,
    scripts::{self, ANTHROPIC_FAILING, OPENAI_FAILING},
    stage,
};
use serde_json::json;

use crate::start;

/// The packages are fetched where they are not there yet.
const PATIENCE: Duration = Duration::from_secs(400);

async fn works(script: scripts::Script) {
    let stage = scripts::failing(script, stage::Script::serving()).set("/serve/max_body", json!(200_000));
    let stage = start(stage).await;
    scripts::run_failing(script, &stage.gateway.url(), stage.cast.providers.values()).await;
}

#[test]
fn the_openai_sdk_works_unmodified() {
    play_for(PATIENCE, works(OPENAI_FAILING));
}

#[test]
fn the_anthropic_sdk_works_unmodified() {
    play_for(PATIENCE, works(ANTHROPIC_FAILING));
}
