//! Groups of near-equal prompts: a split that tears one apart would test on what was trained on.

use std::collections::BTreeMap;

/// Bands of the sketch; two prompts that agree in one of them are near-equal.
const BANDS: usize = 10;
/// Numbers of a band.
const ROWS: usize = 4;

/// A number for each text, the same for near-equal ones.
pub fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<usize> {
    let mut parents: Vec<usize> = Vec::new();
    let mut bands: BTreeMap<(usize, [u64; ROWS]), usize> = BTreeMap::new();
    for (n, text) in texts.enumerate() {
        parents.push(n);
        let sketch = sketch(text);
        for (band, rows) in sketch.chunks_exact(ROWS).enumerate() {
            let key: [u64; ROWS] = std::array::from_fn(|row| rows[row]);
            let first = *bands.entry((band, key)).or_insert(n);
            let (a, b) = (root(&parents, first), root(&parents, n));
            parents[a.max(b)] = a.min(b);
        }
    }
    (0..parents.len()).map(|n| root(&parents, n)).collect()
}

fn root(parents: &[usize], mut n: usize) -> usize {
    while parents[n] != n {
        n = parents[n];
    }
    n
}

/// The least hashes of the text's word triples, numbers left out: alike texts have alike sketches.
fn sketch(text: &str) -> Vec<u64> {
    let words: Vec<u64> = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| word.chars().count() > 1)
        .take(600)
        .map(|word| word.bytes().fold(7, |sum, byte| mix(sum, u64::from(byte | 0x20))))
        .collect();
    let triples: Vec<u64> = if words.len() < 3 {
        // Too short to be compared by parts: equal or not.
        vec![text.bytes().fold(11, |sum, byte| mix(sum, u64::from(byte)))]
    } else {
        words.windows(3).map(|triple| triple.iter().fold(3, |sum, word| mix(sum, *word))).collect()
    };
    (0..(BANDS * ROWS) as u64)
        .map(|n| triples.iter().map(|triple| mix(n + 1, *triple)).min().unwrap_or_default())
        .collect()
}

fn mix(sum: u64, more: u64) -> u64 {
    let mixed = (sum ^ more).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 29)
}
