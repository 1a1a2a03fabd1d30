//! When a provider fails before the first byte, the next one answers: with its own model and key, and no more often than
//! once. What the client gets is in its own dialect.

use std::time::{Duration, Instant};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::Ask,
    stage::{Script, key_of},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{CHAT, Stage, chat, messages, play, streamed};

/// One workerd for all tests that need nothing special. Each has a lane of its own.
async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    let lanes = [
        ("statuses", 2),
        ("final", 2),
        ("three", 3),
        ("reset", 2),
        ("refused", 2),
        ("wait", 2),
        ("unpaid", 2),
        ("before", 2),
        ("breaks", 2),
        ("lone", 1),
        ("after", 2),
        ("all", 3),
        ("one", 1),
        ("gone", 2),
        ("big", 2),
        ("many", 2),
    ];
    STAGE
        .get_or_init(|| {
            let script = Script::new()
                // Where nothing else is said, no provider is put to rest: faults are the tests' own.
                .set("/worker", json!({ "rest_after": 0, "max_body": 9_000_000 }))
                .set(
                    "/models",
                    json!({
                        "big-a/model-a": { "capabilities": { "images": true } },
                        "big-b/model-b": { "capabilities": { "images": true } },
                    }),
                )
                .provider("anthropic", Vendor::Anthropic)
                .provider("minimax", Vendor::MiniMax)
                .provider("openai", Vendor::OpenAi)
                .alias("quota", &["openai/gpt-5.4-mini", "minimax/MiniMax-M3"])
                .alias("both", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"]);
            Stage::start(lanes.into_iter().fold(script, |script, (name, count)| script.lane(name, count)))
        })
        .await
}

/// Every request that a lane's provider saw was meant for it.
fn assert_own(stage: &Stage, lane: &str, letter: char) {
    let name = format!("{lane}-{letter}");
    for seen in stage.provider(&name).requests() {
        assert_eq!(seen.model(), format!("model-{letter}"), "{name}");
        let key = format!("Bearer {}", key_of(&name));
        assert_eq!(seen.header("authorization"), Some(key.as_str()), "{name}");
        assert_eq!(seen.path, CHAT, "{name}");
        assert_eq!(seen.authority, stage.provider(&name).addr().to_string(), "{name}");
    }
}

#[test]
fn statuses_of_the_provider_lead_to_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "statuses");
        for (number, status) in
            [401, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529].into_iter().enumerate()
        {
            stage.provider("statuses-a").set_fault(Fault::Status(status));
            let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "after {status}: {}", answer.text());
            assert_eq!(answer.header("x-pointsman-model"), "statuses-b/model-b", "after {status}");
            assert_eq!(answer.json()["model"], "model-b");
            assert_eq!(stage.counts(lane, 2), [number + 1, number + 1], "after {status}");
        }
        assert_own(stage, lane, 'a');
        assert_own(stage, lane, 'b');
        assert_eq!(stage.logged(lane).await["attempts"], 2);
    });
}

#[test]
fn the_clients_own_mistakes_are_final() {
    play(async {
        let (stage, lane) = (stage().await, "final");
        for (number, status) in [400, 413, 422].into_iter().enumerate() {
            stage.provider("final-a").set_fault(Fault::Status(status));
            let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
            assert_eq!(answer.status, status);
            // The provider's words, not ours.
            assert!(answer.json()["error"]["message"].is_string(), "{}", answer.text());
            assert!(!answer.text().contains("pointsman"), "{}", answer.text());
            assert_eq!(stage.counts(lane, 2), [number + 1, 0]);
        }
    });
}

#[test]
fn a_chain_of_three_is_walked_to_its_end() {
    play(async {
        let (stage, lane) = (stage().await, "three");
        stage.provider("three-a").set_fault(Fault::Status(429));
        stage.provider("three-b").set_fault(Fault::Status(500));
        let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-model"), "three-c/model-c");
        assert_eq!(stage.counts(lane, 3), [1, 1, 1]);
        for letter in ['a', 'b', 'c'] {
            assert_own(stage, lane, letter);
        }
    });
}

#[test]
fn a_reset_and_a_refused_connection_lead_to_the_next_one() {
    play(async {
        let stage = stage().await;
        stage.provider("reset-a").set_fault(Fault::Reset);
        for _ in 0..3 {
            let answer = Ask::json(CHAT, &chat("reset", "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(stage.counts("reset", 2), [3, 3]);

        let ask = || Ask::json(CHAT, &chat("refused", "hi")).send(stage.address());
        assert_eq!(ask().await.header("x-pointsman-model"), "refused-a/model-a");
        stage.provider("refused-a").stop().await;
        for _ in 0..3 {
            let answer = ask().await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "refused-b/model-b"));
        }
        stage.provider("refused-a").restart().await.expect("the port is still free");
        assert_eq!(ask().await.header("x-pointsman-model"), "refused-a/model-a", "back in its place");
        assert_own(stage, "reset", 'b');
        assert_own(stage, "refused", 'b');
    });
}

#[test]
fn a_head_that_does_not_come_in_time_leads_to_the_next_one() {
    play(async {
        let lane = "hang";
        let script = Script::new().set("/worker", json!({ "first_byte_timeout_ms": 1500 })).lane(lane, 2);
        let stage = Stage::start(script).await;
        stage.provider("hang-a").set_fault(Fault::Hang);
        let began = Instant::now();
        let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "hang-b/model-b"));
        assert!(began.elapsed() >= Duration::from_millis(1400), "{:?}", began.elapsed());
        assert_eq!(stage.counts(lane, 2), [1, 1]);
    });
}

