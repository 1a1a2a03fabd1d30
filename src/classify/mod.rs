//! How much would a strong model gain on this prompt?
//!
//! ```text
//! pieces ─▶ said: the person's words ─▶ layout: stem, options ─▶ kin: less what stands beside ─▶ shape: 92 whole numbers ─▶ weights ─▶ Judgement
//! ```
//!
//! The target is the **gain**: a strong model's score less a cheap one's, learned from prompts whose outcomes are known
//! for both. That is not difficulty in itself: what defeats both models is not worth the stronger one. The weights
//! (`data/weights.bin`, with a card beside it) are a line and a set of small trees over the shape of the text, and a
//! head that tells tasks apart by words. `train/` makes them, with the extractor that is in here.
//!
//! # What is read
//!
//! The newest turn of the person, without what a client put into it (reminders, files, output of commands), without long
//! pasted code and encoded data, and without the marks of a test paper. Of a long turn, its beginning and its end: there
//! the question stands. A short answer ("yes, go on") is about as hard as the turn that it follows. Model answers, tool
//! results and system prompts are not read.

mod key;
mod kin;
mod layout;
mod lexicon;
mod reader;
mod said;
pub mod shape;
mod tally;
mod task;
pub mod weights;
mod word;

pub use task::Task;

use core::fmt;

use alloc::vec::Vec;

use crate::limits;

pub use crate::wire::Role;

/// A piece of prompt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'b> {
    /// Who wrote it.
    pub role: Role,
    /// JSON string content, without its quotes and still escaped.
    pub raw: &'b [u8],
}

/// How much a strong model is expected to gain over a cheap one, from 0 (nothing) to 1000, in thousandths.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Difficulty(u16);

/// A number above 1000 is no [`Difficulty`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DifficultyOutOfRange(u16);

impl Difficulty {
    /// Nothing to gain.
    pub const LOWEST: Self = Self(0);

    /// From thousandths.
    ///
    /// # Errors
    ///
    /// If `permille` is above 1000.
    pub const fn new(permille: u16) -> Result<Self, DifficultyOutOfRange> {
        if permille <= 1000 { Ok(Self(permille)) } else { Err(DifficultyOutOfRange(permille)) }
    }

    /// In thousandths.
    pub const fn permille(self) -> u16 {
        self.0
    }

    /// From millionths of a gain.
    fn rounded(millionths: u32) -> Self {
        Self(u16::try_from(((millionths + 500) / 1000).min(1000)).unwrap_or(1000))
    }
}

impl fmt::Display for Difficulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}‰", self.0)
    }
}

impl fmt::Display for DifficultyOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "difficulty {} is above 1000", self.0)
    }
}

impl core::error::Error for DifficultyOutOfRange {}

/// The weights that ship.
const SHIPPED: &[u8] = include_bytes!("../../data/weights.bin");

/// What is thought of a prompt.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Judgement {
    /// The expected gain, in thousandths.
    pub difficulty: Difficulty,
    /// The same in millionths, for sorting.
    pub gain: u32,
    /// What is asked for.
    pub task: Task,
    /// How much the text is like what was learned from, in thousandths. Below [`UNSURE`] the judgement is a guess.
    pub confidence: u16,
}

/// Confidence, in thousandths, below which a judgement is a guess, and an operator's default is the better one.
pub const UNSURE: u16 = 300;

/// Judges prompts. Built once per configuration; holds no state of any request.
#[derive(Clone, Debug)]
pub struct Classifier {
    lexicon: lexicon::Lexicon,
    weights: weights::Weights,
}

/// Bytes of the newest turn that are looked at.
const NEWEST: usize = limits::JUDGED_TEXT / 4 * 3;
/// Bytes of the turn before it, looked at only if the newest one is short.
const EARLIER: usize = limits::JUDGED_TEXT / 4;
/// Words below which a turn may be a follow-up to the one before.
const FOLLOW_UP: u32 = 12;

