//! Each provider sees its own key, and nobody else sees any.

use std::{fs, time::Duration};

use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Ask, Protocol},
    local::Local,
    play,
    stage::{Script, key_of},
    until,
};
use serde_json::json;

use crate::{CHAT, MESSAGES, chat, messages, start};

const NAMES: [&str; 4] = ["anthropic", "openai", "minimax", "open"];

fn script() -> Script {
    Script::serving()
        .provider("anthropic", Vendor::Anthropic)
        .provider("openai", Vendor::OpenAi)
        .provider("minimax", Vendor::MiniMax)
        .provider_with("open", Vendor::Generic, |options| options.key.clear())
        .alias("claude", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"])
        .alias("chat", &["openai/gpt-5.4-mini", "open/m", "minimax/MiniMax-M3"])
        .set("/passthrough", json!({ "other": "openai" }))
}

async fn traffic(stage: &Local) {
    for fault in [Fault::None, Fault::Status(401), Fault::Reset] {
        for name in ["anthropic", "openai"] {
            stage.provider(name).set_fault(fault.clone());
        }
        for protocol in [Protocol::H1, Protocol::H2] {
            for (path, body) in [(MESSAGES, messages("claude", "hi")), (CHAT, chat("chat", "hi"))] {
                let answer = Ask::json(path, &body)
                    .header("authorization", "Bearer client-secret")
                    .header("x-api-key", "client-secret")
                    .header("api-key", "client-secret")
                    .header("x-goog-api-key", "client-secret")
                    .header("proxy-authorization", "Basic client-secret")
                    .header("cookie", "session=client-secret")
                    .header("x-pointsman-credential-minimax", "client-secret")
                    .header("x-forwarded-for", "192.0.2.7")
                    .header("x-forwarded-authorization", "client-secret")
                    .send_by(protocol, stage.address())
                    .await;
                assert_eq!(answer.status, 200, "{path} {fault:?}: {}", answer.text());
                let headers = format!("{:?}", answer.headers);
                for name in NAMES {
                    assert!(!answer.text().contains(&key_of(name)) && !headers.contains(&key_of(name)));
                }
            }
            Ask::new("GET", "/v1/files")
                .header("authorization", "Bearer client-secret")
                .send(stage.address())
                .await;
        }
    }
    stage.provider("openai").set_fault(Fault::Status(503));
    assert_eq!(Ask::json(CHAT, &chat("chat", "hi")).send(stage.address()).await.status, 200);
}

#[test]
fn each_provider_sees_its_own_key_and_no_other() {
    play(async {
        let stage = start(script()).await;
        traffic(&stage).await;
        for name in NAMES {
            let seen = stage.provider(name).requests();
            assert!(name == "minimax" || !seen.is_empty(), "{name} took part");
            for seen in seen {
                let what = format!("{name}: {:?}", seen.headers);
                let all: Vec<u8> = seen.headers.iter().flat_map(|(_, value)| value.clone()).collect();
                let all = String::from_utf8_lossy(&all).into_owned() + &String::from_utf8_lossy(&seen.body);
                assert!(!all.contains("client-secret") && !all.contains("192.0.2.7"), "{what}");
                for other in NAMES.into_iter().filter(|other| *other != name) {
                    assert!(!all.contains(&key_of(other)), "{what}");
                }
                assert_eq!(all.contains(&key_of(name)), name != "open", "{what}");
                for header in ["cookie", "api-key", "x-goog-api-key", "proxy-authorization"] {
                    assert_eq!(seen.header(header), None, "{what}");
                }
                assert!(!seen.headers.iter().any(|(header, _)| header.starts_with("x-pointsman-")), "{what}");
            }
        }
        let logged = || (stage.gateway.access_log().len() > 12).then_some(());
        assert!(until(Duration::from_secs(10), logged).await.is_some());
        let mut places = vec![
            ("what it says".to_owned(), stage.gateway.log()),
            ("the access log".to_owned(), format!("{:?}", stage.gateway.access_log())),
        ];
        for page in ["/metrics", "/", "/healthz", "/ready", "/nothing"] {
            places.push((page.to_owned(), stage.gateway.admin_page(page).expect("a page")));
        }
        let document = stage.gateway.folder().join("pointsman.json");
        places.push(("the document".to_owned(), fs::read_to_string(document).expect("a file")));
        for (place, text) in places {
            for name in NAMES.into_iter().filter(|name| *name != "open") {
                assert!(!text.contains(&key_of(name)), "the key of {name} stands in {place}");
            }
            assert!(!text.contains("client-secret"), "a client's credential stands in {place}");
        }
    });
}

#[test]
fn a_missing_key_fails_closed() {
    play(async {
        let (mut cast, _) = Script::serving()
            .provider("anthropic", Vendor::Anthropic)
            .provider("minimax", Vendor::MiniMax)
            .alias("first", &["anthropic/claude-opus-4-6", "minimax/MiniMax-M3"])
            .alias("second", &["minimax/MiniMax-M3", "anthropic/claude-opus-4-6"])
            .cast()
            .await;
        cast.keys.retain(|(name, _)| !name.contains("ANTHROPIC"));
        let stage = Local::on(env!("CARGO_BIN_EXE_gateway"), cast);
        for (path, body) in [(MESSAGES, messages("first", "hi")), (CHAT, chat("first", "hi"))] {
            let ask = Ask::json(path, &body).header("x-api-key", "sk-of-the-client");
            let answer = ask.send(stage.address()).await;
            assert_eq!(answer.status, 503, "{}", answer.text());
            let error = answer.json();
            let message = error["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains("no key for the provider `anthropic`"), "{}", answer.text());
            let code = if path == CHAT { &error["error"]["code"] } else { &error["code"] };
            assert_eq!(code, "pointsman_no_credential", "{}", answer.text());
        }
        assert!(stage.provider("anthropic").requests().is_empty(), "it was sent nothing");
        assert!(
            stage.provider("minimax").requests().is_empty(),
            "a mistake is to be seen, not paid for elsewhere"
        );
        let answer = Ask::json(MESSAGES, &messages("second", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        stage.provider("minimax").set_fault(Fault::Status(529));
        let answer = Ask::json(MESSAGES, &messages("second", "hi")).send(stage.address()).await;
        assert_eq!(answer.json()["code"], json!("pointsman_no_credential"), "{}", answer.text());
        assert!(stage.provider("anthropic").requests().is_empty());
    });
}
