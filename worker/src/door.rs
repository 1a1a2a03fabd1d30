//! The calls of the host: each takes bytes, asks the core, and says in a [`Reply`] what the host is to do.

use std::{collections::BTreeMap, rc::Rc};

use pointsman::{
    Account, Config, ConfigError, Conversations, Dialect, Ledger, Opened, Peek, PicoUsd, Receipt, Rejection,
    RequestHead, ResponseHead, Routed, Router,
    failover::{AnswerHead, Circuits, Failover, Failure, Verdict},
    limits, outgoing,
    record::{self, Facts},
    store::{self, Inquiry},
};

use crate::{
    exchange::{self, Exchange, Exchanges, Keys, Rules, Sent, Stage},
    head::Head,
    point::Point,
    reply::{Changes, Reply, Verb},
    samples::{Decided, Outcome},
    settings::Settings,
    shared,
};

/// All that one isolate knows.
#[derive(Debug, Default)]
pub(crate) struct Door {
    rules: Option<Rc<Rules>>,
    /// A checked document whose keys are awaited.
    settling: Option<(Router, Settings, u64)>,
    /// Why the last document cannot be used.
    wrong: Option<ConfigError>,
    circuits: Option<Circuits>,
    /// By how many thousandths this isolate lets providers rest longer than others do.
    spread: u32,
    /// What this isolate remembers of conversations.
    pub(crate) conversations: Conversations,
    /// What this isolate knows to be spent of budgets: what its own requests cost. Lasts as long as the isolate, whatever
    /// document comes into force.
    pub(crate) ledger: Ledger,
    /// Where this isolate's numbers for the store begin, and how many it has used.
    pub(crate) seed: u64,
    pub(crate) claims: u64,
    pub(crate) exchanges: Exchanges,
    /// Memory of the last reply, used again.
    room: Vec<u8>,
    /// The last answer of its own.
    said: Option<Said>,
}

/// An answer of the router's own.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    /// Beside its content type.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

/// The last words on an exchange.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// For the log, where it is logged.
    pub(crate) line: Option<String>,
    /// Where it is counted.
    pub(crate) point: Option<Point>,
    /// `tell`, where the store is to hear of it.
    pub(crate) tell: Option<Vec<u8>>,
}

/// How an exchange ended that the client left.
const CLIENT_LEFT: u32 = 1;

/// Why an attempt brought no head, as the host numbers it.
const fn failure(why: u32) -> Failure {
    match why {
        1 => Failure::Timeout,
        2 => Failure::Reset,
        _ => Failure::Connect,
    }
}

impl Door {
    pub(crate) fn reply(&mut self, verb: Verb, numbers: &[u32]) -> Reply {
        Reply::new(std::mem::take(&mut self.room), verb, numbers)
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.rules.as_ref().map(|rules| &rules.settings)
    }

    /// By how many thousandths providers rest longer here than elsewhere, and where numbers begin that no other isolate
    /// has; before the first document.
    pub(crate) const fn seed(&mut self, thousandths: u32, seed: u64) {
        self.spread = thousandths;
        self.seed = seed;
    }

    /// The binding of a store that the document that awaits its keys names.
    pub(crate) fn wanted(&self) -> Option<&str> {
        self.settling.as_ref()?.1.store.as_deref()
    }

    /// There is no such binding: the document cannot come into force.
    pub(crate) fn unbound(&mut self) -> Option<&ConfigError> {
        let (_, settings, _) = self.settling.take()?;
        self.wrong = Some(settings.unbound());
        self.wrong.as_ref()
    }

    /// The answer that was given last, once.
    pub(crate) fn said(&mut self) -> Option<Said> {
        self.said.take()
    }

    /// Gives a reply's memory back.
    pub(crate) fn reuse(&mut self, room: Vec<u8>) {
        self.room = room;
    }

