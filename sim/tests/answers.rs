//! Answers: the right shape in every dialect, streams that say the same as whole answers, usage that adds up, tool
//! calls, structured answers, and the prompt cache.

mod client;

use client::{Reply, post, start, start_with};
use pointsman_sim::{Billed, Provider, Vendor, tokens};
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

/// What an answer says, in whatever dialect, whole or streamed.
#[derive(Debug, Default, PartialEq)]
struct Said {
    thinking: String,
    text: String,
    calls: Vec<(String, Value)>,
    stop: String,
    usage: Option<Billed>,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn chat_usage(usage: &Value) -> Option<Billed> {
    usage.is_object().then(|| {
        let details = &usage["prompt_tokens_details"];
        let cached = number(&details["cached_tokens"]).max(number(&usage["cached_tokens"]));
        let written = number(&details["cache_write_tokens"]);
        assert_eq!(
            usage["total_tokens"],
            number(&usage["prompt_tokens"]) + number(&usage["completion_tokens"])
        );
        Billed {
            fresh: number(&usage["prompt_tokens"]) - cached - written,
            cache_read: cached,
            cache_write_short: written,
            cache_write_long: 0,
            output: number(&usage["completion_tokens"]),
            reasoning: number(&usage["completion_tokens_details"]["reasoning_tokens"]),
        }
    })
}

fn responses_usage(usage: &Value) -> Option<Billed> {
    usage.is_object().then(|| {
        let details = &usage["input_tokens_details"];
        let (cached, written) = (number(&details["cached_tokens"]), number(&details["cache_write_tokens"]));
        let long = number(&details["cache_write_tokens_details"]["ttl_12h_tokens"]);
        Billed {
            fresh: number(&usage["input_tokens"]) - cached - written,
            cache_read: cached,
            cache_write_short: written - long,
            cache_write_long: long,
            output: number(&usage["output_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["reasoning_tokens"]),
        }
    })
}

fn messages_usage(usage: &Value) -> Option<Billed> {
    usage.is_object().then(|| {
        let long = number(&usage["cache_creation"]["ephemeral_1h_input_tokens"]);
        Billed {
            fresh: number(&usage["input_tokens"]),
            cache_read: number(&usage["cache_read_input_tokens"]),
            cache_write_short: number(&usage["cache_creation_input_tokens"]) - long,
            cache_write_long: long,
            output: number(&usage["output_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["thinking_tokens"]),
        }
    })
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn whole(reply: &Reply) -> Said {
    let json = reply.json();
    let mut said = Said::default();
    if json["object"] == "chat.completion" {
        let message = &json["choices"][0]["message"];
        assert_eq!(message["role"], "assistant");
        said.text = message["content"].as_str().unwrap_or("").to_owned();
        said.thinking = [&message["reasoning_content"], &message["reasoning_details"][0]["text"]]
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or("")
            .to_owned();
        for call in message["tool_calls"].as_array().unwrap_or(&Vec::new()) {
            let inner = &call["function"];
            said.calls.push((
                inner["name"].as_str().unwrap().into(),
                arguments(inner["arguments"].as_str().unwrap()),
            ));
        }
        said.stop = json["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
        said.usage = chat_usage(&json["usage"]);
    } else if json["object"] == "response" {
        for item in json["output"].as_array().unwrap() {
            match item["type"].as_str().unwrap() {
                "message" => said.text.push_str(item["content"][0]["text"].as_str().unwrap()),
                "function_call" => said.calls.push((
                    item["name"].as_str().unwrap().into(),
                    arguments(item["arguments"].as_str().unwrap()),
                )),
                _ => {}
            }
        }
        said.stop = json["status"].as_str().unwrap().to_owned();
        said.usage = responses_usage(&json["usage"]);
    } else {
        assert_eq!(json["type"], "message", "{json}");
        for block in json["content"].as_array().unwrap() {
            match block["type"].as_str().unwrap() {
                "text" => said.text.push_str(block["text"].as_str().unwrap()),
                "thinking" => said.thinking.push_str(block["thinking"].as_str().unwrap()),
                "tool_use" => {
                    said.calls.push((block["name"].as_str().unwrap().into(), block["input"].clone()))
                }
                other => panic!("{other}"),
            }
        }
        said.stop = json["stop_reason"].as_str().unwrap().to_owned();
        said.usage = messages_usage(&json["usage"]);
    }
    said
}

fn streamed(reply: &Reply) -> Said {
    assert!(reply.header("content-type").starts_with("text/event-stream"));
    let first = &reply.datas()[0];
    if first["object"] == "chat.completion.chunk" {
        streamed_chat(reply)
    } else if first["type"] == "response.created" {
        streamed_responses(reply)
    } else {
        streamed_messages(reply)
    }
}

fn streamed_chat(reply: &Reply) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    assert_eq!(reply.events().last().unwrap().1, "[DONE]");
    let chunks = reply.datas();
    for chunk in &chunks {
        assert_eq!((&chunk["id"], &chunk["model"]), (&chunks[0]["id"], &chunks[0]["model"]));
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        said.text.push_str(delta["content"].as_str().unwrap_or(""));
        let thinking = [&delta["reasoning_content"], &delta["reasoning_details"][0]["text"]];
        said.thinking.push_str(thinking.into_iter().find_map(Value::as_str).unwrap_or(""));
        for call in delta["tool_calls"].as_array().unwrap_or(&Vec::new()) {
            if let Some(name) = call["function"]["name"].as_str() {
                assert_eq!(number(&call["index"]) as usize, calls.len());
                assert!(!call["id"].as_str().unwrap().is_empty());
                calls.push((name.to_owned(), String::new()));
            }
            let index = number(&call["index"]) as usize;
            calls[index].1.push_str(call["function"]["arguments"].as_str().unwrap());
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            said.stop = stop.to_owned();
        }
        said.usage = chat_usage(&chunk["usage"]).or_else(|| chat_usage(&choice["usage"])).or(said.usage);
    }
    said.calls = calls.into_iter().map(|(name, text)| (name, arguments(&text))).collect();
    said
}

fn streamed_responses(reply: &Reply) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut end = Value::Null;
    for (index, (name, data)) in reply.events().iter().enumerate() {
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["type"], name.as_str());
        assert_eq!(event["sequence_number"], index);
        match name.as_str() {
            "response.output_text.delta" => said.text.push_str(event["delta"].as_str().unwrap()),
            "response.output_item.added" if event["item"]["type"] == "function_call" => {
                assert_eq!(event["item"]["arguments"], "");
                names.push(event["item"]["name"].as_str().unwrap().to_owned());
                calls.push(String::new());
            }
            "response.function_call_arguments.delta" => {
                calls.last_mut().unwrap().push_str(event["delta"].as_str().unwrap());
            }
            "response.completed" | "response.incomplete" => end = event["response"].clone(),
            _ => assert!(end.is_null(), "nothing after the end"),
        }
    }
    assert!(end["output"].as_array().unwrap().iter().filter(|item| item["type"] == "message").count() <= 1);
    said.stop = end["status"].as_str().unwrap().to_owned();
    said.usage = responses_usage(&end["usage"]);
    said.calls = names.into_iter().zip(calls).map(|(name, text)| (name, arguments(&text))).collect();
    said
}

fn streamed_messages(reply: &Reply) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    let mut open = None;
    let mut next = 0;
    let mut names = Vec::new();
    for (name, data) in reply.events() {
        let event: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(event["type"], name.as_str());
        match name.as_str() {
            "message_start" => assert_eq!(event["message"]["content"], json!([])),
            "content_block_start" => {
                assert_eq!((open, number(&event["index"])), (None, next));
                open = Some(next);
                let block = &event["content_block"];
                if block["type"] == "tool_use" {
                    assert_eq!(block["input"], json!({}));
                    calls.push((block["name"].as_str().unwrap().to_owned(), String::new()));
                }
            }
            "content_block_delta" => {
                assert_eq!(open, event["index"].as_u64());
                let delta = &event["delta"];
                match delta["type"].as_str().unwrap() {
                    "text_delta" => said.text.push_str(delta["text"].as_str().unwrap()),
                    "thinking_delta" => said.thinking.push_str(delta["thinking"].as_str().unwrap()),
                    "signature_delta" => assert!(!delta["signature"].as_str().unwrap().is_empty()),
                    "input_json_delta" => {
                        calls.last_mut().unwrap().1.push_str(delta["partial_json"].as_str().unwrap());
                    }
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                open = None;
                next += 1;
            }
            "message_delta" => {
                said.stop = event["delta"]["stop_reason"].as_str().unwrap().to_owned();
                said.usage = messages_usage(&event["usage"]);
            }
            "ping" | "message_stop" => {}
            other => panic!("{other}"),
        }
        names.push(name);
    }
    assert_eq!(names.first().unwrap(), "message_start");
    assert_eq!(names.last().unwrap(), "message_stop");
    assert!(names.contains(&"ping".to_owned()));
    said.calls = calls.into_iter().map(|(name, text)| (name, arguments(&text))).collect();
    said
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
