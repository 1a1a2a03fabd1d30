//! What a prompt asks for, as its data says and as the task head says.

use pointsman::classify::Task;
use serde::Serialize;
use train::samples::Samples;

/// Counts by task.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Confusion {
    pub(crate) tasks: Vec<&'static str>,
    /// By labelled task, then by told task.
    pub(crate) counts: Vec<Vec<u32>>,
    /// Prompts that are told right.
    pub(crate) right: f64,
    /// The mean over tasks.
    pub(crate) right_by_task: f64,
}

/// The table. `told` is out of fold.
pub(crate) fn of(samples: &Samples, told: &[Task]) -> Confusion {
    let mut counts = vec![vec![0u32; Task::ALL.len()]; Task::ALL.len()];
    for (sample, told) in samples.rows.iter().zip(told) {
        counts[sample.task as usize][*told as usize] += 1;
    }
    let total = |row: &[u32]| row.iter().sum::<u32>();
    let right: u32 = counts.iter().enumerate().map(|(task, row)| row[task]).sum();
    let shares: Vec<f64> = counts
        .iter()
        .enumerate()
        .filter(|(_, row)| total(row) > 0)
        .map(|(task, row)| f64::from(row[task]) / f64::from(total(row)))
        .collect();
    Confusion {
        tasks: Task::ALL.map(Task::name).to_vec(),
        right: f64::from(right) / samples.rows.len().max(1) as f64,
        right_by_task: shares.iter().sum::<f64>() / shares.len().max(1) as f64,
        counts,
    }
}
