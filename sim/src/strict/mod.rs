//! What a provider refuses although the dialect allows it, one vendor a file. A rule stands here only if the real one
//! has it: read in its documentation, or seen in public error reports.

mod anthropic;
mod deepseek;
mod minimax;
mod moonshot;
mod openai;
mod openrouter;
mod zai;

use hyper::HeaderMap;

use crate::ask::{Ask, Choice};
use crate::json::Json;
use crate::models::{Effort, Family, Model, Quirk};
use crate::refusal::Refusal;
use crate::vendor::{Dialect, Vendor};

type Check = Result<(), Refusal>;

/// Looks at the raw body before it is read: unknown keys, roles, parts. Also at the headers that go with it.
pub(crate) fn before(
    vendor: Vendor,
    dialect: Dialect,
    model: &Model,
    body: &Json,
    headers: &HeaderMap,
) -> Check {
    match (vendor, dialect) {
        (Vendor::Anthropic, Dialect::Messages) => anthropic::before(model, body, headers),
        (Vendor::OpenAi, Dialect::Chat) => openai::chat_keys(model, body),
        (Vendor::OpenAi, Dialect::Responses) => openai::responses_keys(model, body),
        (Vendor::DeepSeek, Dialect::Chat) => deepseek::chat_shape(model, body),
        (Vendor::DeepSeek, Dialect::Messages) => deepseek::messages_shape(model, body),
        (Vendor::MiniMax, Dialect::Chat) => minimax::chat_shape(model, body),
        (Vendor::MiniMax, Dialect::Messages) => minimax::messages_shape(model, body),
        (Vendor::Moonshot, Dialect::Chat) => moonshot::chat_shape(body),
        (Vendor::Zai, Dialect::Chat) => zai::chat_shape(model, body),
        (Vendor::Zai, Dialect::Messages) => zai::messages_shape(model, body),
        _ => Ok(()),
    }?;
    if dialect == Dialect::Messages && vendor != Vendor::Anthropic && model.family != Family::Claude {
        return clone_shape(body);
    }
    Ok(())
}

/// What no other vendor's Messages endpoint has taken over from Anthropic's.
fn clone_shape(body: &Json) -> Check {
    if let Some(index) = messages(body).iter().position(|message| message.text("role") == "system") {
        return Err(Refusal::invalid(format!(
            "messages.{index}.role: Input should be 'user' or 'assistant'"
        )));
    }
    let tools = body.get("tools").and_then(Json::as_array).unwrap_or(&[]);
    if let Some(tool) = tools.iter().find(|tool| !matches!(tool.text("type"), "" | "custom")) {
        return Err(Refusal::invalid(format!("tools: type '{}' is not supported", tool.text("type"))));
    }
    Ok(())
}

/// Whether Anthropic is asked to drop thinking blocks of another prefix.
pub(crate) fn drops_bound(body: &Json, headers: &HeaderMap) -> bool {
    anthropic::drops_bound(body, headers)
}

/// Looks at what was read, and settles whether and how much the model thinks.
pub(crate) fn after(ask: &mut Ask, body: &Json) -> Check {
    match (ask.vendor, ask.dialect) {
        (Vendor::Anthropic, Dialect::Messages) => anthropic::messages(ask, body),
        (Vendor::Anthropic, _) => anthropic::compat(ask, body),
        (Vendor::OpenAi, Dialect::Chat) => openai::chat(ask, body),
        (Vendor::OpenAi, _) => openai::responses(ask, body),
        (Vendor::DeepSeek, Dialect::Chat) => deepseek::chat(ask, body),
        (Vendor::DeepSeek, _) => deepseek::messages(ask, body),
        (Vendor::MiniMax, _) => minimax::any(ask, body),
        (Vendor::Moonshot, Dialect::Chat) => moonshot::chat(ask, body),
        (Vendor::Moonshot, _) => moonshot::messages(ask, body),
        (Vendor::Zai, Dialect::Chat) => zai::chat(ask, body),
        (Vendor::Zai, _) => Ok(()),
        (Vendor::OpenRouter, _) => openrouter::any(ask, body),
        (Vendor::Generic, _) => {
            ask.effort = effort_word(body)?.unwrap_or(Effort::None);
            ask.thinks = ask.effort > Effort::None;
            Ok(())
        }
    }?;
    if ask.choice != Choice::Auto && ask.choice != Choice::Never && ask.model.has(Quirk::NoForcedTool) {
        return Err(Refusal::invalid(format!(
            "tool_choice: forced tool use is not supported for {}. Use tool_choice 'auto' or 'none'.",
            ask.served
        )));
    }
    Ok(())
}

