//! When a provider fails, the next one answers: with its own model, key, path and length, and no more often than once.

use std::time::{Duration, Instant};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Answer, Ask, Connection, Protocol},
    play,
    stage::{Script, Stage, key_of},
    until,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{chat, messages};

const CHAT: &str = "/v1/chat/completions";

/// One Envoy for all tests that need nothing special. Each has a lane of its own.
async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_init(|| {
            let lanes = [
                ("statuses", 2),
                ("final", 2),
                ("three", 3),
                ("reset", 2),
                ("refused", 2),
                ("all", 3),
                ("one", 1),
                ("two", 2),
                ("sse", 2),
                ("big", 2),
                ("many", 2),
                ("kept", 1),
                ("chunked", 2),
                ("versions", 2),
            ];
            let script = Script::new()
                // Eight megabytes are a picture.
                .set(
                    "/models",
                    json!({
                        "big-a/model-a": { "capabilities": { "images": true } },
                        "big-b/model-b": { "capabilities": { "images": true } },
                    }),
                )
                .provider("anthropic", Vendor::Anthropic)
                .provider("minimax", Vendor::MiniMax)
                .alias("both", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"]);
            lanes.into_iter().fold(script, |script, (name, providers)| script.lane(name, providers)).start()
        })
        .await
}

/// Every request that a lane's provider saw was meant for it.
fn assert_own(stage: &Stage, lane: &str, letter: char) {
    let name = format!("{lane}-{letter}");
    for seen in stage.provider(&name).requests() {
        assert_eq!(seen.model(), format!("model-{letter}"), "{name}");
        assert_eq!(
            seen.header("authorization"),
            Some(format!("Bearer {}", key_of(&name)).as_str()),
            "{name}"
        );
        assert_eq!(seen.path, CHAT, "{name}");
        assert_eq!(seen.authority, stage.provider(&name).addr().to_string(), "{name}");
    }
}

fn counts(stage: &Stage, lane: &str, providers: usize) -> Vec<usize> {
    ('a'..='z')
        .take(providers)
        .map(|letter| stage.provider(&format!("{lane}-{letter}")).requests().len())
        .collect()
}

#[test]
fn statuses_of_the_provider_lead_to_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "statuses");
        for (number, status) in
            [401, 402, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529].into_iter().enumerate()
        {
            stage.provider("statuses-a").set_fault(Fault::Status(status));
            let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "after {status}: {}", answer.text());
            assert_eq!(answer.header("x-pointsman-model"), "statuses-b/model-b", "after {status}");
            assert_eq!(answer.json()["model"], "model-b");
            assert_eq!(counts(stage, lane, 2), [number + 1, number + 1], "after {status}");
        }
        // A provider that asks for patience is not waited for.
        stage.provider("statuses-a").set_fault(Fault::RetryAfter { status: 429, seconds: 30 });
        let began = Instant::now();
        let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200);
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_own(stage, lane, 'a');
        assert_own(stage, lane, 'b');
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
            assert_eq!(counts(stage, lane, 2), [number + 1, 0]);
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
        assert_eq!(counts(stage, lane, 3), [1, 1, 1]);
        for letter in ['a', 'b', 'c'] {
            assert_own(stage, lane, letter);
        }
    });
}

#[test]
fn a_reset_leads_to_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "reset");
        stage.provider("reset-a").set_fault(Fault::Reset);
        for _ in 0..3 {
            let answer = Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(counts(stage, lane, 2), [3, 3]);
        assert_own(stage, lane, 'b');
    });
}

#[test]
fn a_refused_connection_leads_to_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "refused");
        let ask = || Ask::json(CHAT, &chat(lane, "hi")).send(stage.address());
        assert_eq!(ask().await.header("x-pointsman-model"), "refused-a/model-a");
        stage.provider("refused-a").stop().await;
        for _ in 0..3 {
            let answer = ask().await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "refused-b/model-b"));
        }
        stage.provider("refused-a").restart().await.expect("the port is still free");
        let back = ask().await;
        assert_eq!(back.header("x-pointsman-model"), "refused-a/model-a", "back in its place");
        assert_own(stage, lane, 'b');
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
        assert_eq!(counts(stage, "all", 3), [1, 1, 1]);
    });
}

