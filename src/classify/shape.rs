//! From text to numbers: what a question looks like, in whole numbers.
//!
//! One pass over the bytes of the stem, one over the options. Every number is a logarithm in 64ths of a doubling, a
//! share in thousandths, or a small count. Sentences that talk about the answer's form ("think step by step", "answer
//! with the letter") are not counted, unless there is nothing else.

use super::{
    layout::Layout,
    lexicon::{LISTS, Lexicon, List, Mask, SEED, hash, phrase},
};

/// How many numbers describe a text.
pub const FEATURES: usize = NAMES.len();

/// What the numbers are, in their order; part of the card of the weights.
pub const NAMES: [&str; 92] = [
    "log_letters",
    "log_words",
    "log_lines",
    "log_sentences",
    "log_stem_letters",
    "log_stem_words",
    "word_length",
    "words_per_sentence",
    "long_words",
    "short_words",
    "distinct_words",
    "log_numbers",
    "log_stem_numbers",
    "log_long_numbers",
    "digit_share",
    "log_operators",
    "log_dollars",
    "log_tex",
    "log_brackets",
    "log_parentheses",
    "log_quotes",
    "log_commas",
    "log_colons",
    "upper_letters",
    "capitalised_words",
    "non_ascii",
    "log_options",
    "option_length",
    "option_spread",
    "option_numbers",
    "ends_in_question",
    "ends_in_colon",
    "question_marks",
    "rare_words",
    "past_tense",
    "progressive",
    "abstract_nouns",
    "plurals",
    "log_largest_number",
    "log_decimals",
    "log_code_marks",
    "log_names",
    "blanks",
    "last_sentence",
    "longest_sentence",
    "option_overlap",
    "single_letters",
    "grammar_share",
    "speaker_share",
    "commas_per_word",
    "foreign",
    "opening_question",
    "opening_order",
    "question_share",
    "list_negation",
    "list_compute",
    "list_prove",
    "list_explain",
    "list_which",
    "list_factoid",
    "list_how_many",
    "list_premise",
    "list_law",
    "list_medicine",
    "list_unit",
    "list_program",
    "list_write",
    "list_name",
    "list_translate",
    "list_summarise",
    "list_extract",
    "list_compare",
    "list_quantifier",
    "list_time",
    "list_speaker",
    "list_person",
    "list_science",
    "list_money",
    "list_logic",
    "list_superlative",
    "list_passage",
    "list_order",
    "list_grammar",
    "list_chat",
    "list_agent",
    "list_geometry",
    "list_algebra",
    "list_society",
    "list_example",
    "list_hedge",
    "list_everyday",
    "list_foreign",
];

/// Where the lists begin in [`NAMES`].
const FIRST_LIST: usize = FEATURES - LISTS;

/// A text in numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shape {
    /// One number for each of [`NAMES`].
    pub values: [i16; FEATURES],
    /// Words counted, of stem and options.
    pub words: u32,
    /// Which words there are, as bits by hash.
    pub seen: [u64; 64],
    /// Whether the text is in another language than English.
    pub foreign: bool,
}

/// Log2 of `1 + count` in 64ths, straight between powers of two.
pub(super) fn log(count: u32) -> i32 {
    let value = count.saturating_add(1);
    let bits = value.ilog2();
    let fraction = (u64::from(value) << 6 >> bits) & 63;
    (bits * 64) as i32 + fraction as i32
}

/// `part` in thousandths of `whole`.
fn share(part: u32, whole: u32) -> i32 {
    let share = u64::from(part).saturating_mul(1000).checked_div(u64::from(whole)).unwrap_or_default();
    i32::try_from(share).unwrap_or(i32::MAX)
}

/// What is counted of a sentence.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
enum Count {
    Words,
    Letters,
    Long,
    Short,
    Distinct,
    Rare,
    Plain,
    Capital,
    Upper,
    Past,
    Progressive,
    Abstract,
    Adverb,
    Plural,
    Numbers,
    LongNumbers,
    Decimals,
    Operators,
    Tex,
    Dollars,
    UpperLetters,
    Brackets,
    Parentheses,
    Quotes,
    Commas,
    Colons,
    Code,
    Names,
    Items,
    Wide,
    NonAscii,
    Questions,
    Blanks,
    Single,
    Digits,
    Foreign,
}

