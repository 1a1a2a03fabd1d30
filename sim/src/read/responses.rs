//! OpenAI Responses.

use std::collections::BTreeSet;

use super::{Read, count, flag, list, within};
use crate::ask::{Ask, Choice, Format, Segment, Tool, mark_of, plain_text, text_tokens, tokens, unmarked};
use crate::hash::Hash;
use crate::json::{Json, obj};
use crate::models::{Effort, Model, Quirk};
use crate::refusal::{Kind, Refusal};
use crate::signature;
use crate::vendor::{Dialect, Vendor};

/// `earlier` finds the items behind a `previous_response_id`, input and output.
pub(crate) fn read(
    vendor: Vendor,
    model: &'static Model,
    served: &str,
    body: &Json,
    account: u64,
    earlier: &dyn Fn(&str) -> Option<Vec<Json>>,
) -> Read<Ask> {
    let mut ask = Ask::new(vendor, Dialect::Responses, model, served);
    ask.stream = flag(body, "stream")?;
    read_options(&mut ask, body)?;
    read_tools(&mut ask, body)?;
    let instructions = body.text("instructions");
    if !instructions.is_empty() {
        ask.prompt.push(Segment {
            tokens: tokens(instructions),
            hash: Hash::new().with("instructions").with(instructions).value(),
            mark: None,
            in_messages: false,
        });
    }
    let mut items = match body.get("previous_response_id").and_then(Json::as_str) {
        None => Vec::new(),
        Some(id) => earlier(id).ok_or_else(|| {
            Refusal::invalid(format!("Previous response with id '{id}' not found."))
                .param("previous_response_id")
                .code("previous_response_not_found")
        })?,
    };
    match body.get("input") {
        Some(Json::String(text)) => items.push(obj! {"role": "user", "content": text}),
        Some(Json::Array(input)) => items.extend(input.iter().cloned()),
        Some(_) => {
            return Err(Refusal::invalid("Invalid type for 'input'.").param("input").code("invalid_type"));
        }
        None => {}
    }
    if items.is_empty() {
        return Err(Refusal::invalid(
            "Missing required parameter: 'input'. One of \"input\" or \"previous_response_id\" or 'prompt' or \
             'conversation' must be provided.",
        )
        .code("missing_required_parameter"));
    }
    read_items(&mut ask, &items, account)?;
    ask.input = items;
    Ok(ask)
}

fn read_options(ask: &mut Ask, body: &Json) -> Read<()> {
    ask.obfuscation =
        body.at(&["stream_options", "include_obfuscation"]).and_then(Json::as_bool).unwrap_or(true);
    if let Some(limit) = count(body, "max_output_tokens")? {
        if limit < 16 {
            return Err(Refusal::invalid(format!(
                "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit} \
                 instead."
            ))
            .param("max_output_tokens")
            .code("integer_below_min_value"));
        }
        if limit > ask.model.max_output {
            return Err(Refusal::invalid(format!(
                "Invalid 'max_output_tokens': this model supports at most {} output tokens, but got {limit}.",
                ask.model.max_output
            ))
            .param("max_output_tokens")
            .code("integer_above_max_value"));
        }
        ask.max_output = limit;
    }
    within(body, "temperature", 0.0, 2.0)?;
    within(body, "top_p", 0.0, 1.0)?;
    if let Some(word) = body.at(&["reasoning", "effort"]).and_then(Json::as_str) {
        ask.effort = Effort::named(word).ok_or_else(|| {
            Refusal::invalid(format!(
                "Invalid value: '{word}'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', \
                 and 'max'."
            ))
            .param("reasoning.effort")
            .code("invalid_value")
        })?;
    }
    ask.thinks = ask.effort != Effort::None;
    match body.at(&["text", "format"]) {
        None => {}
        Some(format) => {
            ask.format = match format.text("type") {
                "text" => Format::Text,
                "json_object" => Format::Object,
                "json_schema" => match format.get("schema") {
                    Some(schema) if schema.is_object() && !format.text("name").is_empty() => {
                        Format::Schema(schema.clone())
                    }
                    _ => return Err(missing("text.format.schema")),
                },
                other => {
                    return Err(
                        Refusal::invalid(format!("Invalid value: '{other}'.")).param("text.format.type")
                    );
                }
            };
        }
    }
    let included: Vec<&str> = list(body, "include")?.iter().filter_map(Json::as_str).collect();
    ask.encrypted = included.contains(&"reasoning.encrypted_content");
    ask.keep_response = body.get("store").and_then(Json::as_bool).unwrap_or(true);
    ask.cache_long = body.at(&["prompt_cache_options", "ttl"]).and_then(Json::as_str) == Some("12h");
    ask.cache_marked_only =
        body.at(&["prompt_cache_options", "mode"]).and_then(Json::as_str) == Some("explicit");
    ask.scope = Hash::new().with(body.text("prompt_cache_key")).with("").value();
    ask.echo = echo(body);
    Ok(())
}

