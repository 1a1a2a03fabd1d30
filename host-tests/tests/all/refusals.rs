//! Answers that the door gives itself.

use host_tests::proxy_wasm::{Envoy, Request};
use serde_json::json;

use crate::setup::{chat, document, envoy, error_code, unreachable};

#[test]
fn an_unknown_tier_is_refused_before_anything_is_sent() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat().header("x-pointsman-tier", "bset"), unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "chat")), (400, "pointsman_bad_override"));
    assert_eq!(outcome.header("content-type"), Some("application/json"));
    assert_eq!(envoy.metrics()["pointsman_rejected.reason=bad_override"], 1);
}

/// The answer passes the filter's own response callbacks: nothing may be added, counted or billed there.
#[test]
fn its_own_answer_is_not_metered() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat().header("x-pointsman-tier", "none"), unreachable);
    assert!(
        outcome.headers.iter().all(|(name, _)| !name.starts_with("x-pointsman-")),
        "{:?}",
        outcome.headers
    );
    assert_eq!(outcome.noted("target"), None);
    let metrics = envoy.metrics();
    assert!(metrics.keys().all(|name| !name.contains("target=")), "{metrics:?}");
}

#[test]
fn a_path_that_nobody_takes_is_refused() {
    let mut document = document();
    document["passthrough"] = json!({});
    let mut envoy = Envoy::start(&document);
    let outcome = envoy.exchange(Request::new("GET", "/v1/files"), unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "other")), (404, "pointsman_not_found"));
    let outcome = envoy.exchange(Request::post("/v1/files", "x"), unreachable);
    assert_eq!(outcome.status, 404);
}

#[test]
fn what_cannot_be_read_is_refused_where_the_operator_says_so() {
    let mut document = document();
    document["on_unreadable"] = json!("reject");
    let outcome = Envoy::start(&document).exchange(Request::post("/v1/messages", "{"), unreachable);
    assert_eq!(outcome.status, 400);
    assert!(error_code(&outcome.body, "messages").starts_with("pointsman_"));
}