impl Classifier {
    /// With the weights that ship.
    pub fn shipped() -> Self {
        // Other bytes than the shipped ones are refused by a test, and would judge nothing.
        Self::with_weights(SHIPPED).unwrap_or_else(|_| Self::untrained(Vec::new()))
    }

    /// With other weights.
    ///
    /// # Errors
    /// Where the bytes are no weights of this extractor.
    pub fn with_weights(bytes: &[u8]) -> Result<Self, weights::WeightsError> {
        Ok(Self { lexicon: lexicon::Lexicon::new(), weights: weights::Weights::read(bytes)? })
    }

    /// Without weights: for training. `common` says which words are common, as bits by hash.
    pub fn untrained(common: Vec<u8>) -> Self {
        Self { lexicon: lexicon::Lexicon::new(), weights: weights::Weights::with_common(common) }
    }

    /// The least difficulty of the hardest `share` (in permille) of the mix that the weights are calibrated on.
    pub fn threshold(&self, share: u16) -> Difficulty {
        Difficulty(self.weights.threshold(share).min(1000))
    }

    /// Counts the text of one turn. `pieces` are JSON string contents, without their quotes and still escaped.
    pub fn shape<'b>(&self, pieces: impl Iterator<Item = &'b [u8]>, budget: usize) -> shape::Shape {
        shape::Shape::of(
            &said::said(pieces, budget.min(limits::JUDGED_TEXT)),
            &self.lexicon,
            self.weights.common(),
        )
    }

    /// Judges a conversation by what the person said in it.
    ///
    /// Looks at no more than [`limits::JUDGED_TEXT`] bytes closely. Without any user text, or with no word in it, the
    /// difficulty is [`Difficulty::LOWEST`], with no confidence.
    pub fn classify<'b, I>(&self, pieces: I) -> Judgement
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        let mut last = Last::default();
        let guess = self.guess_next(pieces, &mut last);
        self.judgement(guess, &last)
    }

    /// The same but for the task, where a conversation is judged turn by turn: `pieces` are those of the call before and
    /// more.
    pub(crate) fn guess_next<'b, I>(&self, pieces: I, last: &mut Last) -> Guess
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        let (newest, earlier) = turns(pieces.clone());
        let shape = self.shape(newest.pieces(pieces.clone()), NEWEST);
        let own = self.guess(&shape);
        let known = core::mem::replace(last, Last { turn: newest, own, shape: Some(shape), leant_on: None });
        let Some(shape) = &last.shape else { return own };
        let inherits = shape.words < FOLLOW_UP && earlier.bytes > 0 && !stands_alone(self.task(shape));
        if !inherits {
            return own;
        }
        let (before, of) = match known.of(earlier) {
            Some(before) => (before, known.shape),
            None => {
                let shape = self.shape(earlier.pieces(pieces), EARLIER);
                (self.guess(&shape), Some(shape))
            }
        };
        // "Yes, go on" is about as hard as what it answers.
        if before.gain <= own.gain && shape.words > 3 {
            return own;
        }
        let mix = |own: u32, before: u32| {
            let inherited = FOLLOW_UP - shape.words.min(FOLLOW_UP);
            (own * shape.words + before * inherited) / FOLLOW_UP
        };
        let gain = mix(own.gain, before.gain);
        let confidence = mix(u32::from(own.confidence), u32::from(before.confidence)) as u16;
        last.leant_on = of;
        Guess { gain, confidence }
    }

    /// A guess with the task of its turn; `last` is what the guess left there.
    pub(crate) fn judgement(&self, guess: Guess, last: &Last) -> Judgement {
        let shape = last.leant_on.as_ref().or(last.shape.as_ref());
        let task = shape.map_or(Task::Chat, |shape| self.task(shape));
        let Guess { gain, confidence } = guess;
        Judgement { difficulty: guess.difficulty(), gain, task, confidence }
    }

    fn guess(&self, shape: &shape::Shape) -> Guess {
        if shape.words == 0 {
            return Guess::default();
        }
        let values = self.weights.neutral(shape);
        let gain = self.weights.gain(self.weights.raw(&values));
        let unknown = self.weights.unknown(&values);
        let confidence = 1000u32.saturating_sub(unknown * STRANGE) * trust(shape) / 1000;
        Guess { gain, confidence: confidence as u16 }
    }

    fn task(&self, shape: &shape::Shape) -> Task {
        if shape.words == 0 {
            return Task::Chat;
        }
        let scores = self.weights.tasks(shape, &self.weights.neutral(shape));
        let best = scores.iter().enumerate().max_by_key(|(at, score)| (**score, usize::MAX - at));
        best.and_then(|(at, _)| Task::ALL.get(at)).copied().unwrap_or_default()
    }
}

