//! Each rule: the good request is answered, the same request with one change is refused, and says why.

mod client;

use client::{post, post_with, start, start_with};
use pointsman_sim::Vendor;
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// RFC 7396: `null` removes.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

struct Rules {
    provider: pointsman_sim::Provider,
    path: &'static str,
    good: Value,
}

impl Rules {
    async fn new(vendor: Vendor, path: &'static str, good: Value) -> Self {
        Self { provider: start(vendor).await, path, good }
    }

    /// `patch` turns the good request into one that is refused with a message that contains `words`.
    async fn refuses(&self, patch: Value, words: &str) {
        self.refuses_as(400, patch, words).await;
    }

    async fn refuses_as(&self, status: u16, patch: Value, words: &str) {
        let mut bad = self.good.clone();
        merge(&mut bad, &patch);
        let reply = post(&self.provider, self.path, &bad).await;
        assert_eq!(reply.status, status, "{patch} was not refused: {}", reply.text());
        let text = reply.text();
        assert!(text.contains(words), "{patch}: expected {words:?} in {text}");
        let seen = self.provider.last().unwrap();
        assert!(seen.refusal.is_some() && seen.billed.is_none());
        self.takes(json!({})).await;
    }

    async fn takes(&self, patch: Value) -> Value {
        let mut body = self.good.clone();
        merge(&mut body, &patch);
        let reply = post(&self.provider, self.path, &body).await;
        assert_eq!(reply.status, 200, "{patch} was refused: {}", reply.text());
        reply.json()
    }
}

fn user() -> Value {
    json!([{"role": "user", "content": "Hello there"}])
}

fn claude(model: &str) -> Value {
    json!({"model": model, "max_tokens": 4000, "messages": user()})
}

fn tool() -> Value {
    json!([{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}])
}

fn function() -> Value {
    json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}])
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": user()})
}

/// A finished tool call in a Chat history, without reasoning.
fn chat_history() -> Value {
    json!([
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": "seen"},
    ])
}

#[tokio::test]
async fn claude_of_every_generation() {
    let newest =
        ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1", "claude-mythos-5-1", "claude-haiku-5-5"];
    let sampling =
        ["claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-fable-5"];
    for model in newest.into_iter().chain(sampling) {
        let rules = Rules::new(Vendor::Anthropic, MESSAGES, claude(model)).await;
        rules.refuses(json!({"temperature": 0.5}), "`temperature` is deprecated").await;
        rules.refuses(json!({"top_p": 0.9}), "`top_p` is deprecated").await;
        rules.refuses(json!({"top_k": 5}), "`top_k` is deprecated").await;
        let enabled = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
        rules.refuses(enabled, "thinking.type.enabled").await;
        let prefill =
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
        rules.refuses(prefill, "prefill").await;
        rules.takes(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}})).await;
        rules.takes(json!({"output_config": {"effort": "max"}})).await;
        rules.refuses(json!({"output_config": {"effort": "minimal"}}), "output_config.effort").await;
        rules.refuses(json!({"output_config": {"effort": "none"}}), "output_config.effort").await;
    }
    for model in newest.into_iter().chain(["claude-fable-5"]) {
        let rules = Rules::new(Vendor::Anthropic, MESSAGES, claude(model)).await;
        rules.refuses(json!({"thinking": {"type": "disabled"}}), "thinking.type.disabled").await;
    }
    for model in newest {
        let rules = Rules::new(Vendor::Anthropic, MESSAGES, claude(model)).await;
        let forced = [json!({"type": "any"}), json!({"type": "tool", "name": "look"})];
        for choice in forced {
            let patch = json!({"tools": tool(), "tool_choice": choice});
            if model == "claude-haiku-5-5" {
                rules.takes(patch).await;
            } else {
                rules.refuses(patch, "forced tool use").await;
            }
        }
    }
    let opus5 = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-opus-5")).await;
    opus5.takes(json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}})).await;
    let patch = json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}});
    opus5.refuses(patch, "above 'high'").await;
}

