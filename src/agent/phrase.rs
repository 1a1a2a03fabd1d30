//! Finding phrases in JSON string content, whatever the case of their ASCII letters.

/// Whether `text` holds any of the phrases, which are in lower case. For short texts: bound `text` before.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) fn holds(text: &[u8], phrases: &[&str]) -> bool {
    // By a letter, one bit for each that follows it in a phrase, in either case: at the beginning, and one further on. Few
    // words begin like a phrase for three letters.
    let class = |byte: u8| usize::from(byte & 31);
    let (mut seconds, mut thirds) = ([0u32; 32], [0u32; 32]);
    for phrase in phrases {
        let (first, second, third) = match *phrase.as_bytes() {
            [] => continue,
            [first] => {
                thirds = [u32::MAX; 32];
                (first, u32::MAX, None)
            }
            [first, second] => (first, 1 << class(second), Some((second, u32::MAX))),
            [first, second, third, ..] => (first, 1 << class(second), Some((second, 1 << class(third)))),
        };
        if let Some(bits) = seconds.get_mut(class(first)) {
            *bits |= second;
        }
        if let Some((second, third)) = third
            && let Some(bits) = thirds.get_mut(class(second))
        {
            *bits |= third;
        }
    }
    let follows =
        |sets: &[u32; 32], one, two| sets.get(class(one)).is_some_and(|bits| bits & 1 << class(two) != 0);
    let begins_here = |at: usize| begins(text.get(at..).unwrap_or_default(), phrases);
    let within = text.array_windows::<3>().enumerate().any(|(at, &[first, second, third])| {
        follows(&seconds, first, second) && follows(&thirds, second, third) && begins_here(at)
    });
    within || (text.len().saturating_sub(2)..text.len()).any(begins_here)
}

/// The same with 128-bit vectors: sixteen places at a time, by both halves of the three bytes that stand there.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) fn holds(text: &[u8], phrases: &[&str]) -> bool {
    let beginnings = vectors::Beginnings::of(phrases);
    let found = |at: usize, places: u16| {
        let mut places = places;
        core::iter::from_fn(move || {
            let place = places.trailing_zeros() as usize;
            places &= places.wrapping_sub(1);
            (place < 16).then_some(at.saturating_add(place))
        })
        .any(|at| begins(text.get(at..).unwrap_or_default(), phrases))
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
    pub(super) struct Beginnings([[v128; 2]; 3]);

    impl Beginnings {
        pub(super) fn of(phrases: &[&str]) -> Self {
            let mut tables = [[[0u8; 16]; 2]; 3];
            for phrase in phrases {
                let Some(first) = phrase.as_bytes().first() else { continue };
                let bit = 1 << (first & 7);
                for (n, [low, high]) in tables.iter_mut().enumerate() {
                    let Some(byte) = phrase.as_bytes().get(n).copied() else {
                        low.iter_mut().chain(high).for_each(|bits| *bits |= bit);
                        continue;
                    };
                    for byte in [byte, byte.to_ascii_uppercase()] {
                        for (half, bits) in [(byte & 15, &mut *low), (byte >> 4, &mut *high)] {
                            if let Some(bits) = bits.get_mut(usize::from(half)) {
                                *bits |= bit;
                            }
                        }
                    }
                }
            }
            Self(tables.map(|halves| halves.map(vector)))
        }

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
    phrases.iter().map(|phrase| phrase.as_bytes()).any(|phrase| {
        phrase.first() == Some(&first)
            && text.get(..phrase.len()).is_some_and(|there| there.eq_ignore_ascii_case(phrase))
    })
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
