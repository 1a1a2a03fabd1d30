//! The story of one exchange, told to counters and log when it is over, however it ends.

use std::{borrow::Cow, sync::Arc, time::Instant};

use pointsman::{
    Attempt, Effort, Forward, Metering, PicoUsd, Tab, Total,
    record::{self, Facts},
    samples::Plan,
};

use super::{
    gateway::{Gateway, now},
    samples::{Part, Tally},
    setup::Setup,
};

/// What a client that went away leaves in the log. Every story begins with it, and those that end otherwise say so.
const CLIENT_LEFT: &str = "client_disconnected";

/// One exchange.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) gateway: Arc<Gateway>,
    pub(super) setup: Arc<Setup>,
    /// The number of the thread that serves it.
    pub(super) thread: usize,
    began: Instant,
    unix_ms: u64,
    method: String,
    path: String,
    upstream_path: Option<String>,
    effort: Option<Effort>,
    /// For the log, as the four above; nothing is kept where there is none.
    summary: Option<pointsman::Summary>,
    metering: Option<Metering>,
    /// Upstream of an attempt that has no answer yet.
    asking: Option<String>,
    status: u16,
    details: Option<Cow<'static, str>>,
    /// What budgets hold for it, until they are charged.
    tab: Option<Tab>,
    /// It is one sample of several, and told by their story.
    part: Option<Part>,
    /// Its samples' bill, and what it came to.
    bill: Option<Tally>,
    total: Option<Total>,
    attempts: u32,
    bytes_in: u64,
    bytes_out: u64,
}

impl Story {
    #[expect(clippy::disallowed_methods, reason = "the core has no clock; the gateway measures")]
    pub(super) fn begin(
        gateway: Arc<Gateway>,
        setup: Arc<Setup>,
        thread: usize,
        method: &str,
        path: &str,
    ) -> Self {
        gateway.enter();
        let mut story = Self::blank(gateway, setup, thread, Instant::now(), now());
        if story.gateway.log.is_on() {
            method.clone_into(&mut story.method);
            path.clone_into(&mut story.path);
        }
        story
    }

