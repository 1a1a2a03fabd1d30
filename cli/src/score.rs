//! `pointsman score`: lines of prompts or request bodies in, lines of scores out.

use std::{
    fs,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use pointsman::{
    Dialect,
    classify::{Classifier, Judgement, Role, Text},
    exchange,
};
use serde_json::{Value, value::RawValue};

/// A line: whatever else it holds is ignored.
#[derive(serde::Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    prompt: Option<&'l RawValue>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    #[serde(borrow)]
    messages: Option<&'l RawValue>,
    #[serde(borrow)]
    input: Option<&'l RawValue>,
}

/// Scores the lines of files (`-` and none at all are standard input) and writes `{"id","score","task","confidence"}`
/// for each, in their order. A line that cannot be read gets a null score and an `error`.
///
/// # Errors
/// Where a file cannot be read or the output not be written.
pub fn run(files: &[impl AsRef<Path>]) -> Result<(), Box<dyn std::error::Error>> {
    let classifier = Classifier::shipped();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    if files.is_empty() {
        lines(&classifier, io::stdin().lock(), &mut out)?;
    }
    for file in files {
        let path = file.as_ref();
        if path == Path::new("-") {
            lines(&classifier, io::stdin().lock(), &mut out)?;
            continue;
        }
        let opened = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        lines(&classifier, BufReader::with_capacity(1 << 16, opened), &mut out)?;
    }
    out.flush()?;
    Ok(())
}

fn lines(classifier: &Classifier, mut from: impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0u64;
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        match serde_json::from_str::<Line<'_>>(text.trim()) {
            Ok(line) => {
                let id = line.id.map_or_else(|| number.to_string(), |id| id.get().to_owned());
                match judge(classifier, &line, text.trim()) {
                    Ok(judgement) => writeln!(
                        out,
                        "{{\"id\":{id},\"score\":{}.{:06},\"task\":\"{}\",\"confidence\":{}.{:03}}}",
                        judgement.gain / 1_000_000,
                        judgement.gain % 1_000_000,
                        judgement.task,
                        judgement.confidence / 1000,
                        judgement.confidence % 1000,
                    )?,
                    Err(error) => failed(out, &id, &error)?,
                }
            }
            Err(error) => failed(out, &number.to_string(), &error.to_string())?,
        }
    }
}

/// The judgements on the lines of one file (`-` is standard input); lines that cannot be read are left out.
///
/// # Errors
/// Where the file cannot be read.
pub fn judge_file(
    classifier: &Classifier,
    path: &Path,
) -> Result<Vec<Judgement>, Box<dyn std::error::Error>> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())?
    } else {
        String::from_utf8_lossy(&fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?)
            .into_owned()
    };
    let one = |line: &str| judge(classifier, &serde_json::from_str(line).ok()?, line).ok();
    Ok(text.lines().filter_map(|line| one(line.trim())).collect())
}

fn failed(out: &mut impl Write, id: &str, error: &str) -> io::Result<()> {
    let error = Value::from(error);
    writeln!(out, "{{\"id\":{id},\"score\":null,\"task\":null,\"confidence\":null,\"error\":{error}}}")
}

/// The judgement on one line: its `prompt`, else its `body` (an object, or a string that holds one), else the line itself
/// where it looks like a request.
fn judge(classifier: &Classifier, line: &Line<'_>, whole: &str) -> Result<Judgement, String> {
    if let Some(prompt) = line.prompt {
        return prompted(classifier, prompt.get());
    }
    let body = match line.body {
        Some(body) if body.get().starts_with('"') => {
            serde_json::from_str::<String>(body.get()).map_err(|error| error.to_string())?
        }
        Some(body) => body.get().to_owned(),
        None if line.messages.is_some() || line.input.is_some() => whole.to_owned(),
        None => return Err("a line holds a `prompt` or a `body`".to_owned()),
    };
    let path = crate::explain::likely_path(body.as_bytes());
    let dialect = match path {
        "/v1/messages" => Dialect::Messages,
        "/v1/responses" => Dialect::Responses,
        _ => Dialect::Chat,
    };
    let found =
        exchange::judge_body(classifier, dialect, body.as_bytes()).map_err(|error| error.to_string())?;
    found.ok_or_else(|| "the request holds no text".to_owned())
}

/// A prompt is a string; or, as some logs have it, a list of strings or of messages.
fn prompted(classifier: &Classifier, prompt: &str) -> Result<Judgement, String> {
    let one = |raw: &str| {
        let raw = raw.get(1..raw.len() - 1).unwrap_or_default();
        classifier.classify([Text { role: Role::User, raw: raw.as_bytes() }].into_iter())
    };
    if prompt.starts_with('"') {
        return Ok(one(prompt));
    }
    let value: Value = serde_json::from_str(prompt).map_err(|error| error.to_string())?;
    let text = match &value {
        Value::Array(list) => {
            let texts = list.iter().filter_map(|item| match item {
                Value::String(text) => Some(text.as_str()),
                Value::Object(message) if message.get("role").is_none_or(|role| role == "user") => {
                    message.get("content")?.as_str()
                }
                _ => None,
            });
            texts.collect::<Vec<_>>().join("\n\n")
        }
        other => other.to_string(),
    };
    Ok(one(&Value::from(text).to_string()))
}
