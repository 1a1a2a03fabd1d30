//! What may be remembered of a conversation between its calls: sharper with it, right without it.
//!
//! A door that has a store keeps a [`Remembered`] under the conversation's [`Identity`], hands it
//! in with the next call, and may lose it at any time. It says two things that a request does not: how long the
//! conversation was silent, and how many tokens its last call had by the provider's own count: tools, images and all.

use alloc::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    course::{Cause, Course},
    warm::BYTES_PER_TOKEN,
};
use crate::{agent::Identity, limits};

/// What is remembered of a conversation. Numbers and a hash: no text, no names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remembered {
    /// Index of the tier that was decided on.
    pub tier: u8,
    /// Index of the tier that the history alone spoke for, at that time.
    pub told: u8,
    /// Hash of the target that answered: its cache is the warm one.
    pub target: u32,
    /// Tokens of the prompt as the provider counted them, however they were billed.
    pub prefix_tokens: u32,
    /// Bytes of the conversation's text in that prompt.
    pub prefix_bytes: u32,
    /// When it answered, in seconds since 1970.
    pub seen: u32,
    /// How long its cache lives, in seconds.
    pub life: u32,
}

/// Bytes of a [`Remembered`] in a store.
pub const BYTES: usize = 23;

/// The form in a store: a version, then the fields, big end first.
const VERSION: u8 = 2;

impl Remembered {
    /// For a store.
    pub fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let numbers = [self.target, self.prefix_tokens, self.prefix_bytes, self.seen, self.life];
        let all =
            [VERSION, self.tier, self.told].into_iter().chain(numbers.into_iter().flat_map(u32::to_be_bytes));
        for (slot, byte) in bytes.iter_mut().zip(all) {
            *slot = byte;
        }
        bytes
    }

    /// From a store; `None` where the bytes are none of this version's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, tier, told, rest @ ..] = bytes else { return None };
        let (numbers, []) = rest.as_chunks::<4>() else { return None };
        let [target, prefix_tokens, prefix_bytes, seen, life] =
            <[[u8; 4]; 5]>::try_from(numbers).ok()?.map(u32::from_be_bytes);
        Some(Self { tier: *tier, told: *told, target, prefix_tokens, prefix_bytes, seen, life })
    }

    /// Whether the cache of the conversation is still there.
    pub const fn is_warm(&self, now: u32) -> bool {
        now.saturating_sub(self.seen) < self.life
    }

    /// The size of the conversation from here on. `bytes` are those of its text now: a history that has become shorter is
    /// another one, of which nothing was counted.
    pub fn prefix(&self, bytes: u64) -> Prefix {
        let counted = (u64::from(self.prefix_bytes), u64::from(self.prefix_tokens));
        Prefix { counted: Some(counted).filter(|(at, _)| *at <= bytes) }
    }
}

/// How large a conversation is at a point of its history, in tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefix {
    /// Bytes of its text at the last call, and the tokens that this call had.
    counted: Option<(u64, u64)>,
}

impl Prefix {
    /// Tokens of the conversation's first `bytes` of text: what was counted, and an estimate of what was added since. Of the
    /// history before that, and where nothing was counted, it is an estimate by length.
    pub fn tokens(self, bytes: u64) -> u64 {
        let (at, tokens) = self.counted.filter(|(at, _)| *at < bytes).unwrap_or_default();
        tokens.saturating_add(bytes.saturating_sub(at) / BYTES_PER_TOKEN)
    }
}

/// What a process or isolate remembers of conversations: at most [`limits::CONVERSATIONS`], the ones that were heard of
/// last.
#[derive(Clone, Debug, Default)]
pub struct Conversations {
    young: BTreeMap<Identity, Remembered>,
    /// Those of the generation before: what was not heard of since is dropped with it.
    old: BTreeMap<Identity, Remembered>,
}

impl Conversations {
    /// What is remembered of a conversation.
    pub fn get(&self, identity: Identity) -> Option<Remembered> {
        self.young.get(&identity).or_else(|| self.old.get(&identity)).copied()
    }

