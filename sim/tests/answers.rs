//! Answers: the right shape in every dialect, streams that say the same as whole answers, usage that adds up, tool
//! calls and structured answers.

mod client;

use client::said::{arguments, number, streamed, whole};
use client::{post, start, start_with};
use pointsman_sim::{Provider, Vendor, tokens};
use serde_json::{Value, json};

struct Case {
    vendor: Vendor,
    path: &'static str,
    body: Value,
}

fn cases() -> Vec<Case> {
    let chat = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "Say something long"}]});
    let messages = |model: &str| {
        json!({"model": model, "max_tokens": 9000,
            "messages": [{"role": "user", "content": "Say something long"}]})
    };
    let responses = |model: &str| json!({"model": model, "input": "Say something long"});
    let case = |vendor, path, body| Case { vendor, path, body };
    vec![
        case(Vendor::Anthropic, "/v1/messages", messages("claude-opus-5-5")),
        case(Vendor::Anthropic, "/v1/messages", messages("claude-opus-4-6")),
        case(Vendor::MiniMax, "/anthropic/v1/messages", messages("MiniMax-M3")),
        case(Vendor::DeepSeek, "/anthropic/v1/messages", messages("deepseek-v4-pro")),
        case(Vendor::Moonshot, "/anthropic/v1/messages", messages("kimi-k3")),
        case(Vendor::Zai, "/api/anthropic/v1/messages", messages("glm-5.3")),
        case(Vendor::OpenRouter, "/api/v1/messages", messages("anthropic/claude-opus-5.5")),
        case(Vendor::Anthropic, "/v1/chat/completions", chat("claude-opus-5-5")),
        case(Vendor::OpenAi, "/v1/chat/completions", chat("gpt-6.1-sol")),
        case(Vendor::OpenAi, "/v1/chat/completions", chat("gpt-4.1")),
        case(Vendor::MiniMax, "/v1/chat/completions", chat("MiniMax-M2.5")),
        case(Vendor::DeepSeek, "/chat/completions", chat("deepseek-flash")),
        case(Vendor::Moonshot, "/v1/chat/completions", chat("kimi-k3")),
        case(Vendor::Moonshot, "/v1/chat/completions", chat("kimi-k2.5")),
        case(Vendor::Zai, "/api/paas/v4/chat/completions", chat("glm-5.3")),
        case(Vendor::OpenRouter, "/api/v1/chat/completions", chat("minimax/minimax-m3")),
        case(Vendor::Generic, "/v1/chat/completions", chat("any")),
        case(Vendor::OpenAi, "/v1/responses", responses("gpt-6.1-sol")),
        case(Vendor::MiniMax, "/v1/responses", responses("MiniMax-M3")),
        case(Vendor::OpenRouter, "/api/v1/responses", responses("openai/gpt-6-sol")),
    ]
}

fn stream_of(body: &Value) -> Value {
    let mut body = body.clone();
    body["stream"] = json!(true);
    if body.get("messages").is_some() && body.get("max_tokens").is_none() {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    for case in cases() {
        let name = format!("{:?} {} {}", case.vendor, case.path, case.body["model"]);
        let provider = start(case.vendor).await;
        let reply = post(&provider, case.path, &case.body).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let first = whole(&reply);
        let billed = provider.last().unwrap().billed.unwrap();
        let again = post(&provider, case.path, &case.body).await;
        assert_eq!(whole(&again).text, first.text, "{name}: the same request, the same answer");
        provider.forget_cache();
        let reply = post(&provider, case.path, &stream_of(&case.body)).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let mut second = streamed(&reply);
        assert_eq!(provider.last().unwrap().billed, Some(billed), "{name}");
        assert!(!first.text.is_empty() && reply.chunks > 5, "{name}");
        // The whole answer of Messages does not name its thinking tokens, the stream of Claude does.
        let mut first = first;
        for said in [&mut first, &mut second] {
            let usage = said.usage.as_mut().unwrap_or_else(|| panic!("{name}: no usage"));
            assert_eq!((usage.prompt(), usage.output), (billed.prompt(), billed.output), "{name}");
            usage.reasoning = 0;
        }
        assert_eq!(first, second, "{name}");
        assert!(reply.header("content-length").is_empty());
    }
}

#[tokio::test]
async fn usage_is_the_tokens_of_the_text() {
    let provider = start(Vendor::OpenAi).await;
    let prompt = "four bytes make a token";
    let body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]});
    let reply = post(&provider, "/v1/chat/completions", &body).await;
    let said = whole(&reply);
    let usage = said.usage.unwrap();
    assert_eq!(usage.prompt(), tokens(prompt));
    assert_eq!(usage.output, tokens(&said.text));
    assert_eq!(tokens(prompt), 6);
}

