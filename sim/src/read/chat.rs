//! Chat Completions.

use std::collections::BTreeSet;

use super::{Read, count, flag, list, within};
use crate::ask::{Ask, Choice, Format, Segment, Tool, mark_of, plain_text, text_tokens, tokens, unmarked};
use crate::hash::Hash;
use crate::json::Json;
use crate::models::{Family, Model};
use crate::refusal::Refusal;
use crate::vendor::{Dialect, Vendor};

pub(crate) fn read(vendor: Vendor, model: &'static Model, served: &str, body: &Json) -> Read<Ask> {
    let mut ask = Ask::new(vendor, Dialect::Chat, model, served);
    ask.stream = flag(body, "stream")?;
    read_options(&mut ask, body)?;
    read_tools(&mut ask, body)?;
    read_format(&mut ask, body)?;
    read_messages(&mut ask, body)?;
    Ok(ask)
}

fn read_options(ask: &mut Ask, body: &Json) -> Read<()> {
    if let Some(options) = body.get("stream_options") {
        if !ask.stream {
            return Err(Refusal::invalid(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            )
            .param("stream_options"));
        }
        ask.include_usage = flag(options, "include_usage")?;
        ask.obfuscation = options.get("include_obfuscation").and_then(Json::as_bool).unwrap_or(true);
    } else {
        ask.obfuscation = true;
    }
    // Two vendors do not know the newer name and look past it.
    let newer = !matches!(ask.vendor, Vendor::DeepSeek | Vendor::Zai);
    for key in ["max_tokens", "max_completion_tokens"].into_iter().take(if newer { 2 } else { 1 }) {
        if let Some(limit) = count(body, key)? {
            if limit > ask.model.max_output {
                return Err(Refusal::invalid(format!(
                    "{key} is too large: {limit}. This model supports at most {} completion tokens, whereas you \
                     provided {limit}.",
                    ask.model.max_output
                ))
                .param(key)
                .code("invalid_value"));
            }
            ask.max_output = limit;
        }
    }
    within(body, "temperature", 0.0, 2.0)?;
    within(body, "top_p", 0.0, 1.0)?;
    within(body, "presence_penalty", -2.0, 2.0)?;
    within(body, "frequency_penalty", -2.0, 2.0)?;
    ask.choices = count(body, "n")?.unwrap_or(1);
    ask.stop = match body.get("stop") {
        None => Vec::new(),
        Some(Json::String(stop)) => vec![stop.clone()],
        Some(Json::Array(stops)) if stops.len() <= 4 => {
            stops.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        }
        Some(_) => return Err(Refusal::invalid("Invalid 'stop': expected up to 4 strings").param("stop")),
    };
    ask.cache_long = body.at(&["prompt_cache_options", "ttl"]).and_then(Json::as_str) == Some("12h");
    ask.cache_marked_only =
        body.at(&["prompt_cache_options", "mode"]).and_then(Json::as_str) == Some("explicit");
    ask.scope = Hash::new().with(body.text("prompt_cache_key")).with(body.text("user_id")).value();
    Ok(())
}

