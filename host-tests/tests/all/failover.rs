//! The next provider's turn: its own key, model, path and length, and nothing of the one before.

use host_tests::proxy_wasm::{Answer, Envoy, Quirks, Sent, key_of};

use crate::setup::{CHAT, answers, chat, document, envoy, error_code, model, unreachable};

fn keys_in(sent: &Sent) -> Vec<String> {
    let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
    sent.headers.iter().map(|(_, value)| text(value)).filter(|value| value.contains("key-of-")).collect()
}

/// All four of the tier in turn: bearer, API key, no key, and the first provider again.
#[test]
fn every_attempt_is_right_for_its_own_provider() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat(), |_, sent| match sent.upstream.as_str() {
        "alpha" => Answer::json(503, "{}"),
        "beta" => Answer::Reset,
        "gamma" => Answer::json(429, "{}"),
        _ => Answer::json(200, "{}"),
    });
    assert_eq!(outcome.status, 200);
    let seen: Vec<(&str, String, &str)> = outcome
        .sent
        .iter()
        .map(|sent| (sent.upstream.as_str(), model(&sent.body), sent.header(":path").expect("a path")))
        .collect();
    assert_eq!(
        seen,
        [
            ("alpha", "small".to_owned(), "/alpha/v1/chat/completions"),
            ("beta", "a-model-with-a-longer-name".to_owned(), "/beta/v1/chat/completions"),
            ("gamma", "free".to_owned(), "/gamma/chat/completions"),
            ("alpha.2", "second".to_owned(), "/alpha/v1/chat/completions"),
        ]
    );
    let bearer = format!("Bearer {}", key_of("alpha"));
    let keys: Vec<Vec<String>> = outcome.sent.iter().map(keys_in).collect();
    assert_eq!(keys, [vec![bearer.clone()], vec![key_of("beta")], vec![], vec![bearer]]);
    for sent in &outcome.sent {
        assert_eq!(sent.header("content-length"), Some(&*sent.body.len().to_string()));
        assert_eq!(sent.body, CHAT.replace("auto", &model(&sent.body)).as_bytes());
        assert!(sent.headers.iter().all(|(name, _)| !name.starts_with("x-pointsman-")), "{:?}", sent.headers);
    }
    let metrics = envoy.metrics();
    assert_eq!(metrics["pointsman_attempts.upstream=alpha.status=5xx"], 1);
    assert_eq!(metrics["pointsman_attempts.upstream=beta.status=none"], 1);
    assert_eq!(metrics["pointsman_attempts.upstream=gamma.status=4xx"], 1);
    assert_eq!(metrics["pointsman_attempts.upstream=alpha_2.status=2xx"], 1);
}

#[test]
fn the_client_is_told_who_answered_in_the_end() {
    let outcome = envoy().exchange(chat(), |_, sent| match sent.upstream.as_str() {
        "alpha" => Answer::json(500, "{}"),
        _ => Answer::json(200, "{}"),
    });
    assert_eq!(outcome.header("x-pointsman-model"), Some("beta/a-model-with-a-longer-name"));
    assert_eq!(outcome.noted("target"), Some("beta/a-model-with-a-longer-name"));
}

/// Envoy skips an upstream that rests: the first attempt is then the second provider's.
#[test]
fn an_attempt_goes_by_the_endpoint_and_not_by_its_number() {
    let quirks = Quirks { resting: ["alpha".to_owned()].into(), ..Quirks::default() };
    let outcome = Envoy::with(&document(), quirks).exchange(chat(), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!((sent.upstream.as_str(), &*model(&sent.body)), ("beta", "a-model-with-a-longer-name"));
    assert_eq!(keys_in(sent), [key_of("beta")]);
    assert_eq!(sent.header("x-api-key"), Some(&*key_of("beta")));
}

#[test]
fn the_last_answer_is_the_clients_when_all_fail() {
    let outcome = envoy().exchange(chat(), |_, sent| Answer::json(503, sent.upstream.clone()));
    assert_eq!((outcome.status, &outcome.body[..]), (503, &b"alpha.2"[..]));
    assert_eq!(outcome.sent.len(), 4);
}

/// Envoy would go past the end of a short chain and answer "no healthy upstream" itself.
#[test]
fn a_chain_of_one_is_not_retried() {
    let limited = Answer::json(429, r#"{"error":{"message":"slow down"}}"#);
    let outcome = envoy().exchange(chat().header("x-pointsman-tier", "best"), |_, _| limited.clone());
    assert_eq!((outcome.status, outcome.sent.len()), (429, 1));
    assert_eq!(outcome.body, br#"{"error":{"message":"slow down"}}"#);
}

#[test]
fn a_connection_that_never_answers_is_reported_as_envoy_reports_it() {
    let outcome = envoy().exchange(chat(), |_, _| Answer::Reset);
    assert_eq!((outcome.status, outcome.sent.len()), (503, 4));
    assert_eq!((outcome.header("x-pointsman-model"), outcome.noted("target")), (None, None));
}

#[test]
fn the_clients_own_mistakes_are_not_tried_elsewhere() {
    let outcome = envoy().exchange(chat(), |_, _| Answer::json(400, r#"{"error":{}}"#));
    assert_eq!((outcome.status, outcome.sent.len()), (400, 1));
    assert_eq!(outcome.body, br#"{"error":{}}"#);
}

#[test]
fn an_endpoint_without_a_name_gets_nothing() {
    let quirks = Quirks { host_metadata: false, ..Quirks::default() };
    let outcome = Envoy::with(&document(), quirks).exchange(chat(), unreachable);
    assert_eq!(outcome.status, 503);
    assert_eq!(outcome.header("content-type"), Some("application/json"));
    assert_eq!(error_code(&outcome.body, "chat"), "pointsman_unknown_upstream");
}

#[test]
fn an_attempt_without_a_plan_is_refused() {
    let quirks = Quirks { forgets_state: true, ..Quirks::default() };
    let outcome = Envoy::with(&document(), quirks).exchange(chat(), unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "chat")), (503, "pointsman_no_plan"));
}

#[test]
fn a_missing_key_is_never_replaced_by_anothers() {
    let mut envoy = envoy();
    envoy.forget_key("alpha");
    let request =
        chat().header("authorization", "Bearer of-the-client").header("x-pointsman-credential-alpha", "x");
    let outcome = envoy.exchange(request, unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "chat")), (503, "pointsman_no_credential"));
    let body = String::from_utf8(outcome.body).expect("text");
    assert!(body.contains("alpha") && !body.contains("key-of-"), "{body}");
}

#[test]
fn a_refusal_has_the_shape_of_the_clients_dialect() {
    let mut envoy = envoy();
    envoy.forget_key("beta");
    let body = r#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let outcome = envoy.exchange(host_tests::proxy_wasm::Request::post("/v1/messages", body), unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "messages")), (503, "pointsman_no_credential"));
}

/// A host that refuses a change must not be left with half a request.
#[test]
fn a_host_that_fails_gets_nothing_sent() {
    for failing in [
        "proxy_set_buffer_bytes",
        "proxy_get_buffer_bytes",
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
        "proxy_set_property",
        "proxy_get_property",
        "proxy_get_header_map_pairs",
    ] {
        let mut envoy = envoy();
        envoy.fail(failing);
        let request = chat().header("authorization", "Bearer of-the-client");
        let outcome = envoy.exchange(request, unreachable);
        assert!(outcome.status >= 404, "{failing}: {}", outcome.status);
        assert!(serde_json::from_slice::<serde_json::Value>(&outcome.body).is_ok(), "{failing}");
    }
}
