//! More than one sample of a request: votes, races, cascades, and the bill of all of them.

use std::time::Duration;

use pointsman_sim::{Fault, Vendor};
use real_hosts::{client::Ask, stage::Script, until};
use serde_json::{Value, json};

use crate::{CHAT, Stage, chat, play};

const QUESTION: &str = "Which one is a prime? A) 4 B) 5 C) 6. Answer with a single letter.";

/// An answer of Chat Completions with so many tokens of each kind: 100 in, 10 out.
fn says(text: &str) -> Fault {
    says_so(text, "stop")
}

fn says_so(text: &str, finish: &str) -> Fault {
    let body = json!({
        "id": "x", "object": "chat.completion", "model": "model",
        "choices": [{ "index": 0, "finish_reason": finish, "message": { "role": "assistant", "content": text } }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 },
    });
    Fault::Raw { status: 200, content_type: "application/json".to_owned(), body: body.to_string() }
}

fn priced(script: Script, name: &str, samples: Value) -> Script {
    let (low, high) = (format!("{name}-a/model-a"), format!("{name}-b/model-b"));
    let script = script.lane(name, 2).set(
        &format!("/ladders/{name}"),
        json!({ "tiers": [
            { "name": "low", "targets": [low], "samples": samples },
            { "name": "high", "targets": [high] },
        ], "thresholds": [1000], "default_tier": "low" }),
    );
    let price = |usd: u64| {
        json!({
            "usd_per_mtok": { "input": usd, "output": usd },
            "capabilities": { "json_schema": true },
        })
    };
    script.set("/models", json!({ low: price(1), high: price(10) }))
}

async fn start(script: Script) -> Stage {
    Stage::start_with(script, |site| site.analytics = true).await
}

async fn stage(name: &str, samples: Value) -> Stage {
    start(priced(Script::new(), name, samples)).await
}

fn asks(stage: &Stage, name: &str) -> (usize, usize) {
    let count = |letter: &str| stage.provider(&format!("{name}-{letter}")).requests().len();
    (count("a"), count("b"))
}

/// The newest line of the log.
async fn line(stage: &Stage, count: usize) -> Value {
    let whole = || Some(stage.workerd.access_log()).filter(|lines| lines.len() >= count);
    until(Duration::from_secs(10), whole).await.expect("a line for each").remove(count - 1)
}

#[test]
fn a_vote_is_settled_early_and_every_sample_is_on_the_bill() {
    play(async {
        let stage = stage("vote", json!({ "mode": "vote", "min": 3, "max": 7 })).await;
        let cases: [(&[&str], &str, usize, &str); 4] = [
            (&["B", "B", "B"], "B", 3, "vote: 3 of 3 agree"),
            (&["B", "A", "B", "B", "B"], "B", 5, "vote: 4 of 5 agree"),
            (&["it is A", "(B)", "**B**", "The answer is: B."], "(B)", 4, "vote: 3 of 4 agree"),
            (&["A", "B", "C", "A", "B", "C", "B"], "B", 7, "vote: 3 of 7 agree"),
        ];
        let mut sum = 0;
        for (number, (answers, delivered, asked, report)) in cases.into_iter().enumerate() {
            let before = asks(&stage, "vote").0;
            // The first three go out at once: whose answer is whose does not matter to the vote.
            let faults = answers.iter().map(|answer| says(answer)).collect();
            stage.provider("vote-a").set_fault(Fault::Sequence(faults));
            let answer = Ask::json(CHAT, &chat("vote", QUESTION)).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let text = answer.json()["choices"][0]["message"]["content"].as_str().expect("a text").to_owned();
            if answers.contains(&"it is A") {
                assert!(text.contains('B'), "{text}");
            } else {
                assert_eq!(text, delivered, "{answers:?}");
            }
            assert_eq!(answer.json()["usage"]["prompt_tokens"], 100, "the delivered one's bytes");
            assert_eq!(answer.header("x-pointsman-samples"), report, "{answers:?}");
            assert_eq!(asks(&stage, "vote").0 - before, asked, "{answers:?}");
            // 110 tokens at a dollar a million, each.
            let cost = format!("{:.6}", 110e-6 * asked as f64);
            assert_eq!(answer.header("x-pointsman-samples-cost"), format!("${}", cost.trim_end_matches('0')));
            let line = line(&stage, number + 1).await;
            assert_eq!(line["cost_usd"], cost.trim_end_matches('0'));
            assert_eq!((&line["attempts"], &line["details"]), (&json!(asked), &json!(report)));
            assert_eq!(line["input_tokens"], 100 * asked);
            sum += 110_000_000 * asked as u64;
        }
        let pico =
            stage.workerd.points().iter().filter_map(|point| point["doubles"][9].as_f64()).sum::<f64>();
        assert_eq!(pico, sum as f64, "the data points' costs");
    });
}

