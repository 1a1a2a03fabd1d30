//! `pointsman calibrate`: thresholds that give the last tier a share of one's own traffic.

use std::path::Path;

use pointsman::classify::{Classifier, UNSURE};
use serde_json::{Value, json};

use crate::{paint, score};

/// Shares of the printed curve, in hundredths.
const CURVE: [usize; 9] = [1, 5, 10, 20, 30, 50, 70, 90, 99];

/// Reads a log as `pointsman score` does, prints which threshold sends which share up, and writes the thresholds for
/// `share` (0 to 1) and a ladder of this many tiers to `out`, as a piece of a configuration.
///
/// # Errors
/// Where the log cannot be read or holds nothing that can be judged, or the share is none.
pub fn run(
    log: &Path,
    share: f64,
    tiers: usize,
    out: Option<&Path>,
    as_json: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    if !(0.0..=1.0).contains(&share) {
        return Err(format!("a share is from 0 to 1, such as 0.2; {share} is not").into());
    }
    if tiers < 2 {
        return Err("a ladder with a dial has at least two tiers".into());
    }
    let judged = score::judge_file(&Classifier::shipped(), log)?;
    let unsure = judged.iter().filter(|judgement| judgement.confidence < UNSURE).count();
    let mut scores: Vec<u16> = judged
        .iter()
        .filter(|judgement| judgement.confidence >= UNSURE)
        .map(|judgement| judgement.difficulty.permille())
        .collect();
    if scores.is_empty() {
        return Err(format!("{}: no line that can be judged", log.display()).into());
    }
    scores.sort_unstable_by(|a, b| b.cmp(a));
    let rest = 1.0 - share;
    let steps = (tiers - 1) as f64;
    let thresholds: Vec<u16> =
        (1..tiers).map(|tier| threshold(&scores, share + rest * (steps - tier as f64) / steps)).collect();
    let reach =
        |least: u16| scores.iter().filter(|score| **score >= least).count() as f64 / scores.len() as f64;
    let sent = thresholds.last().map_or(0.0, |least| reach(*least));
    let document = json!({ "thresholds": thresholds });
    if let Some(out) = out {
        std::fs::write(out, format!("{document:#}\n"))
            .map_err(|error| format!("{}: {error}", out.display()))?;
    }
    if as_json {
        let curve: Vec<Value> = (1..100)
            .map(|hundredth| {
                let least = threshold(&scores, f64::from(hundredth) / 100.0);
                json!({ "share": f64::from(hundredth) / 100.0, "threshold": least, "sent": reach(least) })
            })
            .collect();
        println!(
            "{:#}",
            json!({
                "judged": scores.len(),
                "unsure": unsure,
                "thresholds": thresholds,
                "frontier_share": sent,
                "curve": curve,
            })
        );
        return Ok(());
    }
    paint::heading("traffic");
    paint::fact("judged", &format!("{} requests", scores.len()));
    paint::fact("unsure", &format!("{unsure}, which go to the default tier"));
    paint::heading("curve");
    let rows = CURVE.iter().map(|hundredth| {
        let least = threshold(&scores, *hundredth as f64 / 100.0);
        let sent = reach(least);
        vec![
            format!("{hundredth} %"),
            least.to_string(),
            format!("{:.1} %", sent * 100.0),
            "█".repeat((sent * 40.0).round() as usize),
        ]
    });
    paint::table(&["wanted share", "threshold", "share sent up", ""], rows.collect());
    paint::heading("dial");
    paint::fact("thresholds", &format!("{thresholds:?}"));
    paint::fact("last tier", &format!("{:.1} % of this traffic", sent * 100.0));
    match out {
        Some(out) => paint::fact("written to", &out.display().to_string()),
        None => paint::fact("next", "put the thresholds into the ladder, or write them with --out FILE"),
    }
    Ok(())
}

/// The least score of the hardest `share`; scores fall.
fn threshold(scores: &[u16], share: f64) -> u16 {
    let count = (share * scores.len() as f64).round() as usize;
    match count.checked_sub(1) {
        Some(last) => scores[last.min(scores.len() - 1)],
        None => 1000,
    }
}
