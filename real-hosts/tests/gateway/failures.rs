//! The failure table: whatever a provider does before the first byte, the next one answers; after it, the client sees
//! what happened. Nothing is asked for twice.

use std::time::{Duration, Instant};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Answer, Ask, Connection, Protocol},
    local::Local,
    play,
    stage::{Script, key_of},
    until,
};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{CHAT, MESSAGES, assert_own_error, chat, in_each_api, messages, start, streamed};

/// One gateway for all tests that need nothing special. Each has a lane of its own.
async fn stage() -> &'static Local {
    static STAGE: OnceCell<Local> = OnceCell::const_new();
    STAGE
        .get_or_init(|| {
            let lanes = [
                ("statuses", 2),
                ("final", 2),
                ("three", 3),
                ("reset", 2),
                ("refused", 2),
                ("hang", 2),
                ("all", 3),
                ("wait", 2),
                ("paid", 2),
                ("spare", 1),
                ("word", 2),
                ("early", 2),
                ("early-one", 1),
                ("late", 2),
                ("half", 2),
                ("nothing", 2),
                ("stalls", 2),
                ("chunked", 2),
            ];
            let script = Script::serving()
                .set("/serve/first_byte_timeout_ms", json!(3000))
                .set("/serve/idle_timeout_ms", json!(3000))
                .provider("anthropic", Vendor::Anthropic)
                .provider("moonshot", Vendor::Moonshot)
                .provider("openai", Vendor::OpenAi)
                .alias("quota", &["openai/gpt-5.4-mini", "spare-a/model-a"])
                .alias("both", &["anthropic/claude-opus-4-6", "moonshot/kimi-k3"])
                .alias("twice", &["word-a/model-x", "word-a/model-y", "word-b/model-b"]);
            start(lanes.into_iter().fold(script, |script, (name, count)| script.lane(name, count)))
        })
        .await
}

/// Every request that a lane's provider saw was meant for it.
fn assert_own(stage: &Local, lane: &str) {
    for letter in ['a', 'b'] {
        let name = format!("{lane}-{letter}");
        for seen in stage.provider(&name).requests() {
            assert_eq!(seen.model(), format!("model-{letter}"), "{name}");
            let key = format!("Bearer {}", key_of(&name));
            assert_eq!(seen.header("authorization"), Some(key.as_str()), "{name}");
            assert_eq!(seen.authority, stage.provider(&name).addr().to_string(), "{name}");
        }
    }
}

async fn ask(stage: &Local, lane: &str) -> Answer {
    Ask::json(CHAT, &chat(lane, "hi")).send(stage.address()).await
}

async fn ask_for_events(stage: &Local, lane: &str) -> Answer {
    Ask::json(CHAT, &streamed(chat(lane, "tell me a story"))).send(stage.address()).await
}

#[test]
fn statuses_of_the_provider_lead_to_the_next_one() {
    play(async {
        let (stage, lane) = (stage().await, "statuses");
        let statuses = [401, 403, 404, 408, 409, 429, 500, 502, 503, 504, 529];
        for (number, status) in statuses.into_iter().enumerate() {
            stage.provider("statuses-a").set_fault(Fault::Status(status));
            let answer = ask(stage, lane).await;
            assert_eq!(answer.status, 200, "after {status}: {}", answer.text());
            assert_eq!(answer.header("x-pointsman-model"), "statuses-b/model-b", "after {status}");
            assert_eq!(answer.json()["model"], "model-b");
            assert_eq!(stage.counts(lane, 2), [number + 1, number + 1], "after {status}");
        }
        assert_own(stage, lane);
    });
}

#[test]
fn the_clients_own_mistakes_are_final() {
    play(async {
        let (stage, lane) = (stage().await, "final");
        for (number, status) in [400, 413, 422].into_iter().enumerate() {
            stage.provider("final-a").set_fault(Fault::Status(status));
            let answer = ask(stage, lane).await;
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
        let stage = stage().await;
        stage.provider("three-a").set_fault(Fault::Status(429));
        stage.provider("three-b").set_fault(Fault::Status(500));
        let answer = ask(stage, "three").await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "three-c/model-c"));
        assert_eq!(stage.counts("three", 3), [1, 1, 1]);
        assert_eq!(stage.logged("three").await["attempts"], 3);
    });
}

