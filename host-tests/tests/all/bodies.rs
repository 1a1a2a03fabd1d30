//! Bodies in any number of pieces, with any end, of any content.

use host_tests::proxy_wasm::{Answer, Envoy, Quirks, Request};

use crate::setup::{CHAT, answers, chat, document, envoy, error_code, model, unreachable};

fn with(quirks: Quirks) -> Envoy {
    Envoy::with(&document(), quirks)
}

#[test]
fn any_pieces_make_the_same_request() {
    let whole = envoy().exchange(chat(), answers).sent;
    for (request_chunk, end_apart) in [(1, false), (1, true), (7, false), (usize::MAX, true)] {
        let quirks = Quirks { request_chunk, end_apart, ..Quirks::default() };
        let sent = with(quirks).exchange(chat(), answers).sent;
        assert_eq!(sent[0].body, whole[0].body, "pieces of {request_chunk}, end apart: {end_apart}");
        assert_eq!(sent[0].headers, whole[0].headers);
    }
}

/// HTTP/2 with trailers: no body callback says that it is the last.
#[test]
fn trailers_end_a_body() {
    let outcome = envoy().exchange(chat().with_trailers(), |_, sent| match sent.upstream.as_str() {
        "alpha" => Answer::json(500, "{}"),
        _ => Answer::json(200, "{}"),
    });
    let models: Vec<String> = outcome.sent.iter().map(|sent| model(&sent.body)).collect();
    assert_eq!(models, ["small", "a-model-with-a-longer-name"]);
    assert!(outcome.sent.iter().all(|sent| sent.header("content-length").is_none()));
}

#[test]
fn trailers_after_no_body_are_no_way_around() {
    let outcome = envoy().exchange(Request::post("/v1/chat/completions", "").with_trailers(), answers);
    assert_eq!(outcome.noted("dialect"), Some("chat"));
    assert!(outcome.sent.iter().all(|sent| sent.body.is_empty()));
}

#[test]
fn a_chunked_request_leaves_with_a_length() {
    let outcome = envoy().exchange(chat().without("content-length"), answers);
    let sent = &outcome.sent[0];
    assert_eq!(sent.header("content-length"), Some(&*sent.body.len().to_string()));
}

#[test]
fn an_empty_body_passes_as_unreadable() {
    for request in [Request::new("POST", "/v1/chat/completions"), Request::post("/v1/chat/completions", "")] {
        let outcome = envoy().exchange(request, answers);
        assert_eq!((outcome.status, outcome.sent.len()), (200, 1));
        assert_eq!((outcome.sent[0].upstream.as_str(), outcome.sent[0].body.len()), ("alpha", 0));
        assert!(outcome.noted("reason").is_some_and(|reason| reason.starts_with("passed through")));
    }
}

#[test]
fn what_cannot_be_read_passes_byte_by_byte() {
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let bodies: [&[u8]; 12] = [
        b"{",
        b"}",
        b"null",
        b"[\"auto\"]",
        b"{\"model\":\"auto\",\"model\":\"auto\"}",
        b"{\"model\":\"auto\"} trailing",
        b"{\"model\":1}",
        b"\xef\xbb\xbf{\"model\":\"auto\"}",
        b"{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
        b"{\"model\":\"auto\\ud800\"}",
        b"\0\0\0\0",
        &deep,
    ];
    let mut envoy = envoy();
    for body in bodies {
        let outcome = envoy.exchange(Request::post("/v1/chat/completions", body), answers);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!((outcome.status, outcome.sent.len()), (200, 1), "{shown}");
        let sent = &outcome.sent[0];
        assert_eq!((sent.upstream.as_str(), sent.body == body), ("alpha", true), "{shown}");
    }
}

#[test]
fn a_compressed_body_passes_as_it_is() {
    let body = b"\x1f\x8b\x08\0 not really".to_vec();
    let request = Request::post("/v1/chat/completions", body.clone()).header("content-encoding", "gzip");
    let outcome = envoy().exchange(request, answers);
    assert_eq!(outcome.sent[0].body, body);
    assert_eq!(outcome.sent[0].header("content-encoding"), Some("gzip"));
    assert_eq!(outcome.sent[0].header("content-length"), Some(&*body.len().to_string()));
}

