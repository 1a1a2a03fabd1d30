//! From raw JSON string content to counts of what a tokenizer would see.
//!
//! Tokenizers first cut text by a pattern, then look the pieces up in a vocabulary. The pattern is cheap to follow: a
//! word takes one space or mark before it along, a change from small to capital letter starts a new word, digits go in
//! threes, marks and line breaks go in runs. What the vocabulary does to a piece is told by its kind and length, on
//! average; that is what the weights say.

use crate::wire::text::character;

/// Number of features.
pub const FEATURES: usize = SCRIPT + 2 * SCRIPTS;

/// How often each feature was seen.
pub type Counts = [u32; FEATURES];

/// Features of words in Latin letters, the first ones: [`LENGTHS`] for each of small, Capitalised and CAPITALS, first
/// for words behind a space, then for others.
pub const WORDS: usize = LENGTHS * 3 * 2;
/// Classes of word lengths.
pub const LENGTHS: usize = 7;
/// Letters of a word beyond 16.
const LONG: usize = WORDS;
/// Accented letters.
const ACCENT: usize = LONG + 1;
/// Letters in lines that seem not to be English: words of other languages are cut into more tokens.
const FOREIGN: usize = ACCENT + 1;
/// Groups of up to three digits.
const DIGITS: usize = FOREIGN + 1;
/// Numbers behind a space, which does not join them.
const SPACED_DIGITS: usize = DIGITS + 1;
/// Runs of two or more spaces, or of tabs.
const SPACES: usize = SPACED_DIGITS + 1;
/// Each further 16 spaces or tabs of such a run.
const SPACES_LONG: usize = SPACES + 1;
/// Line breaks, with the spaces before them.
const NEWLINE: usize = SPACES_LONG + 1;
/// Line breaks right behind a mark, which often takes them along.
const NEWLINE_MARK: usize = NEWLINE + 1;
/// One mark right before a letter, which takes it along.
const MARK_WORD: usize = NEWLINE_MARK + 1;
/// Other runs of marks: of one, two, three.
const MARKS: usize = MARK_WORD + 1;
/// Marks in mixed runs of four and more.
const MARKS_MANY: usize = MARKS + 3;
/// Runs of three and more equal marks.
const RULE: usize = MARKS_MANY + 1;
/// Each further 16 marks of such a run.
const RULE_LONG: usize = RULE + 1;
/// Bytes of encoded data: base64.
const BLOB: usize = RULE_LONG + 1;
/// Bytes of hexadecimal data.
const HEX: usize = BLOB + 1;
/// Runs of letters, then letters, of each other [`Script`].
const SCRIPT: usize = HEX + 1;

/// Features that are counted for every character rather than for every run.
#[expect(clippy::indexing_slicing, reason = "runs at compile time: a wrong index does not build")]
pub const PER_CHARACTER: [usize; 6 + SCRIPTS] = {
    let mut all = [0; 6 + SCRIPTS];
    let runs = [LONG, ACCENT, FOREIGN, MARKS_MANY, BLOB, HEX];
    let mut n = 0;
    while n < all.len() {
        all[n] = if n < 6 { runs[n] } else { SCRIPT + 2 * (n - 6) + 1 };
        n += 1;
    }
    all
};

/// Writing systems with prices of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Script {
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Devanagari,
    Indic,
    Thai,
    Hangul,
    Kana,
    Han,
    CjkMark,
    Symbol,
    Emoji,
    Other,
}

const SCRIPTS: usize = 14;

/// Words of nearly every English sentence, and of few sentences in other languages.
const fn english(word: &[u8]) -> bool {
    matches!(word, b"the" | b"and" | b"you" | b"that" | b"this" | b"with" | b"for" | b"are" | b"to" | b"it")
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Lower,
    Upper,
    Accented,
    Digit,
    Space,
    Tab,
    Newline,
    Mark,
    Script(Script),
}

/// One character: its class, the bytes it takes, and for a mark which one it is.
#[derive(Clone, Copy, Debug)]
struct Glyph {
    class: Class,
    len: usize,
    mark: u8,
}

/// Adds what `text` holds to `counts`. Looks at every byte at most three times; takes any bytes.
pub(super) fn count(counts: &mut Counts, text: &[u8]) {
    let mut scan = Scan { text, at: 0, plain: 0, counts, before: Before::Other, line: Line::default() };
    while let Some(glyph) = scan.peek() {
        match glyph.class {
            Class::Lower | Class::Upper | Class::Accented => scan.word(),
            Class::Space | Class::Tab => scan.spaces(),
            Class::Mark => scan.marks(),
            Class::Digit => scan.digits(),
            Class::Newline => scan.newlines(),
            Class::Script(script) => scan.script(script),
        }
    }
    scan.line();
}

