//! What a user sees of a decision: the target, the tier, the reason, the refusal.

use pointsman::{
    Config, Forward, HeaderEdit, Opened, Rejection, RequestHead, ResponseHead, Routed, Router, edit,
};
use serde_json::{Value, json};

fn config() -> Value {
    json!({
        "version": 1,
        "ladders": { "default": { "tiers": [
            { "name": "cheap", "effort": "low", "targets": ["novita/minimax/minimax-m2.5", "minimax/MiniMax-M3.1-Flash", "deepseek/deepseek-flash"] },
            { "name": "mid", "targets": ["deepseek/deepseek-v4-pro"] },
            { "name": "frontier", "effort": "high", "targets": ["anthropic/claude-opus-4-6", "openai/gpt-6.1-sol"] }
        ], "thresholds": [220, 248] } },
        "aliases": { "auto": "default", "always-top": { "ladder": "default", "thresholds": [0, 0] } },
        "override": ["tier", "effort", "target"],
        "passthrough": { "chat": "openai", "messages": "anthropic", "responses": "openai", "other": "openai" }
    })
}

fn routed(config: &Value, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Forward, Rejection> {
    let router = Router::new(Config::from_json(config.to_string().as_bytes()).unwrap());
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    match router.open(&RequestHead { method: b"POST", path: path.as_bytes(), headers: &headers }) {
        Opened::Forward(forward) => Ok(forward),
        Opened::Reject(rejection) => Err(rejection),
        Opened::Answer(answer) => panic!("answered by itself: {answer:?}"),
        Opened::NeedBody(pending) => match pending.route(&router, body) {
            Routed::Forward(forward) => Ok(forward),
            Routed::Reject(rejection) => Err(rejection),
        },
    }
}

fn targets(forward: &Forward) -> Vec<&str> {
    forward.attempts().iter().map(|attempt| attempt.target.as_str()).collect()
}

fn reason(forward: &Forward) -> String {
    forward.summary().reason.to_string()
}

fn chat(model: &str, content: Value) -> Vec<u8> {
    json!({ "model": model, "messages": [{ "role": "user", "content": content }] }).to_string().into_bytes()
}

#[test]
fn an_easy_request_goes_to_the_cheap_tier_in_the_operators_order() {
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("auto", json!("hi"))).unwrap();
    assert_eq!(
        targets(&forward),
        ["novita/minimax/minimax-m2.5", "minimax/MiniMax-M3.1-Flash", "deepseek/deepseek-flash"]
    );
    assert_eq!(forward.summary().tier.as_deref(), Some("cheap"));
    assert!(reason(&forward).starts_with("difficulty "), "{}", reason(&forward));
    assert_eq!(forward.chain(), "chain:novita+minimax+deepseek");
}

#[test]
fn a_hard_request_goes_to_the_frontier() {
    let prompt = "Prove that every finite integral domain is a field, then find all n for which Z/nZ is one, and \
                  debug this: our lock-free queue loses an element under contention; derive the interleaving.";
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("auto", json!(prompt))).unwrap();
    assert_eq!(targets(&forward), ["anthropic/claude-opus-4-6", "openai/gpt-6.1-sol"]);
}

#[test]
fn an_alias_has_its_own_dial() {
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("always-top", json!("hi"))).unwrap();
    assert_eq!(forward.summary().tier.as_deref(), Some("frontier"));
}

#[test]
fn an_image_rules_out_text_models_and_the_tier_keeps_the_rest() {
    let content = json!([{ "type": "text", "text": "hi" }, { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }]);
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("auto", content)).unwrap();
    assert_eq!(targets(&forward), ["deepseek/deepseek-flash"]);
}

#[test]
fn a_tier_without_a_candidate_is_left_upwards_and_the_reason_says_why() {
    let content =
        json!([{ "type": "text", "text": "hi" }, { "type": "file", "file": { "file_data": "AAAA" } }]);
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("auto", content)).unwrap();
    assert_eq!(forward.summary().tier.as_deref(), Some("frontier"));
    assert!(reason(&forward).starts_with("cheap cannot: takes no documents"), "{}", reason(&forward));
}

