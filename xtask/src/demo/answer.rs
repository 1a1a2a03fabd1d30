//! Answers as a client reads them: is it its own dialect, and what must the next request repeat?

use pointsman::Dialect;
use serde_json::{Value, json};

/// What the model said, as the next request of the conversation has to show it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    items: Vec<Value>,
    /// Tools that it wants called: id and name.
    pub(crate) calls: Vec<(String, String)>,
}

/// Reads an answer.
///
/// # Errors
/// What is not as the dialect wants it.
pub(crate) fn read(dialect: Dialect, stream: bool, body: &[u8]) -> Result<Said, String> {
    if stream {
        let text = std::str::from_utf8(body).map_err(|_| "the stream is no UTF-8".to_owned())?;
        let events = events(text)?;
        return match dialect {
            Dialect::Chat => chat_stream(&events),
            Dialect::Messages => messages_stream(&events),
            Dialect::Responses => responses_stream(&events),
        };
    }
    let json: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    match dialect {
        Dialect::Chat => chat(&json),
        Dialect::Messages => messages(&json),
        Dialect::Responses => responses(&json),
    }
}

/// The body of the next request: the old one, what was said, and what the tools answered.
pub(crate) fn next(
    dialect: Dialect,
    body: &Value,
    said: &Said,
    mut result: impl FnMut(&str) -> String,
) -> Value {
    let mut body = body.clone();
    let results: Vec<Value> = said
        .calls
        .iter()
        .map(|(id, name)| match dialect {
            Dialect::Chat => json!({ "role": "tool", "tool_call_id": id, "content": result(name) }),
            Dialect::Messages => json!({ "type": "tool_result", "tool_use_id": id, "content": result(name) }),
            Dialect::Responses => {
                json!({ "type": "function_call_output", "call_id": id, "output": result(name) })
            }
        })
        .collect();
    let turns = if dialect == Dialect::Responses { "input" } else { "messages" };
    if let Some(turns) = body.get_mut(turns).and_then(Value::as_array_mut) {
        turns.extend(said.items.iter().cloned());
        match dialect {
            Dialect::Messages => turns.push(json!({ "role": "user", "content": results })),
            Dialect::Chat | Dialect::Responses => turns.extend(results),
        }
    }
    body
}

fn chat(json: &Value) -> Result<Said, String> {
    expect(json, "/object", "chat.completion")?;
    let message = json.pointer("/choices/0/message").ok_or("no message")?;
    expect(message, "/role", "assistant")?;
    if !json["choices"][0]["finish_reason"].is_string() {
        return Err("no finish_reason".to_owned());
    }
    Ok(chat_said(message))
}

fn chat_said(message: &Value) -> Said {
    let calls =
        list(message, "tool_calls").iter().map(|call| (text(call, "id"), text(&call["function"], "name")));
    Said { calls: calls.collect(), items: vec![message.clone()] }
}