#[test]
fn a_provider_that_asks_for_patience_gets_it_and_is_not_waited_for() {
    play(async {
        let (stage, lane) = (stage().await, "wait");
        stage.provider("wait-a").set_fault(Fault::RetryAfter { status: 429, seconds: 30 });
        let began = Instant::now();
        for number in 1..=3 {
            let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "wait-b/model-b"));
            assert_eq!(stage.counts(lane, 2), [1, number], "asked once");
        }
        assert!(began.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_key_without_money_rests() {
    play(async {
        let stage = stage().await;
        stage.provider("unpaid-a").set_fault(Fault::Status(402));
        for number in 1..=2 {
            let answer = Ask::json(CHAT, &chat("unpaid", "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(stage.counts("unpaid", 2), [1, number]);
        }
        // A 429 that waiting does not cure, in the words of its vendor.
        stage.provider("openai").set_fault(Fault::InsufficientQuota429);
        for _ in 0..2 {
            let answer = Ask::json(CHAT, &chat("quota", "hi")).send(stage.address()).await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "minimax/MiniMax-M3"));
            assert_eq!(stage.provider("openai").requests().len(), 1, "asked once");
        }
    });
}

#[test]
fn an_error_in_place_of_an_answer_leads_to_the_next_one_and_a_later_one_is_the_clients() {
    play(async {
        let stage = stage().await;
        stage.provider("before-a").set_fault(Fault::Raw {
            status: 200,
            content_type: "text/event-stream".to_owned(),
            body: "data: {\"error\":{\"code\":502,\"message\":\"no worker\"}}\n\n".to_owned(),
        });
        let answer = Ask::json(CHAT, &streamed("before")).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "before-b/model-b"));
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        assert!(!answer.text().contains("model-a"), "{}", answer.text());
        assert_eq!(stage.counts("before", 2), [1, 1]);

        stage.provider("after-a").set_fault(Fault::ErrorInStreamAfterContent);
        let answer = Ask::json(CHAT, &streamed("after")).send(stage.address()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(r#""error""#), "{}", answer.text());
        assert!(answer.text().contains(r#""content""#), "after some of the answer: {}", answer.text());
        assert_eq!(stage.counts("after", 2), [1, 0], "nothing is sent twice");
    });
}

#[test]
fn a_stream_that_breaks_before_any_content_leads_to_the_next_one() {
    play(async {
        let stage = stage().await;
        for (number, fault) in [
            Fault::ErrorInStreamBeforeContent,
            Fault::CutStream { after_events: 0 },
            Fault::CutStream { after_events: 1 },
            Fault::EndEarly { after_events: 1 },
        ]
        .into_iter()
        .enumerate()
        {
            let about = format!("{fault:?}");
            stage.provider("breaks-a").set_fault(fault);
            let answer = Ask::json(CHAT, &streamed("breaks")).send(stage.address()).await;
            assert_eq!(answer.header("x-pointsman-model"), "breaks-b/model-b", "{about}: {}", answer.text());
            assert!(answer.text().ends_with("data: [DONE]\n\n"), "{about}: {}", answer.text());
            assert!(!answer.text().contains("model-a"), "{about}: {}", answer.text());
            assert_eq!(stage.counts("breaks", 2), [number + 1, number + 1], "{about}");
        }
        // Nobody else is left: the client is told, in its own dialect.
        stage.provider("lone-a").set_fault(Fault::CutStream { after_events: 1 });
        let answer = Ask::json(CHAT, &streamed("lone")).send(stage.address()).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "pointsman_upstream_reset", "{}", answer.text());
    });
}

#[test]
fn messages_fail_over_between_vendors_before_content_only() {
    play(async {
        let stage = stage().await;
        let mut body = messages("both", "hi");
        body["stream"] = json!(true);
        for fault in [Fault::Status(529), Fault::ErrorInStreamBeforeContent] {
            stage.provider("anthropic").set_fault(fault);
            let answer = Ask::json("/v1/messages", &body).send(stage.address()).await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "minimax/MiniMax-M3"));
            assert_eq!(answer.text().matches("event: message_start").count(), 1, "{}", answer.text());
            let seen = stage.provider("minimax").last().expect("a request");
            assert_eq!(
                seen.header("x-api-key")
                    .or_else(|| seen.header("authorization"))
                    .map(|key| key.contains("minimax")),
                Some(true)
            );
            assert_eq!(seen.refusal, None);
        }
    });
}

#[test]
fn when_all_fail_the_last_ones_words_reach_the_client() {
    play(async {
        let stage = stage().await;
        for (letter, status) in [('a', 503), ('b', 429), ('c', 529)] {
            stage.provider(&format!("all-{letter}")).set_fault(Fault::Status(status));
        }
        let answer = Ask::json(CHAT, &chat("all", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 529, "{}", answer.text());
        assert_eq!(answer.json()["error"]["message"], "Overloaded");
        assert_eq!(stage.counts("all", 3), [1, 1, 1]);

        stage.provider("one-a").set_fault(Fault::RetryAfter { status: 429, seconds: 7 });
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "7"), "its headers too");
        assert_eq!(stage.counts("one", 1), [1], "exactly one request");
    });
}

