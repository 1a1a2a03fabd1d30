//! More than one sample of a request, and what the Worker's data points say of it.

use real_hosts::{
    samples::{self, Host},
    stage::Script,
};
use serde_json::{Value, json};

use crate::{Stage, play};

async fn start(script: Script) -> Stage {
    Stage::start_with(script, |site| site.analytics = true).await
}

async fn stage(name: &str, samples: Value) -> Stage {
    start(samples::script(Script::new(), name, samples)).await
}

fn host<'a>(stage: &'a Stage, log: &'a dyn Fn() -> Vec<Value>) -> Host<'a> {
    Host { address: stage.address(), cast: &stage.cast, log }
}

#[test]
fn a_vote_is_settled_early_and_every_sample_is_on_the_bill() {
    play(async {
        let stage = stage("vote", json!({ "mode": "vote", "min": 3, "max": 7 })).await;
        let sum = samples::votes(host(&stage, &|| stage.workerd.access_log())).await;
        let pico =
            stage.workerd.points().iter().filter_map(|point| point["doubles"][9].as_f64()).sum::<f64>();
        assert_eq!(pico, sum as f64, "the data points' costs");
    });
}

#[test]
fn what_does_not_qualify_is_asked_once() {
    play(async {
        let stage = stage("once", json!({ "mode": "vote" })).await;
        samples::asked_once(host(&stage, &|| stage.workerd.access_log())).await;
    });
}

#[test]
fn a_race_cancels_the_losers_and_bills_them() {
    play(async {
        let stage = stage("race", json!({ "mode": "race", "max": 3 })).await;
        samples::race(host(&stage, &|| stage.workerd.access_log())).await;
    });
}

#[test]
fn a_cascade_goes_up_where_the_answer_does_not_hold() {
    play(async {
        let stage = stage("cascade", json!({ "mode": "cascade" })).await;
        samples::cascade(host(&stage, &|| stage.workerd.access_log())).await;
    });
}

#[test]
fn budgets_are_charged_for_every_sample() {
    play(async {
        let script = samples::script(Script::new(), "paid", json!({ "mode": "vote" }))
            .set("/budgets", json!([{ "name": "all", "usd": 1, "window": "day" }]));
        let stage = start(script).await;
        samples::agreed(host(&stage, &|| stage.workerd.access_log())).await;
        let point = stage.workerd.points().remove(0);
        assert_eq!(
            (&point["blobs"][8], point["doubles"][14].as_f64()),
            (&json!("all"), Some(330e6)),
            "{point}"
        );
    });
}

#[test]
fn the_other_apis_are_sampled_too() {
    play(async {
        let stage = start(samples::script_of_apis(Script::new())).await;
        samples::other_apis(host(&stage, &|| stage.workerd.access_log())).await;
    });
}

#[test]
fn out_of_time_the_best_answer_so_far_is_delivered() {
    play(async {
        let stage = stage("late", json!({ "mode": "vote", "deadline_ms": 1000 })).await;
        samples::out_of_time(host(&stage, &|| stage.workerd.access_log())).await;
    });
}
