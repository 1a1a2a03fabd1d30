//! A case on the core itself: the reference for all doors.

use pointsman::{
    Answer as Own, Config, Forward, Opened, Rejection, RequestHead, ResponseHead, Routed, Router, edit,
    failover::{AnswerHead, Circuits, Failover as Way, Failure, NEXT_TARGET_ON, Rest, Verdict},
    meter::Peek,
    outgoing,
};

use crate::{
    case::{Answer, Case},
    cuts::Cuts,
    parity::Failover,
    seen::{self, Delivered, Seen, Sent},
};

/// The time of every exchange, in seconds since 1970. No model of the corpus has cheap hours at it.
pub const NOW: u64 = 1_764_244_800;

/// Plays a case. `failover` says whose rules lead from one attempt to the next.
///
/// # Panics
/// Where a provider is asked of whom the case says nothing.
pub fn play(router: &Router, case: &Case, failover: Failover, cuts: &mut Cuts) -> Seen {
    let headers = case.pairs();
    let head = RequestHead { method: case.method.as_bytes(), path: case.path.as_bytes(), headers: &headers };
    match router.open(&head) {
        Opened::Answer(own) => answered(own),
        Opened::Reject(rejection) => rejected(rejection),
        Opened::Forward(forward) => Playing::new(router, case, forward).run(failover, cuts),
        Opened::NeedBody(pending) => match pending.route(router, &case.body) {
            Routed::Reject(rejection) => rejected(rejection),
            Routed::Forward(forward) => Playing::new(router, case, forward).run(failover, cuts),
        },
    }
}

/// The router of a document.
///
/// # Panics
/// Where the document is wrong.
pub fn router(document: &str) -> Router {
    Router::new(Config::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}")))
}

fn answered(own: Own) -> Seen {
    Seen { delivered: Some(json(own.status, own.body)), ..Seen::default() }
}

fn rejected(rejection: Rejection) -> Seen {
    let facts = [("reason", rejection.code.to_owned())].into();
    Seen { facts, sent: Vec::new(), delivered: Some(json(rejection.status, rejection.body)) }
}

fn json(status: u16, body: Vec<u8>) -> Delivered {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    Delivered { status, headers, body, cut: false }
}

struct Playing<'a> {
    router: &'a Router,
    case: &'a Case,
    forward: Forward,
    seen: Seen,
}

impl<'a> Playing<'a> {
    fn new(router: &'a Router, case: &'a Case, forward: Forward) -> Self {
        let seen = Seen { facts: seen::decision(&forward), ..Seen::default() };
        Self { router, case, forward, seen }
    }

    fn run(mut self, failover: Failover, cuts: &mut Cuts) -> Seen {
        match failover {
            Failover::Core => self.by_the_core(cuts),
            Failover::Envoy => self.by_envoy(cuts),
        }
        self.seen
    }

    /// As doors do it that make the attempts themselves.
    fn by_the_core(&mut self, cuts: &mut Cuts) {
        let mut circuits = Circuits::new(Rest { after: 0, ms: 0 });
        let now = NOW * 1000;
        let mut way = Way::new(&self.forward);
        let mut kept = None;
        while let Some(at) = way.next(&circuits, now) {
            let Some(answer) = self.attempt(at) else { return };
            if answer.reset {
                way.failed(&mut circuits, now, Failure::Reset);
                continue;
            }
            let word = |name: &str| answer.headers.get(name).map(String::as_bytes);
            let head = AnswerHead {
                status: answer.status,
                should_retry: word("x-should-retry"),
                retry_after: word("retry-after"),
                retry_after_ms: word("retry-after-ms"),
            };
            kept = Some((at, answer));
            let verdict = match way.answered(&mut circuits, now, &head) {
                Verdict::Next => {
                    way.explained(&mut circuits, now, &answer.body.0);
                    Verdict::Next
                }
                Verdict::Deliver => {
                    let pairs = answer.pairs();
                    let mut opening = self.forward.opening(&response_head(answer.status, &pairs));
                    let pieces = cuts.pieces(&answer.body.0);
                    let failed = pieces.into_iter().any(|piece| opening.push(piece) == Peek::Failed);
                    if failed { way.opening_failed(&mut circuits, now) } else { Verdict::Deliver }
                }
            };
            if verdict == Verdict::Deliver {
                break;
            }
        }
        match kept {
            Some((at, answer)) => self.deliver(at, answer, cuts),
            None => {
                let Rejection { status, body, .. } = way.rejection();
                self.seen.delivered = Some(json(status, body));
            }
        }
    }

    /// As the generated Envoy configuration does it: by status alone, and the last answer is delivered.
    fn by_envoy(&mut self, cuts: &mut Cuts) {
        let last = self.forward.attempts().len().saturating_sub(1);
        for at in 0..=last {
            let Some(answer) = self.attempt(at) else {
                // There the refusal passes the filter that names the decision.
                self.seen.facts.insert("reason", "no_credential".to_owned());
                if let Some(delivered) = &mut self.seen.delivered {
                    let pairs = [("content-type", b"application/json".as_slice())];
                    delivered.headers = owned(outgoing::response_headers(&self.forward, None, &pairs));
                }
                return;
            };
            let next = answer.reset || answer.status >= 500 || NEXT_TARGET_ON.contains(&answer.status);
            if next && at < last {
                continue;
            }
            if !answer.reset {
                self.deliver(at, answer, cuts);
            }
            // What Envoy says where nobody answered is Envoy's.
            return;
        }
    }

    /// Sends; `None` where there is no key, and the client was told.
    fn attempt(&mut self, at: usize) -> Option<&'a Answer> {
        let attempt = &self.forward.attempts()[at];
        let key = self.case.key(&attempt.provider);
        let pairs = self.case.pairs();
        let headers = match outgoing::request_headers(&self.forward, attempt, &pairs, key.as_deref()) {
            Ok(headers) => headers,
            Err(rejection) => {
                self.seen.delivered = Some(json(rejection.status, rejection.body));
                return None;
            }
        };
        self.seen.sent.push(Sent {
            upstream: attempt.upstream.clone(),
            method: self.case.method.clone(),
            path: attempt.path.clone(),
            headers: owned(headers),
            body: edit::apply(&self.case.body, &attempt.splices),
            splices: attempt.splices.clone(),
        });
        Some(self.case.answer(&attempt.upstream))
    }

    fn deliver(&mut self, at: usize, answer: &Answer, cuts: &mut Cuts) {
        let attempt = &self.forward.attempts()[at];
        let pairs = answer.pairs();
        let headers = owned(outgoing::response_headers(&self.forward, Some(attempt), &pairs));
        let mut metering =
            self.forward.respond(Some(&attempt.upstream), &response_head(answer.status, &pairs));
        for piece in cuts.pieces(&answer.body.0) {
            metering.push(piece);
        }
        self.seen.facts.extend(seen::bill(&metering.finish(self.router, Some(NOW))));
        let (status, body) = (answer.status, answer.body.0.clone());
        self.seen.delivered = Some(Delivered { status, headers, body, cut: answer.cut });
    }
}

fn response_head<'a>(status: u16, headers: &[(&str, &'a [u8])]) -> ResponseHead<'a> {
    let value = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    ResponseHead { status, content_type: value("content-type"), content_encoding: value("content-encoding") }
}

fn owned(headers: Vec<outgoing::Header<'_>>) -> Vec<(String, Vec<u8>)> {
    headers.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
