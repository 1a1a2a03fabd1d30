//! Keys go to their own provider, and nowhere else.

use std::{fs, os::unix::fs::PermissionsExt};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::Ask,
    play,
    stage::{Script, Stage, key_of},
};
use serde_json::{Value, json};

use crate::{chat, messages};

const CHAT: &str = "/v1/chat/completions";

const NAMES: [&str; 3] = ["anthropic", "minimax", "openai"];

fn script() -> Script {
    Script::new()
        .provider("anthropic", Vendor::Anthropic)
        .provider("minimax", Vendor::MiniMax)
        .provider("openai", Vendor::OpenAi)
        .provider_with("open", Vendor::Generic, |options| options.key = String::new())
        .alias("auto", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"])
        .alias("chat", &["openai/gpt-5.4-mini", "open/m", "minimax/MiniMax-M3"])
        .set("/passthrough", json!({ "messages": "anthropic", "chat": "open", "other": "openai" }))
}

/// Requests of every kind, with failures, all full of the client's own credentials.
async fn traffic(stage: &Stage) {
    stage.provider("anthropic").set_fault(Fault::Sequence(vec![
        Fault::Status(529),
        Fault::None,
        Fault::Reset,
    ]));
    stage.provider("openai").set_fault(Fault::FirstN(1, Box::new(Fault::Status(429))));
    let mut streamed = messages("auto", "hi");
    streamed["stream"] = json!(true);
    for ask in [
        Ask::json("/v1/messages", &messages("auto", "hi")),
        Ask::json("/v1/messages", &streamed),
        Ask::json("/v1/messages", &messages("auto", "hi")),
        Ask::json(CHAT, &chat("chat", "hi")),
        Ask::json(CHAT, &chat("chat", "hi")),
        Ask::json("/v1/messages", &messages("claude-opus-4-6", "hi")),
        Ask::json(CHAT, &chat("anything", "hi")),
        Ask::post("/v1/messages", "{ not json"),
        Ask::new("GET", "/v1/files"),
    ] {
        let ask = ask
            .header("authorization", "Bearer client-secret-one")
            .header("x-api-key", "client-secret-two")
            .header("api-key", "client-secret-three")
            .header("x-goog-api-key", "client-secret-four")
            .header("cookie", "session=client-secret-five")
            .header("proxy-authorization", "Basic client-secret-six");
        let answer = ask.clone().send(stage.address()).await;
        assert!(answer.status < 500, "{ask:?}: {} {}", answer.status, answer.text());
        let (text, headers) = (answer.text(), format!("{:?}", answer.headers));
        for name in NAMES {
            assert!(!text.contains(&key_of(name)) && !headers.contains(&key_of(name)), "{ask:?}");
        }
    }
}

#[test]
fn each_provider_sees_its_own_key_and_no_other() {
    play(async {
        let stage = script().start().await;
        traffic(&stage).await;
        for provider in stage.providers() {
            let seen = provider.requests();
            assert!(!seen.is_empty(), "{} took part", provider.name());
            for seen in seen {
                let what = format!("{}: {:?}", provider.name(), seen.headers);
                let all: Vec<u8> = seen.headers.iter().flat_map(|(_, value)| value.clone()).collect();
                let all = String::from_utf8_lossy(&all).into_owned() + &String::from_utf8_lossy(&seen.body);
                assert!(!all.contains("client-secret"), "{what}");
                for name in NAMES.into_iter().filter(|name| *name != provider.name()) {
                    assert!(!all.contains(&key_of(name)), "{what}");
                }
                let own = all.contains(&key_of(provider.name()));
                assert_eq!(own, provider.name() != "open", "{what}");
                for name in ["cookie", "api-key", "x-goog-api-key", "proxy-authorization"] {
                    assert_eq!(seen.header(name), None, "{what}");
                }
            }
        }
    });
}

#[test]
fn keys_are_in_no_log_no_metric_and_no_page() {
    play(async {
        let stage = script().log_level("info").start().await;
        traffic(&stage).await;
        let folder = stage.envoy.folder();
        let mut places = vec![
            ("Envoy's log".to_owned(), stage.envoy.log()),
            ("the access log".to_owned(), format!("{:?}", stage.envoy.access_log())),
        ];
        for page in [
            "/config_dump?include_eds",
            "/config_dump",
            "/stats",
            "/stats/prometheus",
            "/clusters?format=json",
            "/listeners?format=json",
            "/certs",
            "/server_info",
            "/runtime",
            "/init_dump",
            "/",
        ] {
            let text = stage.envoy.admin_page(page).expect("a page");
            assert!(!text.is_empty(), "{page}");
            places.push((page.to_owned(), text));
        }
        for file in ["envoy.yaml", "clusters.json", "filter.json", "pointsman.json"] {
            places.push((file.to_owned(), fs::read_to_string(folder.join(file)).expect("a file")));
        }
        assert!(
            places.iter().any(|(place, text)| place == "/config_dump" && text.contains("key-anthropic")),
            "a real dump"
        );
        for (place, text) in &places {
            for name in NAMES {
                assert!(!text.contains(&key_of(name)), "the key of {name} stands in {place}");
            }
            assert!(!text.contains("client-secret"), "a client's credential stands in {place}");
        }
        for name in NAMES {
            let path = folder.join("secrets").join(format!("{name}.json"));
            let mode = fs::metadata(path).expect("the secret").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "the owner's alone");
        }
    });
}

/// A provider without a key gets no request at all: neither the client's credential nor a spoofed one takes its place.
#[test]
fn a_missing_key_fails_closed() {
    play(async {
        let (mut cast, options) = Script::new()
            .provider("anthropic", Vendor::Anthropic)
            .provider("minimax", Vendor::MiniMax)
            .alias("first", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"])
            .alias("second", &["minimax/MiniMax-M3", "anthropic/claude-opus-4-6"])
            .cast()
            .await;
        cast.keys.retain(|(name, _)| !name.contains("ANTHROPIC"));
        let envoy = live::envoy::Envoy::start(&cast.document, &cast.keys, &options)
            .unwrap_or_else(|failure| panic!("{failure}"));
        for (path, body) in [("/v1/messages", messages("first", "hi")), (CHAT, chat("first", "hi"))] {
            let answer = Ask::json(path, &body)
                .header("x-api-key", "sk-of-the-client")
                .header("authorization", "Bearer sk-of-the-client")
                .header("x-pointsman-credential-anthropic", "sk-spoofed")
                .send(envoy.address())
                .await;
            assert_eq!(answer.status, 503, "{}", answer.text());
            let error = answer.json();
            let message = error["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains("no key for the provider `anthropic`"), "{}", answer.text());
            let code = if path == CHAT { &error["error"]["code"] } else { &error["code"] };
            assert_eq!(code, "pointsman_no_credential", "{}", answer.text());
        }
        assert!(cast.providers["anthropic"].requests().is_empty(), "it was sent nothing");
        // It does not fail over: a mistake in the set-up is to be seen, not to be paid for elsewhere.
        assert!(cast.providers["minimax"].requests().is_empty());
        // Where it comes second it is not in the way of the first, and is as closed as before.
        let answer = Ask::json("/v1/messages", &messages("second", "hi")).send(envoy.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        cast.providers["minimax"].set_fault(Fault::Status(529));
        let answer = Ask::json("/v1/messages", &messages("second", "hi")).send(envoy.address()).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.json()["code"], json!("pointsman_no_credential"));
        assert!(cast.providers["anthropic"].requests().is_empty());
        assert_eq!(Value::Null, answer.json()["usage"]);
    });
}