const COUNTS: usize = 36;

#[derive(Clone, Copy, Debug)]
struct Tally {
    counts: [u32; COUNTS],
    lists: [u16; LISTS],
    largest: u32,
}

impl Tally {
    const EMPTY: Self = Self { counts: [0; COUNTS], lists: [0; LISTS], largest: 0 };

    fn add(&mut self, count: Count, more: u32) {
        if let Some(place) = self.counts.get_mut(count as usize) {
            *place = place.saturating_add(more);
        }
    }

    fn get(&self, count: Count) -> u32 {
        self.counts.get(count as usize).copied().unwrap_or_default()
    }

    fn list(&mut self, mut mask: Mask) {
        while mask != 0 {
            let bit = mask.trailing_zeros() as usize;
            if let Some(place) = self.lists.get_mut(bit) {
                *place = place.saturating_add(1);
            }
            mask &= mask - 1;
        }
    }

    fn take_in(&mut self, other: &Self) {
        for (place, more) in self.counts.iter_mut().zip(other.counts) {
            *place = place.saturating_add(more);
        }
        for (place, more) in self.lists.iter_mut().zip(other.lists) {
            *place = place.saturating_add(more);
        }
        self.largest = self.largest.max(other.largest);
    }
}

/// Which words are common, as bits by hash.
pub(super) type Common<'w> = &'w [u8];

/// Reads sentences.
struct Reader<'l> {
    lexicon: &'l Lexicon,
    common: Common<'l>,
    /// Words seen, as bits by hash; and before the sentence that is being read.
    seen: [u64; 64],
    seen_before: [u64; 64],
    sentence: Tally,
    whole: Tally,
    /// All sentences, asides too.
    everything: Tally,
    sentences: u32,
    aside: bool,
    first: u32,
    longest: u32,
    last: u32,
    last_asks: bool,
    asking_words: u32,
    opening: Mask,
    /// Phrases of the two words before and of the one before; 0 at the start of a sentence.
    two: u32,
    one: u32,
    word: Word,
    number: Number,
    before: u8,
}

#[derive(Clone, Copy, Default)]
struct Word {
    hash: u32,
    letters: u32,
    upper: u32,
    foreign: u32,
    /// The last four letters in lower case.
    end: u32,
    inner: bool,
}

#[derive(Clone, Copy, Default)]
struct Number {
    digits: u32,
    value: u32,
}

impl Word {
    const NONE: Self = Self { hash: SEED, letters: 0, upper: 0, foreign: 0, end: 0, inner: false };
}

impl<'l> Reader<'l> {
    fn new(lexicon: &'l Lexicon, common: Common<'l>) -> Self {
        Self {
            lexicon,
            common,
            seen: [0; 64],
            seen_before: [0; 64],
            sentence: Tally::EMPTY,
            whole: Tally::EMPTY,
            everything: Tally::EMPTY,
            sentences: 0,
            aside: false,
            first: 0,
            longest: 0,
            last: 0,
            last_asks: false,
            asking_words: 0,
            opening: 0,
            two: 0,
            one: 0,
            word: Word::NONE,
            number: Number::default(),
            before: b'\n',
        }
    }

