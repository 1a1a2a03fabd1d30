//! A request to one provider: what is edited, what is not, what is said about it.

use host_tests::proxy_wasm::{Answer, Envoy, Quirks, Request, key_of};
use serde_json::json;

use crate::setup::{self, CHAT, answers, chat, document, envoy, model};

#[test]
fn a_request_reaches_its_target_with_model_path_key_and_length() {
    let outcome = envoy().exchange(chat(), answers);
    assert_eq!(outcome.status, 200);
    assert_eq!(outcome.body, setup::ANSWER.as_bytes());
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!(sent.upstream, "alpha");
    assert_eq!(sent.body, CHAT.replace("auto", "small").as_bytes());
    assert_eq!(sent.header(":path"), Some("/alpha/v1/chat/completions"));
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {}", key_of("alpha"))));
    assert_eq!(sent.header("content-length"), Some(&*sent.body.len().to_string()));
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
}

#[test]
fn the_client_is_told_what_was_decided() {
    let outcome = envoy().exchange(chat(), answers);
    assert_eq!(outcome.header("x-pointsman-tier"), Some("cheap"));
    assert_eq!(outcome.header("x-pointsman-model"), Some("alpha/small"));
    assert!(outcome.header("x-pointsman-reason").is_some_and(|reason| reason.starts_with("difficulty")));
}

#[test]
fn the_access_log_is_told_what_was_decided() {
    let outcome = envoy().exchange(chat(), answers);
    assert_eq!(outcome.noted("dialect"), Some("chat"));
    assert_eq!(outcome.noted("alias"), Some("auto"));
    assert_eq!(outcome.noted("tier"), Some("cheap"));
    assert_eq!(outcome.noted("target"), Some("alpha/small"));
    assert!(outcome.noted("reason").is_some_and(|reason| reason.starts_with("difficulty")));
    assert!(outcome.noted("difficulty").is_some_and(|text| text.parse::<u16>().is_ok_and(|n| n <= 1000)));
}

#[test]
fn the_operators_own_headers_can_be_switched_off() {
    let mut document = document();
    document["response_headers"] = json!(false);
    let outcome = Envoy::start(&document).exchange(chat(), answers);
    assert!(
        outcome.headers.iter().all(|(name, _)| !name.starts_with("x-pointsman-")),
        "{:?}",
        outcome.headers
    );
}

