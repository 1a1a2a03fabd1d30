//! A word as it is read: its hash, and what its letters are like.

use super::lexicon::{SEED, hash};

/// Letters of the beginning of a word, by which its forms are alike.
pub(super) const BEGINNING: usize = 6;

/// As much of a word as was read.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    pub(super) hash: u32,
    pub(super) letters: u32,
    pub(super) upper: u32,
    pub(super) foreign: u32,
    /// The last four letters in lower case, the last of all on top.
    pub(super) end: u32,
    /// The beginning: the first six letters, hashed.
    pub(super) start: u32,
    pub(super) inner: bool,
}

impl Word {
    pub(super) const NONE: Self =
        Self { hash: SEED, letters: 0, upper: 0, foreign: 0, end: 0, start: 0, inner: false };

    /// With the letters that a text begins with, and how many they are.
    #[inline(never)]
    pub(super) fn and(self, text: &[u8]) -> (usize, Self) {
        let (mut length, mut hashed, mut all) = (0, self.hash, 0x20);
        let mut start = None;
        for &byte in text {
            let lower = byte | 0x20;
            if !lower.is_ascii_lowercase() {
                break;
            }
            if length == BEGINNING {
                start = Some(hashed);
            }
            hashed = hash(hashed, lower);
            all &= byte;
            length += 1;
        }
        let start = start.unwrap_or(hashed);
        let run = text.get(..length).unwrap_or_default();
        let first = self.letters == 0 && run.first().is_some_and(u8::is_ascii_uppercase);
        let upper =
            if all == 0 { run.iter().filter(|byte| byte.is_ascii_uppercase()).count() as u32 } else { 0 };
        let end = match run.last_chunk::<4>() {
            Some(last) => u32::from_le_bytes(*last) | 0x2020_2020,
            None => run.iter().fold(self.end, |end, byte| end >> 8 | u32::from(byte | 0x20) << 24),
        };
        let word = Self {
            hash: hashed,
            letters: self.letters + length as u32,
            upper: self.upper + upper,
            foreign: self.foreign,
            end,
            start: if self.start == 0 { start } else { self.start },
            inner: self.inner | (upper > u32::from(first)),
        };
        (length, word)
    }
}

/// Up to seven letters, and at least a byte behind them, in one number.
pub(super) struct Short {
    bytes: u64,
    pub(super) length: usize,
}

/// A number with this byte in each place.
const fn each(byte: u8) -> u64 {
    u64::MAX / 0xFF * byte as u64
}

impl Short {
    /// `None` where more letters stand there, or too little text.
    #[inline(always)]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let bytes = u64::from_le_bytes(*text.first_chunk()?);
        // The high bit of each byte: whether it is at least an `a`, whether it is above a `z`, whether it is no ASCII.
        let lower = (bytes | each(0x20)) & each(0x7F);
        let (from_a, behind_z) = (lower + each(0x80 - b'a'), lower + each(0x7F - b'z'));
        let others = !(from_a & !behind_z & !bytes) & each(0x80);
        (others != 0).then(|| Self { bytes, length: others.trailing_zeros() as usize / 8 })
    }

    /// As a word of its own.
    #[inline(always)]
    pub(super) fn word(&self) -> Word {
        let room = 64 - 8 * self.length as u32;
        // None has no letter, so that the shift is less than 64.
        let own = self.bytes << (room & 63);
        let lower = self.bytes | each(0x20);
        let (mut left, mut hashed) = (lower, SEED);
        for _ in 0..self.length.min(BEGINNING) {
            (hashed, left) = (hash(hashed, left as u8), left >> 8);
        }
        let start = hashed;
        if self.length > BEGINNING {
            hashed = hash(hashed, left as u8);
        }
        let small = each(0x20) << (room & 63);
        let capitals = !own & small;
        let (upper, inner) = if capitals == 0 {
            (0, false)
        } else {
            let upper = capitals.count_ones();
            (upper, upper > u32::from(self.bytes & 0x20 == 0))
        };
        let end = ((own | small) >> 32) as u32;
        Word { hash: hashed, letters: self.length as u32, upper, foreign: 0, end, start, inner }
    }
}
