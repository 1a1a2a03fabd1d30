//! The prompt cache: what is read, what is written, and what makes it forget.

mod client;

use client::said::{messages_usage, whole};
use client::{post, start};
use pointsman_sim::{Billed, Provider, Vendor};
use serde_json::{Value, json};

#[tokio::test]
async fn anthropic_caches_at_marks_only() {
    let claude = start(Vendor::Anthropic).await;
    let long = "word ".repeat(1000);
    let ask = async |mark: Value, ttl: &str, turns: usize, more: Value| {
        let mut control = json!({"type": "ephemeral"});
        if !ttl.is_empty() {
            control["ttl"] = json!(ttl);
        }
        let mut system = json!([{"type": "text", "text": long}]);
        if mark == json!("system") {
            system[0]["cache_control"] = control.clone();
        }
        let mut messages = Vec::new();
        for turn in 0..turns {
            messages.push(
                json!({"role": "user", "content": [{"type": "text", "text": format!("turn {turn} {long}")}]}),
            );
            messages.push(json!({"role": "assistant", "content": "Yes"}));
        }
        messages.push(
            json!({"role": "user", "content": [{"type": "text", "text": format!("turn {turns} {long}")}]}),
        );
        if mark == json!("last") {
            messages[turns * 2]["content"][0]["cache_control"] = control;
        }
        let mut body =
            json!({"model": "claude-opus-5-5", "max_tokens": 500, "system": system, "messages": messages});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = post(&claude, "/v1/messages", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let usage = messages_usage(&reply.json()["usage"]).unwrap();
        let billed = claude.last().unwrap().billed.unwrap();
        assert_eq!(Billed { reasoning: 0, ..billed }, usage);
        usage
    };
    let none = json!({});
    // No marks, no cache.
    for _ in 0..2 {
        let usage = ask(json!(null), "", 0, none.clone()).await;
        assert_eq!((usage.cache_read, usage.cache_write()), (0, 0));
    }
    let first = ask(json!("system"), "", 0, none.clone()).await;
    assert_eq!((first.cache_read, first.cache_write_short), (0, 1250));
    let second = ask(json!("system"), "", 0, none.clone()).await;
    assert_eq!((second.cache_read, second.cache_write(), second.fresh), (1250, 0, first.fresh));
    // The mark moves with the conversation: what was written is read, what is new is written.
    let third = ask(json!("last"), "", 0, none.clone()).await;
    assert_eq!((third.cache_read, third.fresh), (1250, 0));
    let fourth = ask(json!("last"), "", 1, none.clone()).await;
    assert_eq!((fourth.cache_read, fourth.fresh), (third.prompt(), 0));
    assert_eq!(fourth.cache_write_short, fourth.prompt() - third.prompt());
    // Another effort keeps the system prompt, not the messages.
    let fifth = ask(json!("last"), "", 1, json!({"output_config": {"effort": "low"}})).await;
    assert_eq!(fifth.cache_read, 1250);
    // Another model knows nothing.
    let sixth = ask(json!("last"), "", 1, json!({"model": "claude-haiku-5-5"})).await;
    assert_eq!((sixth.cache_read, sixth.cache_write_short), (0, sixth.prompt()));
    // An hour has its own count.
    let seventh = ask(json!("last"), "1h", 2, none.clone()).await;
    assert_eq!((seventh.cache_read, seventh.cache_write_short), (fourth.prompt(), 0));
    assert!(seventh.cache_write_long > 0);
    // A short prefix is not cached: 512 tokens at least.
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 500, "cache_control": {"type": "ephemeral"},
        "messages": [{"role": "user", "content": "short"}]});
    post(&claude, "/v1/messages", &body).await;
    assert_eq!(claude.last().unwrap().billed.unwrap().cache_write(), 0);
    claude.forget_cache();
    assert_eq!(ask(json!("last"), "", 1, none).await.cache_read, 0);
}