#[test]
fn an_allowed_header_picks_the_tier() {
    let outcome = envoy().exchange(chat().header("x-pointsman-tier", "best"), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!((sent.upstream.as_str(), &*model(&sent.body)), ("beta", "large"));
    assert_eq!(sent.header("x-api-key"), Some(&*key_of("beta")));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(outcome.header("x-pointsman-tier"), Some("best"));
}

#[test]
fn messages_go_to_the_provider_that_speaks_them() {
    let body = r#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let outcome = envoy().exchange(Request::post("/v1/messages?beta=true", body), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!(sent.upstream, "beta");
    assert_eq!(sent.header(":path"), Some("/beta/v1/messages?beta=true"));
    assert_eq!(model(&sent.body), "a-model-with-a-longer-name");
}

/// Nothing that a client sends can pose as the router's, as Envoy's, or as a credential.
#[test]
fn spoofed_headers_do_not_get_through() {
    let request = chat()
        .header("x-pointsman-cluster", "chain:beta")
        .header("x-pointsman-credential-alpha", "stolen")
        .header("x-pointsman-credential-beta", "stolen")
        .header("x-pointsman-rejected", "1")
        .header("x-pointsman-anything", "1")
        .header("x-envoy-max-retries", "100")
        .header("x-envoy-upstream-alt-stat-name", "x")
        .header("x-envoy-retry-on", "5xx")
        .header("authorization", "Bearer of-the-client")
        .header("x-api-key", "of-the-client")
        .header("cookie", "of-the-client");
    let outcome = envoy().exchange(request, answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!(sent.upstream, "alpha");
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {}", key_of("alpha"))));
    for (name, value) in &sent.headers {
        assert!(!name.starts_with("x-pointsman-") && !name.starts_with("x-envoy-"), "{name}");
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains("stolen") && !value.contains("of-the-client"), "{name}: {value}");
    }
}

#[test]
fn headers_that_are_not_text_survive() {
    let outcome = envoy().exchange(chat().header("x-odd", b"\xff\xfe\x80"), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert!(sent.headers.contains(&("x-odd".to_owned(), b"\xff\xfe\x80".to_vec())));
}

#[test]
fn a_model_that_is_no_alias_passes_as_it_is() {
    let body = r#"{ "model" : "gpt-something", "messages" : [] }"#;
    let outcome = envoy().exchange(Request::post("/v1/chat/completions", body), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!((sent.upstream.as_str(), &sent.body[..]), ("alpha", body.as_bytes()));
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {}", key_of("alpha"))));
    assert_eq!(outcome.noted("target"), Some("alpha"));
}

#[test]
fn another_path_passes_without_its_body_being_held() {
    let request =
        Request::post("/v1/files?purpose=x", vec![0xff; 100]).header("x-pointsman-cluster", "chain:alpha");
    let outcome = envoy().exchange(request, answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!((sent.upstream.as_str(), &sent.body[..]), ("beta", &[0xff; 100][..]));
    assert_eq!(sent.header(":path"), Some("/beta/v1/files?purpose=x"));
    assert_eq!(sent.header("content-length"), Some("100"));
    assert_eq!(sent.header("x-pointsman-cluster"), None);
}

#[test]
fn a_request_without_a_body_passes() {
    let outcome = envoy().exchange(Request::new("GET", "/v1/files"), answers);
    let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
    assert_eq!(sent.header(":path"), Some("/beta/v1/files"));
    assert_eq!(sent.header("content-length"), None);
}

#[test]
fn without_an_access_log_nothing_is_noted_and_nothing_else_changes() {
    let quirks = Quirks { access_log: Some(false), ..Quirks::default() };
    let mut envoy = Envoy::with(&document(), quirks);
    let outcome = envoy.exchange(chat(), answers);
    assert_eq!((outcome.noted("tier"), outcome.noted("target")), (None, None));
    assert_eq!(outcome.header("x-pointsman-model"), Some("alpha/small"));
    assert!(envoy.metrics().contains_key("pointsman_cost_picodollars.target=alpha/small"));
}

/// The word between the two roles is for them alone, and no provider can put another in its place.
#[test]
fn which_upstream_answered_is_not_the_providers_to_say() {
    let answer = Answer::json(200, setup::ANSWER).with_header("x-pointsman-upstream", "beta");
    let outcome = envoy().exchange(chat(), |_, _| answer.clone());
    assert_eq!(outcome.header("x-pointsman-model"), Some("alpha/small"));
    assert_eq!(outcome.header("x-pointsman-upstream"), None);
}

/// Two requests in the same VM at the same time do not see each other.
#[test]
fn exchanges_do_not_mix() {
    let mut envoy = envoy();
    let inner_body = r#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut inner = None;
    let outer = envoy.exchange(chat(), |envoy, sent| {
        if inner.is_none() {
            inner = Some(envoy.exchange(Request::post("/v1/messages", inner_body), answers));
        }
        answers(envoy, sent)
    });
    let inner = inner.expect("it ran");
    assert_eq!((outer.noted("target"), outer.noted("dialect")), (Some("alpha/small"), Some("chat")));
    assert_eq!(inner.noted("dialect"), Some("messages"));
    assert_eq!(inner.sent[0].header("x-api-key"), Some(&*key_of("beta")));
    assert_eq!(outer.sent[0].header("x-api-key"), None);
}

#[test]
fn metrics_count_what_happened_and_are_defined_once() {
    let mut envoy = envoy();
    for _ in 0..3 {
        envoy.exchange(chat(), answers);
    }
    let metrics = envoy.metrics();
    assert_eq!(metrics["pointsman_requests.dialect=chat.tier=cheap.reason=difficulty"], 3);
    assert_eq!(metrics["pointsman_attempts.upstream=alpha.status=2xx"], 3);
    assert_eq!(metrics["pointsman_decision_us"], 3);
    assert_eq!(envoy.definitions(), metrics.len(), "{metrics:?}");
}

/// Dots would end a label: Envoy splits them off by its `stats_tags`.
#[test]
fn names_with_dots_stay_one_label() {
    let mut document = document();
    document["models"]["alpha/small-4.1"] = json!({ "usd_per_mtok": { "input": 1, "output": 2 } });
    document["ladders"]["main"]["tiers"][0]["targets"][0] = json!("alpha/small-4.1");
    let mut envoy = Envoy::with(&document, Quirks::default());
    envoy.exchange(chat(), answers);
    let metrics = envoy.metrics();
    assert_eq!(metrics["pointsman_tokens.kind=input.target=alpha/small-4_1"], 100);
}

#[test]
fn no_prompt_reaches_the_log() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat(), answers);
    assert!(outcome.state.iter().all(|(name, value)| name == "pointsman.plan" || !value.contains("hello")));
    assert_eq!(envoy.log(), &[] as &[String]);
    envoy.exchange(Request::post("/v1/chat/completions", "{"), answers);
    assert_eq!(envoy.log(), &[] as &[String]);
}
