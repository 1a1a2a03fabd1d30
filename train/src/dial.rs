//! `data/dial.json`: what a dial comes to on the stated mix, by hundredths of it.

use crate::{calibrate, card, samples::Samples};

/// The table as text, one row a line. `reached` are the permille that the hardest hundredths reach, by the weights that
/// ship; `scores` are out of fold.
pub fn table(samples: &Samples, reached: &[u16], scores: &[u32], weights: &[u8]) -> String {
    let rows: Vec<String> = reached
        .iter()
        .zip(kept(samples, scores))
        .enumerate()
        .map(|(at, (permille, kept))| format!("    [{}, {permille}, {kept}]", at + 1))
        .collect();
    let (digest, rows) = (card::digest(weights), rows.join(",\n"));
    format!(
        "{{\n  \"what\": \"by hundredths of the mix that goes up: from which difficulty (permille), and how much of the whole gain \
         is kept (permille; out of fold, only where outcomes were measured)\",\n  \"weights_sha256\": \"{digest}\",\n  \
         \"rows\": [\n{rows}\n  ]\n}}\n"
    )
}

/// The part of all gain on the mix, in permille, that its hardest 1, 2, …, 99 hundredths hold. What we suppose of our own
/// prompts is not counted: they take room and bring nothing.
fn kept(samples: &Samples, scores: &[u32]) -> Vec<u16> {
    let weights = calibrate::mix(samples);
    let gain = |row: usize| samples.rows[row].average.unwrap_or_default() * weights[row];
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].cmp(&scores[*a]).then(a.cmp(b)));
    let total: f64 = (0..scores.len()).map(gain).sum();
    let (mut found, mut weight, mut sum, mut most) = (Vec::new(), 0.0, 0.0, 0u16);
    for row in order {
        weight += weights[row];
        sum += gain(row);
        while found.len() < 99 && weight >= (found.len() + 1) as f64 / 100.0 {
            // Where the strong model loses, the sum falls; a wider dial keeps no less.
            most = most.max((sum / total * 1000.0).clamp(0.0, 999.0) as u16);
            found.push(most);
        }
    }
    found
}
