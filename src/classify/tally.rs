//! The counts of a sentence or a text. What is counted with each word is packed, four counts in a number: most of the time
//! of a judgement goes by here.

use super::lexicon::{LANES, LISTS, Mask};

/// What is counted of a sentence. The first of them are counted with each word, four of 16 bits in a number: a text that
/// is looked at has fewer words than that.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(super) enum Count {
    Words,
    Long,
    Short,
    Single,
    Distinct,
    Foreign,
    Known,
    Capital,
    Names,
    Plain,
    Rare,
    LongNumbers,
    Past,
    Progressive,
    Abstract,
    Plural,
    Letters,
    UpperLetters,
    Numbers,
    Decimals,
    Operators,
    Tex,
    Dollars,
    Brackets,
    Parentheses,
    Quotes,
    Commas,
    Colons,
    Code,
    Wide,
    NonAscii,
    Questions,
    Blanks,
    Digits,
}

/// Numbers that hold the counts of words, four in each.
const PACKED: usize = 4;
const COUNTS: usize = Count::Digits as usize + 1 - PACKED * 4;

/// One, at the place of this count of words.
pub(super) const fn one(count: Count) -> u64 {
    1 << (count as usize % 4 * 16)
}

/// One at the place of this count of words, or nothing.
pub(super) fn when(condition: bool, count: Count) -> u64 {
    u64::from(condition) << (count as usize % 4 * 16)
}

/// A bit, 0 or 1, at the place of this count of words.
pub(super) const fn at(count: Count, bit: u64) -> u64 {
    bit << (count as usize % 4 * 16)
}

/// What the length of a word says.
#[derive(Clone, Copy)]
pub(super) struct Length {
    /// What it adds to the first four counts.
    pub(super) counts: u64,
    /// 1 where a word of ASCII letters is long enough to be plain or rare.
    pub(super) plain: u64,
    /// All bits where it is more than a letter.
    pub(super) several: u64,
}

/// Of a word of so many letters.
pub(super) fn by_length(letters: u32) -> Length {
    const NONE: Length = Length { counts: 0, plain: 0, several: 0 };
    BY_LENGTH.get(letters.min(9) as usize).copied().unwrap_or(NONE)
}

#[allow(clippy::indexing_slicing, reason = "at compile time")]
const BY_LENGTH: [Length; 10] = {
    let mut table = [Length { counts: 0, plain: 0, several: 0 }; 10];
    let mut letters = 1;
    while letters < 10 {
        table[letters].counts = one(Count::Words)
            + if letters == 9 { one(Count::Long) } else { 0 }
            + if letters <= 3 { one(Count::Short) } else { 0 }
            + if letters == 1 { one(Count::Single) } else { 0 };
        table[letters].plain = if letters > 3 { 1 } else { 0 };
        table[letters].several = if letters > 1 { u64::MAX } else { 0 };
        letters += 1;
    }
    table
};

/// An ending that says something: what the last letters must be, and of how long a word.
#[derive(Clone, Copy)]
struct Ending {
    mask: u32,
    letters: [u32; 2],
    longer_than: u32,
    count: u64,
}

/// `one` or `other` behind anything, in words longer than this.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
const fn tail(one: &[u8], other: &[u8], longer_than: u32, count: u64) -> Ending {
    let (mut letters, mut n) = ([0, 0], 0);
    while n < one.len() {
        letters = [letters[0] >> 8 | (one[n] as u32) << 24, letters[1] >> 8 | (other[n] as u32) << 24];
        n += 1;
    }
    Ending { mask: u32::MAX << (32 - 8 * one.len()), letters, longer_than, count }
}

/// The endings, by number; the first is none.
const ENDINGS: [Ending; 10] = [
    tail(b"ed", b"ed", u32::MAX, 0),
    tail(b"ed", b"ed", 3, one(Count::Past)),
    tail(b"ing", b"ing", 4, one(Count::Progressive)),
    tail(b"tion", b"sion", 0, one(Count::Abstract)),
    tail(b"ment", b"ment", 0, one(Count::Abstract)),
    tail(b"ness", b"ness", 0, one(Count::Abstract)),
    tail(b"ity", b"ity", 5, one(Count::Abstract)),
    tail(b"ism", b"ism", 5, one(Count::Abstract)),
    tail(b"ance", b"ence", 5, one(Count::Abstract)),
    tail(b"s", b"s", 3, one(Count::Plural)),
];

