//! The table: what a ranking by score is worth on each source and pair, what trivial ones are worth, and, where one of them is
//! better, why.

use serde::Serialize;
use train::{chance::Chance, gain, samples::Samples};

use crate::labels::{Labels, Worth};

/// Samples drawn for each interval.
const DRAWS: usize = 400;

/// One source and pair, on one split.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) source: &'static str,
    pub(crate) pair: String,
    pub(crate) rows: usize,
    pub(crate) mean_gain: f64,
    pub(crate) all_cheap: f64,
    pub(crate) all_frontier: f64,
    pub(crate) apgr: f64,
    pub(crate) interval: [f64; 2],
    pub(crate) cpt50: f64,
    pub(crate) cpt80: f64,
    /// Mean quality over all shares of calls, as RouteLLM has it.
    pub(crate) auc: f64,
    pub(crate) roc_auc: f64,
    pub(crate) controls: Controls,
    pub(crate) labels: Worth,
    /// Where a control is better: why.
    pub(crate) why: Option<String>,
    /// APGR of each sample drawn.
    #[serde(skip)]
    draws: Vec<f64>,
    /// Whether it counts in the mean.
    #[serde(skip)]
    counts: bool,
    #[serde(skip)]
    of_groups: bool,
}

/// APGR of rankings that need no model.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Controls {
    /// What a random order comes to on average.
    pub(crate) random: f64,
    /// The same scores, dealt to other prompts: it costs the same at every threshold.
    pub(crate) shuffled: f64,
    pub(crate) length: f64,
    pub(crate) numbers: f64,
}

impl Controls {
    /// The best of them. The shuffled one is one draw of the random one.
    fn best(&self) -> (&'static str, f64) {
        let all = [("random", self.random), ("length", self.length), ("numbers", self.numbers)];
        all.into_iter().fold(("random", 0.0), |best, one| if one.1 > best.1 { one } else { best })
    }
}

/// The mean over sources.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mean {
    /// `usual pairs` or `groups`.
    pub(crate) of: &'static str,
    pub(crate) sources: usize,
    pub(crate) apgr: f64,
    pub(crate) interval: [f64; 2],
    pub(crate) length: f64,
    pub(crate) numbers: f64,
}

/// A whole table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) split: &'static str,
    pub(crate) what: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) means: Vec<Mean>,
}

/// Rankings by what a prompt looks like: its length, and its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Trivial {
    pub(crate) length: Vec<f64>,
    pub(crate) numbers: Vec<f64>,
}

