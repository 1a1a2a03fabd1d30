//! Budgets at work: which of them concern a request, how they stand, what is charged to whom.
//!
//! ```text
//! accounts(config, caller, alias, now) ─▶ Account… ─ what the door's store says of each ─▶ Standing ─▶ the decision
//! Tab (accounts, estimate) ─ hold: promised while the request is under way ─ settle: charged by its receipt
//! ```
//!
//! The store is the door's: a [`Ledger`] in one process, a [`Purse`] by its key where several share one. A request is let
//! in while what was spent, and what was promised to those under way, is below the limit: the last one may go over it by
//! what it costs. A request belongs to the window in which it began. `now` is in seconds since 1970 everywhere.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    calendar,
    config::{AtLimit, Budget, Config, ForeignThinking, Ladder, Level},
    edit::Rejection,
    limits,
    policy::{self, Ask, Decision, Reason},
    price::PicoUsd,
    wire::Dialect,
};

mod shared;

pub use self::shared::{Claimed, Hold, Shared};

/// What one budget keeps apart: the caller's, the alias's, or everybody's purse in one window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Account {
    /// Index into the configuration's budgets.
    pub budget: usize,
    /// What a store keeps its [`Purse`] under: a hash of the budget's name and of the caller and alias where they have
    /// purses of their own. The same in every window.
    pub key: u64,
    /// When the window began.
    pub from: u64,
    /// When the next one begins.
    pub until: u64,
}

/// What is spent of an account, and promised. Belongs to one window: money of an earlier one is forgotten.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Purse {
    from: u64,
    spent: PicoUsd,
    held: PicoUsd,
}

/// The accounts that a request is charged to, and what it is expected to cost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tab {
    /// At least one.
    pub accounts: Vec<Account>,
    /// At the dearest of its targets.
    pub estimate: PicoUsd,
}

/// The purses of one process.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<u64, Purse>);

/// The budget that decides, of those that concern a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'c> {
    pub(crate) budget: &'c Budget,
    pub(crate) level: Level,
    until: u64,
}

/// The form of a purse in a store: a version, then its numbers, big end first.
const VERSION: u8 = 1;

/// Bytes of a [`Purse`] in a store.
pub const BYTES: usize = 25;

/// The accounts of a request. `alias` is `None` where it is not routed.
pub fn accounts(config: &Config, caller: Option<&str>, alias: Option<&str>, now: u64) -> Vec<Account> {
    let concerns = |list: &[String], name: Option<&str>| {
        list.is_empty() || name.is_some_and(|name| list.iter().any(|known| known == name))
    };
    let account = |(index, budget): (usize, &Budget)| {
        let met = concerns(&budget.callers, caller)
            && concerns(&budget.aliases, alias)
            && !(budget.per_alias && alias.is_none());
        let caller = caller.filter(|_| budget.per_caller).unwrap_or_default();
        let alias = alias.filter(|_| budget.per_alias).unwrap_or_default();
        let key = hash([budget.name.as_bytes(), caller.as_bytes(), alias.as_bytes()]);
        let (from, until) = budget.window.around(now);
        met.then_some(Account { budget: index, key, from, until })
    };
    config.budgets().iter().enumerate().filter_map(account).collect()
}

/// FNV-1a, 64 bits. The names are the operator's, and none holds the byte that ends each.
fn hash(parts: [&[u8]; 3]) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.iter().chain(&[0]));
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// The strictest of the budgets that are not open, by what was spent of each account.
pub(crate) fn strictest<'c>(config: &'c Config, spent: &[(Account, PicoUsd)]) -> Option<Standing<'c>> {
    let standing = |(account, spent): &(Account, PicoUsd)| {
        let budget = config.budgets().get(account.budget)?;
        let level = budget.level(*spent);
        (level > Level::Open).then_some(Standing { budget, level, until: account.until })
    };
    let strictness = |standing: &Standing<'_>| {
        let refuses = standing.refuses();
        let wait = if refuses { standing.until } else { 0 };
        (refuses, standing.level, wait, standing.budget.near_closes)
    };
    spent.iter().filter_map(standing).max_by_key(strictness)
}

/// Whether a request is refused where so much is spent of its accounts.
pub fn refuses(config: &Config, spent: &[(Account, PicoUsd)]) -> bool {
    strictest(config, spent).is_some_and(|standing| standing.refuses())
}

/// Whether a request is decided in the same way by the one and by the other.
pub fn stand_alike(config: &Config, one: &[(Account, PicoUsd)], other: &[(Account, PicoUsd)]) -> bool {
    let of = |spent| strictest(config, spent).map(|standing| (&standing.budget.name, standing.level));
    of(one) == of(other)
}

