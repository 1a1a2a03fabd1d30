//! The component, held to the corpus: a host that makes no connection, and plays the providers.

use std::collections::BTreeMap;

use pointsman::PicoUsd;
use pointsman_corpus::{
    Answer, Case, Cuts, Delivered, Door, Failover, Seen, Sent,
    native::NOW,
    seen::{BILL, DECISION, present},
};
use wasmtime::component::ResourceAny;

use super::{
    Embedded,
    routing::{
        AttemptError, Failure, Outcome, Peek, Receipt, Rejection, RequestHead, ResponseHead, Summary, Target,
        Verdict,
    },
};

const SHOWN: [&str; DECISION.len() + BILL.len()] = {
    let mut shown = [""; DECISION.len() + BILL.len()];
    let mut i = 0;
    while i < shown.len() {
        shown[i] = if i < DECISION.len() { DECISION[i] } else { BILL[i - DECISION.len()] };
        i += 1;
    }
    shown
};

/// The component with the configuration of the moment.
#[derive(Default)]
pub struct ComponentDoor {
    embedded: Option<Embedded>,
    /// Fuel of the case played last: all calls of one exchange.
    pub fuel: u64,
}

impl Door for ComponentDoor {
    fn name(&self) -> &'static str {
        "component"
    }

    fn failover(&self) -> Failover {
        Failover::Core
    }

    fn shows(&self) -> &'static [&'static str] {
        &SHOWN
    }

    fn configure(&mut self, document: &str) {
        let embedded = Embedded::start(document.as_bytes());
        self.embedded = Some(embedded.unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.message)));
    }

    fn play(&mut self, case: &Case, cuts: &mut Cuts) -> Seen {
        let host = self.embedded.as_mut().expect("configured");
        let before = host.fuel();
        let head = RequestHead {
            method: case.method.clone(),
            path: case.path.clone(),
            fields: lines(&case.pairs()),
        };
        let routers = host.api.pointsman_router_routing().router();
        let outcome = routers.call_route(&mut host.store, host.router, &head, &case.body).expect("no trap");
        let seen = match outcome {
            Outcome::Forward(exchange) => {
                let seen = Playing { host, exchange, case }.run(cuts);
                exchange.resource_drop(&mut host.store).expect("no trap");
                seen
            }
            Outcome::Answer(answer) => {
                Seen { delivered: Some(json(answer.status, answer.body)), ..Seen::default() }
            }
            Outcome::Reject(Rejection { status, code, body, .. }) => Seen {
                facts: [("reason", code)].into(),
                delivered: Some(json(status, body)),
                ..Seen::default()
            },
        };
        self.fuel = before - host.fuel();
        seen
    }
}

/// One exchange on its way.
struct Playing<'a> {
    host: &'a mut Embedded,
    exchange: ResourceAny,
    case: &'a Case,
}

impl Playing<'_> {
    fn run(mut self, cuts: &mut Cuts) -> Seen {
        let exchange = self.exchange;
        let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
        let calls = api.exchange();
        let summary = calls.call_summary(&mut *store, exchange).expect("no trap");
        let targets = calls.call_targets(&mut *store, exchange).expect("no trap");
        let mut seen = Seen { facts: decision(summary, &targets), ..Seen::default() };
        let circuits = api.circuits().call_constructor(&mut *store, 0, 0).expect("no trap");
        let now = NOW * 1000;
        let mut kept = None;
        loop {
            let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
            let calls = api.exchange();
            let Some(at) = calls.call_next(&mut *store, exchange, circuits, now).expect("no trap") else {
                break;
            };
            let target = &targets[at as usize];
            let key = target.key_variable.as_ref().and_then(|_| self.case.key(&target.provider));
            let attempt = calls.call_attempt(&mut *store, exchange, at, key.as_deref()).expect("no trap");
            let attempt = match attempt {
                Ok(attempt) => attempt,
                Err(AttemptError::NoCredential(Rejection { status, body, .. })) => {
                    seen.delivered = Some(json(status, body));
                    kept = None;
                    break;
                }
                Err(AttemptError::NoSuchTarget) => panic!("{}: no target {at}", self.case.name),
            };
            let body = calls.call_body(&mut *store, exchange, at).expect("no trap");
            // The splices say the same as the body.
            let splices: Vec<_> = attempt.splices.into_iter().map(splice).collect();
            assert_eq!(pointsman::edit::apply(&self.case.body, &splices), body, "{}", self.case.name);
            seen.sent.push(Sent {
                upstream: target.upstream.clone(),
                method: self.case.method.clone(),
                path: path_of(&attempt.url),
                headers: attempt.headers,
                body,
                splices,
            });
            let answer = self.case.answer(&target.upstream);
            if answer.reset {
                calls.call_failed(&mut *store, exchange, circuits, now, Failure::Reset).expect("no trap");
                continue;
            }
            kept = Some((at, answer));
            let head = response_head(answer);
            let verdict = calls.call_answered(&mut *store, exchange, circuits, now, &head).expect("no trap");
            match verdict {
                Verdict::Next => calls
                    .call_explained(&mut *store, exchange, circuits, now, &answer.body.0)
                    .expect("no trap"),
                Verdict::Deliver if self.begins_well(&head, answer, cuts) => break,
                Verdict::Deliver => {
                    let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
                    let verdict = api.exchange().call_opening_failed(&mut *store, exchange, circuits, now);
                    if verdict.expect("no trap") == Verdict::Deliver {
                        break;
                    }
                }
            }
        }
        match kept {
            Some((at, answer)) => self.deliver(at, answer, cuts, &mut seen),
            None if seen.delivered.is_none() => {
                let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
                let rejection = api.exchange().call_rejection(&mut *store, exchange).expect("no trap");
                seen.delivered = Some(json(rejection.status, rejection.body));
            }
            None => {}
        }
        circuits.resource_drop(&mut self.host.store).expect("no trap");
        seen
    }

    fn begins_well(&mut self, head: &ResponseHead, answer: &Answer, cuts: &mut Cuts) -> bool {
        let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
        let opening = api.exchange().call_opening(&mut *store, self.exchange, head).expect("no trap");
        let calls = api.opening();
        let mut peek = calls.call_peek(&mut *store, opening).expect("no trap");
        for piece in cuts.pieces(&answer.body.0) {
            if peek != Peek::Wait {
                break;
            }
            peek = calls.call_push(&mut *store, opening, piece).expect("no trap");
        }
        opening.resource_drop(&mut *store).expect("no trap");
        peek != Peek::Failed
    }

    fn deliver(&mut self, at: u32, answer: &Answer, cuts: &mut Cuts, seen: &mut Seen) {
        let (store, api) = (&mut self.host.store, self.host.api.pointsman_router_routing());
        let (calls, meters) = (api.exchange(), api.meter());
        let head = response_head(answer);
        let headers =
            calls.call_response_headers(&mut *store, self.exchange, Some(at), &head).expect("no trap");
        let meter = calls.call_meter(&mut *store, self.exchange, Some(at), &head).expect("no trap");
        if meters.call_reads_body(&mut *store, meter).expect("no trap") {
            for piece in cuts.pieces(&answer.body.0) {
                meters.call_push(&mut *store, meter, piece).expect("no trap");
            }
        }
        let receipt = meters.call_finish(&mut *store, meter, Some(NOW)).expect("no trap");
        seen.facts.extend(bill(receipt));
        let (status, body) = (answer.status, answer.body.0.clone());
        seen.delivered = Some(Delivered { status, headers, body, cut: answer.cut });
    }
}

