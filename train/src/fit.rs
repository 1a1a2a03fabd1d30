//! The model: a line and trees on the gain, halves of one score.

use pointsman::classify::{
    Task,
    shape::{FEATURES, NAMES, Shape},
};

use crate::{
    data::SOURCES,
    prompts,
    ridge::{self, Line, Penalties},
    samples::{COPIES, Sample, Samples},
    tasks::{self, Head},
    trees::{self, Growth, Tree},
};

/// Settings of a fit; part of the card.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For everything that looks random.
    pub seed: u64,
    /// The line.
    pub line: Penalties,
    /// Share of the gain on the pair in the target of the line; the rest is the gain of the groups.
    pub pair_of_line: f64,
    /// The same for the trees.
    pub pair_of_trees: f64,
    /// The trees.
    pub growth: Growth,
    /// Share of the trees in the score.
    pub share_of_trees: f64,
    /// Weight of our own prompts, as a share of all.
    pub own: f64,
}

impl Settings {
    /// Those that ship.
    pub const SHIPPED: Self = Self {
        seed: 20_261_127,
        line: Penalties { alpha: 0.01, apart: 0.1, level: 0.5, consistency: 1.0 },
        pair_of_line: 0.1,
        pair_of_trees: 0.6,
        growth: Growth { trees: 72, leaves: 15, rate: 0.12, least_rows: 180, penalty: 40.0, features: 500 },
        share_of_trees: 0.45,
        own: 0.2,
    };
}

/// What was fitted.
#[derive(Clone, Debug)]
pub struct Model {
    /// One half, scaled.
    pub line: Line,
    /// The other half, scaled.
    pub trees: Vec<Tree>,
    /// Tells tasks apart; absent where only the gain is looked at.
    pub head: Option<Head>,
    /// Standard deviations of the features.
    pub spread: Vec<f64>,
}

/// Rewordings of each prompt that the trees see; the line sees all.
const TREE_COPIES: usize = 3;

/// Features that the line and the trees do not use: what only helps on the sources that it was learned on.
const UNUSED_FROM: &str = "rare_words";
const LISTS: [&str; 16] = [
    "list_negation",
    "list_compute",
    "list_prove",
    "list_explain",
    "list_which",
    "list_how_many",
    "list_premise",
    "list_law",
    "list_medicine",
    "list_unit",
    "list_program",
    "list_write",
    "list_name",
    "list_passage",
    "list_quantifier",
    "list_compare",
];

/// Which features take part in the gain.
pub fn used() -> [bool; FEATURES] {
    let first_unused = NAMES.iter().position(|name| *name == UNUSED_FROM).unwrap_or(FEATURES);
    std::array::from_fn(|at| at < first_unused || LISTS.contains(&NAMES[at]))
}

/// Which features take part in telling tasks apart: not the layout of options, which says how a test was printed.
fn used_for_tasks() -> [bool; FEATURES] {
    std::array::from_fn(|at| {
        let name = NAMES[at];
        !name.contains("option")
            && !matches!(name, "log_lines" | "blanks" | "ends_in_question" | "ends_in_colon")
    })
}

/// Target and weight of each row: gains on the pair (this share) and of the groups, each less its mean over the source.
pub fn targets(samples: &Samples, rows: &[usize], own: f64, pair: f64) -> (Vec<f64>, Vec<f64>) {
    let mut sums = vec![[(0.0, 0.0); 2]; SOURCES.len()];
    for row in rows.iter().map(|row| &samples.rows[*row]) {
        for (kind, gain) in [row.pair, row.average].into_iter().enumerate() {
            if let (Some(gain), Some(sum)) = (gain, sums.get_mut(row.source)) {
                sum[kind].0 += gain;
                sum[kind].1 += 1.0;
            }
        }
    }
    let target = |row: &Sample| {
        let Some(sums) = sums.get(row.source) else { return Some(prompts::prior(row.task, row.step)) };
        let parts = [(row.pair, pair), (row.average, 1.0 - pair)];
        let centred = parts
            .into_iter()
            .zip(sums)
            .filter_map(|((gain, part), (sum, count))| Some((part * (gain? - sum / count), part)));
        let (sum, part) = centred.fold((0.0, 0.0), |(sum, all), (gain, part)| (sum + gain, all + part));
        (part > 0.0).then(|| sum / part)
    };
    let found: Vec<Option<f64>> = rows.iter().map(|row| target(&samples.rows[*row])).collect();
    let mut counts = vec![0.0f64; SOURCES.len() + 1];
    for (row, target) in rows.iter().zip(&found) {
        if target.is_some() {
            counts[samples.rows[*row].source] += 1.0;
        }
    }
    let labelled: f64 = counts[..SOURCES.len()].iter().map(|count| count.sqrt()).sum();
    let weight = |row: &Sample| match SOURCES.get(row.source) {
        Some(_) => 1.0 / counts[row.source].sqrt() / labelled * (1.0 - own),
        None => own / counts[row.source],
    };
    let count = rows.len() as f64;
    let weights = rows
        .iter()
        .zip(&found)
        .map(|(row, target)| target.map_or(0.0, |_| weight(&samples.rows[*row]) * count))
        .collect();
    (found.into_iter().map(Option::unwrap_or_default).collect(), weights)
}

