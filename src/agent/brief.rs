//! What the text of an agent's task holds: is it a task that a cheap model gets wrong and a strong one right?
//!
//! The classifier knows questions; a task for an agent is another kind of text, a report of a page or two. What helps
//! there are the marks of a report: how long it is, whether it shows code, how to reproduce it, what was expected. They
//! are counted in whole numbers, and a line over them, learned from tasks whose outcomes are known for both kinds of
//! model, gives the task a place among agents' tasks. `data/agent.json` has the weights and says what they are worth.

use alloc::vec::Vec;

use serde::Deserialize;

use super::{
    hints::{Client, Hints},
    story::{Turn, is_aside},
};
use crate::{
    limits,
    traits::Traits,
    wire::{
        Role,
        request::{PartKind, RequestView},
        text::{character, find},
    },
};

/// How many numbers describe a task.
pub const FEATURES: usize = NAMES.len();

/// What the numbers are: binary logarithms of counts in 64ths, or 64 where something is there at all.
pub const NAMES: [&str; 10] = [
    "words",
    "lines",
    "code_fences",
    "tracebacks",
    "file_paths",
    "question_marks",
    "reproduction",
    "expectation",
    "errors",
    "marked_lines",
];

/// Words and lines from which on a text is a report, a task in itself. What is shorter, or one paragraph, is judged as
/// questions are: of what was learned from, nothing has fewer lines, and one in a hundred has fewer words.
pub const LEAST: (u32, u32) = (25, 4);

/// Tags in which agents' clients wrap the task that a person wrote, their own instructions around it: SWE-agent and
/// mini-swe-agent, OpenHands, and others after them.
const WRAPPINGS: [&[u8]; 5] =
    [b"pr_description", b"issue_description", b"problem_statement", b"task_description", b"issue"];

/// Bytes in which the opening of a wrapping is looked for.
const OPENING: usize = 2048;

/// Endings of names by which a path of a file is known.
const ENDINGS: [&[u8]; 32] = [
    b"py", b"rs", b"js", b"jsx", b"ts", b"tsx", b"go", b"java", b"kt", b"c", b"h", b"cc", b"cpp", b"hpp",
    b"cs", b"rb", b"php", b"swift", b"sh", b"sql", b"html", b"css", b"md", b"rst", b"txt", b"cfg", b"ini",
    b"toml", b"yml", b"yaml", b"json", b"lock",
];

/// Words that are looked for, in lower case, with the place of what they count in [`NAMES`]. The first three open the
/// report of a crash in Python, Java and Rust.
const WORDS: [(&[u8], usize); 8] = [
    (b"traceback (most recent", 3),
    (b"exception in thread", 3),
    (b"' panicked at", 3),
    (b"reproduc", 6),
    (b"steps to", 6),
    (b"expected", 7),
    (b"error", 8),
    (b"exception", 8),
];

/// A task in numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Brief {
    /// One number for each of [`NAMES`].
    pub values: [i16; FEATURES],
    /// Words and lines counted.
    pub size: (u32, u32),
}

/// A line over the numbers of a task, and the scores that tasks have.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Weights {
    /// The features that the weights are for: [`NAMES`], or they are refused.
    features: Vec<alloc::string::String>,
    /// Per feature, in millionths for a 64th.
    weights: Vec<i32>,
    /// Scores that the best 1, 2, … hundredths of the tasks reach, falling.
    scores: Vec<i64>,
}

/// The weights that ship, and their card.
const SHIPPED: &[u8] = include_bytes!("../../data/agent.json");

/// Bytes of such a file do not hold weights for these features.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WeightsError;

impl core::fmt::Display for WeightsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no weights for the features of agents' tasks")
    }
}

impl core::error::Error for WeightsError {}

impl Weights {
    /// Those that ship. Other bytes than the shipped ones are refused by a test, and would place nothing.
    pub fn shipped() -> Self {
        Self::from_json(SHIPPED).unwrap_or_default()
    }

    /// From a file like `data/agent.json`; what else stands in it is for people.
    ///
    /// # Errors
    /// [`WeightsError`] where it is not JSON of this form, or for other features.
    pub fn from_json(json: &[u8]) -> Result<Self, WeightsError> {
        let weights: Self = serde_json::from_slice(json).map_err(|_| WeightsError)?;
        let fit = weights.features.iter().map(|name| name.as_str()).eq(NAMES)
            && weights.weights.len() == FEATURES
            && weights.scores.len() == 99
            && weights.scores.is_sorted_by(|a, b| a >= b);
        if fit { Ok(weights) } else { Err(WeightsError) }
    }

    /// The score of a task, in millionths; only good for comparing.
    pub fn score(&self, brief: &Brief) -> i64 {
        self.weights
            .iter()
            .zip(brief.values)
            .map(|(weight, value)| i64::from(*weight) * i64::from(value))
            .sum()
    }

