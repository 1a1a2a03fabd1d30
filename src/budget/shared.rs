//! A purse that many processes ask for, of which one may end without a word: each promise has a number and a time.

use alloc::{format, string::String, vec::Vec};

use super::{Account, Purse};
use crate::{limits, price::PicoUsd};

/// An amount that is promised to one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hold {
    /// Its number: no two of an account's have the same within [`limits::HOLD_S`].
    pub id: u64,
    /// When the request began, in seconds since 1970.
    pub at: u64,
    /// How much.
    pub amount: PicoUsd,
}

/// What an account's store says to a request that begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claimed {
    /// What was spent and promised before: [`Purse::weight`].
    pub weight: PicoUsd,
    /// Whether the amount is promised now.
    pub held: bool,
}

/// The purse, and what it is promised to. A call that comes twice counts once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shared {
    purse: Purse,
    /// In the order in which they were made. Their sum is what the purse holds.
    holds: Vec<Hold>,
}

impl Shared {
    /// Promises an amount, unless so much is spent and promised already that `limit` is reached.
    pub fn claim(&mut self, account: &Account, hold: Hold, limit: Option<PicoUsd>, now: u64) -> Claimed {
        self.tidy(account, now);
        // One that comes again is promised anew.
        self.give_back(hold.id);
        let weight = self.purse.weight(account);
        let current = self.purse.from == account.from && account.until > now;
        let held = current && hold.amount > PicoUsd::ZERO && limit.is_none_or(|limit| weight < limit);
        if held {
            if self.holds.len() >= limits::HOLDS
                && let Some(oldest) = self.holds.first().map(|hold| hold.id)
            {
                self.give_back(oldest);
            }
            self.purse.held = self.purse.held.saturating_add(hold.amount);
            self.holds.push(hold);
        }
        Claimed { weight, held }
    }

    /// Charges a request that is over. `held` is whether it is known that an amount was promised to it: it is then charged
    /// once, however often it is told of.
    pub fn settle(
        &mut self,
        account: &Account,
        (id, at): (u64, u64),
        held: bool,
        charged: PicoUsd,
        now: u64,
    ) {
        self.tidy(account, now);
        let found = self.give_back(id);
        // Promised, and no longer so: it was told before, or its time was over.
        let told = held && !found && now < at.saturating_add(limits::HOLD_S);
        if !told && self.purse.from == account.from {
            self.purse.spent = self.purse.spent.saturating_add(charged);
        }
    }

    /// Begins a later window, and takes back what was promised too long ago.
    fn tidy(&mut self, account: &Account, now: u64) {
        if account.from > self.purse.from {
            self.purse.turn_to(account.from);
            self.holds.clear();
        }
        let (purse, holds) = (&mut self.purse, &mut self.holds);
        holds.retain(|hold| {
            let lives = now < hold.at.saturating_add(limits::HOLD_S);
            if !lives {
                purse.held = purse.held.saturating_sub(hold.amount);
            }
            lives
        });
    }

    /// Takes a promise back. Returns whether there was one.
    fn give_back(&mut self, id: u64) -> bool {
        let Some(at) = self.holds.iter().position(|hold| hold.id == id) else { return false };
        let hold = self.holds.remove(at);
        self.purse.held = self.purse.held.saturating_sub(hold.amount);
        true
    }

    /// For a store: a version, when the window began, what is spent; then number, time and amount of each promise.
    pub fn to_text(&self) -> String {
        let mut text = format!("1 {} {}", self.purse.from, self.purse.spent.pico());
        for Hold { id, at, amount } in &self.holds {
            text.push_str(&format!(" {id} {at} {}", amount.pico()));
        }
        text
    }

    /// From a store; `None` where the text is none of this version's.
    pub fn from_text(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = text.split(' ').map(|number| number.parse().ok()).collect();
        let numbers = numbers?;
        let ([1, from, spent], holds) = numbers.split_first_chunk()? else { return None };
        let (holds, []) = holds.as_chunks::<3>() else { return None };
        let hold = |&[id, at, amount]: &[u64; 3]| Hold { id, at, amount: PicoUsd::from_pico(amount) };
        let holds: Vec<Hold> = holds.iter().map(hold).collect();
        let held = holds.iter().fold(PicoUsd::ZERO, |sum, hold| sum.saturating_add(hold.amount));
        Some(Self { purse: Purse { from: *from, spent: PicoUsd::from_pico(*spent), held }, holds })
    }
}

impl Claimed {
    /// What was spent and promised before, and 1 where the amount is promised now.
    pub fn to_text(self) -> String {
        format!("{} {}", self.weight.pico(), u8::from(self.held))
    }

