//! Whether a question lands on the same rung in another language.

use pointsman::{
    Config,
    classify::{Classifier, Difficulty},
};
use serde::Serialize;
use train::languages::{LANGUAGES, questions};

use crate::scores::judge;

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
/// Where the core refuses the dial.
pub(crate) fn agreement(classifier: &Classifier) -> Result<(Vec<Agreement>, f64), String> {
    let blocks: Vec<Vec<Difficulty>> = questions()
        .iter()
        .map(|question| question.iter().map(|text| judge(classifier, text).difficulty).collect())
        .collect();
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
