//! One request asked more than once: the core says how often and which answer is delivered, the host makes the requests at
//! the same time, each an exchange of its own with its own failover.
//!
//! ```text
//! sample (numbers of new ones) ─ go ─▶ send … sampled ─▶ wait │ sample: more, or up │ chosen: the others are cancelled
//! ```

use std::{borrow::Cow, ops::Deref, rc::Rc};

use pointsman::{
    Bill, Forward, Receipt, Rejection, Total, outgoing,
    samples::{Next, Samples},
};

use crate::{
    door::Door,
    exchange::{Exchange, Sent, Stage},
    head::Head,
    reply::{Changes, Verb},
};

/// A decision that an exchange follows: its own, or one that samples share.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    whole: Rc<Forward>,
    /// Whether it goes to the next tier.
    up: bool,
}

impl Decided {
    pub(crate) fn new(forward: Forward) -> Self {
        Self { whole: Rc::new(forward), up: false }
    }

    /// What was decided for the request as a whole.
    pub(crate) fn whole(&self) -> &Forward {
        &self.whole
    }
}

impl Deref for Decided {
    type Target = Forward;

    fn deref(&self) -> &Forward {
        if self.up { self.whole.up().unwrap_or(&self.whole) } else { &self.whole }
    }
}

/// A request whose samples are under way, or over.
#[derive(Debug)]
pub(crate) struct Sampling {
    decided: Decided,
    samples: Samples,
    deadline_ms: u32,
    bill: Bill,
    parts: Vec<Part>,
    /// What to begin with, until it has begun.
    first: Option<Next>,
}

/// Which sample of whose an exchange is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    parent: u32,
    index: usize,
}

#[derive(Debug)]
enum Part {
    /// The number of its exchange.
    Running(u32),
    Cancelled,
    Refused(Box<Rejection>),
    /// By its exchange's number, with the answer's head and the index of the attempt that brought it.
    Answered {
        number: u32,
        head: Head,
        at: usize,
        decided: Decided,
        bytes: u64,
    },
}

/// How an exchange of several samples ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) total: Total,
    /// Whose answer was delivered, else what was asked first; and the attempt that brought it.
    pub(crate) decided: Decided,
    pub(crate) at: Option<usize>,
}

/// How a sample ended, as the host numbers it: with its body, with one that was handed in to learn why, or broken off.
const WHOLE: u32 = 0;
const BROKEN: u32 = 2;

impl Stage {
    /// A decided request: on its way, once or more often.
    pub(crate) fn decided(forward: Forward) -> Self {
        let decided = Decided::new(forward);
        let Some(plan) = decided.sampling() else { return Self::sent(decided) };
        let deadline_ms = plan.deadline_ms;
        let (samples, next) = Samples::begin(plan.clone(), decided.up().is_some());
        let (bill, parts, first) = (Bill::default(), Vec::new(), Some(next));
        Self::Sampling(Box::new(Sampling { decided, samples, deadline_ms, bill, parts, first }))
    }
}

impl Door {
    /// The samples that a request begins with: `sample`; `None` where it is none of several.
    pub(crate) fn begin_samples(&mut self, number: u32) -> Option<Vec<u8>> {
        let next = self.sampling(number)?.first.take()?;
        Some(self.proceed(number, next))
    }

    /// A sample came to its end, with its body. `how` is 0 for a whole answer, 1 for one whose body was handed in before, 2
    /// for one that broke off. What is next for all: `wait`, `sample`, `chosen`, `answer`.
    pub(crate) fn sampled(&mut self, number: u32, body: &[u8], how: u32) -> Vec<u8> {
        if how == WHOLE {
            self.push(number, body);
        }
        let Some(exchange) = self.exchanges.take(number) else { return self.lost() };
        let Exchange { rules, began, bytes_out, status, stage, sample, answered, .. } = exchange;
        let (Some(sample), Stage::Sent(sent)) = (sample, stage) else { return self.lost() };
        let Sent { forward, failover, at, answer } = *sent;
        let receipt = answer.map(|(_, metering)| metering.finish(&rules.router, Some(began / 1000)));
        let attempts = failover.attempts();
        if how == BROKEN {
            let message = "a sample's answer broke off, or is larger than a sample may be";
            let rejection = Rejection::new(forward.summary().dialect, 502, "upstream_reset", message);
            let end = Part::Refused(Box::new(rejection));
            return self.ended(sample, end, (receipt, attempts), None);
        }
        let head = answered.unwrap_or_default();
        let end = Part::Answered { number, head, at, decided: forward, bytes: bytes_out };
        self.ended(sample, end, (receipt, attempts), Some((status, body)))
    }

    /// Nobody answers a sample.
    pub(crate) fn refused(&mut self, number: u32, sample: Sample, rejection: Rejection) -> Vec<u8> {
        let stage = self.exchanges.take(number).map(|exchange| exchange.stage);
        let attempts = match stage {
            Some(Stage::Sent(sent)) => sent.failover.attempts(),
            _ => 0,
        };
        self.ended(sample, Part::Refused(Box::new(rejection)), (None, attempts), None)
    }

    /// The time for samples is over: what is next for all.
    pub(crate) fn late(&mut self, number: u32) -> Vec<u8> {
        let Some(sampling) = self.sampling(number) else { return self.lost() };
        let next = sampling.samples.out_of_time();
        self.proceed(number, next)
    }