#[tokio::test]
async fn openai_streams_usage_and_obfuscation_as_asked() {
    let provider = start(Vendor::OpenAi).await;
    let path = "/v1/chat/completions";
    let mut body =
        json!({"model": "gpt-4.1", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
    let reply = post(&provider, path, &body).await;
    assert!(!reply.text().contains("usage") && reply.text().contains("\"obfuscation\":"));
    body["stream_options"] = json!({"include_usage": true, "include_obfuscation": false});
    let reply = post(&provider, path, &body).await;
    assert!(!reply.text().contains("obfuscation"));
    let chunks = reply.datas();
    let (last, rest) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"].is_object() && rest.iter().all(|chunk| chunk["usage"].is_null()));
    let body = json!({"model": "gpt-6-sol", "stream": true, "input": "Hello"});
    let reply = post(&provider, "/v1/responses", &body).await;
    assert!(reply.datas().iter().any(|event| event["obfuscation"].is_string()));
}

#[tokio::test]
async fn vendors_report_usage_in_their_own_fields() {
    let ask = |model: &str| {
        json!({"model": model, "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "Hello ".repeat(400)}]})
    };
    let last = async |vendor, path: &str, model: &str| {
        let provider = start(vendor).await;
        post(&provider, path, &ask(model)).await;
        let reply = post(&provider, path, &ask(model)).await;
        (reply.text(), reply.datas().last().unwrap().clone())
    };
    let (text, chunk) = last(Vendor::DeepSeek, "/chat/completions", "deepseek-flash").await;
    assert!(text.starts_with(": keep-alive\n\n"));
    let usage = &chunk["usage"];
    assert_eq!(number(&usage["prompt_cache_hit_tokens"]), 576, "600 tokens in units of 64");
    assert_eq!(number(&usage["prompt_cache_miss_tokens"]), 24);
    let (text, chunk) = last(Vendor::OpenRouter, "/api/v1/chat/completions", "moonshotai/kimi-k3").await;
    assert!(text.starts_with(": OPENROUTER PROCESSING\n\n"));
    assert!(chunk["usage"]["cost"].as_f64().unwrap() > 0.0 && chunk["provider"] == "Moonshot AI");
    let (_, chunk) = last(Vendor::Zai, "/api/paas/v4/chat/completions", "glm-5.3").await;
    assert_eq!((&chunk["choices"][0]["finish_reason"], chunk["usage"].is_object()), (&json!("stop"), true));
    let (_, chunk) = last(Vendor::Moonshot, "/v1/chat/completions", "kimi-k3").await;
    assert_eq!(number(&chunk["usage"]["prompt_tokens_details"]["cached_tokens"]), 512);
    assert_eq!(number(&chunk["usage"]["prompt_tokens_details"]["cache_write_tokens"]), 88);
    // The older Kimi reports inside the choice, asked or not.
    let provider = start(Vendor::Moonshot).await;
    let mut body = ask("kimi-k2.5");
    body["stream_options"] = Value::Null;
    let reply = post(&provider, "/v1/chat/completions", &body).await;
    assert!(reply.datas().last().unwrap()["choices"][0]["usage"]["prompt_tokens"].is_u64());

    let provider = start(Vendor::MiniMax).await;
    let body = json!({"model": "MiniMax-M3", "max_tokens": 900, "stream": true,
        "messages": [{"role": "user", "content": "Hello"}]});
    let reply = post(&provider, "/anthropic/v1/messages", &body).await;
    let events = reply.datas();
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 0);
    assert_eq!(events[events.len() - 2]["usage"]["input_tokens"], tokens("Hello"));
}

#[tokio::test]
async fn more_effort_is_more_thinking() {
    let thought = async |provider: &Provider, path: &str, body: Value| {
        let reply = post(provider, path, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        provider.last().unwrap().billed.unwrap().reasoning
    };
    let openai = start(Vendor::OpenAi).await;
    let claude = start(Vendor::Anthropic).await;
    let kimi = start(Vendor::Moonshot).await;
    let mut last = 0;
    for effort in ["none", "low", "medium", "high", "xhigh", "max"] {
        let body = json!({"model": "gpt-6-sol", "input": "Hello", "reasoning": {"effort": effort}});
        let now = thought(&openai, "/v1/responses", body).await;
        assert!(now > last || effort == "none" && now == 0, "gpt {effort}: {now}");
        last = now;
        if effort == "none" {
            continue;
        }
        let body = json!({"model": "claude-opus-5-5", "max_tokens": 9000, "output_config": {"effort": effort},
            "messages": [{"role": "user", "content": "Hello"}]});
        assert!(thought(&claude, "/v1/messages", body).await > 0);
    }
    let body = |effort: &str| json!({"model": "kimi-k3", "reasoning_effort": effort, "messages": [{"role": "user", "content": "Hello"}]});
    let low = thought(&kimi, "/v1/chat/completions", body("low")).await;
    assert!(low < thought(&kimi, "/v1/chat/completions", body("max")).await);
    // Off means off.
    let body = json!({"model": "claude-sonnet-5", "max_tokens": 900, "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(thought(&claude, "/v1/messages", body).await, 0);
}

#[tokio::test]
async fn thinking_shows_in_the_vendors_own_way() {
    let minimax = start(Vendor::MiniMax).await;
    let mut body = json!({"model": "MiniMax-M2.5", "messages": [{"role": "user", "content": "Hello"}]});
    let message = post(&minimax, "/v1/chat/completions", &body).await.json()["choices"][0]["message"].clone();
    assert!(message["content"].as_str().unwrap().starts_with("<think>\n"));
    body["reasoning_split"] = json!(true);
    let message = post(&minimax, "/v1/chat/completions", &body).await.json()["choices"][0]["message"].clone();
    assert!(!message["content"].as_str().unwrap().contains("<think>"));
    assert!(message["reasoning_details"][0]["text"].is_string());
    let body = json!({"model": "MiniMax-M2.5", "max_tokens": 900, "messages": [{"role": "user", "content": "Hello"}]});
    let block = post(&minimax, "/anthropic/v1/messages", &body).await.json()["content"][0].clone();
    let signature = block["signature"].as_str().unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let claude = start(Vendor::Anthropic).await;
    let mut body = json!({"model": "claude-opus-5-5", "max_tokens": 900, "messages": [{"role": "user", "content": "Hi"}]});
    let block = post(&claude, "/v1/messages", &body).await.json()["content"][0].clone();
    assert_eq!((&block["type"], &block["thinking"]), (&json!("thinking"), &json!("")));
    assert!(block["signature"].as_str().unwrap().starts_with('E'));
    body["thinking"] = json!({"type": "adaptive", "display": "summarized"});
    let block = post(&claude, "/v1/messages", &body).await.json()["content"][0].clone();
    assert!(!block["thinking"].as_str().unwrap().is_empty());

    let openai = start(Vendor::OpenAi).await;
    let body = json!({"model": "gpt-6-sol", "input": "Hello", "store": false, "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low", "summary": "auto"}});
    let item = post(&openai, "/v1/responses", &body).await.json()["output"][0].clone();
    assert!(item["encrypted_content"].as_str().unwrap().starts_with("gAAAAA"));
    assert!(item["summary"][0]["text"].is_string());
}

#[tokio::test]
async fn a_thinking_block_goes_back_to_where_it_came_from() {
    let claude = start(Vendor::Anthropic).await;
    let turn = async |provider: &Provider, model: &str, system: &str, block: &Value| {
        let body = json!({"model": model, "max_tokens": 900, "system": system, "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "Hello"}]},
            {"role": "user", "content": "And now?"},
        ]});
        post(provider, "/v1/messages", &body).await
    };
    let first = async |model: &str| {
        let body = json!({"model": model, "max_tokens": 2000, "system": "Be kind.",
            "thinking": {"type": "adaptive", "display": "summarized"},
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}]});
        post(&claude, "/v1/messages", &body).await.json()["content"][0].clone()
    };
    let block = first("claude-opus-5-5").await;
    assert_eq!(turn(&claude, "claude-opus-5-5", "Be kind.", &block).await.status, 200, "the mark may move");
    let reply = turn(&claude, "claude-opus-5-5", "Be rude.", &block).await;
    assert!(
        reply.status == 400 && reply.text().contains("bound to a different conversation"),
        "{}",
        reply.text()
    );
    // Another Claude drops it without a word: the prompt is shorter by the block.
    let reply = turn(&claude, "claude-sonnet-5-5", "Be kind.", &block).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(claude.last().unwrap().billed.unwrap().prompt(), 2 + 1 + 2 + 2);
    let mut changed = block.clone();
    changed["thinking"] = json!("something else");
    let reply = turn(&claude, "claude-opus-5-5", "Be kind.", &changed).await;
    assert!(reply.status == 400 && reply.text().contains("Invalid `signature`"));
    for foreign in [
        json!({"type": "thinking", "thinking": "x", "signature": "0123456789abcdef".repeat(4)}),
        json!({"type": "thinking", "thinking": "x", "signature": ""}),
        json!({"type": "thinking", "thinking": "x"}),
        json!({"type": "redacted_thinking", "data": "gAAAA"}),
    ] {
        let reply = turn(&claude, "claude-opus-5-5", "Be kind.", &foreign).await;
        assert_eq!(reply.status, 400, "{foreign}");
    }
    // Models before 5.5 do not look at the prefix.
    let block = first("claude-opus-4-6").await;
    assert_eq!(turn(&claude, "claude-opus-4-6", "Be rude.", &block).await.status, 200);
    // Another account: Opus reads it, Sonnet drops it.
    for (model, read) in [("claude-opus-5-5", true), ("claude-sonnet-5-5", false)] {
        let other = start_with(Vendor::Anthropic, |options| {
            options.key = "sk-other".to_owned();
            options.thinking_bound = false;
        })
        .await;
        let block = first(model).await;
        let body = json!({"model": model, "max_tokens": 900, "system": "Be kind.", "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "Hello"}]},
            {"role": "user", "content": "And now?"},
        ]});
        let own = [
            ("content-type", "application/json"),
            ("x-api-key", "sk-other"),
            ("anthropic-version", "2023-06-01"),
        ];
        let wire = client::Wire::default();
        let reply =
            client::send(&wire, other.addr(), "POST", "/v1/messages", &own, body.to_string()).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(other.last().unwrap().billed.unwrap().prompt() > 7, read, "{model}");
    }
    // With the beta, a block of another prefix is dropped on demand.
    let block = first("claude-opus-5-5").await;
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 900, "system": "Be rude.",
    "thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [block, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "And now?"},
    ]});
    assert_eq!(post(&claude, "/v1/messages", &body).await.status, 400, "an unknown key without the beta");
    let beta = [("anthropic-beta", "thinking-binding-controls-2026-08-01")];
    let reply = client::post_with(&claude, "/v1/messages", &beta, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let unbound = start_with(Vendor::Anthropic, |options| options.thinking_bound = false).await;
    let block = first("claude-opus-5-5").await;
    assert_eq!(turn(&unbound, "claude-opus-5-5", "Be rude.", &block).await.status, 200);
}

