//! One request asked more than once: the core says how often and which answer is delivered, this runs the samples at the same
//! time, each with its own failover, and cancels those that are not needed any more.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Response,
    header::{CONTENT_LENGTH, HeaderValue},
    http::{request, response::Parts},
};
use pointsman::{
    Bill, Forward, Receipt, Rejection, Total, limits, outgoing,
    samples::{Next, Plan, Samples},
};
use tokio::time::{sleep, timeout};

use super::{
    answer::Answer,
    attempts::{self, Outgoing, OutgoingBody, extend, pairs},
    story::Story,
};

/// What is asked, each time anew.
pub(super) struct Asked<'a> {
    pub(super) head: &'a request::Parts,
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    pub(super) body: Bytes,
}

/// What all samples of a request cost. Each adds its line when it is over, also when it is cancelled.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<Bill>>);

/// One sample's place on the bill.
#[derive(Debug)]
pub(super) struct Part {
    sample: usize,
    bill: Tally,
    /// What it is taken to have cost if it is cancelled while this upstream is at work.
    cancelled: Vec<(String, Receipt)>,
}

/// An answer taken to its end.
struct Whole {
    head: Parts,
    attempt: usize,
    body: Bytes,
}

type Sample<'a> = Pin<Box<dyn Future<Output = Result<Whole, Rejection>> + Send + 'a>>;

/// Samples that run, by their numbers.
#[derive(Default)]
struct Running<'a>(Vec<Option<Sample<'a>>>);

impl Tally {
    /// All lines so far. `delivered` is the sample whose answer goes to the client.
    pub(super) fn total(&self, delivered: Option<usize>) -> Total {
        std::mem::take(&mut *self.bill()).total(delivered)
    }

    fn bill(&self) -> MutexGuard<'_, Bill> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// A sample's place on the bill, before it begins.
    pub(super) fn new(sample: usize, bill: &Tally, forward: &Forward, story: &Story) -> Self {
        let (router, now) = (&story.setup.router, Some(story.unix_seconds()));
        let upstreams = forward.attempts().iter().map(|attempt| attempt.upstream.clone());
        let cancelled = upstreams.map(|upstream| {
            let receipt = forward.cancelled(&upstream, router, now);
            (upstream, receipt)
        });
        Self { sample, bill: bill.clone(), cancelled: cancelled.collect() }
    }

    /// The sample is over, `whole` or cancelled. `asking` is the upstream that had not answered yet.
    pub(super) fn close(self, receipt: Option<Receipt>, asking: Option<&str>, attempts: u32, whole: bool) {
        let Self { sample, bill, cancelled } = self;
        let at_work =
            || cancelled.into_iter().find(|(upstream, _)| Some(upstream.as_str()) == asking).map(|(_, r)| r);
        bill.bill().add(sample, receipt.or_else(at_work), attempts, !whole);
    }
}

impl<'a> Running<'a> {
    fn push(&mut self, sample: impl Future<Output = Result<Whole, Rejection>> + Send + 'a) {
        self.0.push(Some(Box::pin(sample)));
    }

    fn cancel(&mut self) {
        self.0.iter_mut().for_each(|slot| *slot = None);
    }