fn decision(summary: Summary, targets: &[Target]) -> BTreeMap<&'static str, String> {
    let words = targets.iter().map(|target| {
        let effort = target.effort.map_or_else(String::new, |effort| format!(" ({})", word(&effort)));
        let twice = if target.upstream == target.provider { "" } else { " again" };
        format!("{}{twice}{effort}", target.name)
    });
    present([
        ("dialect", summary.dialect.map(|dialect| word(&dialect))),
        ("caller", summary.caller),
        ("alias", summary.alias),
        ("tier", summary.tier),
        ("reason", Some(summary.reason)),
        ("difficulty", summary.difficulty.map(|difficulty| difficulty.to_string())),
        ("streaming", Some(summary.streaming.to_string())),
        ("targets", Some(words.collect::<Vec<_>>().join(", "))),
    ])
}

fn bill(receipt: Receipt) -> BTreeMap<&'static str, String> {
    if receipt.target.is_empty() {
        return BTreeMap::new();
    }
    let usage = receipt.usage;
    let money = |pico: Option<u64>| pico.map(|pico| PicoUsd::from_pico(pico).to_string());
    let sides = [usage.input, usage.cache_read, usage.cache_write_short, usage.cache_write_long];
    let prompt = sides.into_iter().flatten().reduce(u64::saturating_add);
    let counts = [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write_short", usage.cache_write_short),
        ("cache_write_long", usage.cache_write_long),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("prompt_tokens", prompt),
    ];
    let mut facts = present(counts.map(|(name, count)| (name, count.map(|count| count.to_string()))));
    facts.extend(present([
        ("target", Some(receipt.target)),
        ("status", Some(receipt.status.to_string())),
        ("cost", money(receipt.cost)),
        ("baseline", money(receipt.baseline)),
        ("end", Some(word(&receipt.end))),
        ("finish", receipt.stop.map(|stop| word(&stop))),
        ("error", receipt.error),
        ("served_model", receipt.served_model),
    ]));
    facts
}

/// An enum of the package as the core prints it.
fn word(value: &impl std::fmt::Debug) -> String {
    let shown = format!("{value:?}");
    shown.rsplit("::").next().unwrap_or(&shown).to_lowercase()
}

fn splice(splice: super::routing::Splice) -> pointsman::BodySplice {
    pointsman::BodySplice { start: splice.start as usize, end: splice.end as usize, with: splice.replacement }
}

fn response_head(answer: &Answer) -> ResponseHead {
    ResponseHead { status: answer.status, fields: lines(&answer.pairs()) }
}

fn lines(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    pairs.iter().flat_map(|(name, value)| [name.as_bytes(), b": ", value, b"\n"].concat()).collect()
}

/// What stands behind scheme and authority.
fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("an absolute URL");
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}

fn json(status: u16, body: Vec<u8>) -> Delivered {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    Delivered { status, headers, body, cut: false }
}
