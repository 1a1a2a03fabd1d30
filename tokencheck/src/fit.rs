//! Fits the constants: least squares of the relative error, none below zero, drawn towards a plain guess.

use pointsman::wire::tokens::{Counts, FEATURES, LENGTHS, PER_CHARACTER, WORDS};

/// One text: what was counted in it, its tokens, and how much it matters.
pub(crate) struct Row {
    pub(crate) counts: Counts,
    pub(crate) tokens: f64,
    pub(crate) weight: f64,
}

/// How strongly constants are drawn to the prior.
const PULL: f64 = 2e-4;

/// Words all in capitals are the third of the three cases.
const CAPITALS: usize = 2;

/// Tokens per unit of every feature, by coordinate descent.
pub(crate) fn fit(rows: &[Row]) -> [f64; FEATURES] {
    let mut gram = vec![[0.0; FEATURES]; FEATURES];
    let mut target = [0.0; FEATURES];
    for row in rows {
        let scale = row.weight / (row.tokens * row.tokens);
        for (j, &a) in row.counts.iter().enumerate().filter(|(_, a)| **a > 0) {
            target[j] += scale * f64::from(a) * row.tokens;
            for (k, &b) in row.counts.iter().enumerate() {
                gram[j][k] += scale * f64::from(a) * f64::from(b);
            }
        }
    }
    // A token each to begin with: more for long words, less where there is one count for every character or byte.
    let mut prior = [1.0; FEATURES];
    for (feature, tokens) in prior.iter_mut().enumerate().take(WORDS) {
        let (case, length) = (feature / LENGTHS % 3, feature % LENGTHS);
        *tokens =
            if case == CAPITALS { 1.0 + 0.5 * length as f64 } else { 1.0 + 0.05 * (length * length) as f64 };
    }
    PER_CHARACTER.iter().for_each(|feature| prior[*feature] = 0.3);
    let mut constants = prior;
    for _ in 0..3000 {
        for j in 0..FEATURES {
            let others: f64 = (0..FEATURES).filter(|k| *k != j).map(|k| gram[j][k] * constants[k]).sum();
            let best = (target[j] - others + PULL * prior[j]) / (gram[j][j] + PULL);
            constants[j] = best.max(0.0);
        }
    }
    constants
}
