//! A store that several processes or isolates share: one record by its name, each a purse or what is remembered of a
//! conversation. Asked by a line of text, answered by another; what is stored is a line, too.
//!
//! ```text
//! Question ─ name, to_text ─▶ the store: serve(record, question, now) ─▶ Served: the answer, the record that takes its
//!                                                                       place, until when it is worth keeping
//! ```
//!
//! [`Inquiry`] is one request's way through this. A store that runs one call on a name after the other makes budgets exact. A call that comes twice counts once. Times are
//! in seconds since 1970.

mod inquiry;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

pub use self::inquiry::{Inquiry, Line, Note, assume, remember};
use crate::{
    agent::Identity,
    budget::{Account, Claimed, Hold, Shared},
    limits,
    policy::Remembered,
    price::PicoUsd,
};

/// What a record is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Question {
    /// Promise an amount to a request that begins; answered with [`Claimed`].
    Claim {
        /// Whose.
        account: Account,
        /// What.
        hold: Hold,
        /// Where so much is spent and promised, nothing is.
        limit: Option<PicoUsd>,
    },
    /// The request is over.
    Settle {
        /// Whose.
        account: Account,
        /// What was to be promised; the amount does not matter any more.
        hold: Hold,
        /// Whether it is known that it was.
        held: bool,
        /// What it has cost.
        charged: PicoUsd,
    },
    /// What is remembered?
    Recall,
    /// Remember this.
    Remember(Remembered),
}

/// What came of a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Served {
    /// What is said to who asked; never empty.
    pub answer: String,
    /// The record from now on; `None` where it stays as it is.
    pub record: Option<String>,
    /// When it may be thrown away.
    pub until: u64,
}

/// Where there is nothing to say.
const NOTHING: &str = "-";

/// The name of an account's record. The window is no part of it.
fn purse(account: &Account) -> String {
    format!("purse:{:016x}", account.key)
}

/// The name of a conversation's record. `document` tells configurations apart: what is remembered names their tiers.
fn note(identity: Identity, document: u64) -> String {
    format!("note:{document:016x}:{identity}")
}

/// A text's hash, for a note's record: FNV-1a, 64 bits.
pub fn mark(document: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    document.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

impl Question {
    /// The line.
    pub fn to_text(self) -> String {
        let both = |account: Account, hold: Hold| {
            format!("{} {} {} {}", account.from, account.until, hold.id, hold.at)
        };
        match self {
            Self::Claim { account, hold, limit } => {
                let limit = limit.map_or_else(|| NOTHING.to_string(), |limit| limit.pico().to_string());
                format!("claim {} {} {limit}", both(account, hold), hold.amount.pico())
            }
            Self::Settle { account, hold, held, charged } => {
                format!("settle {} {} {}", both(account, hold), u8::from(held), charged.pico())
            }
            Self::Recall => "recall".to_string(),
            Self::Remember(remembered) => format!("remember {}", hex(&remembered.to_bytes())),
        }
    }

    /// `None` where it is no such line.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let verb = words.next()?;
        let rest: Vec<&str> = words.collect();
        let number = |at: usize| rest.get(at)?.parse::<u64>().ok();
        let both = |amount: u64| {
            let account = Account { budget: 0, key: 0, from: number(0)?, until: number(1)? };
            Some((account, Hold { id: number(2)?, at: number(3)?, amount: PicoUsd::from_pico(amount) }))
        };
        match (verb, rest.len()) {
            ("claim", 6) => {
                let (account, hold) = both(number(4)?)?;
                let limit = match rest.get(5) {
                    Some(&NOTHING) => None,
                    _ => Some(PicoUsd::from_pico(number(5)?)),
                };
                Some(Self::Claim { account, hold, limit })
            }
            ("settle", 6) => {
                let (account, hold) = both(0)?;
                let charged = PicoUsd::from_pico(number(5)?);
                Some(Self::Settle { account, hold, held: number(4)? == 1, charged })
            }
            ("recall", 0) => Some(Self::Recall),
            ("remember", 1) => noted(rest.first()?).map(Self::Remember),
            _ => None,
        }
    }
}

/// What a store said to [`Question::Recall`]; `None` where it knows nothing.
fn noted(answer: &str) -> Option<Remembered> {
    let bytes: Option<Vec<u8>> = answer
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    Remembered::from_bytes(&bytes?)
}