    /// Remembers it, in place of what was known.
    pub fn keep(&mut self, identity: Identity, remembered: Remembered) {
        if self.young.len() >= limits::CONVERSATIONS / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(identity, remembered);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }
}

/// A fixed number of places for what is remembered, for a store that cannot forget: a conversation has the place that its
/// hash leads to, in turn with all others of that place. [`limits::CONVERSATIONS`] places in all.
#[derive(Clone, Copy, Debug)]
pub struct Shelf {
    document: u64,
}

/// Bytes of a place that is taken: whose it is, and the [`Remembered`].
const PLACE: usize = 8 + BYTES;

impl Shelf {
    /// For this configuration document: under another one the tiers are others, and nothing is known.
    pub fn new(document: &[u8]) -> Self {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(document).into();
        Self { document: u64::from_be_bytes([a, b, c, d, e, f, g, h]) }
    }

    /// Number of the place that a conversation has: below [`limits::CONVERSATIONS`].
    pub const fn place(&self, identity: Identity) -> u64 {
        self.mark(identity) % limits::CONVERSATIONS as u64
    }

    /// What is remembered of a conversation, by the bytes that stand in its place; `None` where they are another's, too old,
    /// or no such bytes at all.
    pub fn read(&self, identity: Identity, bytes: &[u8], now: u64) -> Option<Remembered> {
        let remembered = Remembered::from_bytes(bytes.strip_prefix(&self.mark(identity).to_be_bytes())?)?;
        let age = now.saturating_sub(u64::from(remembered.seen));
        (age < u64::from(limits::REMEMBERED_SECONDS)).then_some(remembered)
    }

    /// What is to stand in the conversation's place instead of these bytes; `None` where they are already newer.
    pub fn write(&self, identity: Identity, remembered: Remembered, standing: &[u8]) -> Option<[u8; PLACE]> {
        let known =
            standing.strip_prefix(&self.mark(identity).to_be_bytes()).and_then(Remembered::from_bytes);
        if known.is_some_and(|known| known.seen > remembered.seen) {
            return None;
        }
        let mut place = [0; PLACE];
        let bytes = self.mark(identity).to_be_bytes().into_iter().chain(remembered.to_bytes());
        for (slot, byte) in place.iter_mut().zip(bytes) {
            *slot = byte;
        }
        Some(place)
    }

    const fn mark(&self, identity: Identity) -> u64 {
        identity.value() ^ self.document
    }
}

impl Course {
    /// The course that the history speaks for, put right by what is remembered: a conversation that was silent for longer
    /// than its cache lives can move freely, another one moves only as far as the history has moved since.
    pub fn with(mut self, memory: &Remembered, now: u32, tiers: usize) -> Self {
        let last = tiers.saturating_sub(1);
        let told = self.tier;
        if memory.is_warm(now) {
            let moved =
                usize::from(memory.tier).saturating_add(told).saturating_sub(usize::from(memory.told));
            self.tier = moved.min(last);
        } else if self.standing < self.tier {
            self.tier = self.standing;
            self.cause = Cause::Asked;
        }
        self
    }
}

/// The hash by which a target is remembered: FNV-1a, 32 bits.
pub fn target_hash(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back_and_anything_else_is_nothing() {
        let memory = Remembered {
            tier: 1,
            told: 2,
            target: 3,
            prefix_tokens: 40_000,
            prefix_bytes: 150_000,
            seen: 1_800_000_000,
            life: 300,
        };
        assert_eq!(Remembered::from_bytes(&memory.to_bytes()), Some(memory));
        assert_eq!(Remembered::from_bytes(&memory.to_bytes()[1..]), None);
        assert_eq!(Remembered::from_bytes(b""), None);
        assert_eq!(Remembered::from_bytes(&[VERSION + 1; BYTES]), None);
        assert!(memory.is_warm(1_800_000_299) && !memory.is_warm(1_800_000_300));
    }
}
