//! Whether a question lands on the same rung in another language.

use pointsman::{
    Config,
    classify::{Classifier, Difficulty},
};
use serde::Serialize;

use crate::scores::judge;

/// The same questions in ten languages: a block each, a line for each language.
const QUESTIONS: &str = include_str!("../../../languages.txt");

/// The languages, in the order of each block. The first is what the others are held against.
const LANGUAGES: [&str; 10] = [
    "English",
    "German",
    "French",
    "Spanish",
    "Italian",
    "Portuguese",
    "Dutch",
    "Polish",
    "Russian",
    "Chinese",
];

/// A language, and how many of its questions land where the English ones do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Agreement {
    pub(crate) language: String,
    /// Questions.
    pub(crate) n: usize,
    /// Share on the same side of the default dial.
    pub(crate) same_rung: f64,
    /// The same of a dial of one half.
    pub(crate) same_half: f64,
}

/// The part that must agree.
pub(crate) const BAR: f64 = 0.85;

/// The table, and the share of the English questions above the default dial: at 0 or 1, agreement would say nothing.
///
/// # Errors
/// Where a block of the file has not a line for each language.
pub(crate) fn agreement(classifier: &Classifier) -> Result<(Vec<Agreement>, f64), String> {
    let blocks: Vec<Vec<Difficulty>> = QUESTIONS
        .split("\n\n")
        .filter(|block| !block.starts_with('#'))
        .map(|block| {
            let lines = block.trim().lines().map(|line| line.replace("\\n", "\n"));
            lines.map(|text| judge(classifier, &text).difficulty).collect()
        })
        .collect();
    if let Some(block) = blocks.iter().position(|block| block.len() != LANGUAGES.len()) {
        return Err(format!("languages.txt: block {} has not {} lines", block + 1, LANGUAGES.len()));
    }
    let (default, half) = (dial("0.2")?, dial("0.5")?);
    let same = |language: usize, dial: Difficulty| {
        let same = blocks.iter().filter(|block| (block[language] >= dial) == (block[0] >= dial));
        same.count() as f64 / blocks.len() as f64
    };
    let rows = LANGUAGES.iter().enumerate().skip(1).map(|(at, language)| Agreement {
        language: (*language).to_owned(),
        n: blocks.len(),
        same_rung: same(at, default),
        same_half: same(at, half),
    });
    let above = blocks.iter().filter(|block| block[0] >= default).count() as f64 / blocks.len() as f64;
    Ok((rows.collect(), above))
}

/// The threshold of a ladder that sends this share up.
fn dial(share: &str) -> Result<Difficulty, String> {
    let tier = |name: &str| format!(r#"{{ "name": "{name}", "targets": ["openai/gpt-5"] }}"#);
    let document = format!(
        r#"{{ "version": 1, "ladders": {{ "l": {{ "frontier_share": {share}, "tiers": [{}, {}] }} }}, "aliases": {{ "a": "l" }} }}"#,
        tier("cheap"),
        tier("frontier")
    );
    let config = Config::from_json(document.as_bytes()).map_err(|error| error.to_string())?;
    let thresholds = config.ladders().first().map(|ladder| ladder.dial().thresholds().to_vec());
    thresholds.and_then(|thresholds| thresholds.first().copied()).ok_or_else(|| "no dial".to_owned())
}
