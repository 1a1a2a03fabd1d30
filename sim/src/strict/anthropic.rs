//! The Claude API.

use std::collections::BTreeSet;

use hyper::HeaderMap;

use super::{Check, messages as turns, thinking_type, unknown};
use crate::ask::{Ask, Choice};
use crate::json::Json;
use crate::models::{Effort, Model, Quirk};
use crate::refusal::Refusal;

const KEYS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "thinking",
    "output_config",
    "cache_control",
    "service_tier",
    "container",
    "inference_geo",
    "diagnostics",
    "speed",
];

/// Keys that the API knows only together with a beta header that begins so.
const BETA_KEYS: &[(&str, &[&str])] = &[
    ("context_management", &["context-management-", "compact-"]),
    ("mcp_servers", &["mcp-client-"]),
    ("output_format", &["structured-outputs-"]),
    ("fallbacks", &["server-side-fallback-"]),
    ("thread", &["message-threads-"]),
    ("compaction", &["compact-"]),
];

const BLOCK_KEYS: &[(&str, &[&str])] = &[
    ("text", &["type", "text", "cache_control", "citations"]),
    ("image", &["type", "source", "cache_control"]),
    ("document", &["type", "source", "cache_control", "title", "context", "citations"]),
    ("tool_use", &["type", "id", "name", "input", "cache_control", "caller"]),
    ("tool_result", &["type", "tool_use_id", "content", "is_error", "cache_control"]),
    ("thinking", &["type", "thinking", "signature"]),
    ("redacted_thinking", &["type", "data"]),
];

const TOOL_KEYS: &[&str] = &[
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "strict",
    "defer_loading",
    "allowed_callers",
    "input_examples",
    "eager_input_streaming",
];

/// Keys of the objects at the top: which object, which keys, and the beta that allows more.
const INNER_KEYS: &[(&str, &[&str], &str)] = &[
    ("metadata", &["user_id"], "user-profiles-"),
    ("thinking", &["type", "budget_tokens", "display"], BINDING_BETA),
    ("output_config", &["effort", "format"], "task-budgets-"),
    ("tool_choice", &["type", "name", "disable_parallel_tool_use"], "-"),
];

const BINDING_BETA: &str = "thinking-binding-controls-2026-08-01";

/// Whether the request asks for thinking blocks of another prefix to be dropped instead of refused.
pub(super) fn drops_bound(body: &Json, headers: &HeaderMap) -> bool {
    let wish = body.at(&["thinking", "block_binding", "prefix_mismatch_behavior"]).and_then(Json::as_str);
    wish == Some("drop_block")
        && betas(headers).is_ok_and(|betas| betas.iter().any(|beta| beta == BINDING_BETA))
}

