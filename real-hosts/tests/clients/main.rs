//! Every real client against every running door: create, stream, tool calls, structured answers, errors.
//!
//! What the clients see is checked by their scripts; here, that each provider saw its own key and no client's.

#![allow(clippy::disallowed_methods, reason = "a test has a clock and an environment; the core has not")]

use std::time::Duration;

use live::workerd::{Site, Workerd};
use pointsman_sim::{Provider, Vendor};
use real_hosts::{
    agents,
    local::Local,
    play_for,
    scripts::{self, ANYWHERE},
    stage::{Script, key_of},
};
use serde_json::json;
use tokio::sync::Mutex;

/// Six scripts one after another, and their packages where they are not there yet.
const PATIENCE: Duration = Duration::from_secs(900);

/// Two vendors, strict as the real ones; `auto` for whoever speaks OpenAI's APIs, `claude-auto` for Anthropic's.
fn cast(script: Script) -> Script {
    script
        .provider("openai", Vendor::OpenAi)
        .provider("anthropic", Vendor::Anthropic)
        .alias("auto", &["openai/gpt-5.4-mini"])
        .alias("claude-auto", &["anthropic/claude-opus-4-6"])
        .set("/override", json!(["tier"]))
}

async fn all_work(url: &str) {
    // One door after another: the clients' own timeouts are for a machine that has time for them.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    for script in ANYWHERE {
        scripts::run(script, url).await;
    }
}

/// What no provider may have seen, and that each had its part.
fn assert_clean<'a>(providers: impl Iterator<Item = &'a Provider>) {
    for provider in providers {
        let seen = provider.requests();
        assert!(seen.len() > 20, "{} saw {} requests", provider.name(), seen.len());
        for seen in seen {
            let key = seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default();
            assert!(key.ends_with(&key_of(provider.name())), "{}: {key}", provider.name());
            let refusal = seen.refusal.unwrap_or_default();
            assert!(!refusal.contains("unexpected_header"), "{}: {refusal}", provider.name());
        }
    }
}

#[test]
fn they_work_through_envoy() {
    play_for(PATIENCE, async {
        let stage = cast(Script::new()).start().await;
        all_work(&stage.envoy.url()).await;
        assert_clean(stage.providers());
    });
}

#[test]
fn they_work_through_the_gateway() {
    play_for(PATIENCE, async {
        let stage = Local::start(env!("CARGO_BIN_EXE_gateway"), cast(Script::serving())).await;
        all_work(&stage.gateway.url()).await;
        assert_clean(stage.cast.providers.values());
    });
}

#[test]
fn they_work_through_the_worker() {
    play_for(PATIENCE, async {
        let (cast, _) = cast(Script::serving()).cast().await;
        let site = Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
        let workerd = Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"));
        all_work(&format!("http://{}", workerd.address("pointsman"))).await;
        assert_clean(cast.providers.values());
    });
}

#[test]
fn coding_agents_work_through_envoy() {
    play_for(PATIENCE, async {
        let stage = agents::script(Script::new()).start().await;
        agents::work(&stage.envoy.url(), &stage.providers().collect::<Vec<_>>()).await;
    });
}

#[test]
fn coding_agents_work_through_the_gateway() {
    play_for(PATIENCE, async {
        let stage = Local::start(env!("CARGO_BIN_EXE_gateway"), agents::script(Script::serving())).await;
        agents::work(&stage.gateway.url(), &stage.cast.providers.values().collect::<Vec<_>>()).await;
    });
}

#[test]
fn coding_agents_work_through_the_worker() {
    play_for(PATIENCE, async {
        let (cast, _) = agents::script(Script::serving()).cast().await;
        let site = Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
        let workerd = Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"));
        let url = format!("http://{}", workerd.address("pointsman"));
        agents::work(&url, &cast.providers.values().collect::<Vec<_>>()).await;
    });
}
