//! What a store is asked for one request, and what becomes of the answers.

use alloc::{string::String, vec::Vec};

use super::{Question, claimed, note, noted, purse};
use crate::{
    agent::Identity,
    budget::{self, Account, Hold, Ledger},
    config::{AtLimit, Config},
    policy::Remembered,
    price::PicoUsd,
};

/// Name of a record, and what it is asked.
pub type Line = (String, String);

/// One request's questions, all at once, before it leaves; and the last word when it is over.
///
/// What a purse is to promise is known once the request is decided, and the decision depends on what is spent. So it is
/// decided by what is known here, the store is asked, and where it says something else the request is decided anew.
#[derive(Clone, Debug)]
pub struct Inquiry {
    hold: Hold,
    purses: Vec<Asked>,
    note: Option<Note>,
    silent: bool,
}

/// One purse.
#[derive(Clone, Copy, Debug)]
struct Asked {
    account: Account,
    /// What is spent and promised, as far as known.
    weight: PicoUsd,
    /// What is held for this request; `None` where the store did not say.
    held: Option<PicoUsd>,
}

/// What is remembered of a conversation, and where.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// The conversation.
    pub identity: Identity,
    /// By [`mark`](super::mark).
    pub document: u64,
    /// What is remembered, as far as known.
    pub memory: Option<Remembered>,
}

/// What is taken to be spent before the store is asked: what is known here; nothing where the request would be refused by
/// it. For the store may know better, and then holds what the request costs.
pub fn assume(config: &Config, ledger: &Ledger, accounts: Vec<Account>) -> Vec<(Account, PicoUsd)> {
    let weight = |account| (account, ledger.weight(&account));
    let mut spent: Vec<_> = accounts.into_iter().map(weight).collect();
    if budget::refuses(config, &spent) {
        spent.iter_mut().for_each(|(_, weight)| *weight = PicoUsd::ZERO);
    }
    spent
}

impl Inquiry {
    /// For a request that was decided with so much spent, and that to be remembered.
    pub fn new(hold: Hold, spent: &[(Account, PicoUsd)], note: Option<Note>) -> Self {
        let asked = |&(account, weight): &(Account, PicoUsd)| Asked { account, weight, held: None };
        Self { hold, purses: spent.iter().map(asked).collect(), note, silent: false }
    }

    /// What to ask; the answers are in the same order.
    pub fn questions(&self, config: &Config) -> Vec<Line> {
        let claim = |asked: &Asked| {
            let budget = config.budgets().get(asked.account.budget);
            let limit = budget.filter(|budget| budget.at_limit == AtLimit::Reject).map(|budget| budget.limit);
            let claim = Question::Claim { account: asked.account, hold: self.hold, limit };
            (purse(&asked.account), claim.to_text())
        };
        let recall = |known: Note| (note(known.identity, known.document), Question::Recall.to_text());
        self.purses.iter().map(claim).chain(self.note.map(recall)).collect()
    }

    /// Takes the answers, an empty one where none came: this is then taken from `ledger`, which learns from the others.
    /// Returns whether the decision stands.
    pub fn hear<'a>(
        &mut self,
        config: &Config,
        mut answers: impl Iterator<Item = &'a str>,
        ledger: &mut Ledger,
    ) -> bool {
        let assumed = self.weights();
        for asked in &mut self.purses {
            let account = asked.account;
            if let Some(claimed) = claimed(answers.next().unwrap_or_default()) {
                asked.weight = claimed.weight;
                asked.held = Some(if claimed.held { self.hold.amount } else { PicoUsd::ZERO });
                ledger.restore(account.key, account.from, claimed.weight);
            } else {
                asked.weight = ledger.weight(&account);
                self.silent = true;
            }
        }
        let mut alike = budget::stand_alike(config, &assumed, &self.weights());
        if let Some(note) = &mut self.note {
            let answer = answers.next().unwrap_or_default();
            self.silent |= answer.is_empty();
            // What was said last may still be on its way to the store.
            let newest = note.memory.into_iter().chain(noted(answer)).max_by_key(|memory| memory.seen);
            alike &= newest == note.memory;
            note.memory = newest;
        }
        alike
    }

    /// What is spent of an account, and promised to others.
    pub fn weight(&self, account: &Account) -> PicoUsd {
        let known = self.purses.iter().find(|asked| asked.account == *account);
        known.map_or(PicoUsd::ZERO, |asked| asked.weight)
    }

    /// What is remembered of the conversation.
    pub fn memory(&self) -> Option<Remembered> {
        self.note.and_then(|note| note.memory)
    }

    /// Whether somebody gave no answer.
    pub const fn is_silent(&self) -> bool {
        self.silent
    }

    /// The request was decided, and is expected to cost so much: whom to tell where something else is held.
    pub fn reclaim(&mut self, amount: PicoUsd) -> Vec<Line> {
        let hold = Hold { amount, ..self.hold };
        let differs = |asked: &&mut Asked| asked.held.is_some_and(|held| held != amount);
        let lines = self.purses.iter_mut().filter(differs).map(|asked| {
            asked.held = Some(amount);
            let claim = Question::Claim { account: asked.account, hold, limit: None };
            (purse(&asked.account), claim.to_text())
        });
        lines.collect()
    }

    /// The request is over and has cost so much: whom to tell.
    pub fn settle(&self, charged: PicoUsd) -> Vec<Line> {
        let concerned = |asked: &&Asked| asked.held != Some(PicoUsd::ZERO) || charged > PicoUsd::ZERO;
        let lines = self.purses.iter().filter(concerned).map(|asked| {
            let held = asked.held.is_some_and(|held| held > PicoUsd::ZERO);
            let settle = Question::Settle { account: asked.account, hold: self.hold, held, charged };
            (purse(&asked.account), settle.to_text())
        });
        lines.collect()
    }

    fn weights(&self) -> Vec<(Account, PicoUsd)> {
        self.purses.iter().map(|asked| (asked.account, asked.weight)).collect()
    }
}

/// What to tell where something is to be remembered.
pub fn remember(identity: Identity, document: u64, remembered: Remembered) -> Line {
    (note(identity, document), Question::Remember(remembered).to_text())
}
