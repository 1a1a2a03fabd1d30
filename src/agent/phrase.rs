//! Finding phrases in JSON string content, whatever the case of their ASCII letters.

/// Whether `text` holds any of the phrases, which are in lower case. For short texts: bound `text` before.
pub(super) fn holds(text: &[u8], phrases: &[&str]) -> bool {
    // One bit for each first letter, in either case: most bytes begin no phrase.
    let class = |byte: u8| 1u32 << (byte & 31);
    let firsts =
        phrases.iter().filter_map(|phrase| phrase.as_bytes().first()).fold(0, |set, byte| set | class(*byte));
    text.iter().enumerate().any(|(at, byte)| {
        firsts & class(*byte) != 0
            && phrases.iter().any(|phrase| {
                let phrase = phrase.as_bytes();
                phrase.first() == Some(&byte.to_ascii_lowercase())
                    && text
                        .get(at..at.saturating_add(phrase.len()))
                        .is_some_and(|there| there.eq_ignore_ascii_case(phrase))
            })
    })
}

/// Whether `text` begins with any of the phrases.
pub(super) fn begins(text: &[u8], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        text.get(..phrase.len()).is_some_and(|there| there.eq_ignore_ascii_case(phrase.as_bytes()))
    })
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
        assert!(!holds(b"", &["x"]));
        assert!(begins(b"Error: no", &["error"]) && !begins(b"an error", &["error"]));
        assert_eq!(trimmed(br"\n \tx"), b"x");
        assert_eq!(
            (head(b"abc", 2), tail(b"abc", 2), head(b"a", 9), tail(b"a", 9)),
            (&b"ab"[..], &b"bc"[..], &b"a"[..], &b"a"[..])
        );
    }
}
