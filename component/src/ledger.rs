//! What is spent of budgets.

use std::cell::RefCell;

use pointsman::PicoUsd;

use crate::bindings::exports::pointsman::router::routing::GuestLedger;

pub(crate) struct Ledger(pub(crate) RefCell<pointsman::Ledger>);

impl GuestLedger for Ledger {
    fn new() -> Self {
        Self(RefCell::default())
    }

    fn purses(&self) -> Vec<(u64, u64, u64)> {
        self.0.borrow().purses().map(|(key, from, spent)| (key, from, spent.pico())).collect()
    }

    fn restore(&self, key: u64, since: u64, spent: u64) {
        self.0.borrow_mut().restore(key, since, PicoUsd::from_pico(spent));
    }
}