/// One call on a record; an empty one is new. `None` where the question is none, or the record no purse that this version
/// understands: money that was spent is not forgotten in silence.
pub fn serve(record: &str, question: &str, now: u64) -> Option<Served> {
    let changed = |purse: &Shared| Some(purse.to_text()).filter(|text| text != record);
    let known = || if record.is_empty() { Some(Shared::default()) } else { Shared::from_text(record) };
    Some(match Question::from_text(question)? {
        Question::Claim { account, hold, limit } => {
            let mut purse = known()?;
            let claimed = purse.claim(&account, hold, limit, now);
            Served { answer: claimed.to_text(), record: changed(&purse), until: account.until }
        }
        Question::Settle { account, hold, held, charged } => {
            let mut purse = known()?;
            purse.settle(&account, (hold.id, hold.at), held, charged, now);
            Served { answer: NOTHING.to_string(), record: changed(&purse), until: account.until }
        }
        Question::Recall => {
            let answer = if noted(record).is_some() { record } else { NOTHING };
            Served { answer: answer.to_string(), record: None, until: 0 }
        }
        Question::Remember(remembered) => Served {
            answer: NOTHING.to_string(),
            record: Some(hex(&remembered.to_bytes())),
            until: now.saturating_add(limits::NOTE_S),
        },
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a store said to [`Question::Claim`]; `None` where it said nothing.
fn claimed(answer: &str) -> Option<Claimed> {
    Claimed::from_text(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Account = Account { budget: 0, key: 0, from: 86_400, until: 172_800 };

    fn claim(id: u64, amount: u64, limit: u64) -> String {
        let hold = Hold { id, at: 90_000, amount: PicoUsd::from_pico(amount) };
        Question::Claim { account: DAY, hold, limit: Some(PicoUsd::from_pico(limit)) }.to_text()
    }

    const NOTE: Remembered = Remembered {
        tier: 1,
        told: 0,
        target: 7,
        prefix_tokens: 9,
        prefix_bytes: 40,
        seen: 90_000,
        life: 300,
    };

    #[test]
    fn a_purse_is_asked_by_lines() {
        let first = serve("", &claim(7, 300, 500), 90_000).expect("a question");
        assert_eq!((first.answer.as_str(), first.until), ("0 1", 172_800));
        let record = first.record.expect("a promise");
        assert_eq!(record, "1 86400 0 7 90000 300");
        let second = serve(&record, &claim(8, 300, 300), 90_000).expect("a question");
        assert_eq!((second.answer.as_str(), second.record), ("300 0", None));
        let settle = "settle 86400 172800 7 90000 1 250";
        let third = serve(&record, settle, 90_001).expect("a question");
        assert_eq!((third.answer.as_str(), third.record.as_deref()), (NOTHING, Some("1 86400 250")));
        let again = serve("1 86400 250", settle, 90_002).expect("a question");
        assert_eq!(again.record, None);
    }

    #[test]
    fn a_note_comes_back_and_what_is_none_is_nothing() {
        let remembered = NOTE;
        let kept = serve("", &Question::Remember(remembered).to_text(), 90_000).expect("a question");
        assert_eq!(kept.until, 90_000 + limits::NOTE_S);
        let record = kept.record.expect("a note");
        let said = serve(&record, "recall", 90_001).expect("a question");
        assert_eq!((noted(&said.answer), said.record), (Some(remembered), None));
        for record in ["", "x", "1 86400 0", &record[2..]] {
            let said = serve(record, "recall", 90_001).expect("a question");
            assert_eq!((said.answer.as_str(), noted(&said.answer)), (NOTHING, None));
        }
    }

    #[test]
    fn questions_come_back_from_their_lines_and_nothing_else_is_one() {
        let hold = Hold { id: u64::MAX, at: 5, amount: PicoUsd::from_pico(6) };
        let remembered = Remembered { seen: 9, ..NOTE };
        for question in [
            Question::Claim { account: DAY, hold, limit: None },
            Question::Claim { account: DAY, hold, limit: Some(PicoUsd::from_pico(0)) },
            Question::Settle {
                account: DAY,
                hold: Hold { amount: PicoUsd::ZERO, ..hold },
                held: true,
                charged: PicoUsd::from_pico(1),
            },
            Question::Recall,
            Question::Remember(remembered),
        ] {
            assert_eq!(Question::from_text(&question.to_text()), Some(question));
        }
        for line in
            ["", "claim", "claim 1 2 3 4 5", "claim 1 2 3 4 5 6 7", "settle a b c d e f", "remember 00"]
        {
            assert_eq!(serve("", line, 1), None, "{line}");
        }
        assert_eq!(serve("2 86400 250", &claim(7, 300, 500), 90_000), None);
    }

    #[test]
    fn names_are_apart() {
        assert_eq!(purse(&Account { key: 0xAB, ..DAY }), "purse:00000000000000ab");
        assert_ne!(mark(b"a"), mark(b"b"));
    }
}