#[tokio::test]
async fn a_stored_response_can_be_continued() {
    let openai = start(Vendor::OpenAi).await;
    let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {
        "where": {"type": "string"}}, "required": ["where"]}}]);
    let body = json!({"model": "gpt-6.1-sol", "input": "TOOL: look", "tools": tools});
    let first = post(&openai, "/v1/responses", &body).await.json();
    let call =
        first["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap();
    let body = json!({"model": "gpt-6.1-sol", "previous_response_id": first["id"], "tools": tools, "input": [
        {"type": "function_call_output", "call_id": call["call_id"], "output": "seen"}]});
    let second = post(&openai, "/v1/responses", &body).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.json()["output"].as_array().unwrap().last().unwrap()["type"], "message");
    // Without the store, the client sends everything, sealed reasoning included.
    let body = json!({"model": "gpt-6.1-sol", "input": "TOOL: look", "tools": tools, "store": false,
        "include": ["reasoning.encrypted_content"]});
    let first = post(&openai, "/v1/responses", &body).await.json();
    let mut input = vec![json!({"role": "user", "content": "TOOL: look"})];
    input.extend(first["output"].as_array().unwrap().iter().cloned());
    let call = input.iter().find(|item| item["type"] == "function_call").unwrap()["call_id"].clone();
    input.push(json!({"type": "function_call_output", "call_id": call, "output": "seen"}));
    let body = json!({"model": "gpt-6.1-sol", "input": input, "tools": tools, "store": false});
    let reply = post(&openai, "/v1/responses", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut lost = json!({"model": "gpt-6.1-sol", "input": "x"});
    lost["previous_response_id"] = first["id"].clone();
    assert_eq!(post(&openai, "/v1/responses", &lost).await.status, 400, "it was not stored");
}

