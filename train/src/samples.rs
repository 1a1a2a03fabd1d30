//! From labelled prompts to rows of numbers, with rewordings.

use std::{collections::BTreeMap, path::Path};

use pointsman::{
    classify::{Classifier, Task, shape::Shape},
    limits,
};

use crate::{
    chance::Chance,
    data::{self, DataError, Row, SOURCES},
    groups, noise, prompts,
};

/// Bytes of the table of common words.
const COMMON_BYTES: usize = 4096;
/// How many words count as common.
const COMMON: usize = 3000;
/// Words that heavy noise may put in.
const POOL: usize = 8000;
/// Rewordings of each prompt: light, heavy, and two with something added that does not belong to it.
pub const COPIES: usize = 4;

/// One prompt.
#[derive(Debug)]
pub struct Sample {
    /// Index in [`SOURCES`]; as many as there are for our own prompts.
    pub source: usize,
    /// The labelled row; of our own prompts, only category and text.
    pub row: Row,
    /// The same for near-equal prompts.
    pub group: usize,
    /// What it asks for.
    pub task: Task,
    /// Of our own prompts, the step up or down from the usual gain of the task.
    pub step: i8,
    /// Gain on the first usual pair.
    pub pair: Option<f64>,
    /// Gain of the strong group over the cheap one.
    pub average: Option<f64>,
    /// What the extractor counts.
    pub shape: Shape,
    /// The same for rewordings.
    pub copies: Vec<Shape>,
}

/// All prompts, and what the extractor needs to count them.
#[derive(Debug)]
pub struct Samples {
    /// The prompts, by source.
    pub rows: Vec<Sample>,
    /// Which words are common, as bits by hash.
    pub common: Vec<u8>,
    /// Words by length, for noise.
    pub pool: Vec<Vec<String>>,
}

/// JSON string content, as the core reads it.
pub fn escaped(text: &str) -> Vec<u8> {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

/// Counts a text as one user turn.
pub fn shape(classifier: &Classifier, text: &str) -> Shape {
    let raw = escaped(text);
    classifier.shape([raw.as_slice()].into_iter(), limits::JUDGED_TEXT / 4 * 3)
}

impl Samples {
    /// Reads the data folder and counts everything. `seed` chooses the rewordings.
    ///
    /// # Errors
    /// Where the folder lacks a file, or a file holds something else.
    pub fn read(folder: &Path, seed: u64) -> Result<Self, DataError> {
        let mut rows: Vec<(usize, Task, i8, Row)> = Vec::new();
        for (source, file) in SOURCES.iter().enumerate() {
            for row in data::read(folder, file.file)? {
                rows.push((source, task_of(file.name, &row.category), 0, row));
            }
        }
        let (common, pool) = words(&rows);
        for (task, step, template, prompt) in prompts::all() {
            let row = Row {
                id: format!("{template}"),
                category: format!("own/{}", task.name()),
                prompt,
                scores: BTreeMap::new(),
            };
            rows.push((SOURCES.len(), task, step, row));
        }
        let groups = groups::of(rows.iter().map(|(_, _, _, row)| row.prompt.as_str()));
        let classifier = Classifier::untrained(common.clone());
        let rows = rows
            .into_iter()
            .zip(groups)
            .map(|((source, task, step, row), group)| {
                let mut chance = Chance::new(seed, &format!("{source}/{}", row.id));
                let texts = [
                    noise::light(&row.prompt, &mut chance),
                    noise::heavy(&row.prompt, &pool, &mut chance),
                    noise::gadget(&row.prompt, &mut chance),
                    noise::gadget(&row.prompt, &mut chance),
                ];
                let labelled = SOURCES.get(source);
                Sample {
                    source,
                    group,
                    task,
                    step,
                    pair: labelled.and_then(|labelled| labelled.pair_gain(&row, 0)),
                    average: labelled.and_then(|labelled| labelled.group_gain(&row)),
                    shape: shape(&classifier, &row.prompt),
                    copies: texts.iter().map(|text| shape(&classifier, text)).collect(),
                    row,
                }
            })
            .collect();
        Ok(Self { rows, common, pool })
    }
}

/// The commonest words: the table for the extractor, and words by length for the noise.
fn words(rows: &[(usize, Task, i8, Row)]) -> (Vec<u8>, Vec<Vec<String>>) {
    let mut sizes = [0u32; SOURCES.len()];
    for (source, _, _, _) in rows {
        sizes[*source] += 1;
    }
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for (source, _, _, row) in rows {
        let mut words: Vec<String> = row
            .prompt
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| word.len() > 2)
            .map(str::to_ascii_lowercase)
            .collect();
        words.sort_unstable();
        words.dedup();
        for word in words {
            *counts.entry(word).or_default() += 1.0 / f64::from(sizes[*source]).sqrt();
        }
    }
    let mut ordered: Vec<(String, f64)> = counts.into_iter().collect();
    ordered.sort_by(|(a, one), (b, other)| other.total_cmp(one).then(a.cmp(b)));
    let mut common = vec![0u8; COMMON_BYTES];
    for (word, _) in ordered.iter().take(COMMON) {
        let bit = pointsman::classify::hash_of(word) as usize % (COMMON_BYTES * 8);
        common[bit / 8] |= 1 << (bit % 8);
    }
    let mut pool = vec![Vec::new(); 16];
    for (word, _) in ordered.into_iter().take(POOL) {
        pool[word.len().min(15)].push(word);
    }
    (common, pool)
}

/// The task of a labelled category.
fn task_of(source: &str, category: &str) -> Task {
    let has = |parts: &[&str]| parts.iter().any(|part| category.contains(part));
    match source {
        "fe_math" => Task::Maths,
        "lcb" => Task::Code,
        "bfcl" => Task::ToolUse,
        _ if has(&["human_eval", "mbpp"]) => Task::Code,
        _ if has(&["logicgrid", "logical_fallacies", "formal_logic"]) => Task::Logic,
        _ if has(&["commongen"]) => Task::Writing,
        _ if has(&["moral_scenarios"]) => Task::Humanities,
        _ if has(&["math", "algebra", "statistics"]) => Task::Maths,
        _ if has(&["law", "jurisprudence"]) => Task::Law,
        _ if has(&[
            "computer",
            "machine_learning",
            "physics",
            "chemistry",
            "engineering",
            "astronomy",
            "gpqa",
        ]) =>
        {
            Task::Science
        }
        _ if has(&[
            "medic",
            "health",
            "clinical",
            "anatomy",
            "nutrition",
            "virology",
            "biology",
            "aging",
            "genetics",
        ]) =>
        {
            Task::Health
        }
        _ if has(&[
            "econom",
            "business",
            "account",
            "marketing",
            "management",
            "econometrics",
            "public_relations",
        ]) =>
        {
            Task::Business
        }
        _ if has(&[
            "history",
            "philosophy",
            "psychology",
            "politic",
            "sociology",
            "moral",
            "religion",
            "policy",
            "security",
            "geography",
            "sexuality",
        ]) =>
        {
            Task::Humanities
        }
        _ => Task::Knowledge,
    }
}
