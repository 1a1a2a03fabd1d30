//! What an operator's rules do, and how a wrong one is blamed.

use pointsman::{Config, Effort, Opened, RequestHead, Routed, Router};
use serde_json::{Value, json};

fn config(rules: Value) -> Value {
    json!({
        "version": 1,
        "ladders": { "default": { "tiers": [
            { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
            { "name": "mid", "targets": ["deepseek/deepseek-v4-pro"] },
            { "name": "frontier", "targets": ["anthropic/claude-opus-5-5"] }
        ], "thresholds": [900, 950] } },
        "aliases": { "auto": "default", "other": "default" },
        "override": ["tier"],
        "rules": rules
    })
}

/// Tier, target, effort and reason.
type Decided = (String, String, Option<Effort>, String);

/// What was decided; or status and body of a refusal.
fn route(
    config: &Value,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<Decided, (u16, String)> {
    let router = Router::new(Config::from_json(config.to_string().as_bytes()).unwrap());
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &headers };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    match pending.route(&router, body.to_string().as_bytes()) {
        Routed::Forward(forward) => {
            let summary = forward.summary();
            let first = &forward.attempts()[0];
            Ok((
                summary.tier.clone().unwrap(),
                first.target.clone(),
                first.effort,
                summary.reason.to_string(),
            ))
        }
        Routed::Reject(rejection) => Err((rejection.status, String::from_utf8(rejection.body).unwrap())),
    }
}

fn ask(text: &str) -> Value {
    json!({ "model": "auto", "max_tokens": 900, "messages": [{ "role": "user", "content": text }] })
}

fn tier(config: &Value, headers: &[(&str, &str)], text: &str) -> String {
    route(config, "/v1/messages?beta=true", headers, &ask(text)).unwrap().0
}

#[test]
fn the_first_rule_that_holds_decides() {
    let config = config(json!([
        { "name": "contracts", "if": { "keyword": ["contract"] }, "then": { "floor": "frontier" } },
        { "name": "legal", "if": { "header": { "x-team": "legal*" } }, "then": { "floor": "mid" } }
    ]));
    let legal = [("x-team", "legal-eu")];
    assert_eq!(tier(&config, &[], "hi"), "cheap");
    assert_eq!(tier(&config, &legal, "hi"), "mid");
    assert_eq!(tier(&config, &legal, "Read this Contract."), "frontier");
    let reason = route(&config, "/v1/messages", &legal, &ask("hi")).unwrap().3;
    assert_eq!(reason, "rule legal");
}

#[test]
fn every_condition_counts() {
    for (when, headers, holds) in [
        (json!({ "path": "/v1/*" }), &[][..], true),
        (json!({ "path": ["/v2/*", "*/messages"] }), &[], true),
        (json!({ "path": "/v1/chat/*" }), &[], false),
        (json!({ "header": { "x-team": "a" } }), &[("x-team", "a")], true),
        (json!({ "header": { "x-team": "a", "x-other": "*" } }), &[("x-team", "a")], false),
        (json!({ "alias": "auto" }), &[], true),
        (json!({ "alias": ["other"] }), &[], false),
        (json!({ "dialect": "messages" }), &[], true),
        (json!({ "dialect": ["chat", "responses"] }), &[], false),
        (json!({ "step": "prompt" }), &[], true),
        (json!({ "step": "tool_result" }), &[], false),
        (json!({ "client": "codex" }), &[("originator", "codex_exec")], true),
        (json!({ "client": "codex" }), &[], false),
        (json!({ "tools": false }), &[], true),
        (json!({ "tools": true }), &[], false),
        (json!({ "tokens_to": 1000 }), &[], true),
        (json!({ "tokens_from": 1000 }), &[], false),
        (json!({ "keyword": ["greet", "hello"] }), &[], true),
        (json!({ "keyword": "farewell" }), &[], false),
        (json!({ "regex": r"(?i)\bhello\b" }), &[], true),
        (json!({ "regex": [r"^Say \w+,", "never"] }), &[], true),
        (json!({ "regex": r"\d" }), &[], false),
        (json!({ "keyword": "hello", "regex": r"\d" }), &[], false),
        (json!({ "task": "chat" }), &[], true),
        (json!({ "task": ["maths", "knowledge/law"] }), &[], false),
        (json!({ "caller": "somebody" }), &[], false),
        (json!({ "path": "/v1/*", "tools": true }), &[], false),
    ] {
        let config = config(json!([{ "name": "r", "if": when, "then": { "floor": "frontier" } }]));
        let expected = if holds { "frontier" } else { "cheap" };
        assert_eq!(tier(&config, headers, "Say Hello, please"), expected, "{when} {headers:?}");
    }
}

#[test]
fn a_rule_names_a_target_an_effort_or_a_refusal() {
    let target =
        config(json!([{ "name": "r", "then": { "target": "deepseek/deepseek-v4-pro", "effort": "high" } }]));
    let (tier, target, effort, reason) = route(&target, "/v1/messages", &[], &ask("hi")).unwrap();
    assert_eq!(
        (tier.as_str(), target.as_str(), effort),
        ("mid", "deepseek/deepseek-v4-pro", Some(Effort::High))
    );
    assert_eq!(reason, "rule r");
    let reject = config(
        json!([{ "name": "r", "if": { "keyword": "secret" }, "then": { "reject": "not through this gateway" } }]),
    );
    let (status, body) = route(&reject, "/v1/messages", &[], &ask("tell me the secret")).unwrap_err();
    assert_eq!(status, 403);
    assert!(body.contains("not through this gateway") && body.contains("\"type\":\"error\""), "{body}");
    let ceiling = config(json!([{ "name": "r", "then": { "ceiling": "cheap" } }]));
    let hard = "Prove that every finite integral domain is a field, and derive the interleaving of our lock-free queue.";
    let mut ceiling = ceiling;
    ceiling["ladders"]["default"]["thresholds"] = json!([0, 0]);
    assert_eq!(route(&ceiling, "/v1/messages", &[], &ask(hard)).unwrap().0, "cheap");
}

#[test]
fn an_allowed_header_goes_before_a_rule() {
    let config = config(json!([{ "name": "r", "then": { "ceiling": "cheap" } }]));
    assert_eq!(tier(&config, &[("x-pointsman-tier", "frontier")], "hi"), "frontier");
}

#[test]
fn a_rule_may_ask_for_a_language() {
    let config =
        config(json!([{ "name": "german", "if": { "language": ["de", "ja"] }, "then": { "floor": "mid" } }]));
    for (text, expected) in [
        ("Bitte schreibe die Zusammenfassung und erkl\u{e4}re, was das f\u{fc}r uns hei\u{df}t.", "mid"),
        ("この文を短くしてください。お願いします。", "mid"),
        ("Please write the summary and say what this is for.", "cheap"),
        ("ok", "cheap"),
    ] {
        assert_eq!(tier(&config, &[], text), expected, "{text}");
    }
}

#[test]
fn escapes_of_the_wire_are_no_part_of_the_words() {
    let config = config(json!([{ "name": "r", "if": { "regex": r"a\nb" }, "then": { "floor": "mid" } }]));
    assert_eq!(tier(&config, &[], "a\nb"), "mid");
    assert_eq!(tier(&config, &[], r"a\nb"), "cheap");
}

#[test]
fn a_wrong_rule_is_blamed_where_it_stands() {
    for (rule, pointer, says) in [
        (json!({ "name": "r", "then": {} }), "/rules/0/then", "a rule does something"),
        (json!({ "name": "r" }), "/rules/0", "`then` is missing"),
        (
            json!({ "name": "r", "if": { "regex": ["a", "(b"] }, "then": { "floor": "mid" } }),
            "/rules/0/if/regex/1",
            "unclosed group",
        ),
        (
            json!({ "name": "r", "if": { "regex": "(a{99}){99}" }, "then": { "floor": "mid" } }),
            "/rules/0/if/regex",
            "too large",
        ),
        (
            json!({ "name": "r", "if": { "language": "german" }, "then": { "floor": "mid" } }),
            "/rules/0/if/language",
            "de",
        ),
        (json!({ "name": "r", "then": { "floor": "middle" } }), "/rules/0/then/floor", "no tier"),
        (json!({ "name": "r", "then": { "target": "openai/gpt-5" } }), "/rules/0/then/target", "no target"),
        (
            json!({ "name": "r", "if": { "alias": "autos" }, "then": { "floor": "mid" } }),
            "/rules/0/if/alias",
            "did you mean",
        ),
        (
            json!({ "name": "r", "if": { "step": "plan" }, "then": { "floor": "mid" } }),
            "/rules/0/if/step",
            "planning",
        ),
        (
            json!({ "name": "r", "if": { "headers": {} }, "then": { "floor": "mid" } }),
            "/rules/0/if/headers",
            "did you mean `header`",
        ),
        (
            json!({ "name": "r", "if": { "header": { "X-Team": "a" } }, "then": { "floor": "mid" } }),
            "/rules/0/if/header/X-Team",
            "lower case",
        ),
    ] {
        let error = Config::from_json(config(json!([rule])).to_string().as_bytes()).unwrap_err();
        assert_eq!(error.pointer, pointer, "{error}");
        assert!(error.message.contains(says), "{error}");
    }
}
