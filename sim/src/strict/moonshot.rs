//! Moonshot: the sampling of Kimi models is fixed by the platform.

use super::{Check, effort_word, messages as turns, thinking_type};
use crate::ask::{Ask, Choice};
use crate::json::Json;
use crate::models::{Effort, Quirk};
use crate::refusal::Refusal;

/// Roles of a Chat Completions body.
pub(super) fn chat_shape(body: &Json) -> Check {
    for (index, message) in turns(body).iter().enumerate() {
        let role = message.text("role");
        if !matches!(role, "system" | "user" | "assistant" | "tool") {
            return Err(Refusal::invalid(format!(
                "Invalid request: the message at position {index} with role '{role}' is not supported"
            )));
        }
        let empty = message.get("content").is_none_or(|content| crate::ask::plain_text(content).is_empty());
        let pictures = message.get("content").and_then(Json::as_array).is_some_and(|parts| parts.len() > 1);
        if empty && !pictures && matches!(role, "user" | "assistant") && !super::calls(message) {
            return Err(Refusal::invalid(format!(
                "Invalid request: the message at position {index} with role '{role}' must not be empty"
            )));
        }
    }
    Ok(())
}

/// What a model refuses on Chat Completions.
pub(super) fn chat(ask: &mut Ask, body: &Json) -> Check {
    settle(ask, body, effort_word(body)?)?;
    if ask.choices > 1 {
        return Err(Refusal::invalid("invalid n: only 1 is allowed for this model"));
    }
    for key in ["presence_penalty", "frequency_penalty"] {
        if body.get(key).and_then(Json::as_f64).is_some_and(|value| value != 0.0) {
            return Err(Refusal::invalid(format!("invalid {key}: only 0 is allowed for this model")));
        }
    }
    if ask.thinks && matches!(ask.choice, Choice::Any | Choice::Named(_)) {
        let word = if ask.choice == Choice::Any { "required" } else { "specified" };
        return Err(Refusal::invalid(format!("tool_choice '{word}' is incompatible with thinking enabled")));
    }
    if ask.thinks {
        for (index, turn) in turns(body).iter().enumerate() {
            if super::calls(turn) && turn.text("reasoning_content").is_empty() {
                return Err(Refusal::invalid(format!(
                    "thinking is enabled but reasoning_content is missing in assistant tool call message at index \
                     {index}"
                )));
            }
        }
    }
    Ok(())
}

/// What a model refuses on Messages.
pub(super) fn messages(ask: &mut Ask, body: &Json) -> Check {
    let word = body.at(&["output_config", "effort"]).map(|_| ask.effort);
    settle(ask, body, word)
}

fn settle(ask: &mut Ask, body: &Json, word: Option<Effort>) -> Check {
    let model = ask.model;
    ask.thinks = true;
    match thinking_type(body) {
        "" | "enabled" => {}
        "disabled" if model.has(Quirk::Disable) => ask.thinks = false,
        other => {
            return Err(Refusal::invalid(format!(
                "invalid thinking: type '{other}' is not allowed for this model"
            )));
        }
    }
    if model.has(Quirk::FixedSampling) {
        let fixed = if ask.thinks { 1.0 } else { 0.6 };
        if body.get("temperature").and_then(Json::as_f64).is_some_and(|value| value != fixed) {
            return Err(Refusal::invalid(format!(
                "invalid temperature: only {fixed} is allowed for this model"
            )));
        }
        if body.get("top_p").and_then(Json::as_f64).is_some_and(|value| value != 0.95) {
            return Err(Refusal::invalid("invalid top_p: only 0.95 is allowed for this model"));
        }
    }
    ask.effort = match word {
        Some(effort) if !model.efforts.is_empty() => {
            if !model.efforts.contains(&effort) {
                return Err(Refusal::invalid(format!(
                    "invalid reasoning_effort: only {} are allowed for this model",
                    model.effort_list(model.efforts)
                )));
            }
            effort
        }
        _ => model.default,
    };
    if ask.effort == Effort::None {
        ask.thinks = false;
    }
    Ok(())
}