fn read_tools(ask: &mut Ask, body: &Json) -> Read<()> {
    for (index, tool) in list(body, "tools")?.iter().enumerate() {
        let at = format!("tools[{index}]");
        let kind = tool.text("type");
        let inner = match kind {
            "function" => tool.get("function"),
            "custom" if ask.vendor == Vendor::OpenAi => tool.get("custom"),
            "" => return Err(missing(&format!("{at}.type"))),
            other => {
                let text = format!("Invalid value: '{other}'. Supported values are: 'function'.");
                return Err(Refusal::invalid(text).param(format!("{at}.type")).code("invalid_value"));
            }
        };
        let Some(inner) = inner.filter(|inner| inner.is_object()) else {
            return Err(missing(&format!("{at}.{kind}")));
        };
        let name = inner.text("name");
        if name.is_empty() {
            return Err(missing(&format!("{at}.{kind}.name")));
        }
        let schema = inner.get("parameters");
        if schema.is_some_and(|schema| !schema.is_object()) {
            return Err(Refusal::invalid(format!("Invalid schema for function '{name}'")).param(at));
        }
        ask.tools.push(Tool {
            name: name.to_owned(),
            schema: (kind == "function").then(|| schema.cloned().unwrap_or(Json::Object(Vec::new()))),
            freeform: kind == "custom",
        });
        ask.prompt.push(segment(tool, tokens(&tool.compact()), false));
    }
    ask.parallel = body.get("parallel_tool_calls").and_then(Json::as_bool).unwrap_or(true);
    for key in ["tool_choice", "parallel_tool_calls"] {
        if ask.tools.is_empty() && body.get(key).is_some() {
            let text = format!("'{key}' is only allowed when 'tools' are specified.");
            return Err(Refusal::invalid(text).param(key));
        }
    }
    ask.choice = match body.get("tool_choice") {
        None => Choice::Auto,
        Some(Json::String(word)) => match word.as_str() {
            "auto" => Choice::Auto,
            "none" => Choice::Never,
            "required" => Choice::Any,
            other => return Err(Refusal::invalid(format!("Invalid value: '{other}'.")).param("tool_choice")),
        },
        Some(named) => {
            let name = [&["function", "name"], &["custom", "name"]]
                .into_iter()
                .find_map(|path| named.at(path).and_then(Json::as_str))
                .unwrap_or("");
            if !ask.tools.iter().any(|tool| tool.name == name) {
                let text = format!("Tool choice '{name}' not found in 'tools' parameter.");
                return Err(Refusal::invalid(text).param("tool_choice"));
            }
            Choice::Named(name.to_owned())
        }
    };
    Ok(())
}

fn read_format(ask: &mut Ask, body: &Json) -> Read<()> {
    let Some(format) = body.get("response_format") else { return Ok(()) };
    ask.format = match format.text("type") {
        "text" => Format::Text,
        "json_object" => Format::Object,
        "json_schema" => match format.at(&["json_schema", "schema"]) {
            Some(schema) if schema.is_object() => Format::Schema(schema.clone()),
            _ => return Err(missing("response_format.json_schema.schema")),
        },
        other => {
            return Err(Refusal::invalid(format!("Invalid value: '{other}'.")).param("response_format.type"));
        }
    };
    Ok(())
}

fn read_messages(ask: &mut Ask, body: &Json) -> Read<()> {
    let messages = list(body, "messages")?;
    if messages.is_empty() {
        return Err(Refusal::invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        )
        .param("messages")
        .code("empty_array"));
    }
    // The calls that still wait for their result.
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        let role = message.text("role");
        if !open.is_empty() && role != "tool" {
            return Err(unanswered(&open).param(at));
        }
        match role {
            "system" | "developer" | "user" => {
                let content = message.get("content").ok_or_else(|| missing(&format!("{at}.content")))?;
                check_content(content, &format!("{at}.content"), role == "user")?;
            }
            "assistant" => open = read_calls(message, &at)?,
            "tool" => {
                let id = message.text("tool_call_id");
                if id.is_empty() {
                    return Err(missing(&format!("{at}.tool_call_id")));
                }
                if !open.remove(id) {
                    return Err(orphan(ask, id).param(format!("{at}.role")));
                }
            }
            "" => return Err(missing(&format!("{at}.role"))),
            other => {
                let text = format!(
                    "Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', and 'tool'."
                );
                return Err(Refusal::invalid(text).param(format!("{at}.role")).code("invalid_value"));
            }
        }
        ask.prompt.push(segment(message, message_tokens(ask.model, message), true));
    }
    if !open.is_empty() {
        return Err(unanswered(&open).param("messages"));
    }
    ask.first_turn = !messages.iter().any(|message| message.text("role") == "assistant");
    if let Some(last) = messages.last() {
        ask.last_text = last.get("content").map(plain_text).unwrap_or_default();
        ask.last_is_result = last.text("role") == "tool";
    }
    Ok(())
}