#[tokio::test]
async fn claude_up_to_4_6() {
    let opus46 = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-opus-4-6")).await;
    opus46.takes(json!({"temperature": 0.2})).await;
    opus46.takes(json!({"output_config": {"effort": "max"}})).await;
    opus46.refuses(json!({"output_config": {"effort": "xhigh"}}), "'xhigh' is not supported").await;
    opus46.takes(json!({"thinking": {"type": "adaptive"}})).await;
    opus46
        .refuses(json!({"thinking": {"type": "adaptive"}, "temperature": 0.2}), "may only be set to 1")
        .await;
    opus46.refuses(json!({"temperature": 0.2, "top_p": 0.9}), "cannot both").await;
    let prefill =
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
    opus46.refuses(prefill.clone(), "prefill").await;

    let haiku45 = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-haiku-4-5")).await;
    haiku45.takes(prefill).await;
    haiku45.refuses(json!({"output_config": {"effort": "low"}}), "does not support the effort").await;
    haiku45.refuses(json!({"thinking": {"type": "adaptive"}}), "adaptive thinking is not supported").await;
    let budget = |tokens: u64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    haiku45.takes(budget(1024)).await;
    haiku45.refuses(budget(1000), "greater than or equal to 1024").await;
    haiku45.refuses(budget(4000), "must be greater than `thinking.budget_tokens`").await;
    haiku45.refuses(json!({"thinking": {"type": "enabled"}}), "budget_tokens: Field required").await;
    let mut forced = budget(2000);
    merge(&mut forced, &json!({"tools": tool(), "tool_choice": {"type": "any"}}));
    haiku45.refuses(forced, "forces tool use").await;
    haiku45.refuses(json!({"max_tokens": 64_001}), "maximum allowed number of output tokens").await;
    haiku45.takes(json!({"thinking": {"type": "disabled"}})).await;
    // A tool result whose call shows no thinking.
    let history = json!([
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "seen"}]},
    ]);
    haiku45.takes(json!({"tools": tool(), "messages": history})).await;
    let mut thinking = budget(2000);
    merge(&mut thinking, &json!({"tools": tool(), "messages": history}));
    haiku45.refuses(thinking, "found `tool_use`").await;
}

#[tokio::test]
async fn messages_of_any_claude() {
    let rules = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-sonnet-5")).await;
    rules.refuses(json!({"max_tokens": null}), "max_tokens: Field required").await;
    rules.refuses(json!({"max_tokens": 128_001}), "128000").await;
    rules.takes(json!({"max_tokens": 0})).await;
    rules.refuses(json!({"messages": []}), "at least one message").await;
    rules
        .refuses(json!({"reasoning_effort": "low"}), "reasoning_effort: Extra inputs are not permitted")
        .await;
    rules.refuses(json!({"stream_options": {}}), "Extra inputs are not permitted").await;
    rules.refuses(json!({"context_management": {"edits": []}}), "context_management: Extra inputs").await;
    rules.refuses(json!({"messages": [{"role": "tool", "content": "x"}]}), "messages.0.role").await;
    rules.refuses(json!({"messages": [{"role": "user", "content": ""}]}), "non-empty").await;
    rules
        .refuses(json!({"messages": [{"role": "user", "content": "x", "name": "n"}]}), "messages.0.name")
        .await;
    let block = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "id": 1}]}]});
    rules.refuses(block, "messages.0.content.0.text.id: Extra inputs").await;
    let image = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]});
    rules.refuses(image, "image_url").await;
    rules.refuses(json!({"tool_choice": {"type": "auto"}}), "tools").await;
    rules.refuses(json!({"tools": function()}), "tools.0").await;
    let schema = |schema: Value| json!({"tools": [{"name": "look", "input_schema": schema}]});
    rules.refuses(schema(json!({})), "input_schema.type").await;
    rules.refuses(schema(json!({"type": "object", "anyOf": []})), "oneOf, allOf, or anyOf").await;
    rules.refuses(json!({"tools": [tool()[0], tool()[0]]}), "must be unique").await;
    rules.refuses(json!({"metadata": {"session": "x"}}), "metadata.session: Extra inputs").await;
    let mark = json!({"system": [{"type": "text", "text": "x", "cache_control": {"type": "forever"}}]});
    rules.takes(json!({"metadata": {"user_id": "x"}})).await;
    rules.refuses(mark, "cache_control").await;
    rules.refuses(json!({"system": [{"type": "image"}]}), "system.0.type").await;
    let marks: Vec<Value> = (0..5)
        .map(|index| json!({"type": "text", "text": format!("s{index}"), "cache_control": {"type": "ephemeral"}}))
        .collect();
    rules.refuses(json!({"system": marks}), "A maximum of 4 blocks with cache_control").await;
    rules.takes(json!({"system": marks[..4]})).await;
    let late = json!({"system": [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]});
    rules.refuses(late, "ttl").await;
    // System turns in the middle came with Opus 4.8.
    let middle = json!({"messages": [
        {"role": "user", "content": "a"}, {"role": "system", "content": "b"}, {"role": "user", "content": "c"}]});
    rules.takes(middle.clone()).await;
    let older = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-opus-4-6")).await;
    older.refuses(middle, "role 'system'").await;
}