    /// Nothing is known yet, and if nothing comes, the client left.
    const fn blank(
        gateway: Arc<Gateway>,
        setup: Arc<Setup>,
        thread: usize,
        began: Instant,
        unix_ms: u64,
    ) -> Self {
        Self {
            gateway,
            setup,
            thread,
            began,
            unix_ms,
            method: String::new(),
            path: String::new(),
            upstream_path: None,
            effort: None,
            summary: None,
            metering: None,
            asking: None,
            status: 0,
            details: Some(Cow::Borrowed(CLIENT_LEFT)),
            tab: None,
            part: None,
            bill: None,
            total: None,
            attempts: 0,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The request's body.
    pub(super) const fn received(&mut self, bytes: usize) {
        self.bytes_in = bytes as u64;
    }

    /// It is to be sent on.
    pub(super) fn decided(&mut self, forward: &Forward) {
        self.gateway.count(record::requested(forward.summary()));
        if self.gateway.log.is_on() {
            self.summary = Some(forward.summary().clone());
        }
        self.tab = forward.tab().cloned();
    }

    /// An attempt begins.
    pub(super) fn asks(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.asking = Some(attempt.upstream.clone());
        self.goes_to(attempt);
    }

    /// What the log says of an attempt.
    fn goes_to(&mut self, attempt: &Attempt) {
        if self.gateway.log.is_on() {
            self.upstream_path = Some(attempt.path.clone());
            self.effort = attempt.effort;
        }
    }

    /// It brought a head with this status, or nothing.
    pub(super) fn heard(&mut self, status: Option<u16>) {
        if let Some(upstream) = self.asking.take() {
            self.gateway.count(record::attempted(&upstream, status));
        }
    }

    /// When it began, in seconds since 1970.
    pub(super) const fn unix_seconds(&self) -> u64 {
        self.unix_ms / 1000
    }

    /// A provider's answer goes to the client.
    pub(super) fn delivers(&mut self, attempt: &Attempt, status: u16, metering: Metering) {
        self.goes_to(attempt);
        self.status = status;
        self.metering = Some(metering);
    }

    /// A piece of it.
    pub(super) fn passes(&mut self, chunk: &[u8]) {
        self.bytes_out = self.bytes_out.saturating_add(chunk.len() as u64);
        if let Some(metering) = self.metering.as_mut().filter(|metering| metering.wants_body()) {
            metering.push(chunk);
        }
    }

    /// The gateway answers by itself.
    pub(super) fn answers(&mut self, status: u16, bytes: usize) {
        self.status = status;
        self.bytes_out = bytes as u64;
        self.details = None;
    }

    /// The gateway refuses.
    pub(super) fn refuses(&mut self, rejection: &pointsman::Rejection) {
        self.gateway.count(record::rejected(rejection.code));
        self.answers(rejection.status, rejection.body.len());
        let about = rejection.about.clone().map(Cow::Owned);
        self.details = Some(about.unwrap_or(Cow::Borrowed(rejection.code)));
    }

    /// It is asked more than once.
    pub(super) fn begin_bill(&mut self) -> Tally {
        self.bill.insert(Tally::default()).clone()
    }

    /// The story of one sample of this one.
    pub(super) fn sample(&self, number: usize, bill: &Tally, forward: &Forward) -> Self {
        let (gateway, setup) = (Arc::clone(&self.gateway), Arc::clone(&self.setup));
        let mut sample = Self::blank(gateway, setup, self.thread, self.began, self.unix_ms);
        sample.part = Some(Part::new(number, bill, forward, self));
        sample
    }

    /// All samples are over.
    pub(super) fn bills(
        &mut self,
        total: Total,
        plan: &Plan,
        report: String,
        delivered: Option<(&Forward, &Attempt)>,
    ) {
        for (fate, count) in total.fates(delivered.is_some()) {
            self.gateway.count(record::sampled(plan, fate, count));
        }
        if let Some((forward, attempt)) = delivered {
            if self.gateway.log.is_on() {
                self.summary = Some(forward.summary().clone());
            }
            self.goes_to(attempt);
        }
        self.attempts = total.attempts;
        self.details = Some(Cow::Owned(report));
        self.total = Some(total);
    }

    /// The answer's end; with the cause where it is not a good one.
    pub(super) fn ends(&mut self, cause: Option<&'static str>) {
        self.details = cause.map(Cow::Borrowed);
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        // A provider that is left while it works has worked all the same.
        let asking = self.asking.clone();
        self.heard(None);
        let own = self.metering.take();
        let own = own.map(|metering| metering.finish(&self.setup.router, Some(self.unix_ms / 1000)));
        if let Some(part) = self.part.take() {
            let whole = self.details.as_deref() != Some(CLIENT_LEFT);
            return part.close(own, asking.as_deref(), self.attempts, whole);
        }
        // Samples that were cancelled because the client left have added their lines by now.
        let total = self.total.take().or_else(|| Some(self.bill.take()?.total(None)));
        let sampled = total.as_ref().map(Total::charge);
        if let Some(total) = &total {
            self.attempts = total.attempts;
            self.gateway.counters.count(total.each.iter().flat_map(record::billed));
        }
        let receipt = own.inspect(|receipt| self.gateway.counters.count(record::billed(receipt)));
        let receipt = receipt.or_else(|| total?.receipt).inspect(|receipt| {
            if let Some((identity, remembered)) = receipt.remembered {
                self.gateway.conversations().keep(identity, remembered);
            }
        });
        if let Some(tab) = self.tab.take() {
            let (charge, estimated) = match (sampled, &receipt) {
                (Some(charge), receipt) => {
                    (charge, receipt.as_ref().is_some_and(|sum| sum.estimated.is_some()))
                }
                (None, Some(receipt)) => (receipt.charge(), receipt.estimated.is_some()),
                (None, None) if asking.is_some() => (tab.estimate, true),
                (None, None) => (PicoUsd::ZERO, false),
            };
            self.gateway.ledger().settle(&tab, charge);
            let charged = record::charged(self.setup.router.config(), &tab, charge, estimated);
            self.gateway.counters.count(charged);
        }
        if self.gateway.log.is_on() {
            let facts = Facts {
                unix_ms: self.unix_ms,
                method: &self.method,
                path: &self.path,
                upstream_path: self.upstream_path.as_deref(),
                status: self.status,
                details: self.details.as_deref(),
                attempts: self.attempts,
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
                duration_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                effort: self.effort,
            };
            if !self.gateway.log.write(record::line(&facts, self.summary.as_ref(), receipt.as_ref())) {
                self.gateway.counters.lost_line();
            }
        }
        self.gateway.leave();
    }
}