/// Checks the tool calls of an assistant message and returns their ids.
fn read_calls<'a>(message: &'a Json, at: &str) -> Read<BTreeSet<&'a str>> {
    let calls = list(message, "tool_calls")?;
    let mut ids = BTreeSet::new();
    for (index, call) in calls.iter().enumerate() {
        let at = format!("{at}.tool_calls[{index}]");
        let id = call.text("id");
        if id.is_empty() {
            return Err(missing(&format!("{at}.id")));
        }
        let inner = match call.text("type") {
            "function" => call.get("function"),
            "custom" => call.get("custom"),
            _ => return Err(missing(&format!("{at}.type"))),
        };
        if inner.is_none_or(|inner| inner.text("name").is_empty()) {
            return Err(missing(&format!("{at}.function.name")));
        }
        if call.text("type") == "function"
            && call.at(&["function", "arguments"]).and_then(Json::as_str).is_none()
        {
            return Err(missing(&format!("{at}.function.arguments")));
        }
        ids.insert(id);
    }
    match message.get("content") {
        Some(content) => check_content(content, &format!("{at}.content"), false)?,
        None if calls.is_empty() && message.get("reasoning_content").is_none() => {
            return Err(missing(&format!("{at}.content")));
        }
        None => {}
    }
    Ok(ids)
}

fn check_content(content: &Json, at: &str, media: bool) -> Read<()> {
    match content {
        Json::String(_) => Ok(()),
        Json::Array(parts) if parts.is_empty() => {
            Err(Refusal::invalid(format!("Invalid '{at}': empty array.")).param(at).code("empty_array"))
        }
        Json::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                let good = match part.text("type") {
                    "text" => part.get("text").is_some_and(|text| text.as_str().is_some()),
                    "refusal" => true,
                    "image_url" => media && part.at(&["image_url", "url"]).is_some(),
                    "input_audio" | "file" | "video_url" => media,
                    _ => false,
                };
                if !good {
                    let text = format!("Invalid content part of type '{}'.", part.text("type"));
                    return Err(Refusal::invalid(text).param(format!("{at}[{index}]")).code("invalid_value"));
                }
            }
            Ok(())
        }
        _ => {
            Err(Refusal::invalid(format!("Invalid type for '{at}': expected a string or an array")).param(at))
        }
    }
}

fn message_tokens(model: &Model, message: &Json) -> u64 {
    let content = message.get("content").map_or(0, text_tokens);
    let calls: u64 =
        message.get("tool_calls").and_then(Json::as_array).unwrap_or(&[]).iter().map(call_tokens).sum();
    let reasoning = match model.family {
        Family::DeepSeek | Family::Kimi | Family::Glm => tokens(message.text("reasoning_content")),
        _ => 0,
    };
    content + calls + reasoning
}

fn call_tokens(call: &Json) -> u64 {
    let inner = call.get("function").or_else(|| call.get("custom")).unwrap_or(call);
    tokens(inner.text("name")) + tokens(inner.text("arguments")) + tokens(inner.text("input"))
}

fn segment(value: &Json, tokens: u64, in_messages: bool) -> Segment {
    let hash = Hash::of(unmarked(value).compact());
    Segment { tokens, hash, mark: mark_of(value), in_messages }
}

fn missing(param: &str) -> Refusal {
    Refusal::invalid(format!("Missing required parameter: '{param}'."))
        .param(param)
        .code("missing_required_parameter")
}

fn unanswered(open: &BTreeSet<&str>) -> Refusal {
    let ids: Vec<&str> = open.iter().copied().collect();
    Refusal::invalid(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    ))
}

fn orphan(ask: &Ask, id: &str) -> Refusal {
    match ask.vendor {
        Vendor::MiniMax => Refusal::invalid(format!("tool result's tool id({id}) not found")),
        Vendor::Moonshot => Refusal::invalid(format!("tool_call_id {id} is not found")),
        _ => Refusal::invalid(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
             'tool_calls'.",
        ),
    }
}
