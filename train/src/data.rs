//! Labelled prompts.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde::Deserialize;

/// A prompt and what models made of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Unique within its source.
    pub id: String,
    /// `area/sub-area`.
    pub category: String,
    /// What was asked.
    pub prompt: String,
    /// Model to score, 0 to 1.
    pub scores: BTreeMap<String, f64>,
}

/// A file of labelled prompts, and which of its models count as strong and as cheap.
#[derive(Debug)]
pub struct Source {
    /// Short name.
    pub name: &'static str,
    /// File in the data folder.
    pub file: &'static str,
    /// The usual pair: strong, cheap. Two where both are usual.
    pub pairs: &'static [(&'static str, &'static str)],
    /// Models whose mean stands for a strong one.
    pub strong: &'static [&'static str],
    /// Models whose mean stands for a cheap one.
    pub cheap: &'static [&'static str],
}

/// The files that are trained on.
pub const SOURCES: [Source; 7] = [
    Source {
        name: "mmlu",
        file: "routellm_mmlu.jsonl.gz",
        pairs: &[("gpt-4-1106-preview", "mixtral-8x7b-instruct-v0.1")],
        strong: &["gpt-4-1106-preview"],
        cheap: &["mixtral-8x7b-instruct-v0.1"],
    },
    Source {
        name: "mmlu_pro",
        file: "mmlu_pro.jsonl.gz",
        pairs: &[
            ("gemini-1.5-pro-002", "Meta-Llama-3.1-8B-Instruct"),
            ("Meta-Llama-3.1-70B-Instruct", "Meta-Llama-3.1-8B-Instruct"),
        ],
        strong: &[
            "gemini-1.5-pro-002",
            "gemini-1.5-flash-002",
            "DeepSeek-Coder-V2",
            "Meta-Llama-3.1-70B-Instruct",
        ],
        cheap: &[
            "Meta-Llama-3.1-8B-Instruct",
            "mathstral-7B",
            "Phi-3-mini-4k-instruct",
            "Mixtral-8x7B-Instruct-v0.1",
            "Mistral-7B-Instruct-v0.2",
            "gemma-7b",
            "Qwen1.5-7B-Chat",
        ],
    },
    Source {
        name: "ulab",
        file: "llmrouter_ulab.jsonl.gz",
        pairs: &[("llama-3.1-nemotron-51b-instruct", "mistral-7b-instruct-v0.3")],
        strong: &["llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1"],
        cheap: &["mistral-7b-instruct-v0.3", "qwen2.5-7b-instruct", "llama-3.1-8b-instruct", "gemma-2-9b-it"],
    },
    Source {
        name: "fe_math",
        file: "fasteval_math.jsonl.gz",
        pairs: &[("gpt-4-0613", "Llama-2-70b-chat-hf")],
        strong: &["gpt-4-0613"],
        cheap: &[
            "gpt-3.5-turbo-0613",
            "gpt-3.5-turbo-0301",
            "Llama-2-70b-chat-hf",
            "WizardLM-70B-V1.0",
            "StableBeluga2",
            "Mistral-7B-Instruct-v0.1",
        ],
    },
    Source {
        name: "fe_mmlu",
        file: "fasteval_mmlu.jsonl.gz",
        pairs: &[("gpt-4-0613", "Llama-2-70b-chat-hf")],
        strong: &["gpt-4-0613"],
        cheap: &["gpt-3.5-turbo-0613", "Llama-2-70b-chat-hf", "Mistral-7B-Instruct-v0.1"],
    },
    Source {
        name: "lcb",
        file: "livecodebench.jsonl.gz",
        pairs: &[
            ("Claude-3.5-Sonnet-20241022", "Claude-3-Haiku"),
            ("GPT-4O-2024-08-06", "GPT-4O-mini-2024-07-18"),
        ],
        strong: &[
            "Claude-3.5-Sonnet-20241022",
            "Claude-3.5-Sonnet-20240620",
            "GPT-4O-2024-08-06",
            "Gemini-Pro-1.5-002",
        ],
        cheap: &["Claude-3-Haiku", "LLama3.1-8b-Ins", "GPT-4O-mini-2024-07-18", "Gemini-Flash-1.5-002"],
    },
    Source {
        name: "bfcl",
        file: "bfcl_v1.jsonl.gz",
        pairs: &[("claude-3-5-sonnet-20240620", "claude-3-haiku-20240307")],
        strong: &[
            "claude-3-5-sonnet-20240620",
            "gpt-4-0613",
            "gpt-4-1106-preview",
            "gpt-4-turbo-2024-04-09",
            "claude-3-opus-20240229",
            "gpt-4o-2024-08-06-FC",
        ],
        cheap: &[
            "claude-3-haiku-20240307",
            "gpt-3.5-turbo-0125",
            "open-mixtral-8x7b",
            "open-mistral-nemo-2407",
            "meta-llama_Meta-Llama-3-8B-Instruct",
            "gemini-1.0-pro",
            "mistral-small-2402",
        ],
    },
];

/// The data folder holds no usable copy of a file.
#[derive(Debug)]
pub struct DataError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub cause: String,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}. The labelled prompts are not part of the repository: name their folder with --data",
            self.path.display(),
            self.cause
        )
    }
}

impl std::error::Error for DataError {}

/// Reads a file of JSON lines, gzip.
///
/// # Errors
/// Where the file is absent, or a line is no row.
pub fn read(folder: &Path, file: &str) -> Result<Vec<Row>, DataError> {
    let path = folder.join(file);
    let error = |cause: String| DataError { path: path.clone(), cause };
    let opened = fs::File::open(&path).map_err(|cause| error(cause.to_string()))?;
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(GzDecoder::new(opened)).lines().enumerate() {
        let line = line.map_err(|cause| error(cause.to_string()))?;
        let row =
            serde_json::from_str(&line).map_err(|cause| error(format!("line {}: {cause}", number + 1)))?;
        rows.push(row);
    }
    Ok(rows)
}

impl Source {
    /// What a strong model gained over a cheap one, -1 to 1; `None` where a score is missing.
    pub fn pair_gain(&self, row: &Row, pair: usize) -> Option<f64> {
        let (strong, cheap) = self.pairs.get(pair)?;
        Some(row.scores.get(*strong)? - row.scores.get(*cheap)?)
    }

    /// The same for the means of the groups.
    pub fn group_gain(&self, row: &Row) -> Option<f64> {
        let mean = |names: &[&str]| {
            let found: Vec<f64> = names.iter().filter_map(|name| row.scores.get(*name)).copied().collect();
            (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
        };
        Some(mean(self.strong)? - mean(self.cheap)?)
    }
}
