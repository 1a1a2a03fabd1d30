//! From raw scores to expected gains: a rising table fitted on scores of prompts that the model was not trained on.

use pointsman::classify::{Classifier, Role, Text, weights::RAW_BITS};

use crate::{
    data::SOURCES,
    fit::{self, Settings},
    prompts,
    samples::{Sample, Samples, escaped},
    weights::{self, Calibration},
};

/// Folds of the cross-validation.
pub const FOLDS: usize = 5;
/// Points of the table.
const POINTS: usize = 40;
/// Weight of our own prompts in the stated mix: a quarter of all.
const OWN: f64 = 0.25;
/// Part of a straight line that is mixed in, so that different scores stay different.
const STRAIGHT: f64 = 0.4;

/// The fold of a sample: near-equal prompts share it.
pub const fn fold(sample: &Sample) -> usize {
    (sample.group.wrapping_mul(2_654_435_761) >> 7) % FOLDS
}

/// Judges a prompt as one user turn; the gain in millionths.
pub fn judge(classifier: &Classifier, prompt: &str) -> u32 {
    let raw = escaped(prompt);
    classifier.classify([Text { role: Role::User, raw: &raw }].into_iter()).gain
}

/// A classifier without calibration, fitted to these rows: its gains are raw scores on a straight line.
///
/// # Panics
/// Where the encoder and the core disagree on the format.
pub fn classifier(samples: &Samples, rows: &[usize], settings: &Settings, with_head: bool) -> Classifier {
    let model = fit::fit(samples, rows, settings, with_head);
    let bytes = weights::encode(&model, samples, &Calibration::straight());
    Classifier::with_weights(&bytes).expect("the core reads what is encoded for it")
}

/// A score for every sample, by a model that has not seen its group. In millionths, on a straight line.
pub fn out_of_fold(samples: &Samples, settings: &Settings) -> Vec<u32> {
    let mut scores = vec![0; samples.rows.len()];
    for tested in 0..FOLDS {
        let rows: Vec<usize> =
            (0..samples.rows.len()).filter(|row| fold(&samples.rows[*row]) != tested).collect();
        let classifier = classifier(samples, &rows, settings, false);
        for (score, sample) in scores.iter_mut().zip(&samples.rows) {
            if fold(sample) == tested {
                *score = judge(&classifier, &sample.row.prompt);
            }
        }
    }
    scores
}

/// How much more often than a hard prompt of ours another one of ours is met in the stated mix. The hard ones are many, for
/// the sake of training; in traffic they are few.
const USUAL: f64 = 4.0;

/// Weight of each sample in the stated mix: every source by the root of its size, our own prompts a quarter of all.
pub fn mix(samples: &Samples) -> Vec<f64> {
    let often = |sample: &Sample| if sample.step > 0 { 1.0 } else { USUAL };
    let mut counts = [0.0f64; SOURCES.len() + 1];
    for sample in &samples.rows {
        counts[sample.source] += if sample.source < SOURCES.len() { 1.0 } else { often(sample) };
    }
    let labelled: f64 = counts[..SOURCES.len()].iter().map(|count| count.sqrt()).sum();
    let weight = |sample: &Sample| match SOURCES.get(sample.source) {
        Some(_) => (1.0 - OWN) / labelled / counts[sample.source].sqrt(),
        None => OWN * often(sample) / counts[sample.source],
    };
    samples.rows.iter().map(weight).collect()
}

/// What a strong model gains on a sample: as measured, or as we suppose of our own prompts.
fn gain(sample: &Sample) -> Option<f64> {
    match SOURCES.get(sample.source) {
        Some(_) => sample.average,
        None => Some(prompts::prior(sample.task, sample.step) + 0.2),
    }
}

/// Fits the table. `scores` are out of fold.
pub fn fit_table(samples: &Samples, scores: &[u32]) -> Calibration {
    fit_table_to(samples, scores, |_| true)
}

/// Fits the table to some of the samples.
pub fn fit_table_to(samples: &Samples, scores: &[u32], fitted: impl Fn(&Sample) -> bool) -> Calibration {
    let weights = mix(samples);
    let mut rows: Vec<(u32, f64, f64)> = samples
        .rows
        .iter()
        .zip(scores)
        .zip(&weights)
        .filter(|((sample, _), _)| fitted(sample))
        .filter_map(|((sample, score), weight)| Some((*score, gain(sample)?, *weight)))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    // Bins of equal weight, then neighbours that fall are pooled until none does.
    let total: f64 = rows.iter().map(|row| row.2).sum();
    let mut bins: Vec<(f64, f64, f64)> = Vec::new();
    let (mut sum, mut at) = ((0.0, 0.0, 0.0), 0.0);
    for (score, gain, weight) in rows {
        sum = (sum.0 + f64::from(score) * weight, sum.1 + gain * weight, sum.2 + weight);
        at += weight;
        if at >= total * (bins.len() + 1) as f64 / POINTS as f64 {
            bins.push((sum.0 / sum.2, sum.1 / sum.2, sum.2));
            sum = (0.0, 0.0, 0.0);
        }
    }
    let mut pooled: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    for (score, gain, weight) in bins {
        pooled.push((gain, weight, vec![score]));
        while let [.., before, last] = pooled.as_slice()
            && before.0 > last.0
        {
            let weight = before.1 + last.1;
            let gain = (before.0 * before.1 + last.0 * last.1) / weight;
            let scores = [before.2.as_slice(), last.2.as_slice()].concat();
            pooled.truncate(pooled.len() - 2);
            pooled.push((gain, weight, scores));
        }
    }
    let rising: Vec<(f64, f64)> =
        pooled.iter().flat_map(|(gain, _, scores)| scores.iter().map(|score| (*score, *gain))).collect();
    let (Some(first), Some(last)) = (rising.first().copied(), rising.last().copied()) else {
        return Calibration::straight();
    };
    let slope = (last.1 - first.1) / (last.0 - first.0).max(1.0);
    let half = f64::from(1u32 << RAW_BITS) / 500_000.0;
    let mut points: Vec<(i32, u32)> = Vec::new();
    // Past both ends the line goes on, to 0 and to 1.
    let ends = [
        (first.0 - 60_000.0, (first.1 - slope * 60_000.0).max(0.0)),
        (last.0 + 200_000.0, (last.1 + slope * 200_000.0).min(1.0)),
    ];
    let inner = rising.iter().map(|(score, gain)| {
        let line = first.1 + slope * (score - first.0);
        (*score, gain * (1.0 - STRAIGHT) + line * STRAIGHT)
    });
    for (score, gain) in ends.into_iter().take(1).chain(inner).chain(ends.into_iter().skip(1)) {
        let raw = ((score - 500_000.0) * half).round() as i32;
        let gain = (gain.clamp(0.0, 1.0) * 1e6).round() as u32;
        if points.last().is_none_or(|(before, least)| *before < raw && *least <= gain) {
            points.push((raw, gain));
        }
    }
    Calibration { points, shares: Vec::new() }
}

/// The permille that the hardest 1, 2, …, 99 hundredths of the mix reach. `gains` are calibrated, in millionths.
pub fn shares(samples: &Samples, gains: &[u32]) -> Vec<u16> {
    let weights = mix(samples);
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|a, b| gains[*b].cmp(&gains[*a]).then(a.cmp(b)));
    let (mut found, mut sum) = (Vec::new(), 0.0);
    for row in order {
        sum += weights[row];
        while found.len() < 99 && sum >= (found.len() + 1) as f64 / 100.0 {
            found.push(((gains[row] + 500) / 1000).min(1000) as u16);
        }
    }
    found
}
