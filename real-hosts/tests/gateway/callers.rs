//! Who may use the gateway, and what it answers by itself.

use pointsman_sim::Vendor;
use real_hosts::{
    client::{Ask, Protocol},
    play,
    stage::{Script, key_of},
};
use serde_json::json;

use crate::{CHAT, assert_own_error, chat, in_each_api, start};

const TOKEN: &str = "pm-of-ada-0123456789";

#[test]
fn without_a_token_nobody_is_served_and_the_token_goes_no_further() {
    play(async {
        let script = Script::serving()
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .set("/callers", json!({ "ada": pointsman_cli::token::digest(TOKEN) }));
        let stage = start(script).await;
        for (path, body) in in_each_api("auto", "hi") {
            for protocol in [Protocol::H1, Protocol::H2] {
                for wrong in [None, Some("pm-of-ada-012345678"), Some("")] {
                    let ask = Ask::json(path, &body);
                    let ask = match wrong {
                        Some(token) => ask.header("authorization", format!("Bearer {token}")),
                        None => ask,
                    };
                    let answer = ask.send_by(protocol, stage.address()).await;
                    assert_eq!(answer.status, 401, "{path} {wrong:?}: {}", answer.text());
                    assert_own_error(&answer, path);
                }
                let bearer = Ask::json(path, &body).header("authorization", format!("Bearer {TOKEN}"));
                let plain = Ask::json(path, &body).header("x-api-key", TOKEN);
                for ask in [bearer, plain] {
                    let answer = ask.send_by(protocol, stage.address()).await;
                    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                }
            }
        }
        assert_eq!(Ask::new("GET", "/v1/models").send(stage.address()).await.status, 401);
        let seen = stage.provider("minimax").requests();
        assert_eq!(seen.len(), 12, "none of those without a token");
        for seen in seen {
            assert_eq!(seen.header("authorization"), Some(format!("Bearer {}", key_of("minimax")).as_str()));
            assert!(!format!("{:?}", seen.headers).contains(TOKEN));
        }
        assert_eq!(stage.logged("auto").await["caller"], "ada");
        let log = format!("{:?} {}", stage.gateway.access_log(), stage.gateway.log());
        assert!(!log.contains(TOKEN) && !stage.gateway.prometheus().expect("the page").contains(TOKEN));
    });
}

#[test]
fn the_gateway_knows_its_models_and_takes_no_path_away() {
    play(async {
        let script = Script::serving()
            .provider("anthropic", Vendor::Anthropic)
            .alias("auto", &["anthropic/claude-opus-4-6"])
            .set("/passthrough", json!({ "other": "anthropic" }));
        let stage = start(script).await;
        let answer = Ask::new("GET", "/v1/models").send(stage.address()).await;
        assert_eq!(
            (answer.status, &answer.json()["data"][0]["id"]),
            (200, &json!("auto")),
            "{}",
            answer.text()
        );
        let ask = Ask::new("GET", "/v1/models?limit=1000").header("anthropic-version", "2023-06-01");
        let answer = ask.send(stage.address()).await;
        assert_eq!(answer.json()["data"][0]["type"], "model", "{}", answer.text());
        let answer = Ask::new("HEAD", "/").send(stage.address()).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert!(stage.provider("anthropic").requests().is_empty());
        // What stands on the admin listener is the client's on this one.
        for path in ["/metrics", "/healthz", "/ready"] {
            Ask::new("GET", path).send(stage.address()).await;
            assert_eq!(stage.provider("anthropic").last().expect("a request").path, path);
        }
        assert_eq!(stage.gateway.admin_page("/healthz").expect("a page"), "ok\n");
        assert!(stage.gateway.admin_page("/ready").expect("a page").contains("LIVE"));
    });
}

#[test]
fn what_is_not_routed_passes_untouched() {
    play(async {
        let script = Script::serving()
            .provider("anthropic", Vendor::Anthropic)
            .provider("minimax", Vendor::MiniMax)
            .alias("auto", &["minimax/MiniMax-M3"])
            .set("/passthrough", json!({ "messages": "anthropic", "other": "minimax" }));
        let stage = start(script).await;
        // Odd spacing, an unknown field, a number that no double holds.
        let body = "{ \"model\" :\"claude-opus-4-6\",\n \"max_tokens\":16, \"messages\":[{\"role\":\"user\",\"content\":\"h\\u0069\"}],\"metadata\":{\"user_id\":\"a\"} }";
        for protocol in [Protocol::H1, Protocol::H2] {
            let answer = Ask::post("/v1/messages?beta=true", body)
                .header("anthropic-beta", "context-1m-2025-08-07")
                .send_by(protocol, stage.address())
                .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let seen = stage.provider("anthropic").last().expect("a request");
            assert_eq!(String::from_utf8_lossy(&seen.body), body, "byte for byte");
            assert_eq!(seen.path, "/v1/messages?beta=true");
            assert_eq!(seen.header("anthropic-beta"), Some("context-1m-2025-08-07"));
            assert_eq!(answer.body, seen.sent);
        }
        // Another path streams through: larger than what the gateway would hold, and in pieces.
        let large = "x".repeat(40 * 1024 * 1024);
        Ask::post("/v1/files", large.clone()).in_pieces(1 << 20).send(stage.address()).await;
        let seen = stage.provider("minimax").last().expect("a request");
        assert_eq!((seen.body.len(), seen.method.as_str()), (large.len(), "POST"));
        // Without a way out there is an error, in the client's API.
        let answer = Ask::json(CHAT, &chat("not-routed", "hi")).send(stage.address()).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert_own_error(&answer, CHAT);
    });
}
