//! What the model says: made up from the hash of the request, so that the same request gets the same answer.

pub(crate) mod chat;
pub(crate) mod messages;
pub(crate) mod responses;
mod schema;
mod text;

use crate::ask::{Ask, Choice, Format, tokens};
use crate::cache::Billed;
use crate::hash::{ALPHANUMERIC, Dice, HEX};
use crate::json::{Json, obj};
use crate::models::Effort;
use crate::vendor::Vendor;

pub(crate) use text::pieces;

/// 2026-11-23, the second that every answer claims to be made after.
pub(crate) const EPOCH: u64 = 1_795_392_000;

/// Why the answer ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Done,
    Calls,
    Length,
    /// At this stop sequence.
    Sequence(String),
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON, or free text for a freeform tool.
    pub(crate) arguments: String,
    pub(crate) freeform: bool,
}

/// An answer before it has a dialect.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Seeds ids and padding.
    pub(crate) seed: u64,
    pub(crate) thinking: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) stop: Stop,
    pub(crate) billed: Billed,
}

/// One write of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) text: String,
    /// It carries part of the answer: what comes before may be thrown away, what comes after may not.
    pub(crate) content: bool,
}

impl Frame {
    pub(crate) fn head(text: String) -> Self {
        Self { text, content: false }
    }
}

/// Thinks, answers or calls.
pub(crate) fn make(ask: &Ask, prompt: Billed) -> Answer {
    let seed = ask.seed();
    let mut dice = Dice::new(seed);
    let mut left = ask.max_output;
    let thinking = if ask.thinks && left > 0 {
        let wanted = thinking_tokens(ask, &mut dice).min(left);
        text::cut(&text::prose(&mut dice, wanted), (wanted * 4) as usize).to_owned()
    } else {
        String::new()
    };
    left -= tokens(&thinking).min(left);
    let calls: Vec<Call> = wanted_tools(ask)
        .into_iter()
        .enumerate()
        .map(|(position, index)| {
            let tool = &ask.tools[index];
            let arguments = match &tool.schema {
                Some(schema) => schema::value(&as_object(schema), &mut dice).compact(),
                None => text::prose(&mut dice, 12),
            };
            Call {
                id: call_id(ask, &tool.name, position, &mut dice),
                name: tool.name.clone(),
                arguments,
                freeform: tool.freeform,
            }
        })
        .collect();
    let text = match (&ask.format, calls.is_empty()) {
        (_, false) if dice.below(2) == 0 => String::new(),
        (_, false) => text::prose(&mut dice, 10),
        (Format::Text, _) => {
            let words = text_tokens(ask, &mut dice);
            text::prose(&mut dice, words)
        }
        (Format::Object, _) => obj! {"answer": text::phrase(&mut dice), "steps": 1 + dice.below(9)}.compact(),
        (Format::Schema(schema), _) => schema::value(schema, &mut dice).compact(),
    };
    let mut answer = Answer { seed, thinking, text, calls, stop: Stop::Done, billed: prompt };
    finish(ask, &mut answer, left);
    answer
}

/// Cuts the answer to what is allowed and counts it.
fn finish(ask: &Ask, answer: &mut Answer, mut left: u64) {
    if !answer.calls.is_empty() {
        answer.stop = Stop::Calls;
    }
    if let Some((position, stop)) =
        ask.stop.iter().filter_map(|stop| answer.text.find(stop.as_str()).map(|at| (at, stop))).min()
    {
        answer.text.truncate(position);
        answer.calls.clear();
        answer.stop = Stop::Sequence(stop.clone());
    }
    if tokens(&answer.text) > left {
        answer.text = text::cut(&answer.text, (left * 4) as usize).to_owned();
        answer.calls.clear();
        answer.stop = Stop::Length;
    }
    left -= tokens(&answer.text).min(left);
    if answer.calls.iter().map(call_tokens).sum::<u64>() > left {
        answer.calls.clear();
        answer.stop = Stop::Length;
    }
    let reasoning = tokens(&answer.thinking);
    let calls: u64 = answer.calls.iter().map(call_tokens).sum();
    answer.billed.reasoning = reasoning * ask.choices;
    answer.billed.output = (reasoning + tokens(&answer.text) + calls) * ask.choices;
}

fn call_tokens(call: &Call) -> u64 {
    tokens(&call.name) + tokens(&call.arguments)
}

