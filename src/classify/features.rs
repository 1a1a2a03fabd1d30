//! From text to counts: length, marks and tell-tale words, in one pass over the bytes.

use crate::wire::text::character;

/// What was counted in a text. All counts saturate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Features {
    /// Words; in scripts without spaces, pairs of characters.
    pub words: u32,
    /// Numbers: runs of digits.
    pub numbers: u32,
    /// `+ = < > ^ * / % |` and mathematical symbols.
    pub operators: u32,
    /// TeX: commands, and pairs of `$`.
    pub tex: u32,
    /// Braces, semicolons, backticks, underscores inside words, and calls such as `f(`.
    pub code: u32,
    /// Question marks.
    pub questions: u32,
    /// Lines that begin as list items do.
    pub items: u32,
    /// Different words of each [`Signal`].
    signals: [u32; SIGNALS],
    /// Words before the first and the last one that names a routine task.
    pub routine: Option<(u32, u32)>,
    /// Bytes looked at.
    pub bytes: u64,
    /// Which words of the dictionary were seen: each counts once, so that long pastes do not add up.
    seen: [u64; 4],
}

/// What a word says about the task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// A proof is asked for.
    Proof,
    /// Terms of advanced mathematics and of concurrency.
    Deep,
    /// Reasoning, design, analysis, finding causes.
    Reason,
    /// Programs and their parts.
    Build,
    /// Conditions the answer has to meet.
    Constraint,
    /// Order and number of steps.
    Step,
    /// Routine work on given text.
    Routine,
    /// Greetings and thanks.
    Chatter,
}

const SIGNALS: usize = 8;

/// Words at the beginning or end of a text that are taken for the question.
const QUESTION: u32 = 12;

/// Longest word that is looked up. Longer ones are cut: stems decide.
const WORD: usize = 16;

impl Features {
    /// How many different words of a kind there are.
    pub fn signal(&self, signal: Signal) -> u32 {
        self.signals.get(signal as usize).copied().unwrap_or_default()
    }

    /// Whether a routine task is asked for: one is named at the beginning or at the end, where the question stands.
    pub fn is_routine(&self) -> bool {
        self.routine.is_some_and(|(first, last)| {
            let behind = self.words.saturating_sub(last);
            first < QUESTION || (self.words > 8 * QUESTION && behind <= QUESTION)
        })
    }

