//! More than one sample of a request, and what the gateway's counters say of it.

use std::time::Duration;

use pointsman_sim::Fault;
use real_hosts::{
    client::Ask,
    local::Local,
    play,
    samples::{self, Host, QUESTION},
    stage::Script,
};
use serde_json::{Value, json};

use crate::{CHAT, chat, start};

async fn stage(name: &str, samples: Value) -> Local {
    start(samples::script(Script::serving(), name, samples)).await
}

/// The same with a budget for all.
async fn paid(name: &str) -> Local {
    let script = samples::script(Script::serving(), name, json!({ "mode": "vote" }));
    start(script.set("/budgets", json!([{ "name": "all", "usd": 1, "window": "day" }]))).await
}

fn host<'a>(stage: &'a Local, log: &'a dyn Fn() -> Vec<Value>) -> Host<'a> {
    Host { address: stage.address(), cast: &stage.cast, log }
}

/// A counter's value.
fn counter(stage: &Local, series: &str) -> u64 {
    let page = stage.gateway.prometheus().expect("the page");
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    line.unwrap_or_else(|| panic!("{series} is not in\n{page}"))
}

#[test]
fn a_vote_is_settled_early_and_every_sample_is_on_the_bill() {
    play(async {
        let stage = stage("vote", json!({ "mode": "vote", "min": 3, "max": 7 })).await;
        let sum = samples::votes(host(&stage, &|| stage.gateway.access_log())).await;
        assert_eq!(counter(&stage, "pointsman_cost_picodollars{target=\"vote-a/model-a\"}"), sum);
        assert_eq!(counter(&stage, "pointsman_samples{mode=\"vote\",fate=\"delivered\"}"), 4);
        assert_eq!(counter(&stage, "pointsman_samples{mode=\"vote\",fate=\"beside\"}"), 3 + 5 + 4 + 7 - 4);
    });
}

#[test]
fn what_does_not_qualify_is_asked_once() {
    play(async {
        let stage = stage("once", json!({ "mode": "vote" })).await;
        samples::asked_once(host(&stage, &|| stage.gateway.access_log())).await;
    });
}

#[test]
fn a_race_cancels_the_losers_and_bills_them() {
    play(async {
        let stage = stage("race", json!({ "mode": "race", "max": 3 })).await;
        let cancelled = samples::race(host(&stage, &|| stage.gateway.access_log())).await;
        assert_eq!(counter(&stage, "pointsman_samples{mode=\"race\",fate=\"cancelled\"}"), cancelled as u64);
    });
}

#[test]
fn a_cascade_goes_up_where_the_answer_does_not_hold() {
    play(async {
        let stage = stage("cascade", json!({ "mode": "cascade" })).await;
        samples::cascade(host(&stage, &|| stage.gateway.access_log())).await;
    });
}

#[test]
fn budgets_are_charged_for_every_sample() {
    play(async {
        let stage = paid("paid").await;
        samples::agreed(host(&stage, &|| stage.gateway.access_log())).await;
        assert_eq!(counter(&stage, "pointsman_budget_spent_picodollars{budget=\"all\"}"), 330_000_000);
    });
}

#[test]
fn the_other_apis_are_sampled_too() {
    play(async {
        let stage = start(samples::script_of_apis(Script::serving())).await;
        samples::other_apis(host(&stage, &|| stage.gateway.access_log())).await;
    });
}

#[test]
fn who_leaves_cancels_the_samples_and_pays_for_what_they_may_have_cost() {
    play(async {
        let stage = paid("left").await;
        stage.provider("left-a").set_fault(Fault::Hang);
        let ask = Ask::json(CHAT, &chat("left", QUESTION)).send(stage.address());
        assert!(tokio::time::timeout(Duration::from_secs(1), ask).await.is_err(), "it hangs");
        let log = || stage.gateway.access_log();
        let host = host(&stage, &log);
        let line = host.line(1).await;
        assert_eq!((&line["details"], &line["status"]), (&json!("client_disconnected"), &json!(0)));
        assert_eq!((host.asks("left"), &line["cost_usd"]), ((3, 0), &Value::Null));
        assert_eq!(counter(&stage, "pointsman_budget_estimated{budget=\"all\"}"), 1);
        let spent = counter(&stage, "pointsman_budget_spent_picodollars{budget=\"all\"}");
        // Three times 2000 tokens and a short prompt, at a dollar a million.
        assert!((6_000_000_000..6_300_000_000).contains(&spent), "{spent}");
    });
}

#[test]
fn out_of_time_the_best_answer_so_far_is_delivered() {
    play(async {
        let stage = stage("late", json!({ "mode": "vote", "deadline_ms": 1000 })).await;
        samples::out_of_time(host(&stage, &|| stage.gateway.access_log())).await;
    });
}
