//! What budgets add to an exchange: where they stand, what they close, what they are charged.

use alloc::vec::Vec;

use super::{
    Attempt, Forward, Heard, Receipt, Routed, Router, endpoint::EndpointKind, heard::Case, sampled::Samples,
};
use crate::{
    budget::{self, Account, Standing, Tab},
    config::Level,
    limits,
    policy::{Ask, Decision},
    price::PicoUsd,
    wire::usage::Usage,
};

impl Heard<'_> {
    /// The accounts that [`afford`](Self::afford) asks for.
    pub fn accounts(&self, router: &Router, now: u64) -> Vec<Account> {
        if self.pending.endpoint != EndpointKind::Create {
            return Vec::new();
        }
        let alias = self.read.as_ref().ok().and_then(|(view, _)| router.config.alias(&view.model));
        let (caller, alias) = (self.pending.head.caller.as_deref(), alias.map(|alias| alias.name.as_str()));
        budget::accounts(&router.config, caller, alias, now)
    }

    /// Holds the request against the configuration's budgets. `now` is in seconds since 1970; `spent` says what the door's
    /// store knows of an account: [`Ledger::weight`](budget::Ledger::weight) or [`Purse::weight`](budget::Purse::weight).
    /// A door that does not call this has no budgets.
    #[must_use]
    pub fn afford(mut self, router: &Router, now: u64, spent: impl FnMut(&Account) -> PicoUsd) -> Self {
        self.spent = weighed(self.accounts(router, now), spent);
        self.now = now;
        self
    }
}

impl Forward {
    /// The accounts that [`afford`](Self::afford) asks for.
    pub fn accounts(&self, router: &Router, now: u64) -> Vec<Account> {
        if self.dialect.is_none() || !self.billed {
            return Vec::new();
        }
        budget::accounts(&router.config, self.summary.caller.as_deref(), None, now)
    }

    /// Holds a request whose body is not read against the budgets of its caller: what a spent one refuses is not passed
    /// on. As [`Heard::afford`].
    #[must_use]
    pub fn afford(self, router: &Router, now: u64, spent: impl FnMut(&Account) -> PicoUsd) -> Routed {
        let Some(dialect) = self.dialect else { return Routed::Forward(self) };
        let accounts = self.accounts(router, now);
        match budget::strictest(&router.config, &weighed(accounts, spent)).filter(Standing::refuses) {
            Some(standing) => Routed::Reject(standing.refusal(dialect, now)),
            None => Routed::Forward(self),
        }
    }

    /// What budgets are charged for it; `None` where none concerns it.
    pub fn tab(&self) -> Option<&Tab> {
        self.tab.as_deref()
    }
}

impl Receipt {
    /// What budgets are charged: the cost, else the estimate, else nothing.
    pub fn charge(&self) -> PicoUsd {
        self.cost.or(self.estimated).unwrap_or_default()
    }
}

/// What a budget leaves open.
pub(super) struct Bound<'c> {
    pub(super) standing: Standing<'c>,
    /// Index of the highest tier that is open.
    pub(super) ceiling: usize,
    /// Whether the request would have gone above it.
    closes: bool,
}

impl Case<'_> {
    /// Lowers what the request asks for to what a budget leaves open.
    pub(super) fn bound<'c>(&self, standing: Standing<'c>, ask: &mut Ask) -> Bound<'c> {
        let ceiling = standing.ceiling(&self.router.config, self.ladder, self.pending.dialect);
        Bound { standing, ceiling, closes: standing.close(ceiling, ask) }
    }

    /// What an answer is expected to use. Estimating costs time, and only budgets and samples need it.
    pub(super) fn expected(&self, wanted: bool) -> Option<Usage> {
        wanted.then(|| Usage {
            input: Some(self.view.estimate(self.body).likely),
            output: Some(limits::EXPECTED_OUTPUT.min(self.view.max_output.unwrap_or(u64::MAX))),
            ..Usage::NONE
        })
    }

    /// What budgets will be charged, and how much it may be at most.
    pub(super) fn tab(
        &self,
        spent: &[(Account, PicoUsd)],
        asked_at: u64,
        expected: Option<&Usage>,
        attempts: &[Attempt],
        samples: Option<&Samples>,
    ) -> Option<Tab> {
        let expected = expected.filter(|_| !spent.is_empty())?;
        let cost = |attempt: &Attempt| self.router.config.cost(attempt.index, expected, Some(asked_at));
        let dearest = |attempts: &[Attempt]| attempts.iter().filter_map(cost).max().unwrap_or_default();
        let most = samples.map_or(1, Samples::most);
        let above = samples.and_then(Samples::above).map_or(PicoUsd::ZERO, dearest);
        Some(Tab {
            accounts: spent.iter().map(|(account, _)| *account).collect(),
            estimate: dearest(attempts).saturating_mul(most as u64).saturating_add(above),
        })
    }
}

impl Bound<'_> {
    /// Keeps a decision within the bound. False where nothing that is open can serve the request.
    pub(super) fn hold(&self, case: &Case<'_>, ask: &Ask, decision: &mut Decision) -> bool {
        if self.standing.level == Level::Spent && decision.tier > self.ceiling {
            let lowest = self.standing.lowest(&case.router.config, case.ladder, self.ceiling, ask);
            let Some(lowest) = lowest else { return false };
            *decision = lowest;
        } else if self.closes && decision.tier <= self.ceiling {
            decision.reason = self.standing.reason();
        }
        true
    }
}

/// Accounts with what is spent of each.
fn weighed(accounts: Vec<Account>, mut spent: impl FnMut(&Account) -> PicoUsd) -> Vec<(Account, PicoUsd)> {
    accounts.into_iter().map(|account| (account, spent(&account))).collect()
}
