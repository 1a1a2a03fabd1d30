//! What models gained on the questions of a source, and how much such a label is worth.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use train::{
    data::{SOURCES, Source},
    gain,
    samples::Samples,
};

/// The gains of one pair of models, or of the groups, on a source.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Index of the source.
    pub(crate) source: usize,
    /// Which of its pairs; `None` for the groups' means.
    pub(crate) pair: Option<usize>,
    /// `strong / cheap`.
    pub(crate) name: String,
    /// Indexes of the samples that have it.
    pub(crate) rows: Vec<usize>,
    /// Strong less cheap.
    pub(crate) gains: Vec<f64>,
    /// Mean score of the cheap side: quality with all calls there.
    pub(crate) all_cheap: f64,
    /// The same for the strong side.
    pub(crate) all_frontier: f64,
    pub(crate) worth: Worth,
}

/// What there is to find in labels.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Worth {
    /// Standard deviation of a random order's APGR.
    pub(crate) random_spread: f64,
    /// Share of questions where both do equally well.
    pub(crate) no_gain: f64,
    /// Share of questions where the strong side does worse.
    pub(crate) loss: f64,
    /// What other models gain on the same questions.
    pub(crate) others: Option<Others>,
}

/// Other models' gain, used as if it were a score.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Others {
    /// How many models.
    pub(crate) models: usize,
    /// Its APGR on these labels.
    pub(crate) apgr: f64,
    /// Its correlation with these labels.
    pub(crate) correlation: f64,
}

/// All labels there are: each usual pair of each source, and its groups.
pub(crate) fn all(samples: &Samples) -> Vec<Labels> {
    let mut found = Vec::new();
    for (number, source) in SOURCES.iter().enumerate() {
        for pair in (0..source.pairs.len()).map(Some).chain([None]) {
            found.push(Labels::of(samples, number, source, pair));
        }
    }
    found
}

impl Labels {
    fn of(samples: &Samples, number: usize, source: &Source, pair: Option<usize>) -> Self {
        let gain_of = |row: usize| match pair {
            Some(pair) => source.pair_gain(&samples.rows[row].row, pair),
            None => source.group_gain(&samples.rows[row].row),
        };
        let (rows, gains): (Vec<usize>, Vec<f64>) = (0..samples.rows.len())
            .filter(|row| samples.rows[*row].source == number)
            .filter_map(|row| Some((row, gain_of(row)?)))
            .unzip();
        let (name, strong, cheap) = match pair.and_then(|pair| source.pairs.get(pair)) {
            Some((strong, cheap)) => (format!("{strong} / {cheap}"), vec![*strong], vec![*cheap]),
            None => (
                format!("mean of {} strong / {} cheap", source.strong.len(), source.cheap.len()),
                source.strong.to_vec(),
                source.cheap.to_vec(),
            ),
        };
        let quality = |models: &[&str]| {
            let means = rows.iter().filter_map(|row| mean(&samples.rows[*row].row.scores, models));
            means.sum::<f64>() / rows.len().max(1) as f64
        };
        let share = |wanted: &dyn Fn(f64) -> bool| {
            gains.iter().filter(|gain| wanted(**gain)).count() as f64 / gains.len().max(1) as f64
        };
        let worth = Worth {
            random_spread: gain::random_spread(&gains),
            no_gain: share(&|gain| gain == 0.0),
            loss: share(&|gain| gain < 0.0),
            others: others(samples, &rows, &gains, source, &strong, &cheap),
        };
        let (all_cheap, all_frontier) = (quality(&cheap), quality(&strong));
        Self { source: number, pair, name, rows, gains, all_cheap, all_frontier, worth }
    }

    /// The source's name.
    pub(crate) fn source_name(&self) -> &'static str {
        SOURCES.get(self.source).map_or("", |source| source.name)
    }

    /// Whether it counts in the mean over sources: one pair of each, and fe_mmlu is too small.
    pub(crate) fn counts(&self) -> bool {
        self.source_name() != "fe_mmlu" && self.pair.is_none_or(|pair| pair == 0)
    }
}

/// Mean score of the models that have one.
fn mean(scores: &BTreeMap<String, f64>, models: &[&str]) -> Option<f64> {
    let found: Vec<f64> = models.iter().filter_map(|model| scores.get(*model)).copied().collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

/// How far the gain of models that are not part of the labels reaches as a score. Those of the source's groups where both have
/// some left, else the better and the worse third of all that are left.
fn others(
    samples: &Samples,
    rows: &[usize],
    gains: &[f64],
    source: &Source,
    strong: &[&str],
    cheap: &[&str],
) -> Option<Others> {
    let taken: BTreeSet<&str> = strong.iter().chain(cheap).copied().collect();
    let left = |models: &[&'static str]| {
        models.iter().filter(|model| !taken.contains(*model)).copied().collect::<Vec<_>>()
    };
    let (mut better, mut worse): (Vec<&str>, Vec<&str>) = (left(source.strong), left(source.cheap));
    if better.is_empty() || worse.is_empty() {
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (model, score) in rows.iter().flat_map(|row| &samples.rows[*row].row.scores) {
            let sum = sums.entry(model).or_default();
            *sum = (sum.0 + score, sum.1 + 1.0);
        }
        let mut known: Vec<(&str, f64)> = sums
            .into_iter()
            .filter(|(model, (_, count))| !taken.contains(model) && *count * 2.0 > rows.len() as f64)
            .map(|(model, (sum, count))| (model, sum / count))
            .collect();
        known.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        let third = known.len() / 3;
        if third == 0 {
            return None;
        }
        better = known.iter().take(third).map(|(model, _)| *model).collect();
        worse = known.iter().rev().take(third).map(|(model, _)| *model).collect();
    }
    let (scores, labels): (Vec<f64>, Vec<f64>) = rows
        .iter()
        .zip(gains)
        .filter_map(|(row, gain)| {
            let scores = &samples.rows[*row].row.scores;
            Some((mean(scores, &better)? - mean(scores, &worse)?, *gain))
        })
        .unzip();
    (scores.len() * 2 > rows.len()).then(|| Others {
        models: better.len() + worse.len(),
        apgr: gain::apgr(&scores, &labels),
        correlation: gain::correlation(&scores, &labels),
    })
}
