//! Which requests are asked more than once, in which way, and how a wrong setting is blamed.

use pointsman::{Config, Forward, Opened, RequestHead, Routed, Router};
use serde_json::{Value, json};

fn document(samples: &Value) -> Value {
    json!({
        "version": 1,
        "ladders": { "default": { "tiers": [
            { "name": "low", "targets": ["minimax/MiniMax-M3"], "samples": samples },
            { "name": "high", "targets": ["anthropic/claude-opus-5-5", "openai/gpt-6.1-sol"] }
        ], "thresholds": [1000], "default_tier": "low" } },
        "aliases": { "auto": "default" },
        "models": { "minimax/MiniMax-M3": { "capabilities": { "json_schema": true } } },
        "budgets": [{ "name": "all", "usd": 1, "window": "day", "near": 0.5 }]
    })
}

fn route(samples: &Value, path: &str, body: &Value, spent: u64) -> Forward {
    let document = document(samples).to_string();
    let router =
        Router::new(Config::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{error}")));
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &[] };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    let body = body.to_string();
    let spent = pointsman::PicoUsd::from_pico(spent);
    match pending.read(body.as_bytes()).afford(&router, 0, |_| spent).route(&router, None, None) {
        Routed::Forward(forward) => forward,
        Routed::Reject(rejection) => panic!("{}", String::from_utf8_lossy(&rejection.body)),
    }
}

/// How it is sampled, or why not.
fn verdict(samples: &Value, path: &str, body: &Value) -> String {
    let forward = route(samples, path, body, 0);
    match (forward.sampling(), forward.not_sampled()) {
        (Some(plan), None) => plan.to_string(),
        (None, Some(unfit)) => unfit.to_string(),
        other => panic!("{other:?}"),
    }
}

fn messages(text: &str) -> Value {
    json!({ "model": "auto", "max_tokens": 900, "messages": [{ "role": "user", "content": text }] })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[test]
fn the_answer_that_a_request_wants_is_told_from_its_format_or_its_words() {
    let vote = json!({ "mode": "vote" });
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } });
    let free = json!({ "type": "object", "properties": { "story": { "type": "string" } } });
    let chat = |format: Value| with(messages("hi"), "response_format", format);
    let by_schema = |schema: &Value| {
        chat(json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": schema } }))
    };
    let input = |text: &str| json!({ "model": "auto", "input": text });
    let never = "its answer cannot be compared: no schema, and no word of a letter, number or label";
    for (path, body, expected) in [
        (
            "/v1/messages",
            messages("A or B? Answer with a SINGLE LETTER."),
            "vote on a letter, 3 to 7 samples",
        ),
        ("/v1/messages", messages("How many? Only the number, please."), "vote on a number, 3 to 7 samples"),
        ("/v1/messages", messages("Put it in \\boxed{}."), "vote on a boxed answer, 3 to 7 samples"),
        ("/v1/chat/completions", messages("Is it spam? Say yes or no."), "vote on a label, 3 to 7 samples"),
        ("/v1/responses", input("Spam? Answer in one word."), "vote on a label, 3 to 7 samples"),
        ("/v1/chat/completions", by_schema(&schema), "vote on JSON by a schema, 3 to 7 samples"),
        ("/v1/chat/completions", by_schema(&free), never),
        (
            "/v1/chat/completions",
            chat(json!({ "type": "json_object" })),
            "vote on a JSON object, 3 to 7 samples",
        ),
        (
            "/v1/responses",
            with(
                input("hi"),
                "text",
                json!({ "format": { "type": "json_schema", "name": "a", "schema": schema } }),
            ),
            "vote on JSON by a schema, 3 to 7 samples",
        ),
        ("/v1/messages", messages("Tell me a story."), never),
        ("/v1/messages", with(messages("one word"), "stream", json!(true)), "its answer is to be streamed"),
        (
            "/v1/messages",
            with(
                messages("one word"),
                "tools",
                json!([{ "name": "f", "input_schema": { "type": "object" } }]),
            ),
            "it offers tools",
        ),
        (
            "/v1/messages",
            with(messages("one word"), "temperature", json!(0.0)),
            "at temperature 0 all answers are the same",
        ),
        (
            "/v1/chat/completions",
            with(messages("one word"), "n", json!(2)),
            "it asks for several answers itself",
        ),
    ] {
        assert_eq!(verdict(&vote, path, &body), expected, "{path} {body}");
    }
}

