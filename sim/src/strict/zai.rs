//! Z.ai: codes instead of types.

use super::{Check, effort_word, has_part, messages, thinking_type};
use crate::ask::{Ask, Choice, Format};
use crate::json::Json;
use crate::models::{Effort, Model, Quirk};
use crate::refusal::Refusal;

fn parameter(message: impl Into<String>) -> Refusal {
    Refusal::invalid(message).code("1210")
}

/// Roles and parts of a Chat Completions body.
pub(super) fn chat_shape(model: &Model, body: &Json) -> Check {
    for message in messages(body) {
        let role = message.text("role");
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            return Err(Refusal::invalid("Incorrect role information").code("1214"));
        }
    }
    if !model.has(Quirk::Images) && has_part(body, &["image_url", "video_url", "file"]) {
        return Err(parameter("messages.content.type: allowed values are ['text']"));
    }
    Ok(())
}

/// Parts and thinking of a Messages body.
pub(super) fn messages_shape(model: &Model, body: &Json) -> Check {
    if !model.has(Quirk::Images) && has_part(body, &["image", "document"]) {
        return Err(parameter("messages.content.type: allowed values are ['text']"));
    }
    match thinking_type(body) {
        "" | "enabled" | "disabled" => Ok(()),
        _ => Err(parameter("thinking.type: allowed values are ['enabled', 'disabled']")),
    }
}

/// What a model refuses on Chat Completions.
pub(super) fn chat(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    if body.get("temperature").and_then(Json::as_f64).is_some_and(|value| value > 1.0) {
        return Err(parameter("temperature: must be in [0, 1]"));
    }
    if matches!(ask.choice, Choice::Any | Choice::Named(_) | Choice::Never) {
        return Err(parameter("tool_choice: only auto is supported"));
    }
    if matches!(ask.format, Format::Schema(_)) && !model.has(Quirk::Schema) {
        return Err(parameter("response_format.type: allowed values are ['text', 'json_object']"));
    }
    if ask.stop.len() > 1 {
        return Err(parameter("stop: at most one stop sequence"));
    }
    if ask.choices > 1 {
        return Err(parameter("n: only 1 is supported"));
    }
    ask.thinks = match thinking_type(body) {
        "disabled" => false,
        "" | "enabled" => true,
        _ => return Err(parameter("thinking.type: allowed values are ['enabled', 'disabled']")),
    };
    // Older models have no levels and do not look.
    ask.effort = match effort_word(body)? {
        Some(effort) if !model.efforts.is_empty() => effort,
        _ => model.default,
    };
    match ask.effort {
        Effort::None | Effort::Minimal => ask.thinks = false,
        Effort::Medium => ask.effort = Effort::High,
        Effort::Xhigh => ask.effort = Effort::Max,
        _ => {}
    }
    Ok(())
}