/// Strictly more with every step of effort.
fn thinking_tokens(ask: &Ask, dice: &mut Dice) -> u64 {
    let base = match ask.effort {
        Effort::None => return 0,
        Effort::Minimal => 10,
        Effort::Low => 30,
        Effort::Medium => 100,
        Effort::High => 300,
        Effort::Xhigh => 700,
        Effort::Max => 1500,
    };
    let tokens = base + dice.below(base / 4);
    ask.budget.map_or(tokens, |budget| tokens.min(budget))
}

fn text_tokens(ask: &Ask, dice: &mut Dice) -> u64 {
    let base = 24 + (ask.prompt_tokens() / 8).min(120) + dice.below(16);
    match ask.effort {
        Effort::None | Effort::Minimal | Effort::Low => base,
        Effort::Medium | Effort::High => base * 3 / 2,
        Effort::Xhigh | Effort::Max => base * 2,
    }
}

/// Which tools are called: those the last turn asks for by `TOOL: name`, or names; the first one if the turn says
/// `TOOL:` alone, if a call is forced, or if a user opens the conversation.
fn wanted_tools(ask: &Ask) -> Vec<usize> {
    if ask.tools.is_empty() || ask.choice == Choice::Never {
        return Vec::new();
    }
    if let Choice::Named(name) = &ask.choice {
        return ask.tools.iter().position(|tool| tool.name == *name).into_iter().collect();
    }
    let asked: Vec<usize> = ask
        .last_text
        .split("TOOL:")
        .skip(1)
        .map(|rest| {
            let word: String = rest
                .trim_start()
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || "_-.".contains(*letter))
                .collect();
            ask.tools.iter().position(|tool| tool.name == word).unwrap_or(0)
        })
        .collect();
    let most = if ask.parallel { 8 } else { 1 };
    if !asked.is_empty() {
        return asked.into_iter().take(most).collect();
    }
    let words = |name: &str| {
        ask.last_text
            .split(|letter: char| !(letter.is_alphanumeric() || "_-".contains(letter)))
            .any(|word| word == name)
    };
    let named = ask.tools.iter().position(|tool| !ask.last_is_result && words(&tool.name));
    match named {
        Some(index) => vec![index],
        None if ask.choice == Choice::Any || (ask.first_turn && !ask.last_is_result) => vec![0],
        None => Vec::new(),
    }
}

/// Arguments are an object even where the schema forgets to say so.
fn as_object(schema: &Json) -> Json {
    if schema.get("type").is_some() || schema.get("$ref").is_some() || schema.get("anyOf").is_some() {
        return schema.clone();
    }
    let mut pairs = vec![("type".to_owned(), Json::from("object"))];
    pairs.extend(schema.pairs().iter().cloned());
    Json::Object(pairs)
}

fn call_id(ask: &Ask, name: &str, position: usize, dice: &mut Dice) -> String {
    use crate::vendor::Dialect::Messages;
    match (ask.vendor, ask.dialect) {
        (Vendor::MiniMax, _) => {
            format!("call_function_{}_1", dice.string(b"abcdefghijklmnopqrstuvwxyz0123456789", 12))
        }
        (Vendor::Anthropic, _) | (_, Messages) => format!("toolu_01{}", dice.string(ALPHANUMERIC, 22)),
        (Vendor::DeepSeek, _) => format!("call_00_{}", dice.string(ALPHANUMERIC, 20)),
        (Vendor::Moonshot, _) => format!("{name}:{}", dice.below(1000) * 8 + position as u64),
        (Vendor::Zai, _) => format!("call_{}", dice.string(HEX, 32)),
        _ => format!("call_{}", dice.string(ALPHANUMERIC, 24)),
    }
}

/// An id that begins with `prefix`.
pub(crate) fn id(answer: &Answer, salt: u64, prefix: &str, length: usize) -> String {
    let mut dice = Dice::new(answer.seed ^ salt.wrapping_mul(0x9e37_79b9));
    format!("{prefix}{}", dice.string(ALPHANUMERIC, length))
}

/// A hexadecimal id.
pub(crate) fn hex_id(answer: &Answer, salt: u64, prefix: &str, length: usize) -> String {
    let mut dice = Dice::new(answer.seed ^ salt.wrapping_mul(0x9e37_79b9));
    format!("{prefix}{}", dice.string(HEX, length))
}

pub(crate) const fn created(answer: &Answer) -> u64 {
    EPOCH + answer.seed % 86_400
}
