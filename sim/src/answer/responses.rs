//! Answers in OpenAI Responses.

use super::{Answer, Call, Frame, Stop, created, hex_id, pieces};
use crate::ask::{Ask, tokens};
use crate::hash::{ALPHANUMERIC, Dice};
use crate::json::{Json, arr, obj};
use crate::models::Quirk;
use crate::refusal::Refusal;
use crate::signature;
use crate::vendor::Vendor;

/// The id the answer can be continued by.
pub(crate) fn response_id(answer: &Answer) -> String {
    hex_id(answer, 1, "resp_", 50)
}

/// The whole answer.
pub(crate) fn whole(ask: &Ask, answer: &Answer, account: u64) -> Json {
    let items = items(ask, answer, account).into_iter().map(|item| item.json).collect();
    response(ask, answer, status(answer), items, true)
}

/// The items of the answer as the next request must show them.
pub(crate) fn output(ask: &Ask, answer: &Answer, account: u64) -> Vec<Json> {
    items(ask, answer, account)
        .into_iter()
        .map(|item| match item.json {
            Json::Object(mut pairs) if matches!(item.kind, Kind::Reasoning) => {
                pairs.push(("kept".to_owned(), Json::Bool(true)));
                Json::Object(pairs)
            }
            json => json,
        })
        .collect()
}

/// The answer as a stream; `parts` is the wished number of text deltas.
pub(crate) fn stream(ask: &Ask, answer: &Answer, account: u64, parts: Option<usize>) -> Vec<Frame> {
    let mut stream = Stream { ask, dice: Dice::new(answer.seed ^ 13), number: 0, frames: Vec::new() };
    let begun = response(ask, answer, "in_progress", Vec::new(), false);
    stream.event("response.created", obj! {"response": &begun}, false);
    stream.event("response.in_progress", obj! {"response": begun}, false);
    let items = items(ask, answer, account);
    for (index, item) in items.iter().enumerate() {
        stream.item(index, item, parts);
    }
    let status = status(answer);
    let end = response(ask, answer, status, items.into_iter().map(|item| item.json).collect(), true);
    let name = if status == "incomplete" { "response.incomplete" } else { "response.completed" };
    stream.event(name, obj! {"response": end}, false);
    stream.frames
}

/// What stands in a 200 stream when the provider breaks down in the middle of it. `sent` frames went before.
pub(crate) fn failure(ask: &Ask, answer: &Answer, refusal: &Refusal, sent: usize) -> Vec<Frame> {
    let mut stream =
        Stream { ask, dice: Dice::new(answer.seed ^ 13), number: sent as u64, frames: Vec::new() };
    let error = obj! {"code": "server_error", "message": &refusal.message};
    stream.event(
        "error",
        obj! {"code": "server_error", "message": &refusal.message, "param": Json::Null},
        false,
    );
    let failed = response(ask, answer, "failed", Vec::new(), false);
    let failed = Json::Object(
        failed
            .pairs()
            .iter()
            .map(|(key, value)| (key.clone(), if key == "error" { error.clone() } else { value.clone() }))
            .collect(),
    );
    stream.event("response.failed", obj! {"response": failed}, false);
    stream.frames
}

enum Kind {
    Reasoning,
    Message,
    Call(Call),
}

struct Item {
    id: String,
    json: Json,
    kind: Kind,
    text: String,
}

fn items(ask: &Ask, answer: &Answer, account: u64) -> Vec<Item> {
    let mut items = Vec::new();
    if !answer.thinking.is_empty() {
        items.push(reasoning(ask, answer, account));
    }
    if !answer.text.is_empty() || answer.calls.is_empty() {
        let id = hex_id(answer, 3, "msg_", 50);
        let status = status(answer);
        let part =
            obj! {"type": "output_text", "annotations": arr![], "logprobs": arr![], "text": &answer.text};
        items.push(Item {
            json: obj! {"id": &id, "type": "message", "status": status, "content": arr![part], "role": "assistant"},
            id,
            kind: Kind::Message,
            text: answer.text.clone(),
        });
    }
    for (position, call) in answer.calls.iter().enumerate() {
        let salt = 16 + position as u64;
        let (id, json) = if call.freeform {
            let id = hex_id(answer, salt, "ctc_", 50);
            let json = obj! {
                "id": &id, "type": "custom_tool_call", "status": "completed", "call_id": &call.id,
                "input": &call.arguments, "name": &call.name,
            };
            (id, json)
        } else {
            let id = hex_id(answer, salt, "fc_", 50);
            let json = obj! {
                "id": &id, "type": "function_call", "status": "completed", "arguments": &call.arguments,
                "call_id": &call.id, "name": &call.name,
            };
            (id, json)
        };
        items.push(Item { id, json, kind: Kind::Call(call.clone()), text: call.arguments.clone() });
    }
    items
}