/// The number of the ending that the last two letters (the low five bits of each) may belong to. A table instead of
/// branches, since how a word ends is anybody's guess.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
const BY_LAST_TWO: [u8; 1024] = {
    let mut table = [0; 1024];
    let plural = b's' as usize & 31;
    let mut before = 0;
    while before < 32 {
        table[before << 5 | plural] = 9;
        before += 1;
    }
    let pairs = [
        (b"us", 0),
        (b"is", 0),
        (b"ed", 1),
        (b"ng", 2),
        (b"on", 3),
        (b"nt", 4),
        (b"ss", 5),
        (b"ty", 6),
        (b"sm", 7),
        (b"ce", 8),
    ];
    let mut n = 0;
    while n < pairs.len() {
        let ([before, last], ending) = pairs[n];
        table[(*before as usize & 31) << 5 | (*last as usize & 31)] = ending;
        n += 1;
    }
    table
};

/// What the last four letters of a word, the last of all on top, add to the last four counts of words.
pub(super) fn ending(end: u32, letters: u32) -> u64 {
    let two = (end >> 16 & 31) << 5 | end >> 24 & 31;
    let number = BY_LAST_TWO.get(two as usize).copied().unwrap_or_default();
    let Some(ending) = ENDINGS.get(usize::from(number)) else { return 0 };
    let last = end & ending.mask;
    let [first, second] = ending.letters;
    let is = ((last == first) | (last == second)) & (letters > ending.longer_than);
    if is { ending.count } else { 0 }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    words: [u64; PACKED],
    counts: [u32; COUNTS],
    /// Hits of the lists, four of 16 bits in a number.
    lists: [u64; LANES],
    pub(super) largest: u32,
}

impl Tally {
    pub(super) const EMPTY: Self =
        Self { words: [0; PACKED], counts: [0; COUNTS], lists: [0; LANES], largest: 0 };

    /// For all but the counts of words.
    pub(super) fn add(&mut self, count: Count, more: u32) {
        if let Some(place) = self.counts.get_mut((count as usize).wrapping_sub(PACKED * 4)) {
            *place = place.wrapping_add(more);
        }
    }

    pub(super) fn add_word(&mut self, counts: [u64; PACKED]) {
        for (place, more) in self.words.iter_mut().zip(counts) {
            *place = place.wrapping_add(more);
        }
    }

    /// Words, characters of scripts without spaces, and numbers: without any, a text says nothing.
    pub(super) fn terms(&self) -> u32 {
        self.get(Count::Words) + self.get(Count::Wide) + self.get(Count::Numbers)
    }

    pub(super) fn get(&self, count: Count) -> u32 {
        let at = count as usize;
        match self.words.get(at / 4) {
            Some(lanes) => (lanes >> (at % 4 * 16)) as u32 & 0xFFFF,
            None => self.counts.get(at.wrapping_sub(PACKED * 4)).copied().unwrap_or_default(),
        }
    }

    pub(super) fn list(&mut self, lanes: &[u64; LANES]) {
        for (place, more) in self.lists.iter_mut().zip(lanes) {
            *place = place.wrapping_add(*more);
        }
    }

    pub(super) fn list_each(&mut self, mut mask: Mask) {
        while mask != 0 {
            let bit = mask.trailing_zeros() as usize;
            if let Some(place) = self.lists.get_mut(bit / 4) {
                *place = place.wrapping_add(1 << (bit % 4 * 16));
            }
            mask &= mask - 1;
        }
    }

    /// Whether no word stood in any list.
    pub(super) fn no_lists(&self) -> bool {
        self.lists.iter().all(|lanes| *lanes == 0)
    }

    /// Hits of each list.
    pub(super) fn hits(&self) -> [u32; LISTS] {
        core::array::from_fn(|list| {
            let lanes = self.lists.get(list / 4).copied().unwrap_or_default();
            (lanes >> (list % 4 * 16)) as u32 & 0xFFFF
        })
    }

    pub(super) fn take_in(&mut self, other: &Self) {
        self.add_word(other.words);
        for (place, more) in self.counts.iter_mut().zip(other.counts) {
            *place = place.wrapping_add(more);
        }
        self.list(&other.lists);
        self.largest = self.largest.max(other.largest);
    }
}
