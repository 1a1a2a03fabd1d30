//! Answers in Anthropic Messages.

use super::{Answer, Frame, Stop, hex_id, id, pieces};
use crate::ask::{Ask, Show};
use crate::cache::Billed;
use crate::hash::{Dice, Hash};
use crate::json::{Json, arr, obj};
use crate::refusal::Refusal;
use crate::signature::{self, Claim};
use crate::vendor::Vendor;

/// The whole answer; `account` is whose key asked.
pub(crate) fn whole(ask: &Ask, answer: &Answer, account: u64) -> Json {
    let content: Vec<Json> = blocks(ask, answer, account).into_iter().map(|block| block.whole).collect();
    let (reason, sequence) = stop(answer);
    obj! {
        "model": &ask.served,
        "id": message_id(ask, answer),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage(ask, answer.billed, answer.billed.output),
    }
}

/// The answer as a stream; `parts` is the wished number of text deltas.
pub(crate) fn stream(ask: &Ask, answer: &Answer, account: u64, parts: Option<usize>) -> Vec<Frame> {
    let mut stream = Stream { ask, dice: Dice::new(answer.seed ^ 11), frames: Vec::new() };
    // The input side is known at once, except where it is reported as zero first.
    let known = if ask.vendor == Vendor::MiniMax { Billed::default() } else { answer.billed };
    stream.event(
        "message_start",
        obj! {"message": obj! {
            "model": &ask.served,
            "id": message_id(ask, answer),
            "type": "message",
            "role": "assistant",
            "content": arr![],
            "stop_reason": Json::Null,
            "stop_sequence": Json::Null,
            "usage": usage(ask, known, if ask.vendor == Vendor::MiniMax { 0 } else { 1 }),
        }},
        false,
    );
    for (index, block) in blocks(ask, answer, account).into_iter().enumerate() {
        stream.event("content_block_start", obj! {"index": index, "content_block": block.opening}, true);
        if index == 0 {
            stream.event("ping", obj! {}, false);
        }
        for (kind, field, text) in &block.deltas {
            let split = if *field == "signature" { vec![text.as_str()] } else { pieces(text, parts) };
            for piece in split {
                let delta = Json::Object(vec![
                    ("type".to_owned(), Json::from(*kind)),
                    ((*field).to_owned(), Json::from(piece)),
                ]);
                stream.event("content_block_delta", obj! {"index": index, "delta": delta}, true);
            }
        }
        stream.event("content_block_stop", obj! {"index": index}, true);
    }
    let (reason, sequence) = stop(answer);
    stream.event(
        "message_delta",
        obj! {
            "delta": obj! {"stop_reason": reason, "stop_sequence": sequence},
            "usage": final_usage(ask, answer.billed),
        },
        false,
    );
    stream.event("message_stop", obj! {}, false);
    stream.frames
}

/// What stands in a 200 stream when the provider breaks down in the middle of it.
pub(crate) fn failure(answer: &Answer, refusal: &Refusal) -> Vec<Frame> {
    let data = obj! {
        "type": "error",
        "error": refusal.anthropic_error(),
        "request_id": hex_id(answer, 9, "req_", 24),
    };
    vec![Frame::head(format!("event: error\ndata: {}\n\n", data.compact()))]
}

/// A content block, whole and in pieces: delta type, its field, the text.
struct Block {
    whole: Json,
    opening: Json,
    deltas: Vec<(&'static str, &'static str, String)>,
}

fn blocks(ask: &Ask, answer: &Answer, account: u64) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !answer.thinking.is_empty() && ask.show != Show::Nothing {
        blocks.push(thinking(ask, answer, account));
    }
    if !answer.text.is_empty() {
        blocks.push(Block {
            whole: obj! {"type": "text", "text": &answer.text},
            opening: obj! {"type": "text", "text": ""},
            deltas: vec![("text_delta", "text", answer.text.clone())],
        });
    }
    for call in &answer.calls {
        let input = Json::parse(call.arguments.as_bytes()).unwrap_or(Json::Object(Vec::new()));
        blocks.push(Block {
            whole: obj! {"type": "tool_use", "id": &call.id, "name": &call.name, "input": input},
            opening: obj! {"type": "tool_use", "id": &call.id, "name": &call.name, "input": obj! {}},
            deltas: vec![("input_json_delta", "partial_json", call.arguments.clone())],
        });
    }
    blocks
}

