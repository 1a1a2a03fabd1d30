//! MiniMax, all three dialects. Its messages end with a code; 2013 is "invalid params".

use super::{Check, effort_word, has_part, messages, thinking_type};
use crate::ask::{Ask, Format};
use crate::json::Json;
use crate::models::{Effort, Model, Quirk};
use crate::refusal::Refusal;
use crate::vendor::Dialect;

/// Roles and parts of a Chat Completions body.
pub(super) fn chat_shape(model: &Model, body: &Json) -> Check {
    for message in messages(body) {
        if message.text("role") == "developer" {
            return Err(Refusal::invalid("chat content has invalid message role: developer"));
        }
        for call in message.get("tool_calls").and_then(Json::as_array).unwrap_or(&[]) {
            let arguments = call.at(&["function", "arguments"]).and_then(Json::as_str).unwrap_or("{}");
            if !Json::parse(arguments.as_bytes()).is_ok_and(|arguments| arguments.is_object()) {
                return Err(Refusal::invalid(format!(
                    "invalid function arguments json string, tool_call_id: {}",
                    call.text("id")
                )));
            }
        }
    }
    pictures(model, body)
}

/// Parts of a Messages body.
pub(super) fn messages_shape(model: &Model, body: &Json) -> Check {
    if messages(body).iter().any(|message| message.text("role") == "system") {
        return Err(Refusal::invalid("chat content has invalid message role: system"));
    }
    if body.get("container").is_some() || body.get("mcp_servers").is_some() {
        return Err(Refusal::invalid("unsupported parameter"));
    }
    pictures(model, body)
}

fn pictures(model: &Model, body: &Json) -> Check {
    let kinds = ["image", "image_url", "input_image", "document", "video_url", "file"];
    if !model.has(Quirk::Images) && has_part(body, &kinds) {
        return Err(Refusal::invalid(format!("model {} does not support image input", model.id)));
    }
    Ok(())
}

/// What a model refuses on any dialect.
pub(super) fn any(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    let m2 = model.has(Quirk::M2);
    let temperature = body.get("temperature").and_then(Json::as_f64);
    if m2 && temperature.is_some_and(|value| value <= 0.0 || value > 1.0) {
        return Err(Refusal::invalid("temperature must be in range (0.0, 1.0]"));
    }
    if body.get("top_p").and_then(Json::as_f64).is_some_and(|value| value <= 0.0) {
        return Err(Refusal::invalid("top_p must be in range (0.0, 1.0]"));
    }
    if ask.choices > 1 {
        return Err(Refusal::invalid("n must be 1"));
    }
    if matches!(ask.format, Format::Schema(_)) && m2 && ask.dialect == Dialect::Chat {
        return Err(Refusal::invalid(format!(
            "response_format json_schema is not supported by {}",
            model.id
        )));
    }
    if ask.dialect == Dialect::Responses {
        super::minimax::pictures(model, body)?;
    }
    ask.reasoning_split = body.get("reasoning_split").and_then(Json::as_bool).unwrap_or(false);
    ask.thinks = true;
    if thinking_type(body) == "disabled" {
        if model.has(Quirk::Disable) {
            ask.thinks = false;
        } else if !m2 && ask.dialect == Dialect::Chat {
            return Err(Refusal::invalid(format!("{} requires adaptive thinking", model.id)));
        }
        // M2.x thinks on, whatever it is told.
    }
    let word = match ask.dialect {
        Dialect::Chat => effort_word(body)?,
        Dialect::Messages => body.at(&["output_config", "effort"]).map(|_| ask.effort),
        Dialect::Responses => body.at(&["reasoning", "effort"]).map(|_| ask.effort),
    };
    if let Some(effort) = word.filter(|_| !model.efforts.is_empty()) {
        if !model.efforts.contains(&effort) {
            return Err(Refusal::invalid(format!(
                "effort {} is not supported by {}, use one of {}",
                effort.name(),
                model.id,
                model.effort_list(model.efforts)
            )));
        }
        ask.effort = effort;
    } else {
        ask.effort = model.default;
    }
    if ask.effort == Effort::None {
        ask.thinks = false;
    }
    Ok(())
}