/// The retries that Envoy may make are as many as the longest chain needs. A shorter one must not be walked again.
#[test]
fn a_shorter_chain_makes_no_further_attempts() {
    play(async {
        let stage = stage().await;
        stage.provider("one-a").set_fault(Fault::Status(503));
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        assert_eq!(counts(stage, "one", 1), [1], "exactly one request");
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.json()["error"]["message"], "Overloaded", "{}", answer.text());

        stage.provider("two-a").set_fault(Fault::Status(503));
        stage.provider("two-b").set_fault(Fault::RetryAfter { status: 429, seconds: 7 });
        let answer = Ask::json(CHAT, &chat("two", "hi")).send(stage.address()).await;
        assert_eq!(counts(stage, "two", 2), [1, 1], "each once");
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "7", "the last provider's headers too");
    });
}

#[test]
fn a_stream_that_failed_before_it_began_comes_from_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "sse");
        stage.provider("sse-a").set_fault(Fault::Status(529));
        let mut body = chat(lane, "hi");
        body["stream"] = json!(true);
        for protocol in [Protocol::H1, Protocol::H2] {
            let answer = Ask::json(CHAT, &body).send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.header("content-type").starts_with("text/event-stream"));
            assert!(answer.text().ends_with("data: [DONE]\n\n"));
            assert!(answer.text().contains(r#""model":"model-b""#));
            assert!(!answer.text().contains("model-a"));
        }
        assert_own(stage, lane, 'b');
    });
}

#[test]
fn eight_megabytes_fail_over() {
    play(async {
        let (stage, lane) = (stage().await, "big");
        stage.provider("big-a").set_fault(Fault::Status(503));
        let mut body = chat(lane, "");
        let picture = format!("data:image/png;base64,{}", "iVBORw0K".repeat(1024 * 1024));
        body["messages"][0]["content"] = json!([{ "type": "image_url", "image_url": { "url": picture } }]);
        for (number, (protocol, pieces)) in [
            (Protocol::H1, None),
            (Protocol::H1, Some(100_000)),
            (Protocol::H2, None),
            (Protocol::H2, Some(100_000)),
        ]
        .into_iter()
        .enumerate()
        {
            let ask = Ask::json(CHAT, &body);
            let ask = match pieces {
                Some(size) => ask.in_pieces(size),
                None => ask,
            };
            let answer = ask.send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200, "{protocol:?} {pieces:?}: {}", answer.text());
            assert_eq!(counts(stage, lane, 2), [number + 1, number + 1]);
            let seen = stage.provider("big-b").last().expect("a request");
            let mut expected = body.clone();
            expected["model"] = json!("model-b");
            assert!(
                serde_json::from_slice::<Value>(&seen.body).expect("JSON") == expected,
                "{protocol:?} {pieces:?}"
            );
        }
    });
}

