//! What all the samples of a request used and cost, those that were cancelled too.

use alloc::vec::Vec;

use super::Receipt;
use crate::price::PicoUsd;

/// A line for each sample that is over.
#[derive(Clone, Debug, Default)]
pub struct Bill(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    sample: usize,
    receipt: Option<Receipt>,
    attempts: u32,
    cancelled: bool,
}

/// The whole of a bill.
#[derive(Clone, Debug)]
pub struct Total {
    /// The delivered sample's, with what the others used and cost added.
    pub receipt: Option<Receipt>,
    /// What each used and cost by itself: the delivered one beside its baseline, the others in place of nothing.
    pub each: Vec<Receipt>,
    /// How many were asked.
    pub samples: usize,
    /// How many of them were cancelled.
    pub cancelled: usize,
    /// Attempts of all of them.
    pub attempts: u32,
}

impl Bill {
    /// A sample is over, by its number. Of one that was cancelled, `receipt` is what it may have cost:
    /// [`Forward::cancelled`](super::Forward::cancelled).
    pub fn add(&mut self, sample: usize, receipt: Option<Receipt>, attempts: u32, cancelled: bool) {
        self.0.push(Line { sample, receipt, attempts, cancelled });
    }

    /// All of it. `delivered` is the sample whose answer goes to the client.
    pub fn total(self, delivered: Option<usize>) -> Total {
        let lines = self.0;
        let (samples, cancelled) = (lines.len(), lines.iter().filter(|line| line.cancelled).count());
        let attempts = lines.iter().map(|line| line.attempts).fold(0, u32::saturating_add);
        let (mut whole, mut each) = (None::<Receipt>, Vec::new());
        for line in lines {
            let is_delivered = Some(line.sample) == delivered;
            let Some(receipt) = line.receipt else { continue };
            let receipt = if is_delivered { receipt } else { receipt.beside() };
            whole = Some(match whole {
                // What is said of the answer is said of the delivered one.
                Some(sum) if is_delivered => receipt.clone().with(&sum),
                Some(sum) => sum.with(&receipt),
                None => receipt.clone(),
            });
            each.push(receipt);
        }
        Total { receipt: whole, each, samples, cancelled, attempts }
    }
}

impl Total {
    /// What budgets are charged.
    pub fn charge(&self) -> PicoUsd {
        self.each.iter().fold(PicoUsd::ZERO, |sum, receipt| sum.saturating_add(receipt.charge()))
    }

    /// What became of how many, where it is any: `delivered`, `cancelled`, `beside`.
    pub fn fates(&self, delivered: bool) -> impl Iterator<Item = (&'static str, usize)> {
        let delivered = usize::from(delivered);
        let beside = self.samples.saturating_sub(self.cancelled).saturating_sub(delivered);
        let all = [("delivered", delivered), ("cancelled", self.cancelled), ("beside", beside)];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}
