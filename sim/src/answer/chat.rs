//! Answers in Chat Completions.

use super::{Answer, Call, Frame, Stop, created, hex_id, id, pieces};
use crate::ask::{Ask, Show};
use crate::cache::Billed;
use crate::hash::{ALPHANUMERIC, Dice};
use crate::json::{Json, arr, obj};
use crate::models::{Family, Quirk};
use crate::refusal::Refusal;
use crate::vendor::{Dialect, Vendor};

/// Where the thinking of an answer goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Nowhere.
    Hidden,
    /// `reasoning_content`.
    Field,
    /// In the text, between `<think>` and `</think>`.
    Tag,
    /// `reasoning_details`.
    Details,
    /// `reasoning` and `reasoning_details`.
    Both,
}

fn place(ask: &Ask, answer: &Answer) -> Place {
    if answer.thinking.is_empty() || ask.show == Show::Nothing {
        return Place::Hidden;
    }
    match (ask.vendor, ask.model.family) {
        (Vendor::OpenAi | Vendor::Anthropic, _) => Place::Hidden,
        (Vendor::OpenRouter, Family::Gpt) => Place::Hidden,
        (Vendor::OpenRouter, _) => Place::Both,
        (Vendor::MiniMax, _) if ask.reasoning_split => Place::Details,
        (Vendor::MiniMax, _) => Place::Tag,
        _ => Place::Field,
    }
}

/// The whole answer.
pub(crate) fn whole(ask: &Ask, answer: &Answer) -> Json {
    let place = place(ask, answer);
    let mut message = vec![("role".to_owned(), Json::from("assistant"))];
    let mut add = |key: &str, value: Json| message.push((key.to_owned(), value));
    let text = match place {
        Place::Tag => format!("<think>\n{}\n</think>\n\n{}", answer.thinking, answer.text),
        _ => answer.text.clone(),
    };
    add("content", if text.is_empty() && !answer.calls.is_empty() { Json::Null } else { Json::from(text) });
    match place {
        Place::Field => add("reasoning_content", Json::from(&answer.thinking)),
        Place::Details => add("reasoning_details", details(ask, answer, &answer.thinking)),
        Place::Both => {
            add("reasoning", Json::from(&answer.thinking));
            add("reasoning_details", details(ask, answer, &answer.thinking));
        }
        Place::Hidden | Place::Tag => {}
    }
    if ask.vendor == Vendor::OpenAi {
        add("refusal", Json::Null);
        add("annotations", arr![]);
    }
    if !answer.calls.is_empty() {
        add("tool_calls", Json::Array(answer.calls.iter().map(|call| call_json(call, None)).collect()));
    }
    let message = Json::Object(message);
    let choices: Vec<Json> = (0..ask.choices)
        .map(|index| {
            let mut choice = vec![
                ("index".to_owned(), Json::from(index)),
                ("message".to_owned(), message.clone()),
                ("logprobs".to_owned(), Json::Null),
                ("finish_reason".to_owned(), Json::from(finish(answer))),
            ];
            if ask.vendor == Vendor::OpenRouter {
                choice.push(("native_finish_reason".to_owned(), Json::from(finish(answer))));
            }
            Json::Object(choice)
        })
        .collect();
    let mut pairs = envelope(ask, answer, "chat.completion", Json::Array(choices));
    pairs.push(("usage".to_owned(), usage(ask, answer.billed)));
    match ask.vendor {
        Vendor::OpenAi => {
            pairs.push(("service_tier".to_owned(), Json::from("default")));
            pairs.push(("system_fingerprint".to_owned(), Json::Null));
        }
        Vendor::DeepSeek => pairs.push(("system_fingerprint".to_owned(), Json::from("fp_sim"))),
        Vendor::MiniMax => {
            pairs.push(("base_resp".to_owned(), obj! {"status_code": 0, "status_msg": ""}));
        }
        _ => {}
    }
    Json::Object(pairs)
}

/// The answer as a stream; `parts` is the wished number of text deltas.
pub(crate) fn stream(ask: &Ask, answer: &Answer, parts: Option<usize>) -> Vec<Frame> {
    let mut stream = Stream { ask, answer, dice: Dice::new(answer.seed ^ 7), frames: Vec::new() };
    stream.comment();
    for index in 0..ask.choices {
        stream.choice(index, parts);
    }
    if ask.include_usage && ask.vendor != Vendor::Zai {
        stream.push(arr![], Some(usage(ask, answer.billed)), false);
    }
    stream.frames.push(Frame::head("data: [DONE]\n\n".to_owned()));
    stream.frames
}

