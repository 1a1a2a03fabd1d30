//! A hash for telling texts apart: fast, unkeyed, 64 bits. Who wants a collision can make one, within their own scope.

use crate::limits;

/// A running hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// Adds a number.
    pub(super) const fn number(self, number: u64) -> Self {
        let mixed = (self.0 ^ number).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self(mixed ^ (mixed >> 32))
    }

    /// Adds a text, its length included, so that `ab`, `c` and `a`, `bc` differ.
    pub(super) fn text(self, text: &[u8]) -> Self {
        let (words, rest) = text.as_chunks::<8>();
        let start = self.number(text.len() as u64);
        let hash = words.iter().fold(start, |hash, word| hash.number(u64::from_be_bytes(*word)));
        if rest.is_empty() {
            return hash;
        }
        hash.number(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    /// Adds a text of any length at a bounded price: its length, its beginning and its end.
    pub(super) fn sample(self, text: &[u8]) -> Self {
        let half = limits::HASHED_TEXT / 2;
        match (text.get(..half), text.len().checked_sub(half).and_then(|from| text.get(from..))) {
            (Some(head), Some(tail)) if text.len() > limits::HASHED_TEXT => {
                self.number(text.len() as u64).text(head).text(tail)
            }
            _ => self.text(text),
        }
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_at_either_end_or_in_length_differs() {
        let long = [b'x'; 4000];
        let of = |text: &[u8]| Hash::new().sample(text).value();
        let mut head = long;
        head[0] = b'y';
        let mut tail = long;
        tail[3999] = b'y';
        let all = [of(&long), of(&head), of(&tail), of(&long[..3999]), of(b""), of(b"x")];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{i}");
        }
        assert_ne!(Hash::new().text(b"ab").text(b"c").value(), Hash::new().text(b"a").text(b"bc").value());
    }
}