#[tokio::test]
async fn tool_results_need_their_calls() {
    let rules = Rules::new(Vendor::Anthropic, MESSAGES, claude("claude-sonnet-5")).await;
    let call = |id: &str| json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "look", "input": {}}]});
    let result = |id: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]});
    let first = json!({"role": "user", "content": "Look"});
    let with = |turns: &[&Value]| json!({"tools": tool(), "messages": turns});
    rules.takes(with(&[&first, &call("t1"), &result("t1")])).await;
    rules.refuses(with(&[&first, &call("t1"), &result("t2")]), "unexpected `tool_use_id`").await;
    rules.refuses(with(&[&first, &result("t1")]), "unexpected `tool_use_id`").await;
    rules.refuses(with(&[&first, &call("t1"), &first]), "without `tool_result` blocks").await;
    rules.refuses(with(&[&first, &call("look:1"), &result("look:1")]), "should match pattern").await;

    for (vendor, path, model, words) in [
        (Vendor::OpenAi, CHAT, "gpt-5.4", "preceeding message with 'tool_calls'"),
        (Vendor::MiniMax, CHAT, "MiniMax-M3", "tool result's tool id(c2) not found (2013)"),
        (Vendor::Moonshot, CHAT, "kimi-k3", "c2"),
        (Vendor::DeepSeek, CHAT, "deepseek-flash", "tool_calls"),
        (Vendor::Generic, CHAT, "m", "tool_calls"),
    ] {
        let rules = Rules::new(vendor, path, chat(model)).await;
        let mut history = chat_history();
        if matches!(vendor, Vendor::Moonshot | Vendor::DeepSeek) {
            history[1]["reasoning_content"] = json!(" ");
        }
        rules.takes(json!({"messages": history})).await;
        let mut wrong = history.clone();
        wrong[2]["tool_call_id"] = json!("c2");
        rules.refuses(json!({"messages": wrong}), words).await;
        history[2] = json!({"role": "user", "content": "never mind"});
        rules.refuses(json!({"messages": history}), "did not have response messages: c1").await;
    }
    let rules = Rules::new(Vendor::OpenAi, RESPONSES, json!({"model": "gpt-6-sol", "input": "Hello"})).await;
    let call = json!({"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c1", "output": "x"});
    let user = json!({"role": "user", "content": "Look"});
    rules.takes(json!({"input": [user, call, output]})).await;
    rules.refuses(json!({"input": [user, output]}), "No tool call found for function call output").await;
    rules.refuses(json!({"input": [user, call]}), "No tool output found").await;
}

#[tokio::test]
async fn anthropic_headers() {
    let provider = start(Vendor::Anthropic).await;
    let body = claude("claude-sonnet-5");
    let mut managed = body.clone();
    managed["context_management"] = json!({"edits": []});
    let beta = [("anthropic-beta", "claude-code-20250219, context-management-2025-06-27")];
    let reply = post_with(&provider, MESSAGES, &beta, &managed).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = post_with(&provider, MESSAGES, &[("anthropic-beta", "nonsense")], &body).await;
    assert!(reply.status == 400 && reply.text().contains("Unexpected value(s) `nonsense`"));
    let own = [("content-type", "application/json"), ("x-api-key", client::KEY)];
    let wire = client::Wire::default();
    let reply = client::send(&wire, provider.addr(), "POST", MESSAGES, &own, body.to_string()).await.unwrap();
    assert!(reply.status == 400 && reply.text().contains("anthropic-version: header is required"));
}

