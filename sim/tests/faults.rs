//! Faults do what they say, and only as often as they say.

#![allow(clippy::disallowed_methods, reason = "measures that a fault waits")]

mod client;

use std::time::{Duration, Instant};

use client::{KEY, Reply, Wire, headers, post, send, start};
use pointsman_sim::{BENCH_EVENTS, Bench, Fault, Options, Provider, Vendor};
use serde_json::{Value, json};

const CASES: [(Vendor, &str, &str); 4] = [
    (Vendor::Anthropic, "/v1/messages", "claude-opus-5-5"),
    (Vendor::OpenAi, "/v1/chat/completions", "gpt-5.4"),
    (Vendor::OpenAi, "/v1/responses", "gpt-6-sol"),
    (Vendor::OpenRouter, "/api/v1/chat/completions", "moonshotai/kimi-k3"),
];

fn body(path: &str, model: &str, stream: bool) -> Value {
    if path.ends_with("responses") {
        return json!({"model": model, "stream": stream, "input": "Hello"});
    }
    let mut body =
        json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]});
    if path.ends_with("messages") {
        body["max_tokens"] = json!(900);
    }
    body
}

async fn try_post(provider: &Provider, wire: &Wire, path: &str, body: &Value) -> Result<Reply, String> {
    let own = headers(provider.vendor(), path);
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    send(wire, provider.addr(), "POST", path, &own, body.to_string()).await
}

#[tokio::test]
async fn statuses_come_with_the_vendors_body() {
    for (status, kind) in
        [(429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error"), (402, "billing_error")]
    {
        let provider = start(Vendor::Anthropic).await;
        provider.set_fault(Fault::Status(status));
        let reply = post(&provider, "/v1/messages", &body("/v1/messages", "claude-opus-5-5", false)).await;
        assert_eq!(reply.status, status);
        assert_eq!((&reply.json()["type"], &reply.json()["error"]["type"]), (&json!("error"), &json!(kind)));
        assert!(reply.header("request-id").starts_with("req_"));
    }
    let openai = start(Vendor::OpenAi).await;
    let ask = body("/v1/chat/completions", "gpt-5.4", false);
    openai.set_fault(Fault::RetryAfter { status: 429, seconds: 7 });
    let reply = post(&openai, "/v1/chat/completions", &ask).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, "7"));
    assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    openai.set_fault(Fault::InsufficientQuota429);
    let reply = post(&openai, "/v1/chat/completions", &ask).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    openai.set_fault(Fault::StatusWith {
        status: 503,
        headers: vec![("x-should-retry".into(), "false".into())],
    });
    let reply = post(&openai, "/v1/chat/completions", &ask).await;
    assert_eq!((reply.status, reply.header("x-should-retry")), (503, "false"));
    openai.set_fault(Fault::EmptyBody200);
    let reply = post(&openai, "/v1/chat/completions", &ask).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    openai.set_fault(Fault::Raw {
        status: 502,
        content_type: "text/html".into(),
        body: "<html>Bad Gateway</html>".into(),
    });
    let reply = post(&openai, "/v1/chat/completions", &ask).await;
    assert_eq!((reply.status, reply.text().as_str()), (502, "<html>Bad Gateway</html>"));
    let minimax = start(Vendor::MiniMax).await;
    minimax.set_fault(Fault::Disguised200);
    let reply =
        post(&minimax, "/v1/chat/completions", &body("/v1/chat/completions", "MiniMax-M3", false)).await;
    assert_eq!((reply.status, &reply.json()["base_resp"]["status_code"]), (200, &json!(1002)));
    // A wrong key is a wrong key first.
    let wrong = [("content-type", "application/json"), ("authorization", "Bearer wrong")];
    let reply =
        send(&Wire::default(), minimax.addr(), "POST", "/v1/chat/completions", &wrong, "{}").await.unwrap();
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_fault_can_pass() {
    let provider = start(Vendor::OpenAi).await;
    let ask = body("/v1/chat/completions", "gpt-5.4", false);
    let status = async || post(&provider, "/v1/chat/completions", &ask).await.status;
    provider.set_fault(Fault::FirstN(2, Box::new(Fault::Status(503))));
    assert_eq!([status().await, status().await, status().await], [503, 503, 200]);
    provider.set_fault(Fault::Sequence(vec![Fault::Status(500), Fault::None, Fault::Status(429)]));
    assert_eq!([status().await, status().await, status().await, status().await], [500, 200, 429, 200]);
}

#[tokio::test]
async fn resets_and_silence() {
    for http2 in [false, true] {
        let wire = Wire { http2, tls: None };
        let provider = start(Vendor::OpenAi).await;
        let ask = body("/v1/chat/completions", "gpt-5.4", true);
        provider.set_fault(Fault::FirstN(1, Box::new(Fault::Reset)));
        let error = try_post(&provider, &wire, "/v1/chat/completions", &ask).await.unwrap_err();
        // HTTP/1.1: a TCP reset; HTTP/2: RST_STREAM.
        let words = if http2 { "Reset" } else { "ConnectionReset" };
        assert!(error.contains(words), "{error}");
        assert_eq!(provider.requests().len(), 1, "the request had arrived");
        assert_eq!(try_post(&provider, &wire, "/v1/chat/completions", &ask).await.unwrap().status, 200);

        provider.set_fault(Fault::Hang);
        let hanging = try_post(&provider, &wire, "/v1/chat/completions", &ask);
        assert!(tokio::time::timeout(Duration::from_millis(400), hanging).await.is_err());
        assert_eq!(provider.last().unwrap().status, None);

        provider.set_fault(Fault::HangAfterHeaders);
        let hanging = try_post(&provider, &wire, "/v1/chat/completions", &ask);
        assert!(tokio::time::timeout(Duration::from_millis(400), hanging).await.is_err());
        assert_eq!(provider.last().unwrap().status, Some(200));
    }
}

#[tokio::test]
async fn streams_break_as_told() {
    for (vendor, path, model) in CASES {
        let provider = start(vendor).await;
        let ask = body(path, model, true);
        let good = post(&provider, path, &ask).await;
        let all = good.events().len();

        provider.set_fault(Fault::ErrorInStreamBeforeContent);
        let reply = post(&provider, path, &ask).await;
        assert_eq!((reply.status, reply.broken), (200, false));
        let text = reply.text();
        assert!(text.contains("error"), "{vendor:?}: {text}");
        assert!(!text.contains("content_block") && !text.contains("delta\":{\"content\":\"T"), "{text}");
        let early = reply.events().len();
        assert!(early <= 4, "{early}");
        assert_eq!(provider.last().unwrap().billed, None);

        provider.set_fault(Fault::ErrorInStreamAfterContent);
        let reply = post(&provider, path, &ask).await;
        let late = reply.events().len();
        assert!(early < late && late < all, "{vendor:?}: {early} {late} {all}");
        let last = reply.datas().pop().unwrap();
        match path {
            "/v1/messages" => assert_eq!(last["error"]["type"], "overloaded_error"),
            "/v1/responses" => {
                assert_eq!(
                    (&last["type"], &last["response"]["status"]),
                    (&json!("response.failed"), &json!("failed"))
                );
                assert_eq!(last["sequence_number"], late - 1);
            }
            "/api/v1/chat/completions" => assert_eq!(last["choices"][0]["finish_reason"], "error"),
            _ => assert_eq!(last["error"]["type"], "server_error"),
        }
        assert!(!reply.text().contains("[DONE]"));

        for http2 in [false, true] {
            provider.set_fault(Fault::CutStream { after_events: 4 });
            let reply = try_post(&provider, &Wire { http2, tls: None }, path, &ask).await.unwrap();
            assert!(reply.broken, "{vendor:?} http2 {http2}");
            assert!(reply.text().matches("\n\n").count() <= 4);
            assert!(!provider.last().unwrap().finished);
        }
        provider.set_fault(Fault::EndEarly { after_events: 4 });
        let reply = post(&provider, path, &ask).await;
        assert_eq!((reply.broken, reply.text().matches("\n\n").count()), (false, 4));

        provider.set_fault(Fault::SlowStream { delay: Duration::from_millis(5) });
        let begun = Instant::now();
        let reply = post(&provider, path, &ask).await;
        assert_eq!(reply.events().len(), all);
        assert!(begun.elapsed() >= Duration::from_millis(5 * (all as u64 - 1)));

        provider.set_fault(Fault::Compressed);
        let reply = post(&provider, path, &ask).await;
        assert_eq!(reply.header("content-encoding"), "gzip");
        let mut plain = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(reply.body.as_slice()), &mut plain)
            .unwrap();
        assert_eq!(plain.matches("\n\n").count(), good.text().matches("\n\n").count());
    }
}