/// What each feature outside the training data takes from the confidence, in thousandths.
const STRANGE: u32 = 120;

/// Words below which nothing is made of how many of them are known.
const TOLD: u32 = 24;

/// What the known words among all say of whether this is language at all, in thousandths. Of the labelled prompts, one in a
/// hundred knows fewer than a third; of random letters, a tenth are words by chance. Other scripts have few words in the lists.
fn trust(shape: &shape::Shape) -> u32 {
    let familiar = u32::from(shape.familiar);
    if shape.words < TOLD {
        1000
    } else if shape.other_script {
        (familiar * 1000 / 40).min(1000)
    } else {
        (familiar.saturating_sub(130) * 1000 / 120).min(1000)
    }
}

/// Whether such a turn is about itself, however short: it names its own work.
const fn stands_alone(task: Task) -> bool {
    matches!(task, Task::Translation | Task::Summarising | Task::Extraction | Task::Writing)
}

/// The hash by which words are known: of its lower-case bytes.
pub fn hash_of(word: &str) -> u32 {
    lexicon::hash_of(word)
}

/// To be raised where features of the same names come to count otherwise.
const COUNTED: u8 = 5;

/// A number for the set of features and the words that they count: weights of another set are refused.
pub fn feature_space() -> u32 {
    shape::NAMES
        .iter()
        .chain(&lexicon::WORDS)
        .flat_map(|name| name.bytes().chain([0]))
        .chain(lexicon::ASIDES.bytes())
        .chain([COUNTED])
        .fold(lexicon::SEED, lexicon::hash)
}

/// Consecutive pieces of user text: from one index up to another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Turn {
    start: usize,
    end: usize,
    bytes: usize,
}

/// A judgement but for the task, which takes as long again and is asked for of the newest turn alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guess {
    gain: u32,
    confidence: u16,
}

impl Guess {
    pub(crate) fn difficulty(self) -> Difficulty {
        Difficulty::rounded(self.gain)
    }

    pub(crate) const fn is_sure(self) -> bool {
        self.confidence >= UNSURE
    }
}

/// The turn of a conversation that was judged last, by itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Last {
    turn: Turn,
    own: Guess,
    shape: Option<shape::Shape>,
    /// Of the turn before, where it is about the same.
    leant_on: Option<shape::Shape>,
}

impl Last {
    /// What was thought of it, where it is of this turn and the bound of [`EARLIER`] leaves nothing of it out.
    fn of(&self, turn: Turn) -> Option<Guess> {
        // Each piece brings a line end along.
        let most = turn.bytes.saturating_add((turn.end - turn.start).saturating_mul(2));
        (self.turn == turn && most <= EARLIER).then_some(self.own)
    }
}

