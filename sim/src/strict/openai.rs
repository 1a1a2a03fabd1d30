//! OpenAI, both dialects.

use super::{Check, effort_word, messages, says_json, unknown};
use crate::ask::{Ask, Format};
use crate::json::Json;
use crate::models::{Effort, Model, Quirk};
use crate::refusal::{Kind, Refusal};

const CHAT_KEYS: &[&str] = &[
    "messages",
    "model",
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

const RESPONSES_KEYS: &[&str] = &[
    "access_programs",
    "background",
    "background_options",
    "client_metadata",
    "context_management",
    "conversation",
    "image",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

const MESSAGE_KEYS: &[&str] = &[
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
    "audio",
    "function_call",
    "annotations",
];

const PART_KEYS: &[&str] =
    &["type", "text", "image_url", "input_audio", "file", "refusal", "prompt_cache_breakpoint"];

const FUNCTION_KEYS: &[&str] = &["name", "description", "parameters", "strict"];

/// Unknown names anywhere in a Chat Completions body.
pub(super) fn chat_keys(model: &Model, body: &Json) -> Check {
    if let Some(key) = unknown(body, CHAT_KEYS) {
        return Err(Refusal::invalid(format!("Unrecognized request argument supplied: {key}")));
    }
    for (index, message) in messages(body).iter().enumerate() {
        if let Some(key) = unknown(message, MESSAGE_KEYS) {
            return Err(unknown_parameter(&format!("messages[{index}].{key}")));
        }
        for (place, part) in message.get("content").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate()
        {
            check_part(model, part, &format!("messages[{index}].content[{place}]"), PART_KEYS)?;
        }
    }
    for (index, tool) in body.get("tools").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        if let Some(key) = unknown(tool, &["type", "function", "custom"]) {
            return Err(unknown_parameter(&format!("tools[{index}].{key}")));
        }
        let Some(function) = tool.get("function") else { continue };
        if let Some(key) = unknown(function, FUNCTION_KEYS) {
            return Err(unknown_parameter(&format!("tools[{index}].function.{key}")));
        }
        check_name(function.text("name"), &format!("tools[{index}].function.name"))?;
    }
    for (index, message) in messages(body).iter().enumerate() {
        for (place, call) in
            message.get("tool_calls").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate()
        {
            let at = format!("messages[{index}].tool_calls[{place}]");
            check_length(call.text("id"), 40, &format!("{at}.id"))?;
            if let Some(function) = call.get("function") {
                check_name(function.text("name"), &format!("{at}.function.name"))?;
            }
        }
    }
    Ok(())
}

fn check_name(name: &str, at: &str) -> Check {
    check_length(name, 64, at)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Invalid '{at}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    ))
    .param(at)
    .code("invalid_value"))
}

fn check_length(text: &str, most: usize, at: &str) -> Check {
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Invalid '{at}': string too long. Expected a string with maximum length {most}, but got a string with length \
         {length} instead."
    ))
    .param(at)
    .code("string_above_max_length"))
}

/// Ids of items carry their kind; reasoning comes with what it led to.
fn check_item(items: &[Json], index: usize) -> Check {
    let Some(item) = items.get(index) else { return Ok(()) };
    let start = match item.text("type") {
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "reasoning" => "rs",
        "message" if item.text("role") == "assistant" => "msg",
        _ => "",
    };
    let id = item.text("id");
    if !id.is_empty() && !id.starts_with(start) {
        let at = format!("input[{index}].id");
        return Err(Refusal::invalid(format!(
            "Invalid '{at}': '{id}'. Expected an ID that begins with '{start}'."
        ))
        .param(at)
        .code("invalid_value"));
    }
    check_length(item.text("call_id"), 64, &format!("input[{index}].call_id"))?;
    if matches!(item.text("type"), "function_call" | "custom_tool_call") {
        check_name(item.text("name"), &format!("input[{index}].name"))?;
    }
    let next = items.get(index + 1);
    let led_to = next.is_some_and(|next| {
        next.text("role") == "assistant"
            || next.text("type").ends_with("_call")
            || next.text("type") == "reasoning"
    });
    if item.text("type") == "reasoning" && !led_to {
        return Err(Refusal::invalid(format!(
            "Item '{id}' of type 'reasoning' was provided without its required following item."
        ))
        .param("input"));
    }
    Ok(())
}

