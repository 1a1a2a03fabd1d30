//! Seven rules without which an Envoy filter of this kind hangs, leaks or is bypassed. Each test fails when its rule is
//! broken; where it is cheap, the broken variant is run too, to show that the test would see it.

use std::time::Duration;

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    recorder::Recorder,
    stage::{Script, key_of},
    until,
};
use serde_json::{Value, json};

use crate::{chat, messages, samples};

const CHAT: &str = "/v1/chat/completions";

/// Every configuration of a Wasm filter in a file of Envoy's.
fn plugins(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => {
            let own =
                value.get("@type").and_then(Value::as_str).is_some_and(|name| name.ends_with("wasm.v3.Wasm"));
            let inner = members.values().flat_map(plugins);
            own.then(|| &value["config"]).into_iter().chain(inner).collect()
        }
        Value::Array(items) => items.iter().flat_map(plugins).collect(),
        _ => Vec::new(),
    }
}

fn without_stop_iteration(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("allow_on_headers_stop_iteration");
            members.values_mut().for_each(without_stop_iteration);
        }
        Value::Array(items) => items.iter_mut().for_each(without_stop_iteration),
        _ => {}
    }
}

/// Rules 1 and 6: both roles, in the files that are really generated.
#[test]
fn both_roles_may_pause_and_fail_closed_with_a_reload() {
    play(async {
        let mut found = Vec::new();
        let stage = Script::new()
            .lane("auto", 2)
            .start_tampered(|files| {
                for config in plugins(&files.bootstrap).into_iter().chain(plugins(&files.filter)) {
                    found.push(config.clone());
                }
            })
            .await;
        assert_eq!(found.len(), 2, "one configuration a role");
        for config in &found {
            assert_eq!(config["allow_on_headers_stop_iteration"], json!(true), "{config}");
            assert_eq!(config["failure_policy"], json!("FAIL_RELOAD"), "{config}");
        }
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

/// Rule 1, broken: the request hangs, and the client above would see it.
#[test]
fn without_leave_to_pause_a_request_hangs() {
    play(async {
        let stage = Script::new()
            .lane("auto", 1)
            .start_tampered(|files| {
                without_stop_iteration(&mut files.bootstrap);
                without_stop_iteration(&mut files.filter);
            })
            .await;
        let ask = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address());
        let answer = tokio::time::timeout(Duration::from_secs(3), ask).await;
        let answered = answer.is_ok_and(|answer| answer.status == 200);
        assert!(!answered, "Envoy no longer needs the leave: the rule can go");
    });
}

/// Rule 2: a body that grew or shrank has its own length, and nothing of it is left on the connection.
#[test]
fn content_length_is_that_of_the_edited_body() {
    play(async {
        let recorder = Recorder::start().await.expect("a recorder");
        let base = format!("http://{}/v1", recorder.address());
        let stage = Script::new()
            .set("/providers/recorder", json!({ "base_url": base, "speaks": ["chat"], "auth": "none" }))
            .alias("a", &["recorder/a-model-with-a-name-that-is-a-good-deal-longer-than-its-alias"])
            .alias("an-alias-with-a-name-that-is-a-good-deal-longer-than-its-model", &["recorder/m"])
            .start()
            .await;
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let mut sent = Vec::new();
        for (number, alias) in ["a", "an-alias-with-a-name-that-is-a-good-deal-longer-than-its-model"]
            .into_iter()
            .cycle()
            .take(6)
            .enumerate()
        {
            // What would be left over looks like a request of its own.
            let text = format!("{number}: POST /v1/smuggled HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n");
            let body = chat(alias, &text);
            let ask = Ask::json(CHAT, &body);
            // Half of them without a length of their own.
            let ask = if number % 3 == 2 { ask.in_pieces(10) } else { ask };
            let answer = connection.send(ask).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            sent.push(body);
        }
        let seen = recorder.requests();
        assert_eq!(seen.len(), sent.len(), "no request more, none less");
        let total: usize = seen.iter().map(|request| request.head.len() + request.body.len()).sum();
        assert_eq!(recorder.bytes().len(), total, "nothing stands between or behind the requests");
        for (seen, sent) in seen.iter().zip(&sent) {
            assert_eq!(seen.connection, 0, "one connection upstream, used again");
            assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", seen.head);
            assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
            assert_eq!(seen.header("transfer-encoding"), None);
            let body: Value = serde_json::from_slice(&seen.body).expect("a whole body");
            assert_eq!(body["messages"], sent["messages"]);
            assert_ne!(body["model"], sent["model"]);
        }
    });
}

/// Rule 2, in the role *attempt*: the second provider's body has another length than the first one's.
#[test]
fn content_length_is_that_of_the_second_attempt_too() {
    play(async {
        let recorder = Recorder::start().await.expect("a recorder");
        let base = format!("http://{}/v1", recorder.address());
        let stage = Script::new()
            .provider("first", Vendor::Generic)
            .set("/providers/recorder", json!({ "base_url": base, "speaks": ["chat"], "auth": "none" }))
            .alias("grows", &["first/m", "recorder/a-model-with-a-longer-name-than-the-first-one-has"])
            .alias("shrinks", &["first/a-model-with-a-longer-name-than-the-second-one-has", "recorder/n"])
            .start()
            .await;
        stage.provider("first").set_fault(Fault::Status(503));
        for alias in ["grows", "shrinks", "grows"] {
            for ask in [Ask::json(CHAT, &chat(alias, "hi")), Ask::json(CHAT, &chat(alias, "hi")).in_pieces(7)]
            {
                let answer = ask.send(stage.address()).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        let seen = recorder.requests();
        assert_eq!(seen.len(), 6);
        let total: usize = seen.iter().map(|request| request.head.len() + request.body.len()).sum();
        assert_eq!(recorder.bytes().len(), total, "nothing stands between or behind the requests");
        for request in seen {
            assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
            assert!(serde_json::from_slice::<Value>(&request.body).is_ok(), "a whole body");
        }
    });
}

/// Rule 3: trailers end a body. A request that brings some is classified like any other, and fails over like any other.
#[test]
fn request_trailers_do_not_bypass_the_filter() {
    play(async {
        let stage = Script::new().lane("auto", 2).start().await;
        for (protocol, pieces) in
            [(Protocol::H2, 4096), (Protocol::H2, 11), (Protocol::H1, 4096), (Protocol::H1, 11)]
        {
            for failing in [false, true] {
                let fault = if failing { Fault::Status(503) } else { Fault::None };
                stage.provider("auto-a").set_fault(fault);
                let ask = Ask::json(CHAT, &chat("auto", "hello there"))
                    .in_pieces(pieces)
                    .trailer("x-checksum", "1");
                let answer = ask.send_by(protocol, stage.address()).await;
                assert_eq!(answer.status, 200, "{protocol:?}: {}", answer.text());
                let letter = if failing { "b" } else { "a" };
                let seen = stage.provider(&format!("auto-{letter}")).last().expect("a request");
                assert_eq!(seen.model(), format!("model-{letter}"), "{protocol:?}");
                assert_eq!(seen.header("authorization"), Some(bearer(&format!("auto-{letter}")).as_str()));
                assert!(seen.complete && seen.refusal.is_none(), "{seen:?}");
            }
        }
        assert_eq!(stage.provider("auto-a").requests().len(), 8);
        assert_eq!(stage.provider("auto-b").requests().len(), 4);
    });
}

/// Rule 4: attempt 1 goes to the second provider where the first one rests. It gets its own model and its own key.
#[test]
fn a_skipped_provider_does_not_lend_its_key() {
    play(async {
        let stage = Script::new()
            .lane("auto", 3)
            .set("/envoy/rest_after", json!(1))
            .set("/envoy/rest_ms", json!(60_000))
            .start()
            .await;
        stage.provider("auto-a").set_fault(Fault::Status(503));
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200);
        let resting =
            || stage.envoy.stat("cluster.auto-a.outlier_detection.ejections_active").filter(|n| *n == 1);
        assert!(until(Duration::from_secs(5), resting).await.is_some(), "the first provider rests");

        for provider in stage.providers() {
            provider.set_fault(Fault::None);
            provider.clear();
        }
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(stage.provider("auto-a").requests().is_empty(), "it rests");
        // Not the last request alone: with the first one's key it would be refused, and the retry would look right.
        let seen = stage.provider("auto-b").requests();
        assert_eq!(seen.len(), 1, "the second provider answers at once");
        let seen = &seen[0];
        assert_eq!(seen.model(), "model-b");
        assert_eq!(seen.header("authorization"), Some(bearer("auto-b").as_str()));
        assert_eq!(seen.refusal, None);
        assert_eq!(answer.header("x-pointsman-model"), "auto-b/model-b");

        // And onward from there. Envoy takes the n-th upstream of the chain for attempt n, or the next one that is not at
        // rest: the second is therefore asked twice here, each time as itself. The chain's length bounds it all.
        stage.provider("auto-b").clear();
        stage.provider("auto-b").set_fault(Fault::Status(429));
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-model"), "auto-c/model-c");
        let seen = stage.provider("auto-b").requests();
        assert_eq!(seen.len(), 2, "asked again, and not a third time");
        assert!(
            seen.iter()
                .all(|seen| seen.model() == "model-b" && seen.refusal.as_deref() != Some("Unauthorized"))
        );
        let seen = stage.provider("auto-c").requests();
        assert_eq!((seen.len(), seen[0].model().as_str()), (1, "model-c"));
        assert_eq!(seen[0].header("authorization"), Some(bearer("auto-c").as_str()));
    });
}

/// Rule 4, broken: an endpoint that does not say who it is gets nothing at all.
#[test]
fn an_unnamed_endpoint_gets_no_request() {
    play(async {
        let stage = Script::new()
            .lane("auto", 2)
            .start_tampered(|files| {
                for cluster in files.clusters["resources"].as_array_mut().expect("clusters") {
                    if let Some(endpoint) = cluster.pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0")
                    {
                        endpoint.as_object_mut().expect("an endpoint").remove("metadata");
                    }
                }
            })
            .await;
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["error"]["code"], "pointsman_unknown_upstream", "{}", answer.text());
        assert!(stage.providers().all(|provider| provider.requests().is_empty()));
    });
}

/// Rule 5: what the first attempt did to the headers is not there in the second, and the body starts anew.
#[test]
fn nothing_of_the_first_attempt_is_left_in_the_second() {
    play(async {
        let stage = Script::new()
            .provider("anthropic", Vendor::Anthropic)
            .provider("minimax", Vendor::MiniMax)
            .alias("one", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M2.5"])
            .alias("other", &["minimax/MiniMax-M2.5", "anthropic/claude-opus-4-6"])
            .start()
            .await;
        let beta = "interleaved-thinking-2025-05-14";
        for (alias, first, second) in [("one", "anthropic", "minimax"), ("other", "minimax", "anthropic")] {
            stage.providers().for_each(|provider| provider.clear());
            stage.provider(first).set_fault(Fault::Status(529));
            stage.provider(second).set_fault(Fault::None);
            let body = messages(alias, "hello");
            let ask = Ask::json("/v1/messages?beta=true", &body)
                .header("authorization", "Bearer of-the-client")
                .header("x-api-key", "of-the-client")
                .header("anthropic-beta", beta);
            let answer = ask.send(stage.address()).await;
            assert_eq!(answer.status, 200, "{alias}: {}", answer.text());

            for (name, path, model) in [
                ("anthropic", "/v1/messages?beta=true", "claude-opus-4-6"),
                ("minimax", "/anthropic/v1/messages?beta=true", "MiniMax-M2.5"),
            ] {
                let seen = stage.provider(name).requests();
                assert_eq!(seen.len(), 1, "{alias}: {name}");
                let seen = &seen[0];
                assert_eq!(seen.path, path, "{alias}: {name}");
                assert_eq!(seen.authority, stage.provider(name).addr().to_string(), "{alias}: {name}");
                let (bearer, api_key, beta) = match name {
                    "anthropic" => (None, Some(key_of(name)), Some(beta)),
                    _ => (Some(bearer(name)), None, None),
                };
                assert_eq!(seen.header("authorization"), bearer.as_deref(), "{alias}: {name}");
                assert_eq!(seen.header("x-api-key"), api_key.as_deref(), "{alias}: {name}");
                assert_eq!(seen.header("anthropic-beta"), beta, "{alias}: {name}");
                assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"), "{alias}: {name}");
                assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
                let mut expected = body.clone();
                expected["model"] = json!(model);
                assert_eq!(
                    serde_json::from_slice::<Value>(&seen.body).expect("JSON"),
                    expected,
                    "{alias}: {name}: nothing but the model"
                );
            }
        }
    });
}

/// Rule 6: bodies that make a parser stumble do not end the stream that runs beside them.
#[test]
fn a_running_stream_survives_bad_requests_beside_it() {
    play(async {
        let stage = Script::new().lane("calm", 1).lane("auto", 1).start().await;
        let before = stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created");
        stage.provider("calm-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(40) });
        let mut body = chat("calm", "tell me something long");
        body["stream"] = json!(true);
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let flow = connection.start(Ask::json(CHAT, &body)).await.expect("an answer");

        let deep = "[".repeat(200_000);
        let wide = format!("{{{}\"model\":\"auto\"}}", "\"k\":1,".repeat(5000));
        let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(300_000));
        let number = format!(r#"{{"model":"auto","max_tokens":{},"messages":[]}}"#, "9".repeat(10_000));
        let huge = format!(
            r#"{{"model":"auto","messages":[{{"role":"user","content":"{}"}}]}}"#,
            "\\u00e9".repeat(700_000)
        );
        let garbage: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let bodies = [
            deep.into_bytes(),
            wide.into_bytes(),
            long.into_bytes(),
            number.into_bytes(),
            huge.into_bytes(),
            garbage,
        ];
        for path in [CHAT, "/v1/messages", "/v1/responses"] {
            for body in &bodies {
                let answer = Ask::post(path, body.clone()).send(stage.address()).await;
                assert!((200..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
            }
        }
        let answer = flow.finish().await;
        assert!(!answer.cut, "the stream runs to its end");
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
        assert_eq!(
            stage.envoy.stat("wasm.envoy.wasm.runtime.v8.created"),
            before,
            "no VM had to be made anew"
        );
        assert!(!stage.envoy.log().contains("panic"), "{}", stage.envoy.log());
    });
}

/// Rule 7: what a client may not say, it may not say in a header either.
#[test]
fn headers_of_the_router_and_of_envoy_cannot_be_spoofed() {
    static SPOOFED: [(&str, &str); 18] = [
        ("x-pointsman-cluster", "chain:other-a"),
        ("x-pointsman-plan", "other-a"),
        ("x-pointsman-upstream", "other-a"),
        ("x-pointsman-rejected", "no"),
        ("x-pointsman-credential-auto-a", "sk-spoofed"),
        ("x-pointsman-credential-other-a", "sk-spoofed"),
        ("x-pointsman-target", "other-a/model-a"),
        ("x-pointsman-tier", "only"),
        ("x-envoy-max-retries", "9"),
        ("x-envoy-retry-on", "retriable-status-codes,retriable-4xx,5xx"),
        ("x-envoy-retriable-status-codes", "400"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
        ("x-envoy-original-path", "/v1/elsewhere"),
        ("x-envoy-upstream-alt-stat-name", "spoofed"),
        ("x-envoy-hedge-on-per-try-timeout", "true"),
        ("x-envoy-internal", "true"),
        ("X-Pointsman-Cluster", "other-a"),
    ];
    play(async {
        let stage = Script::new()
            .lane("auto", 2)
            .lane("other", 1)
            .provider("rest", Vendor::Generic)
            .set("/passthrough", json!({ "chat": "rest", "other": "rest" }))
            .start()
            .await;
        // If the client's retry policy held, a 400 would be tried elsewhere; if its timeouts did, nothing would answer.
        stage.provider("auto-a").set_fault(Fault::FirstN(1, Box::new(Fault::Status(400))));
        stage.provider("rest").set_fault(Fault::SlowHead(Duration::from_millis(50)));
        let spoofed = |mut ask: Ask| {
            for (name, value) in SPOOFED {
                ask = ask.header(name, value);
            }
            ask
        };
        for protocol in [Protocol::H1, Protocol::H2] {
            for (ask, statuses) in [
                (Ask::json(CHAT, &chat("auto", "hi")), [400, 200]),
                (Ask::json(CHAT, &chat("not-routed", "hi")), [200, 200]),
                (Ask::new("GET", "/v1/files"), [404, 404]),
                (Ask::post("/v1/embeddings", "{}"), [404, 404]),
                (Ask::post(CHAT, "not json"), [400, 400]),
            ] {
                let answer = spoofed(ask.clone()).send_by(protocol, stage.address()).await;
                assert!(statuses.contains(&answer.status), "{ask:?}: {} {}", answer.status, answer.text());
            }
        }
        assert_eq!(stage.provider("auto-a").requests().len(), 2, "each sent once");
        assert!(stage.provider("auto-b").requests().is_empty(), "no retry that the client ordered");
        assert!(stage.provider("other-a").requests().is_empty(), "no chain that the client chose");
        assert_eq!(stage.provider("rest").requests().len(), 8);
        for provider in stage.providers() {
            for seen in provider.requests() {
                let leaked: Vec<&str> = seen
                    .headers
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .filter(|name| name.starts_with("x-pointsman-") || name.starts_with("x-envoy-"))
                    .collect();
                assert!(leaked.is_empty(), "{}: {leaked:?}", provider.name());
                assert_eq!(seen.header("authorization"), Some(bearer(provider.name()).as_str()));
            }
        }
    });
}

/// Rule 7, from the other side: a provider's answer does not speak for the router.
#[test]
fn headers_of_the_router_cannot_be_spoofed_by_a_provider() {
    play(async {
        let stage = Script::new().lane("auto", 2).start().await;
        let names = ["upstream", "model", "tier", "effort", "reason", "cluster", "plan", "rejected"];
        let headers = names.map(|name| (format!("x-pointsman-{name}"), "auto-b".to_owned())).to_vec();
        stage.provider("auto-a").set_fault(Fault::StatusWith { status: 400, headers });
        let answer = Ask::json(CHAT, &chat("auto", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("x-pointsman-model"), "auto-a/model-a");
        assert_eq!(answer.header("x-pointsman-tier"), "only");
        assert!(answer.header("x-pointsman-reason").starts_with("difficulty "), "{:?}", answer.headers);
        let page = stage.envoy.prometheus().expect("the page");
        let attempts =
            |upstream: &str| samples(&page, "pointsman_attempts", &[&format!("upstream=\"{upstream}\"")]);
        assert_eq!((attempts("auto-a"), attempts("auto-b")), (1, 0));
        for name in ["x-pointsman-model", "x-pointsman-tier", "x-pointsman-reason"] {
            assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name}");
        }
    });
}

/// Rule 7: without a provider for other paths there is no way through, whatever cluster the client names.
#[test]
fn there_is_no_default_route_to_a_paid_cluster() {
    play(async {
        let stage = Script::new().lane("auto", 1).start().await;
        for ask in [
            Ask::new("GET", "/v1/files"),
            Ask::post("/v1/embeddings", "{}"),
            Ask::json(CHAT, &chat("not-routed", "hi")),
            Ask::json("/v1/messages", &messages("not-routed", "hi")),
        ] {
            let answer =
                ask.clone().header("x-pointsman-cluster", "chain:auto-a").send(stage.address()).await;
            assert_eq!(answer.status, 404, "{ask:?}: {}", answer.text());
            assert!(answer.json()["error"]["message"].is_string(), "{}", answer.text());
        }
        assert!(stage.provider("auto-a").requests().is_empty());
    });
}

fn bearer(provider: &str) -> String {
    format!("Bearer {}", key_of(provider))
}
