//! Bad input, case by case, through a real Envoy. None stops it, and of those that are to be passed on none loses a byte.

use std::time::Duration;

use real_hosts::{
    client::{Ask, raw},
    play,
    recorder::Recorder,
    stage::Script,
};
use serde_json::json;

use crate::chat;

/// What must become of a request.
enum Fate {
    /// A provider gets the body, byte for byte (the alias's model apart, where it is routed).
    Passes,
    /// The client is told what is wrong.
    Refused(u16),
    /// Not a request at all: Envoy itself refuses it, or hangs up.
    Dropped,
}
use Fate::{Dropped, Passes, Refused};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];

/// Bodies: routed by the alias, or passed on as they are. None may be lost.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |name, body: &str| (name, body.as_bytes().to_vec());
    let user = r#"[{"role":"user","content":"hi"}]"#;
    vec![
        text("nothing", ""),
        text("one space", " "),
        text("null", "null"),
        text("true", "true"),
        text("a number", "42"),
        text("a string", "\"x\""),
        text("an empty array", "[]"),
        text("an empty object", "{}"),
        text("only a brace", "{"),
        text("only a closing brace", "}"),
        text("NUL bytes", "\0\0\0\0"),
        text("a colon too many", r#"{"model"::"auto"}"#),
        text("a comma too many", r#"{"model":"auto",}"#),
        text("no comma", r#"{"model":"auto" "messages":[]}"#),
        text("single quotes", "{'model':'auto'}"),
        text("no quotes", "{model:auto}"),
        text("a comment", "{\"model\":\"auto\"} // hi"),
        text("NaN", r#"{"model":"auto","temperature":NaN,"messages":[]}"#),
        text("infinity", r#"{"model":"auto","temperature":-Infinity,"messages":[]}"#),
        text("leading zero", r#"{"model":"auto","max_tokens":007,"messages":[]}"#),
        text("hexadecimal", r#"{"model":"auto","max_tokens":0xff,"messages":[]}"#),
        text("a raw line break in a string", "{\"model\":\"auto\",\"x\":\"a\nb\",\"messages\":[]}"),
        text("a bad escape", r#"{"model":"auto","x":"\q","messages":[]}"#),
        text("half an escape", r#"{"model":"auto","x":"\u12","messages":[]}"#),
        text("an unpaired surrogate", r#"{"model":"auto","x":"\ud800","messages":[]}"#),
        text("a surrogate in the model", r#"{"model":"\ud800","messages":[]}"#),
        text("an unterminated string", r#"{"model":"auto"#),
        text("an unterminated array", r#"{"model":"auto","messages":["#),
        text("an unterminated object", r#"{"model":"auto","messages":[{"#),
        text("model an object", r#"{"model":{"name":"auto"},"messages":[]}"#),
        text("model an array", r#"{"model":["auto"],"messages":[]}"#),
        text("model a number", r#"{"model":1,"messages":[]}"#),
        text("model empty", r#"{"model":"","messages":[]}"#),
        text("model twice", r#"{"model":"auto","model":"auto","messages":[]}"#),
        text("model in capitals too", r#"{"model":"auto","MODEL":"x","messages":[]}"#),
        text("model only nested", r#"{"x":{"model":"auto"},"messages":[]}"#),
        text("model with spaces", r#"{"model":" auto ","messages":[]}"#),
        text("model with an escape", r#"{"model":"\u0061uto","messages":[{"role":"user","content":"hi"}]}"#),
        text("the key with an escape", r#"{"mod\u0065l":"auto","messages":[{"role":"user","content":"hi"}]}"#),
        text("messages null", r#"{"model":"auto","messages":null}"#),
        text("messages a string", r#"{"model":"auto","messages":"hi"}"#),
        text("messages an object", r#"{"model":"auto","messages":{"role":"user"}}"#),
        text("messages of numbers", r#"{"model":"auto","messages":[1,2,3]}"#),
        text("messages of nulls", r#"{"model":"auto","messages":[null]}"#),
        text("roles of numbers", r#"{"model":"auto","messages":[{"role":7,"content":"hi"}]}"#),
        text("content of nested arrays", r#"{"model":"auto","messages":[{"role":"user","content":[[["hi"]]]}]}"#),
        text("parts without a type", r#"{"model":"auto","messages":[{"role":"user","content":[{"text":"hi"}]}]}"#),
        text("unknown parts", r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"hologram","data":"x"}]}]}"#),
        text("tool calls of strings", r#"{"model":"auto","messages":[{"role":"assistant","tool_calls":"x"}]}"#),
        text("tools a string", &format!(r#"{{"model":"auto","tools":"x","messages":{user}}}"#)),
        text("tools of nulls", &format!(r#"{{"model":"auto","tools":[null,null],"messages":{user}}}"#)),
        text("stream a string", &format!(r#"{{"model":"auto","stream":"yes","messages":{user}}}"#)),
        text("stream a number", &format!(r#"{{"model":"auto","stream":1,"messages":{user}}}"#)),
        text("stream options a list", &format!(r#"{{"model":"auto","stream":true,"stream_options":[],"messages":{user}}}"#)),
        text("negative limits", &format!(r#"{{"model":"auto","max_tokens":-5,"messages":{user}}}"#)),
        text("fractional limits", &format!(r#"{{"model":"auto","max_tokens":1.5,"messages":{user}}}"#)),
        text("limits beyond all integers", &format!(r#"{{"model":"auto","max_tokens":99999999999999999999999,"messages":{user}}}"#)),
        text("effort a number", &format!(r#"{{"model":"auto","reasoning_effort":3,"messages":{user}}}"#)),
        text("effort unheard of", &format!(r#"{{"model":"auto","reasoning_effort":"cosmic","messages":{user}}}"#)),
        text("thinking a list", &format!(r#"{{"model":"auto","thinking":[1],"messages":{user}}}"#)),
        text("an unknown field", &format!(r#"{{"model":"auto","x-y-z":{{"a":[1,{{}}]}},"messages":{user}}}"#)),
        text("an empty key", &format!(r#"{{"":1,"model":"auto","messages":{user}}}"#)),
        text("white space everywhere", &format!("\n\t {{ \r\n\"model\"\t:\n\"auto\" , \"messages\" : {user} }}\n\n")),
        ("broken UTF-8 in a value", b"{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"\xc3\x28\"}]}".to_vec()),
        ("broken UTF-8 in a key", b"{\"model\":\"auto\",\"\xff\":1,\"messages\":[]}".to_vec()),
        ("overlong UTF-8", b"{\"model\":\"auto\",\"x\":\"\xc0\xaf\",\"messages\":[]}".to_vec()),
        ("UTF-16", "{\"model\":\"auto\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("nested as deep as allowed", nested(120)),
        ("nested deeper", nested(130)),
        ("nested a hundred thousand deep", nested(100_000)),
        ("a thousand members", format!("{{{}\"model\":\"auto\"}}", (0..1000).map(|n| format!("\"k{n}\":1,")).collect::<String>()).into_bytes()),
        ("a model of a megabyte", format!(r#"{{"model":"{}","messages":[]}}"#, "m".repeat(1 << 20)).into_bytes()),
        ("ten thousand messages", many_messages(10_000)),
        ("images without end", format!(r#"{{"model":"auto","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}}"#, "A".repeat(1 << 20)).into_bytes()),
    ]
}

fn nested(depth: usize) -> Vec<u8> {
    format!(
        r#"{{"model":"auto","x":{}{},"messages":[{{"role":"user","content":"hi"}}]}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    )
    .into_bytes()
}

fn many_messages(count: usize) -> Vec<u8> {
    let messages = vec![r#"{"role":"user","content":"hi"}"#; count].join(",");
    format!(r#"{{"model":"auto","messages":[{messages}]}}"#).into_bytes()
}

/// Requests as bytes; `BODY` stands for a good body and its headers.
fn heads() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let body = chat("auto", "hi").to_string();
    let good = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let chat_with = |headers: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{good}{headers}\r\n{body}"
        )
        .into_bytes()
    };
    let line =
        |line: &str| format!("{line}\r\nhost: x\r\nconnection: close\r\n{good}\r\n{body}").into_bytes();
    let mut binary = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{good}x-pointsman-tier: "
    )
    .into_bytes();
    binary.extend_from_slice(b"\xff\xfe\x80\r\nx-other: \xc3\x28\r\n\r\n");
    binary.extend_from_slice(body.as_bytes());
    let both = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    vec![
        ("a header that is no text", binary, Passes),
        ("an empty header", chat_with("x-empty:\r\n"), Passes),
        ("a header of eight thousand bytes", chat_with(&format!("x-long: {}\r\n", "y".repeat(8000))), Passes),
        ("headers beyond all bounds", chat_with(&format!("x-long: {}\r\n", "y".repeat(200_000))), Refused(431)),
        ("a hundred and fifty headers", chat_with(&(0..150).map(|n| format!("x-h{n}: 1\r\n")).collect::<String>()), Refused(431)),
        ("two content types", chat_with("content-type: text/plain\r\n"), Passes),
        ("identity twice", chat_with("content-encoding: identity\r\n"), Passes),
        ("an unknown coding", chat_with("content-encoding: rot13\r\n"), Passes),
        ("an odd accept", chat_with("accept: */*;q=banana\r\naccept-encoding: gzip, br, zstd\r\n"), Passes),
        ("authorization twice", chat_with("authorization: Bearer a\r\nauthorization: Bearer b\r\n"), Passes),
        ("expect", chat_with("expect: 100-continue\r\n"), Passes),
        ("an endless model override", chat_with(&format!("x-pointsman-target: {}\r\n", "z".repeat(5000))), Passes),
        ("lengths that differ", chat_with("content-length: 3\r\n"), Refused(400)),
        ("a length that is no number", b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n{}".to_vec(), Refused(400)),
        ("a negative length", b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{}".to_vec(), Refused(400)),
        ("a length and chunks", both.into_bytes(), Refused(400)),
        ("a header without a colon", chat_with("nonsense\r\n"), Refused(400)),
        ("a space before the colon", chat_with("x-a : b\r\n"), Refused(400)),
        ("no host", format!("POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\n{good}\r\n{body}").into_bytes(), Refused(400)),
        ("an unknown method", line("BREW /v1/chat/completions HTTP/1.1"), Refused(400)),
        ("no path", line("POST HTTP/1.1"), Refused(400)),
        ("an old version", line("POST /v1/chat/completions HTTP/1.0"), Refused(426)),
        ("no such path", line("POST /v9/nothing HTTP/1.1"), Refused(404)),
        ("an escaped path", line("POST /v1/chat%2fcompletions HTTP/1.1"), Refused(404)),
        ("a path with dots", line("POST /v1/../v1/chat/completions HTTP/1.1"), Refused(404)),
        ("a double slash", line("POST //v1/chat/completions HTTP/1.1"), Refused(404)),
        ("an endless query", line(&format!("POST /v1/chat/completions?{} HTTP/1.1", "q=1&".repeat(2000))), Passes),
        ("a body that never ends", format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n{body}").into_bytes(), Dropped),
        ("a chunk that never ends", b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffff\r\n{}".to_vec(), Dropped),
        ("a chunk of no size", b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n".to_vec(), Refused(400)),
        ("noise", (0..2000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 9) as u8).collect(), Refused(400)),
        ("half an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\xff\xff".to_vec(), Dropped),
        ("TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Refused(400)),
    ]
}

#[test]
fn no_body_stops_envoy_or_loses_a_byte() {
    play(async {
        let recorder = Recorder::start().await.expect("a recorder");
        let base = format!("http://{}/v1", recorder.address());
        // One server for both: what is routed and what passes. Only the model may differ, and here it does not.
        let settings =
            json!({ "base_url": base, "speaks": ["chat", "messages", "responses"], "auth": "none" });
        let stage = Script::new()
            .set("/providers/recorder", settings)
            .alias("auto", &["recorder/auto"])
            .set(
                "/models",
                json!({ "recorder/auto": { "context": 9_000_000, "capabilities": {
                "images": true, "documents": true, "json_schema": true, "tools": true } } }),
            )
            .set(
                "/passthrough",
                json!({ "chat": "recorder", "messages": "recorder", "responses": "recorder" }),
            )
            .set("/stream_usage", json!(false))
            .start()
            .await;
        let created = stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created");
        let cases = bodies();
        assert!(cases.len() >= 60, "{} cases", cases.len());
        let mut refused = Vec::new();
        for path in PATHS {
            for (name, body) in &cases {
                let mark = format!("{path} {name}");
                let answer =
                    Ask::post(path, body.clone()).header("x-mark", &mark).send(stage.address()).await;
                let seen: Vec<_> = recorder
                    .requests()
                    .into_iter()
                    .filter(|seen| seen.header("x-mark") == Some(mark.as_str()))
                    .collect();
                if answer.status == 200 {
                    assert_eq!(seen.len(), 1, "{mark}");
                    if seen[0].body != *body {
                        let (was, is) =
                            (String::from_utf8_lossy(body), String::from_utf8_lossy(&seen[0].body));
                        // The alias may have been written in another way; what it was replaced by is the model's name.
                        let plain = was.replacen("\\u0061uto", "auto", 1);
                        // A rule of the model's may have edited a routed body: then it says which part, and the rest stands.
                        assert!(is == plain || edited(&was, &is), "{mark}: {was} became {is}");
                    }
                } else {
                    // No model can serve it: said in words, with the cause.
                    assert_eq!(answer.status, 400, "{mark}: {}", answer.text());
                    assert!(answer.text().contains("pointsman_no_candidate"), "{mark}: {}", answer.text());
                    assert!(seen.is_empty(), "{mark}");
                    refused.push(mark);
                }
            }
        }
        let answer = Ask::json(PATHS[0], &chat("auto", "still there?")).send(stage.address()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created"),
            created,
            "no VM had to be made anew"
        );
        assert!(!stage.envoy.log().contains("panic"), "{}", stage.envoy.log());
        println!("{} bodies on {} endpoints; without a candidate: {refused:?}", cases.len(), PATHS.len());
    });
}

/// Whether one text became the other by edits of whole members alone: what is left of it stands in the same order.
fn edited(was: &str, is: &str) -> bool {
    let (Ok(was), Ok(is)) =
        (serde_json::from_str::<serde_json::Value>(was), serde_json::from_str::<serde_json::Value>(is))
    else {
        return false;
    };
    let (Some(was), Some(is)) = (was.as_object(), is.as_object()) else { return false };
    let changed = was.iter().filter(|(key, value)| is.get(*key) != Some(value)).count();
    changed <= 1 && was.get("messages") == is.get("messages")
}

#[test]
fn no_head_stops_envoy_or_loses_a_byte() {
    play(async {
        let recorder = Recorder::start().await.expect("a recorder");
        let base = format!("http://{}/v1", recorder.address());
        let settings =
            json!({ "base_url": base, "speaks": ["chat", "messages", "responses"], "auth": "none" });
        let stage = Script::new()
            .set("/providers/recorder", settings)
            .alias("auto", &["recorder/auto"])
            .set("/passthrough", json!({ "chat": "recorder" }))
            .set("/override", json!(["tier", "effort"]))
            .start()
            .await;
        let created = stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created");
        let body = chat("auto", "hi").to_string().into_bytes();
        for (name, bytes, fate) in heads() {
            let before = recorder.requests().len();
            let back = raw(stage.address(), &bytes, Duration::from_millis(600)).await.expect("a connection");
            let back = String::from_utf8_lossy(&back).into_owned();
            // A 100 is no answer yet.
            let answer = back.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&back);
            let status: Option<u16> =
                answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
            let seen = recorder.requests();
            match fate {
                Passes => {
                    assert_eq!(status, Some(200), "{name}: {back}");
                    assert_eq!(seen.len(), before + 1, "{name}");
                    assert_eq!(seen.last().map(|seen| &seen.body), Some(&body), "{name}");
                }
                Refused(expected) => {
                    assert_eq!(status, Some(expected), "{name}: {back}");
                    assert_eq!(seen.len(), before, "{name}");
                }
                Dropped => {
                    assert!(status != Some(200), "{name}: {back}");
                    assert_eq!(seen.len(), before, "{name}");
                }
            }
        }
        let answer = Ask::json(PATHS[0], &chat("auto", "still there?")).send(stage.address()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created"),
            created,
            "no VM had to be made anew"
        );
        assert!(!stage.envoy.log().contains("panic"), "{}", stage.envoy.log());
    });
}