#[tokio::test]
async fn gpt_on_chat_completions() {
    for model in ["gpt-5", "gpt-5.1", "gpt-5.4", "gpt-5.6-sol", "gpt-6-sol", "gpt-6.1-sol"] {
        let rules = Rules::new(Vendor::OpenAi, CHAT, chat(model)).await;
        rules.refuses(json!({"max_tokens": 100}), "Use 'max_completion_tokens' instead").await;
        rules.takes(json!({"max_completion_tokens": 100})).await;
        rules.refuses(json!({"max_completion_tokens": 128_001}), "too large").await;
        rules.refuses(json!({"stop": ["x"]}), "'stop' is not supported").await;
        rules.refuses(json!({"frequency_penalty": 0.5}), "'frequency_penalty' is not supported").await;
        let sampling = json!({"temperature": 0.2, "reasoning_effort": "low"});
        rules.refuses(sampling, "Only the default (1) value is supported").await;
        rules.refuses(json!({"top_p": 0.2, "reasoning_effort": "low"}), "'top_p' does not support 0.2").await;
        rules.takes(json!({"temperature": 1, "reasoning_effort": "low"})).await;
        rules.refuses(json!({"reasoning_effort": "max"}), "does not support 'max'").await;
        rules.refuses(json!({"reasoning_effort": "huge"}), "reasoning_effort").await;
        rules
            .refuses(
                json!({"thinking": {"type": "disabled"}}),
                "Unrecognized request argument supplied: thinking",
            )
            .await;
    }
    // Which efforts, by model.
    for (model, good, bad) in [
        ("gpt-5", "minimal", "none"),
        ("gpt-5", "high", "xhigh"),
        ("gpt-5.1", "none", "minimal"),
        ("gpt-5.2", "xhigh", "minimal"),
        ("gpt-6-astra", "low", "none"),
        ("gpt-6.1-sol", "xhigh", "none"),
        ("gpt-6-luna", "none", "minimal"),
    ] {
        let rules = Rules::new(Vendor::OpenAi, CHAT, chat(model)).await;
        rules.takes(json!({"reasoning_effort": good})).await;
        rules.refuses(json!({"reasoning_effort": bad}), "Supported values are:").await;
    }
    // Function tools while reasoning.
    for (model, without_effort) in
        [("gpt-5.4", true), ("gpt-5.5", false), ("gpt-5.6-terra", false), ("gpt-6-sol", false)]
    {
        let rules = Rules::new(Vendor::OpenAi, CHAT, chat(model)).await;
        rules.takes(json!({"tools": function(), "reasoning_effort": "none"})).await;
        let words = "Function tools with reasoning_effort are not supported";
        rules.refuses(json!({"tools": function(), "reasoning_effort": "low"}), words).await;
        if without_effort {
            rules.takes(json!({"tools": function()})).await;
        } else {
            rules.refuses(json!({"tools": function()}), words).await;
        }
    }
    let sol = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-6.1-sol")).await;
    sol.refuses(json!({"tools": function()}), "Please use /v1/responses").await;
    let old = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-5.2")).await;
    old.takes(json!({"tools": function(), "reasoning_effort": "high"})).await;
    let plain = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-4.1")).await;
    plain.takes(json!({"max_tokens": 100, "temperature": 0.2, "stop": ["x"]})).await;
    plain.refuses(json!({"reasoning_effort": "low"}), "'reasoning_effort' is not supported").await;
    let codex = start(Vendor::OpenAi).await;
    let reply = post(&codex, CHAT, &chat("gpt-5.3-codex")).await;
    assert!(reply.status == 404 && reply.text().contains("only supported in v1/responses"));
}

