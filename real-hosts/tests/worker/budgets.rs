//! Budgets of one isolate: charged by the receipt, refused in each API with the time of their end.

use pointsman_sim::Vendor;
use real_hosts::{client::Ask, stage::Script};
use serde_json::json;

use crate::{CHAT, Stage, chat, messages, play, streamed};

#[test]
fn a_spent_budget_is_refused_in_each_api_and_near_its_end_the_top_is_closed() {
    play(async {
        let ladder = json!({ "tiers": [
            { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
            { "name": "top", "targets": ["minimax/MiniMax-M3"] },
        ], "thresholds": [1000], "default_tier": "cheap" });
        let script = Script::new()
            .provider("minimax", Vendor::MiniMax)
            .set("/ladders/auto", ladder)
            .set("/aliases/poor", json!("auto"))
            .set("/aliases/rich", json!("auto"))
            .set("/override", json!(["tier"]))
            .set(
                "/budgets",
                json!([
                    { "name": "little", "alias": "poor", "usd": 0.000001, "window": "day" },
                    { "name": "much", "alias": "rich", "usd": 1000, "window": "month", "near": 0 },
                ]),
            );
        let stage = Stage::start(script).await;
        let mut body = streamed("poor");
        body["stream_options"] = json!({ "include_usage": true });
        let first = Ask::json(CHAT, &body).send(stage.address()).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let line = stage.logged("poor").await;
        assert!(line["cost_usd"].is_string(), "{line}");
        let responses = json!({ "model": "poor", "input": "hi" });
        let asks = [
            (CHAT, chat("poor", "hi")),
            ("/v1/messages", messages("poor", "hi")),
            ("/v1/responses", responses),
        ];
        for (path, body) in asks {
            let answer = Ask::json(path, &body).send(stage.address()).await;
            let text = answer.text();
            assert_eq!(answer.status, 429, "{path}: {text}");
            let wait: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!((1..=86_400).contains(&wait), "{path}: {wait}");
            assert_eq!(answer.header("x-should-retry"), "false", "{path}");
            assert!(text.contains("the budget `little` of $0.000001 a day is spent"), "{path}: {text}");
            let error = answer.json();
            let anthropic = path == "/v1/messages";
            assert_eq!(error["type"] == "error", anthropic, "{path}: {text}");
            let code = if anthropic { &error["code"] } else { &error["error"]["code"] };
            assert_eq!(code, "pointsman_budget", "{path}: {text}");
        }
        assert_eq!(stage.provider("minimax").requests().len(), 1);

        let top = Ask::json(CHAT, &chat("rich", "hi")).header("x-pointsman-tier", "top");
        let answer = top.send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-tier")), (200, "cheap"), "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-reason"), "budget much is nearly spent, the top is closed");
    });
}