#[tokio::test]
async fn others_cache_by_themselves() {
    let long = "word ".repeat(1200);
    let ask = |model: &str, turns: usize, system: &str| {
        let mut messages = vec![json!({"role": "system", "content": format!("{system} {long}")})];
        for turn in 0..turns {
            messages.push(json!({"role": "user", "content": format!("turn {turn}")}));
            messages.push(json!({"role": "assistant", "content": "Yes"}));
        }
        messages.push(json!({"role": "user", "content": "And?"}));
        json!({"model": model, "messages": messages})
    };
    let billed = async |provider: &Provider, path: &str, body: &Value| {
        let reply = post(provider, path, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let billed = provider.last().unwrap().billed.unwrap();
        assert_eq!(whole(&reply).usage.unwrap().cache_read, billed.cache_read);
        billed
    };
    let path = "/v1/chat/completions";
    let openai = start(Vendor::OpenAi).await;
    assert_eq!(billed(&openai, path, &ask("gpt-5.4", 0, "a")).await.cache_read, 0);
    let hit = billed(&openai, path, &ask("gpt-5.4", 1, "a")).await;
    assert_eq!((hit.cache_read, hit.cache_write()), (1408, 0), "steps of 128");
    assert_eq!(billed(&openai, path, &ask("gpt-5.4", 1, "b")).await.cache_read, 0);
    assert_eq!(billed(&openai, path, &ask("gpt-5.2", 1, "a")).await.cache_read, 0);
    let mut keyed = ask("gpt-5.4", 1, "a");
    keyed["prompt_cache_key"] = json!("other");
    assert_eq!(billed(&openai, path, &keyed).await.cache_read, 0, "another key, another machine");
    // From 5.6 on writes are billed, and only whole prompts are found again.
    let first = billed(&openai, path, &ask("gpt-6-sol", 0, "a")).await;
    assert_eq!((first.fresh, first.cache_write_short), (0, first.prompt()));
    let mut grown = ask("gpt-6-sol", 0, "a");
    grown["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "more"}));
    let second = billed(&openai, path, &grown).await;
    assert_eq!(
        (second.cache_read, second.cache_write_short),
        (first.prompt(), second.prompt() - first.prompt())
    );
    let third = billed(&openai, path, &ask("gpt-6-sol", 1, "a")).await;
    assert_eq!(third.cache_read, 0, "the system prompt alone was never a breakpoint");

    for (vendor, path, model) in [
        (Vendor::MiniMax, path, "MiniMax-M3"),
        (Vendor::DeepSeek, "/chat/completions", "deepseek-flash"),
        (Vendor::Moonshot, path, "kimi-k3"),
        (Vendor::Zai, "/api/paas/v4/chat/completions", "glm-5.3"),
        (Vendor::Generic, path, "m"),
    ] {
        let provider = start(vendor).await;
        assert_eq!(billed(&provider, path, &ask(model, 0, "a")).await.cache_read, 0, "{vendor:?}");
        let hit = billed(&provider, path, &ask(model, 1, "a")).await;
        assert!(hit.cache_read > 1200, "{vendor:?}: {hit:?}");
    }
    // Tools in another key order are another prompt.
    let provider = start(Vendor::DeepSeek).await;
    let raw = |tools: &str| {
        format!(
            r#"{{"model":"deepseek-flash","tools":[{tools}],"messages":[{{"role":"user","content":"{long}"}}]}}"#
        )
    };
    let one = raw(r#"{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}"#);
    let two = raw(r#"{"function":{"name":"f","parameters":{"type":"object"}},"type":"function"}"#);
    let own = client::headers(Vendor::DeepSeek, path);
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (body, hit) in [(&one, false), (&one, true), (&two, false)] {
        let wire = client::Wire::default();
        client::send(&wire, provider.addr(), "POST", "/chat/completions", &own, body.clone()).await.unwrap();
        assert_eq!(provider.last().unwrap().billed.unwrap().cache_read > 0, hit);
    }
}
