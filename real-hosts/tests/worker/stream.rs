//! Event streams pass byte for byte as they come, and are counted on the way.

use std::time::Duration;

use pointsman_sim::{Billed, Fault, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    stage::Script,
    until,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{CHAT, Stage, chat, messages, play, streamed};

async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_init(|| {
            let script = Script::new().set("/worker", json!({ "rest_after": 0 }));
            let lanes = ["paced", "leaves", "cut", "early", "packed", "silent"];
            Stage::start(lanes.into_iter().fold(script, |script, name| script.lane(name, 1)))
        })
        .await
}

#[test]
fn events_arrive_as_sent_and_when_sent() {
    play(async {
        let stage = stage().await;
        stage.provider("paced-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(200) });
        let answer = Ask::json(CHAT, &streamed("paced")).send(stage.address()).await;
        let provider = stage.provider("paced-a");
        let sent = until(Duration::from_secs(5), || provider.last().filter(|seen| seen.ended)).await;
        let sent = sent.expect("an answer").sent;
        assert_eq!(String::from_utf8_lossy(&answer.body), String::from_utf8_lossy(&sent), "byte for byte");
        assert!(answer.header("content-type").starts_with("text/event-stream"));
        // Before each gap stands a whole event. One or two gaps may close up where the machine is busy.
        let events = answer.text().matches("\n\n").count();
        let wide =
            answer.pieces.windows(2).filter(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(100));
        let wide: Vec<_> = wide.collect();
        assert!(events >= 5 && wide.len() + 3 >= events, "{} gaps, {events} events", wide.len());
        for pair in wide {
            assert!(pair[0].1.ends_with(b"\n\n"), "{}", String::from_utf8_lossy(&pair[0].1));
        }
    });
}

#[test]
fn a_client_that_leaves_takes_its_request_back() {
    play(async {
        let stage = stage().await;
        stage.provider("leaves-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(300) });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let mut flow = connection.start(Ask::json(CHAT, &streamed("leaves"))).await.expect("an answer");
        for _ in 0..2 {
            assert!(flow.next().await.expect("still running").is_some());
        }
        drop(flow);
        connection.hang_up();
        let over = || stage.provider("leaves-a").last().filter(|seen| seen.ended);
        let seen = until(Duration::from_secs(5), over).await.expect("the provider was told");
        assert!(!seen.finished);
        let line = stage.logged("leaves").await;
        assert_eq!(
            (&line["status"], &line["details"]),
            (&json!(200), &json!("client_disconnected")),
            "{line}"
        );
        assert_eq!(line["output_tokens"], Value::Null, "what nobody reported is not made up: {line}");
    });
}

/// Who leaves before the head: workerd does not say so, and the provider is not cancelled while its head is awaited.
#[test]
fn a_client_that_leaves_before_the_head_is_noticed_with_the_head() {
    play(async {
        let stage = Stage::start(Script::new().lane("gone", 1)).await;
        stage.provider("gone-a").set_fault(Fault::SlowHead(Duration::from_millis(1500)));
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let asking = connection.start(Ask::json(CHAT, &streamed("gone")));
        assert!(tokio::time::timeout(Duration::from_millis(500), asking).await.is_err(), "no head yet");
        connection.hang_up();
        let over = || stage.provider("gone-a").last().filter(|seen| seen.ended);
        until(Duration::from_secs(10), over).await.expect("an end");
        let line = stage.logged("gone").await;
        assert_eq!(
            (&line["status"], &line["details"]),
            (&json!(200), &json!("client_disconnected")),
            "{line}"
        );
        assert!(line["duration_ms"].as_u64() >= Some(1400), "not before the head: {line}");
    });
}

#[test]
fn a_stream_that_breaks_off_breaks_off_for_the_client_too() {
    play(async {
        let stage = stage().await;
        stage.provider("cut-a").set_fault(Fault::CutStream { after_events: 4 });
        let answer = Ask::json(CHAT, &streamed("cut")).send(stage.address()).await;
        // The Worker's body breaks, and workerd says so in its log; but its own server writes the last chunk all the same,
        // for a Worker in plain JavaScript too. What tells the client is that the last event is missing.
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text().matches("data: ").count(), 4, "what came, came: {}", answer.text());
        assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
        assert_eq!(stage.counts("cut", 1), [1], "nothing is sent twice");
        let line = stage.logged("cut").await;
        assert_eq!(
            (&line["output_tokens"], &line["details"]),
            (&Value::Null, &json!("upstream_reset")),
            "{line}"
        );

        // The same in good order, but without its end: the client gets what there is.
        stage.provider("early-a").set_fault(Fault::EndEarly { after_events: 4 });
        let answer = Ask::json(CHAT, &streamed("early")).send(stage.address()).await;
        assert_eq!((answer.status, answer.cut), (200, false));
        assert_eq!(answer.text().matches("data: ").count(), 4);
    });
}

#[test]
fn a_stream_that_says_nothing_at_first_is_not_kept_for_ever() {
    play(async {
        let stage = stage().await;
        stage.provider("silent-a").set_fault(Fault::SlowStream { delay: Duration::from_secs(3) });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let began = std::time::Instant::now();
        let mut flow = connection.start(Ask::json(CHAT, &streamed("silent"))).await.expect("an answer");
        assert!(began.elapsed() < Duration::from_millis(2900), "the head after {:?}", began.elapsed());
        let first = flow.next().await.expect("still running").expect("an event");
        assert!(first.starts_with(b"data: "), "nothing is lost");
    });
}

#[test]
fn a_compressed_answer_passes_and_is_not_guessed_at() {
    play(async {
        let stage = stage().await;
        stage.provider("packed-a").set_fault(Fault::Compressed);
        for stream in [false, true] {
            let mut body = chat("packed", "hi");
            body["stream"] = json!(stream);
            let answer = Ask::json(CHAT, &body).header("accept-encoding", "gzip").send(stage.address()).await;
            assert_eq!(answer.header("content-encoding"), "gzip");
            let mut plain = String::new();
            let mut decoder = flate2::read::GzDecoder::new(answer.body.as_slice());
            std::io::Read::read_to_string(&mut decoder, &mut plain).expect("gzip, whole");
            assert!(plain.contains("model-a"), "{plain}");
            let seen = stage.provider("packed-a").last().expect("a request");
            assert_eq!(seen.header("accept-encoding"), Some("identity"), "it was asked not to");
        }
    });
}

/// A client that does not read: the others are not held up by it, and in the end it gets everything.
#[test]
fn a_slow_client_holds_up_nobody_and_loses_nothing() {
    play(async {
        let text = "x".repeat(3_000_000);
        let body = format!(
            "{{\"choices\":[{{\"message\":{{\"content\":\"{text}\"}}}}],\"usage\":{{\"prompt_tokens\":5,\"completion_tokens\":7}}}}"
        );
        let script = Script::new().lane("slow", 1).lane("quick", 1);
        let stage = Stage::start(script).await;
        stage.provider("slow-a").set_fault(Fault::Raw {
            status: 200,
            content_type: "application/json".to_owned(),
            body: body.clone(),
        });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let flow = connection.start(Ask::json(CHAT, &chat("slow", "hi"))).await.expect("an answer");
        tokio::time::sleep(Duration::from_secs(2)).await;
        for _ in 0..5 {
            let answer = Ask::json(CHAT, &chat("quick", "hi")).send(stage.address()).await;
            assert_eq!(answer.status, 200);
        }
        let answer = flow.finish().await;
        assert!(
            !answer.cut && answer.body == body.as_bytes(),
            "{} of {} bytes",
            answer.body.len(),
            body.len()
        );
        let line = stage.logged("slow").await;
        assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(5), &json!(7)), "{line}");
    });
}

