//! Measures the token estimate against real tokenizers.
//!
//! ```text
//! cargo run -- [FILE.jsonl[.gz] ...]         a table of relative errors: bundled samples, then every file
//! cargo run -- --fit [FILE.jsonl[.gz] ...]   prints constants for src/wire/tokens/cost.rs, then the table
//! ```
//!
//! The error is `estimate / truth - 1`. Of the samples, the second halves are measured (the first ones fit the
//! constants); of a file, every second text, and all requests.

mod corpus;
mod fit;

use std::{collections::BTreeMap, path::Path};

use corpus::Item;
use pointsman::wire::tokens::Estimator;
use serde_json::Value;
use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

/// Texts and requests taken of one file, at even distances.
const MOST: usize = 400;

fn main() {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let fitting = files.first().is_some_and(|first| first == "--fit");
    if fitting {
        files.remove(0);
    }
    let (mut train, mut test) = corpus::samples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"));
    let mut requests = Vec::new();
    for file in &files {
        let (texts, whole) = corpus::rows(Path::new(file), MOST);
        for (n, text) in texts.into_iter().enumerate() {
            if n % 2 == 0 { train.push(text) } else { test.push(text) }
        }
        requests.extend(whole);
    }
    if fitting {
        for (name, tokenizer) in tokenizers() {
            constants(name, tokenizer, &train);
        }
    }
    test.extend(requests);
    table(&test);
}

fn tokenizers() -> [(&'static str, &'static CoreBPE); 2] {
    [("O200K", o200k_base_singleton()), ("CL100K", cl100k_base_singleton())]
}

fn constants(name: &str, tokenizer: &CoreBPE, items: &[Item]) {
    let mut sizes = BTreeMap::new();
    for item in items {
        *sizes.entry(item.class.as_str()).or_insert(0u32) += 1;
    }
    let mut rows = Vec::new();
    for item in items {
        // Long texts in parts, so that each is counted as a whole.
        for part in parts(&item.texts[0]) {
            let raw = escape(part);
            let mut estimator = Estimator::new(raw.len() as u64);
            estimator.text(raw.as_bytes());
            let tokens = tokenizer.count_ordinary(part) as f64;
            // A class of many texts matters more than a sample, but not in proportion. Short texts are noise.
            let size = f64::from(sizes[item.class.as_str()]);
            let bundled = if item.class.starts_with("sample") { 2.0 } else { 0.6 };
            let weight = bundled / size.sqrt() * (tokens / (tokens + 20.0));
            rows.push(fit::Row { counts: *estimator.counts(), tokens, weight });
        }
    }
    let fitted = fit::fit(&rows);
    println!("pub(super) const {name}: [u16; FEATURES] = [");
    for line in fitted.chunks(14) {
        let line: Vec<String> = line.iter().map(|tokens| format!("{}", (tokens * 256.0).round())).collect();
        println!("    {},", line.join(", "));
    }
    println!("];");
}

fn parts(text: &str) -> Vec<&str> {
    let (mut out, mut rest) = (Vec::new(), text);
    while rest.len() > 8000 {
        let mut cut = 8000;
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let cut = rest[..cut].rfind('\n').filter(|at| *at > 0).unwrap_or(cut);
        let (head, tail) = rest.split_at(cut);
        out.push(head);
        rest = tail;
    }
    out.push(rest);
    out
}

