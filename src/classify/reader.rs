//! From sentences to counts: one walk over the bytes of a text, a word at a time.

use alloc::vec::Vec;

use super::{
    key::{behind_address, behind_key, is_key},
    kin::{Name, Sentence, name},
    lexicon::{Lexicon, List, Mask, SEED, hash, lists, phrase},
    tally::{Count, Tally, at, by_length, ending, one, when},
    word::{BEGINNING, Short, Word},
};

/// Which words are common, as bits by hash.
pub(super) type Common<'w> = &'w [u8];

/// Bytes of the table that ships.
const COMMON: usize = 4096;

/// Reads sentences.
pub(super) struct Reader<'l> {
    lexicon: &'l Lexicon,
    common: Common<'l>,
    /// The same, where it has the size of the one that ships.
    common_words: Option<&'l [u8; COMMON]>,
    /// Words seen, as bits by hash; and before the sentence that is being read.
    pub(super) seen: [u64; 64],
    seen_before: [u64; 64],
    pub(super) sentence: Tally,
    /// The sentences before it.
    pub(super) sentences: Vec<Sentence>,
    /// What the sentences are about.
    pub(super) names: Vec<Name>,
    /// Where the names of the sentence that is being read begin.
    names_from: usize,
    pub(super) line: usize,
    aside: bool,
    opening: Mask,
    /// The last byte since the last word that is neither letter nor space; 0 for none.
    mark: u8,
    /// Whether the last word had a capital.
    capital: bool,
    /// Phrases of the two words before and of the one before; 0 at the start of a sentence.
    two: u32,
    one: u32,
    word: Word,
    /// Whether anything of a word was read.
    open: bool,
    number: Number,
    pub(super) before: u8,
    before_that: u8,
}

#[derive(Clone, Copy, Default)]
struct Number {
    digits: u32,
    value: u32,
}

