//! One configuration for all tests: three providers of different manners, two tiers, known prices.

use host_tests::proxy_wasm::{Answer, Envoy, Request, Sent};
use serde_json::{Value, json};

/// Everything goes to the tier `cheap` unless a header asks for `best`.
pub(crate) fn document() -> Value {
    json!({
        "version": 1,
        "providers": {
            "alpha": { "base_url": "http://127.0.0.1:9/alpha/v1", "speaks": ["chat", "responses"], "key_env": "ALPHA_KEY" },
            "beta": {
                "base_url": "http://127.0.0.1:9/beta/v1", "speaks": ["chat", "messages"],
                "auth": "x-api-key", "key_env": "BETA_KEY",
            },
            "gamma": { "base_url": "http://127.0.0.1:9/gamma", "speaks": ["chat"], "auth": "none" },
        },
        "models": {
            "alpha/small": { "usd_per_mtok": { "input": 1, "output": 10 } },
            "beta/a-model-with-a-longer-name": { "usd_per_mtok": { "input": 2, "output": 20 } },
            "beta/large": { "usd_per_mtok": { "input": 5, "output": 50 } },
            "alpha/second": { "usd_per_mtok": { "input": 3, "output": 30 } },
        },
        "ladders": { "main": {
            "tiers": [
                { "name": "cheap", "targets": [
                    "alpha/small", "beta/a-model-with-a-longer-name", "gamma/free", "alpha/second",
                ] },
                { "name": "best", "targets": ["beta/large"] },
            ],
            "thresholds": [1000],
            "default_tier": "cheap",
        } },
        "aliases": { "auto": "main" },
        "override": ["tier"],
        "passthrough": { "chat": "alpha", "messages": "beta", "other": "beta" },
    })
}

pub(crate) fn envoy() -> Envoy {
    Envoy::start(&document())
}

pub(crate) const CHAT: &str = r#"{"model":"auto","messages":[{"role":"user","content":"Say hello."}]}"#;

pub(crate) fn chat() -> Request {
    Request::post("/v1/chat/completions", CHAT)
}

pub(crate) const ANSWER: &str = r#"{"id":"x","choices":[{"message":{"role":"assistant","content":"Hello."}}],
    "usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":0}}}"#;

/// A provider that answers.
pub(crate) fn answers(_: &mut Envoy, _: &Sent) -> Answer {
    Answer::json(200, ANSWER)
}

/// A provider that must not be asked.
pub(crate) fn unreachable(_: &mut Envoy, sent: &Sent) -> Answer {
    panic!("a request left for {}: {:?}", sent.upstream, sent.headers)
}

/// The model that a body names.
pub(crate) fn model(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body["model"].as_str().expect("a model").to_owned()
}

/// The code in an error body, and a check that the body has the dialect's shape.
pub(crate) fn error_code(body: &[u8], dialect: &str) -> String {
    let body: Value = serde_json::from_slice(body).expect("an error is JSON");
    assert!(body["error"]["message"].is_string(), "{body}");
    assert!(body["error"]["type"].is_string(), "{body}");
    let code = match dialect {
        "messages" => {
            assert_eq!(body["type"], "error");
            &body["code"]
        }
        _ => &body["error"]["code"],
    };
    code.as_str().expect("a code").to_owned()
}
