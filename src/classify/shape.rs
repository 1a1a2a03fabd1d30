//! From text to numbers: what a question looks like, in whole numbers.
//!
//! One pass over the bytes of the stem, one over the options. Every number is a logarithm in 64ths of a doubling, a
//! share in thousandths, or a small count. Sentences that talk about the answer's form ("think step by step", "answer
//! with the letter") are not counted, unless there is nothing else.

use alloc::vec::Vec;

use super::{
    kin::{self, Asked, Sentence},
    layout::Layout,
    lexicon::{LISTS, Lexicon, List, Mask},
    reader::{Common, Reader},
    tally::{Count, Tally},
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
    /// Words of more than a letter that are common or stand in a list, in thousandths of all such.
    pub familiar: u16,
    /// Whether most of it is in letters other than Latin ones.
    pub other_script: bool,
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

impl Shape {
    /// Counts a text that is decoded and cleaned.
    pub(super) fn of(text: &[u8], lexicon: &Lexicon, common: Common<'_>) -> Self {
        let layout = Layout::of(text);
        let mut reader = Reader::new(lexicon, common);
        let before_options = layout.options.first().map_or(usize::MAX, |option| option.start);
        let mut asked = 0;
        let (stem, behind) =
            layout.stem.split_at(layout.stem.partition_point(|range| range.start < before_options));
        for (number, range) in stem.iter().enumerate() {
            if reader.line_of(text.get(range.clone()).unwrap_or_default(), number) {
                asked = reader.sentences.iter().rposition(|sentence| !sentence.aside).unwrap_or_default();
            }
        }
        reader.end_sentence(false);
        let mut sentences = core::mem::take(&mut reader.sentences);
        let names = reader.names.len();
        let mut options = Options::of(text, &layout, &mut reader);
        let asked = (options.count > 0).then(|| {
            let end = options.behind.first().map_or(reader.names.len(), |sentence| sentence.names.0);
            Asked { names: names..end, words: options.words, sentence: asked }
        });
        sentences.append(&mut options.behind);
        reader.sentence = Tally::EMPTY;
        for (number, range) in behind.iter().enumerate() {
            reader.line_of(text.get(range.clone()).unwrap_or_default(), stem.len() + number);
        }
        reader.end_sentence(false);
        sentences.append(&mut reader.sentences);
        kin::set_apart(&mut sentences, &reader.names, asked);
        let mut stem = Stem::of(&sentences, |sentence| !sentence.aside);
        if stem.tally.terms() < 3 {
            stem = Stem::of(&sentences, |_| true);
        }
        let last = layout.stem.get(stem.last_line).cloned().unwrap_or_default();
        stem.ends_in_colon = text.get(last).is_some_and(|line| line.ends_with(b":"));
        numbers(reader.seen, &stem, &options)
    }
}

/// What is counted of the sentences of the stem.
struct Stem {
    tally: Tally,
    lines: u32,
    sentences: u32,
    longest: u32,
    /// Words of the last one.
    last: u32,
    last_asks: bool,
    last_line: usize,
    asking_words: u32,
    opening: Mask,
    ends_in_colon: bool,
}

impl Stem {
    fn of(sentences: &[Sentence], counts: impl Fn(&Sentence) -> bool) -> Self {
        let mut found = Self {
            tally: Tally::EMPTY,
            lines: 0,
            sentences: 0,
            longest: 0,
            last: 0,
            last_asks: false,
            last_line: usize::MAX,
            asking_words: 0,
            opening: 0,
            ends_in_colon: false,
        };
        for sentence in sentences.iter().filter(|sentence| counts(sentence)) {
            if found.sentences == 0 {
                found.opening = sentence.opening;
            }
            found.tally.take_in(&sentence.tally);
            found.lines += u32::from(sentence.line != found.last_line);
            found.sentences += 1;
            found.longest = found.longest.max(sentence.words);
            (found.last, found.last_asks, found.last_line) = (sentence.words, sentence.asks, sentence.line);
            if sentence.asks {
                found.asking_words += sentence.words;
            }
        }
        found
    }
}

/// What is counted of the options apart.
struct Options {
    tally: Tally,
    behind: Vec<Sentence>,
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
        let mut found = Self {
            tally: Tally::EMPTY,
            behind: Vec::new(),
            count: 0,
            words: 0,
            letters: 0,
            shortest: u32::MAX,
            longest: 0,
            numeric: 0,
            shared: 0,
        };
        let mut several = false;
        let mut longest = 0;
        for (at, range) in layout.options.iter().enumerate() {
            (reader.sentence, reader.before) = (Tally::EMPTY, b' ');
            let option = text.get(range.clone()).unwrap_or_default();
            let last = at + 1 == layout.options.len();
            reader.text(if last { of_length(option, longest) } else { option });
            longest = longest.max(range.len());
            reader.end_sentence(false);
            // What follows on the last option, where no other has more than a sentence, is none of it.
            if at + 1 == layout.options.len() && !several && reader.sentences.len() > 1 {
                found.behind = reader.sentences.split_off(1);
            }
            several |= reader.sentences.len() > 1;
            let mut tally = Tally::EMPTY;
            for sentence in reader.sentences.drain(..) {
                tally.take_in(&sentence.tally);
            }
            found.tally.take_in(&tally);
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

/// The last option, where the longest of the others has so many bytes: what goes on much longer belongs to what comes.
fn of_length(option: &[u8], longest: usize) -> &[u8] {
    let most = longest + longest / 4 + 8;
    let Some(head) = option.get(..most) else { return option };
    let end = head.iter().rposition(|byte| *byte == b' ').unwrap_or(most);
    head.get(..end).unwrap_or_default()
}

fn numbers(seen: [u64; 64], found: &Stem, options: &Options) -> Shape {
    let stem = &found.tally;
    let mut whole = *stem;
    whole.take_in(&options.tally);
    let whole = &whole;
    let of = |count| whole.get(count);
    let wide = of(Count::Wide);
    let words_of = |tally: &Tally| tally.get(Count::Words) + tally.get(Count::Wide) * 5 / 8;
    let letters_of =
        |tally: &Tally| tally.get(Count::Letters) + tally.get(Count::Wide) * 5 / 2 + tally.get(Count::Digits);
    let (words, letters) = (words_of(whole), letters_of(whole));
    let per_word = |count| share(of(count), words.max(4));
    let hits = whole.hits();
    let listed = |list: List| hits.get(list as usize).copied().unwrap_or_default();
    let foreign = of(Count::Foreign) * 4 > of(Count::Words)
        || wide > of(Count::Words)
        || listed(List::Foreign) > listed(List::Grammar);
    let bit = |mask: Mask, list: List| i32::from(mask & 1 << list as usize != 0);
    let wh = [List::Which, List::Factoid, List::HowMany, List::Explain];
    let opens_question = wh.into_iter().any(|list| bit(found.opening, list) > 0);
    let orders = [List::Compute, List::Prove, List::Write, List::Name, List::Translate, List::Summarise];
    let opens_order = orders.into_iter().any(|list| bit(found.opening, list) > 0);
    let spread = if options.count > 0 { log(options.longest) - log(options.shortest) } else { 0 };
    let own = [
        log(letters),
        log(words),
        log(found.lines + options.count),
        log(found.sentences),
        log(letters_of(stem)),
        log(words_of(stem)),
        share(of(Count::Letters), of(Count::Words).max(1)) / 8,
        log(words_of(stem).checked_div(found.sentences).unwrap_or_default()),
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
        i32::from(found.last_asks),
        i32::from(found.ends_in_colon),
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
        log(found.last),
        log(found.longest),
        share(options.shared, options.words),
        per_word(Count::Single),
        share(listed(List::Grammar), words.max(4)),
        share(listed(List::Speaker), words.max(4)),
        per_word(Count::Commas).min(1000),
        i32::from(foreign),
        i32::from(opens_question),
        i32::from(opens_order),
        share(found.asking_words, words_of(stem)),
    ];
    let mut values = [0; FEATURES];
    let narrow = |value: i32| i16::try_from(value).unwrap_or(i16::MAX);
    for (place, value) in values.iter_mut().zip(own) {
        *place = narrow(value);
    }
    for (place, hits) in values.iter_mut().skip(FIRST_LIST).zip(hits) {
        *place = narrow(log(hits.min(7)));
    }
    let other_script = (of(Count::Foreign) + wide) * 2 > words;
    let told = words.saturating_sub(of(Count::Single));
    let familiar = if told == 0 { 1000 } else { share(of(Count::Known).min(told), told) as u16 };
    Shape { values, words, seen, foreign, familiar, other_script }
}