    /// Counts one more text. `raw` is JSON string content, still escaped, or a part of it cut anywhere.
    pub fn add(&mut self, raw: &[u8]) {
        self.bytes = self.bytes.saturating_add(raw.len() as u64);
        let mut scan = Scan {
            features: self,
            word: [0; WORD],
            length: 0,
            counted: false,
            last: Kind::Break,
            dollars: 0,
            wide: 0,
        };
        let mut rest = raw;
        while let Some(&byte) = rest.first() {
            let used = match byte {
                b'a'..=b'z' | b'A'..=b'Z' if scan.length == 0 => scan.run(rest),
                // The commonest byte between words; `step` would say the same.
                b' ' if scan.last == Kind::Letter => {
                    scan.close();
                    scan.last = Kind::Other;
                    1
                }
                b'\\' | 0x80.. => {
                    let Some((code, used)) = character(rest) else { break };
                    scan.step(code);
                    used
                }
                _ => {
                    scan.step(u32::from(byte));
                    1
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        scan.close();
        let Scan { dollars, wide, .. } = scan;
        self.tex = self.tex.saturating_add(dollars / 2);
        self.words = self.words.saturating_add(wide.div_ceil(2));
    }

    fn look_up(&mut self, word: &[u8]) {
        let Some(start) = word.first().and_then(|first| STARTS.get(usize::from(first.wrapping_sub(b'a'))))
        else {
            return;
        };
        for (n, (entry, signal)) in DICTIONARY.iter().enumerate().skip(usize::from(*start)) {
            let entry = entry.as_bytes();
            if entry.first() != word.first() {
                return;
            }
            let hit = if entry.len() >= STEM { word.starts_with(entry) } else { word == entry };
            if !hit {
                continue;
            }
            if *signal == Signal::Routine {
                self.routine = Some((self.routine.map_or(self.words, |(first, _)| first), self.words));
            }
            let bit = 1u64 << (n % 64);
            if let Some(seen) = self.seen.get_mut(n / 64)
                && *seen & bit == 0
                && let Some(count) = self.signals.get_mut(*signal as usize)
            {
                *seen |= bit;
                *count = count.saturating_add(1);
            }
            return;
        }
    }
}

/// What the character before was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Letter,
    Digit,
    /// Start of a line.
    Break,
    /// A backslash: the start of a TeX command.
    Command,
    /// A number at the start of a line.
    Ordinal,
    Other,
}

struct Scan<'f> {
    features: &'f mut Features,
    word: [u8; WORD],
    length: usize,
    /// Whether the word of this length was counted and looked up already.
    counted: bool,
    last: Kind,
    dollars: u32,
    /// Characters of scripts without spaces.
    wide: u32,
}

impl Scan<'_> {
    fn step(&mut self, code: u32) {
        let byte = if code < 0x80 { code as u8 } else { 0 };
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => return self.letter(byte.to_ascii_lowercase()),
            0 => return self.foreign(code),
            b'_' if self.length > 0 => {
                self.features.code = self.features.code.saturating_add(1);
            }
            _ => {}
        }
        let (after, last) = (self.length > 0, self.last);
        self.close();
        let features = &mut *self.features;
        let count = match byte {
            b'0'..=b'9' => {
                if !matches!(last, Kind::Digit | Kind::Ordinal) {
                    features.numbers = features.numbers.saturating_add(1);
                }
                self.last =
                    if matches!(last, Kind::Break | Kind::Ordinal) { Kind::Ordinal } else { Kind::Digit };
                return;
            }
            b'\n' | b'\r' => {
                self.last = Kind::Break;
                return;
            }
            // Indentation is still the start of a line.
            b' ' | b'\t' if last == Kind::Break => return,
            b'\\' => {
                self.last = Kind::Command;
                return;
            }
            b'-' | b'*' if last == Kind::Break => &mut features.items,
            b'.' | b')' if last == Kind::Ordinal => &mut features.items,
            b'+' | b'=' | b'<' | b'>' | b'^' | b'*' | b'/' | b'%' | b'|' => &mut features.operators,
            b'{' | b'}' | b';' | b'`' => &mut features.code,
            b'(' if after => &mut features.code,
            b'?' => &mut features.questions,
            b'$' => &mut self.dollars,
            _ => {
                self.last = Kind::Other;
                return;
            }
        };
        *count = count.saturating_add(1);
        self.last = Kind::Other;
    }

    /// Takes the run of ASCII letters that `rest` begins with; returns its length. Nearly all text is made of these, so a
    /// word that ends with its run is taken from where it stands, and only looked up if its first letters allow it.
    fn run(&mut self, rest: &[u8]) -> usize {
        let length = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if let Some(b'\\' | 0x80..) = behind.first() {
            // An accent or an escape may go on with the same word.
            for byte in word {
                self.letter(byte.to_ascii_lowercase());
            }
            return length;
        }
        if self.last == Kind::Command {
            self.features.tex = self.features.tex.saturating_add(1);
        }
        if may_begin(word) {
            let mut lower = [0; WORD];
            for (place, byte) in lower.iter_mut().zip(word) {
                *place = byte.to_ascii_lowercase();
            }
            self.features.look_up(lower.get(..length.min(WORD)).unwrap_or_default());
        }
        self.features.words = self.features.words.saturating_add(1);
        (self.length, self.counted, self.last) = (length, true, Kind::Letter);
        length
    }

    fn letter(&mut self, lower: u8) {
        if self.length == 0 && self.last == Kind::Command {
            self.features.tex = self.features.tex.saturating_add(1);
        }
        if let Some(place) = self.word.get_mut(self.length) {
            *place = lower;
        }
        self.length = self.length.saturating_add(1);
        self.last = Kind::Letter;
    }

    fn foreign(&mut self, code: u32) {
        match code {
            0x2190..0x2300 | 0xD7 | 0xF7 | 0xB1 | 0xB2 | 0xB3 => {
                self.close();
                self.features.operators = self.features.operators.saturating_add(1);
                self.last = Kind::Other;
            }
            0x37E | 0x61F | 0xFF1F => {
                self.close();
                self.features.questions = self.features.questions.saturating_add(1);
                self.last = Kind::Other;
            }
            // Thai, Lao, Khmer, Chinese, Japanese: no spaces between words.
            0xE00..0xF00
            | 0x1780..0x1800
            | 0x3040..0x3100
            | 0x3400..0xA000
            | 0xF900..0xFB00
            | 0x2_0000..0x3_2000 => {
                self.close();
                self.wide = self.wide.saturating_add(1);
                self.last = Kind::Other;
            }
            0..0xC0 | 0x2000..0x2190 | 0x2300..0x3040 | 0xFF00..0xFF10 | 0xFFFD => {
                self.close();
                self.last = Kind::Other;
            }
            // A letter that no word of the dictionary has.
            _ => self.letter(0xFF),
        }
    }

    /// Ends a word, if there is one.
    fn close(&mut self) {
        if self.length == 0 {
            return;
        }
        if !self.counted {
            let word = self.word;
            self.features.look_up(word.get(..self.length.min(WORD)).unwrap_or_default());
            self.features.words = self.features.words.saturating_add(1);
        }
        (self.length, self.counted) = (0, false);
    }
}

