//! Finding phrases in JSON string content, whatever the case of their ASCII letters.

/// Phrases in lower case, with what a search for them needs, which the compiler makes: it is dearer than the search in a
/// short text.
pub(crate) struct Phrases {
    list: &'static [&'static str],
    /// By a letter in either case, a bit for each phrase that has it as its first, as its second, as its third. Bits of
    /// phrases that are shorter stand everywhere.
    letters: [[u64; 32]; 3],
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    shifts: shifts::Shifts,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    beginnings: vectors::Beginnings,
}

/// Which phrases, a bit for each.
type Set = u64;

impl Phrases {
    /// For a `static`: there an empty phrase, or more of them than a set has bits, does not build.
    #[allow(clippy::indexing_slicing, clippy::panic, reason = "for statics: what is wrong does not build")]
    pub(crate) const fn new(list: &'static [&'static str]) -> Self {
        if list.len() > Set::BITS as usize {
            panic!("more phrases than a set has bits");
        }
        let mut letters = [[0; 32]; 3];
        let mut n = 0;
        while n < list.len() {
            let phrase = list[n].as_bytes();
            if phrase.is_empty() {
                panic!("an empty phrase is everywhere");
            }
            let mut at = 0;
            while at < letters.len() {
                let mut class = 0;
                while class < letters[at].len() {
                    if at >= phrase.len() || class == class_of(phrase[at]) {
                        letters[at][class] |= 1 << n;
                    }
                    class += 1;
                }
                at += 1;
            }
            n += 1;
        }
        Self {
            list,
            letters,
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            shifts: shifts::Shifts::of(list),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            beginnings: vectors::Beginnings::of(list),
        }
    }

    /// The phrases themselves.
    pub(super) const fn list(&self) -> &'static [&'static str] {
        self.list
    }

    /// Whether one of the phrases stands at this place of `text`.
    fn begins_at(&self, text: &[u8], at: usize) -> bool {
        let text = text.get(at..).unwrap_or_default();
        let sets = self.letters.iter().zip(text).map(|(sets, byte)| of(sets, *byte));
        self.begins(sets.fold(Set::MAX, |which, set| which & set), text)
    }

    /// Whether one of `which` stands at the beginning of `text`.
    fn begins(&self, mut which: Set, text: &[u8]) -> bool {
        while which != 0 {
            let phrase = self.list.get(which.trailing_zeros() as usize);
            if phrase.is_some_and(|phrase| stands_at(text, phrase)) {
                return true;
            }
            which &= which.wrapping_sub(1);
        }
        false
    }
}

/// Letters by what their cases have in common; other bytes go along with one of them.
const fn class_of(byte: u8) -> usize {
    (byte & 31) as usize
}

fn of(sets: &[Set; 32], byte: u8) -> Set {
    sets.get(class_of(byte)).copied().unwrap_or(0)
}

fn stands_at(text: &[u8], phrase: &str) -> bool {
    text.get(..phrase.len()).is_some_and(|there| there.eq_ignore_ascii_case(phrase.as_bytes()))
}

/// Whether `text` holds any of the phrases, whatever the case of its ASCII letters. For short texts: bound `text` before.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) fn holds(text: &[u8], phrases: &Phrases) -> bool {
    // What stands behind the place of two bytes that are looked at.
    let ahead = phrases.shifts.least().saturating_sub(2);
    let mut rest = text.get(ahead..).unwrap_or_default();
    if phrases.shifts.least() < 2 {
        return (0..text.len()).any(|at| phrases.begins_at(text, at));
    }
    while let [before, last, ..] = rest {
        let shift = phrases.shifts.of_pair(*before, *last);
        if shift == 0 {
            let at = text.len().saturating_sub(rest.len()).saturating_sub(ahead);
            if phrases.begins_at(text, at) {
                return true;
            }
        }
        rest = rest.get(shift.max(1)..).unwrap_or_default();
    }
    false
}

