//! What may be spent, by whom, in which time.

use alloc::{string::String, vec::Vec};

use crate::{calendar, price::PicoUsd};

/// One budget.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Its name, unique: in reasons, refusals, the log and metrics.
    pub name: String,
    /// How much may be spent in one window; more than nothing.
    pub limit: PicoUsd,
    /// When it begins anew.
    pub window: Window,
    /// Each caller has the whole of it, instead of all of them together.
    pub per_caller: bool,
    /// Each alias has the whole of it.
    pub per_alias: bool,
    /// Names of the callers that it concerns; empty: all.
    pub callers: Vec<String>,
    /// Names of the aliases that it concerns; empty: all, and what is not routed too.
    pub aliases: Vec<String>,
    /// From which part of the limit on the top of the ladder is closed, in thousandths.
    pub near: Option<u16>,
    /// How many tiers are closed then, from the top; at least one tier stays open.
    pub near_closes: u16,
    /// What happens when it is spent.
    pub at_limit: AtLimit,
}

/// The time in which a budget may be spent, in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

/// What happens to requests once a budget is spent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AtLimit {
    /// They are refused with 429 until the window ends.
    #[default]
    Reject,
    /// They go to the lowest tier, whose cost is still counted; what that tier cannot serve is refused.
    Cheapest,
}

/// How a budget stands, as far as it concerns a decision.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// There is money left.
    Open,
    /// Nearly spent: the top of the ladder is closed.
    Near,
    /// Spent.
    Spent,
}

impl Budget {
    /// How it stands when so much is spent, or promised to requests under way.
    pub fn level(&self, spent: PicoUsd) -> Level {
        let near = |permille: u16| {
            u128::from(spent.pico()) * 1000 >= u128::from(self.limit.pico()) * u128::from(permille)
        };
        if spent >= self.limit {
            Level::Spent
        } else if self.near.is_some_and(near) {
            Level::Near
        } else {
            Level::Open
        }
    }
}

impl Window {
    /// `day`, `month`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Beginning and end of the window in which a moment lies, in seconds since 1970; the end is the next one's
    /// beginning.
    pub fn around(self, unix_seconds: u64) -> (u64, u64) {
        let today = unix_seconds / calendar::DAY;
        let (first, next) = match self {
            Self::Day => (today, today.saturating_add(1)),
            Self::Month => calendar::month(today),
        };
        (first.saturating_mul(calendar::DAY), next.saturating_mul(calendar::DAY))
    }
}