#[test]
fn many_fail_over_at_once() {
    play(async {
        let (stage, lane) = (stage().await, "many");
        stage.provider("many-a").set_fault(Fault::Status(503));
        // Answers that overlap: Envoy's own breaker would let three retries run at a time.
        stage.provider("many-b").set_fault(Fault::SlowHead(Duration::from_millis(300)));
        let mut running = Vec::new();
        for _ in 0..100 {
            running.push(tokio::spawn(Ask::json(CHAT, &chat(lane, "hi")).send(stage.address())));
        }
        for answer in running {
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(counts(stage, lane, 2), [100, 100]);
        assert_own(stage, lane, 'b');
    });
}

#[test]
fn connections_are_used_again() {
    play(async {
        let (stage, lane) = (stage().await, "kept");
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        for _ in 0..5 {
            let answer = connection.send(Ask::json(CHAT, &chat(lane, "hi"))).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let used: Vec<u64> = stage.provider("kept-a").requests().iter().map(|seen| seen.connection).collect();
        assert_eq!(used, [used[0]; 5]);
    });
}

#[test]
fn chunked_bodies_leave_with_a_length() {
    play(async {
        let (stage, lane) = (stage().await, "chunked");
        for (number, size) in [1, 7, 1000].into_iter().enumerate() {
            let fault = if number == 1 { Fault::Status(503) } else { Fault::None };
            stage.provider("chunked-a").set_fault(fault);
            let answer =
                Ask::json(CHAT, &chat(lane, "some text")).in_pieces(size).send(stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        for letter in ['a', 'b'] {
            assert_own(stage, lane, letter);
            for seen in stage.provider(&format!("chunked-{letter}")).requests() {
                assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
                assert_eq!(seen.header("transfer-encoding"), None);
            }
        }
    });
}

#[test]
fn one_http2_connection_carries_many_requests() {
    play(async {
        let (stage, lane) = (stage().await, "versions");
        stage.provider("versions-a").set_fault(Fault::FirstN(3, Box::new(Fault::Status(503))));
        let mut connection = Connection::open(Protocol::H2, stage.address()).await.expect("a connection");
        for number in 0..6 {
            let answer = connection.send(Ask::json(CHAT, &chat(lane, "hi"))).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let expected = if number < 3 { "versions-b/model-b" } else { "versions-a/model-a" };
            assert_eq!(answer.header("x-pointsman-model"), expected);
        }
    });
}

#[test]
fn messages_fail_over_between_vendors() {
    play(async {
        let stage = stage().await;
        stage.provider("anthropic").set_fault(Fault::Status(529));
        let answer = Ask::json("/v1/messages", &messages("both", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-model"), "minimax/MiniMax-M3");
        assert_eq!(answer.json()["type"], "message");
        // A Responses request: only one of the two speaks it.
        let body = json!({ "model": "both", "input": "hi" });
        let answer = Ask::json("/v1/responses", &body).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-model"), "minimax/MiniMax-M3");
        assert_eq!(answer.json()["object"], "response");
    });
}

#[test]
fn a_provider_that_keeps_silent_is_left_behind() {
    play(async {
        let stage = Script::new()
            .lane("hang", 2)
            .lane("silent", 1)
            .lane("stalls", 2)
            .provider("anthropic", Vendor::Anthropic)
            .alias("claude", &["anthropic/claude-opus-4-6"])
            .set("/envoy/first_byte_timeout_ms", json!(1500))
            .set("/envoy/idle_timeout_ms", json!(1500))
            .start()
            .await;
        stage.provider("hang-a").set_fault(Fault::Hang);
        let began = Instant::now();
        let answer = Ask::json(CHAT, &chat("hang", "hi")).send(stage.address()).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-model")),
            (200, "hang-b/model-b"),
            "{}",
            answer.text()
        );
        assert!(began.elapsed() >= Duration::from_millis(1400), "it was given its time");
        assert_own(&stage, "hang", 'b');

        // Nobody is left: an answer all the same, in the client's dialect.
        for (path, body, provider) in [
            (CHAT, chat("silent", "hi"), "silent-a"),
            ("/v1/messages", messages("claude", "hi"), "anthropic"),
        ] {
            stage.provider(provider).set_fault(Fault::Hang);
            let answer = Ask::json(path, &body).send(stage.address()).await;
            assert_eq!(answer.status, 504, "{}", answer.text());
            assert_own_error(&answer, path);
            assert_eq!(stage.provider(provider).requests().len(), 1);
        }

        // Once the head is out there is no way back: the client sees a body that broke off.
        stage.provider("stalls-a").set_fault(Fault::HangAfterHeaders);
        let mut body = chat("stalls", "hi");
        body["stream"] = json!(true);
        let answer = Ask::json(CHAT, &body).send(stage.address()).await;
        assert_eq!((answer.status, answer.cut), (200, true));
        assert_eq!(counts(&stage, "stalls", 2), [1, 0]);
    });
}

#[test]
fn a_provider_that_fails_again_and_again_rests_and_comes_back() {
    play(async {
        let stage = Script::new()
            .lane("auto", 2)
            .set("/envoy/rest_after", json!(2))
            .set("/envoy/rest_ms", json!(2000))
            .start()
            .await;
        let ask = || Ask::json(CHAT, &chat("auto", "hi")).send(stage.address());
        stage.provider("auto-a").set_fault(Fault::FirstN(2, Box::new(Fault::Status(503))));
        for _ in 0..5 {
            assert_eq!(ask().await.status, 200);
        }
        assert_eq!(counts(&stage, "auto", 2), [2, 5], "at rest after two failures");
        let end = Instant::now() + Duration::from_secs(15);
        while ask().await.header("x-pointsman-model") != "auto-a/model-a" {
            assert!(Instant::now() < end, "it never came back");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_own(&stage, "auto", 'a');
        assert_own(&stage, "auto", 'b');
    });
}

#[test]
fn bodies_above_the_bound_are_refused_in_the_clients_dialect() {
    play(async {
        let stage = Script::new()
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .set("/envoy/max_body", json!(100_000))
            .start()
            .await;
        let text = "word ".repeat(40_000);
        let bodies = [
            (CHAT, chat("auto", &text)),
            ("/v1/messages", messages("auto", &text)),
            ("/v1/responses", json!({ "model": "auto", "input": text })),
        ];
        for (path, body) in &bodies {
            for protocol in [Protocol::H1, Protocol::H2] {
                for pieces in [None, Some(10_000)] {
                    let ask = Ask::json(path, body);
                    let ask = match pieces {
                        Some(size) => ask.in_pieces(size),
                        None => ask,
                    };
                    let answer = ask.send_by(protocol, stage.address()).await;
                    assert_eq!(answer.status, 413, "{path} {protocol:?} {pieces:?}: {}", answer.text());
                    assert_own_error(&answer, path);
                    if *path == "/v1/messages" {
                        assert_eq!(
                            answer.json()["error"]["type"],
                            "request_too_large",
                            "{protocol:?} {pieces:?}: {}",
                            answer.text()
                        );
                    }
                    let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                    assert!(message.contains("100000 bytes"), "{path} {protocol:?} {pieces:?}: {message}");
                }
            }
        }
        assert!(stage.provider("minimax").requests().is_empty());
        // Just below the bound it passes.
        let fits = chat("auto", &"word ".repeat(19_000));
        for protocol in [Protocol::H1, Protocol::H2] {
            let answer = Ask::json(CHAT, &fits).in_pieces(5000).send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
}

#[test]
fn with_nobody_there_the_error_is_in_the_clients_dialect() {
    play(async {
        let stage = Script::new()
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .start()
            .await;
        stage.provider("minimax").stop().await;
        for (path, body) in [
            (CHAT, chat("auto", "hi")),
            ("/v1/messages", messages("auto", "hi")),
            ("/v1/responses", json!({ "model": "auto", "input": "hi" })),
        ] {
            let answer = Ask::json(path, &body).send(stage.address()).await;
            assert_eq!(answer.status, 503, "{path}: {}", answer.text());
            assert_own_error(&answer, path);
        }
        let attempts = || stage.envoy.access_log().len().ge(&3).then_some(());
        assert!(until(Duration::from_secs(5), attempts).await.is_some(), "each stands in the access log");
    });
}

/// An error that an SDK of this dialect can read.
fn assert_own_error(answer: &Answer, path: &str) {
    assert!(answer.header("content-type").starts_with("application/json"), "{path}: {:?}", answer.headers);
    let error = answer.json();
    assert!(error["error"]["message"].is_string(), "{path}: {}", answer.text());
    assert!(error["error"]["type"].is_string(), "{path}: {}", answer.text());
    if path == "/v1/messages" {
        assert_eq!(error["type"], "error", "{path}: {}", answer.text());
    } else {
        assert!(error["error"]["code"].is_string(), "{path}: {}", answer.text());
    }
}