/// The members of the request that the answer repeats.
fn echo(body: &Json) -> Json {
    let or_null = |key: &str| body.get(key).cloned().unwrap_or(Json::Null);
    let or = |key: &str, default: Json| body.get(key).cloned().unwrap_or(default);
    obj! {
        "instructions": or_null("instructions"),
        "max_output_tokens": or_null("max_output_tokens"),
        "previous_response_id": or_null("previous_response_id"),
        "parallel_tool_calls": or("parallel_tool_calls", Json::Bool(true)),
        "store": or("store", Json::Bool(true)),
        "summary": body.at(&["reasoning", "summary"]).cloned(),
        "temperature": or("temperature", Json::from(1.0)),
        "top_p": or("top_p", Json::from(1.0)),
        "text": or("text", obj! {"format": obj! {"type": "text"}, "verbosity": "medium"}),
        "tool_choice": or("tool_choice", Json::from("auto")),
        "tools": or("tools", Json::Array(Vec::new())),
        "truncation": or("truncation", Json::from("disabled")),
        "metadata": or("metadata", Json::Object(Vec::new())),
        "prompt_cache_key": or_null("prompt_cache_key"),
    }
}

fn read_tools(ask: &mut Ask, body: &Json) -> Read<()> {
    let tools = list(body, "tools")?;
    for (index, tool) in tools.iter().enumerate() {
        read_tool(ask, tool, &format!("tools[{index}]"))?;
        let bare = unmarked(tool).compact();
        ask.prompt.push(Segment {
            tokens: tokens(&bare),
            hash: Hash::of(&bare),
            mark: None,
            in_messages: false,
        });
    }
    ask.parallel = body.get("parallel_tool_calls").and_then(Json::as_bool).unwrap_or(true);
    ask.choice = match body.get("tool_choice") {
        None => Choice::Auto,
        Some(Json::String(word)) => match word.as_str() {
            "auto" => Choice::Auto,
            "none" => Choice::Never,
            "required" if tools.is_empty() => {
                return Err(Refusal::invalid(
                    "Tool choice 'required' must be specified with 'tools' parameter.",
                )
                .param("tool_choice"));
            }
            "required" => Choice::Any,
            other => return Err(Refusal::invalid(format!("Invalid value: '{other}'.")).param("tool_choice")),
        },
        Some(named) => {
            let name = named.text("name");
            match named.text("type") {
                "function" | "custom" if !ask.tools.iter().any(|tool| tool.name == name) => {
                    let text = format!("Tool choice '{name}' not found in 'tools' parameter.");
                    return Err(Refusal::invalid(text).param("tool_choice"));
                }
                "function" | "custom" => Choice::Named(name.to_owned()),
                _ => Choice::Auto,
            }
        }
    };
    Ok(())
}

fn read_tool(ask: &mut Ask, tool: &Json, at: &str) -> Read<()> {
    match tool.text("type") {
        "" => return Err(missing(&format!("{at}.type"))),
        kind @ ("function" | "custom") => {
            if tool.get("function").is_some() || tool.text("name").is_empty() {
                return Err(missing(&format!("{at}.name")));
            }
            let schema = tool.get("parameters").cloned().unwrap_or(Json::Object(Vec::new()));
            ask.tools.push(Tool {
                name: tool.text("name").to_owned(),
                schema: (kind == "function").then_some(schema),
                freeform: kind == "custom",
            });
        }
        "namespace" => {
            for (index, inner) in list(tool, "tools")?.iter().enumerate() {
                read_tool(ask, inner, &format!("{at}.tools[{index}]"))?;
            }
        }
        // Tools that the provider runs itself.
        _ => {}
    }
    Ok(())
}