/// As it stands in a request, without the quotes.
fn escape(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn estimator(item: &Item) -> Estimator {
    let raw: Vec<String> = item.texts.iter().map(|text| escape(text)).collect();
    let schema = item.schema.as_ref().map(Value::to_string).unwrap_or_default();
    let total = raw.iter().map(String::len).sum::<usize>() + schema.len();
    let mut estimator = Estimator::new(total as u64);
    (0..item.messages).for_each(|_| estimator.message());
    if item.schema.is_some() {
        estimator.schema(schema.as_bytes());
    }
    raw.iter().for_each(|raw| estimator.text(raw.as_bytes()));
    estimator
}

/// What a provider would count: the texts, three tokens and a role for each message, three for the answer to begin, and
/// tool definitions in the TypeScript-like form that OpenAI's models read.
fn truth(item: &Item, tokenizer: &CoreBPE) -> u64 {
    let texts: usize = item.texts.iter().map(|text| tokenizer.count_ordinary(text)).sum();
    let overhead = if item.messages > 0 { 4 * item.messages + 3 } else { 0 };
    let tools = item.schema.as_ref().map_or(0, |tools| tokenizer.count_ordinary(&namespace(tools)));
    (texts + overhead + tools) as u64
}

fn namespace(tools: &Value) -> String {
    let mut out = String::from("# Tools\n\n## functions\n\nnamespace functions {\n\n");
    for tool in tools.as_array().into_iter().flatten() {
        let function = if tool["function"].is_object() { &tool["function"] } else { tool };
        for line in function["description"].as_str().unwrap_or_default().lines() {
            out += &format!("// {line}\n");
        }
        out += &format!("type {} = (_: ", function["name"].as_str().unwrap_or_default());
        let parameters = if function["parameters"].is_object() { "parameters" } else { "input_schema" };
        kind(&function[parameters], &mut out);
        out += ") => any;\n\n";
    }
    out + "} // namespace functions"
}

fn kind(schema: &Value, out: &mut String) {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        *out += &values.join(" | ");
        return;
    }
    match schema["type"].as_str().unwrap_or("any") {
        "object" | "dict" => {
            *out += "{\n";
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                for line in property["description"].as_str().unwrap_or_default().lines() {
                    *out += &format!("// {line}\n");
                }
                *out += &format!("{name}{}: ", if required.contains(&name.as_str()) { "" } else { "?" });
                kind(property, out);
                *out += ",\n";
            }
            *out += "}";
        }
        "array" => {
            kind(&schema["items"], out);
            *out += "[]";
        }
        "integer" | "float" => *out += "number",
        other => *out += other,
    }
}

fn table(items: &[Item]) {
    let mut classes: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        classes.entry(item.class.clone()).or_default().push(item);
    }
    println!("{:40} {:>5}  {:^32}  {:^32}  {:^15}", "", "", "o200k_base", "cl100k_base", "cautious/cl100k");
    println!("{:40} {:>5}  {HEAD}  {HEAD}  {:>7} {:>7}", "class", "texts", "bias", "lowest");
    let mut all: BTreeMap<&str, [Vec<f64>; 3]> = BTreeMap::new();
    for (class, items) in &classes {
        let mut errors: [Vec<f64>; 3] = Default::default();
        for item in items {
            let estimate = estimator(item);
            let old = truth(item, cl100k_base_singleton()) as f64;
            let new = item.reported.unwrap_or_else(|| truth(item, o200k_base_singleton())) as f64;
            if new < 10.0 {
                continue;
            }
            let bare = if item.messages == 0 { Estimator::new(0).tokens() } else { 0 };
            let tokens = (estimate.tokens() - bare) as f64;
            errors[0].push(tokens / new - 1.0);
            errors[1].push(tokens / old - 1.0);
            errors[2].push((estimate.cautious() - bare) as f64 / old - 1.0);
        }
        if errors[0].is_empty() {
            continue;
        }
        let group = if class.starts_with("sample") {
            "= all samples"
        } else if class.starts_with("request") {
            "= all requests"
        } else if class.starts_with("reported") {
            "= all as reported"
        } else {
            "= all texts of files"
        };
        let sum = all.entry(group).or_default();
        sum.iter_mut().zip(&errors).for_each(|(sum, errors)| sum.extend(errors));
        line(class, errors);
    }
    for (group, errors) in all {
        line(group, errors);
    }
}

const HEAD: &str = "   bias   p50   p90   p99  worst";

fn line(class: &str, mut errors: [Vec<f64>; 3]) {
    print!("{class:40} {:>5}", errors[0].len());
    for errors in &errors[..2] {
        let bias = errors.iter().sum::<f64>() / errors.len() as f64;
        let mut sizes = errors.clone();
        sizes.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let at = |q: usize| sizes[(sizes.len() * q / 100).min(sizes.len() - 1)];
        print!(
            "  {:>+6.1} {:>5.1} {:>5.1} {:>5.1} {:>+6.1}",
            bias * 100.0,
            at(50).abs() * 100.0,
            at(90).abs() * 100.0,
            at(99).abs() * 100.0,
            at(100) * 100.0
        );
    }
    errors[2].sort_by(f64::total_cmp);
    let bias = errors[2].iter().sum::<f64>() / errors[2].len() as f64;
    println!("  {:>+7.1} {:>+7.1}", bias * 100.0, errors[2][0] * 100.0);
}
