//! An agent's conversation as its client sends it, and what becomes of it.

#![expect(dead_code, unreachable_pub, reason = "each test uses some of it")]

use pointsman::{Config, Forward, Identity, Opened, Remembered, RequestHead, ResponseHead, Routed, Router};
use serde_json::{Value, json};

pub const HARD: &str = "Our lock-free queue loses an element under contention once a day. Derive the interleaving, prove \
                    which memory ordering is missing, and propose a fix that keeps throughput.";
pub const EASY: &str = "Rename the variable in main.rs, please.";

pub fn config() -> Value {
    json!({
        "version": 1,
        "ladders": { "default": {
            "tiers": [
                { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
                { "name": "mid", "targets": ["deepseek/deepseek-v4-pro"] },
                { "name": "frontier", "targets": ["anthropic/claude-opus-5-5"] }
            ],
            "thresholds": [225, 250]
        } },
        "aliases": { "auto": "default" }
    })
}

pub fn router(config: &Value) -> Router {
    Router::new(Config::from_json(config.to_string().as_bytes()).unwrap())
}

pub type Headers<'h> = &'h [(&'h str, &'h str)];

pub fn send(router: &Router, path: &str, headers: Headers<'_>, body: &Value) -> (Option<Identity>, Forward) {
    remembering(router, path, headers, body, None, None)
}

pub fn remembering(
    router: &Router,
    path: &str,
    headers: Headers<'_>,
    body: &Value,
    memory: Option<&Remembered>,
    now: Option<u64>,
) -> (Option<Identity>, Forward) {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let Opened::NeedBody(pending) =
        router.open(&RequestHead { method: b"POST", path: path.as_bytes(), headers: &headers })
    else {
        panic!("a completion request")
    };
    let text = body.to_string();
    let heard = pending.read(text.as_bytes());
    let identity = heard.identity();
    match heard.route(router, memory, now) {
        Routed::Forward(forward) => (identity, forward),
        Routed::Reject(rejection) => panic!("{}", String::from_utf8_lossy(&rejection.body)),
    }
}

pub fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "A tool.", "input_schema": { "type": "object" } })
}

/// A request as Claude Code sends it.
pub fn claude(messages: Value) -> Value {
    json!({
        "model": "auto", "max_tokens": 32000, "stream": true,
        "system": [{ "type": "text", "text": "You are an agent that edits programs.", "cache_control": { "type": "ephemeral" } }],
        "tools": [tool("Bash"), tool("Read"), tool("Edit")],
        "messages": messages
    })
}

pub fn user(text: &str) -> Value {
    json!({ "role": "user", "content": [{ "type": "text", "text": text }] })
}

pub fn says(text: &str) -> Value {
    json!({ "role": "assistant", "content": [{ "type": "text", "text": text }] })
}

pub fn calls(id: usize, name: &str, input: Value) -> Value {
    json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": input }] })
}

pub fn gives(id: usize, text: &str, error: bool) -> Value {
    json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": format!("toolu_{id}"), "content": text, "is_error": error }] })
}

pub fn tier(forward: &Forward) -> &str {
    forward.summary().tier.as_deref().unwrap()
}

pub fn messages(router: &Router, list: Vec<Value>) -> Forward {
    send(router, "/v1/messages", &[], &claude(json!(list))).1
}

/// An exchange with a tool that went well, each another one.
pub fn work(from: usize, exchanges: usize) -> Vec<Value> {
    (from..from + exchanges)
        .flat_map(|n| {
            [
                calls(n, "Read", json!({ "file_path": format!("src/f{n}.rs") })),
                gives(n, &format!("1 fn f{n}() {{}}"), false),
            ]
        })
        .collect()
}

/// The same call with the same failure.
pub fn stuck(from: usize, exchanges: usize) -> Vec<Value> {
    (from..from + exchanges)
        .flat_map(|n| {
            [
                calls(n, "Bash", json!({ "command": "make test" })),
                gives(n, "Exit code 2\nmake: *** No rule to make target 'test'.  Stop.", true),
            ]
        })
        .collect()
}

pub fn joined(parts: &[Vec<Value>]) -> Vec<Value> {
    parts.concat()
}

pub fn answered(router: &Router, forward: &Forward, now: u64, tokens: u64) -> Remembered {
    remembers(router, forward, now, tokens).unwrap()
}

/// What a door would keep of an exchange with so many prompt tokens.
pub fn remembers(router: &Router, forward: &Forward, now: u64, tokens: u64) -> Option<Remembered> {
    let upstream = forward.attempts()[0].upstream.clone();
    let head =
        ResponseHead { status: 200, content_type: Some(b"application/json"), ..ResponseHead::default() };
    let mut metering = forward.respond(Some(&upstream), &head);
    metering.push(
        format!(r#"{{"type":"message","usage":{{"input_tokens":{tokens},"output_tokens":3}}}}"#).as_bytes(),
    );
    metering.finish(router, Some(now)).remembered.map(|(_, remembered)| remembered)
}