    fn text(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'a'..=b'z' => self.letter(byte, false),
                b'A'..=b'Z' => self.letter(byte | 0x20, true),
                b'\'' if self.word.letters > 0 && after.first().is_some_and(u8::is_ascii_alphabetic) => {
                    self.word.hash = hash(self.word.hash, byte);
                }
                0x80.. => {
                    let (code, used) = decode(rest);
                    self.foreign(code, rest.get(..used).unwrap_or_default());
                    self.before = 0;
                    rest = rest.get(used..).unwrap_or_default();
                    continue;
                }
                _ => self.mark(byte, after.first().copied().unwrap_or(b'\n')),
            }
            self.before = byte;
            rest = after;
        }
        self.end_word();
        self.end_number();
    }

    fn letter(&mut self, lower: u8, upper: bool) {
        self.end_number();
        let word = &mut self.word;
        word.hash = hash(word.hash, lower);
        word.letters += 1;
        word.upper += u32::from(upper);
        word.inner |= upper && word.letters > 1;
        word.end = word.end << 8 | u32::from(lower);
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
                self.sentence.list(mask);
                self.remember(pair);
                self.sentence.add(Count::Wide, 1);
                self.word = Word { hash: alone, letters: 0, upper: 0, foreign: 1, end: 0, inner: false };
            }
            _ => {
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
                // Korean words begin with what a dictionary has, and end with particles.
                if matches!(code, 0xAC00..0xD7B0) && self.word.letters == 2 {
                    let mask = self.lexicon.lists(self.word.hash);
                    self.sentence.list(mask);
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

    fn end_word(&mut self) {
        let word = self.word;
        if word.letters == 0 {
            self.word = Word::NONE;
            return;
        }
        self.word = Word::NONE;
        let new = self.remember(word.hash);
        let sentence = &mut self.sentence;
        if sentence.get(Count::Words) == 0 && self.sentences == 0 {
            self.opening = self.lexicon.lists(word.hash);
        }
        let begins = sentence.get(Count::Words) == 0;
        sentence.add(Count::Words, 1);
        sentence.add(Count::Letters, word.letters);
        sentence.add(Count::UpperLetters, word.upper);
        sentence.add(Count::Distinct, u32::from(new));
        sentence.add(Count::Long, u32::from(word.letters >= 9));
        sentence.add(Count::Short, u32::from(word.letters <= 3));
        sentence.add(Count::Single, u32::from(word.letters == 1));
        sentence.add(Count::Foreign, u32::from(word.foreign > 0));
        sentence.add(Count::Upper, u32::from(word.upper > 1 && word.upper == word.letters));
        sentence
            .add(Count::Capital, u32::from(word.upper == 1 && !word.inner && !begins && word.letters > 1));
        sentence.add(Count::Names, u32::from(word.inner && word.upper < word.letters));
        if word.foreign == 0 && word.letters > 3 {
            sentence.add(Count::Plain, 1);
            let bit = word.hash as usize % (self.common.len() * 8).max(1);
            let known = self.common.get(bit / 8).is_some_and(|byte| byte & 1 << (bit % 8) != 0);
            sentence.add(Count::Rare, u32::from(!known));
        }
        let [third, second, one, zero] = word.end.to_be_bytes();
        let count = match [third, second, one, zero] {
            [_, _, b'e', b'd'] if word.letters > 3 => Some(Count::Past),
            [_, b'i', b'n', b'g'] if word.letters > 4 => Some(Count::Progressive),
            [b't', b'i', b'o', b'n']
            | [b's', b'i', b'o', b'n']
            | [b'm', b'e', b'n', b't']
            | [b'n', b'e', b's', b's'] => Some(Count::Abstract),
            [_, b'i', b't', b'y']
            | [_, b'i', b's', b'm']
            | [b'a', b'n', b'c', b'e']
            | [b'e', b'n', b'c', b'e']
                if word.letters > 5 =>
            {
                Some(Count::Abstract)
            }
            [_, _, b'l', b'y'] if word.letters > 4 => Some(Count::Adverb),
            [_, _, before, b's'] if word.letters > 3 && !matches!(before, b's' | b'u' | b'i') => {
                Some(Count::Plural)
            }
            _ => None,
        };
        if let Some(count) = count {
            sentence.add(count, 1);
        }
        sentence.list(self.lexicon.lists(word.hash));
        if self.one != 0 && !self.aside {
            let (pair, triple) = (phrase(self.one, word.hash), phrase(self.two, word.hash));
            self.aside = self.lexicon.is_aside(pair) || (self.two != 0 && self.lexicon.is_aside(triple));
        }
        self.two = if self.one == 0 { 0 } else { phrase(self.one, word.hash) };
        self.one = phrase(0, word.hash);
    }

    fn end_number(&mut self) {
        let number = self.number;
        if number.digits == 0 {
            return;
        }
        self.number = Number::default();
        self.sentence.add(Count::Numbers, 1);
        self.sentence.add(Count::LongNumbers, u32::from(number.digits >= 3));
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
        let called = self.word.letters > 0;
        self.end_word();
        self.end_number();
        let spaced = matches!(next, b' ' | b'\n');
        let sentence = &mut self.sentence;
        match byte {
            b'+' | b'=' | b'<' | b'>' | b'^' | b'/' | b'%' | b'|' | b'~' => sentence.add(Count::Operators, 1),
            b'*' if self.before == b'\n' => sentence.add(Count::Items, 1),
            b'*' if next != b'*' && self.before != b'*' => sentence.add(Count::Operators, 1),
            b'-' if self.before == b'\n' => sentence.add(Count::Items, 1),
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
            b'_' if called => sentence.add(Count::Names, 1),
            b'?' => {
                sentence.add(Count::Questions, 1);
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

    fn end_sentence(&mut self, asks: bool) {
        let sentence = self.sentence;
        let words = sentence.get(Count::Words) + sentence.get(Count::Wide) * 5 / 8;
        let aside = core::mem::take(&mut self.aside);
        (self.one, self.two) = (0, 0);
        if words + sentence.get(Count::Numbers) == 0 {
            // `...` or `?!`: belongs to what comes.
            return;
        }
        self.sentence = Tally::EMPTY;
        self.everything.take_in(&sentence);
        if aside {
            self.seen = self.seen_before;
            return;
        }
        self.seen_before = self.seen;
        self.whole.take_in(&sentence);
        self.sentences += 1;
        if self.sentences == 1 {
            self.first = words;
        }
        (self.last, self.last_asks) = (words, asks);
        self.longest = self.longest.max(words);
        if asks {
            self.asking_words += words;
        }
    }
}

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

impl Shape {
    /// Counts a text that is decoded and cleaned.
    pub(super) fn of(text: &[u8], lexicon: &Lexicon, common: Common<'_>) -> Self {
        let layout = Layout::of(text);
        let mut reader = Reader::new(lexicon, common);
        let mut lines = 0u32;
        for range in &layout.stem {
            let line = text.get(range.clone()).unwrap_or_default();
            if line.is_empty() {
                continue;
            }
            let read = reader.sentences;
            reader.before = b'\n';
            reader.text(line);
            // Prose that was broken into lines goes on; a line that ends in a letter of its own is a sentence.
            if !line.last().is_some_and(u8::is_ascii_alphanumeric) || line.len() < 60 {
                reader.end_sentence(false);
            }
            // A line of asides is none.
            lines += u32::from(reader.sentences > read || reader.sentence.get(Count::Words) > 0);
        }
        reader.end_sentence(false);
        let ends_in = |mark: &[u8]| {
            layout
                .stem
                .iter()
                .rev()
                .map(|range| text.get(range.clone()).unwrap_or_default())
                .find(|line| !line.is_empty())
                .is_some_and(|line| line.ends_with(mark))
        };
        let ends_in_colon = ends_in(b":");
        if reader.whole.get(Count::Words) + reader.whole.get(Count::Wide) + reader.whole.get(Count::Numbers)
            < 3
        {
            reader.whole = reader.everything;
            reader.sentences = reader.sentences.max(1);
        }
        let stem = reader.whole;
        let options = Options::of(text, &layout, &mut reader);
        numbers(&reader, &stem, lines, ends_in_colon, &options)
    }
}

/// What is counted of the options apart.
struct Options {
    count: u32,
    words: u32,
    letters: u32,
    shortest: u32,
    longest: u32,
    numeric: u32,
    shared: u32,
}

impl Options {
    /// Goes on with the reader of the stem, which then has counted the whole.
    fn of(text: &[u8], layout: &Layout, reader: &mut Reader<'_>) -> Self {
        let mut found =
            Self { count: 0, words: 0, letters: 0, shortest: u32::MAX, longest: 0, numeric: 0, shared: 0 };
        for range in &layout.options {
            reader.sentence = Tally::EMPTY;
            reader.before = b' ';
            reader.text(text.get(range.clone()).unwrap_or_default());
            let tally = reader.sentence;
            reader.whole.take_in(&tally);
            reader.sentence = Tally::EMPTY;
            let own = tally.get(Count::Words) + tally.get(Count::Wide) * 5 / 8;
            let letters =
                tally.get(Count::Letters) + tally.get(Count::Wide) * 5 / 2 + tally.get(Count::Digits);
            found.count += 1;
            found.numeric += u32::from(tally.get(Count::Digits) > 0);
            found.words = found.words.saturating_add(own);
            found.letters = found.letters.saturating_add(letters);
            found.shared = found.shared.saturating_add(own.saturating_sub(tally.get(Count::Distinct)));
            found.shortest = found.shortest.min(letters);
            found.longest = found.longest.max(letters);
        }
        found
    }
}

fn numbers(reader: &Reader<'_>, stem: &Tally, lines: u32, ends_in_colon: bool, options: &Options) -> Shape {
    let whole = &reader.whole;
    let of = |count| whole.get(count);
    let wide = of(Count::Wide);
    let words_of = |tally: &Tally| tally.get(Count::Words) + tally.get(Count::Wide) * 5 / 8;
    let letters_of =
        |tally: &Tally| tally.get(Count::Letters) + tally.get(Count::Wide) * 5 / 2 + tally.get(Count::Digits);
    let (words, letters) = (words_of(whole), letters_of(whole));
    let per_word = |count| share(of(count), words.max(4));
    let listed = |list: List| u32::from(whole.lists.get(list as usize).copied().unwrap_or_default());
    let foreign = of(Count::Foreign) * 4 > of(Count::Words)
        || wide > of(Count::Words)
        || listed(List::Foreign) > listed(List::Grammar);
    let bit = |mask: Mask, list: List| i32::from(mask & 1 << list as usize != 0);
    let wh = [List::Which, List::Factoid, List::HowMany, List::Explain];
    let opens_question = wh.into_iter().any(|list| bit(reader.opening, list) > 0);
    let orders = [List::Compute, List::Prove, List::Write, List::Name, List::Translate, List::Summarise];
    let opens_order = orders.into_iter().any(|list| bit(reader.opening, list) > 0);
    let spread = if options.count > 0 { log(options.longest) - log(options.shortest) } else { 0 };
    let own = [
        log(letters),
        log(words),
        log(lines + options.count),
        log(reader.sentences),
        log(letters_of(stem)),
        log(words_of(stem)),
        share(of(Count::Letters), of(Count::Words).max(1)) / 8,
        log(words_of(stem).checked_div(reader.sentences).unwrap_or_default()),
        per_word(Count::Long),
        per_word(Count::Short),
        per_word(Count::Distinct),
        log(of(Count::Numbers)),
        log(stem.get(Count::Numbers)),
        log(of(Count::LongNumbers)),
        share(of(Count::Digits), letters.max(4)),
        log(of(Count::Operators)),
        log(of(Count::Dollars)),
        log(of(Count::Tex)),
        log(of(Count::Brackets)),
        log(of(Count::Parentheses)),
        log(of(Count::Quotes)),
        log(of(Count::Commas)),
        log(of(Count::Colons)),
        share(of(Count::UpperLetters), letters.max(4)),
        per_word(Count::Capital),
        share(of(Count::NonAscii), letters.max(4)).min(1000),
        log(options.count),
        log(options.letters.checked_div(options.count).unwrap_or_default()),
        spread,
        share(options.numeric, options.count),
        i32::from(reader.last_asks),
        i32::from(ends_in_colon),
        of(Count::Questions).min(4) as i32,
        share(of(Count::Rare), of(Count::Plain).max(4)),
        per_word(Count::Past),
        per_word(Count::Progressive),
        per_word(Count::Abstract),
        per_word(Count::Plural),
        log(whole.largest),
        log(of(Count::Decimals)),
        log(of(Count::Code)),
        log(of(Count::Names)),
        log(of(Count::Blanks)),
        log(reader.last),
        log(reader.longest),
        share(options.shared, options.words),
        per_word(Count::Single),
        share(listed(List::Grammar), words.max(4)),
        share(listed(List::Speaker), words.max(4)),
        per_word(Count::Commas).min(1000),
        i32::from(foreign),
        i32::from(opens_question),
        i32::from(opens_order),
        share(reader.asking_words, words_of(stem)),
    ];
    let mut values = [0; FEATURES];
    let narrow = |value: i32| i16::try_from(value).unwrap_or(i16::MAX);
    for (place, value) in values.iter_mut().zip(own) {
        *place = narrow(value);
    }
    for (place, hits) in values.iter_mut().skip(FIRST_LIST).zip(whole.lists) {
        *place = narrow(log(u32::from(hits.min(7))));
    }
    Shape { values, words, seen: reader.seen, foreign }
}