fn read_items(ask: &mut Ask, items: &[Json], account: u64) -> Read<()> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let at = format!("input[{index}]");
        let kind = match item.text("type") {
            "" if item.get("role").is_some() => "message",
            "" => return Err(missing(&format!("{at}.type"))),
            kind => kind,
        };
        let call = item.text("call_id");
        match kind {
            "message" => check_message(item, &at)?,
            "function_call" | "custom_tool_call" => {
                if call.is_empty() || item.text("name").is_empty() {
                    return Err(missing(&format!("{at}.call_id")));
                }
                open.insert(call);
            }
            "function_call_output" | "custom_tool_call_output" => {
                if item.get("output").is_none() {
                    return Err(missing(&format!("{at}.output")));
                }
                if !open.remove(call) && !answered.contains(call) {
                    return Err(orphan(ask.vendor, call).param("input"));
                }
                answered.insert(call);
            }
            "reasoning" => check_reasoning(ask, item, account)?,
            "compaction" | "compaction_summary"
                if ask.vendor == Vendor::OpenAi
                    && !signature::openai_reads(item.text("encrypted_content"), account) =>
            {
                return Err(unreadable());
            }
            _ => {}
        }
        if ask.vendor != Vendor::OpenAi && matches!(kind, "compaction" | "compaction_trigger") {
            return Err(Refusal::invalid(format!("Invalid value: '{kind}'.")).param(format!("{at}.type")));
        }
        let text = match kind {
            "message" => item.get("content").map_or(0, text_tokens),
            "function_call" | "custom_tool_call" => {
                tokens(item.text("name")) + tokens(item.text("arguments")) + tokens(item.text("input"))
            }
            "function_call_output" | "custom_tool_call_output" => item.get("output").map_or(0, text_tokens),
            "reasoning" => tokens(item.text("encrypted_content")) / 2,
            _ => tokens(&item.compact()),
        };
        // Ids and status are the provider's; a client may send them back or not.
        let bare = unmarked(item).without(&["id", "status"]).compact();
        ask.prompt.push(Segment {
            tokens: text,
            hash: Hash::of(bare),
            mark: mark_of(item),
            in_messages: true,
        });
    }
    if let Some(call) = open.first() {
        return Err(
            Refusal::invalid(format!("No tool output found for function call {call}.")).param("input")
        );
    }
    ask.first_turn = !items.iter().any(|item| {
        item.text("role") == "assistant" || matches!(item.text("type"), "function_call" | "reasoning")
    });
    if let Some(last) = items.last() {
        ask.last_is_result = last.text("type").ends_with("_call_output");
        let content = last.get("content").or_else(|| last.get("output"));
        ask.last_text = content.map(plain_text).unwrap_or_default();
    }
    Ok(())
}

fn check_message(item: &Json, at: &str) -> Read<()> {
    let role = item.text("role");
    if !matches!(role, "user" | "assistant" | "system" | "developer") {
        let text = format!(
            "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
        );
        return Err(Refusal::invalid(text).param(format!("{at}.role")).code("invalid_value"));
    }
    match item.get("content") {
        Some(Json::String(_)) => Ok(()),
        Some(Json::Array(parts)) => {
            for (index, part) in parts.iter().enumerate() {
                let kind = part.text("type");
                let good = match role {
                    "assistant" => matches!(kind, "output_text" | "refusal"),
                    _ => matches!(kind, "input_text" | "input_image" | "input_file" | "input_audio"),
                };
                if !good {
                    let wanted = if role == "assistant" {
                        "'output_text' and 'refusal'"
                    } else {
                        "'input_text', 'input_image', and 'input_file'"
                    };
                    let text = format!("Invalid value: '{kind}'. Supported values are: {wanted}.");
                    return Err(Refusal::invalid(text)
                        .param(format!("{at}.content[{index}]"))
                        .code("invalid_value"));
                }
            }
            Ok(())
        }
        _ => Err(missing(&format!("{at}.content"))),
    }
}

fn check_reasoning(ask: &Ask, item: &Json, account: u64) -> Read<()> {
    if ask.vendor != Vendor::OpenAi || !ask.model.has(Quirk::Schema) {
        return Ok(());
    }
    match item.get("encrypted_content").and_then(Json::as_str) {
        Some(content) if signature::openai_reads(content, account) => Ok(()),
        Some(_) => Err(unreadable()),
        // A kept response holds its own reasoning; from the client it must come with its content.
        None if item.text("id").starts_with("rs_") && item.get("kept").is_some() => Ok(()),
        None => Err(Refusal::new(
            404,
            Kind::Invalid,
            format!(
                "Item with id '{}' not found. Items are not persisted when `store` is set to false. Try again with \
                 `store` set to true, or remove this item from your input.",
                item.text("id")
            ),
        )
        .param("input")),
    }
}

fn unreadable() -> Refusal {
    Refusal::invalid(
        "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
    )
    .code("invalid_encrypted_content")
}

fn orphan(vendor: Vendor, call: &str) -> Refusal {
    match vendor {
        Vendor::MiniMax => Refusal::invalid(format!("tool result's tool id({call}) not found")),
        _ => Refusal::invalid(format!("No tool call found for function call output with call_id {call}.")),
    }
}

fn missing(param: &str) -> Refusal {
    Refusal::invalid(format!("Missing required parameter: '{param}'."))
        .param(param)
        .code("missing_required_parameter")
}
