//! A decided request on its way through its attempts.

use std::{cell::RefCell, rc::Rc};

use pointsman::{Attempt, Forward, PicoUsd, Router, Tab, edit, failover::Failover, outgoing};

use crate::{
    bindings::exports::pointsman::router::routing::{
        self, AttemptError, CircuitsBorrow, GuestExchange, Header, LedgerBorrow,
    },
    circuits::Circuits,
    fields::Fields,
    ledger::Ledger,
    meter::Meter,
    opening::Opening,
    words::{self, answer_head, dialect, effort, owned, rejection, response_head, splice},
};

pub(crate) struct Exchange {
    router: Rc<Router>,
    forward: Forward,
    fields: Fields,
    body: Vec<u8>,
    failover: RefCell<Failover>,
    /// What the ledger holds for it, until it is charged.
    tab: RefCell<Option<Tab>>,
}

impl Exchange {
    pub(crate) fn begin(
        router: &Rc<Router>,
        forward: Forward,
        fields: Fields,
        body: Vec<u8>,
    ) -> routing::Exchange {
        let failover = RefCell::new(Failover::new(&forward));
        let tab = RefCell::new(forward.tab().cloned());
        routing::Exchange::new(Self { router: Rc::clone(router), forward, fields, body, failover, tab })
    }

    fn at(&self, index: u32) -> Option<&Attempt> {
        self.forward.attempts().get(usize::try_from(index).ok()?)
    }
}

impl GuestExchange for Exchange {
    fn summary(&self) -> routing::Summary {
        let summary = self.forward.summary();
        routing::Summary {
            dialect: summary.dialect.map(dialect),
            caller: summary.caller.clone(),
            alias: summary.alias.clone(),
            tier: summary.tier.clone(),
            reason: summary.reason.to_string(),
            reason_code: summary.reason.code().to_owned(),
            difficulty: summary.difficulty.map(|difficulty| difficulty.permille()),
            streaming: summary.stream,
        }
    }

    fn targets(&self) -> Vec<routing::Target> {
        let target = |attempt: &Attempt| routing::Target {
            upstream: attempt.upstream.clone(),
            provider: attempt.provider.clone(),
            name: attempt.target.clone(),
            model: attempt.model.clone(),
            effort: attempt.effort.map(effort),
            key_variable: self.router.key_variable(attempt).map(str::to_owned),
        };
        self.forward.attempts().iter().map(target).collect()
    }

    fn next(&self, circuits: CircuitsBorrow<'_>, now: u64) -> Option<u32> {
        let circuits = circuits.get::<Circuits>().0.borrow();
        u32::try_from(self.failover.borrow_mut().next(&circuits, now)?).ok()
    }

    fn attempt(&self, index: u32, key: Option<String>) -> Result<routing::Attempt, AttemptError> {
        let attempt = self.at(index).ok_or(AttemptError::NoSuchTarget)?;
        let client = self.fields.pairs();
        let headers = outgoing::request_headers(&self.forward, attempt, &client, key.as_deref())
            .map_err(|refused| AttemptError::NoCredential(rejection(refused)))?;
        Ok(routing::Attempt {
            url: self.router.url(attempt).unwrap_or_default(),
            headers: owned(headers),
            splices: attempt.splices.iter().map(splice).collect(),
            rules: attempt.applied.clone(),
        })
    }

    fn body(&self, index: u32) -> Vec<u8> {
        self.at(index).map_or_else(Vec::new, |attempt| edit::apply(&self.body, &attempt.splices))
    }

    fn failed(&self, circuits: CircuitsBorrow<'_>, now: u64, failure: routing::Failure) {
        let circuits = &mut circuits.get::<Circuits>().0.borrow_mut();
        self.failover.borrow_mut().failed(circuits, now, words::failure(failure));
    }

    fn answered(
        &self,
        circuits: CircuitsBorrow<'_>,
        now: u64,
        head: routing::ResponseHead,
    ) -> routing::Verdict {
        let circuits = &mut circuits.get::<Circuits>().0.borrow_mut();
        let fields = Fields::new(head.fields);
        let head = answer_head(head.status, &fields.pairs());
        words::verdict(self.failover.borrow_mut().answered(circuits, now, &head))
    }

    fn explained(&self, circuits: CircuitsBorrow<'_>, now: u64, body: Vec<u8>) {
        let circuits = &mut circuits.get::<Circuits>().0.borrow_mut();
        self.failover.borrow_mut().explained(circuits, now, &body);
    }

    fn opening(&self, head: routing::ResponseHead) -> routing::Opening {
        let fields = Fields::new(head.fields);
        Opening::begin(self.forward.opening(&response_head(head.status, &fields.pairs())))
    }

    fn opening_failed(&self, circuits: CircuitsBorrow<'_>, now: u64) -> routing::Verdict {
        let circuits = &mut circuits.get::<Circuits>().0.borrow_mut();
        words::verdict(self.failover.borrow_mut().opening_failed(circuits, now))
    }

    fn rejection(&self) -> routing::Rejection {
        rejection(self.failover.borrow().rejection())
    }

    fn response_headers(&self, index: Option<u32>, head: routing::ResponseHead) -> Vec<Header> {
        let attempt = index.and_then(|index| self.at(index));
        let fields = Fields::new(head.fields);
        owned(outgoing::response_headers(&self.forward, attempt, &fields.pairs()))
    }

    fn settle(&self, ledger: LedgerBorrow<'_>, charge: Option<u64>) {
        if let Some(tab) = self.tab.borrow_mut().take() {
            let charge = charge.map_or(tab.estimate, PicoUsd::from_pico);
            ledger.get::<Ledger>().0.borrow_mut().settle(&tab, charge);
        }
    }

    fn meter(&self, index: Option<u32>, head: routing::ResponseHead) -> routing::Meter {
        let upstream = index.and_then(|index| self.at(index)).map(|attempt| attempt.upstream.as_str());
        let fields = Fields::new(head.fields);
        let head = response_head(head.status, &fields.pairs());
        Meter::begin(&self.router, self.forward.respond(upstream, &head))
    }
}