#[test]
fn a_reset_or_a_refused_connection_leads_to_the_next_one() {
    play(async {
        let stage = stage().await;
        stage.provider("reset-a").set_fault(Fault::Reset);
        for _ in 0..3 {
            assert_eq!(ask(stage, "reset").await.status, 200);
        }
        assert_eq!(stage.counts("reset", 2), [3, 3]);
        assert_own(stage, "reset");

        assert_eq!(ask(stage, "refused").await.header("x-pointsman-model"), "refused-a/model-a");
        stage.provider("refused-a").stop().await;
        for _ in 0..3 {
            let answer = ask(stage, "refused").await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "refused-b/model-b"));
        }
        stage.provider("refused-a").restart().await.expect("the port is still free");
        let back = ask(stage, "refused").await;
        assert_eq!(back.header("x-pointsman-model"), "refused-a/model-a", "back in its place");
        assert_own(stage, "refused");
    });
}

#[test]
fn a_provider_that_keeps_silent_is_left_behind() {
    play(async {
        let stage = stage().await;
        stage.provider("hang-a").set_fault(Fault::Hang);
        let began = Instant::now();
        let answer = ask(stage, "hang").await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "hang-b/model-b"));
        assert!(began.elapsed() >= Duration::from_millis(2900), "it was given its time");
        assert_own(stage, "hang");

        // Once the head is out there is no way back: the client sees a body that broke off.
        stage.provider("stalls-a").set_fault(Fault::HangAfterHeaders);
        let answer = ask_for_events(stage, "stalls").await;
        assert_eq!((answer.status, answer.cut), (200, true));
        assert_eq!(stage.counts("stalls", 2), [1, 0]);
        assert_eq!(stage.logged("stalls").await["details"], "upstream_silent");
    });
}

#[test]
fn with_nobody_there_the_error_is_in_the_clients_dialect() {
    play(async {
        let stage = start(
            Script::serving()
                .provider("minimax", Vendor::MiniMax)
                .alias("alone", &["minimax/MiniMax-M3"])
                .set("/serve/first_byte_timeout_ms", json!(700)),
        )
        .await;
        let cases = [
            (Fault::Hang, 504, "pointsman_upstream_timeout"),
            (Fault::Reset, 502, "pointsman_upstream_reset"),
            (Fault::None, 502, "pointsman_upstream_unreachable"),
        ];
        for (fault, status, code) in cases {
            if fault == Fault::None {
                stage.provider("minimax").stop().await;
            }
            stage.provider("minimax").set_fault(fault);
            for (path, body) in in_each_api("alone", "hi") {
                let answer = Ask::json(path, &body).send(stage.address()).await;
                assert_eq!(answer.status, status, "{path}: {}", answer.text());
                assert_own_error(&answer, path);
                let error = answer.json();
                let found = if path == MESSAGES { &error["code"] } else { &error["error"]["code"] };
                assert_eq!(found, code, "{}", answer.text());
            }
        }
        assert_eq!(stage.provider("minimax").requests().len(), 6, "each once");
        let whole = || (stage.gateway.access_log().len() == 9).then_some(());
        assert!(until(Duration::from_secs(10), whole).await.is_some(), "each stands in the log");
    });
}

#[test]
fn a_provider_that_asks_for_patience_is_left_alone() {
    play(async {
        let (stage, lane) = (stage().await, "wait");
        stage.provider("wait-a").set_fault(Fault::RetryAfter { status: 429, seconds: 30 });
        let began = Instant::now();
        for _ in 0..3 {
            let answer = ask(stage, lane).await;
            assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "wait-b/model-b"));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for it");
        assert_eq!(stage.counts(lane, 2), [1, 3], "and nobody asks it again meanwhile");
        // Where all have said so, they are asked all the same, and the last one's words reach the client.
        stage.provider("wait-b").set_fault(Fault::RetryAfter { status: 429, seconds: 7 });
        let answer = ask(stage, lane).await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert!(["7", "30"].contains(&answer.header("retry-after")), "{:?}", answer.headers);
        assert!(!answer.text().contains("pointsman"), "{}", answer.text());
    });
}