#[test]
fn where_nobody_is_there_the_client_is_told_in_its_own_dialect() {
    play(async {
        let script = Script::new()
            .set("/worker", json!({ "rest_after": 0 }))
            .provider("anthropic", Vendor::Anthropic)
            .alias("claude", &["anthropic/claude-opus-4-6"])
            .lane("gone", 2);
        let stage = Stage::start(script).await;
        for name in ["anthropic", "gone-a", "gone-b"] {
            stage.provider(name).stop().await;
        }
        let answer = Ask::json(CHAT, &chat("gone", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "server_error", "{}", answer.text());
        let answer = Ask::json("/v1/messages", &messages("claude", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert_eq!(answer.json()["type"], "error", "{}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "api_error", "{}", answer.text());
    });
}

#[test]
fn a_provider_that_keeps_failing_rests() {
    play(async {
        let script =
            Script::new().set("/worker", json!({ "rest_after": 2, "rest_ms": 60_000 })).lane("tired", 2);
        let stage = Stage::start(script).await;
        stage.provider("tired-a").set_fault(Fault::Status(503));
        for _ in 0..5 {
            let answer = Ask::json(CHAT, &chat("tired", "hi")).send(stage.address()).await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "tired-b/model-b"));
        }
        assert_eq!(stage.counts("tired", 2), [2, 5]);
    });
}

#[test]
fn eight_megabytes_fail_over_and_more_than_may_be_is_refused() {
    play(async {
        let (stage, lane) = (stage().await, "big");
        stage.provider("big-a").set_fault(Fault::Status(503));
        let mut body = chat(lane, "");
        let picture = format!("data:image/png;base64,{}", "iVBORw0K".repeat(1024 * 1024));
        body["messages"][0]["content"] = json!([{ "type": "image_url", "image_url": { "url": picture } }]);
        for (number, pieces) in [None, Some(100_000)].into_iter().enumerate() {
            let ask = Ask::json(CHAT, &body);
            let ask = match pieces {
                Some(size) => ask.in_pieces(size),
                None => ask,
            };
            let answer = ask.send(stage.address()).await;
            assert_eq!(answer.status, 200, "{pieces:?}: {}", answer.text());
            assert_eq!(stage.counts(lane, 2), [number + 1, number + 1]);
            let seen = stage.provider("big-b").last().expect("a request");
            let mut expected = body.clone();
            expected["model"] = json!("model-b");
            assert!(serde_json::from_slice::<Value>(&seen.body).expect("JSON") == expected, "{pieces:?}");
        }
        let long = "x".repeat(9_000_000);
        for (path, body, kind) in [
            (CHAT, chat(lane, &long), "invalid_request_error"),
            ("/v1/messages", messages("both", &long), "request_too_large"),
        ] {
            for ask in [Ask::json(path, &body), Ask::json(path, &body).in_pieces(50_000)] {
                let answer = ask.send(stage.address()).await;
                assert_eq!(answer.status, 413, "{}", answer.text());
                assert_eq!(answer.json()["error"]["type"], kind, "{}", answer.text());
            }
        }
        assert_eq!(stage.counts(lane, 2), [2, 2], "nothing was forwarded");
    });
}

#[test]
fn many_fail_over_at_once() {
    play(async {
        let (stage, lane) = (stage().await, "many");
        stage.provider("many-a").set_fault(Fault::Status(503));
        stage.provider("many-b").set_fault(Fault::SlowHead(Duration::from_millis(200)));
        let mut running = Vec::new();
        for _ in 0..100 {
            running.push(tokio::spawn(Ask::json(CHAT, &chat(lane, "hi")).send(stage.address())));
        }
        for answer in running {
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(stage.counts(lane, 2), [100, 100]);
        assert_own(stage, lane, 'b');
    });
}