/// What stands in a 200 stream when the provider breaks down in the middle of it.
pub(crate) fn failure(ask: &Ask, answer: &Answer, refusal: &Refusal) -> Vec<Frame> {
    let frame = |json: Json| vec![Frame::head(format!("data: {}\n\n", json.compact()))];
    if ask.vendor == Vendor::OpenRouter {
        let choice = obj! {"index": 0, "delta": obj! {"content": ""}, "finish_reason": "error"};
        let mut pairs = envelope(ask, answer, "chat.completion.chunk", arr![choice]);
        pairs.push(("error".to_owned(), obj! {"code": "server_error", "message": &refusal.message}));
        return frame(Json::Object(pairs));
    }
    frame(refusal.body(ask.vendor, Dialect::Chat, &hex_id(answer, 9, "", 32)))
}

struct Stream<'a> {
    ask: &'a Ask,
    answer: &'a Answer,
    dice: Dice,
    frames: Vec<Frame>,
}

impl Stream<'_> {
    /// What some providers send while a request waits.
    fn comment(&mut self) {
        let comment = match self.ask.vendor {
            Vendor::DeepSeek => ": keep-alive\n\n",
            Vendor::OpenRouter => ": OPENROUTER PROCESSING\n\n",
            _ => return,
        };
        self.frames.push(Frame::head(comment.to_owned()));
        self.frames.push(Frame::head(comment.to_owned()));
    }

    fn choice(&mut self, index: u64, parts: Option<usize>) {
        let (ask, answer) = (self.ask, self.answer);
        let place = place(ask, answer);
        let opening = match (ask.vendor, place) {
            (Vendor::OpenAi, _) => obj! {"role": "assistant", "content": "", "refusal": Json::Null},
            (Vendor::DeepSeek, Place::Field) => {
                obj! {"role": "assistant", "content": Json::Null, "reasoning_content": ""}
            }
            _ => obj! {"role": "assistant", "content": ""},
        };
        self.delta(index, opening, false);
        if place == Place::Tag {
            let text = format!("<think>\n{}\n</think>\n\n", answer.thinking);
            for piece in pieces(&text, parts) {
                self.delta(index, obj! {"content": piece}, true);
            }
        } else if place != Place::Hidden {
            for piece in pieces(&answer.thinking, parts) {
                let delta = match place {
                    Place::Details => obj! {"content": "", "reasoning_details": details(ask, answer, piece)},
                    Place::Both => obj! {
                        "content": "", "reasoning": piece, "reasoning_details": details(ask, answer, piece),
                    },
                    _ if ask.vendor == Vendor::DeepSeek => {
                        obj! {"content": Json::Null, "reasoning_content": piece}
                    }
                    _ => obj! {"reasoning_content": piece},
                };
                self.delta(index, delta, true);
            }
        }
        for piece in pieces(&answer.text, parts) {
            let delta = match (ask.vendor, place) {
                (Vendor::DeepSeek, Place::Field) => obj! {"content": piece, "reasoning_content": Json::Null},
                _ => obj! {"content": piece},
            };
            self.delta(index, delta, true);
        }
        for (position, call) in answer.calls.iter().enumerate() {
            self.call(index, position, call, parts);
        }
        self.end(index);
    }

    fn call(&mut self, index: u64, position: usize, call: &Call, parts: Option<usize>) {
        let begun = Call { arguments: String::new(), ..call.clone() };
        let opening = call_json(&begun, Some(position));
        self.delta(index, obj! {"tool_calls": arr![opening]}, true);
        let (kind, field) = if call.freeform { ("custom", "input") } else { ("function", "arguments") };
        for piece in pieces(&call.arguments, parts) {
            let inner = Json::Object(vec![(field.to_owned(), Json::from(piece))]);
            let delta =
                Json::Object(vec![("index".to_owned(), Json::from(position)), (kind.to_owned(), inner)]);
            self.delta(index, obj! {"tool_calls": arr![delta]}, true);
        }
    }

    fn end(&mut self, index: u64) {
        let (ask, answer) = (self.ask, self.answer);
        let mut choice = vec![
            ("index".to_owned(), Json::from(index)),
            (
                "delta".to_owned(),
                if ask.vendor == Vendor::DeepSeek {
                    obj! {"content": ""}
                } else {
                    obj! {}
                },
            ),
            ("logprobs".to_owned(), Json::Null),
            ("finish_reason".to_owned(), Json::from(finish(answer))),
        ];
        // The older Kimi models put it here, asked or not.
        if ask.model.family == Family::Kimi
            && ask.vendor == Vendor::Moonshot
            && !ask.model.has(Quirk::CacheOptions)
        {
            choice.push(("usage".to_owned(), usage(ask, answer.billed)));
        }
        // Z.ai sends it along with the end, asked or not.
        let whole = (ask.vendor == Vendor::Zai).then(|| usage(ask, answer.billed));
        self.push(arr![Json::Object(choice)], whole, false);
    }

    fn delta(&mut self, index: u64, delta: Json, content: bool) {
        let mut choice = vec![
            ("index".to_owned(), Json::from(index)),
            ("delta".to_owned(), delta),
            ("logprobs".to_owned(), Json::Null),
            ("finish_reason".to_owned(), Json::Null),
        ];
        if self.ask.vendor == Vendor::OpenRouter {
            choice.push(("native_finish_reason".to_owned(), Json::Null));
        }
        self.push(arr![Json::Object(choice)], None, content);
    }

    fn push(&mut self, choices: Json, usage: Option<Json>, content: bool) {
        let mut pairs = envelope(self.ask, self.answer, "chat.completion.chunk", choices);
        match usage {
            Some(usage) => pairs.push(("usage".to_owned(), usage)),
            None if self.ask.include_usage && matches!(self.ask.vendor, Vendor::OpenAi | Vendor::Generic) => {
                pairs.push(("usage".to_owned(), Json::Null));
            }
            None => {}
        }
        if self.ask.vendor == Vendor::OpenAi && self.ask.obfuscation {
            let length = 1 + self.dice.below(15) as usize;
            pairs.push(("obfuscation".to_owned(), Json::from(self.dice.string(ALPHANUMERIC, length))));
        }
        let text = format!("data: {}\n\n", Json::Object(pairs).compact());
        self.frames.push(Frame { text, content });
    }
}

