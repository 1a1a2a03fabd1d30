//! What a memory of the conversation adds to an exchange: it is read before the decision, and written after the answer.

use super::{Memo, heard::Case};
use crate::{
    agent::Identity,
    policy::{self, Ask, Decision, Remembered},
};

/// What is remembered of a request's conversation, and what there will be to remember.
pub(super) struct Recalled<'a> {
    /// With the time, in seconds since 1970.
    memory: Option<(&'a Remembered, u32)>,
    /// Index of the tier that the history alone speaks for.
    told: usize,
    /// Index of the tier with what is remembered.
    held: usize,
}

impl Case<'_> {
    /// Puts the course that the history speaks for right by what is remembered.
    pub(super) fn recall<'m>(
        &self,
        memory: Option<&'m Remembered>,
        now: Option<u64>,
        ask: &mut Ask,
    ) -> Recalled<'m> {
        let told = ask.course.map_or(0, |course| course.tier);
        let memory = memory.zip(now.and_then(|now| u32::try_from(now).ok()));
        // What is remembered of a prefix that is gone says nothing any more, nor does anything of a beginning.
        let gone = self.story.answers == 0 || self.pending.hints.compacted() || ask.step.is_aside();
        let memory = memory.filter(|_| !gone);
        if let Some((memory, now)) = memory {
            ask.course = ask.course.map(|course| course.with(memory, now, self.ladder.tiers.len()));
        }
        Recalled { memory, told, held: ask.course.map_or(0, |course| course.tier) }
    }
}

impl Recalled<'_> {
    /// Puts the target with the warm cache before the others of its tier.
    pub(super) fn warm_first(&self, case: &Case<'_>, decision: &mut Decision) {
        if let Some((memory, _)) = self.memory.filter(|(memory, now)| memory.is_warm(*now)) {
            policy::warm_first(&case.router.config, case.ladder, decision, memory);
        }
    }

    /// What is to be remembered of the decision.
    pub(super) const fn memo(&self, identity: Identity) -> Memo {
        Memo { identity, tier: self.held, told: self.told }
    }
}