fn reasoning(ask: &Ask, answer: &Answer, account: u64) -> Item {
    let id = hex_id(answer, 2, "rs_", 50);
    let summarised = ask.echo.get("summary").is_some();
    // Others show their thinking; OpenAI shows a summary, and only if asked.
    let (content, summary) = match (ask.vendor, summarised) {
        (Vendor::OpenAi, true) | (Vendor::OpenRouter, _) => {
            (Json::Null, arr![obj! {"type": "summary_text", "text": &answer.thinking}])
        }
        (Vendor::OpenAi, false) => (Json::Null, arr![]),
        _ => (arr![obj! {"type": "reasoning_text", "text": &answer.thinking}], arr![]),
    };
    let mut pairs = vec![
        ("id".to_owned(), Json::from(&id)),
        ("type".to_owned(), Json::from("reasoning")),
        ("summary".to_owned(), summary),
    ];
    if !content.is_null() {
        pairs.push(("content".to_owned(), content));
    }
    if ask.encrypted && ask.vendor == Vendor::OpenAi {
        let sealed = signature::openai(account, answer.seed, tokens(&answer.thinking));
        pairs.push(("encrypted_content".to_owned(), Json::from(sealed)));
    }
    let text = if summarised { answer.thinking.clone() } else { String::new() };
    Item { id, json: Json::Object(pairs), kind: Kind::Reasoning, text }
}

const fn status(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::Length => "incomplete",
        _ => "completed",
    }
}

fn response(ask: &Ask, answer: &Answer, status: &str, output: Vec<Json>, ended: bool) -> Json {
    let echo = |key: &str| ask.echo.get(key).cloned().unwrap_or(Json::Null);
    let incomplete = if status == "incomplete" {
        obj! {"reason": "max_output_tokens"}
    } else {
        Json::Null
    };
    let effort = if ask.model.efforts.is_empty() { Json::Null } else { Json::from(ask.effort.name()) };
    obj! {
        "id": response_id(answer),
        "object": "response",
        "created_at": created(answer),
        "status": status,
        "background": false,
        "error": Json::Null,
        "incomplete_details": incomplete,
        "instructions": echo("instructions"),
        "max_output_tokens": echo("max_output_tokens"),
        "model": &ask.served,
        "output": output,
        "parallel_tool_calls": echo("parallel_tool_calls"),
        "previous_response_id": echo("previous_response_id"),
        "prompt_cache_key": echo("prompt_cache_key"),
        "reasoning": obj! {"effort": effort, "summary": echo("summary")},
        "service_tier": if ended { "default" } else { "auto" },
        "store": echo("store"),
        "temperature": echo("temperature"),
        "text": echo("text"),
        "tool_choice": echo("tool_choice"),
        "tools": echo("tools"),
        "top_p": echo("top_p"),
        "truncation": echo("truncation"),
        "usage": if ended { usage(ask, answer) } else { Json::Null },
        "user": Json::Null,
        "metadata": echo("metadata"),
    }
}

fn usage(ask: &Ask, answer: &Answer) -> Json {
    let billed = answer.billed;
    let mut input = vec![("cached_tokens".to_owned(), Json::from(billed.cache_read))];
    if ask.vendor == Vendor::OpenAi {
        input.push(("cache_write_tokens".to_owned(), Json::from(billed.cache_write())));
        if ask.model.has(Quirk::CacheOptions) && billed.cache_write() > 0 {
            input.push((
                "cache_write_tokens_details".to_owned(),
                obj! {"ttl_30m_tokens": billed.cache_write_short, "ttl_12h_tokens": billed.cache_write_long},
            ));
        }
    }
    obj! {
        "input_tokens": billed.prompt(),
        "input_tokens_details": Json::Object(input),
        "output_tokens": billed.output,
        "output_tokens_details": obj! {"reasoning_tokens": billed.reasoning},
        "total_tokens": billed.prompt() + billed.output,
    }
}