/// Usage is counted whatever the pieces, and the bill is the provider's own; the data point says the same.
#[test]
fn receipts_are_what_the_providers_billed() {
    play(async {
        let fragmented = |options: &mut pointsman_sim::Options| options.speed.fragment = Some(37);
        let script = Script::new()
            .provider_with("anthropic", Vendor::Anthropic, fragmented)
            .provider_with("openai", Vendor::OpenAi, fragmented)
            .provider_with("minimax", Vendor::MiniMax, fragmented)
            .set("/stream_usage", json!(true))
            .alias("m-anthropic", &["anthropic/claude-opus-4-6"])
            .alias("m-openai", &["openai/gpt-5.4-mini"])
            .alias("m-minimax", &["minimax/MiniMax-M3"]);
        let stage = Stage::start_with(script, |site| site.analytics = true).await;
        let long = "The same preamble again and again. ".repeat(1000);
        let mut sent: Vec<(&str, &str, bool, Billed)> = Vec::new();
        for (provider, path) in [
            ("anthropic", "/v1/messages"),
            ("openai", CHAT),
            ("openai", "/v1/responses"),
            ("minimax", CHAT),
            ("minimax", "/v1/messages"),
        ] {
            for stream in [false, true] {
                let alias = format!("m-{provider}");
                let mut body = match path {
                    "/v1/messages" => messages(&alias, &long),
                    "/v1/responses" => json!({ "model": alias, "input": long }),
                    _ => chat(&alias, &long),
                };
                body["stream"] = json!(stream);
                let answer = Ask::json(path, &body).send(stage.address()).await;
                assert_eq!(answer.status, 200, "{provider} {path} {stream}: {}", answer.text());
                let seen = stage.provider(provider).last().expect("a request");
                sent.push((provider, path, stream, seen.billed.expect("a bill")));
                // One after the other, so that lines and requests have the same order.
                let whole = || (stage.workerd.access_log().len() == sent.len()).then_some(());
                assert!(until(Duration::from_secs(5), whole).await.is_some(), "a line for each");
            }
        }
        let (lines, points) = (stage.workerd.access_log(), stage.workerd.points());
        assert_eq!(points.len(), sent.len(), "a data point for each");
        for (((provider, path, stream, billed), line), point) in sent.iter().zip(&lines).zip(&points) {
            let about = format!("{provider} {path} stream {stream}: {billed:?} became {line} and {point}");
            assert_eq!(line["input_tokens"], billed.prompt(), "{about}");
            assert_eq!(line["output_tokens"], billed.output, "{about}");
            assert_eq!((&line["path"], &line["status"]), (&json!(path), &json!(200)), "{about}");
            assert!(line["cost_usd"].is_string(), "{about}");
            assert_eq!(point["indexes"], json!([format!("m-{provider}")]), "{about}");
            assert_eq!(point["doubles"][0], 200, "{about}");
            assert_eq!(point["doubles"][4], billed.fresh, "{about}");
            assert_eq!(point["doubles"][7], billed.output, "{about}");
        }
        let log = stage.workerd.log();
        assert!(!log.contains("preamble"), "no prompt text");
        assert!(!log.contains("sk-only"), "no key");
    });
}
