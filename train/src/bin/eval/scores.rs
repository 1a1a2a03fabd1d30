//! Scores by models that have not seen what they score.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use pointsman::classify::{Classifier, Judgement, Role, Task, Text};
use rayon::prelude::*;
use train::{
    calibrate,
    data::SOURCES,
    fit::Settings,
    samples::{Sample, Samples, escaped},
};

use crate::{progress, stability::Rewordings};

/// What models say of prompts that they have not seen.
#[derive(Debug)]
pub(crate) struct Scores {
    /// For each sample, by a model that has seen no near-equal prompt. In millionths, on a straight line.
    pub(crate) folds: Vec<u32>,
    /// The same, by a model that has seen nothing of its source; 0 for our own prompts.
    pub(crate) left_out: Vec<u32>,
    /// What the same models as for `folds` take each sample's task for.
    pub(crate) tasks: Vec<Task>,
    /// Samples and what becomes of their scores when they are reworded.
    pub(crate) rewordings: Rewordings,
}

/// Judges a prompt as one user turn.
pub(crate) fn judge(classifier: &Classifier, prompt: &str) -> Judgement {
    let raw = escaped(prompt);
    classifier.classify([Text { role: Role::User, raw: &raw }].into_iter())
}

enum Part {
    Fold(usize),
    Source(usize),
}

/// Both MMLU sources are one family: they are left out together.
pub(crate) fn family(source: usize) -> usize {
    match SOURCES.get(source) {
        Some(known) if known.name == "fe_mmlu" => 0,
        _ => source,
    }
}

/// Fits a model for each fold and each family of sources, and scores what it has not seen.
pub(crate) fn all(samples: &Samples, settings: &Settings) -> Scores {
    let families: BTreeSet<usize> = (0..SOURCES.len()).map(family).collect();
    let parts: Vec<Part> =
        (0..calibrate::FOLDS).map(Part::Fold).chain(families.into_iter().map(Part::Source)).collect();
    let done = AtomicUsize::new(0);
    progress(&format!("{} fits, each scores what it has not seen", parts.len()));
    let found: Vec<(Vec<usize>, Vec<Judgement>, Rewordings)> = parts
        .par_iter()
        .map(|part| {
            let found = match part {
                Part::Fold(tested) => {
                    let classifier = without(samples, settings, true, |row| calibrate::fold(row) == *tested);
                    scored(samples, &classifier, true, |row| calibrate::fold(row) == *tested)
                }
                Part::Source(left_out) => {
                    let tested = |row: &Sample| family(row.source) == *left_out;
                    let groups: BTreeSet<usize> =
                        samples.rows.iter().filter(|row| tested(row)).map(|row| row.group).collect();
                    let classifier =
                        without(samples, settings, false, |row| tested(row) || groups.contains(&row.group));
                    scored(samples, &classifier, false, tested)
                }
            };
            progress(&format!("fit {} of {}", done.fetch_add(1, Ordering::Relaxed) + 1, parts.len()));
            found
        })
        .collect();
    let count = samples.rows.len();
    let mut scores = Scores {
        folds: vec![0; count],
        left_out: vec![0; count],
        tasks: vec![Task::default(); count],
        rewordings: Rewordings::default(),
    };
    for (part, (rows, judgements, rewordings)) in parts.iter().zip(found) {
        scores.rewordings.extend(rewordings);
        for (row, judgement) in rows.into_iter().zip(judgements) {
            match part {
                Part::Fold(_) => {
                    scores.folds[row] = judgement.gain;
                    scores.tasks[row] = judgement.task;
                }
                Part::Source(_) => scores.left_out[row] = judgement.gain,
            }
        }
    }
    scores
}

/// A classifier fitted to all but these.
fn without(
    samples: &Samples,
    settings: &Settings,
    with_head: bool,
    hidden: impl Fn(&Sample) -> bool,
) -> Classifier {
    let rows: Vec<usize> = (0..samples.rows.len()).filter(|row| !hidden(&samples.rows[*row])).collect();
    calibrate::classifier(samples, &rows, settings, with_head)
}

fn scored(
    samples: &Samples,
    classifier: &Classifier,
    reworded: bool,
    tested: impl Fn(&Sample) -> bool,
) -> (Vec<usize>, Vec<Judgement>, Rewordings) {
    let rows: Vec<usize> = (0..samples.rows.len()).filter(|row| tested(&samples.rows[*row])).collect();
    let judgements = rows.iter().map(|row| judge(classifier, &samples.rows[*row].row.prompt)).collect();
    let rewordings =
        if reworded { Rewordings::of(samples, classifier, &rows) } else { Rewordings::default() };
    (rows, judgements, rewordings)
}