#[test]
fn a_key_without_money_is_not_used_again() {
    play(async {
        let stage = stage().await;
        stage.provider("paid-a").set_fault(Fault::Status(402));
        stage.provider("openai").set_fault(Fault::InsufficientQuota429);
        for _ in 0..3 {
            assert_eq!(ask(stage, "paid").await.status, 200);
            assert_eq!(ask(stage, "quota").await.status, 200);
        }
        assert_eq!(stage.counts("paid", 2), [1, 3]);
        assert_eq!(stage.provider("openai").requests().len(), 1, "for want of money, not of patience");
        assert_eq!(stage.counts("spare", 1), [3]);
    });
}

#[test]
fn a_providers_own_word_on_retries_is_obeyed() {
    play(async {
        let stage = stage().await;
        let no = vec![("x-should-retry".to_owned(), "false".to_owned())];
        stage.provider("word-a").set_fault(Fault::StatusWith { status: 500, headers: no });
        let answer = ask(stage, "twice").await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "word-b/model-b"));
        assert_eq!(stage.counts("word", 2), [1, 1], "its second model was not asked");
        let yes = vec![("x-should-retry".to_owned(), "true".to_owned())];
        stage.provider("word-a").set_fault(Fault::StatusWith { status: 400, headers: yes });
        let answer = ask(stage, "word").await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "word-b/model-b"));
    });
}

#[test]
fn when_all_fail_the_last_ones_words_reach_the_client() {
    play(async {
        let stage = stage().await;
        for (letter, status) in [('a', 503), ('b', 429), ('c', 529)] {
            stage.provider(&format!("all-{letter}")).set_fault(Fault::Status(status));
        }
        let answer = ask(stage, "all").await;
        assert_eq!(answer.status, 529, "{}", answer.text());
        assert_eq!(answer.json()["error"]["message"], "Overloaded");
        assert_eq!(stage.counts("all", 3), [1, 1, 1]);
        // The last one is not there at all: then the words of the last one that said something.
        stage.provider("all-c").stop().await;
        let answer = ask(stage, "all").await;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert!(answer.json()["error"]["message"].is_string(), "{}", answer.text());
    });
}

#[test]
fn an_error_in_place_of_a_stream_leads_to_the_next_one() {
    play(async {
        let stage = stage().await;
        for fault in [
            Fault::ErrorInStreamBeforeContent,
            Fault::CutStream { after_events: 0 },
            Fault::EndEarly { after_events: 0 },
        ] {
            stage.provider("early-a").clear();
            stage.provider("early-b").clear();
            stage.provider("early-a").set_fault(fault.clone());
            let answer = ask_for_events(stage, "early").await;
            assert_eq!((answer.status, answer.cut), (200, false), "{fault:?}");
            assert_eq!(answer.header("x-pointsman-model"), "early-b/model-b", "{fault:?}");
            assert!(answer.text().ends_with("data: [DONE]\n\n"), "{fault:?}: {}", answer.text());
            assert!(!answer.text().contains("model-a"), "nothing of the first one's");
            assert_eq!(stage.counts("early", 2), [1, 1], "{fault:?}");
            let sent = stage.provider("early-b").last().expect("a request").sent;
            assert_eq!(answer.body, sent, "byte for byte");
        }
        // In another API, where the stream begins with an announcement.
        stage.provider("anthropic").set_fault(Fault::ErrorInStreamBeforeContent);
        let ask = Ask::json(MESSAGES, &streamed(messages("both", "tell me a story")));
        let answer = ask.send(stage.address()).await;
        assert_eq!(answer.header("x-pointsman-model"), "moonshot/kimi-k3", "{}", answer.text());
        assert!(answer.text().contains("message_stop"), "{}", answer.text());
        // Nobody else is left: the provider's own words.
        stage.provider("early-one-a").set_fault(Fault::ErrorInStreamBeforeContent);
        let answer = ask_for_events(stage, "early-one").await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("\"error\""), "{}", answer.text());
        assert_eq!(stage.counts("early-one", 1), [1]);
    });
}