#[test]
fn a_dialect_that_a_tier_does_not_speak_is_a_requirement_too() {
    let body = br#"{"model":"auto","input":"Prove that the square root of 2 is irrational and derive it in three ways, step by step."}"#;
    let forward = routed(&config(), "/v1/responses", &[], body).unwrap();
    assert_eq!(targets(&forward), ["openai/gpt-6.1-sol"]);
}

#[test]
fn a_prompt_above_a_window_goes_where_it_fits() {
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(25_000);
    let forward = routed(&config(), "/v1/chat/completions", &[], &chat("auto", json!(long))).unwrap();
    assert!(!targets(&forward).contains(&"novita/minimax/minimax-m2.5"), "{:?}", targets(&forward));
}

#[test]
fn nobody_can_says_who_cannot_and_why() {
    let mut narrow = config();
    narrow["ladders"]["default"]["tiers"] =
        json!([{ "name": "only", "targets": ["novita/minimax/minimax-m2.5"] }]);
    narrow["ladders"]["default"]["thresholds"] = json!([]);
    narrow["aliases"] = json!({ "auto": "default" });
    let content = json!([{ "type": "image_url", "image_url": { "url": "https://127.0.0.1/x.png" } }]);
    let rejection = routed(&narrow, "/v1/chat/completions", &[], &chat("auto", content)).unwrap_err();
    assert_eq!((rejection.status, rejection.code), (400, "no_candidate"));
    let body: Value = serde_json::from_slice(&rejection.body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("novita/minimax/minimax-m2.5 takes no images"), "{message}");
    assert_eq!(body["error"]["code"], "pointsman_no_candidate");
}

#[test]
fn overrides_win_where_allowed_and_are_checked() {
    let body = chat("auto", json!("hi"));
    let path = "/v1/chat/completions";
    let forward = routed(&config(), path, &[("x-pointsman-tier", "mid")], &body).unwrap();
    assert_eq!(targets(&forward), ["deepseek/deepseek-v4-pro"]);
    assert_eq!(reason(&forward), "override by x-pointsman-tier");

    let forward = routed(&config(), path, &[("x-pointsman-target", "openai/gpt-6.1-sol")], &body).unwrap();
    assert_eq!(targets(&forward), ["openai/gpt-6.1-sol"]);

    for (name, value) in
        [("x-pointsman-tier", "midd"), ("x-pointsman-effort", "huge"), ("x-pointsman-target", "openai/gpt-9")]
    {
        let rejection = routed(&config(), path, &[(name, value)], &body).unwrap_err();
        assert_eq!((rejection.status, rejection.code), (400, "bad_override"));
        let text = String::from_utf8(rejection.body).unwrap();
        assert!(text.contains(name) && text.contains(value) && text.contains("is not one of"), "{text}");
    }

    let mut closed = config();
    closed["override"] = json!([]);
    let forward = routed(&closed, path, &[("x-pointsman-tier", "midd")], &body).unwrap();
    assert_eq!(
        forward.summary().tier.as_deref(),
        Some("cheap"),
        "a header that is not allowed is not even read"
    );
}

#[test]
fn the_routers_own_headers_and_the_clients_credentials_never_pass() {
    let headers = [
        ("x-pointsman-tier", "cheap"),
        ("x-pointsman-cluster", "chain:anthropic"),
        ("x-pointsman-credential-openai", "stolen"),
        ("authorization", "Bearer client"),
        ("x-api-key", "client"),
        ("cookie", "session=1"),
        ("x-request-id", "kept"),
    ];
    for model in ["auto", "gpt-unrouted"] {
        let forward = routed(&config(), "/v1/chat/completions", &headers, &chat(model, json!("hi"))).unwrap();
        for (name, _) in headers.iter().filter(|(name, _)| *name != "x-request-id") {
            let removed = HeaderEdit::Remove((*name).to_owned().into());
            assert!(forward.edits().contains(&removed), "{name} of a request for {model} passes");
        }
        assert!(!format!("{:?}", forward.edits()).contains("x-request-id"));
    }
}

