//! Recorded and written runs of agents: every message, and the request of every call.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use live::Failure;
use serde::Deserialize;
use serde_json::Value;

/// Characters that are taken for a token where no usage was recorded: what the runs with usage have in the mean.
const CHARACTERS_PER_TOKEN: u64 = 4;

/// Seconds between calls where no times were recorded: after a tool, and after a person.
const GAP: (f64, f64) = (8.0, 45.0);

/// One run as it stands in a file, one a line.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    source: String,
    task: String,
    #[serde(default)]
    model: String,
    dialect: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    tools: Option<Value>,
    #[serde(default)]
    system: Option<Value>,
    #[serde(default)]
    max_tokens: Option<u64>,
    messages: Vec<Value>,
    #[serde(default)]
    canned: u32,
    #[serde(default)]
    outcome: Option<Value>,
    #[serde(default)]
    usage: Vec<UsageLine>,
    #[serde(default, rename = "loop")]
    stuck: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct UsageLine {
    #[serde(rename = "in", default)]
    input: u64,
    #[serde(default)]
    out: u64,
    #[serde(default)]
    t: Option<f64>,
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) task: String,
    /// Who wrote it.
    pub(super) model: String,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(String, String)>,
    /// Whether the task was solved; `None` where nobody checked.
    pub(super) solved: Option<bool>,
    /// Messages as JSON text, and their roles.
    pub(super) messages: Vec<(String, Role)>,
    before: String,
    after: String,
    pub(super) calls: Vec<Call>,
    /// Written runs: the first call of a loop.
    pub(super) stuck: Option<u32>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Assistant,
    Tool,
    User,
    System,
}

/// One call of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Messages that are sent.
    pub(super) sent: usize,
    /// Tokens of the prompt and the answer.
    pub(super) input: u64,
    pub(super) output: u64,
    /// Seconds since the first call.
    pub(super) at: f64,
}

impl Run {
    fn from_line(line: Line) -> Result<Self, Failure> {
        let bad = |what: &str| Failure::new(format!("{}: {what}", line.id));
        let (path, chat) = match line.dialect.as_str() {
            "openai_chat" => ("/v1/chat/completions", true),
            "anthropic_messages" => ("/v1/messages", false),
            other => return Err(bad(&format!("unknown dialect {other}"))),
        };
        let mut messages = Vec::new();
        for message in &line.messages {
            messages.push((message.to_string(), role(message)));
        }
        let mut before = String::from("{\"model\":\"auto\",");
        match line.max_tokens {
            Some(tokens) => before.push_str(&format!("\"max_tokens\":{tokens},")),
            None if chat => {}
            None => before.push_str("\"max_tokens\":32000,"),
        }
        if let Some(tools) = line.tools.as_ref().filter(|tools| !tools.is_null()) {
            before.push_str(&format!("\"tools\":{},", tools));
        }
        if let Some(system) = &line.system {
            before.push_str(&format!("\"system\":{},", system));
        }
        before.push_str("\"messages\":[");
        let mut run = Self {
            source: line.source,
            task: line.task,
            model: line.model,
            path,
            headers: line.headers,
            solved: line.outcome.and_then(|outcome| outcome.get("solved").and_then(Value::as_bool)),
            messages,
            before,
            after: "]}".to_owned(),
            calls: Vec::new(),
            stuck: line.stuck,
            id: line.id,
        };
        run.find_calls(line.canned, &line.usage);
        if run.calls.is_empty() { Err(Failure::new(format!("{}: no call", run.id))) } else { Ok(run) }
    }

    fn find_calls(&mut self, canned: u32, usage: &[UsageLine]) {
        let mut at = 0.0;
        let mut skip = canned;
        for sent in 0..self.messages.len() {
            if self.messages[sent].1 != Role::Assistant || sent == 0 && skip == 0 {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let known = usage.get(self.calls.len());
            let bytes: usize = self.messages[..sent].iter().map(|(text, _)| text.len()).sum();
            let estimate = |bytes: usize| bytes as u64 / CHARACTERS_PER_TOKEN;
            let gap = if self.messages[sent - 1].1 == Role::User { GAP.1 } else { GAP.0 };
            at =
                known.and_then(|usage| usage.t).unwrap_or(if self.calls.is_empty() { 0.0 } else { at + gap });
            self.calls.push(Call {
                sent,
                input: known
                    .map(|usage| usage.input)
                    .filter(|tokens| *tokens > 0)
                    .unwrap_or_else(|| estimate(bytes + self.before.len())),
                output: known.map_or_else(|| estimate(self.messages[sent].0.len()), |usage| usage.out),
                at,
            });
        }
    }

    /// The request of a call.
    pub(super) fn body(&self, call: &Call) -> Vec<u8> {
        let texts = &self.messages[..call.sent];
        let bytes: usize = texts.iter().map(|(text, _)| text.len() + 1).sum();
        let mut body = Vec::with_capacity(bytes + self.before.len() + self.after.len());
        body.extend(self.before.as_bytes());
        for (n, (text, _)) in texts.iter().enumerate() {
            if n > 0 {
                body.push(b',');
            }
            body.extend(text.as_bytes());
        }
        body.extend(self.after.as_bytes());
        body
    }

    /// A request with the newest message alone, as a person's: what a router sees that judges every call by itself.
    pub(super) fn newest_alone(&self, call: &Call) -> Vec<u8> {
        let newest = call.sent.checked_sub(1).and_then(|at| self.messages.get(at));
        let value = newest.and_then(|(text, _)| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
        let text = said(&value["content"]);
        let message = serde_json::json!({ "role": "user", "content": text });
        format!("{{\"model\":\"auto\",\"max_tokens\":32000,\"messages\":[{message}]}}").into_bytes()
    }
}

/// All text of a content, blocks and results included.
pub(super) fn said(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .map(|block| match block {
                Value::String(text) => text.clone(),
                block => match block["text"].as_str() {
                    Some(text) => text.to_owned(),
                    None => said(&block["content"]),
                },
            })
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn role(message: &Value) -> Role {
    match message["role"].as_str() {
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        Some("system" | "developer") => Role::System,
        _ => {
            let results = message["content"]
                .as_array()
                .is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
            let observed = message["content"].as_str().is_some_and(|text| text.starts_with("<returncode>"));
            if results || observed { Role::Tool } else { Role::User }
        }
    }
}

/// Files of runs in a folder, sorted.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Lines of a file, compressed or not.
pub(super) fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let file = File::open(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let reader: Box<dyn Read> = if path.extension().is_some_and(|end| end == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let lines = BufReader::new(reader).lines().collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().filter(|line| !line.trim().is_empty()).collect())
}

/// Reads a run from a line.
pub(super) fn parse(line: &str, place: &str) -> Result<Run, Failure> {
    let line: Line = serde_json::from_str(line).map_err(|error| Failure::new(format!("{place}: {error}")))?;
    Run::from_line(line)
}