/// Whether an entry of the dictionary begins with the first three letters of this word, or is such a short word.
fn may_begin(word: &[u8]) -> bool {
    let place = |letter: u8| usize::from((letter | 0x20).wrapping_sub(b'a'));
    let index = match *word {
        [first, second] => triple(place(first), place(second), 26),
        [first, second, third, ..] => triple(place(first), place(second), place(third)),
        _ => return false,
    };
    TRIPLES.get(index / 64).is_some_and(|bits| bits & (1 << (index % 64)) != 0)
}

/// Place of three letters in a table; the third is 26 for a word of two.
const fn triple(first: usize, second: usize, third: usize) -> usize {
    (first * 26 + second) * 27 + third
}

/// Entries from this length on are stems: `optimi` is in `optimise` and `optimization`.
const STEM: usize = 5;

/// Sorted by first letter; a stem stands behind longer words that begin with it. At most 255 entries.
const DICTIONARY: [(&str, Signal); 186] = {
    use Signal::{Build, Chatter, Constraint, Deep, Proof, Reason, Routine, Step};
    [
        ("after", Step),
        ("algorithm", Reason),
        ("analys", Reason),
        ("analyz", Reason),
        ("api", Build),
        ("architect", Reason),
        ("asymptot", Deep),
        ("atomic", Deep),
        ("best", Constraint),
        ("beweis", Proof),
        ("bijecti", Deep),
        ("bottleneck", Reason),
        ("bound", Reason),
        ("bug", Reason),
        ("bye", Chatter),
        ("calculat", Reason),
        ("cannot", Constraint),
        ("classes", Build),
        ("classif", Routine),
        ("class", Build),
        ("code", Build),
        ("combinatori", Deep),
        ("compare", Reason),
        ("compil", Build),
        ("complexity", Reason),
        ("concurren", Deep),
        ("consensus", Deep),
        ("constrain", Constraint),
        ("contradict", Deep),
        ("converge", Deep),
        ("convert", Routine),
        ("counterexample", Deep),
        ("crash", Reason),
        ("critique", Reason),
        ("danke", Chatter),
        ("database", Build),
        ("deadlock", Deep),
        ("debug", Reason),
        ("demostr", Proof),
        ("demuestr", Proof),
        ("deriv", Reason),
        ("design", Reason),
        ("determine", Reason),
        ("diagnos", Reason),
        ("dimostr", Proof),
        ("distributed", Deep),
        ("each", Step),
        ("edge", Constraint),
        ("efficien", Reason),
        ("eigenv", Deep),
        ("ensure", Constraint),
        ("estimat", Reason),
        ("evaluat", Reason),
        ("every", Constraint),
        ("exactly", Constraint),
        ("except", Constraint),
        ("explain", Reason),
        ("extract", Routine),
        ("fail", Reason),
        ("fasse", Routine),
        ("finally", Step),
        ("first", Step),
        ("function", Build),
        ("goodbye", Chatter),
        ("gracias", Chatter),
        ("grammar", Routine),
        ("guarantee", Constraint),
        ("hallo", Chatter),
        ("heisenbug", Deep),
        ("hello", Chatter),
        ("hey", Chatter),
        ("hi", Chatter),
        ("hola", Chatter),
        ("homomorph", Deep),
        ("how", Step),
        ("hypothes", Reason),
        ("implement", Reason),
        ("induction", Deep),
        ("inequality", Deep),
        ("infer", Reason),
        ("infinite", Deep),
        ("integers", Deep),
        ("integral", Deep),
        ("intermittent", Deep),
        ("invariant", Deep),
        ("investigat", Reason),
        ("isomorph", Deep),
        ("justif", Reason),
        ("leak", Reason),
        ("least", Constraint),
        ("lemma", Deep),
        ("library", Build),
        ("linearizab", Deep),
        ("lock", Deep),
        ("manifold", Deep),
        ("maximi", Reason),
        ("merci", Chatter),
        ("migrat", Reason),
        ("minimi", Reason),
        ("modulo", Deep),
        ("must", Constraint),
        ("mutex", Deep),
        ("next", Step),
        ("nonlinear", Deep),
        ("okay", Chatter),
        ("ok", Chatter),
        ("olympiad", Deep),
        ("only", Constraint),
        ("optimal", Reason),
        ("optimi", Reason),
        ("paradox", Deep),
        ("paraphras", Routine),
        ("partition", Deep),
        ("pipeline", Reason),
        ("plan", Reason),
        ("polynomial", Deep),
        ("pourquoi", Reason),
        ("predict", Reason),
        ("primes", Deep),
        ("prime", Deep),
        ("probabilit", Reason),
        ("program", Build),
        ("proofread", Routine),
        ("proof", Proof),
        ("propos", Reason),
        ("prouv", Proof),
        ("prove", Proof),
        ("query", Build),
        ("race", Deep),
        ("reals", Deep),
        ("reason", Reason),
        ("recurren", Deep),
        ("refactor", Reason),
        ("regex", Build),
        ("regression", Reason),
        ("rephras", Routine),
        ("requir", Constraint),
        ("review", Reason),
        ("rewrit", Routine),
        ("rewrote", Routine),
        ("rigor", Proof),
        ("risks", Reason),
        ("risk", Reason),
        ("rollback", Reason),
        ("root", Reason),
        ("satisf", Constraint),
        ("scalab", Reason),
        ("script", Build),
        ("security", Reason),
        ("segfault", Deep),
        ("server", Build),
        ("shorten", Routine),
        ("show", Step),
        ("simulat", Reason),
        ("solve", Reason),
        ("spell", Routine),
        ("sql", Build),
        ("steps", Step),
        ("step", Step),
        ("strateg", Reason),
        ("summari", Routine),
        ("synonym", Routine),
        ("tests", Build),
        ("test", Build),
        ("thank", Chatter),
        ("then", Step),
        ("theorem", Deep),
        ("thread", Deep),
        ("throughput", Reason),
        ("thx", Chatter),
        ("title", Routine),
        ("topolog", Deep),
        ("tradeoff", Reason),
        ("trade", Reason),
        ("traduc", Routine),
        ("traduis", Routine),
        ("traduz", Routine),
        ("translat", Routine),
        ("unchanged", Constraint),
        ("unless", Constraint),
        ("vulnerab", Reason),
        ("warum", Reason),
        ("why", Reason),
        ("without", Constraint),
        ("worst", Constraint),
        ("zusammenfass", Routine),
    ]
};