/// Headers, keys and ids.
pub(super) fn before(model: &Model, body: &Json, headers: &HeaderMap) -> Check {
    match headers.get("anthropic-version").map(|value| value.as_bytes()) {
        None => return Err(Refusal::invalid("anthropic-version: header is required")),
        Some(b"2026-10-21" | b"2023-06-01" | b"2023-01-01") => {}
        Some(_) => return Err(Refusal::invalid("anthropic-version: \"\" is not a valid version")),
    }
    let betas = betas(headers)?;
    for (key, _) in body.pairs() {
        let paired = BETA_KEYS.iter().find(|(known, _)| known == key);
        let allowed = match paired {
            Some((_, starts)) => betas.iter().any(|beta| starts.iter().any(|start| beta.starts_with(start))),
            None => KEYS.contains(&key.as_str()),
        };
        if !allowed {
            return Err(Refusal::invalid(format!("{key}: Extra inputs are not permitted")));
        }
    }
    for (object, known, beta) in INNER_KEYS {
        let strange = body.get(object).and_then(|inner| unknown(inner, known));
        if let Some(key) = strange.filter(|_| !betas.iter().any(|known| known.starts_with(beta))) {
            return Err(Refusal::invalid(format!("{object}.{key}: Extra inputs are not permitted")));
        }
    }
    for (index, block) in body.get("system").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        check_block(block, &format!("system.{index}"))?;
    }
    let turns_may_carry_more = betas.iter().any(|beta| beta.starts_with("mid-conversation-"));
    for (index, message) in turns(body).iter().enumerate() {
        if let Some(key) = unknown(message, &["role", "content"]).filter(|_| !turns_may_carry_more) {
            return Err(Refusal::invalid(format!("messages.{index}.{key}: Extra inputs are not permitted")));
        }
        if message.text("role") == "system" && !model.has(Quirk::MidSystem) {
            return Err(Refusal::invalid(format!(
                "messages.{index}.role: role 'system' is not supported on this model. Use the top-level `system` \
                 parameter."
            )));
        }
        for (place, block) in
            message.get("content").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate()
        {
            check_block(block, &format!("messages.{index}.content.{place}"))?;
        }
    }
    let mut names = BTreeSet::new();
    for (index, tool) in body.get("tools").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        if !matches!(tool.text("type"), "" | "custom") {
            continue;
        }
        if let Some(key) = unknown(tool, TOOL_KEYS) {
            return Err(Refusal::invalid(format!(
                "tools.{index}.custom.{key}: Extra inputs are not permitted"
            )));
        }
        check_mark(tool, &format!("tools.{index}.custom"))?;
        let schema = tool.get("input_schema");
        if schema.is_some_and(|schema| schema.text("type") != "object") {
            return Err(Refusal::invalid(format!(
                "tools.{index}.custom.input_schema.type: Input should be 'object'"
            )));
        }
        if schema
            .is_some_and(|schema| ["oneOf", "allOf", "anyOf"].iter().any(|key| schema.get(key).is_some()))
        {
            return Err(Refusal::invalid(format!(
                "tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top \
                 level"
            )));
        }
        if !names.insert(tool.text("name")) {
            return Err(Refusal::invalid("tools: Tool names must be unique."));
        }
        if !is_word(tool.text("name"), 128) {
            return Err(Refusal::invalid(format!(
                "tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
    }
    Ok(())
}

fn betas(headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
    let mut betas = Vec::new();
    for value in headers.get_all("anthropic-beta") {
        let text = value.to_str().unwrap_or("");
        for beta in text.split(',').map(str::trim).filter(|beta| !beta.is_empty()) {
            // Every known one ends in a date; the list itself changes too often to be copied.
            if !ends_in_date(beta) {
                return Err(Refusal::invalid(format!(
                    "Unexpected value(s) `{beta}` for the `anthropic-beta` header. Please consult our documentation \
                     or try again without the header."
                )));
            }
            betas.push(beta.to_owned());
        }
    }
    Ok(betas)
}

/// `…-2025-06-27` or `…-20250627`.
fn ends_in_date(beta: &str) -> bool {
    let digits = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let dashed = beta.len().checked_sub(11).and_then(|start| beta.get(start..));
    let plain = beta.rsplit_once('-').is_some_and(|(_, date)| digits(date));
    plain || dashed.is_some_and(|date| date.starts_with('-') && digits(&date.replace('-', "")))
}

fn check_block(block: &Json, at: &str) -> Check {
    let kind = block.text("type");
    let known = BLOCK_KEYS.iter().find(|(known, _)| *known == kind).map(|(_, known)| *known);
    if let Some(key) = known.and_then(|known| unknown(block, known)) {
        return Err(Refusal::invalid(format!("{at}.{kind}.{key}: Extra inputs are not permitted")));
    }
    check_mark(block, &format!("{at}.{kind}"))?;
    for (wanted, key) in [("tool_use", "id"), ("tool_result", "tool_use_id")] {
        if kind == wanted && !is_word(block.text(key), 256) {
            return Err(Refusal::invalid(format!(
                "{at}.{kind}.{key}: String should match pattern '^[a-zA-Z0-9_-]+$'"
            )));
        }
    }
    Ok(())
}

fn check_mark(block: &Json, at: &str) -> Check {
    match block.get("cache_control") {
        Some(mark) if mark.text("type") != "ephemeral" => {
            Err(Refusal::invalid(format!("{at}.cache_control.type: Input should be 'ephemeral'")))
        }
        Some(mark) if !matches!(mark.text("ttl"), "" | "5m" | "1h") => {
            Err(Refusal::invalid(format!("{at}.cache_control.ephemeral.ttl: Input should be '5m' or '1h'")))
        }
        _ => Ok(()),
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What each model refuses.
pub(super) fn messages(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    for key in ["temperature", "top_p", "top_k"] {
        if body.get(key).is_some() && model.has(Quirk::NoSampling) {
            return Err(Refusal::invalid(format!("`{key}` is deprecated for this model.")));
        }
    }
    if body.get("temperature").is_some() && body.get("top_p").is_some() {
        return Err(Refusal::invalid(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    check_effort(model, body)?;
    check_thinking(ask, body)?;
    if ask.thinks && body.get("thinking").is_some() {
        if body.get("temperature").and_then(Json::as_f64).is_some_and(|value| value != 1.0) {
            return Err(Refusal::invalid(
                "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
            ));
        }
        if body.get("top_k").is_some() {
            return Err(Refusal::invalid(
                "`top_k` must be unset when thinking is enabled or in adaptive mode.",
            ));
        }
        if body.get("top_p").and_then(Json::as_f64).is_some_and(|value| value < 0.95) {
            return Err(Refusal::invalid(
                "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.",
            ));
        }
    }
    if turns(body).last().is_some_and(|last| last.text("role") == "assistant") {
        if model.has(Quirk::NoPrefill) {
            return Err(Refusal::invalid(
                "This model does not support assistant message prefill. The conversation must end with a user \
                 message.",
            ));
        }
        if ask.thinks {
            return Err(Refusal::invalid(
                "When thinking is enabled, the conversation must not end with an assistant message.",
            ));
        }
    }
    Ok(())
}

fn check_effort(model: &Model, body: &Json) -> Check {
    let Some(word) = body.at(&["output_config", "effort"]).and_then(Json::as_str) else { return Ok(()) };
    if model.efforts.is_empty() {
        return Err(Refusal::invalid("This model does not support the effort parameter."));
    }
    if Effort::named(word).is_none_or(|effort| !model.efforts.contains(&effort)) {
        return Err(Refusal::invalid(format!(
            "output_config.effort: '{word}' is not supported for this model. Supported values are: {}.",
            model.effort_list(model.efforts)
        )));
    }
    Ok(())
}

fn check_thinking(ask: &Ask, body: &Json) -> Check {
    let model = ask.model;
    match thinking_type(body) {
        "adaptive" if !model.has(Quirk::Adaptive) => {
            Err(Refusal::invalid("adaptive thinking is not supported on this model"))
        }
        "enabled" if !model.has(Quirk::Budget) => Err(Refusal::invalid(
            "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
             \"output_config.effort\" to control thinking behavior.",
        )),
        "enabled" => check_budget(ask, body),
        "disabled" if !model.has(Quirk::Disable) => Err(Refusal::invalid(
            "\"thinking.type.disabled\" is not supported for this model. Use \"output_config.effort\" to reduce \
             thinking.",
        )),
        "disabled" if model.has(Quirk::DisableUpToHigh) && ask.effort > Effort::High => {
            Err(Refusal::invalid(
                "\"thinking.type.disabled\" is not supported with an effort above 'high' for this model.",
            ))
        }
        _ => Ok(()),
    }
}

fn check_budget(ask: &Ask, body: &Json) -> Check {
    let budget =
        ask.budget.ok_or_else(|| Refusal::invalid("thinking.enabled.budget_tokens: Field required"))?;
    if budget < 1024 {
        return Err(Refusal::invalid(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ));
    }
    if budget >= ask.max_output {
        return Err(Refusal::invalid("`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    if matches!(ask.choice, Choice::Any | Choice::Named(_)) {
        return Err(Refusal::invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    // The turn whose tool results come last must show how it was thought out.
    let turns = turns(body);
    let caller = turns.iter().rposition(|turn| turn.text("role") == "assistant");
    let Some((index, blocks)) =
        caller.and_then(|index| Some((index, turns.get(index)?.get("content")?.as_array()?)))
    else {
        return Ok(());
    };
    let calls = blocks.iter().any(|block| block.text("type") == "tool_use");
    match blocks.first().map(|block| block.text("type")) {
        Some(first) if calls && ask.last_is_result && !matches!(first, "thinking" | "redacted_thinking") => {
            Err(Refusal::invalid(format!(
                "messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. \
                 When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding \
                 the lastmost set of `tool_use` and `tool_result` blocks)."
            )))
        }
        _ => Ok(()),
    }
}

/// The Chat Completions layer: takes most of what OpenAI takes and drops what it does not know.
pub(super) fn compat(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    for key in ["temperature", "top_p"] {
        if body.get(key).is_some() && model.has(Quirk::NoSampling) {
            return Err(Refusal::invalid(format!("`{key}` is deprecated for this model.")));
        }
    }
    if model.has(Quirk::NoPrefill) && turns(body).last().is_some_and(|last| last.text("role") == "assistant")
    {
        return Err(Refusal::invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    if ask.choices > 1 {
        return Err(Refusal::invalid("n: must be 1"));
    }
    ask.thinks = model.has(Quirk::Thinks);
    ask.show = crate::ask::Show::Nothing;
    check_thinking(ask, body)
}