#[tokio::test]
async fn openai_knows_no_strange_names() {
    let rules = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-5.2")).await;
    rules.refuses(json!({"messages": []}), "empty array").await;
    rules.refuses(json!({"top_k": 5}), "Unrecognized request argument supplied: top_k").await;
    let message = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y",
        "reasoning_content": "z"}, {"role": "user", "content": "x"}]});
    rules.refuses(message, "Unknown parameter: 'messages[1].reasoning_content'").await;
    let part = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]});
    rules.refuses(part, "messages[0].content[0].cache_control").await;
    rules.refuses(json!({"tools": [{"type": "custom", "name": "apply_patch"}]}), "tools[0]").await;
    rules.refuses(json!({"tools": tool()}), "tools[0]").await;
    rules.refuses(json!({"tool_choice": "auto"}), "only allowed when 'tools' are specified").await;
    for name in ["a.b", "look:1", &"x".repeat(65)] {
        let mut named = function();
        named[0]["function"]["name"] = json!(name);
        rules.refuses(json!({"tools": named}), "tools[0].function.name").await;
    }
    let mut history = chat_history();
    history[1]["tool_calls"][0]["id"] = json!("c".repeat(41));
    history[2]["tool_call_id"] = json!("c".repeat(41));
    rules.refuses(json!({"messages": history}), "maximum length 40").await;
    rules.refuses(json!({"stream_options": {"include_usage": true}}), "only allowed when 'stream'").await;
    rules.refuses(json!({"response_format": {"type": "json_object"}}), "must contain the word 'json'").await;
    rules
        .refuses(json!({"prompt_cache_options": {"ttl": "30m"}}), "'prompt_cache_options' is not supported")
        .await;
    rules
        .takes(json!({"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}]}))
        .await;
    let newer = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-6-sol")).await;
    newer.takes(json!({"prompt_cache_options": {"ttl": "12h"}})).await;
    let gpt55 = Rules::new(Vendor::OpenAi, CHAT, chat("gpt-5.5")).await;
    gpt55.takes(json!({"prompt_cache_retention": "24h"})).await;
    gpt55.refuses(json!({"prompt_cache_retention": "in_memory"}), "only '24h'").await;
    let both = json!({"prompt_cache_options": {"ttl": "12h"}, "prompt_cache_retention": "24h"});
    newer.refuses(both, "cannot be used together").await;

    let rules =
        Rules::new(Vendor::OpenAi, RESPONSES, json!({"model": "gpt-6.1-sol", "input": "Hello"})).await;
    rules.refuses(json!({"messages": []}), "Unknown parameter: 'messages'").await;
    rules.refuses(json!({"input": []}), "input").await;
    rules.refuses(json!({"tools": function()}), "tools[0].name").await;
    rules.refuses(json!({"reasoning": {"effort": "none"}}), "does not support 'none'").await;
    rules.takes(json!({"reasoning": {"effort": "max"}})).await;
    rules
        .takes(json!({"tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}]}))
        .await;
    rules.refuses(json!({"temperature": 0.5}), "Only the default (1) value is supported").await;
    rules.refuses(json!({"max_output_tokens": 15}), ">= 16").await;
    rules.refuses(json!({"previous_response_id": "resp_x"}), "not found").await;
    rules.refuses(json!({"input": [{"role": "tool", "content": "x"}]}), "'tool'").await;
    rules
        .refuses(
            json!({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            "'input_text'",
        )
        .await;
    let foreign = json!({"input": [{"role": "user", "content": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABfake"},
        {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}]});
    rules.refuses(foreign, "invalid_encrypted_content").await;
    let alone = json!({"input": [{"role": "user", "content": "x"}, {"type": "reasoning", "id": "rs_1", "summary": []}]});
    rules.refuses(alone, "without its required following item").await;
    let call =
        json!({"type": "function_call", "id": "toolu_1", "call_id": "c1", "name": "look", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c1", "output": "x"});
    rules
        .refuses(json!({"input": [{"role": "user", "content": "x"}, call, output]}), "begins with 'fc'")
        .await;
    let lost = json!({"input": [{"role": "user", "content": "x"}, {"type": "reasoning", "id": "rs_1", "summary": []},
        {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}]});
    rules.refuses_as(404, lost, "Items are not persisted").await;
}

#[tokio::test]
async fn minimax() {
    let picture = json!([{"role": "user", "content": [
        {"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]);
    for model in ["MiniMax-M2.5", "MiniMax-M2.7"] {
        let rules = Rules::new(Vendor::MiniMax, CHAT, chat(model)).await;
        rules.refuses(json!({"messages": picture}), "image").await;
        rules.refuses(json!({"temperature": 0}), "(0.0, 1.0]").await;
        rules.refuses(json!({"temperature": 1.5}), "(2013)").await;
        rules.takes(json!({"temperature": 0.01})).await;
        rules.takes(json!({"thinking": {"type": "disabled"}})).await;
        rules.takes(json!({"reasoning_effort": "xhigh"})).await;
        let schema =
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}});
        rules.refuses(schema, "json_schema").await;
    }
    let m3 = Rules::new(Vendor::MiniMax, CHAT, chat("MiniMax-M3")).await;
    m3.takes(json!({"messages": picture})).await;
    m3.takes(json!({"temperature": 0, "thinking": {"type": "disabled"}})).await;
    m3.refuses(
        json!({"messages": [{"role": "developer", "content": "x"}]}),
        "invalid message role: developer",
    )
    .await;
    m3.refuses(json!({"n": 2}), "n must be 1").await;
    let mut broken = chat_history();
    broken[1]["tool_calls"][0]["function"]["arguments"] = json!("{\"a\":");
    m3.refuses(json!({"messages": broken}), "invalid function arguments json string").await;
    let flash = Rules::new(Vendor::MiniMax, CHAT, chat("MiniMax-M3.1-Flash")).await;
    flash.refuses(json!({"thinking": {"type": "disabled"}}), "requires adaptive thinking (2013)").await;
    flash.takes(json!({"thinking": {"type": "adaptive"}, "reasoning_effort": "medium"})).await;
    flash.refuses(json!({"reasoning_effort": "xhigh"}), "xhigh").await;

    let messages = "/anthropic/v1/messages";
    let m25 = Rules::new(Vendor::MiniMax, messages, claude("MiniMax-M2.5")).await;
    m25.refuses(json!({"temperature": 0}), "(2013)").await;
    m25.refuses(json!({"max_tokens": 200_000}), "(2013)").await;
    let image = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]}]});
    m25.refuses(image, "image").await;
    // Known on the real one: it takes the extra keys of Claude Code.
    m25.takes(json!({"context_management": {"edits": []}})).await;
}

#[tokio::test]
async fn deepseek() {
    let flash = Rules::new(Vendor::DeepSeek, CHAT, chat("deepseek-flash")).await;
    flash
        .refuses(json!({"messages": [{"role": "developer", "content": "x"}]}), "unknown variant `developer`")
        .await;
    flash
        .refuses(json!({"tools": [{"type": "custom", "name": "apply_patch"}]}), "unknown variant `custom`")
        .await;
    flash.refuses(json!({"n": 2}), "n = 1").await;
    flash.refuses(json!({"max_tokens": 400_000}), "393216").await;
    flash.refuses(json!({"logprobs": true}), "logprobs").await;
    flash.refuses(json!({"reasoning_effort": "none"}), "unknown variant `none`").await;
    flash.takes(json!({"reasoning_effort": "medium", "temperature": 0.3})).await;
    let schema =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}});
    flash.refuses(schema, "response_format").await;
    flash.refuses(json!({"response_format": {"type": "json_object"}}), "'json'").await;
    let mut history = chat_history();
    let words = "`reasoning_content` in the thinking mode must be passed back";
    flash.refuses(json!({"messages": history}), words).await;
    flash.takes(json!({"messages": history, "thinking": {"type": "disabled"}})).await;
    history[1]["reasoning_content"] = json!(" ");
    flash.takes(json!({"messages": history})).await;
    let picture = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]);
    flash.takes(json!({"messages": picture})).await;
    let pro = Rules::new(Vendor::DeepSeek, CHAT, chat("deepseek-v4-pro")).await;
    pro.refuses(json!({"messages": picture}), "image_url").await;

    let rules = Rules::new(Vendor::DeepSeek, "/anthropic/v1/messages", claude("deepseek-v4-pro")).await;
    rules.takes(json!({"tools": tool()})).await;
    let mut custom = tool();
    custom[0]["type"] = json!("custom");
    rules.refuses(json!({"tools": custom}), "custom").await;
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}});
    rules.refuses(json!({"messages": [{"role": "user", "content": [image]}]}), "image").await;
    rules.refuses(json!({"thinking": {"type": "adaptive"}}), "adaptive").await;
    rules.takes(json!({"thinking": {"type": "enabled", "budget_tokens": 9}})).await;
    let schema = json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    rules.refuses(schema, "output_config.format").await;
    let history = |thinking: bool| {
        let mut blocks = vec![json!({"type": "tool_use", "id": "t1", "name": "look", "input": {}})];
        if thinking {
            blocks.insert(0, json!({"type": "thinking", "thinking": "hm"}));
        }
        json!({"tools": tool(), "messages": [
            {"role": "user", "content": "Look"},
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]},
        ]})
    };
    rules.takes(history(true)).await;
    rules.refuses(history(false), "`content[].thinking` in the thinking mode must be passed back").await;
    let redacted = json!({"messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "y"}]},
        {"role": "user", "content": "z"}]});
    rules.refuses(redacted, "redacted_thinking").await;
}