#[tokio::test]
async fn tools_are_called_when_asked_for() {
    let schema = json!({"type": "object", "required": ["city", "days"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 5},
        "unit": {"enum": ["celsius", "fahrenheit"]}}});
    let check = |arguments: &Value| {
        assert!(arguments["city"].is_string());
        assert!((1..=5).contains(&number(&arguments["days"])));
        assert!(["celsius", "fahrenheit"].contains(&arguments["unit"].as_str().unwrap()));
    };
    for case in cases() {
        let provider = start(case.vendor).await;
        let mut body = case.body.clone();
        let two = ["weather", "forecast"];
        let messages_dialect = case.path.ends_with("messages");
        body["tools"] = match (messages_dialect, case.path.ends_with("responses")) {
            (true, _) => two.map(|name| json!({"name": name, "input_schema": schema})).as_slice().into(),
            (_, true) => two
                .map(|name| json!({"type": "function", "name": name, "parameters": schema}))
                .as_slice()
                .into(),
            _ => two
                .map(|name| json!({"type": "function", "function": {"name": name, "parameters": schema}}))
                .as_slice()
                .into(),
        };
        if case.body["model"] == "gpt-6.1-sol" && case.path.ends_with("completions") {
            continue;
        }
        let say = |body: &mut Value, text: &str| match body.get("messages") {
            Some(_) => body["messages"][0]["content"] = json!(text),
            None => body["input"] = json!(text),
        };
        say(&mut body, "TOOL: forecast");
        let reply = post(&provider, case.path, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let said = whole(&reply);
        assert_eq!(said.calls.len(), 1, "{:?} {}", case.vendor, case.path);
        assert_eq!(said.calls[0].0, "forecast");
        check(&said.calls[0].1);
        let stop = match (messages_dialect, case.path.ends_with("responses")) {
            (true, _) => "tool_use",
            (_, true) => "completed",
            _ => "tool_calls",
        };
        assert_eq!(said.stop, stop);
        let reply = post(&provider, case.path, &stream_of(&body)).await;
        assert_eq!(streamed(&reply).calls, said.calls);
        say(&mut body, "TOOL: forecast and TOOL: weather");
        let said = whole(&post(&provider, case.path, &body).await);
        assert_eq!(
            said.calls.iter().map(|call| call.0.as_str()).collect::<Vec<_>>(),
            ["forecast", "weather"]
        );
        say(&mut body, "no tool is named, but a conversation begins");
        assert_eq!(whole(&post(&provider, case.path, &body).await).calls.len(), 1);
        if messages_dialect {
            body["tool_choice"] = json!({"type": "none"});
        } else if case.vendor != Vendor::Zai {
            body["tool_choice"] = json!("none");
        } else {
            continue;
        }
        let said = whole(&post(&provider, case.path, &body).await);
        assert!(said.calls.is_empty() && !said.text.is_empty());
    }
}

