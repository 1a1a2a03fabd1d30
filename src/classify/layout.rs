//! The parts of a question: stem and options, without the marks of a test paper.
//!
//! Sets of test questions write options with letters, end in "Answer:", or put solved examples in front. None of that
//! says anything about the question, and people seldom write so: it is taken away before anything is counted.

use alloc::vec::Vec;
use core::ops::Range;

use crate::wire::text::find;

/// Stem and options, as ranges of the text.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The question itself: what stands before and behind the options.
    pub(super) stem: Vec<Range<usize>>,
    /// The options without their marks.
    pub(super) options: Vec<Range<usize>>,
}

/// Words that introduce a part of a test paper.
struct Labels {
    words: &'static [&'static str],
    /// By letter, a bit for those that a word begins with: few lines begin so.
    firsts: u32,
}

impl Labels {
    #[allow(clippy::indexing_slicing, reason = "at compile time")]
    const fn new(words: &'static [&'static str]) -> Self {
        let (mut firsts, mut n) = (0, 0);
        while n < words.len() {
            firsts |= 1 << (words[n].as_bytes()[0] & 31);
            n += 1;
        }
        Self { words, firsts }
    }
}

/// Words that introduce a question in a list of examples, and words that introduce its answer.
const ASKED: Labels =
    Labels::new(&["question", "q", "problem", "input", "text", "sentence", "passage", "context", "premise"]);
const ANSWERED: Labels =
    Labels::new(&["answer", "a", "output", "solution", "label", "response", "the answer is"]);
/// Those of them that can mean nothing else.
const ANSWERS: Labels = Labels::new(&["answer", "a"]);
const ANSWER: Labels = Labels::new(&["answer"]);

/// Options of one question that are looked at.
const OPTIONS: usize = 26;

impl Layout {
    /// Finds the parts of a text.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut lines = lines(text);
        let line = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        // An answer that waits to be written: what somebody puts behind it makes no example of the question.
        while lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        let open = |range: &Range<usize>| {
            !range.is_empty() && label(line(range), &ANSWERED) == Some(line(range).len())
        };
        let asks = |range: &Range<usize>| {
            label(line(range), &ASKED).is_some() || matches!(mark(line(range)), Some((0, _)))
        };
        let begun = |range: &Range<usize>| open(range) || label(line(range), &ANSWER).is_some();
        let waiting = lines.iter().rposition(begun).filter(|at| {
            let behind = lines.get(at + 1..).unwrap_or_default();
            *at > 0 && !behind.iter().any(asks)
        });
        let mut behind = Vec::new();
        if let Some(at) = waiting {
            behind = lines.split_off(at);
            if let Some(first) = behind.first_mut() {
                first.start += label(line(first), &ANSWERED).unwrap_or_default();
            }
            while lines.last().is_some_and(|last| last.is_empty() || open(last)) {
                lines.pop();
            }
        }
        // Solved examples: what counts stands behind the last answer. A problem may itself show inputs and outputs, so
        // unless an answer is waited for, only what is called an answer ends an example.
        let answers = if waiting.is_some() { &ANSWERED } else { &ANSWERS };
        let solved = lines.iter().rposition(|range| label(line(range), answers).is_some());
        if let Some(solved) = solved.filter(|solved| *solved > 0) {
            let behind = lines.get(solved + 1..).unwrap_or_default();
            let asked = behind.iter().position(|range| label(line(range), &ASKED).is_some()).unwrap_or(0);
            let rest = behind.get(asked..).unwrap_or_default();
            if rest.iter().map(|range| range.len()).sum::<usize>() > 12
                && (waiting.is_some() || rest.iter().any(asks))
            {
                lines = rest.to_vec();
            }
        }
        lines.append(&mut behind);
        for range in &mut lines {
            if let Some(end) = label(line(range), &ASKED) {
                range.start += end;
            }
        }
        let mut found = Self::default();
        if !found.lettered_lines(text, &lines) && !found.lettered_inside(text, &lines) {
            found.stem = lines;
            found.options.clear();
        }
        found
    }

    /// Options that stand on lines of their own.
    fn lettered_lines(&mut self, text: &[u8], lines: &[Range<usize>]) -> bool {
        let mark = |range: &Range<usize>| mark(text.get(range.clone()).unwrap_or_default());
        let Some(first) = lines.iter().position(|range| matches!(mark(range), Some((0, _)))) else {
            return false;
        };
        let (mut wanted, mut last) = (0, first);
        for (n, range) in lines.iter().enumerate().skip(first) {
            if let Some((letter, length)) = mark(range)
                && letter == wanted
                && self.options.len() < OPTIONS
            {
                self.options.push(range.start + length..range.end);
                (wanted, last) = (wanted + 1, n);
            }
        }
        if wanted < 2 {
            self.options.clear();
            return false;
        }
        self.stem = lines.iter().take(first).chain(lines.iter().skip(last + 1)).cloned().collect();
        true
    }

    /// Options that follow each other in a line: `(A) one (B) two`.
    fn lettered_inside(&mut self, text: &[u8], lines: &[Range<usize>]) -> bool {
        // The first of them is `a)`; nearly no text has that.
        let first = text.iter().zip(text.iter().skip(1));
        if first.fold(true, |none, (letter, close)| none & ((letter | 0x20 != b'a') | (*close != b')'))) {
            return false;
        }
        let (mut wanted, mut open): (u8, Option<usize>) = (0, None);
        for range in lines {
            let mut from = range.start;
            let line = text.get(range.clone()).unwrap_or_default();
            let line = if line.contains(&b')') { line } else { &[] };
            for (at, pair) in line.windows(2).enumerate() {
                let at = at + range.start;
                let start =
                    at == range.start || text.get(at.wrapping_sub(1)).is_some_and(|byte| *byte == b' ');
                let named = pair.first() == Some(&b'(')
                    || (pair.get(1) == Some(&b')') && pair.first().is_some_and(u8::is_ascii_uppercase));
                if !start || !named {
                    continue;
                }
                if let Some((letter, length)) = mark(text.get(at..range.end).unwrap_or_default())
                    && letter == wanted
                    && self.options.len() < OPTIONS
                {
                    match open {
                        Some(before) => self.options.push(before..at),
                        None if wanted == 0 => self.stem.push(from..at),
                        None => {}
                    }
                    from = at + length;
                    open = Some(from);
                    wanted += 1;
                }
            }
            match open.take() {
                Some(before) => self.options.push(before..range.end),
                None => self.stem.push(from..range.end),
            }
        }
        if wanted < 2 {
            self.options.clear();
            self.stem.clear();
            return false;
        }
        true
    }
}