/// Fits to these rows.
pub fn fit(samples: &Samples, rows: &[usize], settings: &Settings, with_head: bool) -> Model {
    let (targets_of_line, weights) = targets(samples, rows, settings.own, settings.pair_of_line);
    let (targets_of_trees, _) = targets(samples, rows, settings.own, settings.pair_of_trees);
    let clean: Vec<&[i16]> = rows.iter().map(|row| samples.rows[*row].shape.values.as_slice()).collect();
    let copies: Vec<Vec<&[i16]>> = (0..COPIES)
        .map(|copy| rows.iter().map(|row| samples.rows[*row].copies[copy].values.as_slice()).collect())
        .collect();
    let used = used();
    let sources: Vec<usize> = rows.iter().map(|row| samples.rows[*row].source).collect();
    let fitted = ridge::Rows {
        clean: &clean,
        copies: &copies,
        targets: &targets_of_line,
        weights: &weights,
        sources: &sources,
    };
    let mut line = ridge::fit(&fitted, &used, &settings.line);
    // The trees see a prompt and its rewordings as rows of their own, and so learn to need nobody's words.
    let repeated: Vec<&[i16]> =
        clean.iter().chain(copies.iter().take(TREE_COPIES).flatten()).copied().collect();
    let times = 1 + TREE_COPIES;
    let repeat = |list: &[f64], by: f64| -> Vec<f64> {
        (0..times).flat_map(|_| list.iter().map(|value| value * by)).collect()
    };
    let mut trees = trees::fit(
        &repeated,
        &repeat(&targets_of_trees, 1.0),
        &repeat(&weights, 1.0 / times as f64),
        &used,
        &settings.growth,
        settings.seed,
    );
    let spread_of = |score: &dyn Fn(&[i16]) -> f64| {
        let total: f64 = weights.iter().sum();
        let scores: Vec<f64> = clean.iter().map(|row| score(row)).collect();
        let mean = scores.iter().zip(&weights).map(|(score, weight)| score * weight).sum::<f64>() / total;
        let square = |(score, weight): (&f64, &f64)| weight * (score - mean) * (score - mean);
        (scores.iter().zip(&weights).map(square).sum::<f64>() / total).sqrt().max(1e-9)
    };
    let (of_line, of_trees) =
        (spread_of(&|row| line.score(row)), spread_of(&|row| trees::score(&trees, row)));
    // Both halves are brought to the spread of the line, which is the more cautious.
    let by = 1.0 - settings.share_of_trees;
    line.weight.iter_mut().for_each(|weight| *weight *= by);
    let by = settings.share_of_trees * of_line / of_trees;
    trees.iter_mut().flat_map(|tree| &mut tree.leaves).for_each(|leaf| *leaf *= by);
    let spread: Vec<f64> =
        line.mean.iter().zip(&line.highest).map(|(mean, high)| (high - mean) / 2.5).collect();
    let head = with_head.then(|| {
        let known = used_for_tasks();
        let scaled = |shape: &Shape| -> Vec<f64> {
            let one = |at: usize| {
                if !known[at] || spread[at] < 1e-9 {
                    return 0.0;
                }
                ((f64::from(shape.values[at]) - line.mean[at]) / spread[at]).clamp(-2.5, 2.5)
            };
            (0..FEATURES).map(one).collect()
        };
        let labelled: Vec<(&Shape, Task)> = rows
            .iter()
            .map(|row| &samples.rows[*row])
            .flat_map(|row| [(&row.shape, row.task), (&row.copies[0], row.task)])
            .collect();
        tasks::fit(&labelled, &scaled, settings.seed)
    });
    Model { line, trees, head, spread }
}

impl Model {
    /// The score of a row.
    pub fn score(&self, row: &[i16]) -> f64 {
        self.line.score(row) + trees::score(&self.trees, row)
    }
}