/// How far a search may go on from two bytes that it came upon, after Wu and Manber: most bytes of a text are never looked at.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod shifts {
    use super::class_of;

    /// For the phrases of one list.
    pub(super) struct Shifts {
        /// The length of the shortest.
        least: usize,
        /// By the classes of two bytes: the least distance from where they stand in the beginning of a phrase, as long as the
        /// shortest, to the end of that beginning.
        by_pair: [u8; 32 * 32],
    }

    impl Shifts {
        #[allow(clippy::indexing_slicing, reason = "for statics: what is wrong does not build")]
        pub(super) const fn of(phrases: &[&str]) -> Self {
            let mut least = u8::MAX as usize;
            let mut n = 0;
            while n < phrases.len() {
                if phrases[n].len() < least {
                    least = phrases[n].len();
                }
                n += 1;
            }
            // A single byte may stand behind any other.
            let mut by_pair = [least.saturating_sub(1) as u8; 32 * 32];
            n = 0;
            while n < phrases.len() {
                let phrase = phrases[n].as_bytes();
                let mut at = 1;
                while at < least {
                    let pair = class_of(phrase[at - 1]) << 5 | class_of(phrase[at]);
                    let shift = (least - 1 - at) as u8;
                    if shift < by_pair[pair] {
                        by_pair[pair] = shift;
                    }
                    at += 1;
                }
                n += 1;
            }
            Self { least, by_pair }
        }

        pub(super) const fn least(&self) -> usize {
            self.least
        }

        pub(super) fn of_pair(&self, before: u8, last: u8) -> usize {
            let pair = class_of(before) << 5 | class_of(last);
            self.by_pair.get(pair).copied().map_or(0, usize::from)
        }
    }
}

/// The same with 128-bit vectors: sixteen places at a time, by both halves of the three bytes that stand there.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) fn holds(text: &[u8], phrases: &Phrases) -> bool {
    let beginnings = phrases.beginnings.vectors();
    let found = |at: usize, places: u16| {
        let mut places = places;
        core::iter::from_fn(move || {
            let place = places.trailing_zeros() as usize;
            places &= places.wrapping_sub(1);
            (place < 16).then_some(at.saturating_add(place))
        })
        .any(|at| phrases.begins_at(text, at))
    };
    let mut at = 0usize;
    while let Some(window) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        if found(at, beginnings.places(window)) {
            return true;
        }
        at = at.saturating_add(16);
    }
    // What is left, at most one window less a byte, and nothing behind it.
    let rest = text.get(at..).unwrap_or_default();
    let mut padded = [0; 2 * vectors::WINDOW];
    for (place, byte) in padded.iter_mut().zip(rest) {
        *place = *byte;
    }
    [0, 16].into_iter().any(|from| {
        let window = padded.get(from..).and_then(|rest| rest.first_chunk());
        window.is_some_and(|window| found(at.saturating_add(from), beginnings.places(window)))
    })
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod vectors {
    use core::arch::wasm32::{
        u8x16_bitmask, u8x16_ne, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2, v128, v128_and,
    };

    /// Sixteen places, and the two bytes behind the last of them.
    pub(super) const WINDOW: usize = 18;

    /// By the low and by the high half of each of three bytes: a bit for the phrases that may go so. Phrases with like
    /// first letters share one of eight bits.
    pub(super) struct Beginnings([[[u8; 16]; 2]; 3]);

    impl Beginnings {
        #[allow(clippy::indexing_slicing, reason = "for statics: what is wrong does not build")]
        pub(super) const fn of(phrases: &[&str]) -> Self {
            let mut tables = [[[0u8; 16]; 2]; 3];
            let mut n = 0;
            while n < phrases.len() {
                let phrase = phrases[n].as_bytes();
                let bit = 1 << (phrase[0] & 7);
                let mut at = 0;
                while at < 3 {
                    let [low, high] = &mut tables[at];
                    let (mut half, ends) = (0, at >= phrase.len());
                    let byte = if ends { 0 } else { phrase[at] };
                    let other = byte.to_ascii_uppercase();
                    while half < 16 {
                        // Behind a phrase that short, anything may stand.
                        let nibble = half as u8;
                        if ends || nibble == byte & 15 || nibble == other & 15 {
                            low[half] |= bit;
                        }
                        if ends || nibble == byte >> 4 || nibble == other >> 4 {
                            high[half] |= bit;
                        }
                        half += 1;
                    }
                    at += 1;
                }
                n += 1;
            }
            Self(tables)
        }

        pub(super) fn vectors(&self) -> Vectors {
            Vectors(self.0.map(|halves| halves.map(vector)))
        }
    }

    /// The same, where a search has it at hand.
    pub(super) struct Vectors([[v128; 2]; 3]);

    impl Vectors {
        /// The places of a window at which a phrase may begin, as bits.
        pub(super) fn places(&self, window: &[u8; WINDOW]) -> u16 {
            let [first, second, third] = &self.0;
            let at = |from: usize| {
                vector(window.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default())
            };
            let likely = |bytes: v128, [low, high]: &[v128; 2]| {
                let low = u8x16_swizzle(*low, v128_and(bytes, u8x16_splat(15)));
                v128_and(low, u8x16_swizzle(*high, u8x16_shr(bytes, 4)))
            };
            let bits = v128_and(likely(at(0), first), v128_and(likely(at(1), second), likely(at(2), third)));
            u8x16_bitmask(u8x16_ne(bits, u8x16_splat(0)))
        }
    }

    fn vector(bytes: [u8; 16]) -> v128 {
        let both = u128::from_le_bytes(bytes);
        u64x2(both as u64, (both >> 64) as u64)
    }
}

