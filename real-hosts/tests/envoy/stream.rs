//! Answers stream past: as they were sent, when they were sent, and counted to the last token.

use std::time::Duration;

use pointsman_sim::{Billed, Fault, Provider, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    stage::{Script, Stage},
    until,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{chat, messages, samples};

const CHAT: &str = "/v1/chat/completions";

async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE
        .get_or_init(|| {
            Script::new()
                .lane("paced", 1)
                .lane("leaves", 1)
                .lane("fails", 1)
                .lane("cut", 1)
                .lane("early", 1)
                .lane("packed", 1)
                .start()
        })
        .await
}

fn streamed(model: &str) -> Value {
    let mut body = chat(model, "tell me a story");
    body["stream"] = json!(true);
    body
}

/// The line of the access log with this alias, once it is there.
async fn logged(stage: &Stage, alias: &str) -> Value {
    let find = || stage.envoy.access_log().into_iter().rev().find(|line| line["alias"] == alias);
    until(Duration::from_secs(10), find).await.unwrap_or_else(|| panic!("no line for {alias}"))
}

/// What the provider itself would answer without anything in between.
async fn direct(provider: &Provider, path: &str, body: &Value, key: (&str, &str)) -> Vec<u8> {
    Ask::json(path, body).header(key.0, key.1).send(provider.addr()).await.body
}

#[test]
fn events_arrive_as_sent_and_when_sent() {
    play(async {
        let stage = stage().await;
        stage.provider("paced-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(150) });
        let mut body = streamed("paced");
        body["max_tokens"] = json!(24);
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let answer = connection.start(Ask::json(CHAT, &body)).await.expect("an answer").finish().await;
            let seen = stage.provider("paced-a").last().expect("a request");
            let key = seen.header("authorization").expect("a key").to_owned();
            let sent = direct(
                stage.provider("paced-a"),
                CHAT,
                &serde_json::from_slice(&seen.body).expect("JSON"),
                ("authorization", &key),
            )
            .await;
            assert_eq!(
                String::from_utf8_lossy(&answer.body),
                String::from_utf8_lossy(&sent),
                "byte for byte"
            );
            assert!(answer.pieces.len() >= 5, "{} pieces", answer.pieces.len());
            // Most gaps are as sent; one or two may close up where the machine is busy.
            let gaps: Vec<Duration> = answer.pieces.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
            let wide = gaps.iter().filter(|gap| **gap >= Duration::from_millis(100)).count();
            assert!(wide + 2 >= gaps.len(), "{protocol:?}: {gaps:?}");
            for (_, piece) in &answer.pieces {
                assert!(piece.ends_with(b"\n\n"), "{protocol:?}: {}", String::from_utf8_lossy(piece));
            }
        }
    });
}

#[test]
fn a_client_that_leaves_takes_its_request_back() {
    play(async {
        let stage = stage().await;
        stage.provider("leaves-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(100) });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let mut flow = connection.start(Ask::json(CHAT, &streamed("leaves"))).await.expect("an answer");
        for _ in 0..2 {
            assert!(flow.next().await.expect("still running").is_some());
        }
        drop(flow);
        connection.hang_up();
        let active = || stage.envoy.stat("cluster.leaves-a.upstream_rq_active").filter(|count| *count == 0);
        assert!(until(Duration::from_secs(5), active).await.is_some(), "the provider's work goes on");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!stage.provider("leaves-a").last().expect("a request").finished, "the provider was told");
        let line = logged(stage, "leaves").await;
        assert_eq!(line["status"], 200);
        assert!(line["flags"].as_str().is_some_and(|flags| flags.contains("DC")), "{line}");
        assert_eq!(line["output_tokens"], Value::Null, "what nobody reported is not made up: {line}");
    });
}