#[test]
fn a_cascade_checks_what_cannot_be_voted_on_and_knows_the_next_tier() {
    let free = json!({ "type": "object", "properties": { "story": { "type": "string" } } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": free } });
    let body = with(with(messages("hi"), "response_format", format), "temperature", json!(0));
    let cascade = json!({ "mode": "cascade" });
    let forward = route(&cascade, "/v1/chat/completions", &body, 0);
    assert_eq!(forward.sampling().unwrap().to_string(), "cascade for JSON by a schema, 1 to begin with");
    let up = forward.up().expect("a next tier");
    assert_eq!((up.summary().tier.as_deref(), up.attempts().len()), (Some("high"), 2));
    assert!(up.attempts()[0].target.starts_with("anthropic/"));
    // Its edits are those of a request that goes there at once.
    assert_eq!(up.edits(), forward.edits());
    // Both tiers may have to be paid for.
    let plain = route(&json!({ "mode": "vote", "min": 1, "max": 1 }), "/v1/chat/completions", &body, 0);
    assert!(forward.tab().unwrap().estimate > plain.tab().unwrap().estimate);
    // Where a budget closes the top, there is nothing to go up to.
    let forward = route(&cascade, "/v1/chat/completions", &body, 600_000_000_000);
    assert!(forward.sampling().is_some() && forward.up().is_none());
}

#[test]
fn auto_follows_the_class_of_the_model() {
    let auto = json!({ "mode": "auto" });
    let expected = "on this model at this effort one answer is as good as several";
    assert_eq!(verdict(&auto, "/v1/messages", &messages("one word")), expected);
}

#[test]
fn budgets_promise_what_all_samples_may_cost() {
    let estimate = |max: u64| {
        let samples = json!({ "mode": "race", "max": max });
        route(&samples, "/v1/messages", &messages("one word"), 0).tab().unwrap().estimate.pico()
    };
    assert_eq!(estimate(5), 5 * estimate(1));
}

#[test]
fn wrong_settings_are_blamed_by_their_place() {
    for (samples, expected) in [
        (json!({}), "/ladders/default/tiers/0/samples: the key `mode` is missing"),
        (
            json!({ "mode": "vite" }),
            "/ladders/default/tiers/0/samples/mode: unknown word `vite`; did you mean `vote`?",
        ),
        (
            json!({ "mode": "vote", "min": 0 }),
            "/ladders/default/tiers/0/samples/min: expected a whole number from 1 to 15",
        ),
        (
            json!({ "mode": "vote", "max": 16 }),
            "/ladders/default/tiers/0/samples/max: expected a whole number from 1 to 15",
        ),
        (
            json!({ "mode": "vote", "min": 5, "max": 4 }),
            "/ladders/default/tiers/0/samples: `min` is 5 and `max` is 4",
        ),
        (
            json!({ "mode": "race", "deadline_ms": 10 }),
            "/ladders/default/tiers/0/samples/deadline_ms: expected",
        ),
        (json!({ "mode": "vote", "most": 4 }), "/ladders/default/tiers/0/samples/most: unknown key `most`"),
    ] {
        let error = Config::from_json(document(&samples).to_string().as_bytes()).expect_err("it is wrong");
        let text = error.to_string();
        assert!(text.starts_with(expected), "{text}");
    }
    let mut last = document(&json!({ "mode": "vote" }));
    last["ladders"]["default"]["tiers"][1]["samples"] = json!({ "mode": "cascade" });
    let error = Config::from_json(last.to_string().as_bytes()).expect_err("nothing stands above");
    assert_eq!(error.pointer, "/ladders/default/tiers/1/samples/mode");
}