    /// A document. `settled` and the names of the secrets; or `wrong`, the place, and what is the matter. What was in force before stays so until [`keys`](Self::keys).
    pub(crate) fn settle(&mut self, document: &[u8]) -> Vec<u8> {
        let read = Config::from_json(document).and_then(|config| {
            let settings = Settings::of(&config)?;
            Ok((config, settings))
        });
        match read {
            Ok((config, settings)) => {
                let mut secrets: Vec<&str> =
                    config.providers().iter().filter_map(|provider| provider.key_env.as_deref()).collect();
                secrets.sort_unstable();
                secrets.dedup();
                let reply = secrets.iter().fold(self.reply(Verb::Settled, &[]), Reply::line);
                self.settling = Some((Router::new(config), settings, store::mark(document)));
                reply.end()
            }
            Err(error) => {
                let reply =
                    self.reply(Verb::Wrong, &[]).line(&error.pointer).line(error.message.replace('\n', " "));
                self.wrong = Some(error);
                reply.end()
            }
        }
    }

    /// Names and values of the secrets, a line each: the document that was settled comes into force.
    pub(crate) fn keys(&mut self, pairs: &[u8]) -> Vec<u8> {
        if let Some((router, settings, mark)) = self.settling.take() {
            let pairs = Head::new(pairs);
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let pairs = pairs.headers(0).into_iter().map(|(name, value)| (name.to_owned(), text(value)));
            let keys = Keys(pairs.collect::<BTreeMap<_, _>>());
            match &mut self.circuits {
                Some(circuits) => circuits.set_rest(exchange::rest(&settings)),
                None => {
                    let mut circuits = Circuits::new(exchange::rest(&settings));
                    circuits.set_spread(self.spread);
                    self.circuits = Some(circuits);
                }
            }
            // It names tiers of the document before.
            self.conversations = Conversations::default();
            self.rules = Some(Rc::new(Rules { router, settings, keys, mark }));
            self.wrong = None;
        }
        self.reply(Verb::Ready, &[]).end()
    }

    /// A request's head, and its body where the host has read it already. `answer`, `body` (it is to be read, up to the
    /// stated length), or `send`.
    pub(crate) fn open(&mut self, head: &[u8], body: Option<&[u8]>, now: u64) -> Vec<u8> {
        let head = Head::new(head);
        let Some(rules) = self.rules.clone() else { return self.unconfigured(&head) };
        let mut exchange = Exchange::new(Rc::clone(&rules), head.clone(), now);
        let headers = head.headers(2);
        let request =
            RequestHead { method: head.first().as_bytes(), path: head.path().as_bytes(), headers: &headers };
        match rules.router.open(&request) {
            Opened::Answer(answer) => {
                exchange.status = answer.status;
                let number = self.add(exchange);
                self.answer(number, answer.status, Vec::new(), &answer.body)
            }
            Opened::Reject(rejection) => {
                let number = self.add(exchange);
                self.refuse(number, rejection)
            }
            Opened::NeedBody(pending) => {
                let limit = rules.settings.max_body;
                let announced = headers.iter().find(|(name, _)| *name == "content-length");
                let announced = announced.and_then(|(_, value)| number(value)).unwrap_or(0);
                exchange.stage = Stage::Awaiting(Box::new(pending));
                let number = self.add(exchange);
                if announced > u64::from(limit) {
                    return self.too_large(number);
                }
                if let Some(body) = body {
                    return self.route(number, body, now);
                }
                self.reply(Verb::Body, &[number, limit]).end()
            }
            Opened::Forward(forward) if rules.store().is_some() => {
                let number = self.add(exchange);
                self.guess_unread(number, forward, now)
            }
            Opened::Forward(forward) => {
                let weighed = if rules.router.config().budgets().is_empty() {
                    Routed::Forward(forward)
                } else {
                    forward.afford(&rules.router, now / 1000, |account| self.ledger.weight(account))
                };
                match weighed {
                    Routed::Forward(forward) => {
                        exchange.stage = Stage::sent(Decided::new(forward));
                        let number = self.add(exchange);
                        self.next(number, now)
                    }
                    Routed::Reject(rejection) => {
                        let number = self.add(exchange);
                        self.refuse(number, rejection)
                    }
                }
            }
        }
    }

