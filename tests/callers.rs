//! Who may use the router, and what it answers by itself.

use pointsman::{Config, Opened, RequestHead, Routed, Router};

/// Some digest.
const ALICE: &str = "sha256:5dd1c5b0d5bb7a1b1a0b1c0e3b7b0d2d3b1b6b9d9c9d1b1a0b1c0e3b7b0d2d3b";

fn config(callers: &str) -> Result<Config, pointsman::ConfigError> {
    let document = format!(
        r#"{{ "version": 1, "ladders": {{ "default": {{ "tiers": [ {{ "name": "only", "targets": ["anthropic/claude-opus-4-6"] }} ] }} }},
        "aliases": {{ "auto": "default", "claude/opus": "default" }}, "callers": {callers} }}"#
    );
    Config::from_json(document.as_bytes())
}

fn open(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &[u8])],
) -> Result<String, (u16, String)> {
    let head = RequestHead { method: method.as_bytes(), path: path.as_bytes(), headers };
    match router.open(&head) {
        Opened::Answer(answer) => Ok(String::from_utf8(answer.body).unwrap()),
        Opened::Reject(rejection) => Err((rejection.status, String::from_utf8(rejection.body).unwrap())),
        Opened::Forward(_) => Ok("forwarded".to_owned()),
        Opened::NeedBody(pending) => {
            let body = br#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
            let Routed::Forward(forward) = pending.route(router, body) else { panic!("routable") };
            Ok(format!("caller {:?}", forward.summary().caller))
        }
    }
}

#[test]
fn only_callers_with_a_token_come_in_and_the_others_are_told_in_their_dialect() {
    let callers = format!(r#"{{ "alice": ["{ALICE}", "{}"], "bob": "{}" }}"#, digest("old"), digest("bobs"));
    let router = Router::new(config(&callers).unwrap());
    for (name, value, caller) in [
        ("authorization", "Bearer old", Some("alice")),
        ("authorization", "bearer  bobs", Some("bob")),
        ("x-api-key", "bobs", Some("bob")),
        ("api-key", "bobs", Some("bob")),
        ("authorization", "Basic bobs", None),
        ("authorization", "Bearer bob", None),
        ("x-api-key", "", None),
        ("x-pointsman-caller", "bobs", None),
    ] {
        let said = open(&router, "POST", "/v1/messages", &[(name, value.as_bytes())]);
        match caller {
            Some(caller) => assert_eq!(said.unwrap(), format!("caller Some({caller:?})"), "{name}: {value}"),
            None => {
                let (status, body) = said.unwrap_err();
                assert_eq!(status, 401, "{name}: {value}");
                assert!(body.contains(r#""type":"authentication_error""#), "{body}");
                assert!(!body.contains("bob"), "{body}");
            }
        }
    }
    let (status, body) = open(&router, "POST", "/v1/chat/completions", &[]).unwrap_err();
    assert_eq!(status, 401);
    assert!(body.starts_with(r#"{"error":{"message":"#), "{body}");
    // Neither is the list of models anybody's, nor any other path.
    assert_eq!(open(&router, "GET", "/v1/models", &[]).unwrap_err().0, 401);
    assert_eq!(open(&router, "POST", "/v1/embeddings", &[]).unwrap_err().0, 401);
}

#[test]
fn a_token_is_never_stated_by_itself_and_belongs_to_one_caller() {
    for (callers, pointer) in [
        (r#"{ "alice": "my-secret-token" }"#.to_owned(), "/callers/alice"),
        (r#"{ "alice": ["sha256:12"] }"#.to_owned(), "/callers/alice/0"),
        (format!(r#"{{ "alice": "{ALICE}", "bob": "{ALICE}" }}"#), "/callers/bob"),
        (r#"{ "alice": [] }"#.to_owned(), "/callers/alice"),
    ] {
        let error = config(&callers).unwrap_err();
        assert_eq!(error.pointer, pointer, "{callers}");
        assert!(!error.message.contains("secret"), "{error}");
    }
}

#[test]
fn the_models_are_the_aliases_in_the_clients_shape() {
    let router = Router::new(config("{}").unwrap().without_callers());
    assert_eq!(
        open(&router, "GET", "/v1/models", &[]).unwrap(),
        r#"{"object":"list","data":[{"id":"auto","object":"model","created":0,"owned_by":"pointsman"},{"id":"claude/opus","object":"model","created":0,"owned_by":"pointsman"}]}"#
    );
    let anthropic: [(&str, &[u8]); 1] = [("anthropic-version", b"2023-06-01")];
    let list: serde_json::Value =
        serde_json::from_str(&open(&router, "GET", "/v1/models?limit=1000", &anthropic).unwrap()).unwrap();
    assert_eq!(list["data"][0]["type"], "model");
    assert_eq!((&list["first_id"], &list["last_id"]), (&"auto".into(), &"claude/opus".into()));
    let one = open(&router, "GET", "/v1/models/claude%2Fopus", &anthropic).unwrap();
    assert!(one.contains(r#""id":"claude/opus""#), "{one}");
    let (status, body) = open(&router, "GET", "/v1/models/gpt-2", &anthropic).unwrap_err();
    assert_eq!(status, 404);
    assert!(body.contains("not_found_error"), "{body}");
    assert_eq!(open(&router, "HEAD", "/", &[]).unwrap(), "");
}

fn digest(token: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(token);
    format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
