//! Reads answers of every dialect, whole or streamed, and checks their shape on the way.

use pointsman_sim::Billed;
use serde_json::{Value, json};

use super::Reply;

/// What an answer says, in whatever dialect, whole or streamed.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    pub thinking: String,
    pub text: String,
    pub calls: Vec<(String, Value)>,
    pub stop: String,
    pub usage: Option<Billed>,
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub fn chat_usage(usage: &Value) -> Option<Billed> {
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

pub fn responses_usage(usage: &Value) -> Option<Billed> {
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

pub fn messages_usage(usage: &Value) -> Option<Billed> {
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

pub fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn whole(reply: &Reply) -> Said {
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

pub fn streamed(reply: &Reply) -> Said {
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

pub fn streamed_chat(reply: &Reply) -> Said {
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

pub fn streamed_responses(reply: &Reply) -> Said {
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

pub fn streamed_messages(reply: &Reply) -> Said {
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
