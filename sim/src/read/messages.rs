//! Anthropic Messages.

use std::collections::BTreeSet;

use super::{Read, count, flag, list, within};
use crate::ask::{
    Ask, Choice, Format, Segment, Show, Tool, mark_of, plain_text, text_tokens, tokens, unmarked,
};
use crate::hash::Hash;
use crate::json::{Json, obj};
use crate::models::{Effort, Family, Model, Quirk};
use crate::refusal::Refusal;
use crate::signature::{Claim, Verdict, judge};
use crate::vendor::{Dialect, Vendor};

/// What the reader must know besides the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// Whose key it is.
    pub(crate) id: u64,
    /// The account is one of those whose thinking blocks are tied to their prefix.
    pub(crate) prefix_bound: bool,
    /// A block whose prefix has changed is dropped, not refused.
    pub(crate) drops_bound: bool,
    /// Only the tokens are wanted; `max_tokens` may be missing.
    pub(crate) counting: bool,
}

pub(crate) fn read(
    vendor: Vendor,
    model: &'static Model,
    served: &str,
    body: &Json,
    account: Account,
) -> Read<Ask> {
    let mut ask = Ask::new(vendor, Dialect::Messages, model, served);
    ask.stream = flag(body, "stream")?;
    read_options(&mut ask, body, account)?;
    read_thinking(&mut ask, body)?;
    let mut binding = Hash::new();
    read_tools(&mut ask, body, &mut binding)?;
    read_system(&mut ask, body, &mut binding)?;
    read_messages(&mut ask, body, account, &mut binding)?;
    let mark = body.get("cache_control").and_then(|_| mark_of(body));
    if let Some((last, mark)) = ask.prompt.last_mut().zip(mark) {
        last.mark = Some(mark);
    }
    check_marks(&ask)?;
    ask.binding = binding.value();
    Ok(ask)
}

fn read_options(ask: &mut Ask, body: &Json, account: Account) -> Read<()> {
    match body.get("max_tokens").map(Json::as_u64) {
        None if account.counting => {}
        None => return Err(Refusal::invalid("max_tokens: Field required")),
        // Zero fills the cache and answers nothing.
        Some(Some(limit)) if limit <= ask.model.max_output => ask.max_output = limit,
        Some(Some(limit)) => {
            return Err(Refusal::invalid(format!(
                "max_tokens: {limit} > {}, which is the maximum allowed number of output tokens for {}",
                ask.model.max_output, ask.served
            )));
        }
        Some(None) => return Err(Refusal::invalid("max_tokens: Input should be a valid integer")),
    }
    within(body, "temperature", 0.0, if ask.vendor == Vendor::Anthropic { 1.0 } else { 2.0 })?;
    within(body, "top_p", 0.0, 1.0)?;
    count(body, "top_k")?;
    ask.stop = list(body, "stop_sequences")?.iter().filter_map(Json::as_str).map(str::to_owned).collect();
    if ask.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(Refusal::invalid("stop_sequences: each stop sequence must contain non-whitespace"));
    }
    let user = body.at(&["metadata", "user_id"]).and_then(Json::as_str).unwrap_or("");
    if ask.vendor == Vendor::DeepSeek {
        ask.scope = Hash::of(user);
    }
    if let Some(effort) = body.at(&["output_config", "effort"]) {
        let word = effort.as_str().unwrap_or("");
        ask.effort = Effort::named(word).filter(|effort| *effort >= Effort::Low).ok_or_else(|| {
            Refusal::invalid(
                "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
            )
        })?;
    }
    if let Some(format) = body.at(&["output_config", "format"]) {
        match (format.text("type"), format.get("schema")) {
            ("json_schema", Some(schema)) if schema.is_object() => {
                ask.format = Format::Schema(schema.clone())
            }
            _ => return Err(Refusal::invalid("output_config.format.schema: Field required")),
        }
    }
    Ok(())
}

