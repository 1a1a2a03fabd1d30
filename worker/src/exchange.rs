//! One request's way through the door, as far as this side of it remembers.

use std::{borrow::Cow, collections::BTreeMap, rc::Rc};

use pointsman::{
    Metering, Opening, Pending, Rejection, Router,
    failover::{Failover, Rest},
    store::Inquiry,
};

use crate::{
    head::Head,
    samples::{Decided, Outcome, Sample, Sampling},
    settings::Settings,
    shared::Guess,
};

/// Most exchanges that are remembered at a time. The host ends each that it begins; where it is stopped before it can,
/// the oldest gives way.
const EXCHANGES: usize = 8192;

/// A configuration in force, and the providers' keys.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) router: Router,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    /// The document's, by which what is remembered under it is told from what another one's tiers meant.
    pub(crate) mark: u64,
}

/// Keys by the name of their secret.
#[derive(Default)]
pub(crate) struct Keys(pub(crate) BTreeMap<String, String>);

// A key must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is kept of a request from its head to its receipt.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) rules: Rc<Rules>,
    pub(crate) head: Head,
    /// Milliseconds since 1970.
    pub(crate) began: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// What the client was answered with.
    pub(crate) status: u16,
    /// What was special.
    pub(crate) details: Option<Cow<'static, str>>,
    pub(crate) stage: Stage,
    /// What the store was asked.
    pub(crate) inquiry: Option<Box<Inquiry>>,
    /// Where it is one sample of another.
    pub(crate) sample: Option<Sample>,
    /// Then the head of its answer is kept.
    pub(crate) answered: Option<Head>,
}

/// Where it stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The body is awaited.
    Awaiting(Box<Pending>),
    /// The store's answers are awaited.
    Asking(Box<Guess>),
    /// On its way through the attempts.
    Sent(Box<Sent>),
    /// Asked more than once.
    Sampling(Box<Sampling>),
    /// So asked, and answered.
    Sampled(Box<Outcome>),
    /// Answered by the router itself, or over.
    Over,
}

/// A decided request.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) forward: Decided,
    pub(crate) failover: Failover,
    /// Index of the attempt under way.
    pub(crate) at: usize,
    /// The answer that was taken last, looked at and counted as it passes.
    pub(crate) answer: Option<(Opening, Metering)>,
}

/// All exchanges, by number.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    open: BTreeMap<u32, Exchange>,
    last: u32,
}

impl Exchange {
    pub(crate) fn new(rules: Rc<Rules>, head: Head, now: u64) -> Self {
        Self {
            rules,
            head,
            began: now,
            bytes_in: 0,
            bytes_out: 0,
            status: 0,
            details: None,
            stage: Stage::Over,
            inquiry: None,
            sample: None,
            answered: None,
        }
    }

    /// Notes how it was refused.
    pub(crate) fn refused(&mut self, rejection: &Rejection) {
        self.status = rejection.status;
        let about = rejection.about.clone().map(Cow::Owned);
        self.details = Some(about.unwrap_or(Cow::Borrowed(rejection.code)));
    }
}

impl Exchanges {
    /// Takes one up and returns its number, and the one that gives way to it.
    pub(crate) fn add(&mut self, exchange: Exchange) -> (u32, Option<Exchange>) {
        let full = self.open.len() >= EXCHANGES;
        let displaced = if full { self.open.pop_first().map(|(_, exchange)| exchange) } else { None };
        // Numbers come round after four thousand million requests, long after an isolate is gone.
        self.last = self.last.wrapping_add(1);
        self.open.insert(self.last, exchange);
        (self.last, displaced)
    }

    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Exchange> {
        self.open.get_mut(&number)
    }

    pub(crate) fn take(&mut self, number: u32) -> Option<Exchange> {
        self.open.remove(&number)
    }
}

/// When a provider rests.
pub(crate) const fn rest(settings: &Settings) -> Rest {
    Rest { after: settings.rest_after, ms: settings.rest_ms }
}
