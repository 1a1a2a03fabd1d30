//! Sessions in the shape of Claude Code's and Codex's: what they send, call after call, and what of it reaches a provider.
//!
//! The words are our own; members, headers and their order are those that the agents are known to send.

use std::net::SocketAddr;

use pointsman::{Config, Opened, RequestHead, Routed, Router, edit};
use pointsman_sim::Vendor;
use serde_json::{Value, json};

use crate::{
    client::{Ask, Protocol},
    stage::{Cast, Script, key_of},
};

const MESSAGES: &str = "/v1/messages?beta=true";
const RESPONSES: &str = "/v1/responses";

/// A host that sessions are played to: where it listens, the providers behind it, and how it is spoken with.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its providers and its document, see [`script`].
    pub cast: &'a Cast,
    /// Each call is made once by each of these.
    pub protocols: &'a [Protocol],
}

/// What a host needs for the sessions: three providers, and `auto`, which has two tiers.
pub fn script(script: Script) -> Script {
    let tiers = json!([
        { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
        { "name": "frontier", "targets": ["anthropic/claude-opus-4-6", "openai/gpt-5.1"] },
    ]);
    script
        .provider("minimax", Vendor::MiniMax)
        .provider("openai", Vendor::OpenAi)
        .provider("anthropic", Vendor::Anthropic)
        .set("/ladders/agents", json!({ "tiers": tiers, "thresholds": [400] }))
        .set("/aliases/auto", json!("agents"))
}

fn streamed(mut body: Value) -> Value {
    body["stream"] = json!(true);
    body
}

/// Sends a request as the agent does and holds what arrives to what the core says of it. Returns the tier.
async fn call(host: Host<'_>, path: &str, headers: &[(&str, &str)], body: &Value) -> String {
    let config = Config::from_json(host.cast.document.to_string().as_bytes()).expect("a configuration");
    let (router, body) = (Router::new(config), body.to_string());
    let pairs: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &pairs };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("no completion request") };
    let Routed::Forward(forward) = pending.route(&router, body.as_bytes()) else { panic!("not routed") };
    let mut tiers = Vec::new();
    for protocol in host.protocols.iter().copied() {
        let mut ask = Ask::post(path, body.clone());
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let answer = ask.send_by(protocol, host.address).await;
        assert_eq!((answer.status, answer.cut), (200, false), "{}", answer.text());
        let target = answer.header("x-pointsman-model");
        let attempt = forward.attempts().iter().find(|attempt| attempt.target == target);
        let attempt = attempt.unwrap_or_else(|| panic!("{target} is none of the core's"));
        let seen = host.cast.provider(&attempt.provider).last().expect("a request");
        let expected = edit::apply(body.as_bytes(), &attempt.splices);
        assert_eq!(String::from_utf8_lossy(&seen.body), String::from_utf8_lossy(&expected), "{protocol:?}");
        assert_eq!(seen.path, attempt.path);
        assert!(!seen.sent.is_empty() && answer.body == seen.sent, "{protocol:?}: the answer as it was sent");
        let key = seen.header("authorization").or_else(|| seen.header("x-api-key")).unwrap_or_default();
        assert!(key.ends_with(&key_of(&attempt.provider)), "{key}");
        tiers.push(answer.header("x-pointsman-tier").to_owned());
    }
    tiers.dedup();
    assert_eq!(tiers.len(), 1, "{tiers:?}");
    tiers.remove(0)
}

fn claude_headers<'a>(class: &'a str, extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("user-agent", "claude-cli/2.1.283 (external, cli)"),
        ("x-app", "cli"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
        ("authorization", "Bearer any"),
        ("x-claude-code-session-id", "5e0c3f0e-1f7a-4a36-9d0a-3a1f6d1f2b11"),
        ("x-claude-code-request-class", class),
    ];
    headers.extend_from_slice(extra);
    headers
}

fn claude(messages: &[Value]) -> Value {
    let cached = json!({ "type": "ephemeral" });
    streamed(json!({
        "model": "auto",
        "max_tokens": 32000,
        "system": [
            { "type": "text", "text": "You are a coding agent at a terminal.", "cache_control": cached },
            { "type": "text", "text": "Answer briefly. Tools are run for you.\n\n# Environment\ncwd: /home/dev/ferry" },
        ],
        "tools": [
            { "name": "Read", "description": "Reads a file.", "input_schema": { "type": "object", "properties": { "file_path": { "type": "string" } }, "required": ["file_path"] } },
            { "name": "Bash", "description": "Runs a command.", "input_schema": { "type": "object", "properties": { "command": { "type": "string" } }, "required": ["command"] } },
        ],
        "metadata": { "user_id": "{\"device_id\":\"d\",\"session_id\":\"5e0c3f0e-1f7a-4a36-9d0a-3a1f6d1f2b11\"}" },
        "messages": messages,
    }))
}