#[test]
fn a_beta_header_reaches_claude_and_nobody_else() {
    let mut mixed = config();
    mixed["ladders"]["default"]["tiers"] =
        json!([{ "name": "only", "targets": ["minimax/MiniMax-M3.1-Flash", "anthropic/claude-opus-4-6"] }]);
    mixed["ladders"]["default"]["thresholds"] = json!([]);
    mixed["aliases"] = json!({ "auto": "default" });
    let body = br#"{"model":"auto","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}"#;
    let headers = [("anthropic-beta", "a-1"), ("anthropic-beta", "b-2")];
    let forward = routed(&mixed, "/v1/messages?beta=true", &headers, body).unwrap();
    let edits: Vec<&[HeaderEdit]> = forward.attempts().iter().map(|attempt| &attempt.edits[..]).collect();
    assert_eq!(edits[0], [HeaderEdit::Remove("anthropic-beta".into())]);
    assert_eq!(edits[1], [HeaderEdit::Set("anthropic-beta".into(), "a-1, b-2".to_owned())]);
    assert_eq!(forward.attempts()[0].path, "/anthropic/v1/messages?beta=true");
    assert_eq!(forward.attempts()[1].path, "/v1/messages?beta=true");
}

#[test]
fn what_is_no_alias_passes_untouched_and_says_so() {
    let body = chat("gpt-unrouted", json!("hi"));
    let forward = routed(&config(), "/v1/chat/completions", &[], &body).unwrap();
    assert_eq!(targets(&forward), ["openai"]);
    assert_eq!(edit::apply(&body, &forward.attempts()[0].splices), body);
    assert_eq!(reason(&forward), "passed through, the model is no alias");

    let mut closed = config();
    closed.as_object_mut().unwrap().remove("passthrough");
    let rejection = routed(&closed, "/v1/messages", &[], &body).unwrap_err();
    assert_eq!((rejection.status, rejection.code), (404, "model_not_found"));
    let answer: Value = serde_json::from_slice(&rejection.body).unwrap();
    assert_eq!(answer["error"]["type"], "not_found_error", "Anthropic's shape on Anthropic's endpoint");
    assert!(answer["error"]["message"].as_str().unwrap().contains("always-top, auto"));
}

#[test]
fn what_cannot_be_read_passes_untouched_or_is_rejected_by_choice() {
    let body = br#"{"model":"auto","model":"claude","messages":[]}"#;
    let forward = routed(&config(), "/v1/chat/completions", &[], body).unwrap();
    assert_eq!(targets(&forward), ["openai"]);
    assert!(forward.attempts()[0].splices.is_empty());
    assert!(reason(&forward).contains("duplicate member"), "{}", reason(&forward));

    let compressed = routed(&config(), "/v1/responses", &[("content-encoding", "zstd")], b"(").unwrap();
    assert_eq!(reason(&compressed), "passed through, the body is compressed (zstd)");

    let mut strict = config();
    strict["on_unreadable"] = json!("reject");
    let rejection = routed(&strict, "/v1/chat/completions", &[], body).unwrap_err();
    assert_eq!((rejection.status, rejection.code), (400, "duplicate_member"));
    let rejection =
        routed(&strict, "/v1/chat/completions", &[("content-encoding", "gzip")], body).unwrap_err();
    assert_eq!((rejection.status, rejection.code), (400, "content_encoding"));
}