#[tokio::test]
async fn moonshot() {
    for model in ["kimi-k2.5", "kimi-k2.7-code", "kimi-k3"] {
        let rules = Rules::new(Vendor::Moonshot, CHAT, chat(model)).await;
        rules.refuses(json!({"temperature": 0.3}), "invalid temperature: only 1 is allowed").await;
        rules.takes(json!({"temperature": 1})).await;
        rules.refuses(json!({"top_p": 0.5}), "invalid top_p").await;
        rules.refuses(json!({"presence_penalty": 1}), "presence_penalty").await;
        rules.refuses(json!({"messages": [{"role": "user", "content": ""}]}), "must not be empty").await;
        rules.refuses(json!({"messages": [{"role": "developer", "content": "x"}]}), "developer").await;
        rules
            .refuses(json!({"tools": function(), "tool_choice": "required"}), "incompatible with thinking")
            .await;
        let mut history = chat_history();
        rules.refuses(json!({"messages": history}), "reasoning_content is missing").await;
        history[1]["reasoning_content"] = json!("hm");
        rules.takes(json!({"messages": history})).await;
    }
    let k25 = Rules::new(Vendor::Moonshot, CHAT, chat("kimi-k2.5")).await;
    k25.takes(json!({"thinking": {"type": "disabled"}, "messages": chat_history()})).await;
    k25.refuses(json!({"thinking": {"type": "disabled"}, "temperature": 1}), "only 0.6 is allowed").await;
    let k3 = Rules::new(Vendor::Moonshot, CHAT, chat("kimi-k3")).await;
    k3.refuses(json!({"thinking": {"type": "disabled"}}), "thinking").await;
    k3.refuses(json!({"reasoning_effort": "medium"}), "reasoning_effort").await;
    k3.takes(json!({"reasoning_effort": "max"})).await;
    let rules = Rules::new(Vendor::Moonshot, "/anthropic/v1/messages", claude("kimi-k3")).await;
    rules.refuses(json!({"temperature": 0.3}), "invalid temperature").await;
    rules.refuses(json!({"thinking": {"type": "adaptive"}}), "thinking").await;
}