fn read_thinking(ask: &mut Ask, body: &Json) -> Read<()> {
    ask.thinks = ask.model.has(Quirk::Thinks);
    ask.show = if ask.model.has(Quirk::Omitted) { Show::Signature } else { Show::Text };
    let Some(thinking) = body.get("thinking") else { return Ok(()) };
    match thinking.text("type") {
        "adaptive" => ask.thinks = true,
        "enabled" => {
            ask.thinks = true;
            ask.budget = count(thinking, "budget_tokens")?;
        }
        "disabled" => ask.thinks = false,
        other => {
            return Err(Refusal::invalid(format!(
                "thinking: Input tag '{other}' found using 'type' does not match any of the expected tags: \
                 'adaptive', 'disabled', 'enabled'"
            )));
        }
    }
    match thinking.text("display") {
        "" => {}
        "summarized" => ask.show = Show::Text,
        "omitted" => ask.show = Show::Signature,
        _ => return Err(Refusal::invalid("thinking.display: Input should be 'summarized' or 'omitted'")),
    }
    Ok(())
}

fn read_tools(ask: &mut Ask, body: &Json, binding: &mut Hash) -> Read<()> {
    for (index, tool) in list(body, "tools")?.iter().enumerate() {
        let name = tool.text("name");
        let custom = matches!(tool.text("type"), "" | "custom");
        if name.is_empty() && (custom || tool.text("type") != "mcp_toolset") {
            return Err(Refusal::invalid(format!("tools.{index}.custom.name: Field required")));
        }
        match tool.get("input_schema") {
            Some(schema) if schema.is_object() && custom => {
                ask.tools.push(Tool { name: name.to_owned(), schema: Some(schema.clone()), freeform: false })
            }
            _ if custom => {
                return Err(Refusal::invalid(format!("tools.{index}.custom.input_schema: Field required")));
            }
            _ => {}
        }
        let bare = unmarked(tool).compact();
        *binding = binding.with(&bare);
        ask.prompt.push(Segment {
            tokens: tokens(&bare),
            hash: Hash::of(&bare),
            mark: mark_of(tool),
            in_messages: false,
        });
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    ask.parallel = !choice.get("disable_parallel_tool_use").and_then(Json::as_bool).unwrap_or(false);
    if list(body, "tools")?.is_empty() {
        return Err(Refusal::invalid("tool_choice may only be specified while providing tools"));
    }
    ask.choice = match choice.text("type") {
        "auto" => Choice::Auto,
        "none" => Choice::Never,
        "any" => Choice::Any,
        "tool" => {
            let name = choice.text("name");
            if !list(body, "tools")?.iter().any(|tool| tool.text("name") == name) {
                return Err(Refusal::invalid(format!(
                    "tool_choice.tool: tool '{name}' not found in provided tools"
                )));
            }
            Choice::Named(name.to_owned())
        }
        other => {
            return Err(Refusal::invalid(format!(
                "tool_choice: Input tag '{other}' found using 'type' does not match any of the expected tags: 'any', \
                 'auto', 'none', 'tool'"
            )));
        }
    };
    Ok(())
}

fn read_system(ask: &mut Ask, body: &Json, binding: &mut Hash) -> Read<()> {
    let blocks = match body.get("system") {
        None => return Ok(()),
        Some(Json::String(text)) => vec![obj! {"type": "text", "text": text}],
        Some(Json::Array(blocks)) => blocks.clone(),
        Some(_) => return Err(Refusal::invalid("system: Input should be a valid string or list")),
    };
    for (index, block) in blocks.iter().enumerate() {
        if block.text("type") != "text" || block.get("text").is_none() {
            return Err(Refusal::invalid(format!("system.{index}.type: Input should be 'text'")));
        }
        push_block(ask, "system", block, false, binding);
    }
    Ok(())
}

fn read_messages(ask: &mut Ask, body: &Json, account: Account, binding: &mut Hash) -> Read<()> {
    let messages = match body.get("messages") {
        None => return Err(Refusal::invalid("messages: Field required")),
        Some(Json::Array(messages)) if messages.is_empty() => {
            return Err(Refusal::invalid("messages: at least one message is required"));
        }
        Some(Json::Array(messages)) if messages.len() > 100_000 => {
            return Err(Refusal::invalid("messages: List should have at most 100000 items"));
        }
        Some(Json::Array(messages)) => messages,
        Some(_) => return Err(Refusal::invalid("messages: Input should be a valid list")),
    };
    // The calls of the assistant turn just read.
    let mut calls: BTreeSet<String> = BTreeSet::new();
    let mut caller = 0;
    for (index, message) in messages.iter().enumerate() {
        let role = message.text("role");
        if !matches!(role, "user" | "assistant" | "system") {
            return Err(Refusal::invalid(format!(
                "messages.{index}.role: Input should be 'user' or 'assistant'"
            )));
        }
        let blocks = match message.get("content") {
            None => return Err(Refusal::invalid(format!("messages.{index}.content: Field required"))),
            Some(Json::String(text)) if text.is_empty() => {
                return Err(Refusal::invalid(format!(
                    "messages.{index}: user messages must have non-empty content"
                )));
            }
            Some(Json::String(text)) => vec![obj! {"type": "text", "text": text}],
            Some(Json::Array(blocks)) if blocks.is_empty() && index + 1 < messages.len() => {
                return Err(Refusal::invalid(format!(
                    "messages.{index}: all messages must have non-empty content except for the optional final \
                     assistant message"
                )));
            }
            Some(Json::Array(blocks)) => blocks.clone(),
            Some(_) => {
                return Err(Refusal::invalid(format!(
                    "messages.{index}.content: Input should be a valid list"
                )));
            }
        };
        if role == "user" {
            let answered = results(&blocks);
            if let Some(id) = answered.iter().find(|id| !calls.contains(*id)) {
                return Err(orphan(ask.vendor, index, id));
            }
            let unanswered: Vec<&str> =
                calls.iter().filter(|id| !answered.contains(*id)).map(String::as_str).collect();
            if !unanswered.is_empty() {
                return Err(unanswered_calls(ask.vendor, caller, &unanswered));
            }
            calls.clear();
        } else if role == "assistant" {
            if !calls.is_empty() {
                let open: Vec<&str> = calls.iter().map(String::as_str).collect();
                return Err(unanswered_calls(ask.vendor, caller, &open));
            }
            calls = uses(&blocks);
            caller = index;
        }
        let before = binding.value();
        for (place, block) in blocks.iter().enumerate() {
            let at = format!("messages.{index}.content.{place}");
            check_block(block, role, &at)?;
            if is_thinking(block) && !keeps(ask, block, &at, account, before)? {
                continue;
            }
            push_block(ask, role, block, true, binding);
        }
    }
    if !calls.is_empty() {
        let open: Vec<&str> = calls.iter().map(String::as_str).collect();
        return Err(unanswered_calls(ask.vendor, caller, &open));
    }
    ask.first_turn = !messages.iter().any(|message| message.text("role") == "assistant");
    if let Some(content) = messages.last().and_then(|last| last.get("content")) {
        ask.last_text = plain_text(content);
        ask.last_is_result = content.as_array().is_some_and(|blocks| !results(blocks).is_empty());
    }
    Ok(())
}

fn check_block(block: &Json, role: &str, at: &str) -> Read<()> {
    let need = |keys: &[&str]| {
        keys.iter().find(|key| block.get(key).is_none()).map_or(Ok(()), |key| {
            Err(Refusal::invalid(format!("{at}.{}.{key}: Field required", block.text("type"))))
        })
    };
    match (block.text("type"), role) {
        ("text", _) => {
            need(&["text"])?;
            if block.text("text").is_empty() {
                return Err(Refusal::invalid("messages: text content blocks must be non-empty"));
            }
            Ok(())
        }
        ("image" | "document", "user") => need(&["source"]),
        ("tool_use" | "server_tool_use", "assistant") => {
            need(&["id", "name", "input"])?;
            if block.get("input").is_some_and(Json::is_object) {
                Ok(())
            } else {
                Err(Refusal::invalid(format!("{at}.tool_use.input: Input should be a valid dictionary")))
            }
        }
        ("tool_result", "user") => need(&["tool_use_id"]),
        // A block of thinking may have no text.
        ("thinking", "assistant") => need(&["thinking"]),
        ("redacted_thinking", "assistant") => need(&["data"]),
        ("search_result" | "container_upload" | "tool_reference" | "browser_state", "user") => Ok(()),
        (kind, "assistant") if kind.ends_with("_tool_result") => Ok(()),
        (kind, _) => Err(Refusal::invalid(format!(
            "{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags for role '{role}'"
        ))),
    }
}

fn is_thinking(block: &Json) -> bool {
    matches!(block.text("type"), "thinking" | "redacted_thinking")
}

/// Whether the model reads this thinking block; an error if it must refuse it.
fn keeps(ask: &Ask, block: &Json, at: &str, account: Account, binding: u64) -> Read<bool> {
    if ask.vendor != Vendor::Anthropic {
        return Ok(true);
    }
    if block.text("type") == "redacted_thinking" {
        // The simulator gives none out, so whatever arrives is not its own.
        return Err(Refusal::invalid(format!("{at}: Invalid `data` in `redacted_thinking` block")));
    }
    if block.get("signature").is_none() {
        return Err(Refusal::invalid(format!("{at}.thinking.signature: Field required")));
    }
    let now = Claim { model: Hash::of(ask.model.id), account: account.id, binding };
    let verdict = judge(
        block.text("signature"),
        block.text("thinking"),
        now,
        account.prefix_bound && ask.model.has(Quirk::PrefixBound),
        ask.model.has(Quirk::AccountBound),
    );
    match verdict {
        Verdict::Good => Ok(true),
        Verdict::Unreadable => Ok(false),
        Verdict::Bound if account.drops_bound => Ok(false),
        Verdict::Bound => {
            Err(Refusal::invalid(format!("{at}: The block is bound to a different conversation")))
        }
        Verdict::Invalid => Err(Refusal::invalid(format!("{at}: Invalid `signature` in `thinking` block"))),
    }
}

fn push_block(ask: &mut Ask, role: &str, block: &Json, in_messages: bool, binding: &mut Hash) {
    let bare = unmarked(block);
    // Text is the same prompt as a string and as a block, however its keys are ordered.
    let plain = bare.text("type") == "text" && bare.pairs().len() == 2;
    let bare = if plain { bare.text("text").to_owned() } else { bare.compact() };
    let hash = Hash::new().with(role).number(u64::from(plain)).with(&bare).value();
    if !is_thinking(block) {
        *binding = binding.number(hash);
    }
    ask.prompt.push(Segment { tokens: text_tokens(block), hash, mark: mark_of(block), in_messages });
}

fn results(blocks: &[Json]) -> BTreeSet<String> {
    ids(blocks, "tool_result", "tool_use_id")
}

fn uses(blocks: &[Json]) -> BTreeSet<String> {
    ids(blocks, "tool_use", "id")
}

fn ids(blocks: &[Json], kind: &str, key: &str) -> BTreeSet<String> {
    blocks.iter().filter(|block| block.text("type") == kind).map(|block| block.text(key).to_owned()).collect()
}

fn check_marks(ask: &Ask) -> Read<()> {
    // Others take the marks without a word about their number.
    if ask.vendor != Vendor::Anthropic && ask.model.family != Family::Claude {
        return Ok(());
    }
    let marks: Vec<_> = ask.prompt.iter().filter_map(|segment| segment.mark).collect();
    if marks.len() > 4 {
        return Err(Refusal::invalid(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {}.",
            marks.len()
        )));
    }
    if marks.windows(2).any(|pair| pair == [crate::ask::Ttl::Short, crate::ask::Ttl::Long]) {
        return Err(Refusal::invalid(
            "cache_control: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
        ));
    }
    Ok(())
}

fn orphan(vendor: Vendor, index: usize, id: &str) -> Refusal {
    match vendor {
        Vendor::MiniMax => Refusal::invalid(format!("tool result's tool id({id}) not found")),
        _ => Refusal::invalid(format!(
            "messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
             `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )),
    }
}

fn unanswered_calls(vendor: Vendor, index: usize, ids: &[&str]) -> Refusal {
    match vendor {
        Vendor::MiniMax => Refusal::invalid("tool call result does not follow tool call"),
        _ => Refusal::invalid(format!(
            "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message.",
            ids.join(", ")
        )),
    }
}