/// Unknown names in a Responses body.
pub(super) fn responses_keys(model: &Model, body: &Json) -> Check {
    if let Some(key) = unknown(body, RESPONSES_KEYS) {
        return Err(unknown_parameter(key));
    }
    for (index, tool) in body.get("tools").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
        check_name(tool.text("name"), &format!("tools[{index}].name"))?;
    }
    let parts: &[&str] = &[
        "type",
        "text",
        "image_url",
        "file_id",
        "file_data",
        "file_url",
        "filename",
        "detail",
        "annotations",
        "logprobs",
        "refusal",
        "input_audio",
        "prompt_cache_breakpoint",
    ];
    let items = body.get("input").and_then(Json::as_array).unwrap_or(&[]);
    for (index, item) in items.iter().enumerate() {
        check_item(items, index)?;
        for key in ["cache_control", "tool_calls", "reasoning_content"] {
            if item.get(key).is_some() {
                return Err(unknown_parameter(&format!("input[{index}].{key}")));
            }
        }
        for (place, part) in item.get("content").and_then(Json::as_array).unwrap_or(&[]).iter().enumerate() {
            check_part(model, part, &format!("input[{index}].content[{place}]"), parts)?;
        }
    }
    Ok(())
}

fn check_part(model: &Model, part: &Json, at: &str, known: &[&str]) -> Check {
    match unknown(part, known) {
        Some(key) => Err(unknown_parameter(&format!("{at}.{key}"))),
        None if part.get("prompt_cache_breakpoint").is_some() && !model.has(Quirk::CacheOptions) => {
            Err(unsupported_parameter("prompt_cache_breakpoint"))
        }
        None => Ok(()),
    }
}

/// What a model refuses on Chat Completions.
pub(super) fn chat(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    if model.has(Quirk::ResponsesOnly) {
        return Err(Refusal::new(
            404,
            Kind::Invalid,
            "This model is only supported in v1/responses and not in v1/chat/completions.",
        )
        .param("model"));
    }
    let reasons = !model.efforts.is_empty();
    if let Some(effort) = effort_word(body)? {
        // Chat Completions stops at xhigh.
        let offered: Vec<Effort> =
            model.efforts.iter().copied().filter(|effort| *effort < Effort::Max).collect();
        check_effort(model, effort, &offered, "reasoning_effort")?;
        ask.effort = effort;
    }
    ask.thinks = ask.effort != Effort::None && reasons;
    if reasons {
        if body.get("max_tokens").is_some() {
            return Err(Refusal::invalid(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' \
                 instead.",
            )
            .param("max_tokens")
            .code("unsupported_parameter"));
        }
        for key in ["stop", "logit_bias", "prediction", "audio", "web_search_options"] {
            if body.get(key).is_some() {
                return Err(unsupported_parameter(key));
            }
        }
        for key in ["presence_penalty", "frequency_penalty"] {
            if body.get(key).and_then(Json::as_f64).is_some_and(|value| value != 0.0) {
                return Err(unsupported_parameter(key));
            }
        }
    }
    if ask.thinks {
        for key in ["temperature", "top_p"] {
            check_sampling(body, key)?;
        }
        for key in ["logprobs", "top_logprobs"] {
            if body.get(key).is_some_and(|value| *value != Json::Bool(false)) {
                return Err(unsupported_parameter(key));
            }
        }
        let functions = ask.tools.iter().any(|tool| !tool.freeform);
        if functions && model.has(Quirk::NoToolsWhileReasoning) {
            let cure = if model.efforts.contains(&Effort::None) {
                "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
            } else {
                "Please use /v1/responses instead."
            };
            return Err(Refusal::invalid(format!(
                "Function tools with reasoning_effort are not supported for {} in /v1/chat/completions. {cure}",
                ask.served
            ))
            .param("reasoning_effort"));
        }
    } else if !reasons && body.get("verbosity").is_some() {
        return Err(unsupported_parameter("verbosity"));
    }
    if ask.choices > 8 {
        return Err(Refusal::invalid("Invalid 'n': integer above maximum value.").param("n"));
    }
    common(ask, body)
}

