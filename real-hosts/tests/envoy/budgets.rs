//! Budgets across the workers of one Envoy.

use std::time::Duration;

use live::envoy::{Envoy, Options};
use real_hosts::{client::Ask, money, play, stage::Script, until};
use serde_json::json;

use crate::{chat, samples};

#[test]
fn two_workers_spend_the_same_money_and_say_when_it_comes_again() {
    play(async {
        let budgets = json!([{ "name": "all", "usd": 100, "window": "day", "near": 0 }]);
        let script = money::script(Script::new(), budgets);
        let (cast, options) = script.cast().await;
        let options = Options { concurrency: 2, ..options };
        let envoy = Envoy::start(&cast.document, &cast.keys, &options).unwrap_or_else(|why| panic!("{why}"));
        // Connections of their own, so that both workers get some.
        let address = envoy.address();
        let tasks: Vec<_> = (0..60)
            .map(|number| {
                let ask = Ask::json("/v1/chat/completions", &chat("auto", &format!("number {number}")));
                tokio::spawn(async move { ask.header("x-pointsman-tier", "top").send(address).await })
            })
            .collect();
        for task in tasks {
            let answer = task.await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-pointsman-reason"), "budget all is nearly spent, the top is closed");
        }
        let whole = || Some(envoy.access_log()).filter(|lines| lines.len() == 60);
        let lines = until(Duration::from_secs(10), whole).await.expect("a line for each");
        let sum: u64 = lines.iter().map(money::cost).sum();
        let spent = || {
            let page = envoy.prometheus().ok()?;
            let spent = samples(&page, "pointsman_budget_spent_picodollars", &["budget=\"all\""]);
            (spent == sum).then_some(spent)
        };
        assert_eq!(until(Duration::from_secs(10), spent).await, Some(sum));

        // The same name with less money: it is spent in both workers, and a reload does not bring it back.
        let mut document = cast.document.clone();
        document["budgets"] = json!([{ "name": "all", "usd": 0.000001, "window": "day" }]);
        envoy.reload(&document, None).unwrap_or_else(|why| panic!("{why}"));
        for number in 0..20 {
            let ask = Ask::json("/v1/chat/completions", &chat("auto", "hi"));
            let answer = ask.send(address).await;
            assert_eq!(answer.status, 429, "{number}: {}", answer.text());
            assert_eq!(answer.header("x-should-retry"), "false");
            let wait: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!((1..=86_400).contains(&wait), "{wait}");
            assert!(
                answer.text().contains("the budget `all` of $0.000001 a day is spent"),
                "{}",
                answer.text()
            );
        }
        let logged = || envoy.access_log().into_iter().find(|line| line["reason"] == "budget all is spent");
        assert!(until(Duration::from_secs(10), logged).await.is_some());
        assert_eq!(cast.provider("minimax").requests().len(), 60);
    });
}