#[test]
fn what_does_not_qualify_is_asked_once() {
    play(async {
        let stage = stage("once", json!({ "mode": "vote" })).await;
        let base = || chat("once", QUESTION);
        let with = |key: &str, value: Value| {
            let mut body = base();
            body[key] = value;
            body
        };
        let tool =
            json!([{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]);
        for (count, body) in [
            with("stream", json!(true)),
            with("tools", tool),
            with("n", json!(2)),
            with("temperature", json!(0)),
            chat("once", "Tell me a story."),
        ]
        .into_iter()
        .enumerate()
        {
            let answer = Ask::json(CHAT, &body).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{body}: {}", answer.text());
            assert_eq!(asks(&stage, "once").0, count + 1, "{body}");
            assert!(answer.headers.get("x-pointsman-samples").is_none(), "{body}");
        }
    });
}

#[test]
fn a_race_cancels_the_losers_and_bills_them() {
    play(async {
        let stage = stage("race", json!({ "mode": "race", "max": 3 })).await;
        stage.provider("race-a").set_fault(Fault::Sequence(vec![Fault::Hang, says("no idea"), says("C")]));
        let answer = Ask::json(CHAT, &chat("race", QUESTION)).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-samples")), (200, "race: the first of 3"));
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "C", "{}", answer.text());
        assert_eq!(asks(&stage, "race"), (3, 0));
        let line = line(&stage, 1).await;
        // What is cancelled may have cost something, and that is said beside what is known. "no idea" wins nothing: it is known
        // where it came before the answer, and else cancelled too.
        let (known, cancelled) = match line["cost_usd"].as_str() {
            Some("0.00022") => ("0.00022", 1),
            Some("0.00011") => ("0.00011", 2),
            _ => panic!("{line}"),
        };
        let cost = answer.header("x-pointsman-samples-cost");
        assert!(cost.starts_with(&format!("${known} and about $")), "{cost}");
        assert!(cost.ends_with(&format!(" for {cancelled} cancelled")), "{cost}");
    });
}