/// Shortest run of letters and digits that can be encoded data.
const BLOB_RUN: usize = 16;

/// What stands right before the current character.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Before {
    /// A space that the next word or mark takes along.
    Space,
    Mark,
    Other,
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Up to here, letters and digits are known not to be encoded data.
    plain: usize,
    counts: &'t mut Counts,
    before: Before,
    line: Line,
}

/// What tells the language of a line.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    letters: u32,
    accents: u32,
    /// Small words behind a space, and those of them that are among the most frequent English ones.
    words: u32,
    english: u32,
}

impl<'t> Scan<'t> {
    fn add(&mut self, feature: usize, n: usize) {
        if let Some(count) = self.counts.get_mut(feature) {
            *count = count.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<Glyph> {
        glyph(self.rest())
    }

    /// Takes ASCII characters while they are of a kind, and returns how many there were.
    fn run(&mut self, wanted: impl Fn(&u8) -> bool) -> usize {
        let rest = self.rest();
        let n = rest.iter().position(|byte| !wanted(byte)).unwrap_or(rest.len());
        self.at += n;
        n
    }

    /// Takes characters while they are of a class, and returns how many there were.
    fn take(&mut self, wanted: impl Fn(Class) -> bool) -> usize {
        let mut n = 0;
        while let Some(glyph) = self.peek() {
            if !wanted(glyph.class) {
                break;
            }
            self.at += glyph.len;
            n += 1;
        }
        n
    }

    fn word(&mut self) {
        if self.encoded() {
            return;
        }
        let start = self.at;
        let mut capitals = self.run(u8::is_ascii_uppercase);
        let (mut small, mut accents) = (self.run(u8::is_ascii_lowercase), 0);
        while let Some(glyph) = self.peek() {
            match glyph.class {
                // Only an escaped one is left; it must be taken, or the scan would stand still.
                Class::Upper if small + accents == 0 => capitals += 1,
                Class::Lower => small += 1,
                Class::Accented => accents += 1,
                _ => break,
            }
            self.at += glyph.len;
        }
        let length = capitals + small + accents;
        let case = match (capitals, small + accents) {
            (0, _) => 0,
            (1.., 1..) => 1,
            (1.., 0) => 2,
        };
        let bucket = match length {
            0..=3 => 0,
            4..=5 => 1,
            6..=7 => 2,
            8..=9 => 3,
            10..=12 => 4,
            13..=16 => 5,
            _ => 6,
        };
        let place = usize::from(self.before != Before::Space);
        self.add((place * 3 + case) * LENGTHS + bucket, 1);
        self.add(LONG, length.saturating_sub(16));
        self.add(ACCENT, accents);
        self.line.letters += length as u32;
        self.line.accents += accents as u32;
        if case == 0 && place == 0 {
            self.line.words += 1;
            let word = self.text.get(start..self.at).unwrap_or_default();
            self.line.english += u32::from(english(word));
        }
        self.before = Before::Other;
    }

    /// Takes a run of letters and digits that is encoded data: long, with digits, and changing all the time.
    fn encoded(&mut self) -> bool {
        let run = self.rest();
        let alphanumeric = |at| run.get(at).is_some_and(u8::is_ascii_alphanumeric);
        // Most words are told by a look at three places.
        if self.at < self.plain || !(alphanumeric(7) && alphanumeric(11) && alphanumeric(BLOB_RUN - 1)) {
            return false;
        }
        let length = run.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(run.len());
        let run = run.get(..length).unwrap_or_default();
        self.plain = self.at + length;
        if length < BLOB_RUN {
            return false;
        }
        let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
        let changes = run.iter().zip(run.iter().skip(1)).filter(|&(&a, &b)| kind(a) != kind(b)).count();
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits == length || changes * 4 < length {
            return false;
        }
        let hex = run.iter().all(u8::is_ascii_hexdigit);
        self.add(if hex { HEX } else { BLOB }, length);
        self.at += length;
        self.before = Before::Other;
        true
    }

    fn spaces(&mut self) {
        let (mut n, mut tabs) = (0usize, 0usize);
        while let Some(glyph) = self.peek() {
            match glyph.class {
                Class::Space => n += 1,
                Class::Tab => tabs += 1,
                _ => break,
            }
            self.at += glyph.len;
        }
        if self.peek().is_none_or(|next| next.class == Class::Newline) {
            // Belongs to the line break.
            return;
        }
        if n + tabs > 1 || tabs == 1 {
            self.add(SPACES, 1);
            self.add(SPACES_LONG, (n + tabs) / 16);
        }
        self.before = if tabs == 0 { Before::Space } else { Before::Other };
    }

    fn newlines(&mut self) {
        self.take(|class| class == Class::Newline);
        self.add(if self.before == Before::Mark { NEWLINE_MARK } else { NEWLINE }, 1);
        self.before = Before::Other;
        self.line();
    }

    /// Closes a line. Accented letters, or many words without a common English one, tell of another language.
    fn line(&mut self) {
        let Line { letters, accents, words, english } = core::mem::take(&mut self.line);
        if (accents > 0 && accents * 100 >= letters) || (words >= 10 && english * 20 < words) {
            self.add(FOREIGN, letters as usize);
        }
    }

    fn digits(&mut self) {
        let spaced = self.before == Before::Space;
        if self.encoded() {
            return;
        }
        let n = self.take(|class| class == Class::Digit);
        self.add(DIGITS, n.div_ceil(3));
        self.add(SPACED_DIGITS, usize::from(spaced));
        self.before = Before::Other;
    }

    fn marks(&mut self) {
        let first = self.peek().map_or(0, |glyph| glyph.mark);
        let (mut n, mut equal) = (0usize, true);
        while let Some(glyph) = self.peek() {
            if glyph.class != Class::Mark {
                break;
            }
            equal &= glyph.mark == first;
            self.at += glyph.len;
            n += 1;
        }
        let letter = self
            .peek()
            .is_some_and(|next| matches!(next.class, Class::Lower | Class::Upper | Class::Accented));
        match n {
            1 if letter && self.before != Before::Space => self.add(MARK_WORD, 1),
            0..=2 => self.add(MARKS + n.saturating_sub(1), 1),
            _ if equal => {
                self.add(RULE, 1);
                self.add(RULE_LONG, n / 16);
            }
            3 => self.add(MARKS + 2, 1),
            _ => self.add(MARKS_MANY, n),
        }
        self.before = Before::Mark;
    }

    fn script(&mut self, script: Script) {
        let n = self.take(|class| class == Class::Script(script));
        self.add(SCRIPT + 2 * script as usize, 1);
        self.add(SCRIPT + 2 * script as usize + 1, n);
        self.before = Before::Other;
    }
}

fn glyph(rest: &[u8]) -> Option<Glyph> {
    let first = *rest.first()?;
    if first >= 0x80 || first == b'\\' {
        let (code, len) = character(rest)?;
        return Some(Glyph { class: classify(code), len, mark: u8::try_from(code).unwrap_or_default() });
    }
    Some(Glyph { class: ascii(first), len: 1, mark: first })
}

const fn ascii(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Class::Lower,
        b'A'..=b'Z' => Class::Upper,
        b'0'..=b'9' => Class::Digit,
        b' ' => Class::Space,
        b'\t' => Class::Tab,
        b'\n' | b'\r' => Class::Newline,
        _ => Class::Mark,
    }
}

fn classify(code: u32) -> Class {
    let script = match code {
        0..0x80 => return ascii(code as u8),
        0x80..0xC0 | 0xD7 | 0xF7 => Script::Symbol,
        0xC0..0x370 | 0x1E00..0x1F00 => return Class::Accented,
        0x370..0x400 | 0x1F00..0x2000 => Script::Greek,
        0x400..0x530 => Script::Cyrillic,
        0x590..0x600 => Script::Hebrew,
        0x600..0x780 | 0xFB50..0xFE00 | 0xFE70..0xFF00 => Script::Arabic,
        0x900..0x980 => Script::Devanagari,
        0x980..0xE00 => Script::Indic,
        0xE00..0xE80 => Script::Thai,
        0x1100..0x1200 | 0x3130..0x3190 | 0xAC00..0xD7B0 => Script::Hangul,
        0x2000..0x2E80 => Script::Symbol,
        0x3000..0x3040 | 0xFF00..0xFFF0 => Script::CjkMark,
        0x3040..0x3100 => Script::Kana,
        0x2E80..0x3000 | 0x3400..0xA000 | 0xF900..0xFB00 | 0x2_0000..0x3_2000 => Script::Han,
        0xFE00..0xFE10 | 0x1_F000..0x2_0000 => Script::Emoji,
        _ => Script::Other,
    };
    Class::Script(script)
}
