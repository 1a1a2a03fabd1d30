//! The story of one exchange, told to counters and log when it is over, however it ends.

use std::{borrow::Cow, sync::Arc, time::Instant};

use pointsman::{
    Attempt, Effort, Forward, Metering, PicoUsd, Tab,
    record::{self, Facts},
};

use super::{
    gateway::{Gateway, now},
    setup::Setup,
};

/// What a client that went away leaves in the log. Every story begins with it, and those that end otherwise say so.
const CLIENT_LEFT: &str = "client_disconnected";

/// One exchange.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) gateway: Arc<Gateway>,
    pub(super) setup: Arc<Setup>,
    began: Instant,
    unix_ms: u64,
    method: String,
    path: String,
    upstream_path: Option<String>,
    effort: Option<Effort>,
    summary: Option<pointsman::Summary>,
    metering: Option<Metering>,
    /// Upstream of an attempt that has no answer yet.
    asking: Option<String>,
    status: u16,
    details: Option<Cow<'static, str>>,
    /// What budgets hold for it, until they are charged.
    tab: Option<Tab>,
    attempts: u32,
    bytes_in: u64,
    bytes_out: u64,
}

impl Story {
    #[expect(clippy::disallowed_methods, reason = "the core has no clock; the gateway measures")]
    pub(super) fn begin(gateway: Arc<Gateway>, setup: Arc<Setup>, method: &str, path: &str) -> Self {
        gateway.enter();
        let kept = gateway.log.is_on();
        Self {
            gateway,
            setup,
            began: Instant::now(),
            unix_ms: now(),
            method: method.to_owned(),
            path: if kept { path.to_owned() } else { String::new() },
            upstream_path: None,
            effort: None,
            summary: None,
            metering: None,
            asking: None,
            status: 0,
            details: Some(Cow::Borrowed(CLIENT_LEFT)),
            tab: None,
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
        self.gateway.count(&record::requested(forward.summary()));
        self.summary = Some(forward.summary().clone());
        self.tab = forward.tab().cloned();
    }

    /// An attempt begins.
    pub(super) fn asks(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.asking = Some(attempt.upstream.clone());
        self.upstream_path = Some(attempt.path.clone());
        self.effort = attempt.effort;
    }

    /// It brought a head with this status, or nothing.
    pub(super) fn heard(&mut self, status: Option<u16>) {
        if let Some(upstream) = self.asking.take() {
            self.gateway.count(&record::attempted(&upstream, status));
        }
    }

    /// When it began, in seconds since 1970.
    pub(super) const fn unix_seconds(&self) -> u64 {
        self.unix_ms / 1000
    }

    /// A provider's answer goes to the client.
    pub(super) fn delivers(&mut self, attempt: &Attempt, status: u16, metering: Metering) {
        self.upstream_path = Some(attempt.path.clone());
        self.effort = attempt.effort;
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
        self.gateway.count(&record::rejected(rejection.code));
        self.answers(rejection.status, rejection.body.len());
        let about = rejection.about.clone().map(Cow::Owned);
        self.details = Some(about.unwrap_or(Cow::Borrowed(rejection.code)));
    }

    /// The answer's end; with the cause where it is not a good one.
    pub(super) fn ends(&mut self, cause: Option<&'static str>) {
        self.details = cause.map(Cow::Borrowed);
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        // Who is left while a provider works has work done all the same.
        let left_working = self.asking.is_some();
        self.heard(None);
        let receipt = self.metering.take().map(|metering| {
            let receipt = metering.finish(&self.setup.router, Some(self.unix_ms / 1000));
            for count in record::billed(&receipt) {
                self.gateway.count(&count);
            }
            if let Some((identity, remembered)) = receipt.remembered {
                self.gateway.conversations().keep(identity, remembered);
            }
            receipt
        });
        if let Some(tab) = self.tab.take() {
            let (charge, estimated) = match &receipt {
                Some(receipt) => (receipt.charge(), receipt.estimated.is_some()),
                None if left_working => (tab.estimate, true),
                None => (PicoUsd::ZERO, false),
            };
            self.gateway.ledger().settle(&tab, charge);
            for count in record::charged(self.setup.router.config(), &tab, charge, estimated) {
                self.gateway.count(&count);
            }
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