#[test]
fn what_happens_after_the_first_byte_is_the_clients_to_see() {
    play(async {
        let stage = stage().await;
        stage.provider("late-a").set_fault(Fault::ErrorInStreamAfterContent);
        let answer = ask_for_events(stage, "late").await;
        assert_eq!((answer.status, answer.cut), (200, false));
        assert!(answer.text().contains("\"error\"") && answer.text().contains("\"content\""));
        assert_eq!(answer.body, stage.provider("late-a").last().expect("a request").sent, "byte for byte");
        assert_eq!(stage.counts("late", 2), [1, 0], "nothing is asked for twice");

        for protocol in [Protocol::H1, Protocol::H2] {
            stage.provider("half-a").clear();
            stage.provider("half-a").set_fault(Fault::CutStream { after_events: 6 });
            let ask = Ask::json(CHAT, &streamed(chat("half", "tell me a story")));
            let answer = ask.send_by(protocol, stage.address()).await;
            assert_eq!((answer.status, answer.cut), (200, true), "{protocol:?}: half is not sold as whole");
            assert_eq!(
                answer.body,
                stage.provider("half-a").last().expect("a request").sent,
                "what came, came"
            );
            assert_eq!(stage.counts("half", 2), [1, 0]);
            assert_eq!(stage.logged("half").await["details"], "upstream_reset");
        }
        // A whole answer that breaks off.
        let answer = ask(stage, "half").await;
        assert_eq!((answer.status, answer.cut), (200, true));
        assert_eq!(stage.counts("half", 2), [2, 0]);
    });
}

#[test]
fn a_provider_that_fails_again_and_again_rests_and_comes_back() {
    play(async {
        let script = Script::serving().lane("auto", 2);
        let script = script.set("/serve/rest_after", json!(2)).set("/serve/rest_ms", json!(1500));
        let stage = start(script).await;
        stage.provider("auto-a").set_fault(Fault::FirstN(2, Box::new(Fault::Status(503))));
        for _ in 0..5 {
            assert_eq!(ask(&stage, "auto").await.status, 200);
        }
        assert_eq!(stage.counts("auto", 2), [2, 5], "at rest after two failures");
        assert!(
            stage.gateway.prometheus().expect("the page").contains("pointsman_resting{name=\"auto-a\"} 1")
        );
        let end = Instant::now() + Duration::from_secs(15);
        while ask(&stage, "auto").await.header("x-pointsman-model") != "auto-a/model-a" {
            assert!(Instant::now() < end, "it never came back");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn bodies_above_the_bound_are_refused_in_the_clients_dialect() {
    play(async {
        let script = Script::serving().provider("minimax", Vendor::MiniMax);
        let script = script.alias("auto", &["minimax/MiniMax-M3"]).set("/serve/max_body", json!(100_000));
        let stage = start(script).await;
        for (path, body) in in_each_api("auto", &"word ".repeat(40_000)) {
            for protocol in [Protocol::H1, Protocol::H2] {
                for pieces in [None, Some(10_000)] {
                    let ask = Ask::json(path, &body);
                    let ask = if let Some(size) = pieces { ask.in_pieces(size) } else { ask };
                    let answer = ask.send_by(protocol, stage.address()).await;
                    assert_eq!(answer.status, 413, "{path} {protocol:?} {pieces:?}: {}", answer.text());
                    assert_own_error(&answer, path);
                    let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                    assert!(message.contains("100000 bytes"), "{path} {protocol:?} {pieces:?}: {message}");
                }
            }
        }
        assert!(stage.provider("minimax").requests().is_empty());
        // Just below the bound it passes, on a connection that was refused before.
        let fits = chat("auto", &"word ".repeat(19_000));
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let large = Ask::json(CHAT, &chat("auto", &"word ".repeat(40_000)));
            assert_eq!(connection.send(large).await.expect("an answer").status, 413);
            let answer = connection.send(Ask::json(CHAT, &fits).in_pieces(5000)).await.expect("an answer");
            assert_eq!(answer.status, 200, "{protocol:?}: {}", answer.text());
        }
    });
}

#[test]
fn a_body_in_pieces_fails_over_as_well() {
    play(async {
        let (stage, lane) = (stage().await, "chunked");
        stage.provider("chunked-a").set_fault(Fault::Status(503));
        for protocol in [Protocol::H1, Protocol::H2] {
            for size in [1, 7, 4096] {
                let ask = Ask::json(CHAT, &chat(lane, &"word ".repeat(200))).in_pieces(size);
                let answer = ask.send_by(protocol, stage.address()).await;
                assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "chunked-b/model-b"));
            }
        }
        let bodies: Vec<_> =
            stage.provider("chunked-b").requests().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies.len(), 6);
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "the same bytes whatever the pieces");
        assert_own(stage, lane);
    });
}
