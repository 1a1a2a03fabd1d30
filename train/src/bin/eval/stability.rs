//! Whether a prompt keeps its side of the dial when it is said in other words, or when something is put beside it.

use pointsman::classify::Classifier;
use serde::Serialize;
use train::{chance::Chance, data::SOURCES, noise, rewording, samples::Samples};

use crate::scores::judge;

/// Rewordings are judged for every n-th labelled prompt.
const STRIDE: usize = 3;

type Kind = (&'static str, &'static str, f64, f64);

/// What is done to a prompt, and the part that must stay on its side: at the median, and at a dial of 20 %.
const KINDS: [Kind; 6] = [
    ("as another person would type it", "made apart from the training noise, in other words", 0.85, 0.92),
    ("light", "synonyms, typos, words dropped or added, lower case", 0.85, 0.92),
    ("heavy", "60 % of the longer words replaced", 0.85, 0.92),
    ("adversarial", "something before or behind it, made apart from the training noise", 0.95, 0.95),
    ("adversarial, second list", "the same, other texts", 0.95, 0.95),
    ("unlooked-at", "the same, from a list written when the extractor was done", 0.95, 0.95),
];

/// Scores before and after, by kind.
#[derive(Debug, Default)]
pub(crate) struct Rewordings([Vec<(u32, u32)>; KINDS.len()]);

/// How many stay on their side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stability {
    pub(crate) kind: &'static str,
    pub(crate) what: &'static str,
    pub(crate) prompts: usize,
    pub(crate) median: f64,
    pub(crate) dial_20: f64,
    pub(crate) bar_median: f64,
    pub(crate) bar_dial_20: f64,
}

impl Rewordings {
    /// Rewords some of these samples.
    pub(crate) fn of(samples: &Samples, classifier: &Classifier, rows: &[usize]) -> Self {
        let mut found = Self::default();
        let labelled = rows.iter().map(|row| &samples.rows[*row]).filter(|row| row.source < SOURCES.len());
        for sample in labelled.step_by(STRIDE) {
            let mut chance = Chance::new(77, &sample.row.id);
            let text = sample.row.prompt.as_str();
            let before = judge(classifier, text).gain;
            let texts = [
                rewording::reworded(text, &mut Chance::new(78, &sample.row.id)),
                noise::light(text, &mut chance),
                noise::heavy(text, &samples.pool, &mut chance),
                rewording::added(text, &mut Chance::new(79, &sample.row.id)),
                rewording::put_beside(text, &mut Chance::new(82, &sample.row.id)),
                rewording::put_beside_afresh(text, &mut Chance::new(83, &sample.row.id)),
            ];
            for (list, text) in found.0.iter_mut().zip(&texts) {
                list.push((before, judge(classifier, text).gain));
            }
        }
        found
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for (list, more) in self.0.iter_mut().zip(other.0) {
            list.extend(more);
        }
    }

    /// The table. All sources are pooled, as an operator's traffic is.
    pub(crate) fn table(&self) -> Vec<Stability> {
        let row = |((kind, what, bar_median, bar_dial_20), list): (&Kind, &Vec<(u32, u32)>)| {
            let mut scores: Vec<u32> = list.iter().map(|pair| pair.0).collect();
            scores.sort_unstable();
            let same = |below: usize| {
                let cut = scores.get(scores.len() * below / 100).copied().unwrap_or_default();
                let same = list.iter().filter(|(before, after)| (*before >= cut) == (*after >= cut)).count();
                same as f64 / list.len().max(1) as f64
            };
            Stability {
                kind,
                what,
                prompts: list.len(),
                median: same(50),
                dial_20: same(80),
                bar_median: *bar_median,
                bar_dial_20: *bar_dial_20,
            }
        };
        KINDS.iter().zip(&self.0).map(row).collect()
    }
}
