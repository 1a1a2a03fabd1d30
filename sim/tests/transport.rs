//! Connections, credentials, paths, and what is kept of a request.

mod client;

use std::time::Duration;

use client::{KEY, Wire, headers, post, post_with, send, start, start_with};
use pointsman_sim::{Ca, Vendor};
use serde_json::{Value, json};

/// Waits for something that is about to happen.
async fn until(mut happened: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen");
}

const CLAUDE: &str = "/v1/messages";

fn hello() -> Value {
    json!({"model": "claude-opus-5-5", "max_tokens": 400, "messages": [{"role": "user", "content": "Hello"}]})
}

#[tokio::test]
async fn http1_and_http2_with_and_without_tls() {
    let ca = Ca::new();
    let plain = start(Vendor::Anthropic).await;
    let tls = start_with(Vendor::Anthropic, |options| {
        options.tls = Some(ca.issue(&["api.anthropic.test", "localhost"]));
    })
    .await;
    for http2 in [false, true] {
        for encrypted in [false, true] {
            let trust = (ca.cert_pem().to_owned(), "api.anthropic.test".to_owned());
            let wire = Wire { http2, tls: encrypted.then_some(trust) };
            let provider = if encrypted { &tls } else { &plain };
            let own = headers(Vendor::Anthropic, CLAUDE);
            let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let reply =
                send(&wire, provider.addr(), "POST", "/v1/messages?beta=true", &own, hello().to_string())
                    .await
                    .unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            let seen = provider.last().unwrap();
            assert_eq!(seen.path, "/v1/messages?beta=true");
            assert_eq!(seen.version, if http2 { hyper::Version::HTTP_2 } else { hyper::Version::HTTP_11 });
            assert_eq!(seen.sni.as_deref(), encrypted.then_some("api.anthropic.test"));
            assert_eq!(seen.authority, "provider.test");
            assert_eq!(seen.header("X-Api-Key"), Some(KEY));
            assert_eq!(seen.model(), "claude-opus-5-5");
            assert_eq!((seen.status, seen.complete), (Some(200), true));
        }
    }
    let stranger = Wire { http2: true, tls: Some((Ca::new().cert_pem().to_owned(), "localhost".to_owned())) };
    assert!(send(&stranger, tls.addr(), "GET", "/", &[], "").await.is_err(), "an unknown authority");
}

#[tokio::test]
async fn every_vendor_takes_its_paths_and_its_key() {
    let chat = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    let messages = |model: &str| json!({"model": model, "max_tokens": 4000, "messages": [{"role": "user", "content": "Hello"}]});
    let responses = |model: &str| json!({"model": model, "input": "Hello"});
    let cases = [
        (Vendor::Anthropic, "/v1/messages", messages("claude-haiku-4-5")),
        (Vendor::Anthropic, "/v1/chat/completions", chat("claude-haiku-4-5")),
        (Vendor::OpenAi, "/v1/chat/completions", chat("gpt-5.4")),
        (Vendor::OpenAi, "/v1/responses", responses("gpt-6.1-sol")),
        (Vendor::MiniMax, "/v1/chat/completions", chat("MiniMax-M3")),
        (Vendor::MiniMax, "/v1/responses", responses("MiniMax-M3")),
        (Vendor::MiniMax, "/anthropic/v1/messages", messages("MiniMax-M3")),
        (Vendor::DeepSeek, "/chat/completions", chat("deepseek-flash")),
        (Vendor::DeepSeek, "/v1/chat/completions", chat("deepseek-flash")),
        (Vendor::DeepSeek, "/anthropic/v1/messages", messages("deepseek-flash")),
        (Vendor::Moonshot, "/v1/chat/completions", chat("kimi-k3")),
        (Vendor::Moonshot, "/anthropic/v1/messages", messages("kimi-k3")),
        (Vendor::Zai, "/api/paas/v4/chat/completions", chat("glm-5.3")),
        (Vendor::Zai, "/api/anthropic/v1/messages", messages("glm-5.3")),
        (Vendor::OpenRouter, "/api/v1/chat/completions", chat("anthropic/claude-opus-5.5")),
        (Vendor::OpenRouter, "/api/v1/responses", responses("openai/gpt-6-sol")),
        (Vendor::OpenRouter, "/api/v1/messages", messages("anthropic/claude-opus-5.5")),
        (Vendor::Generic, "/v1/chat/completions", chat("any/model")),
    ];
    for (vendor, path, body) in cases {
        let provider = start(vendor).await;
        let reply = post(&provider, path, &body).await;
        assert_eq!(reply.status, 200, "{vendor:?} {path}: {}", reply.text());
        // Shapes that tell an error of one dialect from another's.
        let error = |reply: &client::Reply| reply.json().get("error").cloned().unwrap_or(Value::Null);

        let wrong = [("content-type", "application/json"), ("authorization", "Bearer wrong")];
        let version = [wrong[0], wrong[1], ("anthropic-version", "2023-06-01")];
        let reply =
            send(&Wire::default(), provider.addr(), "POST", path, &version, body.to_string()).await.unwrap();
        assert_eq!(reply.status, 401, "{vendor:?} {path}");
        assert!(error(&reply)["message"].is_string(), "{vendor:?} {path}: {}", reply.text());
        let reply = send(&Wire::default(), provider.addr(), "POST", path, &wrong[..1], body.to_string())
            .await
            .unwrap();
        assert_eq!(reply.status, 401, "{vendor:?} {path} without a key");

        let reply = post(&provider, &format!("{path}/nowhere"), &body).await;
        assert_eq!(reply.status, 404, "{vendor:?} {path}/nowhere");
        let own = headers(vendor, path);
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = send(&Wire::default(), provider.addr(), "GET", path, &own, "").await.unwrap();
        assert_eq!(reply.status, 405, "{vendor:?} GET {path}");

        let mut stranger = body.clone();
        stranger["model"] = json!("no-such-model");
        let reply = post(&provider, path, &stranger).await;
        match (vendor, path) {
            // Any name is served.
            (Vendor::Generic, _) => assert_eq!(reply.status, 200),
            (Vendor::DeepSeek, "/anthropic/v1/messages") => {
                assert_eq!(reply.json()["model"], "deepseek-flash");
            }
            _ => assert!([400, 404].contains(&reply.status), "{vendor:?} {path}: {}", reply.status),
        }
    }
}