    /// The next one that comes to its end; never, where none runs.
    async fn next(&mut self) -> (usize, Result<Whole, Rejection>) {
        poll_fn(|context| {
            for (number, slot) in self.0.iter_mut().enumerate() {
                let Some(sample) = slot else { continue };
                if let Poll::Ready(outcome) = sample.as_mut().poll(context) {
                    *slot = None;
                    return Poll::Ready((number, outcome));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Asks as often as the plan says, and answers with one of the answers.
///
/// # Errors
/// The refusal where nobody answered at all.
pub(super) async fn deliver(
    story: &mut Story,
    forward: &Forward,
    plan: &Plan,
    asked: &Asked<'_>,
) -> Result<Response<Answer>, Rejection> {
    let bill = story.begin_bill();
    let (mut samples, mut next) = Samples::begin(plan.clone(), forward.up().is_some());
    let mut done: Vec<Option<Result<Whole, Rejection>>> = Vec::new();
    let mut running = Running::default();
    let deadline = sleep(Duration::from_millis(u64::from(plan.deadline_ms)));
    tokio::pin!(deadline);
    let mut in_time = true;
    let delivered = loop {
        let (count, whom) = match next {
            Next::Launch(count) => (count, forward),
            Next::Raise => {
                running.cancel();
                (1, forward.up().unwrap_or(forward))
            }
            Next::Wait => (0, forward),
            Next::Deliver(number) => break number,
        };
        for _ in 0..count {
            let own = story.sample(running.0.len(), &bill, whom);
            running.push(one(own, whom, asked));
            done.push(None);
        }
        next = tokio::select! {
            (number, outcome) = running.next() => {
                let whole = outcome.as_ref().ok();
                let answer = whole.map(|whole| (whole.head.status.as_u16(), whole.body.as_ref()));
                let next = samples.finished(number, answer);
                if let Some(slot) = done.get_mut(number) {
                    *slot = Some(outcome);
                }
                next
            }
            () = &mut deadline, if in_time => {
                in_time = false;
                samples.out_of_time()
            }
        };
    };
    // Whoever still runs is cancelled, and adds its line.
    drop(running);
    let raised = samples.raised() == Some(delivered);
    let chosen = if raised { forward.up().unwrap_or(forward) } else { forward };
    let whole = match done.get_mut(delivered).and_then(Option::take) {
        Some(Ok(whole)) => whole,
        refused => {
            story.bills(bill.total(None), plan, samples.report(), None);
            return Err(refused.and_then(Result::err).unwrap_or_else(|| nobody(forward)));
        }
    };
    let total = bill.total(Some(delivered));
    let attempt = chosen.attempts().get(whole.attempt);
    let theirs = pairs(&whole.head.headers);
    let ours = outgoing::response_headers(chosen, attempt, &theirs);
    let length = whole.body.len();
    let mut response = Response::new(Answer::own(whole.body.to_vec()));
    *response.status_mut() = whole.head.status;
    extend(response.headers_mut(), ours, &whole.head.headers);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in chosen.sample_headers(&samples.report(), total.receipt.as_ref(), total.cancelled) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    story.answers(whole.head.status.as_u16(), length);
    let told = attempt.map(|attempt| (chosen, attempt));
    story.bills(total, plan, samples.report(), told);
    Ok(response)
}

/// One sample, to the end of its answer. Dropped before that it is cancelled, and its story says so.
async fn one(mut story: Story, forward: &Forward, asked: &Asked<'_>) -> Result<Whole, Rejection> {
    let outcome = ask(&mut story, forward, asked).await;
    story.ends(outcome.is_err().then_some("upstream_reset"));
    outcome
}

async fn ask(story: &mut Story, forward: &Forward, asked: &Asked<'_>) -> Result<Whole, Rejection> {
    let body = OutgoingBody::Read(asked.body.clone());
    let outgoing = Outgoing { head: asked.head, headers: asked.headers, body };
    let arrived = attempts::make(story, forward, outgoing).await?;
    let status = arrived.head.status.as_u16();
    if let Some(attempt) = forward.attempts().get(arrived.attempt) {
        let metering = forward.respond(Some(&attempt.upstream), &attempts::response_head(&arrived.head));
        story.delivers(attempt, status, metering);
    }
    let mut whole = arrived.opening.bytes();
    story.passes(&whole);
    let (mut rest, idle) = (arrived.body, story.setup.settings.idle_timeout());
    let broken = |what: &str| {
        let message = format!("a sample's answer {what}");
        Rejection::new(forward.summary().dialect, 502, "upstream_reset", &message)
    };
    loop {
        let frame = match timeout(idle, rest.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(broken("broke off")),
            Ok(None) => break,
            Err(_) => return Err(broken("fell silent")),
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len().saturating_add(data.len()) > limits::SAMPLE_BODY {
            return Err(broken("is larger than a sample may be"));
        }
        story.passes(&data);
        whole.extend_from_slice(&data);
    }
    Ok(Whole { head: arrived.head, attempt: arrived.attempt, body: Bytes::from(whole) })
}

fn nobody(forward: &Forward) -> Rejection {
    Rejection::new(forward.summary().dialect, 502, "upstream_unreachable", "no provider answered")
}