#[test]
fn signed_thinking_keeps_the_conversation_with_its_maker() {
    let signature = format!("E{}", "uYCkgB".repeat(10));
    let body = json!({ "model": "auto", "max_tokens": 100, "messages": [
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "a greeting", "signature": signature },
            { "type": "text", "text": "hello" }
        ]},
        { "role": "user", "content": "thanks" }
    ]})
    .to_string();
    let mut claude_or_not = config();
    claude_or_not["ladders"]["default"]["tiers"][0]["targets"] = json!(["minimax/MiniMax-M3.1-Flash"]);
    claude_or_not["ladders"]["default"]["tiers"][1]["targets"] = json!(["minimax/MiniMax-M3"]);
    let forward = routed(&claude_or_not, "/v1/messages", &[], body.as_bytes()).unwrap();
    assert_eq!(targets(&forward), ["anthropic/claude-opus-4-6"]);
    assert_eq!(reason(&forward), "history stays, cheap cannot take: claude_signature");

    claude_or_not["ladders"]["default"]["foreign_thinking"] = json!("drop");
    let forward = routed(&claude_or_not, "/v1/messages", &[], body.as_bytes()).unwrap();
    assert_eq!(targets(&forward), ["minimax/MiniMax-M3.1-Flash"]);
    let sent = edit::apply(body.as_bytes(), &forward.attempts()[0].splices);
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["messages"][1]["content"], json!([{ "type": "text", "text": "hello" }]));
}

#[test]
fn state_at_openai_stays_at_openai() {
    let body = br#"{"model":"auto","input":"hi","previous_response_id":"resp_1"}"#;
    let mut both = config();
    both["ladders"]["default"]["tiers"][0]["targets"] = json!(["minimax/MiniMax-M3.1-Flash"]);
    let forward = routed(&both, "/v1/responses", &[], body).unwrap();
    assert_eq!(targets(&forward), ["openai/gpt-6.1-sol"]);
    assert_eq!(reason(&forward), "history stays, cheap cannot take: server_state");
}

#[test]
fn the_response_names_tier_model_and_reason_unless_switched_off() {
    let body = chat("auto", json!("hi"));
    let forward = routed(&config(), "/v1/chat/completions", &[], &body).unwrap();
    let text = format!("{:?}", forward.response_edits(Some("minimax")));
    for part in
        ["x-pointsman-tier", "cheap", "x-pointsman-model", "minimax/MiniMax-M3.1-Flash", "x-pointsman-reason"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let mut quiet = config();
    quiet["response_headers"] = json!(false);
    let forward = routed(&quiet, "/v1/chat/completions", &[], &body).unwrap();
    assert!(forward.response_edits(Some("minimax")).is_empty());
}

#[test]
fn a_receipt_bills_who_answered_and_holds_it_against_the_baseline() {
    let document = config();
    let router = Router::new(Config::from_json(document.to_string().as_bytes()).unwrap());
    let body = chat("auto", json!("hi"));
    let forward = routed(&document, "/v1/chat/completions", &[], &body).unwrap();
    let head = ResponseHead { status: 200, content_type: Some(b"application/json"), content_encoding: None };
    let answer = br#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":600}}}"#;
    let bill = |upstream| {
        let mut metering = forward.respond(Some(upstream), &head);
        metering.push(answer);
        metering.finish(&router, None)
    };
    let receipt = bill("minimax");
    // 400 x 0.15 + 600 x 0.015 + 100 x 0.6 dollars a million.
    assert_eq!(receipt.cost.unwrap().pico(), 400 * 150_000 + 600 * 15_000 + 100 * 600_000);
    // Claude Opus 4.6: 400 x 5 + 600 x 0.5 + 100 x 25.
    assert_eq!(receipt.baseline.unwrap().pico(), 400 * 5_000_000 + 600 * 500_000 + 100 * 25_000_000);
    assert_eq!(receipt.target, "minimax/MiniMax-M3.1-Flash");

    // Sunday, 2026-11-22 12:00 UTC: DeepSeek's off-peak hours.
    let mut metering = forward.respond(Some("deepseek"), &head);
    metering.push(answer);
    let weekend = metering.finish(&router, Some(1_795_348_800)).cost.unwrap();
    assert_eq!(weekend.pico() * 2, bill("deepseek").cost.unwrap().pico());

    let silent = forward.respond(Some("minimax"), &head).finish(&router, None);
    assert_eq!((silent.cost, silent.baseline), (None, None), "what was not reported is not zero");
}