    /// The whole body of a request: `answer` or `send`.
    pub(crate) fn route(&mut self, number: u32, body: &[u8], now: u64) -> Vec<u8> {
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        exchange.bytes_in = body.len() as u64;
        match std::mem::replace(&mut exchange.stage, Stage::Over) {
            Stage::Awaiting(pending) => {
                let inquiry = exchange.inquiry.as_deref();
                if inquiry.is_none() && exchange.rules.store().is_some() {
                    return self.guess(number, *pending, body, now);
                }
                let heard = pending.read(body);
                let kept = || heard.identity().and_then(|identity| self.conversations.get(identity));
                let memory = inquiry.and_then(Inquiry::memory).or_else(kept);
                let (router, seconds) = (&exchange.rules.router, now / 1000);
                let heard = if router.config().budgets().is_empty() {
                    heard
                } else {
                    let own = |account: &Account| self.ledger.weight(account);
                    heard.afford(router, seconds, |account| {
                        inquiry.map_or_else(|| own(account), |inquiry| inquiry.weight(account))
                    })
                };
                let routed = heard.route(router, memory.as_ref(), Some(seconds));
                self.enter(number, routed, now)
            }
            stage => {
                exchange.stage = stage;
                self.lost()
            }
        }
    }

    /// The body is longer than it may be: `answer`.
    pub(crate) fn too_large(&mut self, number: u32) -> Vec<u8> {
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        match std::mem::replace(&mut exchange.stage, Stage::Over) {
            Stage::Awaiting(pending) => {
                let rejection = pending.too_large(exchange.rules.settings.max_body as usize);
                self.refuse(number, rejection)
            }
            _ => self.lost(),
        }
    }

    /// The attempt brought no head: `send` or `answer`.
    pub(crate) fn failed(&mut self, number: u32, why: u32, now: u64) -> Vec<u8> {
        if let Some((sent, circuits)) = self.sent(number) {
            sent.failover.failed(circuits, now, failure(why));
            // What broke off before its content is nobody's answer, and nobody's bill.
            sent.answer = None;
        }
        self.next(number, now)
    }

    /// The head of an answer. `deliver` with the headers, whether its body is to be handed in as it passes, and whether
    /// its beginning is to be looked at first; or `explain`: the body is handed in to learn why.
    pub(crate) fn answered(&mut self, number: u32, head: &[u8], now: u64) -> Vec<u8> {
        let head = Head::new(head);
        let headers = head.headers(1);
        let value = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let status = head.first().parse().unwrap_or(0);
        let answer = AnswerHead {
            status,
            should_retry: value("x-should-retry"),
            retry_after: value("retry-after"),
            retry_after_ms: value("retry-after-ms"),
        };
        let Some((sent, circuits)) = self.sent(number) else { return self.lost() };
        let verdict = sent.failover.answered(circuits, now, &answer);
        let response = ResponseHead {
            status,
            content_type: value("content-type"),
            content_encoding: value("content-encoding"),
        };
        let attempt = sent.forward.attempts().get(sent.at);
        let opening = sent.forward.opening(&response);
        let metering = sent.forward.respond(attempt.map(|attempt| attempt.upstream.as_str()), &response);
        let (meter, peek) = (u32::from(metering.wants_body()), u32::from(opening.peek() == Peek::Wait));
        let out = outgoing::response_headers(&sent.forward, attempt, &headers);
        sent.answer = Some((opening, metering));
        if let Some(exchange) = self.exchanges.get(number) {
            exchange.status = status;
            exchange.answered = exchange.sample.map(|_| head.clone());
        }
        let changes = Changes::between(&headers, &out);
        let patience = match verdict {
            Verdict::Deliver => [small(limits::OPENING_MS), 0],
            Verdict::Next => [small(limits::REFUSAL_MS), small(limits::REFUSAL_BODY as u64)],
        };
        let verb = match verdict {
            Verdict::Deliver => Verb::Deliver,
            Verdict::Next => Verb::Explain,
        };
        let numbers = [meter, peek, changes.removals(), patience[0], patience[1]];
        self.reply(verb, &numbers).changes(&changes).end()
    }

