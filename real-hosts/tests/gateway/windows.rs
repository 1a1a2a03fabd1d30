//! HTTP/2 clients that withhold the window of one stream, while others of the same connection go on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, client::SendRequest};
use hyper::Request;
use pointsman_sim::Fault;
use real_hosts::{local::Local, play, stage::Script, until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{CHAT, chat, start, streamed};

/// What a client has to take something in, in milliseconds.
const PATIENCE: u64 = 600;

/// A provider that sends events as long as somebody takes them, and whether it was left.
async fn endless() -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let left = Arc::new(AtomicBool::new(false));
    let leaving = Arc::clone(&left);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let left = Arc::clone(&leaving);
            tokio::spawn(async move {
                let mut request = [0; 16 * 1024];
                let _ = stream.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n";
                let chunk = format!("{:x}\r\n{event}\r\n", event.len()).repeat(100);
                let mut sent = stream.write_all(head.as_bytes()).await;
                while sent.is_ok() {
                    sent = stream.write_all(chunk.as_bytes()).await;
                }
                left.store(true, Ordering::Relaxed);
            });
        }
    });
    (address, left)
}

async fn stage(provider: SocketAddr) -> Local {
    let held = json!({ "base_url": format!("http://{provider}/v1"), "speaks": ["chat"], "auth": "none" });
    let script = Script::serving()
        .lane("other", 1)
        .set("/providers", json!({ "held": held }))
        .set("/models", json!({ "held/m": { "context": 100_000, "max_output": 1000 } }))
        .alias("held", &["held/m"])
        .set("/serve/write_timeout_ms", json!(PATIENCE));
    start(script).await
}

/// A connection whose streams begin with a window of so many bytes.
async fn connect(to: SocketAddr, window: u32) -> SendRequest<Bytes> {
    let socket = TcpStream::connect(to).await.expect("a connection");
    let builder = h2::client::Builder::new().initial_window_size(window).handshake(socket);
    let (client, connection) = builder.await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

/// Sends a request and takes the answer's head.
async fn ask(client: &SendRequest<Bytes>, path: &str, body: Option<Value>) -> RecvStream {
    let mut client = client.clone().ready().await.expect("a stream");
    let request = Request::builder().uri(format!("http://router.test{path}"));
    let method = if body.is_some() { "POST" } else { "GET" };
    let request =
        request.method(method).header("content-type", "application/json").body(()).expect("a request");
    let (answer, mut sending) = client.send_request(request, body.is_none()).expect("a stream");
    if let Some(body) = body {
        sending.send_data(Bytes::from(body.to_string()), true).expect("the body is sent");
    }
    let answer = answer.await.expect("a head");
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

/// Takes an answer to its end, opening the window behind what came.
async fn take(answer: &mut RecvStream) -> Result<String, h2::Error> {
    let mut text = Vec::new();
    while let Some(piece) = answer.data().await {
        let piece = piece?;
        answer.flow_control().release_capacity(piece.len())?;
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Takes what comes, and opens no window; the reason of the reset.
async fn withhold(answer: &mut RecvStream) -> (usize, Option<Reason>) {
    let mut bytes = 0;
    loop {
        match answer.data().await {
            Some(Ok(piece)) => bytes += piece.len(),
            Some(Err(error)) => return (bytes, error.reason()),
            None => return (bytes, None),
        }
    }
}

#[test]
fn a_stream_that_its_client_withholds_is_reset_and_the_others_go_on() {
    play(async {
        let (provider, left) = endless().await;
        let stage = stage(provider).await;
        // As long as the time in which the other one is let go, several times over.
        stage.provider("other-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(PATIENCE / 2) });
        let client = connect(stage.address(), 100).await;
        let began = Instant::now();
        let mut held = ask(&client, CHAT, Some(streamed(chat("held", "hi")))).await;
        let mut other = ask(&client, CHAT, Some(streamed(chat("other", "hi")))).await;
        let ((bytes, reason), text) = tokio::join!(withhold(&mut held), async {
            let text = take(&mut other).await.expect("the other one goes on");
            (text, began.elapsed())
        });
        assert_eq!((bytes, reason), (100, Some(Reason::CANCEL)));
        let (text, lasted) = text;
        assert!(text.contains("[DONE]"), "{text}");
        assert!(lasted > Duration::from_millis(2 * PATIENCE), "it outlives the time: {lasted:?}");
        let gone = until(Duration::from_secs(5), || left.load(Ordering::Relaxed).then_some(())).await;
        gone.expect("its provider is left");
        let line = stage.logged("held").await;
        assert_eq!(
            (&line["status"], &line["details"]),
            (&json!(200), &json!("client_disconnected")),
            "{line}"
        );
        assert_eq!(stage.logged("other").await["details"], Value::Null);
        // And the connection serves on.
        stage.provider("other-a").set_fault(Fault::None);
        let mut next = ask(&client, CHAT, Some(streamed(chat("other", "hi")))).await;
        assert!(take(&mut next).await.expect("an answer").contains("[DONE]"));
    });
}

/// Of an answer of the gateway's own, too; and who takes a little at a time is not hurried.
#[test]
fn who_takes_nothing_at_all_is_reset_and_who_takes_a_little_is_not() {
    play(async {
        let (provider, _) = endless().await;
        let stage = stage(provider).await;
        let client = connect(stage.address(), 0).await;
        let mut models = ask(&client, "/v1/models", None).await;
        assert_eq!(withhold(&mut models).await, (0, Some(Reason::CANCEL)));

        let body = "x".repeat(400_000);
        stage.provider("other-a").set_fault(Fault::Raw {
            status: 200,
            content_type: "application/json".to_owned(),
            body: body.clone(),
        });
        let client = connect(stage.address(), 40_000).await;
        let mut answer = ask(&client, CHAT, Some(chat("other", "hi"))).await;
        let (began, mut taken) = (Instant::now(), 0);
        while let Some(piece) = answer.data().await {
            let piece =
                piece.unwrap_or_else(|error| panic!("{error} after {taken} bytes, {:?}", began.elapsed()));
            taken += piece.len();
            tokio::time::sleep(Duration::from_millis(PATIENCE / 30)).await;
            answer.flow_control().release_capacity(piece.len()).expect("a window");
        }
        assert_eq!(taken, body.len());
        assert!(began.elapsed() > Duration::from_millis(2 * PATIENCE), "{:?}", began.elapsed());
    });
}