fn envelope(ask: &Ask, answer: &Answer, object: &str, choices: Json) -> Vec<(String, Json)> {
    let id = match ask.vendor {
        Vendor::DeepSeek => uuid(answer),
        Vendor::MiniMax => hex_id(answer, 1, "", 32),
        Vendor::Zai => hex_id(answer, 1, "20261123", 16),
        Vendor::OpenRouter => id(answer, 1, "gen-1795392000-", 20),
        Vendor::Generic => hex_id(answer, 1, "chatcmpl-", 32),
        _ => id(answer, 1, "chatcmpl-", 29),
    };
    let mut pairs = vec![("id".to_owned(), Json::from(id))];
    let mut add = |key: &str, value: Json| pairs.push((key.to_owned(), value));
    if ask.vendor == Vendor::OpenRouter {
        add("provider", Json::from(host(ask.model.family)));
    }
    if ask.vendor == Vendor::MiniMax {
        // In the middle, so that a reader which looks for the first key only is found out.
        add("choices", choices);
        add("created", Json::from(created(answer)));
        add("model", Json::from(&ask.served));
        add("object", Json::from(object));
        return pairs;
    }
    add("object", Json::from(object));
    add("created", Json::from(created(answer)));
    add("model", Json::from(&ask.served));
    if object.ends_with("chunk") {
        match ask.vendor {
            Vendor::OpenAi => {
                add("service_tier", Json::from("default"));
                add("system_fingerprint", Json::Null);
            }
            Vendor::DeepSeek => add("system_fingerprint", Json::from("fp_sim")),
            _ => {}
        }
    }
    add("choices", choices);
    pairs
}

const fn host(family: Family) -> &'static str {
    match family {
        Family::Claude => "Anthropic",
        Family::Gpt => "OpenAI",
        Family::MiniMax => "Minimax",
        Family::DeepSeek => "DeepSeek",
        Family::Kimi => "Moonshot AI",
        Family::Glm => "Z.AI",
        Family::Other => "Alibaba",
    }
}