struct Stream<'a> {
    ask: &'a Ask,
    dice: Dice,
    number: u64,
    frames: Vec<Frame>,
}

impl Stream<'_> {
    fn event(&mut self, name: &str, members: Json, content: bool) {
        let mut pairs = vec![
            ("type".to_owned(), Json::from(name)),
            ("sequence_number".to_owned(), Json::from(self.number)),
        ];
        pairs.extend(members.pairs().iter().cloned());
        if name.ends_with(".delta") && self.ask.vendor == Vendor::OpenAi && self.ask.obfuscation {
            let length = 1 + self.dice.below(15) as usize;
            pairs.push(("obfuscation".to_owned(), Json::from(self.dice.string(ALPHANUMERIC, length))));
        }
        self.number += 1;
        let text = format!("event: {name}\ndata: {}\n\n", Json::Object(pairs).compact());
        self.frames.push(Frame { text, content });
    }

    fn item(&mut self, index: usize, item: &Item, parts: Option<usize>) {
        let opening = Json::Object(
            item.json
                .pairs()
                .iter()
                .map(|(key, value)| {
                    let value = match key.as_str() {
                        "status" => Json::from("in_progress"),
                        "content" | "summary" => arr![],
                        "arguments" | "input" => Json::from(""),
                        _ => value.clone(),
                    };
                    (key.clone(), value)
                })
                .collect(),
        );
        self.event("response.output_item.added", obj! {"output_index": index, "item": opening}, true);
        match &item.kind {
            Kind::Reasoning => self.summary(index, item, parts),
            Kind::Message => self.message(index, item, parts),
            Kind::Call(call) => self.call(index, item, call, parts),
        }
        self.event("response.output_item.done", obj! {"output_index": index, "item": &item.json}, true);
    }

    fn summary(&mut self, index: usize, item: &Item, parts: Option<usize>) {
        if item.text.is_empty() {
            return;
        }
        let at = |rest: Json| {
            let mut pairs = vec![
                ("item_id".to_owned(), Json::from(&item.id)),
                ("output_index".to_owned(), Json::from(index)),
                ("summary_index".to_owned(), Json::from(0u64)),
            ];
            pairs.extend(rest.pairs().iter().cloned());
            Json::Object(pairs)
        };
        let part = |text: &str| obj! {"part": obj! {"type": "summary_text", "text": text}};
        self.event("response.reasoning_summary_part.added", at(part("")), true);
        for piece in pieces(&item.text, parts) {
            self.event("response.reasoning_summary_text.delta", at(obj! {"delta": piece}), true);
        }
        self.event("response.reasoning_summary_text.done", at(obj! {"text": &item.text}), true);
        self.event("response.reasoning_summary_part.done", at(part(&item.text)), true);
    }

    fn message(&mut self, index: usize, item: &Item, parts: Option<usize>) {
        let at = |rest: Json| {
            let mut pairs = vec![
                ("item_id".to_owned(), Json::from(&item.id)),
                ("output_index".to_owned(), Json::from(index)),
                ("content_index".to_owned(), Json::from(0u64)),
            ];
            pairs.extend(rest.pairs().iter().cloned());
            Json::Object(pairs)
        };
        let part = |text: &str| {
            obj! {"part": obj! {"type": "output_text", "annotations": arr![], "logprobs": arr![], "text": text}}
        };
        self.event("response.content_part.added", at(part("")), true);
        for piece in pieces(&item.text, parts) {
            self.event("response.output_text.delta", at(obj! {"delta": piece, "logprobs": arr![]}), true);
        }
        self.event("response.output_text.done", at(obj! {"text": &item.text, "logprobs": arr![]}), true);
        self.event("response.content_part.done", at(part(&item.text)), true);
    }

    fn call(&mut self, index: usize, item: &Item, call: &Call, parts: Option<usize>) {
        let (delta, done, field) = if call.freeform {
            ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input")
        } else {
            ("response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments")
        };
        for piece in pieces(&call.arguments, parts) {
            self.event(delta, obj! {"item_id": &item.id, "output_index": index, "delta": piece}, true);
        }
        let whole = Json::Object(vec![
            ("item_id".to_owned(), Json::from(&item.id)),
            ("output_index".to_owned(), Json::from(index)),
            (field.to_owned(), Json::from(&call.arguments)),
        ]);
        self.event(done, whole, true);
    }
}