fn thinking(ask: &Ask, answer: &Answer, account: u64) -> Block {
    let text = if ask.show == Show::Text { answer.thinking.as_str() } else { "" };
    let signature = match ask.vendor {
        Vendor::Anthropic | Vendor::OpenRouter => {
            let claim = Claim { model: Hash::of(ask.model.id), account, binding: ask.binding };
            signature::claude(claim, text)
        }
        Vendor::DeepSeek => hex_id(answer, 5, "", 8),
        _ => signature::minimax(text, answer.seed),
    };
    let mut deltas = vec![("signature_delta", "signature", signature.clone())];
    if !text.is_empty() {
        deltas.insert(0, ("thinking_delta", "thinking", text.to_owned()));
    }
    Block {
        whole: obj! {"type": "thinking", "thinking": text, "signature": signature},
        opening: obj! {"type": "thinking", "thinking": "", "signature": ""},
        deltas,
    }
}

struct Stream<'a> {
    ask: &'a Ask,
    dice: Dice,
    frames: Vec<Frame>,
}

impl Stream<'_> {
    fn event(&mut self, name: &str, members: Json, content: bool) {
        let mut pairs = vec![("type".to_owned(), Json::from(name))];
        pairs.extend(members.pairs().iter().cloned());
        let mut data = Json::Object(pairs).compact();
        // The real one pads its events with spaces before the last brace.
        if self.ask.vendor == Vendor::Anthropic {
            data.pop();
            data.extend((0..self.dice.below(14)).map(|_| ' '));
            data.push('}');
        }
        self.frames.push(Frame { text: format!("event: {name}\ndata: {data}\n\n"), content });
    }
}

fn message_id(ask: &Ask, answer: &Answer) -> String {
    match ask.vendor {
        Vendor::Anthropic => id(answer, 1, "msg_01", 22),
        Vendor::MiniMax => hex_id(answer, 1, "", 32),
        _ => hex_id(answer, 1, "msg_", 24),
    }
}

fn stop(answer: &Answer) -> (&'static str, Json) {
    match &answer.stop {
        Stop::Done => ("end_turn", Json::Null),
        Stop::Calls => ("tool_use", Json::Null),
        Stop::Length => ("max_tokens", Json::Null),
        Stop::Sequence(text) => ("stop_sequence", Json::from(text)),
    }
}

fn usage(ask: &Ask, billed: Billed, output: u64) -> Json {
    match ask.vendor {
        Vendor::Anthropic | Vendor::OpenRouter => obj! {
            "input_tokens": billed.fresh,
            "cache_creation_input_tokens": billed.cache_write(),
            "cache_read_input_tokens": billed.cache_read,
            "cache_creation": obj! {
                "ephemeral_5m_input_tokens": billed.cache_write_short,
                "ephemeral_1h_input_tokens": billed.cache_write_long,
            },
            "output_tokens": output,
            "service_tier": "standard",
            "inference_geo": "global",
        },
        _ => obj! {
            "input_tokens": billed.fresh,
            "cache_creation_input_tokens": billed.cache_write(),
            "cache_read_input_tokens": billed.cache_read,
            "output_tokens": output,
            "service_tier": "standard",
        },
    }
}

fn final_usage(ask: &Ask, billed: Billed) -> Json {
    let mut pairs = vec![
        ("input_tokens".to_owned(), Json::from(billed.fresh)),
        ("cache_creation_input_tokens".to_owned(), Json::from(billed.cache_write())),
        ("cache_read_input_tokens".to_owned(), Json::from(billed.cache_read)),
        ("output_tokens".to_owned(), Json::from(billed.output)),
    ];
    if ask.vendor == Vendor::Anthropic && billed.reasoning > 0 {
        pairs.push(("output_tokens_details".to_owned(), obj! {"thinking_tokens": billed.reasoning}));
    }
    Json::Object(pairs)
}