fn uuid(answer: &Answer) -> String {
    let hex = hex_id(answer, 1, "", 32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

const fn finish(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::Done | Stop::Sequence(_) => "stop",
        Stop::Calls => "tool_calls",
        Stop::Length => "length",
    }
}

fn call_json(call: &Call, position: Option<usize>) -> Json {
    let mut pairs = Vec::new();
    if let Some(position) = position {
        pairs.push(("index".to_owned(), Json::from(position)));
    }
    pairs.push(("id".to_owned(), Json::from(&call.id)));
    let (kind, inner) = if call.freeform {
        ("custom", obj! {"name": &call.name, "input": &call.arguments})
    } else {
        ("function", obj! {"name": &call.name, "arguments": &call.arguments})
    };
    pairs.push(("type".to_owned(), Json::from(kind)));
    pairs.push((kind.to_owned(), inner));
    Json::Object(pairs)
}

fn details(ask: &Ask, answer: &Answer, text: &str) -> Json {
    let (id, format) = match ask.vendor {
        Vendor::MiniMax => ("reasoning-text-1".to_owned(), "MiniMax-response-v1"),
        _ => (hex_id(answer, 4, "reasoning-", 8), "unknown"),
    };
    arr![obj! {"type": "reasoning.text", "id": id, "format": format, "index": 0, "text": text}]
}

/// The usage object, in the fields of its vendor.
fn usage(ask: &Ask, billed: Billed) -> Json {
    let prompt = billed.prompt();
    let total = prompt + billed.output;
    let mut pairs = vec![
        ("prompt_tokens".to_owned(), Json::from(prompt)),
        ("completion_tokens".to_owned(), Json::from(billed.output)),
        ("total_tokens".to_owned(), Json::from(total)),
    ];
    let mut add = |key: &str, value: Json| pairs.push((key.to_owned(), value));
    let writes = ask.model.has(Quirk::CacheOptions);
    let mut cached = obj! {"cached_tokens": billed.cache_read};
    if let (true, Json::Object(pairs)) = (writes || ask.vendor == Vendor::OpenRouter, &mut cached) {
        pairs.push(("cache_write_tokens".to_owned(), Json::from(billed.cache_write())));
    }
    let reasoning = obj! {"reasoning_tokens": billed.reasoning};
    match ask.vendor {
        Vendor::OpenAi => {
            if let Json::Object(pairs) = &mut cached {
                pairs.push(("audio_tokens".to_owned(), Json::from(0u64)));
            }
            add("prompt_tokens_details", cached);
            add(
                "completion_tokens_details",
                obj! {
                    "reasoning_tokens": billed.reasoning,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            );
        }
        Vendor::DeepSeek => {
            add("prompt_tokens_details", cached);
            if ask.thinks {
                add("completion_tokens_details", reasoning);
            }
            add("prompt_cache_hit_tokens", Json::from(billed.cache_read));
            add("prompt_cache_miss_tokens", Json::from(prompt - billed.cache_read));
        }
        Vendor::Anthropic => add("cached_tokens", Json::from(billed.cache_read)),
        Vendor::OpenRouter => {
            add("cost", Json::from((billed.output * 4 + billed.fresh) as f64 / 1e6));
            add("is_byok", Json::Bool(false));
            add("prompt_tokens_details", cached);
            add("completion_tokens_details", reasoning);
        }
        Vendor::MiniMax => {
            pairs.insert(0, ("total_characters".to_owned(), Json::from(0u64)));
            pairs.push(("prompt_tokens_details".to_owned(), cached));
            pairs.push(("completion_tokens_details".to_owned(), reasoning));
        }
        Vendor::Moonshot => {
            // Also at the top, as the platform has always had it.
            add("cached_tokens", Json::from(billed.cache_read));
            add("prompt_tokens_details", cached);
            add("completion_tokens_details", reasoning);
        }
        Vendor::Zai | Vendor::Generic => {
            add("prompt_tokens_details", cached);
            if ask.thinks {
                add("completion_tokens_details", reasoning);
            }
        }
    }
    Json::Object(pairs)
}
