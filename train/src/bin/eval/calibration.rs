//! Whether a score means what it says: the gain that it predicts, and the gain that was found.

use pointsman::classify::weights::RAW_BITS;
use serde::Serialize;
use train::{calibrate, data::SOURCES, samples::Samples, weights::Calibration};

use crate::scores::{Scores, family};

/// Parts of a source, by rising score.
const PARTS: usize = 10;

/// A tenth of a source.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) predicted: f64,
    pub(crate) found: f64,
    /// Half of the 95 % interval of what was found.
    pub(crate) within: f64,
    pub(crate) prompts: usize,
}

/// A source, by a table that was fitted without it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calibrated {
    pub(crate) source: &'static str,
    pub(crate) groups: Vec<Part>,
    pub(crate) left_out: Vec<Part>,
    /// Mean distance of what was found from what was predicted.
    pub(crate) off_groups: f64,
    pub(crate) off_left_out: f64,
}

/// All sources. The gain is that of the groups.
pub(crate) fn all(samples: &Samples, scores: &Scores) -> Vec<Calibrated> {
    let by_fold: Vec<Calibration> = (0..calibrate::FOLDS)
        .map(|fold| calibrate::fit_table_to(samples, &scores.folds, |sample| calibrate::fold(sample) != fold))
        .collect();
    let one = |(number, source): (usize, &train::data::Source)| {
        let without =
            calibrate::fit_table_to(samples, &scores.folds, |sample| family(sample.source) != family(number));
        let rows = || samples.rows.iter().enumerate().filter(|(_, sample)| sample.source == number);
        let pairs = |score: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
            rows().filter_map(|(row, sample)| Some((score(row), sample.average?))).collect()
        };
        let groups = parts(pairs(&|row| {
            by_fold
                .get(calibrate::fold(&samples.rows[row]))
                .map_or(0.0, |table| expected(table, scores.folds[row]))
        }));
        let left_out = parts(pairs(&|row| expected(&without, scores.left_out[row])));
        let off = |parts: &[Part]| {
            parts.iter().map(|part| (part.predicted - part.found).abs()).sum::<f64>()
                / parts.len().max(1) as f64
        };
        let (off_groups, off_left_out) = (off(&groups), off(&left_out));
        Calibrated { source: source.name, groups, left_out, off_groups, off_left_out }
    };
    SOURCES.iter().enumerate().map(one).collect()
}

/// The gain that a table expects for a score on a straight line.
fn expected(table: &Calibration, score: u32) -> f64 {
    let raw = (f64::from(score) - 500_000.0) * f64::from(1u32 << RAW_BITS) / 500_000.0;
    let at = table.points.partition_point(|(point, _)| f64::from(*point) <= raw);
    let point = |at: usize| table.points.get(at).map(|(raw, gain)| (f64::from(*raw), f64::from(*gain) / 1e6));
    match (at.checked_sub(1).and_then(point), point(at)) {
        (Some((from, low)), Some((to, high))) => low + (high - low) * (raw - from) / (to - from),
        (Some((_, only)), None) | (None, Some((_, only))) => only,
        (None, None) => 0.0,
    }
}

fn parts(mut pairs: Vec<(f64, f64)>) -> Vec<Part> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bound = |part: usize| pairs.len() * part / PARTS;
    (0..PARTS)
        .filter_map(|part| pairs.get(bound(part)..bound(part + 1)).filter(|pairs| pairs.len() > 1))
        .map(|pairs| {
            let count = pairs.len() as f64;
            let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
            let (predicted, found) = (mean(|pair| pair.0), mean(|pair| pair.1));
            let squares: f64 = pairs.iter().map(|pair| (pair.1 - found) * (pair.1 - found)).sum();
            let within = 1.96 * (squares / (count - 1.0) / count).sqrt();
            Part { predicted, found, within, prompts: pairs.len() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_by_rising_score_and_know_how_sure_they_are() {
        let pairs: Vec<(f64, f64)> =
            (0..1000).map(|n| (f64::from(999 - n) / 1000.0, f64::from(n % 2))).collect();
        let parts = parts(pairs);
        assert!(parts.len() == 10 && parts.iter().all(|part| part.prompts == 100));
        assert!((parts[0].predicted - 0.0495).abs() < 1e-9 && (parts[9].predicted - 0.9495).abs() < 1e-9);
        // A hundred coins: half, give or take a tenth.
        assert!(
            parts.iter().all(|part| part.found == 0.5 && (part.within - 0.098).abs() < 0.001),
            "{parts:?}"
        );
    }

    #[test]
    fn a_table_is_read_as_the_core_reads_it() {
        let table =
            Calibration { points: vec![(-1000, 0), (0, 200_000), (1000, 400_000)], shares: Vec::new() };
        let score = |raw: f64| (500_000.0 + raw * 500_000.0 / f64::from(1u32 << RAW_BITS)).round() as u32;
        for (raw, gain) in [(-5000.0, 0.0), (0.0, 0.2), (500.0, 0.3), (9000.0, 0.4)] {
            assert!(
                (expected(&table, score(raw)) - gain).abs() < 0.001,
                "{raw}: {}",
                expected(&table, score(raw))
            );
        }
    }
}
