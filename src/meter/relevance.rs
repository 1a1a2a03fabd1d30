//! Which events are worth parsing. Most carry a piece of text and are not, and this is all the work they
//! cause.

use crate::wire::Dialect;
use crate::wire::sse::{first_lane, lanes_equal};

/// What the name of an event says about its content.
pub(super) enum Relevance {
    /// It holds nothing that is kept.
    Never,
    /// It is to be parsed.
    Always,
    /// Ask [`may_matter`].
    ByContent,
}

/// What the name of an event tells about its relevance. The names that make up most of a stream tell
/// everything.
pub(super) fn relevance(dialect: Dialect, name: &[u8]) -> Relevance {
    let text_only = match dialect {
        Dialect::Chat => false,
        Dialect::Messages => name.starts_with(b"content_block_") || name == b"ping",
        Dialect::Responses => name.starts_with(b"response.") && name != b"response.created",
    };
    if is_last_event(dialect, name) || TYPES_THAT_MATTER.contains(&name) {
        Relevance::Always
    } else if text_only {
        Relevance::Never
    } else {
        Relevance::ByContent
    }
}

const TYPES_THAT_MATTER: [&[u8]; 3] = [b"error", b"message_start", b"message_delta"];

/// Whether an event of this name ends a stream of events with names. Chat has no names.
pub(super) fn is_last_event(dialect: Dialect, name: &[u8]) -> bool {
    match dialect {
        Dialect::Chat => false,
        Dialect::Messages => name == b"message_stop",
        Dialect::Responses => {
            matches!(name, b"response.completed" | b"response.incomplete" | b"response.failed")
        }
    }
}

/// Whether an event without a telling name can say anything that is kept.
///
/// Looks for the keys that can, anywhere in the text, and at the first byte of their values: OpenAI puts
/// `"usage":null` and `"finish_reason":null` into every chunk. Quotes inside a JSON string are escaped, so
/// the text of a completion cannot pass for a key.
pub(super) fn may_matter(dialect: Dialect, data: &[u8]) -> bool {
    any_key(data, |after| match after {
        [b'u', ..] => value_of(after, b"usage\"").is_some_and(|value| value.starts_with(b"{")),
        [b'f', ..] => value_of(after, b"finish_reason\"").is_some_and(says_something),
        [b'e', ..] => value_of(after, b"error\"").is_some_and(says_something),
        [b'b', ..] => {
            value_of(after, b"base_resp\"").is_some_and(|value| !value.starts_with(br#"{"status_code":0"#))
        }
        [b't', ..] if dialect != Dialect::Chat => value_of(after, b"type\"").is_some_and(|value| {
            let kind = value.strip_prefix(b"\"").and_then(|text| text.split(|&byte| byte == b'"').next());
            kind.is_some_and(|kind| is_last_event(dialect, kind) || TYPES_THAT_MATTER.contains(&kind))
        }),
        _ => false,
    })
}

/// What follows `key` and a colon.
fn value_of<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let value = text.strip_prefix(key)?.trim_ascii_start().strip_prefix(b":")?;
    Some(value.trim_ascii_start())
}

fn says_something(value: &[u8]) -> bool {
    !value.starts_with(b"null") && !value.starts_with(b"\"\"")
}

/// Calls `visit` with what follows each quote that could begin a key of interest, until it answers `true`;
/// tells whether it did.
///
/// Looks at eight bytes at once. Quotes are frequent in JSON, so those before an uninteresting letter are
/// dropped in the same step: in a Chat chunk that spares seven visits of ten.
fn any_key(json: &[u8], mut visit: impl FnMut(&[u8]) -> bool) -> bool {
    let (words, tail) = json.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let mut hits = lanes_equal(*word, b'"');
        if hits == 0 {
            continue;
        }
        hits &= before_first_letters(*word);
        while hits != 0 {
            let after = index * 8 + first_lane(hits) + 1;
            if visit(json.get(after..).unwrap_or_default()) {
                return true;
            }
            hits &= hits - 1;
        }
    }
    (0..tail.len()).any(|at| match tail.get(at..) {
        Some([b'"', after @ ..]) => visit(after),
        _ => false,
    })
}

/// Marks the bytes that stand before a first letter of a key of interest. Two comparisons find them: `b` and
/// `f` differ in one bit; so do `e` and `u`, and with one more bit they take in `t` (and, for nothing, `d`).
const fn before_first_letters(word: [u8; 8]) -> u64 {
    const B_OR_F: u64 = u64::from_le_bytes([!0x04; 8]);
    const E_T_OR_U: u64 = u64::from_le_bytes([!0x11; 8]);
    /// The successor of the last byte is in the next word, so that byte is always marked.
    const LAST: u64 = 0xff << 56;
    let next = u64::from_le_bytes(word) >> 8;
    lanes_equal((next & B_OR_F).to_le_bytes(), b'b')
        | lanes_equal((next & E_T_OR_U).to_le_bytes(), b'd')
        | LAST
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    #[test]
    fn keys_are_found_at_any_place_and_only_with_a_telling_value() {
        let telling = [
            r#""usage":{"#,
            "\"usage\" : \n{",
            r#""finish_reason":"stop""#,
            r#""error":{"#,
            r#""error":"text""#,
            r#""base_resp":{"status_code":1002"#,
        ];
        let silent = [
            r#""usage":null"#,
            r#""usages":{"#,
            r#""finish_reason":null"#,
            r#""finish_reason": """#,
            r#""error": null"#,
            r#""error","#,
            r#""base_resp":{"status_code":0,"#,
            r#""type":"message_stop""#,
            r#"\"usage\":{"#,
        ];
        for before in 0..20 {
            let pad = "x".repeat(before);
            for (texts, matters) in [(telling.as_slice(), true), (&silent, false)] {
                for text in texts {
                    assert_eq!(
                        may_matter(Dialect::Chat, format!("{pad}{text}").as_bytes()),
                        matters,
                        "{text}"
                    );
                }
            }
            let stop = format!(r#"{pad}"type": "message_stop""#);
            assert!(may_matter(Dialect::Messages, stop.as_bytes()));
            assert!(!may_matter(Dialect::Responses, stop.as_bytes()));
        }
    }

    #[test]
    fn every_key_with_an_interesting_letter_is_visited() {
        for before in 0..20 {
            for letter in u8::MIN..=u8::MAX {
                let mut text = "x".repeat(before).into_bytes();
                text.extend_from_slice(&[b'"', letter, b'y', b'z', b'y', b'z', b'y', b'z', b'y']);
                let mut seen = Vec::new();
                any_key(&text, |after| {
                    seen.push(after.len());
                    false
                });
                if b"befut".contains(&letter) {
                    assert_eq!(seen.first(), Some(&8), "{letter} after {before}");
                }
                assert!(seen.len() <= if letter == b'"' { 2 } else { 1 });
            }
        }
    }
}
