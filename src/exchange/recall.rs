//! What a memory of the conversation adds to an exchange: it is read before the decision, and written after the answer.

use super::{Heard, Memo, heard::Case};
use crate::{
    agent::{Hints, Identity, Story},
    policy::{self, Course, Decision, Prefix, Remembered},
};

impl Heard<'_> {
    /// The conversation, where what is remembered of it can move the decision: it goes on, and was not compacted.
    pub fn recalls(&self) -> Option<Identity> {
        let (_, story) = self.read.as_ref().ok()?;
        self.identity().filter(|_| story.answers > 0 && !self.pending.hints.compacted())
    }
}

/// What is remembered of a request's conversation, and what there will be to remember.
#[derive(Default)]
pub(super) struct Recalled<'a> {
    /// With the time, in seconds since 1970.
    memory: Option<(&'a Remembered, u32)>,
    /// Bytes of the conversation's text.
    bytes: u64,
    /// Index of the tier that the history alone speaks for.
    told: usize,
    /// Index of the tier with what is remembered.
    held: usize,
}

impl<'a> Recalled<'a> {
    pub(super) fn new(
        memory: Option<&'a Remembered>,
        now: Option<u64>,
        hints: &Hints,
        story: &Story,
    ) -> Self {
        // What is remembered of a prefix that is gone says nothing any more, nor does anything of a beginning.
        let gone = story.answers == 0 || hints.compacted();
        let memory = memory.filter(|_| !gone).zip(now.and_then(|now| u32::try_from(now).ok()));
        Self { memory, bytes: story.bytes, ..Self::default() }
    }

    /// The memory, while the cache of the conversation is there.
    fn warm(&self) -> Option<&'a Remembered> {
        self.memory.filter(|(memory, now)| memory.is_warm(*now)).map(|(memory, _)| memory)
    }

    /// Whether a cache holds the conversation, as far as is known.
    pub(super) fn is_warm(&self) -> bool {
        self.memory.is_none_or(|(memory, now)| memory.is_warm(now))
    }

    /// How large the conversation is.
    pub(super) fn prefix(&self) -> Prefix {
        self.memory.map_or_else(Prefix::default, |(memory, _)| memory.prefix(self.bytes))
    }

    /// The course of the conversation: `plot` tells the one that its history speaks for with such a size.
    pub(super) fn course(&mut self, tiers: usize, mut plot: impl FnMut(Prefix) -> Course) -> Course {
        let course = plot(Prefix::default());
        self.told = course.tier;
        let course = match self.memory {
            Some((memory, now)) => {
                let sharper = if self.warm().is_some() { plot(self.prefix()) } else { course };
                sharper.with(memory, now, tiers)
            }
            None => course,
        };
        self.held = course.tier;
        course
    }

    /// Puts the target with the warm cache before the others of its tier.
    pub(super) fn warm_first(&self, case: &Case<'_>, decision: &mut Decision) {
        if let Some(memory) = self.warm() {
            policy::warm_first(&case.router.config, case.ladder, decision, memory);
        }
    }

    /// What is to be remembered of the decision.
    pub(super) const fn memo(&self, identity: Identity) -> Memo {
        Memo { identity, tier: self.held, told: self.told, bytes: self.bytes }
    }
}
