//! Clients and providers with bad manners: those that never begin, never read, leave HTTP, or break off at once.

use std::{net::SocketAddr, time::Duration};

use real_hosts::{
    client::{Ask, Protocol, raw},
    local::Local,
    play,
    stage::Script,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{CHAT, MESSAGES, RESPONSES, assert_own_error, chat, start};

const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n";

/// What a provider does once it has read a request.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// It sends a head and one event, and closes at their heels.
    Breaks,
    /// It sends the head and half of the body that it announced, and closes.
    Half,
    /// It sends events as long as somebody takes them.
    Endless,
}

/// A provider without manners.
async fn provider(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
                while !seen.ends_with(b"]}") {
                    match stream.read(&mut piece).await {
                        Ok(count) if count > 0 => seen.extend_from_slice(&piece[..count]),
                        _ => return,
                    }
                }
                let chunk = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
                let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"choices\":";
                let answer = match manner {
                    Manner::Half => half.to_owned(),
                    _ => format!("{events}{chunk}"),
                };
                let mut sent = stream.write_all(answer.as_bytes()).await;
                let many = chunk.repeat(1000);
                while sent.is_ok() && matches!(manner, Manner::Endless) {
                    sent = stream.write_all(many.as_bytes()).await;
                }
            });
        }
    });
    address
}

async fn with(manner: Manner, set: &[(&str, Value)]) -> Local {
    let address = provider(manner).await;
    let odd = json!({ "base_url": format!("http://{address}/v1"), "speaks": ["chat"], "auth": "none" });
    let script = Script::serving()
        .set("/providers", json!({ "odd": odd }))
        .set("/models", json!({ "odd/m": { "context": 100_000, "max_output": 1000 } }))
        .alias("odd", &["odd/m"]);
    start(set.iter().fold(script, |script, (pointer, value)| script.set(pointer, value.clone()))).await
}

/// `model` and `stream` first, so that the body ends as the provider waits for it.
fn body(stream: bool) -> String {
    format!(r#"{{"model":"odd","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

#[test]
fn what_came_before_a_break_reaches_the_client() {
    play(async {
        for (manner, stream, expected) in
            [(Manner::Breaks, true, EVENT), (Manner::Half, false, "{\"choices\":")]
        {
            let stage = with(manner, &[]).await;
            for protocol in [Protocol::H1, Protocol::H2] {
                for _ in 0..20 {
                    let ask = Ask::post(CHAT, body(stream)).header("content-type", "application/json");
                    let answer = ask.send_by(protocol, stage.address()).await;
                    assert_eq!((answer.status, answer.cut), (200, true), "{manner:?} {protocol:?}");
                    assert_eq!(answer.text(), expected, "{manner:?} {protocol:?}");
                }
            }
        }
    });
}

#[test]
fn a_client_that_stops_reading_is_let_go() {
    play(async {
        let stage = with(Manner::Endless, &[("/serve/write_timeout_ms", json!(400))]).await;
        let mut socket = TcpStream::connect(stage.address()).await.expect("a connection");
        let body = body(true);
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.expect("a request");
        // Nothing is read, and the connection stays open: the gateway's line comes all the same.
        let line = stage.logged("odd").await;
        assert_eq!(
            (&line["status"], &line["details"]),
            (&json!(200), &json!("client_disconnected")),
            "{line}"
        );
        drop(socket);
    });
}

#[test]
fn whoever_does_not_begin_is_let_go() {
    play(async {
        let script = Script::serving().lane("auto", 1).set("/serve/head_timeout_ms", json!(300));
        let stage = start(script).await;
        // Silent, in the midst of a line of HTTP/1, in the midst of HTTP/2's first words.
        for beginning in ["", "POST /v1/chat/comp", "GET / HTTP/1.1\r\nhost: x\r\nx-a:", "PRI * HTTP/2.0\r\n"]
        {
            let mut socket = TcpStream::connect(stage.address()).await.expect("a connection");
            socket.write_all(beginning.as_bytes()).await.expect("bytes");
            let mut back = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut back)).await;
            assert!(closed.is_ok(), "{beginning:?} is waited for");
        }
        // One that has begun is not hurried: the time is for the head alone.
        stage
            .provider("auto-a")
            .set_fault(pointsman_sim::Fault::SlowStream { delay: Duration::from_millis(700) });
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

#[test]
fn whoever_wants_to_leave_http_is_told_so() {
    play(async {
        let stage = start(Script::serving().lane("auto", 1)).await;
        let ask = |upgrade: &str, path: &str| {
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\n\r\n")
        };
        let silence = Duration::from_secs(5);
        for path in ["/v1/realtime?model=auto", RESPONSES, MESSAGES] {
            let twice = ask("websocket", path).repeat(2);
            let bytes = raw(stage.address(), twice.as_bytes(), silence / 5);
            let text = String::from_utf8_lossy(&bytes.await.expect("an answer")).into_owned();
            assert!(text.starts_with("HTTP/1.1 501 "), "{text}");
            assert!(text.contains("no WebSockets"), "{text}");
            assert_eq!(text.matches("HTTP/1.1 501 ").count(), 2, "the connection goes on: {text}");
        }
        let tunnel =
            raw(stage.address(), b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: x\r\n\r\n", silence / 5);
        assert!(tunnel.await.expect("an answer").starts_with(b"HTTP/1.1 501 "));
        let answer =
            Ask::new("GET", "/v1/responses").header("upgrade", "websocket").send(stage.address()).await;
        assert_own_error(&answer, RESPONSES);
        // curl --http2 offers another HTTP, and takes this one.
        let body = chat("auto", "hi").to_string();
        let offer = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\n\
             http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let bytes = raw(stage.address(), offer.as_bytes(), silence).await.expect("an answer");
        assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&bytes));
    });
}

/// No API has any.
#[test]
fn trailers_of_a_request_do_no_harm() {
    play(async {
        let stage = start(Script::serving().lane("auto", 1)).await;
        for protocol in [Protocol::H1, Protocol::H2] {
            let ask = Ask::json(CHAT, &chat("auto", "hi")).trailer("x-checksum", "abc");
            let answer = ask.send_by(protocol, stage.address()).await;
            assert_eq!(answer.status, 200, "{protocol:?}: {}", answer.text());
            let seen = stage.provider("auto-a").last().expect("a request");
            assert_eq!(seen.header("x-checksum"), None);
            assert_eq!(seen.header("transfer-encoding"), None, "its length is known");
        }
    });
}
