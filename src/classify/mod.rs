//! How hard is this prompt?
mod features;

pub use features::{Features, Signal};

use core::fmt;

use crate::limits;

pub use crate::wire::Role;

/// A piece of prompt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'b> {
    /// Who wrote it.
    pub role: Role,
    /// JSON string content, without its quotes and still escaped.
    pub raw: &'b [u8],
}

/// How much a strong model is expected to gain over a cheap one, from 0 (nothing) to 1000, in thousandths.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Difficulty(u16);

/// A number above 1000 is no [`Difficulty`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DifficultyOutOfRange(u16);

impl Difficulty {
    /// Nothing to gain.
    pub const LOWEST: Self = Self(0);

    /// From thousandths.
    ///
    /// # Errors
    ///
    /// If `permille` is above 1000.
    pub const fn new(permille: u16) -> Result<Self, DifficultyOutOfRange> {
        if permille <= 1000 { Ok(Self(permille)) } else { Err(DifficultyOutOfRange(permille)) }
    }

    /// In thousandths.
    pub const fn permille(self) -> u16 {
        self.0
    }

    fn clamped(permille: u32) -> Self {
        Self(u16::try_from(permille.min(1000)).unwrap_or(1000))
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}‰", self.0)
    }
}

impl fmt::Display for DifficultyOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "difficulty {} is above 1000", self.0)
    }
}

impl core::error::Error for DifficultyOutOfRange {}

/// Judges prompts. Built once per configuration; holds no state of any request.
#[derive(Clone, Debug)]
pub struct Classifier(());

/// Bytes of the newest user text that are looked at.
const NEWEST: u64 = limits::TEXT_SAMPLE as u64 / 4 * 3;
/// Bytes of the user turn before it, looked at only if the newest one is short.
const EARLIER: u64 = limits::TEXT_SAMPLE as u64 / 4;
/// Words below which a turn counts as a follow-up to the one before.
const FOLLOW_UP: u32 = 24;

impl Classifier {
    /// The hand-made rule described in the module's documentation.
    pub const fn interim() -> Self {
        Self(())
    }

    /// Judges a conversation by its newest user text.
    ///
    /// Walks over the pieces up to three times, but looks at no more than [`limits::TEXT_SAMPLE`] of their bytes.
    /// Without any user text the result is [`Difficulty::LOWEST`].
    pub fn classify<'b, I>(&self, pieces: I) -> Difficulty
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        self.judge(pieces).0
    }

    /// The result, and the bytes looked at.
    fn judge<'b, I>(&self, pieces: I) -> (Difficulty, u64)
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        let (newest, earlier) = turns(pieces.clone());
        let features = newest.read(pieces.clone(), NEWEST);
        let score = score(&features);
        if features.words >= FOLLOW_UP || features.is_routine() || features.signal(Signal::Chatter) > 0 {
            return (Difficulty::clamped(score), features.bytes);
        }
        // "Yes, go on" is as hard as what it answers.
        let before = earlier.read(pieces, EARLIER);
        let (own, inherited) = (features.words, FOLLOW_UP - features.words);
        let mixed = (score * own + self::score(&before) * inherited) / FOLLOW_UP;
        (Difficulty::clamped(score.max(mixed)), features.bytes.saturating_add(before.bytes))
    }
}

/// Consecutive pieces of user text: from one index up to another.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    start: usize,
    end: usize,
    bytes: u64,
}

/// The newest user turn that is not empty, and the one before it.
fn turns<'b>(pieces: impl Iterator<Item = Text<'b>>) -> (Turn, Turn) {
    let (mut newest, mut earlier) = (Turn::default(), Turn::default());
    for (n, piece) in pieces.enumerate() {
        if piece.role != Role::User || piece.raw.is_empty() {
            continue;
        }
        if newest.end != n || newest.bytes == 0 {
            earlier = newest;
            newest = Turn { start: n, end: n, bytes: 0 };
        }
        newest.end = n + 1;
        newest.bytes = newest.bytes.saturating_add(piece.raw.len() as u64);
    }
    (newest, earlier)
}

impl Turn {
    /// Counts what the turn holds. Of a long one, the beginning and the end: there the question stands.
    fn read<'b>(self, pieces: impl Iterator<Item = Text<'b>>, budget: u64) -> Features {
        let mut features = Features::default();
        let head = if self.bytes > budget { budget / 2 } else { budget };
        let tail = self.bytes.saturating_sub(budget / 2).max(head);
        let mut at = 0u64;
        for piece in pieces.take(self.end).skip(self.start) {
            let end = at.saturating_add(piece.raw.len() as u64);
            let part = |from: u64, to: u64| {
                let offset = |place: u64| usize::try_from(place.clamp(at, end) - at).unwrap_or(usize::MAX);
                piece.raw.get(offset(from)..offset(to)).unwrap_or_default()
            };
            for part in [part(0, head), part(tail, u64::MAX)] {
                if !part.is_empty() {
                    features.add(part);
                }
            }
            at = end;
        }
        features
    }
}

/// The weights. Each line is one opinion; signs and sizes are explained in the module's documentation.
fn score(features: &Features) -> u32 {
    let words = features.words;
    if words <= 8 && features.signal(Signal::Chatter) > 0 {
        return 20;
    }
    let capped = |count: u32, each: u32, most: u32| count.saturating_mul(each).min(most);
    let length = match words {
        0 => 0,
        1..=3 => 20,
        4..=8 => 50,
        9..=16 => 90,
        17..=32 => 130,
        33..=64 => 190,
        65..=128 => 250,
        129..=256 => 300,
        _ => 340,
    };
    // The first word of a kind says most.
    let of = |signal, [one, two, three, more]: [u32; 4]| match features.signal(signal) {
        0 => 0,
        1 => one,
        2 => two,
        3 => three,
        _ => more,
    };
    let words_say = of(Signal::Proof, [350, 400, 400, 400])
        + of(Signal::Deep, [170, 290, 370, 420])
        + of(Signal::Reason, [110, 200, 270, 330])
        + of(Signal::Build, [50, 90, 120, 120]);
    let shape_says = length
        + capped(features.signal(Signal::Constraint), 25, 100)
        + capped(features.signal(Signal::Step), 20, 80)
        + capped(features.numbers, 4, 40)
        + capped(features.operators, 4, 60)
        + capped(features.tex, 10, 80)
        + capped(features.code, 3, 60)
        + capped(features.items, 10, 60)
        + capped(features.questions.saturating_sub(1), 15, 45);
    // Routine work stays routine, however long or learned the text it is done on.
    if features.is_routine() { shape_says * 3 / 8 + words_say / 8 } else { shape_says + words_say }
}
