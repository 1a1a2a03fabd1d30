//! The native gateway, `pointsman serve`, as a process of its own in front of simulated providers.

#![allow(clippy::disallowed_methods, reason = "a test has a clock and an environment; the core has not")]

mod agents;
mod budgets;
mod callers;
mod ends;
mod failures;
mod figures;
mod keys;
mod manners;
mod reload;
mod samples;
mod sdk;
mod stream;
mod threads;
mod tls;
mod windows;

use real_hosts::{client::Answer, local::Local, stage::Script};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

/// Starts the gateway that was built with these tests.
async fn start(script: Script) -> Local {
    Local::start(env!("CARGO_BIN_EXE_gateway"), script).await
}

/// A Chat Completions request.
fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// A Messages request.
fn messages(model: &str, text: &str) -> Value {
    json!({ "model": model, "max_tokens": 256, "messages": [{ "role": "user", "content": text }] })
}

/// The same request in each API, with its path.
fn in_each_api(model: &str, text: &str) -> [(&'static str, Value); 3] {
    [
        (CHAT, chat(model, text)),
        (MESSAGES, messages(model, text)),
        (RESPONSES, json!({ "model": model, "input": text })),
    ]
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

/// An error that an SDK of this API can read.
fn assert_own_error(answer: &Answer, path: &str) {
    assert!(answer.header("content-type").starts_with("application/json"), "{path}: {:?}", answer.headers);
    let error = answer.json();
    assert!(error["error"]["message"].is_string(), "{path}: {}", answer.text());
    assert!(error["error"]["type"].is_string(), "{path}: {}", answer.text());
    if path == MESSAGES {
        assert_eq!(error["type"], "error", "{path}: {}", answer.text());
    } else {
        assert!(error["error"]["code"].is_string(), "{path}: {}", answer.text());
    }
}