#[tokio::test]
async fn zai_and_openrouter() {
    let path = "/api/paas/v4/chat/completions";
    let glm = Rules::new(Vendor::Zai, path, chat("glm-5.2")).await;
    glm.refuses(json!({"temperature": 1.5}), "1210").await;
    glm.refuses(json!({"messages": [{"role": "developer", "content": "x"}]}), "1214").await;
    glm.refuses(json!({"tools": function(), "tool_choice": "required"}), "only auto").await;
    let schema =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}});
    glm.refuses(schema.clone(), "response_format").await;
    glm.refuses(json!({"stop": ["a", "b"]}), "stop").await;
    glm.refuses(json!({"max_tokens": 128_001}), "max_tokens").await;
    let newer = Rules::new(Vendor::Zai, path, chat("glm-5.3")).await;
    newer.takes(schema).await;

    let messages = Rules::new(Vendor::Zai, "/api/anthropic/v1/messages", claude("glm-5.3")).await;
    messages.refuses(json!({"thinking": {"type": "adaptive"}}), "thinking.type").await;
    let image =
        json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]);
    messages
        .refuses(json!({"messages": [{"role": "user", "content": image}]}), "messages.content.type")
        .await;
    let middle = json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]});
    messages.refuses(middle.clone(), "messages.1.role").await;
    messages
        .refuses(json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "web_search")
        .await;
    let messages = Rules::new(Vendor::Moonshot, "/anthropic/v1/messages", claude("kimi-k3")).await;
    messages.refuses(middle, "messages.1.role").await;

    let path = "/api/v1/chat/completions";
    let router = Rules::new(Vendor::OpenRouter, path, chat("anthropic/claude-opus-5.5")).await;
    router.takes(json!({"temperature": 0.3, "some_key": 1})).await;
    router.takes(json!({"reasoning": {"effort": "xhigh"}})).await;
    router.refuses(json!({"reasoning": {"effort": "max"}}), "Invalid option").await;
    router.refuses(json!({"reasoning": {"effort": "low", "max_tokens": 5}}), "Only one of").await;
    let text_only = Rules::new(Vendor::OpenRouter, path, chat("minimax/minimax-m2.5")).await;
    let picture = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]);
    text_only.refuses_as(404, json!({"messages": picture}), "image input").await;
}

