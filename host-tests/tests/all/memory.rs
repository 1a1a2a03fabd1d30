//! Conversations in the data that workers share: who answered goes first, and nothing depends on it.

use std::collections::BTreeMap;

use host_tests::proxy_wasm::{Answer, Envoy, Outcome, Quirks, Request, Sent};
use serde_json::{Value, json};

use crate::setup::{ANSWER, answers, document};

fn remembering() -> Envoy {
    Envoy::with(&document(), Quirks { memory: true, ..Quirks::default() })
}

/// The n-th call of a conversation about a subject.
fn call(subject: &str, number: usize) -> Request {
    let mut messages = vec![json!({ "role": "user", "content": format!("Tell me of {subject}.") })];
    for n in 1..number {
        messages.push(json!({ "role": "assistant", "content": format!("Part {n}.") }));
        messages
            .push(json!({ "role": "user", "content": format!("Go on from {n}, and leave nothing out.") }));
    }
    Request::post("/v1/chat/completions", &*json!({ "model": "auto", "messages": messages }).to_string())
}

fn upstreams(outcome: &Outcome) -> Vec<&str> {
    outcome.sent.iter().map(|sent| sent.upstream.as_str()).collect()
}

/// The first provider of the tier is out of order.
fn without_alpha(_: &mut Envoy, sent: &Sent) -> Answer {
    if sent.upstream.starts_with("alpha") { Answer::json(503, "{}") } else { Answer::json(200, ANSWER) }
}

#[test]
fn a_conversation_stays_where_its_cache_is_warm() {
    let mut envoy = remembering();
    assert_eq!(upstreams(&envoy.exchange(call("ants", 1), without_alpha)), ["alpha", "beta"]);
    assert_eq!(upstreams(&envoy.exchange(call("ants", 2), answers)), ["beta"], "it has the cache");
    assert_eq!(upstreams(&envoy.exchange(call("bees", 1), answers)), ["alpha"], "another conversation");
    // Where the warm one fails, the others follow in their order.
    let all = envoy.exchange(call("ants", 3), |_, _| Answer::json(503, "{}"));
    assert_eq!(upstreams(&all), ["beta", "alpha", "gamma", "alpha.2"]);
    let later = envoy.exchange(call("ants", 3), |_, sent| match sent.upstream.as_str() {
        "gamma" => Answer::json(200, ANSWER),
        _ => Answer::json(503, "{}"),
    });
    assert_eq!(upstreams(&later), ["beta", "alpha", "gamma"]);
    assert_eq!(upstreams(&envoy.exchange(call("ants", 4), answers)), ["gamma"]);
    // No cache lives a day.
    envoy.set_time(1_767_225_600 + 86_400);
    assert_eq!(upstreams(&envoy.exchange(call("ants", 5), answers)), ["alpha"]);
}

#[test]
fn what_is_shared_is_numbers_in_a_fixed_number_of_places() {
    let mut envoy = remembering();
    let (mut seen, words) = (0, 200);
    for n in 0..words {
        envoy.exchange(call(&format!("subject {n}"), 1), answers);
    }
    for (key, (value, _)) in envoy.shared() {
        let place = key.strip_prefix("pointsman.memory.").expect("a place");
        assert!(usize::from_str_radix(place, 16).expect("a number") < pointsman::limits::CONVERSATIONS);
        assert_eq!(value.len(), 31, "{key}");
        seen += 1;
    }
    assert!((words - 10..=words).contains(&seen), "{seen}");
}

#[test]
fn without_memory_nothing_is_shared_and_nobody_stays() {
    let mut envoy = Envoy::start(&document());
    envoy.exchange(call("ants", 1), without_alpha);
    assert_eq!(upstreams(&envoy.exchange(call("ants", 2), answers)), ["alpha"]);
    assert!(envoy.shared().is_empty());
}

#[test]
fn an_empty_memory_decides_as_none() {
    for number in 1..4 {
        let with = remembering().exchange(call("ants", number), answers);
        let without = Envoy::start(&document()).exchange(call("ants", number), answers);
        assert_eq!(upstreams(&with), upstreams(&without));
        assert_eq!(with.sent[0].body, without.sent[0].body);
        assert_eq!(with.noted("reason"), without.noted("reason"));
        assert_eq!(with.noted("tier"), without.noted("tier"));
    }
}

#[test]
fn workers_share_it_and_it_may_be_lost_at_any_call() {
    let (mut one, mut other) = (remembering(), remembering());
    one.exchange(call("ants", 1), without_alpha);
    other.resume(one.shared());
    assert_eq!(upstreams(&other.exchange(call("ants", 2), answers)), ["beta"]);
    other.resume(BTreeMap::new());
    assert_eq!(upstreams(&other.exchange(call("ants", 3), answers)), ["alpha"], "lost");
    // Bytes of something else.
    let shared = other.shared().into_keys().map(|key| (key, (b"something else".to_vec(), 7))).collect();
    other.resume(shared);
    assert_eq!(upstreams(&other.exchange(call("ants", 4), answers)), ["alpha"]);
    assert_eq!(other.shared().into_values().map(|(value, _)| value.len()).collect::<Vec<_>>(), [31]);
}

#[test]
fn a_faster_worker_is_met_again_and_a_hundred_of_them_are_not() {
    let mut envoy = remembering();
    envoy.rival(3);
    envoy.exchange(call("ants", 1), without_alpha);
    assert_eq!(upstreams(&envoy.exchange(call("ants", 2), answers)), ["beta"]);
    envoy.rival(100);
    envoy.exchange(call("bees", 1), without_alpha);
    envoy.rival(0);
    assert_eq!(upstreams(&envoy.exchange(call("bees", 2), answers)), ["alpha"], "given up");
}

#[test]
fn a_host_that_shares_nothing_routes_by_the_history() {
    for function in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        let mut envoy = remembering();
        envoy.fail(function);
        envoy.exchange(call("ants", 1), without_alpha);
        let outcome = envoy.exchange(call("ants", 2), answers);
        assert_eq!((upstreams(&outcome), outcome.status), (vec!["alpha"], 200), "{function}");
    }
}

#[test]
fn another_configuration_knows_nothing_of_what_was_remembered_under_this_one() {
    let mut envoy = remembering();
    envoy.exchange(call("ants", 1), without_alpha);
    let mut changed: Value = document();
    changed["ladders"]["main"]["tiers"][1]["name"] = json!("better");
    let mut other = Envoy::with(&changed, Quirks { memory: true, ..Quirks::default() });
    other.resume(envoy.shared());
    assert_eq!(upstreams(&other.exchange(call("ants", 2), answers)), ["alpha"]);
}

#[test]
fn an_answer_that_nobody_counted_is_not_remembered() {
    let mut envoy = remembering();
    let uncounted = |_: &mut Envoy, sent: &Sent| match sent.upstream.as_str() {
        "alpha" => Answer::json(503, "{}"),
        _ => Answer::json(200, "{}"),
    };
    envoy.exchange(call("ants", 1), uncounted);
    assert!(envoy.shared().is_empty());
}
