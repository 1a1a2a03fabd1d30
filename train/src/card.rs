//! The card of the weights: what they were made of, how, and what they are worth.

use std::{fs, path::Path};

use pointsman::classify::{
    feature_space,
    shape::{FEATURES, NAMES},
};
use serde_json::{Value, json};

use crate::{
    data::{DataError, SOURCES},
    fit::{Settings, used},
    gain,
    samples::Samples,
};

/// SHA-256 of bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the card. `scores` are out of fold.
///
/// # Errors
/// Where the data folder lacks a file.
pub fn write(
    folder: &Path,
    samples: &Samples,
    settings: &Settings,
    weights: &[u8],
    scores: &[u32],
) -> Result<Value, DataError> {
    let mut data = Vec::new();
    for source in &SOURCES {
        let path = folder.join(source.file);
        let bytes = fs::read(&path).map_err(|cause| DataError { path, cause: cause.to_string() })?;
        data.push(json!({ "file": source.file, "sha256": digest(&bytes) }));
    }
    let mut sources = Vec::new();
    for (number, source) in SOURCES.iter().enumerate() {
        let worth = |gain_of: &dyn Fn(usize) -> Option<f64>| {
            let rows = (0..samples.rows.len()).filter(|row| samples.rows[*row].source == number);
            let (scores, gains): (Vec<f64>, Vec<f64>) =
                rows.filter_map(|row| Some((f64::from(scores[row]), gain_of(row)?))).unzip();
            (scores.len(), (gain::apgr(&scores, &gains) * 1000.0).round() / 1000.0)
        };
        let (rows, pair) = worth(&|row| samples.rows[row].pair);
        let (_, groups) = worth(&|row| samples.rows[row].average);
        sources
            .push(json!({ "source": source.name, "rows": rows, "apgr_pair": pair, "apgr_groups": groups }));
    }
    let chosen: Vec<&str> =
        NAMES.iter().zip(used()).filter(|(_, used)| *used).map(|(name, _)| *name).collect();
    Ok(json!({
        "weights": { "sha256": digest(weights), "bytes": weights.len(), "format": "PMW1" },
        "feature_space": { "digest": feature_space(), "features": FEATURES, "of_the_gain": chosen },
        "data": data,
        "own_prompts": { "file": "train/prompts.txt", "sha256": digest(include_bytes!("../prompts.txt")) },
        "settings": {
            "seed": settings.seed,
            "line": {
                "alpha": settings.line.alpha,
                "apart": settings.line.apart,
                "level": settings.line.level,
                "consistency": settings.line.consistency,
                "share_of_pair": settings.pair_of_line,
            },
            "trees": {
                "share_of_pair": settings.pair_of_trees,
                "count": settings.growth.trees,
                "leaves": settings.growth.leaves,
                "rate": settings.growth.rate,
                "rows_of_a_leaf": settings.growth.least_rows,
                "penalty": settings.growth.penalty,
                "features_permille": settings.growth.features,
            },
            "share_of_trees": settings.share_of_trees,
            "weight_of_own_prompts": settings.own,
        },
        "mix": "difficulty and shares are calibrated on every labelled source by the root of its size, three quarters, \
                and on our own prompts, one quarter, the hard ones among them a fourth as often",
        "cross_validation": {
            "what": "five folds of groups of near-equal prompts; APGR, random is 0.5",
            "sources": sources,
        },
        "good_at": ["telling tasks with much to gain (programs, mathematics, long cases) from tasks with little \
                     (lookups, small talk, routine work on text)"],
        "bad_at": ["questions that look alike: within one exam the order is little better than length",
                   "kinds of text that are not in the data: see `cargo xtask eval`, leave-one-source-out",
                   "facts: whether a name is well known is not seen",
                   "a sentence put before or behind a question: one in fifteen changes its side of the median",
                   "Polish and Russian: one translation in six lands on another rung than the English question; at a dial of one half, \
                    two in five of the Chinese ones do"],
    }))
}
