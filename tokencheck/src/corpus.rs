//! Texts to measure on: the bundled samples, and files of recorded prompts or requests.

use std::{fs, io::Read, path::Path};

use serde_json::Value;

/// One text, or one whole request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    /// Row of the table it is counted in.
    pub(crate) class: String,
    /// Every string the model reads.
    pub(crate) texts: Vec<String>,
    /// Tool definitions: raw JSON.
    pub(crate) schema: Option<Value>,
    /// Messages, the system prompt included. Zero for a text that is no request.
    pub(crate) messages: usize,
    /// Prompt tokens as the provider counted them, for the request's own model.
    pub(crate) reported: Option<u64>,
}

impl Item {
    fn text(class: &str, text: &str) -> Self {
        Self { class: class.to_owned(), texts: vec![text.to_owned()], ..Self::default() }
    }
}

/// The bundled samples, each cut in two at the empty line nearest its middle: to fit with, to test with.
pub(crate) fn samples(folder: &Path) -> (Vec<Item>, Vec<Item>) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("samples").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut fit, mut test) = (Vec::new(), Vec::new());
    for path in paths {
        let class = format!("sample {}", path.file_stem().unwrap().to_string_lossy());
        let text = fs::read_to_string(&path).unwrap();
        let middle = text.len() / 2;
        let cut = text
            .match_indices("\n\n")
            .map(|(at, _)| at)
            .min_by_key(|at| at.abs_diff(middle))
            .expect("two parts");
        fit.push(Item::text(&class, &text[..cut]));
        test.push(Item::text(&class, &text[cut + 2..]));
    }
    (fit, test)
}

/// Rows of a JSONL file, gzipped or not: `prompt` (a text), `body` (a request), or `messages` (a recorded run, whose
/// messages are taken as texts and whose first call is taken as a request).
pub(crate) fn rows(path: &Path, most: usize) -> (Vec<Item>, Vec<Item>) {
    let stem = path.file_name().unwrap().to_string_lossy().split('.').next().unwrap_or_default().to_owned();
    let mut bytes = fs::read(path).unwrap();
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    let (mut texts, mut requests) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Value = serde_json::from_slice(line).unwrap();
        if let Some(prompt) = row["prompt"].as_str() {
            texts.push(Item::text(&stem, prompt));
        }
        let body = if row["body"].is_object() { &row["body"] } else { &row };
        let Some(messages) = body["messages"].as_array() else { continue };
        let whole = request(&format!("request {stem}"), body, messages);
        texts.extend(whole.texts.iter().map(|text| Item::text(&stem, text)));
        let first =
            messages.iter().position(|message| message["role"] == "assistant").unwrap_or(messages.len());
        // A canned greeting was part of the first prompt.
        let again = messages.iter().skip(first + 1).position(|message| message["role"] == "assistant");
        let first = if row["canned"] == 1 { again.map_or(messages.len(), |n| first + 1 + n) } else { first };
        let openai = row["model"].as_str().is_some_and(|model| model.contains("gpt"));
        if let Some(reported) = row["usage"][0]["in"].as_u64().filter(|_| openai) {
            let mut item = request(&format!("reported {stem}"), body, &messages[..first]);
            item.reported = Some(reported);
            requests.push(item);
        }
        requests.push(whole);
    }
    texts.retain(|item| !item.texts[0].is_empty());
    (thin(texts, most), thin(requests, most))
}

fn thin(items: Vec<Item>, most: usize) -> Vec<Item> {
    let step = items.len().div_ceil(most).max(1);
    items.into_iter().step_by(step).collect()
}

fn request(class: &str, body: &Value, messages: &[Value]) -> Item {
    let mut texts = Vec::new();
    strings(&body["system"], &mut texts);
    for message in messages {
        strings(&message["content"], &mut texts);
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            strings(&call["function"]["name"], &mut texts);
            strings(&call["function"]["arguments"], &mut texts);
        }
    }
    let count = messages.len() + usize::from(!body["system"].is_null());
    let schema = Some(&body["tools"]).filter(|tools| !tools.is_null()).cloned();
    Item { class: class.to_owned(), texts, schema, messages: count, reported: None }
}

/// Every string that is prompt: in content blocks, tool results and tool inputs.
fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(block) if block.get("type").is_some_and(|kind| kind == "tool_use") => {
            strings(&block["name"], out);
            out.push(block["input"].to_string());
        }
        Value::Object(block) => {
            for name in ["text", "content"] {
                strings(block.get(name).unwrap_or(&Value::Null), out);
            }
        }
        _ => {}
    }
}