/// The model at the end of a long body, and at its start: both ways of writing it back.
#[test]
fn a_splice_reaches_any_place_of_the_body() {
    let filler = "x".repeat(50_000);
    let front = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{filler}"}}]}}"#);
    let back = format!(r#"{{"messages":[{{"role":"user","content":"{filler}"}}],"model":"auto"}}"#);
    for body in [front, back] {
        for replaces_prefix in [true, false] {
            let quirks = Quirks { replaces_prefix, ..Quirks::default() };
            let outcome = with(quirks)
                .exchange(Request::post("/v1/chat/completions", body.clone()), |_, sent| {
                    Answer::json(if sent.upstream == "alpha" { 500 } else { 200 }, "{}")
                });
            let [first, second] = &outcome.sent[..] else { panic!("{}", outcome.sent.len()) };
            assert!(first.body == body.replace("\"auto\"", "\"small\"").as_bytes());
            assert!(second.body == body.replace("\"auto\"", "\"a-model-with-a-longer-name\"").as_bytes());
        }
    }
}

#[test]
fn a_body_over_the_limit_is_refused_in_the_clients_dialect() {
    let quirks = || Quirks { max_body: Some(CHAT.len() - 1), request_chunk: 16, ..Quirks::default() };
    let announced = chat();
    let chunked = chat().without("content-length");
    for request in [announced, chunked] {
        let outcome = with(quirks()).exchange(request, unreachable);
        assert_eq!((outcome.status, &*error_code(&outcome.body, "chat")), (413, "pointsman_too_large"));
        assert!(outcome.headers.iter().all(|(name, _)| !name.starts_with("x-pointsman-")), "its own answer");
    }
    let messages = Request::post("/v1/messages", CHAT);
    let outcome = with(quirks()).exchange(messages, unreachable);
    assert_eq!((outcome.status, &*error_code(&outcome.body, "messages")), (413, "pointsman_too_large"));
}

#[test]
fn a_body_at_the_limit_is_taken() {
    let quirks = Quirks { max_body: Some(CHAT.len()), request_chunk: 16, ..Quirks::default() };
    assert_eq!(with(quirks).exchange(chat(), answers).status, 200);
}

/// Every cut of a request, and one with each of its bytes turned around: whatever comes of it, no panic and no hang.
#[test]
fn damaged_requests_do_no_harm() {
    let mut envoy = envoy();
    let body = br#"{"model":"auto","stream":true,"max_tokens":9,"tools":[{"type":"function","function":{"name":"f"}}],
        "messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9\n"}]}],"reasoning_effort":"low"}"#;
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/messages/count_tokens"] {
        for i in 0..body.len() {
            let mut turned = body.to_vec();
            turned[i] ^= 0x21;
            for damaged in [body[..i].to_vec(), turned] {
                envoy.exchange(Request::post(path, damaged), answers);
            }
        }
    }
}

#[test]
fn damaged_heads_do_no_harm() {
    let mut envoy = envoy();
    let heads = [
        Request::post("", CHAT),
        Request::post("/", CHAT),
        Request::post("*", CHAT),
        Request::post("/v1/chat/completions?\u{e9}=%ff", CHAT),
        Request::new("", "/v1/chat/completions"),
        Request::new("OPTIONS", "*"),
        Request::new("POST", "/v1/messages").without(":path").without(":method"),
        chat().header("content-length", "99999999999999999999999"),
        chat().header("", ""),
        chat().header("x-pointsman-", "").header("x-envoy-", ""),
        chat().header("content-encoding", b"\xff"),
        chat().header("anthropic-beta", b"\xff").header("openai-beta", "x".repeat(100_000)),
    ];
    for request in heads {
        let request =
            if request_has_two_lengths(&request) { request.without("content-length") } else { request };
        envoy.exchange(request, answers);
    }
}

fn request_has_two_lengths(request: &Request) -> bool {
    format!("{request:?}").matches("\"content-length\"").count() > 1
}