/// The newest user turn that is not empty, and the one before it.
fn turns<'b>(pieces: impl Iterator<Item = Text<'b>>) -> (Turn, Turn) {
    let (mut newest, mut earlier) = (Turn::default(), Turn::default());
    for (n, piece) in pieces.enumerate() {
        if piece.role != Role::User || piece.raw.is_empty() {
            continue;
        }
        if newest.end != n || newest.bytes == 0 {
            earlier = newest;
            newest = Turn { start: n, end: n, bytes: 0 };
        }
        newest.end = n + 1;
        newest.bytes = newest.bytes.saturating_add(piece.raw.len());
    }
    (newest, earlier)
}

impl Turn {
    fn pieces<'b>(self, pieces: impl Iterator<Item = Text<'b>>) -> impl Iterator<Item = &'b [u8]> {
        pieces.take(self.end).skip(self.start).map(|piece| piece.raw)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn said(role: Role, text: &str) -> (Role, String) {
        let quoted = serde_json::to_string(text).unwrap();
        (role, quoted[1..quoted.len() - 1].into())
    }

    fn judge(conversation: &[(Role, String)]) -> Judgement {
        let pieces = conversation.iter().map(|(role, raw)| Text { role: *role, raw: raw.as_bytes() });
        Classifier::shipped().classify(pieces)
    }

    fn ask(text: &str) -> Judgement {
        judge(&[said(Role::User, text)])
    }

    const PROGRAM: &str = "Write a function in Python that takes a list of intervals and merges those that overlap. \
                           Return the merged list, sorted by start, and do not change the input.";

    #[test]
    fn the_shipped_weights_fit_this_extractor_and_their_card() {
        assert_eq!(weights::Weights::read(SHIPPED).map(|_| ()), Ok(()));
        let card: serde_json::Value = serde_json::from_str(include_str!("../../data/weights.json")).unwrap();
        assert_eq!(card["weights"]["bytes"], SHIPPED.len());
        assert_eq!(card["feature_space"]["digest"], feature_space());
        assert_eq!(card["feature_space"]["features"], shape::FEATURES);
        assert!(SHIPPED.len() <= 64 * 1024, "{} bytes", SHIPPED.len());
    }

    #[test]
    fn broken_weights_are_refused() {
        for cut in [0, 3, 10, 100, SHIPPED.len() - 1] {
            assert!(weights::Weights::read(&SHIPPED[..cut]).is_err(), "{cut}");
        }
        let mut other = SHIPPED.to_vec();
        other[4] ^= 1;
        assert_eq!(weights::Weights::read(&other).map(|_| ()), Err(weights::WeightsError::FeatureSpace));
    }

    #[test]
    fn much_to_gain_stands_above_little() {
        for little in [
            "Hi!",
            "Thanks a lot, that was helpful.",
            "who wrote Don Quixote",
            "What is the capital of Portugal?",
        ] {
            assert!(ask(little).gain < ask(PROGRAM).gain, "{little}: {:?} {:?}", ask(little), ask(PROGRAM));
        }
    }

    #[test]
    fn tasks_are_told_apart() {
        for (task, text) in [
            (Task::Code, PROGRAM),
            (Task::Translation, "Translate into French: The library is closed on Sundays."),
            (
                Task::Summarising,
                "Summarise this text in two sentences: The council met on Monday and approved the budget.",
            ),
            (
                Task::Maths,
                "Find all real numbers x such that x^2 - 5x + 6 = 0, and prove that there are no others.",
            ),
            (Task::Chat, "Hi there, how are you today?"),
            (Task::Writing, "Write a short poem about the sea in autumn."),
        ] {
            assert_eq!(ask(text).task, task, "{text}");
        }
    }

    #[test]
    fn nothing_to_judge_is_lowest_and_unsure() {
        for judgement in
            [judge(&[]), ask(""), ask("  \n "), judge(&[said(Role::System, "Prove it by induction.")])]
        {
            assert_eq!((judgement.difficulty, judgement.confidence), (Difficulty::LOWEST, 0));
        }
    }

    #[test]
    fn what_is_no_language_that_was_learned_is_a_guess() {
        // A generator of its own, so that the texts are the same everywhere.
        let mut state = 7u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut signs = |count: usize, from: u32, below: u32| -> String {
            (0..count).filter_map(|_| char::from_u32(from + random(below))).collect()
        };
        let ascii = signs(1200, 0x20, 95);
        let bytes = signs(1200, 0, 256);
        let characters = signs(400, 0x4E00, 0x5000);
        let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let base64: String = (0..2000).map(|_| char::from(base64[random(64) as usize])).collect();
        let hex: String = (0..600).map(|_| alloc::format!("{:02x} ", random(256))).collect();
        let numbers: String = (0..300).map(|_| alloc::format!("{} ", random(1_000_000))).collect();
        let log = |_| {
            let (second, part, worker) = (random(60), random(1000), random(9));
            let (connection, code, took) = (random(1 << 24), random(600), random(9999));
            alloc::format!(
                "2026-11-27T22:{second:02}:01.{part:03}Z ERROR [worker-{worker}] conn=0x{connection:08x} code={code} took \
                 {took}ms\n"
            )
        };
        let log: String = (0..40).map(log).collect();
        let far = [
            ("random ascii", ascii),
            ("random bytes", bytes),
            ("random characters", characters),
            ("base64", base64),
            ("hex", hex),
            ("numbers", numbers),
            ("a log", log),
            ("one word", "buffalo ".repeat(400)),
            (
                "Georgian",
                "ქართული ენა საქართველოს სახელმწიფო ენაა და კავკასიური ენების ოჯახს მიეკუთვნება. ".repeat(6),
            ),
            ("Amharic", "አማርኛ የኢትዮጵያ የሥራ ቋንቋ ነው። ከሴማዊ ቋንቋዎች አንዱ ነው። ".repeat(8)),
            ("Thai", "ภาษาไทยเป็นภาษาที่มีระดับเสียงของคำแน่นอนหรือวรรณยุกต์เช่นเดียวกับภาษาจีน ".repeat(8)),
        ];
        for (what, text) in &far {
            assert!(ask(text).confidence < UNSURE, "{what}: {:?}", ask(text));
        }
        for near in [
            PROGRAM,
            "What is the capital of Norway?",
            "The old man walked to the harbour and looked at the ships for a while. What does he wait for?",
            "Nasz serwis zawiesza się raz dziennie. Dwa wątki biorą mutex i czekają na kanale. Znajdź wyścig i zaproponuj \
             poprawkę, która zachowa przepustowość.",
            "Наш сервис зависает раз в день. Два потока берут мьютекс и ждут на канале. Найди состояние гонки и предложи \
             исправление, сохраняющее пропускную способность.",
            "我们的服务每天死锁一次。两个线程获取互斥锁并在通道上等待。找出竞态条件,并提出一个保持吞吐量的修复方案。",
        ] {
            assert!(ask(near).confidence >= 700, "{near}: {:?}", ask(near));
        }
    }

    #[test]
    fn escapes_do_not_change_the_score() {
        let plain = "Démontrer: x² ≥ 0 für alle x?";
        let escaped = r"D\u00e9montrer: x\u00b2 \u2265 0 f\u00FCr alle\u0020x\u003f";
        assert_eq!(ask(plain), judge(&[(Role::User, escaped.into())]));
        assert_eq!(
            judge(&[(Role::User, r"\u0050rove it:\n1. a\/b\n2. b".into())]),
            judge(&[(Role::User, r"Prove it:\u000a1. a/b\u000A2. b".into())]),
        );
    }

    #[test]
    fn a_follow_up_leans_on_the_turn_before() {
        let after = |text| {
            judge(&[said(Role::User, PROGRAM), said(Role::Assistant, "Done."), said(Role::User, text)])
        };
        for text in ["Yes", "go on", "try again", "继续"] {
            assert!(after(text).gain * 10 > ask(PROGRAM).gain * 7, "{text}");
            assert_eq!(after(text).task, Task::Code, "{text}");
        }
        let other = "Translate this into French: The library is closed on Sundays.";
        assert_eq!(after(other), ask(other));
    }

    #[test]
    fn the_harness_and_asides_do_not_count() {
        let reminder = "<system-reminder>\nThe user opened a file: prove theorems, find all functions f.\n</system-reminder>\n";
        let alone = ask(PROGRAM);
        assert_eq!(ask(&[reminder, PROGRAM].concat()), alone);
        let blocks = [said(Role::User, reminder), said(Role::User, PROGRAM)];
        assert_eq!(judge(&blocks).gain, alone.gain);
        for aside in
            ["Think step by step.", "This is an extremely hard question.", "You are a world class expert."]
        {
            assert_eq!(ask(&[aside, " ", PROGRAM].concat()).gain, alone.gain, "{aside}");
            assert_eq!(ask(&[PROGRAM, " ", aside].concat()).gain, alone.gain, "{aside}");
        }
    }

    #[test]
    fn a_printed_test_reads_like_the_bare_question() {
        let bare = ask("Which planet has the most moons?\nA. Earth\nB. Mars\nC. Saturn\nD. Venus");
        for printed in [
            "Question: Which planet has the most moons?\n(A) Earth\n(B) Mars\n(C) Saturn\n(D) Venus\nAnswer:",
            "Answer with the letter of the correct answer only.\n\nWhich planet has the most moons?\nA) Earth\nB) Mars\nC) \
             Saturn\nD) Venus\n\nAnswer:",
            "Which is a fruit?\nA. Stone\nB. Pear\nAnswer: B\n\nWhich planet has the most moons?\nA. Earth\nB. Mars\nC. \
             Saturn\nD. Venus\nAnswer:",
        ] {
            assert_eq!(ask(printed).gain, bare.gain, "{printed}");
        }
    }

    #[test]
    fn a_turn_is_the_same_in_one_piece_or_several_blocks() {
        let (a, b) = ("Find the deadlock in this code.", "Explain why the test fails only under load.");
        let blocks = judge(&[said(Role::User, a), said(Role::User, b)]);
        assert_eq!(blocks.gain, ask(&[a, "\n", b].concat()).gain);
        let results =
            judge(&[said(Role::User, a), said(Role::User, b), said(Role::Tool, "hi"), said(Role::User, "")]);
        assert_eq!(results, blocks);
    }

    #[test]
    fn difficulty_is_checked() {
        assert_eq!(Difficulty::new(1000).map(Difficulty::permille), Ok(1000));
        assert_eq!(Difficulty::new(1001), Err(DifficultyOutOfRange(1001)));
    }

    #[test]
    fn shares_of_the_mix_are_thresholds() {
        let classifier = Classifier::shipped();
        assert_eq!(classifier.threshold(0).permille(), 1000);
        assert_eq!(classifier.threshold(1000).permille(), 0);
        let falling: Vec<u16> = (1..100).map(|share| classifier.threshold(share * 10).permille()).collect();
        assert!(falling.is_sorted_by(|a, b| a >= b) && falling[0] > falling[98], "{falling:?}");
    }

    proptest! {
        #[test]
        fn takes_any_bytes_of_anyone(
            pieces in proptest::collection::vec((0..4, proptest::collection::vec(any::<u8>(), 0..600)), 0..12),
        ) {
            let roles = [Role::System, Role::User, Role::Assistant, Role::Tool];
            let texts = pieces.iter().map(|(role, raw)| Text { role: roles[*role as usize], raw });
            let judgement = Classifier::shipped().classify(texts);
            prop_assert!(judgement.difficulty.permille() <= 1000 && judgement.confidence <= 1000);
        }

        #[test]
        fn takes_any_text(text in "\\PC{0,400}") {
            ask(&text);
        }
    }
}
