//! Who may use it, what it answers itself, and what passes through.

use pointsman_sim::Vendor;
use real_hosts::{client::Ask, stage::Script};
use serde_json::json;

use crate::{CHAT, Stage, chat, messages, play};

/// Of `secret-token`: `printf secret-token | sha256sum`.
const DIGEST: &str = "sha256:930bbdc51b6aed5c2a5678fd6e28dee7a05e8a4b643cfc0b4427c3efb86c0d94";

#[test]
fn without_a_token_of_its_own_nobody_gets_in() {
    play(async {
        let script = Script::new()
            .set("/callers", json!({ "ci": DIGEST }))
            .provider("anthropic", Vendor::Anthropic)
            .alias("claude", &["anthropic/claude-opus-4-6"])
            .lane("open", 1);
        let stage = Stage::start(script).await;
        let wrong = Ask::json(CHAT, &chat("open", "hi")).header("authorization", "Bearer sk-stolen");
        let answer = wrong.send(stage.address()).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.json()["error"]["message"].is_string(), "{}", answer.text());
        let answer = Ask::json("/v1/messages", &messages("claude", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "authentication_error", "{}", answer.text());
        assert_eq!(stage.counts("open", 1), [0]);

        let right = Ask::json(CHAT, &chat("open", "hi")).header("authorization", "Bearer secret-token");
        let answer = right.send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = stage.provider("open-a").last().expect("a request");
        assert!(!seen.headers.iter().any(|(_, value)| value.ends_with(b"secret-token")));
        assert_eq!(stage.logged("open").await["caller"], "ci");
    });
}

#[test]
fn models_are_listed_and_other_paths_pass_with_the_providers_own_key() {
    play(async {
        let script = Script::new().lane("only", 1).set("/passthrough", json!({ "other": "only-a" }));
        let stage = Stage::start(script).await;
        let answer = Ask::new("GET", "/v1/models").send(stage.address()).await;
        assert_eq!((answer.status, &answer.json()["data"][0]["id"]), (200, &json!("only")));
        let answer = Ask::new("GET", "/v1/files?limit=2").header("cookie", "a=b").send(stage.address()).await;
        assert!(answer.header("x-pointsman-reason").starts_with("passed through"), "{}", answer.text());
        let seen = stage.provider("only-a").last().expect("a request");
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/v1/files?limit=2"));
        assert_eq!(seen.header("cookie"), None);
        assert_eq!(seen.refusal.filter(|text| text.contains("header")), None);
    });
}