#[tokio::test]
async fn whole_answers_break_too() {
    let provider = start(Vendor::Anthropic).await;
    let ask = body("/v1/messages", "claude-opus-5-5", false);
    provider.set_fault(Fault::CutStream { after_events: 1 });
    let reply = post(&provider, "/v1/messages", &ask).await;
    assert!(reply.broken && serde_json::from_slice::<Value>(&reply.body).is_err());
    provider.set_fault(Fault::ErrorInStreamBeforeContent);
    assert_eq!(post(&provider, "/v1/messages", &ask).await.status, 529);
    provider.set_fault(Fault::SlowHead(Duration::from_millis(60)));
    let begun = Instant::now();
    assert_eq!(post(&provider, "/v1/messages", &ask).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn streams_can_be_cut_into_any_pieces() {
    let mut options = Options::new(Vendor::Anthropic, KEY);
    options.speed.gap = Duration::ZERO;
    options.speed.fragment = Some(7);
    options.speed.deltas = Some(3);
    let small = Provider::start(options).await.unwrap();
    let ask = body("/v1/messages", "claude-opus-5-5", true);
    let reply = post(&small, "/v1/messages", &ask).await;
    assert_eq!(reply.datas().last().unwrap()["type"], "message_stop");
    let deltas = reply.text().matches("text_delta").count();
    assert!((3..=4).contains(&deltas), "{deltas}");
}

#[tokio::test]
async fn a_bench_answers_anything_at_once() {
    for (vendor, path, model) in CASES {
        let mut options = Options::new(vendor, KEY);
        options.bench = Some(Bench::AsAsked);
        let provider = Provider::start(options).await.unwrap();
        let reply =
            send(&Wire::default(), provider.addr(), "POST", path, &[], body(path, model, true).to_string())
                .await
                .unwrap();
        assert_eq!(
            reply.text().matches("\n\n").count() - reply.text().matches("PROCESSING").count(),
            BENCH_EVENTS
        );
        assert!(!reply.datas().is_empty());
        let reply = send(&Wire::default(), provider.addr(), "POST", path, &[], "not JSON").await.unwrap();
        let usage = &reply.json()["usage"];
        assert_eq!(usage["prompt_tokens"].as_u64().or_else(|| usage["input_tokens"].as_u64()), Some(1000));
        assert_eq!((provider.served(), provider.requests().len()), (2, 0));
    }
}
