//! How hard is this prompt?
//!
//! **Interim: a hand-made rule, not learned.** It stands in until a trained model takes its place behind the same
//! interface. It adds up what the newest user text looks like: length, words that name proofs, deep subjects, reasoning
//! or programs, conditions, steps, numbers, marks of mathematics and code. Routine tasks (translate, summarise, extract)
//! scale the sum down; a greeting is near zero. A short follow-up leans on the turn before it.
//!
//! Signs and sizes are opinions, chosen so that people find the order right: "hi" at 20, a lookup or a translation under
//! 150, a small program at 100 to 300, a design at 400 to 600, an olympiad proof or the hunt for a race above 700.
//!
//! # What it misses
//!
//! - **It does not predict the gain of a strong model.** On six public sets of prompts with the outcomes of a strong and
//!   a cheap model, the area under its gain curve averages .50, which is chance: .63 where the tasks are mixed, .55 and
//!   .51 on exam questions, .48 on tool calls, .44 on programming contests and .43 on competition mathematics. There the
//!   hardest prompts defeat both models, and this rule ranks them highest. Sorting by length alone averages .52. It tells
//!   kinds of task apart, not hard from easy within one kind.
//! - It reads English. A few stems of other languages are there; otherwise a prompt in another language is judged by its
//!   length and marks, and comes out too low.
//! - It believes words: a hard question in plain words ("how many squares can a bishop miss?") scores low, and a trivial
//!   one that mentions theorems scores high.
//! - It does not look at the system prompt, the model's answers or tool results, so it does not see that an agent is stuck.

mod features;

pub use features::{Features, Signal};

use core::fmt;

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

    fn clamped(permille: u32) -> Self {
        Self(u16::try_from(permille.min(1000)).unwrap_or(1000))
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

/// Judges prompts. Built once per configuration; holds no state of any request.
#[derive(Clone, Debug)]
pub struct Classifier(());

/// Bytes of the newest user text that are looked at.
const NEWEST: u64 = limits::JUDGED_TEXT as u64 / 4 * 3;
/// Bytes of the user turn before it, looked at only if the newest one is short.
const EARLIER: u64 = limits::JUDGED_TEXT as u64 / 4;
/// Words below which a turn counts as a follow-up to the one before.
const FOLLOW_UP: u32 = 24;

impl Classifier {
    /// The hand-made rule described in the module's documentation.
    pub const fn interim() -> Self {
        Self(())
    }

    /// Judges a conversation by its newest user text.
    ///
    /// Walks over the pieces up to three times, but looks at no more than [`limits::JUDGED_TEXT`] of their bytes.
    /// Without any user text the result is [`Difficulty::LOWEST`].
    pub fn classify<'b, I>(&self, pieces: I) -> Difficulty
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        self.judge(pieces).0
    }

    /// The result, and the bytes looked at.
    fn judge<'b, I>(&self, pieces: I) -> (Difficulty, u64)
    where
        I: Iterator<Item = Text<'b>> + Clone,
    {
        let (newest, earlier) = turns(pieces.clone());
        let features = newest.read(pieces.clone(), NEWEST);
        let score = score(&features);
        if features.words >= FOLLOW_UP || features.is_routine() || features.signal(Signal::Chatter) > 0 {
            return (Difficulty::clamped(score), features.bytes);
        }
        // "Yes, go on" is about as hard as what it answers.
        let before = earlier.read(pieces, EARLIER);
        let (own, inherited) = (features.words, FOLLOW_UP - features.words);
        let mixed = (score * own + self::score(&before) * inherited) / FOLLOW_UP;
        (Difficulty::clamped(score.max(mixed)), features.bytes.saturating_add(before.bytes))
    }
}

/// Consecutive pieces of user text: from one index up to another.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    start: usize,
    end: usize,
    bytes: u64,
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
        newest.bytes = newest.bytes.saturating_add(piece.raw.len() as u64);
    }
    (newest, earlier)
}

impl Turn {
    /// Counts what the turn holds. Of a long one, the beginning and the end: there the question stands.
    fn read<'b>(self, pieces: impl Iterator<Item = Text<'b>>, budget: u64) -> Features {
        let mut features = Features::default();
        let head = if self.bytes > budget { budget / 2 } else { budget };
        let tail = self.bytes.saturating_sub(budget / 2).max(head);
        let mut at = 0u64;
        for piece in pieces.take(self.end).skip(self.start) {
            let end = at.saturating_add(piece.raw.len() as u64);
            let part = |from: u64, to: u64| {
                let offset = |place: u64| usize::try_from(place.clamp(at, end) - at).unwrap_or(usize::MAX);
                piece.raw.get(offset(from)..offset(to)).unwrap_or_default()
            };
            for part in [part(0, head), part(tail, u64::MAX)] {
                if !part.is_empty() {
                    features.add(part);
                }
            }
            at = end;
        }
        features
    }
}

