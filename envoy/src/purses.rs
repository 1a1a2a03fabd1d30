//! What is spent of budgets, in the data that all workers of an Envoy share.
//!
//! A purse is replaced by compare-and-swap, so that no charge of another worker is lost. A request is let in by what was
//! spent and promised when it came: workers that look at the same moment may let in one each. The data lives as long as
//! the process.

use pointsman::{Account, PicoUsd, Purse, Tab};

use crate::host;

/// How often another worker may be faster before a charge is given up. Each time one of them has made its own.
const TRIES: usize = 1000;

fn key(account: &Account) -> String {
    format!("pointsman.purse.{:016x}", account.key)
}

/// What is spent of an account or promised.
pub(crate) fn weight(account: &Account) -> PicoUsd {
    let (bytes, _) = host::shared(&key(account));
    Purse::from_bytes(&bytes).unwrap_or_default().weight(account)
}

/// A request begins.
pub(crate) fn hold(tab: &Tab) {
    change(tab, |purse, account| purse.hold(account, tab.estimate));
}

/// A request is over, and has cost so much.
pub(crate) fn settle(tab: &Tab, charge: PicoUsd) {
    change(tab, |purse, account| purse.settle(account, tab.estimate, charge));
}

fn change(tab: &Tab, change: impl Fn(&mut Purse, &Account)) {
    for account in &tab.accounts {
        let key = key(account);
        let done = (0..TRIES).any(|_| {
            let (bytes, version) = host::shared(&key);
            let mut purse = Purse::from_bytes(&bytes).unwrap_or_default();
            change(&mut purse, account);
            // A host that does not share is no reason to try again.
            host::share(&key, &purse.to_bytes(), version).unwrap_or(true)
        });
        if !done {
            host::log_error("a budget was not charged: too many workers at once");
        }
    }
}