impl<'l> Reader<'l> {
    pub(super) fn new(lexicon: &'l Lexicon, common: Common<'l>) -> Self {
        Self {
            lexicon,
            common,
            common_words: common.try_into().ok(),
            seen: [0; 64],
            seen_before: [0; 64],
            sentence: Tally::EMPTY,
            sentences: Vec::with_capacity(16),
            names: Vec::with_capacity(128),
            names_from: 0,
            line: 0,
            aside: false,
            mark: 0,
            capital: false,
            opening: 0,
            two: 0,
            one: 0,
            word: Word::NONE,
            open: false,
            number: Number::default(),
            before: b'\n',
            before_that: b'\n',
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' => {
                    rest = self.letters(rest);
                    continue;
                }
                b' ' => {
                    self.end_word();
                    self.end_number();
                }
                b'\'' if self.word.letters > 0 && after.first().is_some_and(u8::is_ascii_alphabetic) => {
                    self.word.hash = hash(self.word.hash, byte);
                }
                b':' if self.word.letters > 0 && after.starts_with(b"//") => {
                    // An address says nothing of what is asked.
                    (self.word, self.open) = (Word::NONE, false);
                    (self.before, self.mark) = (b'/', b'/');
                    rest = behind_address(after);
                    continue;
                }
                b'0'..=b'9' if self.word.letters > 0 && is_key(rest) => {
                    (self.word, self.open) = (Word::NONE, false);
                    (self.before, self.mark) = (b'0', 0);
                    rest = behind_key(rest);
                    continue;
                }
                0x80.. => {
                    let (code, used) = decode(rest);
                    self.foreign(code, rest.get(..used).unwrap_or_default());
                    (self.before, self.mark) = (0, 0x80);
                    rest = rest.get(used..).unwrap_or_default();
                    continue;
                }
                _ => {
                    self.mark(byte, after.first().copied().unwrap_or(b'\n'));
                    self.mark = byte;
                }
            }
            self.before_that = self.before;
            self.before = byte;
            rest = after;
        }
        self.end_word();
        self.end_number();
    }

    /// Takes the letters that `text` begins with, and the words behind them as long as they are letters with a space
    /// behind; gives what is left.
    fn letters<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        if self.number.digits > 0 && is_key(text) {
            self.number = Number::default();
            (self.before, self.mark) = (b'0', 0);
            return behind_key(text);
        }
        self.end_number();
        let mut text = text;
        loop {
            // Most words are short, and a whole word each.
            let short = if self.open { None } else { Short::of(text) };
            let (length, word) = if let Some(short) = short {
                (short.length, short.word())
            } else {
                let before = if self.open { self.word } else { Word::NONE };
                before.and(text)
            };
            let (run, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
            if let Some((b' ', behind)) = rest.split_first() {
                if self.open {
                    self.word = word;
                    self.end_word();
                } else {
                    self.count(word);
                }
                self.before = b' ';
                if behind.first().is_some_and(u8::is_ascii_alphabetic) {
                    text = behind;
                    continue;
                }
                return behind;
            }
            self.before = run.last().copied().unwrap_or_default();
            (self.word, self.open) = (word, true);
            return rest;
        }
    }

    fn foreign(&mut self, code: u32, bytes: &[u8]) {
        self.end_number();
        self.sentence.add(Count::NonAscii, 1);
        match code {
            // Marks of mathematics.
            0x2190..0x2300 | 0xD7 | 0xF7 | 0xB1..0xB4 | 0x2070..0x20A0 => {
                self.end_word();
                self.sentence.add(Count::Operators, 1);
            }
            0x2018 | 0x2019 | 0x201C | 0x201D | 0xAB | 0xBB | 0x300C | 0x300D => {
                self.end_word();
                self.sentence.add(Count::Quotes, 1);
            }
            0x37E | 0x61F | 0xFF1F => {
                self.end_word();
                self.sentence.add(Count::Questions, 1);
                self.end_sentence(true);
            }
            0x3002 | 0xFF01 | 0x964 | 0x6D4 => {
                self.end_word();
                self.end_sentence(false);
            }
            0xFF0C | 0x3001 | 0x60C => {
                self.end_word();
                self.sentence.add(Count::Commas, 1);
            }
            0xFF1A | 0xFF1B | 0x61B => {
                self.end_word();
                self.sentence.add(Count::Colons, 1);
            }
            0xA0..0xC0 | 0x2000..0x2190 | 0x2300..0x3040 | 0xFF00..0xFF10 | 0xFFFD | 0x1_F000..0x2_0000 => {
                self.end_word()
            }
            // Scripts without spaces: each character, and each with the one before, may be a word.
            0xE00..0xF00 | 0x1780..0x1800 | 0x3040..0x3100 | 0x3400..0xA000 | 0xF900..0xFB00 | 0x2_0000.. => {
                let alone = bytes.iter().fold(SEED, |sum, byte| hash(sum, *byte));
                let pair = bytes.iter().fold(self.word.hash, |sum, byte| hash(sum, *byte));
                if self.word.letters > 0 && self.word.foreign == 0 {
                    self.end_word();
                }
                let mut mask = self.lexicon.lists(alone);
                if self.word.foreign > 0 && pair != alone {
                    mask |= self.lexicon.lists(pair);
                }
                self.sentence.list_each(mask);
                self.sentence.add_word([0, when(mask != 0, Count::Known), 0, 0]);
                self.remember(pair);
                if self.word.foreign > 0 {
                    self.names.push(name(pair));
                }
                self.sentence.add(Count::Wide, 1);
                self.open = true;
                self.word =
                    Word { hash: alone, letters: 0, upper: 0, foreign: 1, end: 0, start: 0, inner: false };
            }
            _ => {
                self.open = true;
                let (lower, upper) = lower(code);
                let mut buffer = [0; 4];
                for byte in char::from_u32(lower).unwrap_or('\u{FFFD}').encode_utf8(&mut buffer).bytes() {
                    self.word.hash = hash(self.word.hash, byte);
                }
                // Vowel signs of Indian scripts and the like are no letters of their own.
                if !matches!(code, 0x300..0x370 | 0x93A..0x950 | 0x64B..0x660) {
                    self.word.letters += 1;
                    self.word.foreign += u32::from(code >= 0x250);
                }
                self.word.upper += u32::from(upper);
                self.word.end = 0;
                if self.word.letters as usize <= BEGINNING {
                    self.word.start = self.word.hash;
                }
                // Korean words begin with what a dictionary has, and end with particles.
                if matches!(code, 0xAC00..0xD7B0) && self.word.letters == 2 {
                    let mask = self.lexicon.lists(self.word.hash);
                    self.sentence.list_each(mask);
                }
            }
        }
    }

    /// Notes a word; whether it is new.
    fn remember(&mut self, hash: u32) -> bool {
        let bit = (hash ^ hash >> 16) % 4096;
        let Some(place) = self.seen.get_mut((bit / 64) as usize) else { return false };
        let new = *place & 1 << (bit % 64) == 0;
        *place |= 1 << (bit % 64);
        new
    }

    /// 1 for a common word.
    fn common_bit(&self, hash: u32) -> u64 {
        let (byte, bit) = match self.common_words {
            Some(words) => (words.get(hash as usize / 8 % COMMON), hash % 8),
            None => {
                let bit = hash % (self.common.len() as u32 * 8).max(1);
                (self.common.get(bit as usize / 8), bit % 8)
            }
        };
        u64::from(byte.copied().unwrap_or_default() >> bit & 1)
    }

    fn end_word(&mut self) {
        if core::mem::take(&mut self.open) {
            let word = core::mem::replace(&mut self.word, Word::NONE);
            if word.letters > 0 {
                self.count_apart(word);
            }
        }
    }

    #[inline(never)]
    fn count_apart(&mut self, word: Word) {
        self.count(word);
    }

    /// In the loop over words, and nowhere else: there it knows much of a word.
    #[inline(always)]
    fn count(&mut self, word: Word) {
        let (mark, capital) = (core::mem::take(&mut self.mark), self.capital);
        self.capital = word.upper > 0;
        let new = self.remember(word.hash);
        let lexicon = self.lexicon;
        let set = lexicon.set(word.hash);
        if word.upper > 0 && self.opens(&word, set.mask) && !capital && !joins(mark) {
            self.end_sentence(false);
        }
        let common = self.common_bit(word.hash);
        let sentence = &mut self.sentence;
        let begins = sentence.get(Count::Words) == 0;
        if begins {
            self.opening = set.mask;
        }
        if letters_of(&word) && set.mask & EMPTY_WORDS == 0 {
            self.names.push(name(word.start));
        }
        let letters = word.letters;
        sentence.add(Count::Letters, letters);
        let length = by_length(letters);
        let plain = if word.foreign == 0 { length.plain } else { 0 };
        let known = plain & common;
        let mut second_four =
            when(new, Count::Distinct) | at(Count::Known, set.listed | known) & length.several;
        let mut third_four = at(Count::Plain, plain) | at(Count::Rare, plain ^ known);
        if word.foreign > 0 {
            second_four |= one(Count::Foreign);
        }
        if word.upper > 0 {
            sentence.add(Count::UpperLetters, word.upper);
            let all = word.upper == letters;
            second_four |= when((word.upper == 1) & !word.inner & !begins & (letters > 1), Count::Capital);
            third_four |= when(word.inner & !all, Count::Names);
        }
        sentence.add_word([length.counts, second_four, third_four, ending(word.end, letters)]);
        sentence.list(&set.lanes);
        let (pair, triple) = (phrase(self.one, word.hash), phrase(self.two, word.hash));
        if lexicon.may_be_aside([pair, triple]) && self.one != 0 && !self.aside {
            self.aside = lexicon.is_aside(pair) || (self.two != 0 && lexicon.is_aside(triple));
        }
        self.two = if self.one == 0 { 0 } else { pair };
        self.one = phrase(0, word.hash);
    }

    /// Whether a word with capitals begins a sentence where no full stop stands before it: the capital is none of a name,
    /// and such words open sentences.
    fn opens(&self, word: &Word, lists: Mask) -> bool {
        word.upper == 1 && word.letters > 1 && lists & OPENING != 0 && self.sentence.get(Count::Words) > 0
    }

    fn end_number(&mut self) {
        let number = self.number;
        if number.digits == 0 {
            return;
        }
        self.number = Number::default();
        self.sentence.add(Count::Numbers, 1);
        if number.digits >= 3 {
            self.sentence.add_word([0, 0, one(Count::LongNumbers), 0]);
        }
        self.sentence.largest = self.sentence.largest.max(number.value);
    }

    fn mark(&mut self, byte: u8, next: u8) {
        if byte.is_ascii_digit() {
            self.end_word();
            self.sentence.add(Count::Digits, 1);
            self.number.digits += 1;
            self.number.value =
                self.number.value.saturating_mul(10).saturating_add(u32::from(byte - b'0')).min(1 << 24);
            return;
        }
        // `1,000` and `3.5` are one number.
        if self.number.digits > 0 && matches!(byte, b'.' | b',') && next.is_ascii_digit() {
            if byte == b'.' {
                self.sentence.add(Count::Decimals, 1);
            }
            return;
        }
        // Rules and exclamations of any length are one mark; a blank is counted at its end.
        if byte == self.before
            && !matches!(byte, b'_' | b'(' | b'\n')
            && (byte == self.before_that || matches!(byte, b'?' | b'!'))
        {
            return;
        }
        let called = self.word.letters > 0;
        self.end_word();
        self.end_number();
        let spaced = matches!(next, b' ' | b'\n');
        let sentence = &mut self.sentence;
        match byte {
            b'+' | b'=' | b'<' | b'>' | b'^' | b'/' | b'%' | b'|' | b'~' => sentence.add(Count::Operators, 1),
            b'*' if self.before == b'\n' => {}
            b'*' if next != b'*' && self.before != b'*' => sentence.add(Count::Operators, 1),
            b'-' if self.before == b' ' && spaced => sentence.add(Count::Operators, 1),
            b'\\' if next.is_ascii_alphabetic() => sentence.add(Count::Tex, 1),
            b'$' => sentence.add(Count::Dollars, 1),
            b'[' | b'{' => sentence.add(Count::Brackets, 1),
            b'(' => {
                sentence.add(Count::Parentheses, 1);
                sentence.add(Count::Code, u32::from(called));
            }
            b'"' | b'\'' => sentence.add(Count::Quotes, 1),
            b',' => sentence.add(Count::Commas, 1),
            b':' => sentence.add(Count::Colons, 1),
            b';' => {
                sentence.add(Count::Colons, 1);
                sentence.add(Count::Code, u32::from(next == b'\n'));
            }
            b'`' => sentence.add(Count::Code, 1),
            b'_' if self.before == b'_' && next != b'_' => sentence.add(Count::Blanks, 1),
            b'_' if called => sentence.add_word([0, 0, one(Count::Names), 0]),
            b'?' => {
                if sentence.terms() > 0 {
                    sentence.add(Count::Questions, 1);
                }
                self.end_sentence(true);
            }
            b'.' | b'!'
                if spaced
                    && (called
                        || self.before.is_ascii_digit()
                        || matches!(self.before, b')' | b'$' | b'"')) =>
            {
                self.end_sentence(false);
            }
            b'\n' => self.end_sentence(false),
            _ => {}
        }
    }

    /// Reads a line; whether there is anything in it.
    pub(super) fn line_of(&mut self, line: &[u8], number: usize) -> bool {
        if line.is_empty() {
            return false;
        }
        (self.before, self.line) = (b'\n', number);
        self.text(line);
        if self.sentence.terms() == 0 {
            // Marks alone say nothing.
            self.sentence = Tally::EMPTY;
        }
        // Prose that was broken into lines goes on; a line that ends in a letter of its own is a sentence.
        if !line.last().is_some_and(u8::is_ascii_alphanumeric) || line.len() < 60 {
            self.end_sentence(false);
        }
        true
    }

    pub(super) fn end_sentence(&mut self, asks: bool) {
        let sentence = self.sentence;
        let words = sentence.get(Count::Words) + sentence.get(Count::Wide) * 5 / 8;
        // Nothing but rare words, and none that joins them: somebody's keyboard, or a dictionary.
        let (plain, rare) = (sentence.get(Count::Plain), sentence.get(Count::Rare));
        let heap =
            plain > 2 && rare * 5 >= plain * 4 && sentence.no_lists() && sentence.get(Count::Foreign) == 0;
        let aside = core::mem::take(&mut self.aside) || heap;
        (self.one, self.two) = (0, 0);
        if words + sentence.get(Count::Numbers) == 0 {
            // `...` or `?!`: belongs to what comes.
            return;
        }
        self.sentence = Tally::EMPTY;
        if aside {
            self.seen = self.seen_before;
        } else {
            self.seen_before = self.seen;
        }
        let names = (self.names_from, self.names.len());
        self.names_from = names.1;
        let opening = core::mem::take(&mut self.opening);
        self.sentences.push(Sentence {
            tally: sentence,
            words,
            asks,
            aside,
            opening,
            line: self.line,
            names,
        });
    }
}