    /// The body of an answer that is not delivered: `send`, or `keep` where nobody else is left and it is delivered after
    /// all. The bytes count as metered.
    pub(crate) fn explained(&mut self, number: u32, body: &[u8], now: u64) -> Vec<u8> {
        self.push(number, body);
        let Some((sent, circuits)) = self.sent(number) else { return self.lost() };
        sent.failover.explained(circuits, now, body);
        let next = sent.failover.next(circuits, now);
        self.or_keep(number, next)
    }

    /// The next bytes of an answer that was not delivered yet: `wait`, `keep` (deliver it), or `send`. They count as
    /// metered.
    pub(crate) fn peeked(&mut self, number: u32, bytes: &[u8], now: u64) -> Vec<u8> {
        self.push(number, bytes);
        let Some((sent, _)) = self.sent(number) else { return self.lost() };
        let Some((opening, _)) = &mut sent.answer else { return self.lost() };
        match opening.push(bytes) {
            Peek::Wait => self.reply(Verb::Wait, &[]).end(),
            Peek::Deliver => self.reply(Verb::Keep, &[]).end(),
            Peek::Failed => self.empty(number, now),
        }
    }

    /// The stream ended in good order before any content: `send`, or `keep` where nobody else is left.
    pub(crate) fn empty(&mut self, number: u32, now: u64) -> Vec<u8> {
        let Some((sent, circuits)) = self.sent(number) else { return self.lost() };
        let next = match sent.failover.opening_failed(circuits, now) {
            Verdict::Deliver => None,
            Verdict::Next => sent.failover.next(circuits, now),
        };
        self.or_keep(number, next)
    }

    /// The next bytes of an answer that passes.
    pub(crate) fn push(&mut self, number: u32, bytes: &[u8]) {
        let Some(exchange) = self.exchanges.get(number) else { return };
        exchange.bytes_out = exchange.bytes_out.saturating_add(bytes.len() as u64);
        if let Stage::Sent(sent) = &mut exchange.stage
            && let Some((_, metering)) = &mut sent.answer
        {
            metering.push(bytes);
        }
    }

