//! The cache in the price: is it cheaper to stay with a model whose cache holds the conversation, or to move?
//!
//! Per token: `r` read from the cache, `w` written to it, `q` answered. With a warm prefix of `P` tokens, `d` new prompt
//! tokens and `o` tokens of answer a turn:
//!
//! ```text
//! stay(n)   = n (P rA + d wA + o qA)
//! switch(n) = P wB + d wB + o qB + (n-1) (P rB + d wB + o qB)
//! ```
//!
//! What it would cost to come back is left out: this router does not come back within a warm prefix unless something
//! new is known.

use crate::{
    catalog::Model,
    price::{FlatRates, PicoUsd},
};

/// New prompt tokens of an agent's turn: what tools brought. The median of recorded coding runs is 600 to 1500.
const NEW: u64 = 1500;

/// Tokens of an answer.
const ANSWER: u64 = 700;

/// Tokens of a summary.
const SUMMARY: u64 = 2000;

/// Seconds that a prompt cache is taken to live where nobody told: the shortest that any provider promises.
pub(super) const LIFE_SECONDS: u32 = 300;

/// Bytes that are taken for a token where no estimate was made and no usage is known.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// What a model's tokens cost with a prefix of this size.
#[derive(Clone, Copy)]
struct Terms {
    read: PicoUsd,
    write: PicoUsd,
    cold: PicoUsd,
    answer: PicoUsd,
}

fn terms(model: &Model, prefix: u64) -> Option<Terms> {
    let rates: FlatRates = model.rates.as_ref()?.at(prefix, None);
    // A prefix that is too short for the cache is bought anew every time.
    let cached = prefix >= model.cache_min_prefix_tokens.unwrap_or(0);
    let (read, write) =
        if cached { (rates.cache_read, rates.cache_write_short) } else { (rates.input, rates.input) };
    Some(Terms { read, write, cold: write, answer: rates.output })
}

impl Terms {
    fn warm(self, prefix: u64) -> PicoUsd {
        self.read
            .saturating_mul(prefix)
            .saturating_add(self.write.saturating_mul(NEW))
            .saturating_add(self.answer.saturating_mul(ANSWER))
    }

    fn first(self, prefix: u64) -> PicoUsd {
        self.cold
            .saturating_mul(prefix.saturating_add(NEW))
            .saturating_add(self.answer.saturating_mul(ANSWER))
    }
}

/// Whether a conversation with a prefix of so many tokens, warm at `from`, is cheaper to go on at `to`.
///
/// How many turns it will go on is not known; as many as it had is a fair first guess for something with a heavy tail.
/// Where a price is not known, it stays.
pub(super) fn pays(from: &Model, to: &Model, prefix: u64, turns: u64) -> bool {
    let (Some(a), Some(b)) = (terms(from, prefix), terms(to, prefix)) else { return false };
    let turns = turns.max(1);
    let stay = a.warm(prefix).saturating_mul(turns);
    let switch = b.first(prefix).saturating_add(b.warm(prefix).saturating_mul(turns.saturating_sub(1)));
    switch < stay
}

/// What a summary of a history of so many tokens costs, where it is warm and where it is not.
pub(super) fn summary(model: &Model, prefix: u64, warm: bool) -> Option<PicoUsd> {
    let terms = terms(model, prefix)?;
    let read = if warm { terms.read } else { terms.cold };
    Some(read.saturating_mul(prefix).saturating_add(terms.answer.saturating_mul(SUMMARY)))
}

/// How long a model's cache keeps a prefix, in seconds.
pub fn life_seconds(model: &Model) -> u32 {
    model.cache_life_seconds.unwrap_or(LIFE_SECONDS)
}