#[test]
fn an_error_within_a_stream_passes_as_it_is() {
    play(async {
        let stage = stage().await;
        stage.provider("fails-a").set_fault(Fault::ErrorInStreamAfterContent);
        let answer = Ask::json(CHAT, &streamed("fails")).send(stage.address()).await;
        assert_eq!((answer.status, answer.cut), (200, false));
        assert!(answer.text().contains(r#""error""#), "{}", answer.text());
        assert!(answer.text().contains(r#""content""#), "after some of the answer: {}", answer.text());
        let line = logged(stage, "fails").await;
        assert_eq!(line["output_tokens"], Value::Null, "{line}");
    });
}

#[test]
fn a_stream_that_breaks_off_breaks_off_for_the_client_too() {
    play(async {
        let stage = stage().await;
        stage.provider("cut-a").set_fault(Fault::CutStream { after_events: 4 });
        let answer = Ask::json(CHAT, &streamed("cut")).send(stage.address()).await;
        assert_eq!((answer.status, answer.cut), (200, true));
        assert_eq!(answer.text().matches("data: ").count(), 4, "what came, came: {}", answer.text());
        let line = logged(stage, "cut").await;
        assert_eq!(line["output_tokens"], Value::Null, "{line}");
        assert_ne!(line["flags"], "-", "{line}");

        // The same in good order, but without its end: the client gets what there is.
        stage.provider("early-a").set_fault(Fault::EndEarly { after_events: 4 });
        let answer = Ask::json(CHAT, &streamed("early")).send(stage.address()).await;
        assert_eq!((answer.status, answer.cut), (200, false));
        assert_eq!(answer.text().matches("data: ").count(), 4);
        assert_eq!(logged(stage, "early").await["output_tokens"], Value::Null);
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
        let line = logged(stage, "packed").await;
        assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&Value::Null, &Value::Null), "{line}");
    });
}

/// Usage is counted whatever the pieces, and the bill is the provider's own: by dialect, streamed and whole, with a
/// prompt cache at work.
#[test]
fn receipts_are_what_the_providers_billed() {
    play(async {
        let fragmented = |options: &mut pointsman_sim::Options| options.speed.fragment = Some(37);
        let stage = Script::new()
            .provider_with("anthropic", Vendor::Anthropic, fragmented)
            .provider_with("openai", Vendor::OpenAi, fragmented)
            .provider_with("minimax", Vendor::MiniMax, fragmented)
            .provider_with("deepseek", Vendor::DeepSeek, fragmented)
            // Asked for usage by the router where the client did not.
            .set("/stream_usage", json!(true))
            .alias("m-anthropic", &["anthropic/claude-opus-4-6"])
            .alias("m-openai", &["openai/gpt-5.4-mini"])
            .alias("m-minimax", &["minimax/MiniMax-M3"])
            .alias("m-deepseek", &["deepseek/deepseek-v4-pro"])
            .start()
            .await;
        let long = "The same preamble again and again. ".repeat(1000);
        let mut sent = Vec::new();
        for (provider, path) in [
            ("anthropic", "/v1/messages"),
            ("anthropic", CHAT),
            ("openai", CHAT),
            ("openai", "/v1/responses"),
            ("minimax", CHAT),
            ("minimax", "/v1/messages"),
            ("minimax", "/v1/responses"),
            ("deepseek", CHAT),
            ("deepseek", "/v1/messages"),
        ] {
            for stream in [false, true] {
                let alias = format!("m-{provider}");
                let mut body = match path {
                    "/v1/messages" => {
                        let mut body = messages(&alias, &long);
                        body["system"] = json!([{ "type": "text", "text": long, "cache_control": { "type": "ephemeral" } }]);
                        body
                    }
                    "/v1/responses" => json!({ "model": alias, "input": long }),
                    _ => chat(&alias, &long),
                };
                body["stream"] = json!(stream);
                let answer = Ask::json(path, &body).send(stage.address()).await;
                assert_eq!(answer.status, 200, "{provider} {path} {stream}: {}", answer.text());
                let seen = stage.provider(provider).last().expect("a request");
                sent.push((provider, path, stream, seen.billed.expect("a bill")));
            }
        }
        let whole = || Some(stage.envoy.access_log()).filter(|lines| lines.len() == sent.len());
        let lines = until(Duration::from_secs(10), whole).await.expect("a line for each");
        let mut wrong = Vec::new();
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
        for ((provider, path, stream, billed), line) in sent.iter().zip(&lines) {
            let counts = ["input_tokens", "cached_tokens", "output_tokens"].map(|name| number(&line[name]));
            // Whoever has no cache says nothing of one.
            let cached = if billed.cache_read > 0 {
                Some(billed.cache_read)
            } else {
                counts[1].filter(|count| *count == 0)
            };
            let cost = line["cost_usd"].as_str().is_some_and(|cost| pico(cost) > 0);
            if counts != [Some(billed.prompt()), cached, Some(billed.output)]
                || !cost
                || line["path"] != *path
            {
                wrong.push(format!("{provider} {path} stream {stream}: {billed:?} became {line}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(sent.iter().any(|(.., billed)| billed.cache_read > 0), "the cache was at work");
        assert!(sent.iter().any(|(.., billed)| billed.cache_write() > 0), "written, too");

        // The Prometheus page says the same, in sums.
        let page = stage.envoy.prometheus().expect("the page");
        let sum = |name: &str, labels: &[&str]| samples(&page, name, labels);
        for provider in ["anthropic", "openai", "minimax", "deepseek"] {
            let own: Vec<&Billed> =
                sent.iter().filter(|sent| sent.0 == provider).map(|sent| &sent.3).collect();
            let target =
                format!("target=\"{}", if provider == "openai" { "openai/gpt-5_4-mini" } else { provider });
            let total = |field: fn(&Billed) -> u64| own.iter().map(|billed| field(billed)).sum::<u64>();
            // A token is of one kind; reasoning alone is a part of another.
            for (kind, billed) in [
                ("input", total(|billed| billed.fresh)),
                ("cached", total(|billed| billed.cache_read)),
                ("cache_write", total(Billed::cache_write)),
                ("output", total(|billed| billed.output)),
            ] {
                let kind = format!("kind=\"{kind}\"");
                assert_eq!(sum("pointsman_tokens", &[&kind, &target]), billed, "{provider} {kind}");
            }
            assert_eq!(
                sum("pointsman_attempts", &[&format!("upstream=\"{provider}\""), "status=\"2xx\""]),
                own.len() as u64,
                "{provider}"
            );
            let cost: u64 = lines
                .iter()
                .filter(|line| line["alias"] == format!("m-{provider}"))
                .map(|line| pico(line["cost_usd"].as_str().expect("a cost")))
                .sum();
            assert_eq!(sum("pointsman_cost_picodollars", &[&target]), cost, "{provider}");
            assert!(cost > 0);
        }
        for (dialect, path) in [("chat", CHAT), ("messages", "/v1/messages"), ("responses", "/v1/responses")]
        {
            let expected = sent.iter().filter(|sent| sent.1 == path).count() as u64;
            let dialect = format!("dialect=\"{dialect}\"");
            assert_eq!(
                sum("pointsman_requests", &[&dialect, "tier=\"only\"", "reason=\"difficulty\""]),
                expected
            );
        }
        // Envoy merges histograms every five seconds.
        let decisions = || {
            let page = stage.envoy.prometheus().ok()?;
            (samples(&page, "pointsman_decision_us_count", &[]) == sent.len() as u64).then_some(())
        };
        assert!(until(Duration::from_secs(15), decisions).await.is_some(), "each decision was timed");
        assert!(page.contains("pointsman_decision_us_bucket{le=\"250\"}"), "buckets of our own");
    });
}

/// `0.0000315` dollars in pico-dollars.
fn pico(text: &str) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<12}").parse().unwrap_or_else(|_| panic!("{text} is no price"))
}