    /// Closes the bill of a request whose samples are over, or that is given up.
    pub(crate) fn close(&mut self, number: u32) -> Option<Box<Outcome>> {
        self.cancel(number);
        let sampling = self.sampling(number)?;
        let (bill, decided) = (std::mem::take(&mut sampling.bill), sampling.decided.clone());
        Some(Box::new(Outcome { total: bill.total(None), decided, at: None }))
    }

    fn sampling(&mut self, number: u32) -> Option<&mut Sampling> {
        match &mut self.exchanges.get(number)?.stage {
            Stage::Sampling(sampling) => Some(sampling),
            _ => None,
        }
    }

    fn ended(
        &mut self,
        Sample { parent, index }: Sample,
        end: Part,
        (receipt, attempts): (Option<Receipt>, u32),
        answer: Option<(u16, &[u8])>,
    ) -> Vec<u8> {
        let Some(sampling) = self.sampling(parent) else { return self.lost() };
        sampling.bill.add(index, receipt, attempts, false);
        if let Some(part) = sampling.parts.get_mut(index) {
            *part = end;
        }
        let next = sampling.samples.finished(index, answer);
        self.proceed(parent, next)
    }

    fn proceed(&mut self, number: u32, next: Next) -> Vec<u8> {
        let (count, up) = match next {
            Next::Wait => return self.reply(Verb::Wait, &[]).end(),
            Next::Deliver(index) => return self.deliver(number, index),
            Next::Launch(count) => (count, false),
            Next::Raise => {
                self.cancel(number);
                (1, true)
            }
        };
        let mut launched = Vec::new();
        for _ in 0..count {
            let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
            let (rules, head, began) = (Rc::clone(&exchange.rules), exchange.head.clone(), exchange.began);
            let Stage::Sampling(sampling) = &exchange.stage else { return self.lost() };
            let (decided, index) = (Decided { up, ..sampling.decided.clone() }, sampling.parts.len());
            let mut part = Exchange::new(rules, head, began);
            part.stage = Stage::sent(decided);
            part.sample = Some(Sample { parent: number, index });
            let sample = self.add(part);
            if let Some(sampling) = self.sampling(number) {
                sampling.parts.push(Part::Running(sample));
            }
            launched.push(sample);
        }
        let deadline = self.sampling(number).map_or(0, |sampling| sampling.deadline_ms);
        let reply = self.reply(Verb::Sample, &[number, deadline, u32::from(up)]);
        launched.into_iter().fold(reply, |reply, sample| reply.line(sample)).end()
    }

    /// Takes back what still runs: each adds to the bill what it may have cost.
    fn cancel(&mut self, number: u32) {
        let Some(sampling) = self.sampling(number) else { return };
        let running: Vec<(usize, u32)> = sampling
            .parts
            .iter_mut()
            .enumerate()
            .filter_map(|(index, part)| match *part {
                Part::Running(sample) => {
                    *part = Part::Cancelled;
                    Some((index, sample))
                }
                _ => None,
            })
            .collect();
        for (index, sample) in running {
            let Some(exchange) = self.exchanges.take(sample) else { continue };
            let Stage::Sent(sent) = exchange.stage else { continue };
            let (router, seconds) = (&exchange.rules.router, Some(exchange.began / 1000));
            let Sent { forward, failover, at, answer } = *sent;
            let asked = forward.attempts().get(at).filter(|_| failover.attempts() > 0);
            let receipt = match answer {
                Some((_, metering)) => Some(metering.finish(router, seconds)),
                None => asked.map(|attempt| forward.cancelled(&attempt.upstream, router, seconds)),
            };
            if let Some(sampling) = self.sampling(number) {
                sampling.bill.add(index, receipt, failover.attempts(), true);
            }
        }
    }

    /// One answer goes to the client: `chosen`; or `answer` where there is none.
    fn deliver(&mut self, number: u32, index: usize) -> Vec<u8> {
        self.cancel(number);
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let Stage::Sampling(sampling) = &mut exchange.stage else { return self.lost() };
        let bill = std::mem::take(&mut sampling.bill);
        let report = sampling.samples.report();
        let chosen = std::mem::take(&mut sampling.parts).into_iter().nth(index);
        let (sample, head, at, decided, bytes) = match chosen {
            Some(Part::Answered { number, head, at, decided, bytes }) => (number, head, at, decided, bytes),
            refused => {
                let decided = sampling.decided.clone();
                let nobody = "no provider answered";
                let nobody =
                    || Rejection::new(decided.summary().dialect, 502, "upstream_unreachable", nobody);
                let rejection = match refused {
                    Some(Part::Refused(rejection)) => *rejection,
                    _ => nobody(),
                };
                exchange.stage =
                    Stage::Sampled(Box::new(Outcome { total: bill.total(None), decided, at: None }));
                return self.refuse(number, rejection);
            }
        };
        let total = bill.total(Some(index));
        let came = head.headers(1);
        let attempt = decided.attempts().get(at);
        let mut leave = outgoing::response_headers(&decided, attempt, &came);
        for (name, value) in decided.sample_headers(&report, total.receipt.as_ref(), total.cancelled) {
            leave.push((Cow::Borrowed(name), Cow::Owned(value.into_bytes())));
        }
        exchange.status = head.first().parse().unwrap_or(0);
        exchange.bytes_out = bytes;
        exchange.details = Some(Cow::Owned(report));
        let changes = Changes::between(&came, &leave);
        let removals = changes.removals();
        exchange.stage = Stage::Sampled(Box::new(Outcome { total, decided: decided.clone(), at: Some(at) }));
        self.reply(Verb::Chosen, &[number, sample, removals]).changes(&changes).end()
    }
}