#[tokio::test]
async fn an_agent_loop_comes_to_an_end() {
    let provider = start(Vendor::DeepSeek).await;
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    let mut messages = vec![json!({"role": "user", "content": "Find the bug"})];
    let results = ["TOOL: look again", "TOOL: look again", "nothing more"];
    let mut prompts = Vec::new();
    for turn in 0..4usize {
        let body = json!({"model": "deepseek-flash", "tools": tools, "messages": messages});
        let reply = post(&provider, "/chat/completions", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let message = reply.json()["choices"][0]["message"].clone();
        prompts.push(provider.last().unwrap().billed.unwrap());
        messages.push(message.clone());
        match message["tool_calls"].as_array() {
            Some(calls) => {
                assert!(turn < 3);
                messages.push(
                    json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": results.get(turn)}),
                );
            }
            None => assert_eq!(turn, 3),
        }
    }
    assert!(prompts.windows(2).all(|pair| pair[0].prompt() < pair[1].prompt()), "the history grows");
    assert!(prompts[3].cache_read >= prompts[1].cache_read);
}

#[tokio::test]
async fn structured_answers_fit_their_schema() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["verdict", "score"], "properties": {
        "verdict": {"enum": ["yes", "no"]}, "score": {"type": "integer", "minimum": 0, "maximum": 10}}});
    let check = |text: &str| {
        let value = arguments(text);
        assert!(["yes", "no"].contains(&value["verdict"].as_str().unwrap()));
        assert!(number(&value["score"]) <= 10);
    };
    let openai = start(Vendor::OpenAi).await;
    let body = json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": "Judge"}], "response_format":
        {"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": schema}}});
    check(&whole(&post(&openai, "/v1/chat/completions", &body).await).text);
    let body = json!({"model": "gpt-6-sol", "input": "Judge", "text":
        {"format": {"type": "json_schema", "name": "verdict", "schema": schema}}});
    check(&whole(&post(&openai, "/v1/responses", &body).await).text);
    let claude = start(Vendor::Anthropic).await;
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 900, "messages": [{"role": "user", "content": "Judge"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}}});
    check(&whole(&post(&claude, "/v1/messages", &body).await).text);
    let deepseek = start(Vendor::DeepSeek).await;
    let body = json!({"model": "deepseek-flash", "messages": [{"role": "user", "content": "Judge, in json"}],
        "response_format": {"type": "json_object"}});
    assert!(arguments(&whole(&post(&deepseek, "/chat/completions", &body).await).text).is_object());
}