/// The prompt against the window, in the vendor's words.
pub(crate) fn window(ask: &Ask, context: u64) -> Check {
    let prompt = ask.prompt_tokens();
    if prompt <= context {
        return Ok(());
    }
    let refusal = match (ask.vendor, ask.dialect) {
        (Vendor::OpenAi, _) => Refusal::invalid(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
        )
        .code("context_length_exceeded")
        .param("messages"),
        (Vendor::MiniMax, _) => {
            Refusal::invalid(format!("context window exceeds limit ({prompt} > {context})"))
        }
        (Vendor::Moonshot, Dialect::Chat) => Refusal::invalid(format!(
            "Invalid request: Your request exceeded model token limit: {context} (requested: {prompt})"
        )),
        (Vendor::Zai, Dialect::Chat) => Refusal::invalid("Prompt exceeds max length").code("1261"),
        (Vendor::OpenRouter, Dialect::Chat | Dialect::Responses) => Refusal::invalid(format!(
            "This endpoint's maximum context length is {context} tokens. However, you requested about {prompt} tokens."
        )),
        (_, Dialect::Messages) => {
            Refusal::invalid(format!("prompt is too long: {prompt} tokens > {context} maximum"))
        }
        _ => Refusal::invalid(format!(
            "This model's maximum context length is {context} tokens. However, you requested {prompt} tokens in the \
             messages. Please reduce the length of the messages."
        )),
    };
    Err(refusal)
}

/// `reasoning_effort`, whatever known word it is.
fn effort_word(body: &Json) -> Result<Option<Effort>, Refusal> {
    let Some(word) = body.get("reasoning_effort") else { return Ok(None) };
    word.as_str().and_then(Effort::named).map(Some).ok_or_else(|| {
        Refusal::invalid(format!("Invalid value for 'reasoning_effort': {}", word.compact()))
            .param("reasoning_effort")
    })
}

/// The first key of `body` that is not in `known`.
fn unknown<'a>(body: &'a Json, known: &[&str]) -> Option<&'a str> {
    body.pairs().iter().map(|(key, _)| key.as_str()).find(|key| !known.contains(key))
}

/// Whether any message has a part of one of these types.
fn has_part(body: &Json, kinds: &[&str]) -> bool {
    let holds = |content: &Json| {
        content.as_array().unwrap_or(&[]).iter().any(|part| {
            let nested = part.get("content").and_then(Json::as_array).unwrap_or(&[]);
            kinds.contains(&part.text("type")) || nested.iter().any(|part| kinds.contains(&part.text("type")))
        })
    };
    let messages = body.get("messages").or_else(|| body.get("input")).and_then(Json::as_array).unwrap_or(&[]);
    messages.iter().filter_map(|message| message.get("content")).any(holds)
}

fn messages(body: &Json) -> &[Json] {
    body.get("messages").and_then(Json::as_array).unwrap_or(&[])
}

/// Whether the prompt speaks of JSON, as `json_object` demands.
fn says_json(body: &Json) -> bool {
    let messages = body.get("messages").or_else(|| body.get("input"));
    messages.is_some_and(|messages| messages.compact().to_lowercase().contains("json"))
}

/// `thinking.type`, `""` if there is none.
fn thinking_type(body: &Json) -> &str {
    body.get("thinking").map_or("", |thinking| thinking.text("type"))
}

/// Whether an assistant turn of Chat Completions calls tools.
fn calls(turn: &Json) -> bool {
    turn.get("tool_calls").and_then(Json::as_array).is_some_and(|calls| !calls.is_empty())
}
