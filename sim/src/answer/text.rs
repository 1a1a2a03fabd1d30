//! Made-up prose.

use crate::hash::Dice;

/// Some of them are not ASCII, so that a cut inside a character would be seen.
const WORDS: &[&str] = &[
    "the", "a", "of", "and", "to", "is", "in", "it", "that", "as", "with", "for", "on", "one", "this",
    "each", "more", "first", "then", "value", "result", "list", "node", "path", "step", "case", "bound",
    "input", "output", "request", "answer", "model", "point", "line", "track", "switch", "signal", "train",
    "route", "station", "table", "order", "time", "cost", "number", "naïve", "café", "Zürich", "函数", "→",
    "größer", "été", "🚂", "checks", "returns", "keeps", "reads", "holds", "turns", "follows", "needs",
    "gives", "shows", "small", "long", "short", "cold", "warm", "exact",
];

/// About `tokens` tokens of sentences, never fewer than one word.
pub(crate) fn prose(dice: &mut Dice, tokens: u64) -> String {
    let wanted = (tokens.max(1) * 4) as usize;
    let mut text = String::with_capacity(wanted + 16);
    let mut sentence = 0;
    loop {
        let word = dice.pick(WORDS);
        if sentence == 0 {
            text.extend(word.chars().next().map(|first| first.to_uppercase().to_string()));
            text.extend(word.chars().skip(1));
        } else {
            text.push(' ');
            text.push_str(word);
        }
        sentence += 1;
        if text.len() + 1 >= wanted {
            text.push('.');
            return text;
        }
        if sentence > 5 + dice.below(9) {
            text.push_str(". ");
            sentence = 0;
        }
    }
}

/// One or two plain words, for values in JSON.
pub(crate) fn phrase(dice: &mut Dice) -> String {
    let plain = |dice: &mut Dice| dice.pick(&WORDS[20..45]);
    let first = plain(dice);
    if dice.below(2) == 0 { first.to_owned() } else { format!("{first} {}", plain(dice)) }
}

/// Cuts at the last character boundary at or before `bytes`.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Splits into `parts` pieces of about equal size (fewer if there are not so many characters), or, without a number,
/// into pieces of about twelve bytes. No piece is empty.
pub(crate) fn pieces(text: &str, parts: Option<usize>) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let size = parts.map_or(12, |parts| rest.len().div_ceil(parts.saturating_sub(pieces.len()).max(1)));
        let mut head = cut(rest, size);
        if head.is_empty() {
            head = rest.chars().next().map_or(rest, |first| &rest[..first.len_utf8()]);
        }
        pieces.push(head);
        rest = &rest[head.len()..];
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_again() {
        let text = prose(&mut Dice::new(3), 100);
        for parts in [None, Some(1), Some(7), Some(5000)] {
            assert_eq!(pieces(&text, parts).concat(), text);
        }
        assert_eq!(pieces(&text, Some(7)).len(), 7);
        assert_eq!(pieces("abcdef", Some(3)), ["ab", "cd", "ef"]);
    }
}