/// The weights. Each line is one opinion; signs and sizes are explained in the module's documentation.
fn score(features: &Features) -> u32 {
    let words = features.words;
    if words <= 8 && features.signal(Signal::Chatter) > 0 {
        return 20;
    }
    let capped = |count: u32, each: u32, most: u32| count.saturating_mul(each).min(most);
    let length = match words {
        0 => 0,
        1..=3 => 20,
        4..=8 => 50,
        9..=16 => 90,
        17..=32 => 130,
        33..=64 => 190,
        65..=128 => 250,
        129..=256 => 300,
        _ => 340,
    };
    // The first word of a kind says most.
    let of = |signal, [one, two, three, more]: [u32; 4]| match features.signal(signal) {
        0 => 0,
        1 => one,
        2 => two,
        3 => three,
        _ => more,
    };
    let words_say = of(Signal::Proof, [350, 400, 400, 400])
        + of(Signal::Deep, [170, 290, 370, 420])
        + of(Signal::Reason, [110, 200, 270, 330])
        + of(Signal::Build, [50, 90, 120, 120]);
    let shape_says = length
        + capped(features.signal(Signal::Constraint), 25, 100)
        + capped(features.signal(Signal::Step), 20, 80)
        + capped(features.numbers, 4, 40)
        + capped(features.operators, 4, 60)
        + capped(features.tex, 10, 80)
        + capped(features.code, 3, 60)
        + capped(features.items, 10, 60)
        + capped(features.questions.saturating_sub(1), 15, 45);
    // Routine work stays routine, however long or learned the text it is done on.
    if features.is_routine() { shape_says * 3 / 8 + words_say / 8 } else { shape_says + words_say }
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

    fn judge(conversation: &[(Role, String)]) -> u16 {
        let pieces = conversation.iter().map(|(role, raw)| Text { role: *role, raw: raw.as_bytes() });
        Classifier::interim().classify(pieces).permille()
    }

    fn ask(text: &str) -> u16 {
        judge(&[said(Role::User, text)])
    }

    #[test]
    fn prompts_fall_into_the_bands_people_expect() {
        for (low, high, prompt) in [
            (1, 30, "hi"),
            (1, 30, "Thanks!"),
            (1, 30, "Hello, how are you today?"),
            (1, 100, "What is the capital of Portugal?"),
            (1, 100, "What time zone is used in Nairobi?"),
            (1, 100, "Write a haiku about rain."),
            (1, 100, "Fix the spelling: teh cat sta on the mat"),
            (1, 100, "Rewrite this so that it sounds friendlier: Your invoice is overdue. Pay now."),
            (1, 100, "Extract all e-mail addresses from the text below."),
            (1, 120, "Translate this sentence into French: The library closes at eight on Sundays."),
            (
                1,
                150,
                "Summarise this in one line: Deadlocks and races appear when threads share state without a lock.",
            ),
            (100, 250, "Explain the difference between TCP and UDP."),
            (100, 250, "Why does my sourdough not rise?"),
            (
                100,
                250,
                "A tank is filled by two pipes in 6 and 9 hours. How long does it take with both open?",
            ),
            (100, 300, "Write a Python function that returns the n-th Fibonacci number."),
            (
                150,
                400,
                "Write a SQL query for the three best-selling products per region, without window functions.",
            ),
            (
                250,
                500,
                "Compare renting and buying for someone who may move in five years; list the trade-offs.",
            ),
            (
                300,
                600,
                "Implement an LRU cache with O(1) get and put, without unsafe code, and explain how it evicts.",
            ),
            (
                400,
                700,
                "Plan the migration of a 4 TB database with under a minute of downtime and name the risks.",
            ),
            (
                400,
                700,
                "Design a rate limiter that must survive a network partition; discuss consistency trade-offs.",
            ),
            (
                600,
                900,
                "Let a, b, c be positive reals with abc = 1. Prove that a/(b+1) + b/(c+1) + c/(a+1) >= 3/2.",
            ),
            (
                700,
                1000,
                "Find all functions f from the integers to the integers such that f(m + f(n)) = f(m) + n for \
                all m, n, and prove that there are no others.",
            ),
            (
                700,
                1000,
                "Let $p$ be an odd prime. Show that $\\sum_{k=1}^{p-1} k^{p-1} \\equiv -1 \\pmod p$ and prove \
                for which $n$ the converse holds.",
            ),
            (
                700,
                1000,
                "Our service deadlocks once a day. Two threads take a mutex and wait on a channel. Find the \
                race condition, explain why it is intermittent, and propose a fix that keeps throughput.",
            ),
            (700, 1000, "Implement a lock-free queue in C++ and prove that it is linearizable."),
        ] {
            let score = ask(prompt);
            assert!((low..=high).contains(&score), "{score} is not in {low}..={high}: {prompt}");
        }
    }

    #[test]
    fn nothing_to_judge_is_lowest() {
        assert_eq!(judge(&[]), 0);
        assert_eq!(ask(""), 0);
        assert_eq!(judge(&[said(Role::System, "Prove the theorem by induction.")]), 0);
    }

    #[test]
    fn escapes_do_not_change_the_score() {
        let plain = "Démontrer: x² ≥ 0 für alle x?";
        let escaped = r"D\u00e9montrer: x\u00b2 \u2265 0 f\u00FCr alle\u0020x\u003f";
        assert!(ask(plain) > 50);
        assert_eq!(ask(plain), judge(&[(Role::User, escaped.into())]));
        assert_eq!(
            judge(&[(Role::User, r"\u0050rove it:\n1. a\/b\n2. b".into())]),
            judge(&[(Role::User, r"Prove it:\u000a1. a/b\u000A2. b".into())]),
        );
    }

    #[test]
    fn a_follow_up_leans_on_the_turn_before() {
        let hard = "Prove by induction that every tree with n vertices has n - 1 edges, without using a known theorem.";
        let after =
            |text| judge(&[said(Role::User, hard), said(Role::Assistant, "Done."), said(Role::User, text)]);
        assert!(after("Yes, go on.") > 400);
        assert!(ask("Yes, go on.") < 50);
        assert_eq!(after("thanks!"), ask("thanks!"));
        assert_eq!(after("Now translate it into Spanish."), ask("Now translate it into Spanish."));
    }

    #[test]
    fn a_turn_is_the_same_in_one_piece_or_several_blocks() {
        let (a, b) = ("Find the deadlock in this code. ", "Explain why the test fails only under load.");
        let blocks = judge(&[said(Role::User, a), said(Role::User, b)]);
        assert_eq!(blocks, ask(&[a, b].concat()));
        let results =
            judge(&[said(Role::User, a), said(Role::User, b), said(Role::Tool, "hi"), said(Role::User, "")]);
        assert_eq!(results, blocks);
    }

    #[test]
    fn the_question_is_found_at_either_end_of_a_long_paste() {
        let paste = "The committee met again in autumn and nobody spoke. ".repeat(20_000);
        let (before, after) =
            (["Summarise this: ", &paste].concat(), [&paste, " Summarise the above."].concat());
        let middle = [&paste, " Summarise the above. ", &paste].concat();
        assert!(ask(&before) < 200 && ask(&after) < 200, "{} {}", ask(&before), ask(&after));
        assert!(ask(&middle) > ask(&after));
    }

    #[test]
    fn work_is_bounded() {
        let huge = "why ".repeat(limits::REQUEST_BODY / 4);
        for pieces in [
            Vec::from([Text { role: Role::User, raw: huge.as_bytes() }]),
            huge.as_bytes().chunks(8192).map(|raw| Text { role: Role::User, raw }).collect(),
            Vec::from([
                Text { role: Role::User, raw: huge.as_bytes() },
                Text { role: Role::Assistant, raw: huge.as_bytes() },
                Text { role: Role::User, raw: b"go on" },
            ]),
        ] {
            let (_, looked) = Classifier::interim().judge(pieces.into_iter());
            assert!(looked > 250 && looked <= limits::JUDGED_TEXT as u64, "{looked}");
        }
    }

    #[test]
    fn difficulty_is_checked() {
        assert_eq!(Difficulty::new(1000).map(Difficulty::permille), Ok(1000));
        assert_eq!(Difficulty::new(1001), Err(DifficultyOutOfRange(1001)));
    }

    proptest! {
        #[test]
        fn takes_any_bytes_of_anyone(
            pieces in proptest::collection::vec((0..4, proptest::collection::vec(any::<u8>(), 0..600)), 0..12),
        ) {
            let roles = [Role::System, Role::User, Role::Assistant, Role::Tool];
            let texts = pieces.iter().map(|(role, raw)| Text { role: roles[*role as usize], raw });
            prop_assert!(Classifier::interim().classify(texts).permille() <= 1000);
        }

        #[test]
        fn more_of_a_question_is_not_easier(words in "[a-f ]{0,200}") {
            let more = alloc::format!("{words} prove");
            prop_assert!(ask(&more) >= ask(&words));
        }
    }
}
