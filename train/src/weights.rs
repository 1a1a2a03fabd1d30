//! From a model to the bytes that ship. The layout is described where the core reads it.

use pointsman::classify::{
    Task, feature_space,
    shape::{FEATURES, NAMES},
    weights::{AS_COUNTED, BUCKETS, LEAF, RAW_BITS},
};

use crate::{fit::Model, samples::Samples, trees::Child};

/// A monotone table from raw scores to expected gains, and the difficulty that shares of the mix reach.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    /// Raw score, gain in millionths; rising in both.
    pub points: Vec<(i32, u32)>,
    /// Permille that the hardest 1, 2, … hundredths of the mix reach.
    pub shares: Vec<u16>,
}

impl Calibration {
    /// A straight line: keeps the order of raw scores, and says nothing of gains.
    pub fn straight() -> Self {
        let most = 1 << RAW_BITS;
        Self { points: vec![(-most, 0), (most, 1_000_000)], shares: Vec::new() }
    }
}

/// Features that mean nothing in another language than English: their words and endings are English.
const ENGLISH: [&str; 26] = [
    "word_length",
    "long_words",
    "short_words",
    "upper_letters",
    "capitalised_words",
    "non_ascii",
    "rare_words",
    "past_tense",
    "progressive",
    "abstract_nouns",
    "plurals",
    "grammar_share",
    "single_letters",
    "list_law",
    "list_medicine",
    "list_unit",
    "list_science",
    "list_money",
    "list_logic",
    "list_passage",
    "list_grammar",
    "list_society",
    "list_hedge",
    "list_everyday",
    "list_agent",
    "list_foreign",
];

/// The bytes.
///
/// # Panics
/// Where a tree has more than 127 leaves.
pub fn encode(model: &Model, samples: &Samples, calibration: &Calibration) -> Vec<u8> {
    let mut bytes = b"PMW1".to_vec();
    let tasks = if model.head.is_some() { Task::ALL.len() } else { 0 };
    bytes.extend(feature_space().to_le_bytes());
    for count in [
        FEATURES,
        model.trees.len(),
        calibration.points.len(),
        tasks,
        samples.common.len(),
        calibration.shares.len(),
    ] {
        bytes.extend((count as u16).to_le_bytes());
    }
    let narrow = |value: f64| value.round().clamp(-32767.0, 32767.0) as i16;
    let line = &model.line;
    for (at, name) in NAMES.iter().enumerate().take(FEATURES) {
        let (least, most) = range(samples, at);
        let mean = narrow(line.mean[at]);
        let foreign = if ENGLISH.contains(name) { mean } else { AS_COUNTED };
        for value in [narrow(line.lowest[at]), narrow(line.highest[at]), mean, least, most, foreign] {
            bytes.extend(value.to_le_bytes());
        }
        let weight = line.weight[at] * f64::from(1u32 << (RAW_BITS + 8));
        bytes.extend((weight.round() as i32).to_le_bytes());
    }
    for tree in &model.trees {
        assert!(tree.leaves.len() <= usize::from(LEAF), "a tree is too large for its format");
        bytes.push(tree.nodes.len() as u8);
        for node in &tree.nodes {
            let child = |child: Child| match child {
                Child::Node(at) => at as u8,
                Child::Leaf(at) => LEAF | at as u8,
            };
            bytes.extend([node.feature as u8, child(node.left), child(node.right)]);
            bytes.extend(node.threshold.to_le_bytes());
        }
        for leaf in &tree.leaves {
            bytes.extend(narrow(leaf * f64::from(1u32 << (RAW_BITS - 4))).to_le_bytes());
        }
    }
    for (raw, gain) in &calibration.points {
        bytes.extend(raw.to_le_bytes());
        bytes.extend(gain.to_le_bytes());
    }
    bytes.extend(&samples.common);
    for share in &calibration.shares {
        bytes.extend(share.to_le_bytes());
    }
    if let Some(head) = &model.head {
        for bias in &head.bias {
            bytes.extend(((bias * 4096.0).round() as i32).to_le_bytes());
        }
        for weights in &head.shape {
            for (weight, spread) in weights.iter().zip(&model.spread) {
                let per_unit = if *spread > 1e-9 { weight / spread } else { 0.0 };
                bytes.extend(narrow(per_unit * 16384.0).to_le_bytes());
            }
        }
        for bucket in 0..BUCKETS {
            for weight in &head.buckets[bucket] {
                bytes.extend((((weight * 16.0).round()).clamp(-127.0, 127.0) as i8).to_le_bytes());
            }
        }
    }
    bytes
}

/// What nearly all prompts of a feature lie between, with some room.
fn range(samples: &Samples, at: usize) -> (i16, i16) {
    let mut values: Vec<i16> = samples.rows.iter().map(|row| row.shape.values[at]).collect();
    values.sort_unstable();
    let cut = values.len() / 1000;
    let (least, most) = (values[cut], values[values.len() - 1 - cut]);
    let room = (most.saturating_sub(least)) / 8;
    (least.saturating_sub(room), most.saturating_add(room))
}
