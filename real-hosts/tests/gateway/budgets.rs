//! Budgets: charged exactly, refused with the time of their end, kept across a restart.

use std::time::Duration;

use live::gateway::Gateway;
use pointsman_sim::Fault;
use real_hosts::{
    client::{Ask, Protocol},
    local::Local,
    money, play,
    stage::Script,
    until,
};
use serde_json::{Value, json};

use crate::{CHAT, assert_own_error, chat, in_each_api, start};

const TOKENS: [(&str, &str); 2] = [("ada", "pm-of-ada-0123456789"), ("bob", "pm-of-bob-0123456789")];

/// The stage with callers of its own.
fn script(budgets: Value) -> Script {
    let callers: Value = TOKENS
        .iter()
        .map(|(name, token)| ((*name).to_owned(), json!(pointsman_cli::token::digest(token))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    money::script(Script::serving(), budgets).set("/callers", callers)
}

fn of(token: usize, path: &str, body: &Value) -> Ask {
    Ask::json(path, body).header("authorization", format!("Bearer {}", TOKENS[token].1))
}

/// What a counter says, all labels together that hold this text.
fn counter(page: &str, name: &str, label: &str) -> u64 {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

/// Lines of the log, once there are so many.
async fn lines(stage: &Local, count: usize) -> Vec<Value> {
    let whole = || Some(stage.gateway.access_log()).filter(|lines| lines.len() >= count);
    until(Duration::from_secs(10), whole).await.expect("a line for each")
}

#[test]
fn a_spent_budget_is_refused_in_each_api_with_the_time_of_its_end() {
    play(async {
        let budgets = json!([{ "name": "each", "usd": 0.000001, "window": "day", "per": "caller" }]);
        let stage = start(script(budgets)).await;
        let first = of(0, CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let cost = money::cost(&lines(&stage, 1).await[0]);
        for (path, body) in in_each_api("auto", "hi") {
            for protocol in [Protocol::H1, Protocol::H2] {
                let answer = of(0, path, &body).send_by(protocol, stage.address()).await;
                assert_eq!(answer.status, 429, "{path}: {}", answer.text());
                assert_own_error(&answer, path);
                assert!(
                    answer.text().contains("the budget `each` of $0.000001 a day is spent"),
                    "{}",
                    answer.text()
                );
                assert!(answer.text().contains(" 00:00 UTC, in "), "{}", answer.text());
                let wait: u64 = answer.header("retry-after").parse().expect("seconds");
                assert!((1..=86_400).contains(&wait), "{wait}");
                assert_eq!(answer.header("x-should-retry"), "false");
            }
        }
        let other = of(1, CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(other.status, 200, "each caller has its own: {}", other.text());
        let lines = lines(&stage, 8).await;
        let refused = lines.iter().filter(|line| line["reason"] == "budget each is spent").count();
        assert_eq!(refused, 6, "{lines:?}");
        let spent: u64 = [&lines[0], &lines[7]].into_iter().map(money::cost).sum();
        let page = stage.gateway.prometheus().expect("the page");
        assert_eq!(counter(&page, "pointsman_budget_spent_picodollars", "budget=\"each\""), spent);
        assert_eq!(counter(&page, "pointsman_rejected", "reason=\"budget\""), 6);
        assert_eq!(stage.provider("minimax").requests().len(), 2);
        assert!(cost > 0);
    });
}

#[test]
fn near_its_end_the_top_is_closed_and_then_the_lowest_tier_alone_is_open() {
    play(async {
        let stage = start(script(json!([
            { "name": "team", "usd": 1000, "window": "month", "near": 0 },
        ])))
        .await;
        let top = |body: &Value| of(0, CHAT, body).header("x-pointsman-tier", "top");
        let answer = top(&chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.header("x-pointsman-tier"), "cheap", "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-reason"), "budget team is nearly spent, the top is closed");
        let budgets = json!([{ "name": "team", "usd": 0.000001, "window": "month", "at_limit": "cheapest" }]);
        let mut document = stage.cast.document.clone();
        document["budgets"] = budgets;
        stage.gateway.reload(&document).expect("it is taken up");
        // What was spent under this name stays spent.
        let answer = top(&chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(
            answer.header("x-pointsman-reason"),
            "budget team is spent, the lowest tier alone is open"
        );
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "minimax/MiniMax-M3.1-Flash"));
    });
}

#[test]
fn many_at_once_are_charged_to_the_last_pico_dollar_and_none_slips_through() {
    play(async {
        let stage = start(script(json!([{ "name": "all", "usd": 1, "window": "day" }]))).await;
        let address = stage.address();
        let asks = (0..40).map(|number| {
            let ask = of(number % 2, CHAT, &chat("auto", &format!("number {number}")));
            async move { ask.send(address).await.status }
        });
        let statuses = futures_of(asks).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let sum: u64 = lines(&stage, 40).await.iter().map(money::cost).sum();
        let page = stage.gateway.prometheus().expect("the page");
        assert_eq!(counter(&page, "pointsman_budget_spent_picodollars", "all"), sum);
        // One at a time where the money is for one: the promise to the first keeps the others out.
        let mut document = stage.cast.document.clone();
        document["budgets"] = json!([{ "name": "one", "usd": 0.000001, "window": "day" }]);
        stage.gateway.reload(&document).expect("it is taken up");
        stage.provider("minimax").set_fault(Fault::SlowHead(Duration::from_millis(500)));
        let asks = (0..10).map(|number| {
            let ask = of(number % 2, CHAT, &chat("auto", "hi"));
            async move { ask.send(address).await.status }
        });
        let statuses = futures_of(asks).await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 9, "{statuses:?}");
    });
}

/// All at once.
async fn futures_of<F: Future<Output = u16> + Send + 'static>(asks: impl Iterator<Item = F>) -> Vec<u16> {
    let tasks: Vec<_> = asks.map(tokio::spawn).collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.expect("an answer"));
    }
    statuses
}

#[test]
fn what_is_spent_outlives_a_restart() {
    play(async {
        let folder = live::folder::Folder::new("budgets").expect("a folder");
        let file = folder.path().join("spent.json");
        let budgets = json!([{ "name": "all", "usd": 0.000001, "window": "month" }]);
        let (cast, _) = script(budgets).set("/serve/budget_file", json!(file)).cast().await;
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_gateway"));
        for (round, status) in [200, 429, 429].into_iter().enumerate() {
            let mut gateway =
                Gateway::start(binary, &cast.document, &cast.keys).unwrap_or_else(|why| panic!("{why}"));
            let answer = of(0, CHAT, &chat("auto", "hi")).send(gateway.address()).await;
            assert_eq!(answer.status, status, "{round}: {}", answer.text());
            gateway.signal("TERM").expect("it is told");
            assert!(gateway.wait(Duration::from_secs(10)).expect("it ends"), "{}", gateway.log());
        }
        let page: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
        assert_eq!((&page["version"], page["purses"].as_array().map(Vec::len)), (&json!(1), Some(1)));
        // A file that says something else is not taken for "nothing spent".
        std::fs::write(&file, "{}").expect("it is written");
        let failure = Gateway::start(binary, &cast.document, &cast.keys).expect_err("it must not start");
        assert!(failure.to_string().contains("/serve/budget_file"), "{failure}");
    });
}