impl Standing<'_> {
    /// Whether nothing is let in.
    pub(crate) fn refuses(&self) -> bool {
        self.level == Level::Spent && self.budget.at_limit == AtLimit::Reject
    }

    /// Index of the highest tier that is still open.
    pub(crate) fn ceiling(&self, config: &Config, ladder: &Ladder, dialect: Dialect) -> usize {
        if self.level == Level::Spent {
            let speaks = |tier: &crate::config::Tier| {
                tier.choices.iter().any(|choice| config.target_of(choice).is_some_and(|t| t.speaks(dialect)))
            };
            return ladder.tiers.iter().position(speaks).unwrap_or(0);
        }
        let last = ladder.tiers.len().saturating_sub(1);
        last.saturating_sub(usize::from(self.budget.near_closes))
    }

    /// Lowers what the request would go to. Returns whether there was something to lower.
    pub(crate) fn close(&self, ceiling: usize, ask: &mut Ask) -> bool {
        let wanted = match (ask.forced.choice, ask.forced.tier, ask.course) {
            (Some((tier, _)), ..) | (None, Some(tier), _) => tier,
            (None, None, course) => course.map_or(0, |course| course.tier),
        };
        if wanted <= ceiling {
            return false;
        }
        ask.forced.choice = None;
        ask.forced.tier = ask.forced.tier.map(|tier| tier.min(ceiling));
        if let Some(course) = &mut ask.course {
            course.tier = course.tier.min(ceiling);
        }
        true
    }

    /// The decision where the lowest tier alone is open; `None` where it cannot serve the request.
    pub(crate) fn lowest(
        &self,
        config: &Config,
        ladder: &Ladder,
        tier: usize,
        ask: &Ask,
    ) -> Option<Decision> {
        let rung = ladder.tiers.get(tier)?;
        [ladder.foreign_thinking == ForeignThinking::Drop, true].into_iter().find_map(|drop| {
            let choices = policy::candidates(config, rung, ask, drop);
            let reason = self.reason();
            (!choices.is_empty()).then_some(Decision { tier, choices, drop_foreign_thinking: drop, reason })
        })
    }

    pub(crate) fn reason(&self) -> Reason {
        Reason::Budget { name: self.budget.name.clone(), level: self.level }
    }

    /// The answer to a request that there is no money for. Its SDK does not try again by itself: it would not help.
    pub(crate) fn refusal(&self, dialect: Dialect, now: u64) -> Rejection {
        let Budget { name, limit, window, .. } = self.budget;
        let wait = self.until.saturating_sub(now).max(1);
        let only = match self.budget.at_limit {
            AtLimit::Reject => "",
            AtLimit::Cheapest => ", and the lowest tier, which alone is open, cannot serve this request",
        };
        let message = format!(
            "the budget `{name}` of {limit} a {} is spent{only}; it begins anew at {}, in {}",
            window.name(),
            calendar::minute(self.until),
            span(wait)
        );
        let mut rejection = Rejection::new(Some(dialect), 429, "budget", &message);
        rejection.headers =
            Vec::from([("retry-after", wait.to_string()), ("x-should-retry", "false".to_string())]);
        rejection.about = Some(format!("budget {name} is spent"));
        rejection
    }
}

/// `3 d 4 h`, `5 h 12 min`, `7 min`; begun minutes count.
fn span(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

impl Purse {
    /// What is spent of this account or promised to requests under way: what is held against the limit.
    pub const fn weight(&self, account: &Account) -> PicoUsd {
        if self.from == account.from { self.spent.saturating_add(self.held) } else { PicoUsd::ZERO }
    }

    /// What is spent in its window.
    pub const fn spent(&self) -> PicoUsd {
        self.spent
    }

    /// Promises an amount to a request that begins.
    pub fn hold(&mut self, account: &Account, amount: PicoUsd) {
        if self.turn_to(account.from) {
            self.held = self.held.saturating_add(amount);
        }
    }

    /// Charges a request that is over, and takes the promise back. One of an earlier window changes nothing any more.
    pub fn settle(&mut self, account: &Account, held: PicoUsd, charged: PicoUsd) {
        if self.turn_to(account.from) {
            self.held = self.held.saturating_sub(held);
            self.spent = self.spent.saturating_add(charged);
        }
    }

    /// Begins the window anew where it is a later one; `false` where it is an earlier one, which is over.
    fn turn_to(&mut self, from: u64) -> bool {
        if from > self.from {
            *self = Self { from, ..Self::default() };
        }
        from == self.from
    }

    /// For a store.
    pub fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let numbers = [self.from, self.spent.pico(), self.held.pico()];
        let all = [VERSION].into_iter().chain(numbers.into_iter().flat_map(u64::to_be_bytes));
        for (slot, byte) in bytes.iter_mut().zip(all) {
            *slot = byte;
        }
        bytes
    }

    /// From a store; `None` where the bytes are none of this version's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, rest @ ..] = bytes else { return None };
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let [from, spent, held] = <[[u8; 8]; 3]>::try_from(numbers).ok()?.map(u64::from_be_bytes);
        Some(Self { from, spent: PicoUsd::from_pico(spent), held: PicoUsd::from_pico(held) })
    }
}

impl Ledger {
    /// What is spent of an account, or promised.
    pub fn weight(&self, account: &Account) -> PicoUsd {
        self.0.get(&account.key).map_or(PicoUsd::ZERO, |purse| purse.weight(account))
    }

    /// A request begins.
    pub fn hold(&mut self, tab: &Tab) {
        for account in &tab.accounts {
            self.purse(account.key).hold(account, tab.estimate);
        }
    }

    /// A request is over, and has cost so much.
    pub fn settle(&mut self, tab: &Tab, charged: PicoUsd) {
        for account in &tab.accounts {
            self.purse(account.key).settle(account, tab.estimate, charged);
        }
    }

    /// Key, beginning of the window and money spent of each purse, to be kept across a restart. What is promised to
    /// requests under way is not: they end with the process.
    pub fn purses(&self) -> impl Iterator<Item = (u64, u64, PicoUsd)> {
        self.0.iter().map(|(key, purse)| (*key, purse.from, purse.spent))
    }

    /// Puts back what was kept, in place of what is known of that purse.
    pub fn restore(&mut self, key: u64, from: u64, spent: PicoUsd) {
        *self.purse(key) = Purse { from, spent, held: PicoUsd::ZERO };
    }

    fn purse(&mut self, key: u64) -> &mut Purse {
        if self.0.len() >= limits::PURSES && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, purse)| purse.from).map(|(key, _)| *key);
            oldest.map(|key| self.0.remove(&key));
        }
        self.0.entry(key).or_default()
    }
}