    /// `None` where it is no such answer.
    pub fn from_text(text: &str) -> Option<Self> {
        let (weight, held) = text.split_once(' ')?;
        let held = match held {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(Self { weight: PicoUsd::from_pico(weight.parse().ok()?), held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Account = Account { budget: 0, key: 1, from: 86_400, until: 172_800 };
    const NEXT: Account = Account { budget: 0, key: 1, from: 172_800, until: 259_200 };
    const NOON: u64 = 129_600;

    fn usd(pico: u64) -> PicoUsd {
        PicoUsd::from_pico(pico)
    }

    fn hold(id: u64, amount: u64) -> Hold {
        Hold { id, at: NOON, amount: usd(amount) }
    }

    fn weight(purse: &mut Shared, account: &Account, now: u64) -> u64 {
        purse.claim(account, Hold { id: u64::MAX, at: now, amount: PicoUsd::ZERO }, None, now).weight.pico()
    }

    #[test]
    fn what_is_promised_counts_until_it_is_settled_and_no_more_is_promised_than_there_is() {
        let mut purse = Shared::default();
        let limit = Some(usd(100));
        let first = purse.claim(&DAY, hold(1, 60), limit, NOON);
        let second = purse.claim(&DAY, hold(2, 60), limit, NOON);
        let third = purse.claim(&DAY, hold(3, 60), limit, NOON);
        assert_eq!((first.weight, first.held), (usd(0), true));
        assert_eq!((second.weight, second.held), (usd(60), true));
        assert_eq!((third.weight, third.held), (usd(120), false));
        purse.settle(&DAY, (1, NOON), true, usd(10), NOON);
        purse.settle(&DAY, (2, NOON), true, PicoUsd::ZERO, NOON);
        assert_eq!(weight(&mut purse, &DAY, NOON), 10);
        // Where the lowest tier stays open, what it costs is promised beyond the limit too.
        assert!(purse.claim(&DAY, hold(4, 500), None, NOON).held);
        assert!(purse.claim(&DAY, hold(5, 1), None, NOON).held);
        assert_eq!(weight(&mut purse, &DAY, NOON), 511);
    }

    #[test]
    fn what_comes_twice_counts_once() {
        let mut purse = Shared::default();
        purse.claim(&DAY, hold(1, 60), None, NOON);
        purse.claim(&DAY, hold(1, 80), None, NOON);
        assert_eq!(weight(&mut purse, &DAY, NOON), 80);
        purse.settle(&DAY, (1, NOON), true, usd(7), NOON);
        purse.settle(&DAY, (1, NOON), true, usd(7), NOON + 1);
        assert_eq!(weight(&mut purse, &DAY, NOON), 7);
        // One whose claim did not arrive is charged all the same.
        purse.settle(&DAY, (2, NOON), false, usd(5), NOON);
        assert_eq!(weight(&mut purse, &DAY, NOON), 12);
    }

    #[test]
    fn a_promise_that_nobody_settles_is_given_back_in_time_and_charged_if_it_is_told_after_all() {
        let mut purse = Shared::default();
        purse.claim(&DAY, hold(1, 60), None, NOON);
        assert_eq!(weight(&mut purse, &DAY, NOON + limits::HOLD_S - 1), 60);
        assert_eq!(weight(&mut purse, &DAY, NOON + limits::HOLD_S), 0);
        purse.settle(&DAY, (1, NOON), true, usd(9), NOON + limits::HOLD_S + 5);
        assert_eq!(weight(&mut purse, &DAY, NOON + limits::HOLD_S + 5), 9);
    }

    #[test]
    fn a_window_that_is_over_is_forgotten() {
        let mut purse = Shared::default();
        purse.claim(&DAY, hold(1, 60), None, NOON);
        purse.settle(&DAY, (7, NOON), false, usd(5), NOON);
        assert_eq!(weight(&mut purse, &NEXT, NEXT.from), 0);
        purse.settle(&DAY, (1, NOON), true, usd(9), NEXT.from);
        assert_eq!(weight(&mut purse, &NEXT, NEXT.from), 0);
        assert!(!purse.claim(&DAY, hold(2, 60), None, NEXT.from).held);
        assert_eq!(weight(&mut purse, &NEXT, NEXT.from), 0);
    }

    #[test]
    fn a_purse_is_bounded_and_comes_back_from_its_text() {
        let mut purse = Shared::default();
        for id in 0..limits::HOLDS as u64 + 10 {
            purse.claim(&DAY, hold(id, 1), None, NOON);
        }
        assert_eq!(weight(&mut purse, &DAY, NOON), limits::HOLDS as u64);
        assert_eq!(Shared::from_text(&purse.to_text()), Some(purse));
        for text in ["", "2 1 1", "1 1", "1 1 1 1", "1 1 x", "1 1 1 1 1 1 1"] {
            assert_eq!(Shared::from_text(text), None, "{text}");
        }
        let said = Claimed { weight: usd(5), held: true };
        assert_eq!(Claimed::from_text(&said.to_text()), Some(said));
        assert_eq!(Claimed::from_text("5"), None);
    }
}
