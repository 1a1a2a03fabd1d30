//! A real workerd with the Worker as it ships, in front of simulated providers.
//!
//! workerd comes from `POINTSMAN_WORKERD`, or from npm into `target/tools`. Where it cannot be had these tests fail and say
//! what to do; they are never skipped.

#![allow(clippy::disallowed_methods, reason = "a test has a clock and an environment; the core has not")]

mod agents;
mod budgets;
mod callers;
mod changes;
mod deploy;
mod develop;
mod failover;
mod kv;
mod samples;
mod sharing;
mod store;
mod stream;
mod trap;

use std::{net::SocketAddr, time::Duration};

use live::workerd::{Site, Workerd};
use pointsman_sim::Provider;
use real_hosts::{
    stage::{Cast, Script},
    until,
};
use serde_json::{Value, json};

/// Where Chat Completions are asked for.
const CHAT: &str = "/v1/chat/completions";

/// A running workerd with its providers.
struct Stage {
    workerd: Workerd,
    cast: Cast,
}

impl Stage {
    async fn start(script: Script) -> Self {
        Self::start_with(script, |_| ()).await
    }

    /// The same, with a say in how the Worker is bound.
    async fn start_with(script: Script, change: impl FnOnce(&mut Site)) -> Self {
        let (cast, _) = script.cast().await;
        let mut site =
            Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
        change(&mut site);
        let workerd = Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"));
        Self { workerd, cast }
    }

    fn address(&self) -> SocketAddr {
        self.workerd.address("pointsman")
    }

    fn provider(&self, name: &str) -> &Provider {
        self.cast.providers.get(name).unwrap_or_else(|| panic!("no provider {name} on this stage"))
    }

    /// How many requests each provider of a lane saw.
    fn counts(&self, lane: &str, providers: usize) -> Vec<usize> {
        let letters = ('a'..='z').take(providers);
        letters.map(|letter| self.provider(&format!("{lane}-{letter}")).requests().len()).collect()
    }

    /// The newest line of the log with this alias.
    async fn logged(&self, alias: &str) -> Value {
        let line = || self.workerd.access_log().into_iter().rev().find(|line| line["alias"] == alias);
        let found = until(Duration::from_secs(5), line).await;
        found.unwrap_or_else(|| panic!("no line of {alias} in\n{}", self.workerd.log()))
    }
}

/// Runs a test. The Worker is built before its time begins.
fn play<T>(test: impl Future<Output = T>) -> T {
    live::worker::build().unwrap_or_else(|failure| panic!("{failure}"));
    real_hosts::play(test)
}

/// A Chat Completions request.
fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// The same, its answer to be streamed.
fn streamed(model: &str) -> Value {
    let mut body = chat(model, "hi");
    body["stream"] = json!(true);
    body
}

/// A Messages request.
fn messages(model: &str, text: &str) -> Value {
    json!({ "model": model, "max_tokens": 256, "messages": [{ "role": "user", "content": text }] })
}