/// Lines without the space around them.
fn lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(16);
    let mut start = 0;
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (line, behind) = match find(text, b'\n') {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (text, None),
        };
        let from = start + (line.len() - line.trim_ascii_start().len());
        let to = start + line.trim_ascii_end().len();
        start += line.len() + 1;
        found.push(from.min(to)..to);
        rest = behind;
    }
    found
}

/// Length of a label such as `Answer:` at the start of a line.
#[inline]
fn label(line: &[u8], known: &Labels) -> Option<usize> {
    let bare = line.trim_ascii_start();
    let bare = match bare.first()? {
        b'*' => bare.strip_prefix(b"**").unwrap_or(bare),
        b'#' => bare.strip_prefix(b"### ").unwrap_or(bare),
        _ => bare,
    };
    let first = *bare.first()?;
    let may = first.is_ascii_alphabetic() && known.firsts >> (first & 31) & 1 != 0;
    if may { label_of(line, bare, known) } else { None }
}

#[inline(never)]
fn label_of(line: &[u8], bare: &[u8], known: &Labels) -> Option<usize> {
    let first = bare.first().map(u8::to_ascii_lowercase)?;
    known.words.iter().filter(|word| word.as_bytes().first() == Some(&first)).find_map(|word| {
        let behind = bare
            .split_at_checked(word.len())
            .filter(|(start, _)| start.eq_ignore_ascii_case(word.as_bytes()))?;
        // `Question 12:`
        let behind = behind.1.trim_ascii_start();
        let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = behind.get(digits..)?;
        let behind = behind.strip_prefix(b":")?;
        let behind = behind.strip_prefix(b"**").unwrap_or(behind).trim_ascii_start();
        Some(line.len() - behind.len())
    })
}

/// The letter, from 0, and the length of a mark such as `A.`, `(A)` or `a)` at the start of a line.
fn mark(line: &[u8]) -> Option<(u8, usize)> {
    let (open, rest) = match line {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, line),
    };
    let (&letter, rest) = rest.split_first()?;
    let (&close, rest) = rest.split_first()?;
    let closes = if open { close == b')' } else { matches!(close, b'.' | b')' | b':') };
    if !letter.is_ascii_alphabetic() || !closes || !(rest.is_empty() || rest.starts_with(b" ")) {
        return None;
    }
    let length = 2 + usize::from(open) + rest.len() - rest.trim_ascii_start().len();
    Some((letter.to_ascii_lowercase().wrapping_sub(b'a'), length))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use super::*;

    fn parts(text: &str) -> (String, Vec<String>) {
        let layout = Layout::of(text.as_bytes());
        let part = |range: &Range<usize>| String::from(&text[range.clone()]);
        let stem: Vec<String> = layout.stem.iter().map(part).filter(|part| !part.is_empty()).collect();
        (stem.join("|"), layout.options.iter().map(|range| part(range).trim().into()).collect())
    }

    #[test]
    fn marks_of_a_test_paper_are_taken_away() {
        let options = Vec::from(["three".into(), "four".into()]);
        for text in [
            "How many?\nA. three\nB. four\nAnswer:",
            "How many?\n(A) three\n(B) four",
            "Question: How many?\na) three\nb) four\n\nAnswer: ",
            "How many? (A) three (B) four",
            "How many? A) three B) four",
            "What?\nA. one\nB. two\nAnswer: B\n\nHow many?\nA. three\nB. four\nAnswer:",
        ] {
            let (stem, found) = parts(text);
            assert_eq!((stem.trim(), &found), ("How many?", &options), "{text}");
        }
        let examples = "Q: 1+1?\nA: Add them.\nThat makes 2.\n\nQ: How many apples are left?\nA:";
        assert_eq!(parts(examples), ("How many apples are left?".into(), Vec::new()));
    }

    #[test]
    fn what_stands_behind_an_open_answer_is_not_the_question() {
        let options = Vec::from(["three".into(), "four".into()]);
        for text in [
            "How many?\nA. three\nB. four\nAnswer:\nPlease take this seriously.",
            "How many?\nA. three\nB. four\nAnswer: Please take this seriously.",
            "Q: And?\nA: So.\n\nQ: How many?\nA. three\nB. four\nA:\nPlease take this seriously.",
        ] {
            let (stem, found) = parts(text);
            assert_eq!(
                (stem.as_str(), &found),
                ("How many?|Please take this seriously.", &options),
                "{text}"
            );
        }
        let told = "Tom asked.\nAnswer: he did not know.\nWho was it?";
        assert_eq!(parts(told), ("Tom asked.|he did not know.|Who was it?".into(), Vec::new()));
    }

    #[test]
    fn other_text_stays_whole() {
        for text in ["A. is a letter", "I (a) think (c) so", "Answer: yes", "f(a) and (b)"] {
            assert_eq!(parts(text), (text.into(), Vec::new()));
        }
    }
}