#[tokio::test]
async fn an_answer_ends_at_its_limit() {
    let claude = start(Vendor::Anthropic).await;
    let body = |limit: u64| json!({"model": "claude-haiku-4-5", "max_tokens": limit, "messages": [{"role": "user", "content": "Hi"}]});
    let said = whole(&post(&claude, "/v1/messages", &body(10)).await);
    assert_eq!(said.stop, "max_tokens");
    assert!(said.usage.unwrap().output <= 10);
    let said = whole(&post(&claude, "/v1/messages", &body(0)).await);
    assert_eq!((said.text.as_str(), said.usage.unwrap().output), ("", 0));
    // DeepSeek looks past the newer name of the limit.
    let deepseek = start(Vendor::DeepSeek).await;
    for (key, cut) in [("max_tokens", true), ("max_completion_tokens", false)] {
        let mut body = json!({"model": "deepseek-flash", "messages": [{"role": "user", "content": "Hi"}]});
        body[key] = json!(20);
        let said = whole(&post(&deepseek, "/chat/completions", &body).await);
        assert_eq!((said.stop == "length", said.usage.unwrap().output <= 20), (cut, cut), "{key}");
    }
    let openai = start(Vendor::OpenAi).await;
    let body = json!({"model": "gpt-6-sol", "input": "Hi", "max_output_tokens": 16});
    let reply = post(&openai, "/v1/responses", &body).await.json();
    assert_eq!(
        (&reply["status"], &reply["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let claude = start(Vendor::Anthropic).await;
    let body = json!({"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "Hello there"}]});
    let reply = post(&claude, "/v1/messages/count_tokens", &body).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"input_tokens": 3})));
}