    /// The end of an exchange, however it came, and the last bytes of its answer. `how` is 0 for a good end, 1 where the
    /// client left, 2 where the provider did.
    pub(crate) fn finish(&mut self, number: u32, last: &[u8], how: u32, counted: bool, now: u64) -> Ending {
        self.push(number, last);
        let given_up = self.close(number);
        let Some(exchange) = self.exchanges.take(number) else { return Ending::default() };
        let Exchange { rules, head, began, bytes_in, bytes_out, status, details, stage, inquiry, .. } =
            exchange;
        let mut unanswered = false;
        let (forward, receipt, at, attempts, charge) = match (stage, given_up) {
            (Stage::Sent(sent), _) => {
                let Sent { forward, failover, at, answer } = *sent;
                let receipt = answer.map(|(_, metering)| metering.finish(&rules.router, Some(began / 1000)));
                // Left before there was an answer: whoever was asked had work all the same.
                unanswered = receipt.is_none() && how == CLIENT_LEFT && details.is_none();
                let expected = forward.tab().filter(|_| unanswered).map(|tab| tab.estimate);
                let charge = receipt.as_ref().map(Receipt::charge).or(expected).unwrap_or_default();
                (Some(forward), receipt, Some(at), failover.attempts(), charge)
            }
            (Stage::Sampled(outcome), _) | (_, Some(outcome)) => {
                let Outcome { total, decided, at } = *outcome;
                let charge = total.charge();
                (Some(decided), total.receipt, at, total.attempts, charge)
            }
            _ => (None, None, None, 0, PicoUsd::ZERO),
        };
        if let Some((identity, remembered)) = receipt.as_ref().and_then(|receipt| receipt.remembered) {
            self.conversations.keep(identity, remembered);
        }
        let tab = forward.as_ref().and_then(|forward| forward.whole().tab());
        if let Some(tab) = tab {
            self.ledger.settle(tab, charge);
        }
        let estimated = unanswered || receipt.as_ref().is_some_and(|receipt| receipt.estimated.is_some());
        let attempt = forward.as_ref().zip(at).and_then(|(forward, at)| forward.attempts().get(at));
        let details = match how {
            CLIENT_LEFT => Some("client_disconnected"),
            2 => Some("upstream_reset"),
            _ => details.as_deref(),
        };
        let silent = inquiry.as_deref().is_some_and(Inquiry::is_silent);
        let details = details.or_else(|| silent.then_some(shared::SILENT));
        let facts = Facts {
            unix_ms: began,
            method: head.first(),
            path: head.path(),
            upstream_path: attempt.map(|attempt| attempt.path.as_str()),
            status,
            details,
            attempts,
            bytes_in,
            bytes_out,
            duration_ms: now.saturating_sub(began),
            effort: attempt.and_then(|attempt| attempt.effort),
        };
        let summary = forward.as_ref().map(|forward| forward.summary());
        let receipt = receipt.as_ref();
        let line = rules.settings.log.then(|| record::line(&facts, summary, receipt));
        let point = counted.then(|| {
            let charged = |tab| record::charged(rules.router.config(), tab, charge, estimated);
            Point::new(&facts, summary, receipt, &tab.map(charged).unwrap_or_default())
        });
        let remembered = receipt.and_then(|receipt| receipt.remembered);
        let farewell = rules.farewell(inquiry.as_deref(), charge, remembered);
        let tell = (!farewell.is_empty()).then(|| self.lines(Verb::Tell, &[], &rules, &farewell));
        Ending { line, point, tell }
    }

    /// The answer to a request that this module died of, given by the next instance of it: `answer`.
    pub(crate) fn died(&mut self, head: &[u8]) -> Vec<u8> {
        let rejection =
            Rejection::new(dialect(&Head::new(head)), 500, "internal", "the router failed on this request");
        self.answer(0, rejection.status, rejection.headers, &rejection.body)
    }

    /// The attempt whose turn it is, or that of what was told meanwhile: `send`; or `answer` where there is none.
    pub(crate) fn next(&mut self, number: u32, now: u64) -> Vec<u8> {
        if let Some(samples) = self.begin_samples(number) {
            return samples;
        }
        let Some((sent, circuits)) = self.sent(number) else { return self.lost() };
        match sent.failover.next(circuits, now) {
            Some(at) => self.send(number, at),
            None => {
                let rejection = sent.failover.rejection();
                self.refuse(number, rejection)
            }
        }
    }

    fn or_keep(&mut self, number: u32, next: Option<usize>) -> Vec<u8> {
        match next {
            Some(at) => self.send(number, at),
            None => self.reply(Verb::Keep, &[]).end(),
        }
    }

