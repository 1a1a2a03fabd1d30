//! DeepSeek. Its server reads bodies into fixed types, so that an unknown variant is a reading error.

use super::{Check, effort_word, has_part, messages as turns, says_json, thinking_type};
use crate::ask::{Ask, Format};
use crate::json::Json;
use crate::models::{Effort, Model, Quirk};
use crate::refusal::Refusal;

fn variant(at: &str, found: &str, expected: &str) -> Refusal {
    Refusal::invalid(format!(
        "Failed to deserialize the JSON body into the target type: {at}: unknown variant `{found}`, expected {expected}"
    ))
}

/// Roles, parts and tools of a Chat Completions body.
pub(super) fn chat_shape(model: &Model, body: &Json) -> Check {
    for (index, message) in turns(body).iter().enumerate() {
        let role = message.text("role");
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            let expected = "one of `system`, `user`, `assistant`, `tool`";
            return Err(variant(&format!("messages[{index}].role"), role, expected));
        }
    }
    for (index, tool) in body.get("tools").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        if tool.text("type") != "function" {
            return Err(variant(&format!("tools[{index}].type"), tool.text("type"), "`function`"));
        }
    }
    if !model.has(Quirk::Images) && has_part(body, &["image_url"]) {
        return Err(variant("messages", "image_url", "`text`"));
    }
    if has_part(body, &["file", "input_audio", "video_url"]) {
        return Err(variant("messages", "file", "`text` or `image_url`"));
    }
    Ok(())
}

/// Roles, blocks and tools of a Messages body.
pub(super) fn messages_shape(model: &Model, body: &Json) -> Check {
    if turns(body).iter().any(|message| message.text("role") == "system") {
        return Err(variant("messages[0].role", "system", "`user` or `assistant`"));
    }
    for (index, tool) in body.get("tools").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        // Seen with `custom`: the key itself is what it does not know.
        if tool.get("type").is_some() {
            return Err(variant(&format!("tools[{index}].type"), tool.text("type"), "no `type`"));
        }
    }
    if !model.has(Quirk::Images) && has_part(body, &["image"]) {
        return Err(variant("messages", "image", "`text`"));
    }
    for kind in ["document", "redacted_thinking", "server_tool_use", "search_result", "container_upload"] {
        if has_part(body, &[kind]) {
            return Err(variant("messages", kind, "one of `text`, `thinking`, `tool_use`, `tool_result`"));
        }
    }
    if body.get("mcp_servers").is_some() {
        return Err(Refusal::invalid("mcp_servers is not supported"));
    }
    Ok(())
}

/// What a model refuses on Chat Completions.
pub(super) fn chat(ask: &mut Ask, body: &Json) -> Check {
    settle(ask, body, effort_word(body)?)?;
    if ask.choices > 1 {
        return Err(Refusal::invalid("Invalid n value (currently only n = 1 is supported)"));
    }
    if matches!(ask.format, Format::Schema(_)) {
        return Err(Refusal::invalid("This response_format type is unavailable now"));
    }
    if matches!(ask.format, Format::Object) && !says_json(body) {
        return Err(Refusal::invalid(
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
        ));
    }
    if ask.thinks {
        for key in ["logprobs", "top_logprobs"] {
            if body.get(key).is_some_and(|value| *value != Json::Bool(false)) {
                return Err(Refusal::invalid(format!(
                    "deepseek-reasoner does not support the parameter {key}"
                )));
            }
        }
        // An empty one counts as missing; a single space does not.
        let lacks = |turn: &Json| super::calls(turn) && turn.text("reasoning_content").is_empty();
        if turns(body).iter().any(lacks) {
            return Err(Refusal::invalid(
                "The `reasoning_content` in the thinking mode must be passed back to the API.",
            ));
        }
    }
    Ok(())
}

/// What a model refuses on Messages.
pub(super) fn messages(ask: &mut Ask, body: &Json) -> Check {
    let word = body.at(&["output_config", "effort"]).map(|_| ask.effort);
    settle(ask, body, word)?;
    if let Some(key) = body.get("output_config").and_then(|config| super::unknown(config, &["effort"])) {
        return Err(Refusal::invalid(format!("output_config.{key} is not supported")));
    }
    if ask.thinks {
        let lacks = |turn: &Json| {
            let blocks = turn.get("content").and_then(Json::as_array).unwrap_or(&[]);
            let has = |kind: &str| blocks.iter().any(|block| block.text("type") == kind);
            has("tool_use") && !has("thinking")
        };
        if turns(body).iter().any(lacks) {
            return Err(Refusal::invalid(
                "The `content[].thinking` in the thinking mode must be passed back to the API.",
            ));
        }
    }
    Ok(())
}

fn settle(ask: &mut Ask, body: &Json, word: Option<Effort>) -> Check {
    ask.thinks = match thinking_type(body) {
        "disabled" => false,
        "" | "enabled" => true,
        // Claude's word; this server does not know it.
        other => return Err(variant("thinking.type", other, "`enabled` or `disabled`")),
    };
    ask.budget = None;
    ask.effort = match word {
        None => ask.model.default,
        Some(Effort::None) => {
            let expected = "one of `minimal`, `low`, `medium`, `high`, `xhigh`, `max`";
            return Err(variant("reasoning_effort", "none", expected));
        }
        Some(Effort::Minimal | Effort::Low) => Effort::Low,
        Some(Effort::Medium | Effort::High | Effort::Xhigh) => Effort::High,
        Some(Effort::Max) => Effort::Max,
    };
    Ok(())
}