/// What a model refuses on Responses.
pub(super) fn responses(ask: &mut Ask, body: &Json) -> Check {
    let model = ask.model;
    if model.efforts.is_empty() {
        if body.get("reasoning").is_some() {
            return Err(unsupported_parameter("reasoning.effort"));
        }
        ask.thinks = false;
    } else {
        if body.at(&["reasoning", "effort"]).is_some() {
            check_effort(model, ask.effort, model.efforts, "reasoning.effort")?;
        }
        if ask.thinks {
            for key in ["temperature", "top_p"] {
                check_sampling(body, key)?;
            }
        }
    }
    common(ask, body)
}

fn common(ask: &Ask, body: &Json) -> Check {
    let (options, retention) = (body.get("prompt_cache_options"), body.get("prompt_cache_retention"));
    if options.is_some() && retention.is_some() {
        return Err(Refusal::invalid(
            "'prompt_cache_options' and 'prompt_cache_retention' cannot be used together.",
        )
        .param("prompt_cache_retention"));
    }
    if ask.model.id.starts_with("gpt-5.5")
        && retention.and_then(Json::as_str).is_some_and(|time| time != "24h")
    {
        return Err(Refusal::invalid(
            "Unsupported value: 'prompt_cache_retention' supports only '24h' with this model.",
        )
        .param("prompt_cache_retention")
        .code("unsupported_value"));
    }
    if options.is_some() && !ask.model.has(Quirk::CacheOptions) {
        return Err(unsupported_parameter("prompt_cache_options"));
    }
    if matches!(ask.format, Format::Object) && !says_json(body) {
        return Err(Refusal::invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        )
        .param("messages"));
    }
    if let Format::Schema(schema) = &ask.format {
        let strict = body
            .at(&["response_format", "json_schema", "strict"])
            .or_else(|| body.at(&["text", "format", "strict"]))
            .and_then(Json::as_bool);
        if strict == Some(true) && schema.get("additionalProperties") != Some(&Json::Bool(false)) {
            return Err(Refusal::invalid(
                "Invalid schema for response_format: In context=(), 'additionalProperties' is required to be supplied \
                 and to be false.",
            )
            .param("response_format"));
        }
    }
    Ok(())
}

fn check_effort(model: &Model, effort: Effort, offered: &[Effort], param: &str) -> Check {
    if model.efforts.is_empty() {
        return Err(unsupported_parameter(param));
    }
    if offered.contains(&effort) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "Unsupported value: '{param}' does not support '{}' with this model. Supported values are: {}.",
        effort.name(),
        model.effort_list(offered)
    ))
    .param(param)
    .code("unsupported_value"))
}

fn check_sampling(body: &Json, key: &str) -> Check {
    match body.get(key) {
        Some(value) if value.as_f64() != Some(1.0) => Err(Refusal::invalid(format!(
            "Unsupported value: '{key}' does not support {} with this model. Only the default (1) value is supported.",
            value.compact()
        ))
        .param(key)
        .code("unsupported_value")),
        _ => Ok(()),
    }
}

fn unsupported_parameter(key: &str) -> Refusal {
    Refusal::invalid(format!("Unsupported parameter: '{key}' is not supported with this model."))
        .param(key)
        .code("unsupported_parameter")
}

fn unknown_parameter(key: &str) -> Refusal {
    Refusal::invalid(format!("Unknown parameter: '{key}'.")).param(key).code("unknown_parameter")
}
