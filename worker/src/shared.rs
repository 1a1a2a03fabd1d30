//! What isolates share by a store: it is asked before a request leaves, all of its records at once, and told when the
//! request is over.
//!
//! ```text
//! guess: decided by what this isolate knows ─ ask ─▶ the store ─ told: does it stand? ─▶ send
//!                                                                 else: the body again, decided by what the store said
//! ```
//!
//! So there is one round trip, whatever is asked. Where it does not answer in time, what this isolate knows by itself
//! counts, and the log says so.

use std::rc::Rc;

use pointsman::{
    Account, Forward, Hold, Identity, Pending, PicoUsd, Remembered, Routed,
    store::{self, Inquiry, Line, Note},
};

use crate::{
    door::Door,
    exchange::{Rules, Stage},
    reply::{Reply, Verb},
};

/// What the log says where a record did not answer in time.
pub(crate) const SILENT: &str = "store_unreachable";

/// A decision that stands if the store knows nothing else.
#[derive(Debug)]
pub(crate) struct Guess {
    /// To decide it anew; `None` where its body is not read.
    pending: Option<Pending>,
    routed: Routed,
}

impl Rules {
    /// The binding of the store, where requests have to ask it.
    pub(crate) fn store(&self) -> Option<&str> {
        let needed = self.settings.remember || !self.router.config().budgets().is_empty();
        self.settings.store.as_deref().filter(|_| needed)
    }

    /// What the store is to be told of a request that is over.
    pub(crate) fn farewell(
        &self,
        inquiry: Option<&Inquiry>,
        charged: PicoUsd,
        remembered: Option<(Identity, Remembered)>,
    ) -> Vec<Line> {
        let mut lines = inquiry.map(|inquiry| inquiry.settle(charged)).unwrap_or_default();
        let remembered = remembered.filter(|_| self.settings.remember && self.settings.store.is_some());
        lines.extend(remembered.map(|(identity, note)| store::remember(identity, self.mark, note)));
        lines
    }
}

impl Door {
    /// A request whose body is there and whose store was not asked yet: `ask`, or as [`enter`](Self::enter) where nothing
    /// is to be asked.
    pub(crate) fn guess(&mut self, number: u32, pending: Pending, body: &[u8], now: u64) -> Vec<u8> {
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let (rules, seconds) = (Rc::clone(&exchange.rules), now / 1000);
        let heard = pending.clone().read(body);
        let memory = heard.identity().and_then(|identity| self.conversations.get(identity));
        let recalled = if rules.settings.remember { heard.recalls() } else { None };
        let note = recalled.map(|identity| Note { identity, document: rules.mark, memory });
        let accounts = heard.accounts(&rules.router, seconds);
        let spent = store::assume(rules.router.config(), &self.ledger, accounts);
        let heard = heard.afford(&rules.router, seconds, |account| weight(&spent, account));
        let routed = heard.route(&rules.router, memory.as_ref(), Some(seconds));
        self.ask(number, Guess { pending: Some(pending), routed }, &spent, note, now)
    }

    /// The same for a request that is sent on unread.
    pub(crate) fn guess_unread(&mut self, number: u32, forward: Forward, now: u64) -> Vec<u8> {
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let rules = Rc::clone(&exchange.rules);
        let accounts = forward.accounts(&rules.router, now / 1000);
        let spent = store::assume(rules.router.config(), &self.ledger, accounts);
        self.ask(number, Guess { pending: None, routed: Routed::Forward(forward) }, &spent, None, now)
    }

    fn ask(
        &mut self,
        number: u32,
        guess: Guess,
        spent: &[(Account, PicoUsd)],
        note: Option<Note>,
        now: u64,
    ) -> Vec<u8> {
        if spent.is_empty() && note.is_none() {
            return self.enter(number, guess.routed, now);
        }
        self.claims = self.claims.wrapping_add(1);
        let id = self.seed.wrapping_add(self.claims);
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let rules = Rc::clone(&exchange.rules);
        let tab = match &guess.routed {
            Routed::Forward(forward) => forward.tab(),
            Routed::Reject(_) => None,
        };
        let amount = tab.map_or(PicoUsd::ZERO, |tab| tab.estimate);
        let inquiry = Inquiry::new(Hold { id, at: exchange.began / 1000, amount }, spent, note);
        let lines = inquiry.questions(rules.router.config());
        exchange.inquiry = Some(Box::new(inquiry));
        exchange.stage = Stage::Asking(Box::new(guess));
        self.lines(Verb::Ask, &[number, rules.settings.store_timeout_ms], &rules, &lines)
    }

    /// What the store said, a line for each question, empty where it did not answer: `send`, `answer`; or `body`, where
    /// the request is to be decided anew.
    pub(crate) fn told(&mut self, number: u32, answers: &[u8], now: u64) -> Vec<u8> {
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let (stage, inquiry) = (&mut exchange.stage, exchange.inquiry.as_deref_mut());
        let (Stage::Asking(guess), Some(inquiry)) = (std::mem::replace(stage, Stage::Over), inquiry) else {
            return self.lost();
        };
        let rules = Rc::clone(&exchange.rules);
        let answers = String::from_utf8_lossy(answers);
        let stands = inquiry.hear(rules.router.config(), answers.split('\n'), &mut self.ledger);
        let Guess { pending, routed } = *guess;
        match (pending, routed) {
            (Some(pending), _) if !stands => {
                *stage = Stage::Awaiting(Box::new(pending));
                self.reply(Verb::Body, &[number, rules.settings.max_body]).end()
            }
            (None, Routed::Forward(forward)) => {
                let routed = forward.afford(&rules.router, now / 1000, |account| inquiry.weight(account));
                self.enter(number, routed, now)
            }
            (_, routed) => self.enter(number, routed, now),
        }
    }

    /// A decided request goes on its way: `send`, `answer`; or `tell`, where the store holds something else for it.
    pub(crate) fn enter(&mut self, number: u32, routed: Routed, now: u64) -> Vec<u8> {
        let forward = match routed {
            Routed::Forward(forward) => forward,
            Routed::Reject(rejection) => return self.refuse(number, rejection),
        };
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let mut lines = Vec::new();
        // Nothing is awaited between the look at what is spent and the promise.
        if let Some(tab) = forward.tab() {
            self.ledger.hold(tab);
            let inquiry = exchange.inquiry.as_deref_mut();
            lines = inquiry.map(|inquiry| inquiry.reclaim(tab.estimate)).unwrap_or_default();
        }
        let rules = Rc::clone(&exchange.rules);
        exchange.stage = Stage::decided(forward);
        if lines.is_empty() {
            return self.next(number, now);
        }
        self.lines(Verb::Tell, &[number], &rules, &lines)
    }

    /// A reply with the store's binding, and for each record its name and what it is asked or told.
    pub(crate) fn lines(&mut self, verb: Verb, numbers: &[u32], rules: &Rules, lines: &[Line]) -> Vec<u8> {
        let reply = self.reply(verb, numbers).line(rules.settings.store.as_deref().unwrap_or_default());
        let line = |reply: Reply, (name, question): &Line| reply.line(name).line(question);
        lines.iter().fold(reply, line).end()
    }
}

fn weight(spent: &[(Account, PicoUsd)], account: &Account) -> PicoUsd {
    spent.iter().find(|(known, _)| known == account).map_or(PicoUsd::ZERO, |(_, weight)| *weight)
}