    fn send(&mut self, number: u32, at: usize) -> Vec<u8> {
        let room = std::mem::take(&mut self.room);
        let Some(exchange) = self.exchanges.get(number) else { return self.lost() };
        let Exchange { rules, head, stage: Stage::Sent(sent), .. } = exchange else { return self.lost() };
        sent.at = at;
        sent.answer = None;
        let Some(attempt) = sent.forward.attempts().get(at) else { return self.lost() };
        let key = rules.router.key_variable(attempt).and_then(|name| rules.keys.0.get(name));
        let headers = head.headers(2);
        let out = outgoing::request_headers(&sent.forward, attempt, &headers, key.map(String::as_str));
        match (out, rules.router.url(attempt)) {
            (Ok(out), Some(url)) => {
                let splices = &attempt.splices;
                let changes = Changes::between(&headers, &out);
                let numbers = [
                    number,
                    small(splices.len() as u64),
                    changes.removals(),
                    rules.settings.first_byte_timeout_ms,
                ];
                let reply = Reply::with_splices(room, Verb::Send, &numbers, splices);
                let reply = reply.line(head.first()).line(url).changes(&changes).splices(splices);
                exchange.bytes_out = 0;
                reply
            }
            (Ok(_), None) => {
                let rejection = Rejection::new(
                    sent.forward.summary().dialect,
                    500,
                    "host",
                    "the provider has no address",
                );
                self.refuse(number, rejection)
            }
            (Err(rejection), _) => self.refuse(number, rejection),
        }
    }

    /// Takes an exchange up. One that gives way to it is charged as expected: its end is not heard of any more.
    pub(crate) fn add(&mut self, exchange: Exchange) -> u32 {
        let (number, displaced) = self.exchanges.add(exchange);
        if let Some(Exchange { stage: Stage::Sent(sent), sample: None, .. }) = displaced
            && let Some(tab) = sent.forward.tab()
        {
            self.ledger.settle(tab, tab.estimate);
        }
        number
    }

    pub(crate) fn refuse(&mut self, number: u32, rejection: Rejection) -> Vec<u8> {
        if let Some(exchange) = self.exchanges.get(number) {
            if let Some(sample) = exchange.sample {
                return self.refused(number, sample, rejection);
            }
            exchange.refused(&rejection);
        }
        self.answer(number, rejection.status, rejection.headers, &rejection.body)
    }

    fn answer(
        &mut self,
        number: u32,
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: &[u8],
    ) -> Vec<u8> {
        let reply = self.reply(Verb::Answer, &[number, u32::from(status)]);
        let reply = reply.line("content-type").line("application/json");
        let reply = headers.iter().fold(reply, |reply, (name, value)| reply.line(name).line(value));
        self.said = Some(Said { status, headers, body: body.to_vec() });
        reply.bytes(body)
    }

    /// No document is in force: nothing is forwarded, and the answer says why.
    fn unconfigured(&mut self, head: &Head) -> Vec<u8> {
        let message = match &self.wrong {
            Some(error) => format!("the configuration is not usable: {error}"),
            None => "there is no configuration: bind the text POINTSMAN_CONFIG, or the KV namespace POINTSMAN_KV with \
                     the key `config`"
                .to_owned(),
        };
        let rejection = Rejection::new(dialect(head), 500, "configuration", &message);
        self.answer(0, rejection.status, rejection.headers, &rejection.body)
    }

    /// A number that stands for nothing: the host has ended this exchange, or it gave way to others.
    pub(crate) fn lost(&mut self) -> Vec<u8> {
        let rejection = Rejection::new(None, 500, "internal", "the exchange is over");
        self.answer(0, rejection.status, rejection.headers, &rejection.body)
    }

    fn sent(&mut self, number: u32) -> Option<(&mut Sent, &mut Circuits)> {
        let circuits = self.circuits.as_mut()?;
        match &mut self.exchanges.get(number)?.stage {
            Stage::Sent(sent) => Some((sent, circuits)),
            _ => None,
        }
    }
}

impl Stage {
    pub(crate) fn sent(forward: Decided) -> Self {
        let failover = Failover::new(&forward);
        Self::Sent(Box::new(Sent { forward, failover, at: 0, answer: None }))
    }
}

/// The dialect of a request that no exchange was begun for.
fn dialect(head: &Head) -> Option<Dialect> {
    let (headers, method, path) = (head.headers(2), head.first().as_bytes(), head.path().as_bytes());
    Some(RequestHead { method, path, headers: &headers }.spoken())
}

/// A number that is small by its nature.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.trim().parse().ok()
}