/// Plays a session of Claude Code and holds every call to what the core says of it: the provider's bytes, path and key, the answer's
/// bytes, and a tier that stays.
///
/// # Panics
/// Where anything differs.
pub async fn claude_code(host: Host<'_>) {
    let reminder = "<system-reminder>\nThe working tree is clean.\n</system-reminder>";
    let mut messages = vec![json!({ "role": "user", "content": [
        { "type": "text", "text": reminder },
        { "type": "text", "text": "The timetable import drops the last row of every file; find out why and mend it.", "cache_control": { "type": "ephemeral" } },
    ] })];
    let first = call(host, MESSAGES, &claude_headers("main", &[]), &claude(&messages)).await;
    for turn in 1..4 {
        let id = format!("toolu_{turn:02}");
        messages.push(json!({ "role": "assistant", "content": [
            { "type": "text", "text": "I look at the reader." },
            { "type": "tool_use", "id": id, "name": "Read", "input": { "file_path": format!("/home/dev/ferry/src/part{turn}.py") } },
        ] }));
        let found = format!("{turn}\tfor line in source[:-1]:\n").repeat(400 * turn);
        messages.push(json!({ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": id, "content": found },
            { "type": "text", "text": reminder },
        ] }));
        let headers = claude_headers("main", &[("x-claude-code-prev-tool-durations", "Read=9")]);
        assert_eq!(call(host, MESSAGES, &headers, &claude(&messages)).await, first, "turn {turn}");
    }
    // The title of the session is beside it, and cheap.
    let mut title =
        claude(&[json!({ "role": "user", "content": "The timetable import drops the last row." })]);
    title["system"] = json!("You are coming up with a succinct title for a coding session.");
    title["tools"] = json!([]);
    let tier = call(host, MESSAGES, &claude_headers("auxiliary", &[]), &title).await;
    assert_eq!(tier, "cheap");
}

/// Plays a session of Codex and holds every call to what the core says of it: the provider's bytes, path and key, the answer's
/// bytes, and a tier that stays.
///
/// # Panics
/// Where anything differs.
pub async fn codex(host: Host<'_>) {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("originator", "codex_cli_rs"),
        ("user-agent", "codex_cli_rs/0.150.0"),
        ("authorization", "Bearer any"),
        ("session-id", "0199-a"),
        ("thread-id", "0199-a"),
    ];
    let text = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    let mut input = vec![
        text("developer", "input_text", "Files may be written in the working tree."),
        text(
            "user",
            "input_text",
            "<environment_context>\n  <cwd>/home/dev/ferry</cwd>\n</environment_context>",
        ),
        text("user", "input_text", "Rename the flag --fast to --quick everywhere, the tests included."),
    ];
    let body = |input: &[Value]| {
        streamed(json!({
            "model": "auto",
            "instructions": "You are a coding agent at a terminal.",
            "input": input,
            "tools": [{ "type": "function", "name": "shell", "description": "Runs a command.", "strict": false, "parameters": { "type": "object", "properties": { "command": { "type": "array", "items": { "type": "string" } } }, "required": ["command"] } }],
            "tool_choice": "auto",
            "parallel_tool_calls": false,
            "store": false,
            "prompt_cache_key": "0199-a",
        }))
    };
    let first = call(host, RESPONSES, &headers, &body(&input)).await;
    for turn in 1..4 {
        let id = format!("call_{turn}");
        input.push(json!({ "type": "function_call", "name": "shell", "arguments": format!("{{\"command\":[\"rg\",\"--\",\"--fast\",\"part{turn}\"]}}"), "call_id": id }));
        let output = format!("src/part{turn}.rs:12: \"--fast\" => quick = true,\n").repeat(300 * turn);
        input.push(json!({ "type": "function_call_output", "call_id": id, "output": output }));
        assert_eq!(call(host, RESPONSES, &headers, &body(&input)).await, first, "turn {turn}");
    }
}
