//! Keys, digests and addresses: machines made them, and they say nothing of what is asked.

/// Letters and digits in turn from which on they are a key or a digest.
const KEY: usize = 20;

/// Whether `text` begins with letters and digits that go on in turn for long.
pub(super) fn is_key(text: &[u8]) -> bool {
    let run = text.get(..KEY).unwrap_or_default();
    let turns =
        run.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()));
    run.len() == KEY && run.iter().all(u8::is_ascii_alphanumeric) && turns.count() > 3
}

/// What stands behind a key that `text` begins with.
pub(super) fn behind_key(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    text.get(length..).unwrap_or_default()
}

/// What stands behind an address that `text` begins in. Marks at its end belong to the sentence.
pub(super) fn behind_address(text: &[u8]) -> &[u8] {
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b')' | b']' | b'>' | b'`' | 0x80..)
    };
    let length = text.iter().position(ends).unwrap_or(text.len());
    let address = text.get(..length).unwrap_or_default();
    let marks =
        address.iter().rev().take_while(|byte| matches!(byte, b'.' | b',' | b'!' | b'?' | b';' | b':'));
    text.get(length - marks.count()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_are_passed_over() {
        for key in ["9f86d081884c7d659a2feaa0c55ad015", "a1b2c3d4e5f6a7b8c9d0e1f2"] {
            assert!(is_key(key.as_bytes()), "{key}");
        }
        for text in [
            "2024",
            "C6H12O6 is sugar",
            "internationalization1",
            "12345678901234567890",
            "x86 and arm64 chips",
        ] {
            assert!(!is_key(text.as_bytes()), "{text}");
        }
        assert_eq!(behind_key(b"9f86d081 and"), b" and");
        assert_eq!(behind_address(b"//example.org/a?b=c#d. So"), b". So");
        assert_eq!(behind_address(b"//example.org/a) x"), b") x");
    }
}