fn chat_stream(events: &[Event<'_>]) -> Result<Said, String> {
    if events.last().map(|event| event.data) != Some("[DONE]") {
        return Err("the stream does not end with [DONE]".to_owned());
    }
    let mut message = json!({ "role": "assistant", "content": "" });
    let mut finished = false;
    for event in events.iter().filter(|event| event.data != "[DONE]") {
        let chunk = event.json()?;
        expect(&chunk, "/object", "chat.completion.chunk")?;
        let Some(choice) = chunk.pointer("/choices/0") else { continue };
        finished |= choice["finish_reason"].is_string();
        let delta = &choice["delta"];
        for field in ["content", "reasoning_content"] {
            if let Some(piece) = delta[field].as_str() {
                append(&mut message, field, piece);
            }
        }
        for call in list(delta, "tool_calls") {
            let index = usize::try_from(call["index"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
            add_call(&mut message, index, call)?;
        }
    }
    if !finished {
        return Err("no finish_reason".to_owned());
    }
    Ok(chat_said(&message))
}

fn add_call(message: &mut Value, index: usize, call: &Value) -> Result<(), String> {
    if message.get("tool_calls").is_none() {
        message["tool_calls"] = json!([]);
    }
    let known = list(message, "tool_calls").len();
    if index > known {
        return Err(format!("tool call {index} comes before its time"));
    }
    if index == known
        && let Some(calls) = message["tool_calls"].as_array_mut()
    {
        calls.push(json!({
            "id": call["id"], "type": "function",
            "function": { "name": call["function"]["name"], "arguments": "" },
        }));
    }
    if let Some(piece) = call["function"]["arguments"].as_str() {
        append(&mut message["tool_calls"][index]["function"], "arguments", piece);
    }
    Ok(())
}

fn messages(json: &Value) -> Result<Said, String> {
    expect(json, "/type", "message")?;
    expect(json, "/role", "assistant")?;
    if !json["stop_reason"].is_string() {
        return Err("no stop_reason".to_owned());
    }
    messages_said(json["content"].clone())
}

fn messages_said(content: Value) -> Result<Said, String> {
    let blocks = content.as_array().ok_or("no content")?;
    let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
    let calls = calls.map(|block| (text(block, "id"), text(block, "name"))).collect();
    Ok(Said { calls, items: vec![json!({ "role": "assistant", "content": content })] })
}

fn messages_stream(events: &[Event<'_>]) -> Result<Said, String> {
    let named = |event: Option<&Event<'_>>| event.map(|event| event.name.to_owned()).unwrap_or_default();
    if (named(events.first()).as_str(), named(events.last()).as_str()) != ("message_start", "message_stop") {
        return Err("the stream does not go from message_start to message_stop".to_owned());
    }
    let mut blocks: Vec<Value> = Vec::new();
    let mut arguments = String::new();
    for event in events {
        let data = event.json()?;
        expect(&data, "/type", event.name)?;
        match event.name {
            "content_block_start" => {
                blocks.push(data["content_block"].clone());
                arguments.clear();
            }
            "content_block_delta" => {
                let block = blocks.last_mut().ok_or("a delta without a block")?;
                let delta = &data["delta"];
                for field in ["text", "thinking", "signature"] {
                    if let Some(piece) = delta[field].as_str() {
                        append(block, field, piece);
                    }
                }
                arguments += delta["partial_json"].as_str().unwrap_or_default();
            }
            "content_block_stop" => {
                if let Some(block) = blocks.last_mut().filter(|block| block["type"] == "tool_use") {
                    let input = if arguments.is_empty() { "{}" } else { &arguments };
                    block["input"] =
                        serde_json::from_str(input).map_err(|error| format!("tool input: {error}"))?;
                }
            }
            "error" => return Err(format!("an error in the stream: {data}")),
            _ => {}
        }
    }
    messages_said(Value::Array(blocks))
}

fn responses(json: &Value) -> Result<Said, String> {
    expect(json, "/object", "response")?;
    expect(json, "/status", "completed")?;
    let items = json["output"].as_array().ok_or("no output")?;
    let calls = items.iter().filter(|item| item["type"] == "function_call");
    let calls = calls.map(|item| (text(item, "call_id"), text(item, "name"))).collect();
    Ok(Said { calls, items: items.clone() })
}

fn responses_stream(events: &[Event<'_>]) -> Result<Said, String> {
    let ends = (events.first().map(|event| event.name), events.last().map(|event| event.name));
    if ends != (Some("response.created"), Some("response.completed")) {
        return Err("the stream does not go from response.created to response.completed".to_owned());
    }
    for event in events {
        expect(&event.json()?, "/type", event.name)?;
    }
    let last = events.last().ok_or("no event")?.json()?;
    responses(&last["response"])
}

struct Event<'a> {
    name: &'a str,
    data: &'a str,
}

impl Event<'_> {
    fn json(&self) -> Result<Value, String> {
        serde_json::from_str(self.data).map_err(|error| format!("an event is no JSON: {error}"))
    }
}

fn events(text: &str) -> Result<Vec<Event<'_>>, String> {
    let rest = text.strip_suffix("\n\n").ok_or("the stream does not end with a blank line")?;
    let blocks = rest.split("\n\n").filter(|block| !block.starts_with(':'));
    let read = |block| {
        let mut event = Event { name: "", data: "" };
        for line in str::lines(block) {
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name,
                Some(("data", data)) => event.data = data,
                _ => return Err(format!("not a line of an event stream: {line}")),
            }
        }
        Ok(event)
    };
    blocks.map(read).collect()
}

fn expect(json: &Value, pointer: &str, wanted: &str) -> Result<(), String> {
    match json.pointer(pointer).and_then(Value::as_str) {
        Some(found) if found == wanted => Ok(()),
        found => Err(format!("{pointer} is {found:?}, not `{wanted}`")),
    }
}

fn append(json: &mut Value, field: &str, piece: &str) {
    let known = json[field].as_str().unwrap_or_default().to_owned();
    json[field] = json!(known + piece);
}

fn list<'a>(json: &'a Value, field: &str) -> &'a [Value] {
    json[field].as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Value, field: &str) -> String {
    json[field].as_str().unwrap_or_default().to_owned()
}