#[test]
fn a_cascade_goes_up_where_the_answer_does_not_hold() {
    play(async {
        let stage = stage("cascade", json!({ "mode": "cascade" })).await;
        let schema = json!({ "type": "object", "required": ["prime"], "additionalProperties": false,
            "properties": { "prime": { "type": "integer" } } });
        let mut body = chat("cascade", "Which of 4, 5 and 6 is a prime?");
        body["response_format"] =
            json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } });
        let good = "{\"prime\": 5}";
        let mut above = 0;
        for (number, (fault, report)) in [
            (says(good), "cascade: the answer holds"),
            (says("{\"prime\": \"five\"}"), "cascade: up, not valid"),
            (says("It is five."), "cascade: up, not valid"),
            (says_so("{\"prime\"", "length"), "cascade: up, cut off"),
            (says_so("", "content_filter"), "cascade: up, refused"),
            (Fault::Status(503), "cascade: up, failed"),
        ]
        .into_iter()
        .enumerate()
        {
            stage.provider("cascade-a").set_fault(fault);
            stage.provider("cascade-b").set_fault(says("{\"prime\": 5 }"));
            let answer = Ask::json(CHAT, &body).send(stage.address()).await;
            assert_eq!(
                (answer.status, answer.header("x-pointsman-samples")),
                (200, report),
                "{}",
                answer.text()
            );
            let raised = report.contains("up");
            above += usize::from(raised);
            let text = answer.json()["choices"][0]["message"]["content"].clone();
            assert_eq!(text, if raised { "{\"prime\": 5 }" } else { good });
            assert_eq!(asks(&stage, "cascade"), (number + 1, above), "{report}");
            let (tier, model) =
                if raised { ("high", "cascade-b/model-b") } else { ("low", "cascade-a/model-a") };
            assert_eq!(answer.header("x-pointsman-model"), model);
            assert_eq!(answer.header("x-pointsman-tier"), tier);
            let cost = match report {
                "cascade: the answer holds" => "0.00011",
                "cascade: up, failed" => "0.0011",
                // Both are paid: 110 tokens at one dollar, 110 at ten.
                _ => "0.00121",
            };
            assert_eq!(line(&stage, number + 1).await["cost_usd"], cost, "{report}");
        }
    });
}

#[test]
fn budgets_are_charged_for_every_sample() {
    play(async {
        let script = priced(Script::new(), "paid", json!({ "mode": "vote" }))
            .set("/budgets", json!([{ "name": "all", "usd": 1, "window": "day" }]));
        let stage = start(script).await;
        stage.provider("paid-a").set_fault(says("A"));
        let answer = Ask::json(CHAT, &chat("paid", QUESTION)).send(stage.address()).await;
        assert_eq!(answer.header("x-pointsman-samples"), "vote: 3 of 3 agree", "{}", answer.text());
        line(&stage, 1).await;
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
        let script = Script::new()
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .set("/ladders/auto/tiers/0/samples", json!({ "mode": "race", "max": 2 }));
        let stage = start(script).await;
        let messages = json!({ "model": "auto", "max_tokens": 256,
            "messages": [{ "role": "user", "content": QUESTION }] });
        for (path, body) in
            [("/v1/messages", messages), ("/v1/responses", json!({ "model": "auto", "input": QUESTION }))]
        {
            let (status, body_of) = match path {
                "/v1/messages" => (
                    200,
                    json!({ "type": "message", "role": "assistant", "stop_reason": "end_turn",
                    "content": [{ "type": "text", "text": "B" }], "usage": { "input_tokens": 9, "output_tokens": 1 } }),
                ),
                _ => (
                    200,
                    json!({ "object": "response", "status": "completed", "output": [{ "type": "message",
                    "content": [{ "type": "output_text", "text": "B" }] }],
                    "usage": { "input_tokens": 9, "output_tokens": 1 } }),
                ),
            };
            let content_type = "application/json".to_owned();
            stage.provider("minimax").set_fault(Fault::Raw {
                status,
                content_type,
                body: body_of.to_string(),
            });
            let answer = Ask::json(path, &body).send(stage.address()).await;
            assert_eq!(
                answer.header("x-pointsman-samples"),
                "race: the first of 2",
                "{path}: {}",
                answer.text()
            );
            assert_eq!(answer.json(), body_of, "{path}");
        }
    });
}

#[test]
fn out_of_time_the_best_answer_so_far_is_delivered() {
    play(async {
        let stage = stage("late", json!({ "mode": "vote", "deadline_ms": 1000 })).await;
        stage.provider("late-a").set_fault(Fault::Sequence(vec![says("B"), Fault::Hang, Fault::Hang]));
        let answer = Ask::json(CHAT, &chat("late", QUESTION)).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-samples")), (200, "vote: 1 of 3 agree"));
        assert!(answer.header("x-pointsman-samples-cost").ends_with(" for 2 cancelled"));
    });
}
