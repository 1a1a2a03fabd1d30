//! The text of an unstreamed answer, in each dialect, and what is wrong with it.

use alloc::{borrow::ToOwned, string::String};

use serde_json::Value;

use super::Fault;
use crate::{limits, wire::Dialect};

/// The words of an answer.
///
/// # Errors
/// Why there are none to be compared.
pub(super) fn text(dialect: Dialect, body: &[u8]) -> Result<String, Fault> {
    if body.len() > limits::SAMPLE_BODY {
        return Err(Fault::Unreadable);
    }
    let answer: Value = serde_json::from_slice(body).map_err(|_| Fault::Unreadable)?;
    let text = match dialect {
        Dialect::Chat => chat(&answer)?,
        Dialect::Messages => messages(&answer)?,
        Dialect::Responses => responses(&answer)?,
    };
    let text = without_thinking(&text).trim();
    if text.is_empty() { Err(Fault::Empty) } else { Ok(text.to_owned()) }
}

fn chat(answer: &Value) -> Result<String, Fault> {
    let choice = answer.pointer("/choices/0").ok_or(Fault::Unreadable)?;
    let message = choice.get("message").ok_or(Fault::Unreadable)?;
    match choice.get("finish_reason").and_then(Value::as_str) {
        Some("length") => return Err(Fault::Cut),
        Some("content_filter") => return Err(Fault::Refused),
        Some("tool_calls" | "function_call") => return Err(Fault::Incomparable),
        _ => {}
    }
    if message.get("refusal").and_then(Value::as_str).is_some_and(|words| !words.is_empty()) {
        return Err(Fault::Refused);
    }
    match message.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => Ok(joined(parts, &["text"])),
        _ => Err(Fault::Empty),
    }
}

fn messages(answer: &Value) -> Result<String, Fault> {
    match answer.get("stop_reason").and_then(Value::as_str) {
        Some("max_tokens" | "model_context_window_exceeded") => return Err(Fault::Cut),
        Some("refusal") => return Err(Fault::Refused),
        Some("tool_use" | "pause_turn") => return Err(Fault::Incomparable),
        _ => {}
    }
    let blocks = answer.get("content").and_then(Value::as_array).ok_or(Fault::Unreadable)?;
    Ok(joined(blocks, &["text"]))
}

fn responses(answer: &Value) -> Result<String, Fault> {
    match answer.get("status").and_then(Value::as_str) {
        Some("incomplete") => {
            let filtered = answer.pointer("/incomplete_details/reason").and_then(Value::as_str);
            return Err(if filtered == Some("content_filter") { Fault::Refused } else { Fault::Cut });
        }
        Some("failed" | "cancelled") => return Err(Fault::Failed),
        _ => {}
    }
    let items = answer.get("output").and_then(Value::as_array).ok_or(Fault::Unreadable)?;
    let kind = |item: &Value, wanted: &str| item.get("type").and_then(Value::as_str) == Some(wanted);
    let mut text = String::new();
    for parts in items.iter().filter(|item| kind(item, "message")).filter_map(|item| item.get("content")) {
        let parts = parts.as_array().map_or(&[][..], |parts| parts);
        if parts.iter().any(|part| kind(part, "refusal")) {
            return Err(Fault::Refused);
        }
        text.push_str(&joined(parts, &["output_text"]));
    }
    Ok(text)
}

/// The texts of parts of these types, one after the other.
fn joined(parts: &[Value], types: &[&str]) -> String {
    let texts = parts
        .iter()
        .filter(|part| part.get("type").and_then(Value::as_str).is_some_and(|kind| types.contains(&kind)));
    texts.filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
}

/// Some put their thinking before the answer, between tags.
fn without_thinking(text: &str) -> &str {
    let begun = text.trim_start().strip_prefix("<think>");
    begun.and_then(|rest| rest.split_once("</think>")).map_or(text, |(_, answer)| answer)
}
