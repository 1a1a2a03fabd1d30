//! What all connections share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use pointsman::{Conversations, Ledger, failover::Circuits, record::Count};

use super::{access_log::AccessLog, counters::Counters, setup::Setup};

/// A running gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    setup: RwLock<Arc<Setup>>,
    circuits: Mutex<Circuits>,
    conversations: Mutex<Conversations>,
    ledger: Mutex<Ledger>,
    pub(super) counters: Counters,
    pub(super) log: AccessLog,
    open: AtomicU64,
    ending: AtomicBool,
}

impl Gateway {
    pub(super) fn new(setup: Setup, log: AccessLog, ledger: Ledger) -> Self {
        let circuits = Mutex::new(Circuits::new(setup.settings.rest()));
        Self {
            setup: RwLock::new(Arc::new(setup)),
            circuits,
            conversations: Mutex::default(),
            ledger: Mutex::new(ledger),
            counters: Counters::default(),
            log,
            open: AtomicU64::new(0),
            ending: AtomicBool::new(false),
        }
    }

    /// The setup of this moment. A request keeps it to its end.
    pub(super) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests from now on are served by another document. What is known of failing providers stays; what is remembered
    /// of conversations names tiers of the old document, and goes.
    pub(super) fn replace(&self, setup: Setup) {
        *self.conversations() = Conversations::default();
        self.circuits().set_rest(setup.settings.rest());
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
    }

    /// What this process remembers of providers that failed. Held for a moment, never across an `await`.
    pub(super) fn circuits(&self) -> MutexGuard<'_, Circuits> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process remembers of conversations. Held for a moment, never across an `await`.
    pub(super) fn conversations(&self) -> MutexGuard<'_, Conversations> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process knows to be spent of budgets. Held for a moment, never across an `await`.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a counter.
    pub(super) fn count(&self, count: Count<'_>) {
        self.counters.count([count]);
    }

    /// One more request under way.
    pub(super) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// One fewer.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Requests under way.
    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// No new connections from now on.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// Milliseconds since 1970: the core has no clock.
#[expect(clippy::disallowed_methods, reason = "the core has no clock; the gateway tells it the time")]
pub(super) fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
