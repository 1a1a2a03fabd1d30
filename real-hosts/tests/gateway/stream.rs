//! Answers stream past: as they were sent, when they were sent, for the slow and the hasty.

use std::time::Duration;

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    local::Local,
    play,
    stage::Script,
    until,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OnceCell,
};

use crate::{CHAT, chat, in_each_api, start, streamed};

async fn stage() -> &'static Local {
    static STAGE: OnceCell<Local> = OnceCell::const_new();
    let fragmented = |options: &mut pointsman_sim::Options| options.speed.fragment = Some(37);
    STAGE
        .get_or_init(|| {
            let script = Script::serving().provider_with("minimax", Vendor::MiniMax, fragmented);
            start(
                script
                    .alias("pieces", &["minimax/MiniMax-M3"])
                    .lane("paced", 1)
                    .lane("leaves", 1)
                    .lane("early", 1)
                    .lane("slow", 1),
            )
        })
        .await
}

#[test]
fn every_answer_is_byte_for_byte_what_was_sent() {
    play(async {
        let stage = stage().await;
        for (path, body) in in_each_api("pieces", "tell me a story") {
            for protocol in [Protocol::H1, Protocol::H2] {
                for body in [body.clone(), streamed(body.clone())] {
                    let answer = Ask::json(path, &body).send_by(protocol, stage.address()).await;
                    assert_eq!((answer.status, answer.cut), (200, false), "{path}: {}", answer.text());
                    let seen = stage.provider("minimax").last().expect("a request");
                    assert_eq!(answer.body, seen.sent, "{path} {protocol:?}");
                    assert!(!answer.body.is_empty());
                }
            }
        }
    });
}

#[test]
fn events_arrive_when_they_are_sent() {
    play(async {
        let stage = stage().await;
        stage.provider("paced-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(150) });
        let mut body = streamed(chat("paced", "tell me a story"));
        body["max_tokens"] = json!(24);
        for protocol in [Protocol::H1, Protocol::H2] {
            let answer = Ask::json(CHAT, &body).send_by(protocol, stage.address()).await;
            assert_eq!(answer.body, stage.provider("paced-a").last().expect("a request").sent);
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
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let ask = Ask::json(CHAT, &streamed(chat("leaves", "tell me a story")));
            let mut flow = connection.start(ask).await.expect("an answer");
            for _ in 0..2 {
                assert!(flow.next().await.expect("still running").is_some());
            }
            drop(flow);
            connection.hang_up();
            let ended = || stage.provider("leaves-a").last().filter(|seen| seen.ended);
            let seen = until(Duration::from_secs(5), ended).await.expect("the provider's work goes on");
            assert!(!seen.finished, "{protocol:?}: the provider was told");
            let line = stage.logged("leaves").await;
            assert_eq!((&line["status"], &line["details"]), (&json!(200), &json!("client_disconnected")));
            assert_eq!(line["output_tokens"], Value::Null, "what nobody reported is not made up: {line}");
            stage.provider("leaves-a").clear();
        }
        assert!(stage.gateway.prometheus().expect("the page").contains("pointsman_open_requests{} 0"));
    });
}

/// Before the head of the answer, too.
#[test]
fn a_client_that_leaves_early_is_noticed() {
    play(async {
        let stage = stage().await;
        stage.provider("early-a").set_fault(Fault::Hang);
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let mut starting = Box::pin(connection.start(Ask::json(CHAT, &chat("early", "hi"))));
            let came = stage.provider("early-a").wait_for(1, Duration::from_secs(5));
            tokio::select! {
                answer = &mut starting => panic!("{answer:?}"),
                came = came => assert!(came),
            }
            drop(starting);
            connection.hang_up();
            let left = || {
                let lines = stage.gateway.access_log();
                lines.into_iter().rev().find(|line| line["alias"] == "early" && line["status"] == 0)
            };
            let line = until(Duration::from_secs(5), left).await.expect("a line");
            assert_eq!((&line["details"], &line["attempts"]), (&json!("client_disconnected"), &json!(1)));
            let none = "pointsman_attempts{upstream=\"early-a\",status=\"none\"}";
            assert!(stage.gateway.prometheus().expect("the page").contains(none));
            stage.provider("early-a").clear();
        }
    });
}

/// A client that reads slowly gets everything; the gateway does not hold the answer for it.
#[test]
fn a_slow_client_gets_everything() {
    play(async {
        let long = Script::serving().provider_with("slow-a", Vendor::Generic, |options| {
            options.speed.gap = Duration::ZERO;
        });
        let stage =
            start(long.alias("slow", &["slow-a/model-a"]).set("/serve/idle_timeout_ms", json!(1500))).await;
        let mut body = streamed(chat("slow", &"a long story ".repeat(500)));
        body["max_tokens"] = json!(100_000);
        let body = body.to_string();
        let mut socket = TcpStream::connect(stage.address()).await.expect("a connection");
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.expect("a request");
        // Longer than the silence that a provider is allowed: the client's slowness is not the provider's.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let mut back = Vec::new();
        let mut piece = vec![0; 512];
        loop {
            let count = socket.read(&mut piece).await.expect("bytes");
            if count == 0 {
                break;
            }
            back.extend_from_slice(&piece[..count]);
            if back.len() < 20_000 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let text = String::from_utf8_lossy(&back);
        assert!(text.contains("data: [DONE]") && text.ends_with("0\r\n\r\n"), "{} bytes", back.len());
        let seen = stage.provider("slow-a").last().expect("a request");
        assert!(seen.finished);
        assert_eq!(stage.logged("slow").await["bytes_out"], seen.sent.len());
    });
}
