//! The characters of a JSON string, read where they stand: nothing is copied, escapes are resolved on the way.

/// The first character of `raw` and the bytes it takes; `None` at the end.
///
/// `raw` is the content of a JSON string without its quotes, or a part of it cut anywhere. The character is given as a
/// code point, which may be a lone surrogate; a byte that starts no character gives U+FFFD and takes one byte. So any
/// bytes can be read to their end.
pub fn character(raw: &[u8]) -> Option<(u32, usize)> {
    let first = *raw.first()?;
    let lead = u32::from(first);
    let follow = |at: usize| u32::from(raw.get(at).copied().unwrap_or_default() & 0x3F);
    Some(match first {
        b'\\' => escape(raw),
        0..0x80 => (lead, 1),
        0xC0..0xE0 => ((lead & 0x1F) << 6 | follow(1), 2),
        0xE0..0xF0 => ((lead & 0x0F) << 12 | follow(1) << 6 | follow(2), 3),
        0xF0.. => ((lead & 0x07) << 18 | follow(1) << 12 | follow(2) << 6 | follow(3), 4),
        _ => (0xFFFD, 1),
    })
}

fn escape(raw: &[u8]) -> (u32, usize) {
    match raw.get(1) {
        Some(b'n') => (0x0A, 2),
        Some(b'r') => (0x0D, 2),
        Some(b't') => (0x09, 2),
        Some(b'b') => (0x08, 2),
        Some(b'f') => (0x0C, 2),
        Some(b'u') => match unit(raw) {
            Some(high @ 0xD800..0xDC00) => match raw.get(6..).and_then(unit) {
                Some(low @ 0xDC00..0xE000) => (0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), 12),
                _ => (high, 6),
            },
            Some(code) => (code, 6),
            None => (0xFFFD, 2),
        },
        Some(0x80..) | None => (u32::from(b'\\'), 1),
        Some(&other) => (u32::from(other), 2),
    }
}

/// The four digits of `\uXXXX`.
fn unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}

/// Where a byte first stands.
#[inline(never)]
pub(crate) fn find(text: &[u8], byte: u8) -> Option<usize> {
    const ALL: u64 = u64::MAX / 0xFF;
    let mut at = 0usize;
    for bytes in text.as_chunks::<8>().0 {
        let differs = u64::from_le_bytes(*bytes) ^ (ALL * u64::from(byte));
        // Exact up to the first that is marked: a borrow goes upwards.
        let marked = differs.wrapping_sub(ALL) & !differs & (ALL * 0x80);
        if marked != 0 {
            return Some(at.wrapping_add(marked.trailing_zeros() as usize / 8));
        }
        at = at.wrapping_add(8);
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|other| *other == byte).map(|behind| at.wrapping_add(behind))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn read(mut raw: &[u8]) -> Vec<u32> {
        let mut out = Vec::new();
        while let Some((code, len)) = character(raw) {
            out.push(code);
            raw = raw.get(len..).unwrap_or_default();
        }
        out
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_wrote(text in any::<String>()) {
            let quoted = serde_json::to_string(&text).unwrap();
            let expected: Vec<u32> = text.chars().map(u32::from).collect();
            prop_assert_eq!(read(&quoted.as_bytes()[1..quoted.len() - 1]), expected);
        }

        #[test]
        fn reads_escaped_units(text in any::<String>()) {
            let escaped: String = text.encode_utf16().map(|unit| alloc::format!("\\u{unit:04X}")).collect();
            let expected: Vec<u32> = text.chars().map(u32::from).collect();
            prop_assert_eq!(read(escaped.as_bytes()), expected);
        }

        #[test]
        fn a_byte_is_found_where_it_first_stands(bytes in proptest::collection::vec(0x7Eu8..0x83, 0..40), byte in 0x7Eu8..0x83) {
            prop_assert_eq!(find(&bytes, byte), bytes.iter().position(|other| *other == byte));
        }

        #[test]
        fn always_moves_on(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).len() <= bytes.len());
        }
    }
}