impl Trivial {
    pub(crate) fn of(samples: &Samples, rows: &[usize]) -> Self {
        let prompts = || rows.iter().map(|row| samples.rows[*row].row.prompt.as_str());
        let starts = |pair: &&[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
        Self {
            length: prompts().map(|prompt| prompt.len() as f64).collect(),
            numbers: prompts()
                .map(|prompt| prompt.as_bytes().windows(2).filter(starts).count() as f64)
                .collect(),
        }
    }
}

/// Dealt to other rows.
pub(crate) fn shuffled(scores: &[f64]) -> Vec<f64> {
    let mut chance = Chance::new(1, "controls");
    let mut dealt = scores.to_vec();
    for at in (1..dealt.len()).rev() {
        dealt.swap(at, chance.below(at + 1));
    }
    dealt
}

impl Table {
    /// Measures `scores`, one for each sample.
    pub(crate) fn of(
        split: &'static str,
        what: &'static str,
        samples: &Samples,
        all: &[Labels],
        scores: &[u32],
    ) -> Self {
        let trivial: Vec<[f64; 2]> = all
            .iter()
            .map(|labels| {
                let trivial = Trivial::of(samples, &labels.rows);
                [gain::apgr(&trivial.length, &labels.gains), gain::apgr(&trivial.numbers, &labels.gains)]
            })
            .collect();
        let rows: Vec<Row> = all
            .iter()
            .map(|labels| {
                let comparable = |other: &(&Labels, &[f64; 2])| {
                    other.0.source != labels.source && other.0.pair == labels.pair.map(|_| 0)
                };
                let elsewhere: Vec<[f64; 2]> =
                    all.iter().zip(&trivial).filter(comparable).map(|(_, apgr)| *apgr).collect();
                row(samples, labels, scores, &elsewhere)
            })
            .collect();
        let means = [("usual pairs", false), ("groups", true)].map(|(of, groups)| mean(of, groups, &rows));
        Self { split, what, rows, means: means.to_vec() }
    }
}

fn row(samples: &Samples, labels: &Labels, scores: &[u32], elsewhere: &[[f64; 2]]) -> Row {
    let own: Vec<f64> = labels.rows.iter().map(|row| f64::from(scores[*row])).collect();
    let (gains, trivial) = (&labels.gains, Trivial::of(samples, &labels.rows));
    let controls = Controls {
        random: 0.5,
        shuffled: gain::apgr(&shuffled(&own), gains),
        length: gain::apgr(&trivial.length, gains),
        numbers: gain::apgr(&trivial.numbers, gains),
    };
    let (best, best_apgr) = controls.best();
    let ranked = gain::Ranked::new(&own);
    let against = match best {
        "length" => Some(gain::Ranked::new(&trivial.length)),
        "numbers" => Some(gain::Ranked::new(&trivial.numbers)),
        _ => None,
    };
    let mut chance = Chance::new(2, &format!("{}/{}", labels.source_name(), labels.name));
    let (mut draws, mut differences) = (Vec::new(), Vec::new());
    for _ in 0..DRAWS {
        let mut counts = vec![0u32; gains.len()];
        for _ in 0..gains.len() {
            counts[chance.below(gains.len())] += 1;
        }
        let found = ranked.apgr(&counts, gains);
        draws.push(found);
        differences.push(found - against.as_ref().map_or(0.5, |against| against.apgr(&counts, gains)));
    }
    let apgr = gain::apgr(&own, gains);
    let mean_gain = gains.iter().sum::<f64>() / gains.len() as f64;
    let why = (apgr < best_apgr).then(|| {
        let difference = (apgr - best_apgr, interval(&differences));
        reason(labels, (best, best_apgr), difference, elsewhere)
    });
    Row {
        source: labels.source_name(),
        pair: labels.name.clone(),
        rows: gains.len(),
        mean_gain,
        all_cheap: labels.all_cheap,
        all_frontier: labels.all_frontier,
        apgr,
        interval: interval(&draws),
        cpt50: gain::cpt(&own, gains, 0.5),
        cpt80: gain::cpt(&own, gains, 0.8),
        auc: labels.all_cheap + apgr * mean_gain,
        roc_auc: gain::roc_auc(&own, gains),
        controls,
        labels: labels.worth.clone(),
        why,
        draws,
        counts: labels.counts(),
        of_groups: labels.pair.is_none(),
    }
}

/// Why a control is better, as far as the labels tell. `elsewhere`: what length and numbers reach on the other sources.
fn reason(
    labels: &Labels,
    (control, apgr): (&str, f64),
    (behind, [low, high]): (f64, [f64; 2]),
    elsewhere: &[[f64; 2]],
) -> String {
    let worth = &labels.worth;
    let mut said = vec![if high >= 0.0 {
        format!(
            "Not told apart from {control}: {behind:+.3}, between {low:+.3} and {high:+.3} in 95 % of samples."
        )
    } else {
        format!(
            "Behind {control} beyond noise: {behind:+.3}, between {low:+.3} and {high:+.3} in 95 % of samples."
        )
    }];
    said.push(format!(
        "A random order varies by {:.3} over {} questions, {:.0} % of which have no gain and {:.0} % a loss.",
        worth.random_spread,
        labels.gains.len(),
        worth.no_gain * 100.0,
        worth.loss * 100.0
    ));
    said.push(match &worth.others {
        None => "It has no other models: whether these labels would repeat cannot be told.".to_owned(),
        Some(others) => {
            let verdict = match others.apgr {
                apgr if apgr < 0.55 => "these labels are mostly the pair's own quirks",
                apgr if apgr < 0.65 => "little of these labels is common to models",
                _ => "there is more in these labels than the text's score finds",
            };
            format!(
                "The gain of {} other models on the same questions, used as a score, reaches {:.3} (correlation {:.2}): {verdict}.",
                others.models, others.apgr, others.correlation
            )
        }
    });
    if let Some(which) = ["length", "numbers"].iter().position(|known| *known == control) {
        let others: Vec<f64> = elsewhere.iter().map(|apgr| apgr[which]).collect();
        let mean = others.iter().sum::<f64>() / others.len().max(1) as f64;
        let below = others.iter().filter(|apgr| **apgr < 0.5).count();
        let (name, least) = (
            if which == 0 { "Length" } else { "Counting numbers" },
            others.iter().copied().fold(1.0, f64::min),
        );
        said.push(format!(
            "{name} reaches {apgr:.3} here, but {mean:.3} on average elsewhere, down to {least:.3}, and less than .5 on {below} of {} \
             other sources{}.",
            others.len(),
            if below > 0 { ": its sign is not that of every source" } else { "" }
        ));
    }
    said.join(" ")
}

/// The middle 95 %.
fn interval(draws: &[f64]) -> [f64; 2] {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |permille: usize| sorted.get(sorted.len() * permille / 1000).copied().unwrap_or(f64::NAN);
    [at(25), at(975)]
}

/// Sources are drawn from independently.
fn mean(of: &'static str, groups: bool, rows: &[Row]) -> Mean {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.counts && row.of_groups == groups).collect();
    let mean = |value: &dyn Fn(&Row) -> f64| {
        rows.iter().map(|row| value(row)).sum::<f64>() / rows.len().max(1) as f64
    };
    let draws: Vec<f64> = (0..DRAWS).map(|draw| mean(&|row| row.draws[draw])).collect();
    Mean {
        of,
        sources: rows.len(),
        apgr: mean(&|row| row.apgr),
        interval: interval(&draws),
        length: mean(&|row| row.controls.length),
        numbers: mean(&|row| row.controls.numbers),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pointsman::classify::{Classifier, Task};
    use train::{
        data::{Row as Prompt, SOURCES},
        samples::{self, Sample},
    };

    use super::*;
    use crate::labels;

    /// Questions of one source, whose gain is the greater the longer they are.
    fn samples() -> Samples {
        let source = SOURCES.iter().position(|source| source.name == "ulab").unwrap();
        let classifier = Classifier::untrained(vec![0; 4096]);
        let sample = |n: usize| {
            let prompt = format!("Why{}?", " oh".repeat(n));
            let gained = if n * 7919 % 400 < n { 1.0 } else { 0.0 };
            let score = |model: &&str| {
                let strong = SOURCES[source].strong.contains(model);
                ((*model).to_owned(), if strong { gained } else { 0.0 })
            };
            let models = SOURCES[source].strong.iter().chain(SOURCES[source].cheap);
            let scores: BTreeMap<String, f64> = models.map(score).collect();
            let row = Prompt { id: n.to_string(), category: "a/b".to_owned(), prompt, scores };
            Sample {
                source,
                group: n,
                task: Task::Chat,
                step: 0,
                pair: SOURCES[source].pair_gain(&row, 0),
                average: SOURCES[source].group_gain(&row),
                shape: samples::shape(&classifier, &row.prompt),
                copies: Vec::new(),
                row,
            }
        };
        Samples { rows: (0..400).map(sample).collect(), common: Vec::new(), pool: Vec::new() }
    }

    fn measured(score: impl Fn(u32) -> u32) -> Row {
        let samples = samples();
        let labels: Vec<Labels> = labels::all(&samples)
            .into_iter()
            .filter(|labels| labels.pair == Some(0) && !labels.rows.is_empty())
            .collect();
        let scores: Vec<u32> = (0..400).map(score).collect();
        Table::of("test", "a test", &samples, &labels, &scores).rows.remove(0)
    }

    #[test]
    fn a_score_as_good_as_its_control_needs_no_reason() {
        let row = measured(|n| n);
        assert_eq!(row.why, None);
        assert!(row.apgr == row.controls.length && row.apgr > 0.6, "{row:?}");
        assert!(row.interval[0] < row.apgr && row.apgr < row.interval[1]);
        assert!((row.auc - row.apgr * row.mean_gain).abs() < 1e-9, "the cheap model scores nothing: {row:?}");
        assert_eq!((row.all_cheap, row.all_frontier), (0.0, row.mean_gain));
        assert!(row.cpt50 < 0.5 && row.cpt50 < row.cpt80);
    }

    #[test]
    fn a_score_behind_its_control_says_why() {
        let row = measured(|n| 400 - n);
        let why = row.why.unwrap();
        for part in ["Behind length beyond noise: -0.", "over 400 questions", "gain of 4 other models"] {
            assert!(why.contains(part), "{part} is missing in {why}");
        }
        // Others of the source gain on the same questions.
        assert!(why.contains("correlation 1.00") && why.contains("more in these labels"), "{why}");
        // Nearly the same order: whatever the difference is, it is none.
        let near = measured(|n| n ^ 15);
        assert!(near.why.is_none_or(|why| why.starts_with("Not told apart from length")));
    }
}
