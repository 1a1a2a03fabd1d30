//! Budgets in the data that workers share, and in the ledger that a host of the component keeps.

use host_tests::{
    component::{Embedded, routing},
    proxy_wasm::{Answer, Envoy, Outcome},
};
use serde_json::{Value, json};

use crate::setup::{ANSWER, CHAT, answers, chat, document, error_code, unreachable};

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
        one.resume(shared.clone());
        other.resume(shared);
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

#[test]
fn a_host_of_the_component_keeps_the_ledger() {
    let mut document = document();
    document["budgets"] = json!([{ "name": "team", "usd": 0.0009, "window": "day" }]);
    let mut host = Embedded::start(document.to_string().as_bytes()).expect("a configuration");
    let (store, api) = (&mut host.store, host.api.pointsman_router_routing());
    let json = b"content-type: application/json\n".to_vec();
    let head = routing::RequestHead {
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        fields: json.clone(),
    };
    let (ledgers, now) = (api.ledger(), 1_767_225_600);
    let mut ledger = ledgers.call_constructor(&mut *store).expect("no trap");
    for round in 0..5 {
        let routed = api
            .router()
            .call_route_within(&mut *store, host.router, &head, CHAT.as_bytes(), ledger, now)
            .expect("no trap");
        let exchange = match routed {
            routing::Outcome::Forward(exchange) => exchange,
            routing::Outcome::Reject(rejection) => {
                assert_eq!((round, rejection.status, &*rejection.code), (3, 429, "budget"));
                let header = ("retry-after".to_owned(), b"86400".to_vec());
                assert!(rejection.headers.contains(&header), "{:?}", rejection.headers);
                break;
            }
            routing::Outcome::Answer(_) => panic!("a list of models"),
        };
        let head = routing::ResponseHead { status: 200, fields: json.clone() };
        let meter = api.exchange().call_meter(&mut *store, exchange, Some(0), &head).expect("no trap");
        api.meter().call_push(&mut *store, meter, ANSWER.as_bytes()).expect("no trap");
        let receipt = api.meter().call_finish(&mut *store, meter, Some(now)).expect("no trap");
        assert_eq!((receipt.charge, receipt.cost), (300_000_000, Some(300_000_000)));
        for _ in 0..2 {
            // The second one changes nothing.
            let settle = api.exchange().call_settle(&mut *store, exchange, ledger, Some(receipt.charge));
            settle.expect("no trap");
        }
        // The process of the host starts anew.
        let kept = ledgers.call_purses(&mut *store, ledger).expect("no trap");
        assert_eq!(kept.iter().map(|(.., spent)| *spent).sum::<u64>(), (round + 1) * 300_000_000);
        ledger = ledgers.call_constructor(&mut *store).expect("no trap");
        for (key, since, spent) in kept {
            ledgers.call_restore(&mut *store, ledger, key, since, spent).expect("no trap");
        }
    }
}