#[tokio::test]
async fn credentials_and_headers_that_leak_are_told_apart() {
    for vendor in Vendor::ALL {
        let provider = start(vendor).await;
        let path = if vendor == Vendor::Anthropic { CLAUDE } else { "/v1/chat/completions" };
        let other =
            if vendor == Vendor::Anthropic { ("authorization", "Bearer x") } else { ("x-api-key", "x") };
        for leak in [other, ("x-pointsman-tier", "mid"), ("x-goog-api-key", "x"), ("api-key", "x")] {
            let reply = post_with(&provider, path, &[leak], &json!({})).await;
            assert_eq!(reply.status, 400, "{vendor:?} {leak:?}");
            assert!(reply.text().contains("unexpected_header"), "{vendor:?} {leak:?}: {}", reply.text());
            assert!(provider.last().unwrap().refusal.unwrap().contains("unexpected_header"));
        }
    }
    let open = start_with(Vendor::Generic, |options| options.key.clear()).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
    let reply = post(&open, "/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 400, "a key sent to a host without keys");
    let bare = [("content-type", "application/json")];
    let reply = send(&Wire::default(), open.addr(), "POST", "/v1/chat/completions", &bare, body.to_string())
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn an_anthropic_key_does_not_go_into_a_bearer_header() {
    let provider = start(Vendor::Anthropic).await;
    let bearer = format!("Bearer {KEY}");
    let own = [
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("authorization", bearer.as_str()),
    ];
    let reply =
        send(&Wire::default(), provider.addr(), "POST", CLAUDE, &own, hello().to_string()).await.unwrap();
    assert_eq!(reply.status, 401);
    let oauth = start_with(Vendor::Anthropic, |options| options.key = "sk-ant-oat01-x".to_owned()).await;
    let own = [own[0], own[1], ("authorization", "Bearer sk-ant-oat01-x")];
    let reply =
        send(&Wire::default(), oauth.addr(), "POST", CLAUDE, &own, hello().to_string()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn bodies_must_be_json_with_single_keys() {
    let provider = start(Vendor::Anthropic).await;
    let own = headers(Vendor::Anthropic, CLAUDE);
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let twice = hello().to_string().replacen('{', "{\"model\":\"claude-opus-5-5\",", 1);
    for body in ["", "{", "[]", twice.as_str(), "{} trailing"] {
        let reply =
            send(&Wire::default(), provider.addr(), "POST", CLAUDE, &own, body.to_owned()).await.unwrap();
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    }
    let reply = send(&Wire::default(), provider.addr(), "POST", CLAUDE, &own[1..], hello().to_string())
        .await
        .unwrap();
    assert_eq!(reply.status, 400, "without content-type");
}

#[tokio::test]
async fn compressed_request_bodies_are_read_by_openai_only() {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    let body = json!({"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hello"}]}).to_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let gzip = encoder.finish().unwrap();
    let zstd =
        ruzstd::encoding::compress_to_vec(body.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let openai = start(Vendor::OpenAi).await;
    let minimax = start(Vendor::MiniMax).await;
    for (encoding, packed) in [("gzip", gzip), ("zstd", zstd)] {
        let bearer = format!("Bearer {KEY}");
        let own = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("content-encoding", encoding),
        ];
        let path = "/v1/chat/completions";
        let reply = send(&Wire::default(), openai.addr(), "POST", path, &own, packed.clone()).await.unwrap();
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.text());
        let reply = send(&Wire::default(), minimax.addr(), "POST", path, &own, packed).await.unwrap();
        assert_eq!(reply.status, 415, "{encoding}");
    }
}

#[tokio::test]
async fn models_are_listed() {
    let own = format!("Bearer {KEY}");
    let openai = start(Vendor::OpenAi).await;
    let reply =
        send(&Wire::default(), openai.addr(), "GET", "/v1/models", &[("authorization", own.as_str())], "")
            .await
            .unwrap();
    let ids: Vec<Value> =
        reply.json()["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert!(ids.contains(&json!("gpt-6.1-sol")));
    let claude = start(Vendor::Anthropic).await;
    let own = [("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
    let reply =
        send(&Wire::default(), claude.addr(), "GET", "/v1/models?limit=1000", &own, "").await.unwrap();
    assert_eq!(reply.json()["data"][0]["type"], "model");
    assert_eq!(reply.json()["has_more"], false);
}

#[tokio::test]
async fn a_stopped_provider_refuses_connections_until_it_is_restarted() {
    let provider = start(Vendor::Anthropic).await;
    assert_eq!(post(&provider, CLAUDE, &hello()).await.status, 200);
    provider.stop().await;
    let refused = send(&Wire::default(), provider.addr(), "POST", CLAUDE, &[], "").await.unwrap_err();
    assert!(refused.contains("refused"), "{refused}");
    provider.restart().await.unwrap();
    assert_eq!(post(&provider, CLAUDE, &hello()).await.status, 200);
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(provider.served(), 2);
    provider.clear();
    assert!(provider.requests().is_empty());
    assert!(!provider.wait_for(1, Duration::from_millis(10)).await);
}

#[tokio::test]
async fn a_provider_takes_its_connections_along() {
    for http2 in [false, true] {
        let provider =
            start_with(Vendor::Anthropic, |options| options.speed.gap = Duration::from_millis(100)).await;
        let mut body = hello();
        body["stream"] = json!(true);
        let own = headers(Vendor::Anthropic, CLAUDE);
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let wire = Wire { http2, tls: None };
        let stream = send(&wire, provider.addr(), "POST", CLAUDE, &own, body.to_string());
        let stop = async {
            until(|| provider.last().is_some_and(|seen| seen.status.is_some())).await;
            // Time for the first event to arrive.
            tokio::time::sleep(Duration::from_millis(200)).await;
            provider.stop().await;
        };
        let (reply, ()) = tokio::join!(stream, stop);
        let reply = reply.unwrap();
        assert!(reply.broken && reply.status == 200 && !reply.body.is_empty(), "http2 {http2}");
    }
    let addr = start(Vendor::OpenAi).await.addr();
    // Dropped at once; the listener goes with its task.
    until(|| std::net::TcpStream::connect(addr).is_err()).await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let provider =
        start_with(Vendor::Anthropic, |options| options.speed.gap = Duration::from_millis(20)).await;
    let mut body = hello();
    body["stream"] = json!(true);
    let body = body.to_string();
    let mut socket = tokio::net::TcpStream::connect(provider.addr()).await.unwrap();
    let head = format!(
        "POST {CLAUDE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: {KEY}\r\n\
         anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut some = [0; 100];
    socket.read_exact(&mut some).await.unwrap();
    drop(socket);
    until(|| provider.last().is_some_and(|seen| seen.ended)).await;
    let seen = provider.last().unwrap();
    assert_eq!((seen.status, seen.finished), (Some(200), false));
    let reply = post(&provider, CLAUDE, &hello()).await;
    assert_eq!(reply.status, 200);
    until(|| provider.last().is_some_and(|seen| seen.ended)).await;
    assert!(provider.last().unwrap().finished);
    assert_eq!(provider.take_answered().len(), 2);
    assert!(provider.requests().is_empty());
}