    /// The share of agents' tasks, in permille from 1 to 1000, among the best of which this one is; `None` without
    /// weights, and where the text is no report.
    pub fn place(&self, brief: &Brief) -> Option<u16> {
        if brief.size.0 < LEAST.0 || brief.size.1 < LEAST.1 || self.scores.is_empty() {
            return None;
        }
        let score = self.score(brief);
        let at = self.scores.partition_point(|least| *least > score);
        // Between two hundredths, by where the score lies.
        let above = at.checked_sub(1).and_then(|at| self.scores.get(at));
        let within = match (above, self.scores.get(at)) {
            (Some(above), Some(below)) if above > below => {
                (above.saturating_sub(score)).saturating_mul(10) / above.saturating_sub(*below)
            }
            _ => 10,
        };
        let place = i64::try_from(at).ok()?.saturating_mul(10).saturating_add(within.clamp(1, 10));
        u16::try_from(place.clamp(1, 1000)).ok()
    }
}

impl Brief {
    /// Counts what a person gives an agent to do with this turn; `None` where no agent works: the client is none, no tools
    /// are offered, and the text does not stand in the wrapping of one.
    pub fn told(hints: &Hints, body: &[u8], view: &RequestView, turn: &Turn) -> Option<Self> {
        let parts = view.parts.get(turn.parts.clone()).unwrap_or_default();
        let texts = parts
            .iter()
            .filter(|part| part.kind == PartKind::Text && part.role == Role::User)
            .map(|part| part.span.of(body))
            .filter(|text| !is_aside(text));
        let agent = hints.client != Client::Other
            || view.traits.meets(Traits::TOOLS)
            || texts.clone().any(|text| unwrapped(text).is_some());
        agent.then(|| Self::of(texts))
    }

    /// Counts a task. `pieces` are the JSON string contents of one turn, still escaped; looks at no more than
    /// [`limits::BRIEF_TEXT`] bytes of them.
    pub fn of<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Self {
        let mut reader = Reader::default();
        let mut left = limits::BRIEF_TEXT;
        for piece in pieces {
            let piece = unwrapped(piece).unwrap_or(piece);
            let piece = piece.get(..left).unwrap_or(piece);
            left = left.saturating_sub(piece.len());
            reader.text(piece);
        }
        reader.end_word();
        let mut values = [0; FEATURES];
        for (at, (value, count)) in values.iter_mut().zip(reader.counts).enumerate() {
            *value = if matches!(at, 6 | 7) { log(count.min(1)) } else { log(count) };
        }
        let [words, lines, ..] = reader.counts;
        Self { values, size: (words, lines) }
    }
}

/// What stands in a client's wrapping, if there is one.
fn unwrapped(raw: &[u8]) -> Option<&[u8]> {
    let opening = raw.get(..OPENING).unwrap_or(raw);
    let mut from = 0usize;
    while let Some(at) = find(opening.get(from..)?, b'<') {
        from = from.saturating_add(at).saturating_add(1);
        let behind = raw.get(from..)?;
        let tag =
            WRAPPINGS.iter().find_map(|tag| Some((*tag, behind.strip_prefix(*tag)?.strip_prefix(b">")?)));
        if let Some((tag, inside)) = tag {
            let mut end = 0usize;
            loop {
                end = end.saturating_add(find(inside.get(end..)?, b'<')?);
                let name = inside.get(end..)?.strip_prefix(b"<")?;
                let name = name.strip_prefix(b"/").or_else(|| name.strip_prefix(b"\\/"));
                if name.is_some_and(|name| name.strip_prefix(tag).is_some_and(|rest| rest.starts_with(b">")))
                {
                    return inside.get(..end);
                }
                end = end.saturating_add(1);
            }
        }
    }
    None
}

/// Log2 of `1 + count` in 64ths, straight between powers of two.
fn log(count: u32) -> i16 {
    let value = count.saturating_add(1);
    let whole = 31u32.saturating_sub(value.leading_zeros());
    let rest = u64::from(value) - (1 << whole);
    let part = rest << 6 >> whole;
    i16::try_from(u64::from(whole) * 64 + part).unwrap_or(i16::MAX)
}

/// Reads text character by character; what it knows of what went before fits a few bytes.
#[derive(Default)]
struct Reader {
    counts: [u32; FEATURES],
    /// Letters of the word so far, and those since its last dot, with whether a name stood before the dot.
    word: u32,
    ending: [u8; 5],
    ending_len: usize,
    named: bool,
    fence: u32,
    /// Characters of the line so far, as far as they matter, and its first.
    column: u32,
    first: u8,
    /// How much of each of [`WORDS`] was just read.
    matched: [u8; WORDS.len()],
}

impl Reader {
    fn add(&mut self, at: usize) {
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    fn text(&mut self, raw: &[u8]) {
        let mut rest = raw;
        while let Some((code, used)) = character(rest) {
            rest = rest.get(used..).unwrap_or_default();
            self.character(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0x80));
        }
        self.character(b'\n');
    }

