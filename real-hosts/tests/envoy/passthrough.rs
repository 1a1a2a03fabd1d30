//! What is not routed passes through untouched: to the provider that the operator named, with that provider's key.

use std::io::Write;

use pointsman_sim::Vendor;
use real_hosts::{
    client::{Ask, Protocol},
    play,
    recorder::Recorder,
    stage::{Script, Stage, key_of},
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{chat, messages};

const CHAT: &str = "/v1/chat/completions";

/// A body that cannot be read, the header that goes with it, and the word for it.
struct Unreadable {
    name: &'static str,
    body: Vec<u8>,
    coding: Option<&'static str>,
    reason: &'static str,
    code: &'static str,
}

fn unreadable() -> Vec<Unreadable> {
    let text = |name, body: &str, reason, code| Unreadable {
        name,
        body: body.as_bytes().to_vec(),
        coding: None,
        reason,
        code,
    };
    let good = r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let packed = |name, body| Unreadable {
        name,
        body,
        coding: Some(name),
        reason: "compressed",
        code: "content_encoding",
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(good.as_bytes()).expect("memory");
    let deep = format!(r#"{{"model":"auto","x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    vec![
        text(
            "duplicate",
            r#"{"model":"auto","model":"other","messages":[]}"#,
            "readable",
            "duplicate_member",
        ),
        text(
            "escaped duplicate",
            r#"{"model":"auto","mod\u0065l":"other","messages":[]}"#,
            "readable",
            "duplicate_member",
        ),
        text("byte order mark", &format!("\u{feff}{good}"), "byte order mark", "byte_order_mark"),
        text("array", &format!("[{good}]"), "not a JSON object", "not_an_object"),
        text("string", r#""auto""#, "not a JSON object", "not_an_object"),
        text("truncated", &good[..good.len() - 5], "readable", "truncated"),
        text("deep", &deep, "readable", "too_deep"),
        text("no model", r#"{"messages":[]}"#, "no model", "no_model"),
        text("model is null", r#"{"model":null,"messages":[]}"#, "no model", "no_model"),
        text("two texts", &format!("{good}{good}"), "readable", "not_json"),
        text("comment", &format!("/* hi */{good}"), "readable", "not_json"),
        text("form", "model=auto&messages=hi", "readable", "not_json"),
        text("empty", "", "readable", "truncated"),
        text("blank", " \r\n\t", "readable", "truncated"),
        Unreadable {
            name: "not UTF-8",
            body: b"{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}"
                .to_vec(),
            coding: None,
            reason: "readable",
            code: "not_utf8",
        },
        packed("gzip", gzip.finish().expect("memory")),
        // What they say is nobody's business here: the bytes pass.
        packed("zstd", b"\x28\xb5\x2f\xfd\x04\x00anything".to_vec()),
        packed("br", b"\x0b\x02\x80anything\x03".to_vec()),
    ]
}

struct Through {
    stage: Stage,
    recorder: Recorder,
}

/// Everything that is not routed goes to a server that keeps the bytes.
async fn through() -> &'static Through {
    static STAGE: OnceCell<Through> = OnceCell::const_new();
    STAGE
        .get_or_init(|| async {
            let recorder = Recorder::start().await.expect("a recorder");
            let base = format!("http://{}/base/v1", recorder.address());
            let settings = json!({ "base_url": base, "speaks": ["chat", "messages", "responses"], "key_env": "TEST_AUTO_A_KEY" });
            let stage = Script::new()
                .lane("auto", 1)
                .set("/providers/recorder", settings)
                .set("/passthrough", json!({ "chat": "recorder", "messages": "recorder", "responses": "recorder", "other": "recorder" }))
                .start()
                .await;
            Through { stage, recorder }
        })
        .await
}

impl Through {
    /// The one request whose body or path holds this mark.
    fn seen(&self, mark: &str) -> real_hosts::recorder::Recorded {
        let mut found: Vec<_> =
            self.recorder.requests().into_iter().filter(|seen| seen.header("x-mark") == Some(mark)).collect();
        assert_eq!(found.len(), 1, "{mark}");
        found.remove(0)
    }
}

#[test]
fn what_cannot_be_read_arrives_byte_for_byte_with_the_reason_visible() {
    play(async {
        let through = through().await;
        for (dialect, path) in [
            ("chat/completions", CHAT),
            ("messages", "/v1/messages?beta=true"),
            ("responses", "/v1/responses"),
        ] {
            for case in unreadable() {
                for (protocol, pieces) in [(Protocol::H1, None), (Protocol::H2, Some(9))] {
                    let mark = format!("{dialect} {} {protocol:?}", case.name);
                    let mut ask = Ask::post(path, case.body.clone()).header("x-mark", &mark);
                    if let Some(coding) = case.coding {
                        ask = ask.header("content-encoding", coding);
                    }
                    if let Some(size) = pieces {
                        ask = ask.in_pieces(size);
                    }
                    let answer = ask.send_by(protocol, through.stage.address()).await;
                    assert_eq!(answer.status, 200, "{mark}: {}", answer.text());
                    let reason = answer.header("x-pointsman-reason");
                    assert!(
                        reason.starts_with("passed through, ") && reason.contains(case.reason),
                        "{mark}: {reason}"
                    );
                    let seen = through.seen(&mark);
                    assert!(seen.body == case.body, "{mark}: {}", String::from_utf8_lossy(&seen.body));
                    assert_eq!(seen.header("content-encoding"), case.coding, "{mark}");
                    let query = if path.ends_with("?beta=true") { "?beta=true" } else { "" };
                    assert!(
                        seen.head.starts_with(&format!("POST /base/v1/{dialect}{query} HTTP/1.1\r\n")),
                        "{mark}: {}",
                        seen.head
                    );
                    assert_eq!(
                        seen.header("authorization"),
                        Some(format!("Bearer {}", key_of("auto-a")).as_str()),
                        "{mark}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_model_that_is_no_alias_passes_untouched() {
    play(async {
        let through = through().await;
        // Odd spacing, unknown fields, numbers in every shape: not a byte may change.
        let body = "{ \"model\" : \"gpt-99\" ,\n\t\"temperature\": 1.50e0, \"x\": [1E400, -0.0, \"\\u00e9\"],\r\n \"messages\": [] }  ";
        for (mark, path) in
            [("plain chat", CHAT), ("plain messages", "/v1/messages"), ("plain responses", "/v1/responses")]
        {
            let answer = Ask::post(path, body).header("x-mark", mark).send(through.stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-pointsman-reason"), "passed through, the model is no alias");
            let seen = through.seen(mark);
            assert_eq!(String::from_utf8_lossy(&seen.body), body);
            assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
        }
        let counted = Ask::json("/v1/messages/count_tokens?beta=true", &messages("claude-x", "hi"))
            .header("x-mark", "counted");
        assert_eq!(counted.send(through.stage.address()).await.status, 200);
        assert!(through.seen("counted").head.starts_with("POST /base/v1/messages/count_tokens?beta=true "));
    });
}

#[test]
fn other_paths_pass_with_their_method_query_and_body() {
    play(async {
        let through = through().await;
        for (mark, ask, line) in [
            ("files", Ask::new("GET", "/v1/files"), "GET /base/v1/files HTTP/1.1"),
            ("one file", Ask::new("GET", "/v1/files/x?a=b&c=%20"), "GET /base/v1/files/x?a=b&c=%20 HTTP/1.1"),
            (
                "embeddings",
                Ask::post("/v1/embeddings", r#"{"model":"auto","input":"x"}"#),
                "POST /base/v1/embeddings HTTP/1.1",
            ),
            ("delete", Ask::new("DELETE", "/v1/files/f-1"), "DELETE /base/v1/files/f-1 HTTP/1.1"),
            ("get chat", Ask::new("GET", CHAT), "GET /base/v1/chat/completions HTTP/1.1"),
            ("options", Ask::new("OPTIONS", CHAT), "OPTIONS /base/v1/chat/completions HTTP/1.1"),
            ("root", Ask::new("GET", "/"), "GET / HTTP/1.1"),
        ] {
            let answer = ask.header("x-mark", mark).send(through.stage.address()).await;
            assert_eq!(answer.status, 200, "{mark}: {}", answer.text());
            assert_eq!(
                answer.header("x-pointsman-reason"),
                "passed through, the path is no completion endpoint"
            );
            let seen = through.seen(mark);
            assert_eq!(seen.head.lines().next(), Some(line), "{mark}");
            assert_eq!(
                seen.header("authorization"),
                Some(format!("Bearer {}", key_of("auto-a")).as_str()),
                "{mark}"
            );
        }
        assert_eq!(through.seen("embeddings").body, br#"{"model":"auto","input":"x"}"#);
        // Large uploads are nobody's to hold back.
        let upload = vec![b'x'; 3 * 1024 * 1024];
        let answer = Ask::post("/v1/files", upload.clone())
            .header("x-mark", "upload")
            .send(through.stage.address())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(through.seen("upload").body == upload);
    });
}

#[test]
fn the_list_of_models_is_the_aliases_and_a_head_request_is_answered() {
    play(async {
        let stage = Script::new()
            .provider("openai", Vendor::OpenAi)
            .alias("auto", &["openai/gpt-5.4-mini"])
            .set("/passthrough", json!({ "chat": "openai", "other": "openai" }))
            .start()
            .await;
        for protocol in [Protocol::H1, Protocol::H2] {
            let answer = Ask::new("GET", "/v1/models").send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.json()["data"][0]["id"], "auto", "{}", answer.text());
            assert_eq!(answer.json()["data"].as_array().map(Vec::len), Some(1), "{}", answer.text());
            let answer = Ask::new("HEAD", "/").send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200);
            assert!(answer.body.is_empty());
        }
        let answer = Ask::json(CHAT, &chat("gpt-5.4-mini", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["model"], "gpt-5.4-mini");
    });
}

#[test]
fn an_operator_may_have_unreadable_bodies_rejected() {
    play(async {
        let stage = Script::new()
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .set("/on_unreadable", json!("reject"))
            .set("/passthrough", json!({ "chat": "minimax", "messages": "minimax", "responses": "minimax" }))
            .start()
            .await;
        for path in [CHAT, "/v1/messages", "/v1/responses"] {
            for case in unreadable() {
                let mut ask = Ask::post(path, case.body.clone());
                if let Some(coding) = case.coding {
                    ask = ask.header("content-encoding", coding);
                }
                let answer = ask.send(stage.address()).await;
                let what = format!("{path} {}: {}", case.name, answer.text());
                assert_eq!(answer.status, 400, "{what}");
                let error = answer.json();
                assert!(error["error"]["message"].is_string(), "{what}");
                let code = if path == "/v1/messages" {
                    assert_eq!(
                        (&error["type"], &error["error"]["type"]),
                        (&json!("error"), &json!("invalid_request_error"))
                    );
                    &error["code"]
                } else {
                    &error["error"]["code"]
                };
                assert_eq!(code, &json!(format!("pointsman_{}", case.code)), "{what}");
            }
        }
        assert!(stage.provider("minimax").requests().is_empty());
        // What can be read is not their business.
        let answer = Ask::json(CHAT, &chat("MiniMax-M3", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}
