//! Budgets in the data that workers share.

use host_tests::proxy_wasm::{Answer, Envoy, Outcome};
use serde_json::{Value, json};

use crate::setup::{ANSWER, answers, chat, document, error_code, unreachable};

/// One answer costs 0.0003 dollars: after three of them the budget is spent.
fn budgeted(budget: Value) -> Envoy {
    let mut document = document();
    document["budgets"] = json!([{ "name": "team", "usd": 0.0009, "window": "day" }]);
    for (key, value) in budget.as_object().expect("settings") {
        document["budgets"][0][key] = value.clone();
    }
    Envoy::start(&document)
}

fn best(envoy: &mut Envoy) -> Outcome {
    envoy.exchange(chat().header("x-pointsman-tier", "best"), answers)
}

fn ask(envoy: &mut Envoy) -> Outcome {
    envoy.exchange(chat(), answers)
}

#[test]
fn a_spent_budget_is_a_429_until_the_next_day() {
    let mut envoy = budgeted(json!({}));
    for _ in 0..3 {
        assert_eq!(ask(&mut envoy).status, 200);
    }
    let refused = envoy.exchange(chat(), unreachable);
    assert_eq!((refused.status, &*error_code(&refused.body, "chat")), (429, "pointsman_budget"));
    assert_eq!(refused.header("retry-after"), Some("86400"), "it is midnight there");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert!(String::from_utf8_lossy(&refused.body).contains("2026-01-02 00:00 UTC"));
    assert_eq!(refused.noted("reason"), Some("budget team is spent"));
    let metrics = envoy.metrics();
    assert_eq!(metrics["pointsman_budget_spent_picodollars.budget=team"], 900_000_000);
    assert_eq!(metrics["pointsman_rejected.reason=budget"], 1);
    assert!(!metrics.contains_key("pointsman_budget_estimated.budget=team"));
    envoy.set_time(1_767_225_600 + 86_400);
    assert_eq!(ask(&mut envoy).status, 200, "a new day");
}

#[test]
fn near_its_end_the_top_is_closed_and_the_lowest_tier_may_stay_open() {
    let mut envoy = budgeted(json!({ "near": 0.5, "at_limit": "cheapest" }));
    let reason = |outcome: &Outcome| outcome.noted("reason").expect("a reason").to_owned();
    let tier = |outcome: &Outcome| outcome.noted("tier").expect("a tier").to_owned();
    ask(&mut envoy);
    let outcome = best(&mut envoy);
    // 0.0018 dollars in all.
    assert_eq!((tier(&outcome), outcome.status), ("best".to_owned(), 200));
    let outcome = best(&mut envoy);
    assert_eq!(tier(&outcome), "cheap");
    assert_eq!(reason(&outcome), "budget team is spent, the lowest tier alone is open");
    let mut envoy = budgeted(json!({ "near": 0.6 }));
    ask(&mut envoy);
    ask(&mut envoy);
    assert_eq!(reason(&best(&mut envoy)), "budget team is nearly spent, the top is closed");
}

#[test]
fn workers_share_what_is_spent_and_lose_no_charge_to_each_other() {
    let (mut one, mut other) = (budgeted(json!({})), budgeted(json!({})));
    for round in 0..3 {
        let worker = if round % 2 == 0 { &mut one } else { &mut other };
        // Each read of a purse meets a write of somebody else before its own.
        worker.rival(round);
        assert_eq!(ask(worker).status, 200, "{round}");
        let shared = worker.shared();
        (one.resume(shared.clone()), other.resume(shared));
    }
    for worker in [&mut one, &mut other] {
        assert_eq!(worker.exchange(chat(), unreachable).status, 429);
    }
}

#[test]
fn who_leaves_before_an_answer_is_charged_by_estimate_and_a_failure_is_not() {
    let mut envoy = budgeted(json!({}));
    // No usage in it.
    let outcome = envoy.exchange(chat(), |_, _| Answer::json(200, "{}"));
    assert_eq!((outcome.status, outcome.noted("cost_usd")), (200, None));
    assert_eq!(envoy.metrics()["pointsman_budget_estimated.budget=team"], 1);
    let spent = envoy.metrics()["pointsman_budget_spent_picodollars.budget=team"];
    // 2000 tokens of an answer at 10 dollars a million, and a short prompt.
    assert!((20_000_000_000..20_100_000_000).contains(&spent), "{spent}");

    let mut envoy = budgeted(json!({}));
    for _ in 0..4 {
        let outcome = envoy.exchange(chat(), |_, _| Answer::json(400, r#"{"error":{"message":"no"}}"#));
        assert_eq!(outcome.status, 400);
    }
    assert_eq!(ask(&mut envoy).status, 200, "nothing was spent");
    assert_eq!(envoy.metrics()["pointsman_budget_spent_picodollars.budget=team"], 300_000_000);
}

#[test]
fn a_host_that_shares_nothing_still_routes() {
    for function in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        let mut envoy = budgeted(json!({}));
        envoy.fail(function);
        for _ in 0..4 {
            assert_eq!(ask(&mut envoy).body, ANSWER.as_bytes(), "{function}");
        }
    }
}