#[tokio::test]
async fn prompts_beyond_the_window() {
    let long = "word ".repeat(2000);
    for (vendor, path, mut body, words) in [
        (
            Vendor::Anthropic,
            MESSAGES,
            claude("claude-opus-5-5"),
            "prompt is too long: 2500 tokens > 1000 maximum",
        ),
        (Vendor::OpenAi, CHAT, chat("gpt-5.4"), "context_length_exceeded"),
        (Vendor::MiniMax, CHAT, chat("MiniMax-M3"), "context window exceeds limit"),
        (Vendor::DeepSeek, CHAT, chat("deepseek-flash"), "maximum context length is 1000"),
        (Vendor::Moonshot, CHAT, chat("kimi-k3"), "exceeded model token limit: 1000"),
        (Vendor::Zai, "/api/paas/v4/chat/completions", chat("glm-5.3"), "1261"),
        (
            Vendor::OpenRouter,
            "/api/v1/chat/completions",
            chat("moonshotai/kimi-k3"),
            "maximum context length is 1000",
        ),
        (Vendor::Generic, CHAT, chat("m"), "maximum context length is 1000"),
    ] {
        let provider = start_with(vendor, |options| options.context = Some(1000)).await;
        assert_eq!(post(&provider, path, &body).await.status, 200, "{vendor:?}");
        body["messages"][0]["content"] = json!(long);
        let reply = post(&provider, path, &body).await;
        assert_eq!(reply.status, 400, "{vendor:?}");
        assert!(reply.text().contains(words), "{vendor:?}: {}", reply.text());
    }
    // The true windows hold without the cap.
    let provider = start(Vendor::Anthropic).await;
    let mut body = claude("claude-haiku-4-5");
    body["messages"][0]["content"] = json!("word ".repeat(161_000));
    assert_eq!(post(&provider, MESSAGES, &body).await.status, 400);
    body["messages"][0]["content"] = json!("word ".repeat(159_000));
    assert_eq!(post(&provider, MESSAGES, &body).await.status, 200);
}

#[tokio::test]
async fn a_generic_host_serves_its_models_under_its_base() {
    let provider = start_with(Vendor::Generic, |options| {
        options.models = vec!["Org/Model-A".to_owned()];
        options.base_path = "/openai/v1".to_owned();
    })
    .await;
    let path = "/openai/v1/chat/completions";
    assert_eq!(post(&provider, path, &chat("Org/Model-A")).await.status, 200);
    let reply = post(&provider, path, &chat("Org/Model-B")).await;
    assert_eq!((reply.status, reply.json()["error"]["type"].clone()), (404, json!("NotFoundError")));
    assert_eq!(post(&provider, CHAT, &chat("Org/Model-A")).await.status, 404);
}
