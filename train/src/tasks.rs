//! The head that tells tasks apart: a softmax over words in buckets, and over the shape.

use pointsman::classify::{
    Task,
    shape::{FEATURES, Shape},
    weights::BUCKETS,
};

use crate::chance::Chance;

/// Weights of the head, in logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// One a task.
    pub bias: Vec<f64>,
    /// For a standard deviation of each feature, by task.
    pub shape: Vec<Vec<f64>>,
    /// By bucket, then task.
    pub buckets: Vec<Vec<f64>>,
}

const TASKS: usize = Task::ALL.len();
const EPOCHS: usize = 8;
const RATE: f64 = 0.3;
/// Share of a step by which weights shrink.
const DECAY: f64 = 2e-5;

/// Buckets of the words that a text has.
pub fn buckets(shape: &Shape) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, bits) in shape.seen.iter().enumerate() {
        found.extend((0..64).filter(|bit| bits & (1 << bit) != 0).map(|bit| (at * 64 + bit) / 2));
    }
    found
}

/// Fits the head to shapes and their tasks. `scaled` gives a feature in standard deviations, or 0 for one that is not
/// to be used.
pub fn fit(rows: &[(&Shape, Task)], scaled: &dyn Fn(&Shape) -> Vec<f64>, seed: u64) -> Head {
    let mut head = Head {
        bias: vec![0.0; TASKS],
        shape: vec![vec![0.0; FEATURES]; TASKS],
        buckets: vec![vec![0.0; TASKS]; BUCKETS],
    };
    let mut squares = head.clone();
    let mut counts = [0u32; TASKS];
    for (_, task) in rows {
        counts[*task as usize] += 1;
    }
    let prepared: Vec<(Vec<usize>, Vec<f64>, usize, f64)> = rows
        .iter()
        .map(|(shape, task)| {
            let weight = (1000.0 / f64::from(counts[*task as usize])).sqrt();
            (buckets(shape), scaled(shape), *task as usize, weight)
        })
        .collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut chance = Chance::new(seed, "tasks");
    for _ in 0..EPOCHS {
        for at in (1..order.len()).rev() {
            order.swap(at, chance.below(at + 1));
        }
        for row in &order {
            let (words, shape, task, weight) = &prepared[*row];
            let norm = 1.0 / (words.len().max(1) as f64).sqrt();
            let mut logits = head.bias.clone();
            for (logit, weights) in logits.iter_mut().zip(&head.shape) {
                *logit += weights.iter().zip(shape).map(|(weight, value)| weight * value).sum::<f64>();
            }
            for word in words {
                for (logit, weight) in logits.iter_mut().zip(&head.buckets[*word]) {
                    *logit += weight * norm;
                }
            }
            let chances = softmax(&logits);
            for (at, chance) in chances.iter().enumerate() {
                let error = weight * (chance - f64::from(u8::from(at == *task)));
                if error.abs() < 1e-3 {
                    continue;
                }
                step(&mut head.bias[at], &mut squares.bias[at], error);
                for (feature, value) in shape.iter().enumerate() {
                    if *value != 0.0 {
                        let gradient = error * value * 0.1;
                        step(&mut head.shape[at][feature], &mut squares.shape[at][feature], gradient);
                    }
                }
                for word in words {
                    step(&mut head.buckets[*word][at], &mut squares.buckets[*word][at], error * norm);
                }
            }
        }
    }
    head
}

/// One step of AdaGrad.
fn step(weight: &mut f64, square: &mut f64, gradient: f64) {
    let gradient = gradient + DECAY * *weight;
    *square += gradient * gradient;
    *weight -= RATE * gradient / (square.sqrt() + 0.1);
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::MIN, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| exp(logit - most)).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// e^x for x ≤ 0, in operations that are the same on every machine, which a library's is not.
fn exp(x: f64) -> f64 {
    let scaled = x.max(-40.0) / 1024.0;
    let mut power = 1.0 + scaled * (1.0 + scaled * (0.5 + scaled * (1.0 / 6.0)));
    for _ in 0..10 {
        power *= power;
    }
    power
}
