//! What a process remembers of providers that failed.

use std::cell::RefCell;

use pointsman::failover::{self, Rest};

use crate::bindings::exports::pointsman::router::routing::GuestCircuits;

pub(crate) struct Circuits(pub(crate) RefCell<failover::Circuits>);

impl GuestCircuits for Circuits {
    fn new(rest_after: u32, rest_ms: u32) -> Self {
        Self(RefCell::new(failover::Circuits::new(Rest { after: rest_after, ms: rest_ms })))
    }

    fn resting(&self, now: u64) -> Vec<(String, u64)> {
        self.0.borrow().all_resting(now).map(|(name, until)| (name.to_owned(), until)).collect()
    }
}