/// Whether `text` begins with any of the phrases, which are in lower case and not empty.
pub(super) fn begins(text: &[u8], phrases: &[&str]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return false };
    phrases.iter().any(|phrase| phrase.as_bytes().first() == Some(&first) && stands_at(text, phrase))
}

/// Whether a paragraph of `text`, behind an empty line, begins with any of the phrases, which are in lower case.
pub(super) fn opens_paragraph(text: &[u8], phrases: &[&str]) -> bool {
    const EMPTY_LINE: &[u8; 4] = br"\n\n";
    let behind = |at: usize| text.get(at.saturating_add(EMPTY_LINE.len())..).unwrap_or_default();
    let breaks = text.array_windows::<4>().enumerate().filter(|(_, bytes)| *bytes == EMPTY_LINE);
    breaks.map(|(at, _)| behind(at)).any(|paragraph| begins(paragraph, phrases))
}

/// The first bytes.
pub(super) fn head(text: &[u8], bytes: usize) -> &[u8] {
    text.get(..bytes).unwrap_or(text)
}

/// The last bytes.
pub(super) fn tail(text: &[u8], bytes: usize) -> &[u8] {
    text.get(text.len().saturating_sub(bytes)..).unwrap_or(text)
}

/// Without white space before it, as it reads: escapes of white space count.
pub(super) fn trimmed(mut raw: &[u8]) -> &[u8] {
    loop {
        raw = match raw {
            [b' ', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            _ => return raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_in_any_case_and_not_in_part() {
        let holds = |text: &[u8], list: &'static [&'static str]| super::holds(text, &Phrases::new(list));
        assert!(holds(b"It STILL fails.", &["still fails"]));
        assert!(!holds(b"It still fail", &["still fails"]));
        assert!(holds(b"It FAILS", &["x", "ails"]) && holds(b"at", &["at"]) && holds(b"plan B", &["b"]));
        assert!(holds(b"no way", &["no"]) && holds(b"say no", &["no"]) && !holds(b"nay", &["no", "ys"]));
        assert!(!holds(b"", &["x"]));
        assert!(begins(b"Error: no", &["error"]) && !begins(b"an error", &["error"]));
        assert!(opens_paragraph(br"a\n\nPlan b", &["plan"]) && !opens_paragraph(br"a\nPlan b", &["plan"]));
        assert!(!opens_paragraph(br"Plan\n\nB\n\n", &["plan"]));
        assert_eq!(trimmed(br"\n \tx"), b"x");
        assert_eq!(
            (head(b"abc", 2), tail(b"abc", 2), head(b"a", 9), tail(b"a", 9)),
            (&b"ab"[..], &b"bc"[..], &b"a"[..], &b"a"[..])
        );
    }
}