/// Whether what stands behind such a mark goes on with the sentence, whatever its capital.
const fn joins(mark: u8) -> bool {
    matches!(mark, b',' | b':' | b'"' | b'\'' | b'(' | b'-' | b'.' | b'`' | b'*' | b'_' | b'$' | 0x80..)
}

const fn letters_of(word: &Word) -> bool {
    word.letters > 3 || word.foreign > 0
}

/// Lists of words that open sentences.
const OPENING: Mask = lists(&[
    List::Which,
    List::Factoid,
    List::Premise,
    List::Compute,
    List::Prove,
    List::Explain,
    List::Grammar,
]);

/// Lists of words that say nothing of what a text is about.
const EMPTY_WORDS: Mask = lists(&[
    List::Negation,
    List::Which,
    List::Factoid,
    List::Quantifier,
    List::Speaker,
    List::Grammar,
    List::Chat,
    List::Hedge,
]);

/// One character of UTF-8 and its length.
fn decode(bytes: &[u8]) -> (u32, usize) {
    let follow = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default() & 0x3F);
    match bytes.first().copied().unwrap_or_default() {
        lead @ 0xC0..0xE0 => (u32::from(lead & 0x1F) << 6 | follow(1), 2),
        lead @ 0xE0..0xF0 => (u32::from(lead & 0x0F) << 12 | follow(1) << 6 | follow(2), 3),
        lead @ 0xF0.. => (u32::from(lead & 0x07) << 18 | follow(1) << 12 | follow(2) << 6 | follow(3), 4),
        _ => (0xFFFD, 1),
    }
}

/// A letter in lower case, and whether it was not.
fn lower(code: u32) -> (u32, bool) {
    match code {
        0xC0..=0xDE | 0x391..=0x3A9 | 0x410..=0x42F => (code + 0x20, true),
        0x400..=0x40F => (code + 0x50, true),
        0x100..0x180 if code.is_multiple_of(2) && !matches!(code, 0x138..0x149) => (code + 1, true),
        _ => (code, false),
    }
}