/// Where the entries of each letter begin; the length of the dictionary for a letter without any.
#[expect(clippy::indexing_slicing, reason = "runs at compile time: a wrong index does not build")]
const STARTS: [u8; 26] = {
    let mut starts = [DICTIONARY.len() as u8; 26];
    let mut n = DICTIONARY.len();
    while n > 0 {
        n -= 1;
        starts[(DICTIONARY[n].0.as_bytes()[0] - b'a') as usize] = n as u8;
    }
    starts
};

/// The beginnings of all entries, one bit for each possible triple. No entry is a single letter.
#[expect(clippy::indexing_slicing, reason = "runs at compile time: a wrong index does not build")]
const TRIPLES: [u64; 26 * 26 * 27 / 64 + 1] = {
    let mut bits = [0; 26 * 26 * 27 / 64 + 1];
    let mut n = 0;
    while n < DICTIONARY.len() {
        let entry = DICTIONARY[n].0.as_bytes();
        let third = if entry.len() > 2 { (entry[2] - b'a') as usize } else { 26 };
        let index = triple((entry[0] - b'a') as usize, (entry[1] - b'a') as usize, third);
        bits[index / 64] |= 1 << (index % 64);
        n += 1;
    }
    bits
};

#[cfg(test)]
mod tests {
    use super::*;

    fn features(raw: &str) -> Features {
        let mut features = Features::default();
        features.add(raw.as_bytes());
        features
    }

    #[test]
    fn every_entry_of_the_dictionary_can_be_reached() {
        for (entry, signal) in DICTIONARY {
            let found = features(entry);
            assert_eq!(found.signal(signal), 1, "{entry} is hidden by an entry before it");
        }
        assert!(DICTIONARY.len() < 256, "one bit and one byte each");
    }

    #[test]
    fn stems_match_their_forms_and_short_words_only_themselves() {
        assert_eq!(features("Optimising, OPTIMIZATION").signal(Signal::Reason), 1);
        assert_eq!(features("hidden history").signal(Signal::Chatter), 0);
    }

    #[test]
    fn counts_what_stands_there() {
        let found = features(r"1. Is $\\frac{a}{b} < 10^{21}$?\n2. f(x)\n- snake_case; 证明存在无穷");
        assert_eq!((found.items, found.questions, found.operators, found.numbers), (3, 1, 2, 4));
        assert_eq!(found.tex, 2, "a command and a pair of dollars");
        assert_eq!(found.code, 6 + 3, "braces; a call, an underscore, a semicolon");
        assert_eq!(found.words, 8 + 3, "six characters are three words");
    }

    #[test]
    fn a_word_is_the_same_however_it_is_written() {
        let plain = features("Prove f(x) is optimal, naive or not: prove it_too");
        let escaped = features(r"\u0050rov\u0065 f(x) is \u006fptimal, n\u0061ive or not: prove it\u005ftoo");
        assert_eq!(Features { bytes: 0, ..plain }, Features { bytes: 0, ..escaped });
        assert_eq!(features("démonstration naïve").words, 2);
    }

    #[test]
    fn repeated_words_count_once() {
        assert_eq!(features(&"thread ".repeat(50)).signal(Signal::Deep), 1);
    }
}