    fn character(&mut self, byte: u8) {
        let lower = byte.to_ascii_lowercase();
        for at in 0..WORDS.len() {
            let (Some((word, counted)), Some(matched)) = (WORDS.get(at), self.matched.get_mut(at)) else {
                continue;
            };
            let next = word.get(usize::from(*matched)).copied();
            *matched = match next {
                Some(next) if next == lower => matched.saturating_add(1),
                _ => u8::from(word.first() == Some(&lower)),
            };
            if usize::from(*matched) == word.len() {
                *matched = 0;
                self.add(*counted);
            }
        }
        self.fence = if byte == b'`' { self.fence.saturating_add(1) } else { 0 };
        if self.fence == 3 {
            self.fence = 0;
            self.add(2);
        }
        match self.column {
            0 => self.first = byte,
            // A line of a change, or of a list.
            1 if matches!(self.first, b'+' | b'-') && !matches!(byte, b'+' | b'-') => self.add(9),
            _ => {}
        }
        self.column = self.column.saturating_add(1);
        match byte {
            b'\n' => {
                self.end_word();
                self.add(1);
                self.column = 0;
            }
            b' ' | b'\t' | b'\r' => self.end_word(),
            b'?' => {
                self.add(5);
                self.part_of_word(byte);
            }
            _ => self.part_of_word(byte),
        }
    }

    fn part_of_word(&mut self, byte: u8) {
        self.word = self.word.saturating_add(1);
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            if let Some(place) = self.ending.get_mut(self.ending_len) {
                *place = byte;
            }
            self.ending_len = self.ending_len.saturating_add(1);
            return;
        }
        self.end_name();
        self.named = byte == b'.' && self.ending_len > 0;
        self.ending_len = 0;
    }

    /// The end of a run of letters: it may have been the ending of a file's name.
    fn end_name(&mut self) {
        let ending = self.ending.get(..self.ending_len);
        if self.named && ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            self.add(4);
        }
    }

    fn end_word(&mut self) {
        self.end_name();
        self.named = false;
        self.ending_len = 0;
        if self.word > 0 {
            self.add(0);
        }
        self.word = 0;
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    fn brief(text: &str) -> Brief {
        let quoted = serde_json::to_string(text).unwrap();
        Brief::of([&quoted.as_bytes()[1..quoted.len() - 1]].into_iter())
    }

    /// 64ths for a count.
    fn counted(count: u32) -> i16 {
        log(count)
    }

    const REPORT: &str = "Saving fails\n\nSteps to reproduce:\n```\nimport a\na.save('x.json')\n```\n\nExpected: a file. \
                          Actual: an Error.\n- see src/io/writer.py\n- and v1.2\nIs this known?";

    #[test]
    fn a_report_is_counted() {
        let brief = brief(REPORT);
        let value = |name: &str| brief.values[NAMES.iter().position(|known| *known == name).unwrap()];
        for (name, count) in [
            ("words", 25),
            ("lines", 12),
            ("code_fences", 2),
            ("tracebacks", 0),
            ("file_paths", 2),
            ("question_marks", 1),
            ("reproduction", 1),
            ("expectation", 1),
            ("errors", 1),
            ("marked_lines", 2),
        ] {
            assert_eq!(value(name), counted(count), "{name}");
        }
        assert_eq!(brief.size, (25, 12));
    }

    #[test]
    fn a_clients_wrapping_does_not_count() {
        let wrapped = [
            "<uploaded_files>/repo</uploaded_files> Consider this:\n<pr_description>",
            REPORT,
            "</pr_description>\nSteps to take:\n- reproduce the error?\n- fix it.py",
        ]
        .concat();
        assert_eq!(brief(&wrapped), brief(REPORT));
        assert_eq!(unwrapped(b"<issue>x<y</issue>z"), Some(&b"x<y"[..]));
        assert_eq!(unwrapped(b"<issue>x"), None);
        assert_eq!(unwrapped(b"a < b"), None);
    }

    #[test]
    fn the_shipped_weights_are_for_these_features_and_place_every_task() {
        let weights = Weights::from_json(SHIPPED).unwrap();
        let place = weights.place(&brief(REPORT)).unwrap();
        let plain = "Rename the module that holds the settings.
Do the same to all of its users in the project.
Say in \
                     the changelog that it was renamed,
since others import it by its name, too.";
        assert!(place < weights.place(&brief(plain)).unwrap(), "a report before an errand");
        assert_eq!(weights.place(&brief("Rename it.")), None, "too short to be a report");
        assert_eq!(weights.place(&brief(&plain.replace('\n', " "))), None, "one paragraph is a question");
        let card: serde_json::Value = serde_json::from_slice(SHIPPED).unwrap();
        assert!(card["held_out"]["auc"]["value"].as_f64().is_some_and(|auc| auc > 0.6), "{card}");
    }

    #[test]
    fn weights_for_other_features_are_refused() {
        let other = String::from_utf8_lossy(SHIPPED).replace("\"words\"", "\"letters\"");
        assert_eq!(Weights::from_json(other.as_bytes()), Err(WeightsError));
        assert_eq!(Weights::from_json(b"{}"), Err(WeightsError));
        assert_eq!(Weights::default().place(&brief(REPORT)), None);
    }

    proptest! {
        #[test]
        fn takes_any_bytes(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let weights = Weights::shipped();
            let brief = Brief::of([&raw[..]].into_iter());
            prop_assert!(weights.place(&brief).is_none_or(|place| (1..=1000).contains(&place)));
        }
    }
}
