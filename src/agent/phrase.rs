//! Finding phrases in JSON string content, whatever the case of their ASCII letters.

/// Whether `text` holds any of the phrases, which are in lower case. For short texts: bound `text` before.
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
