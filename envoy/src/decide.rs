//! The role *decide*: holds a request until it is whole, has it routed, and meters the answer.

use std::{mem, rc::Rc};

use pointsman::{
    Answer, Dialect, Forward, Metering, Opened, Pending, PicoUsd, Receipt, Rejection, RequestHead,
    ResponseHead, Routed, Summary, Tab, edit, plan,
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{
    CLUSTER, DIALECT, Deciding, PLAN, REJECTED, UPSTREAM,
    host::{self, Buffer, Header, Map, Refused},
    metrics, purses,
};

/// Headers by which a client could give orders to Envoy itself: timeouts, retries, another cluster.
const ENVOY_PREFIX: &str = "x-envoy-";

/// How often Envoy tries again; its router takes the header off. One attempt more than there are upstreams would end in
/// Envoy's own "no healthy upstream", and the last provider's answer would be lost.
const MAX_RETRIES: &str = "x-envoy-max-retries";

const NANOS_PER_SECOND: u64 = 1_000_000_000;

pub(crate) struct Decide {
    deciding: Rc<Deciding>,
    stage: Stage,
    /// When the decision was made, in nanoseconds since 1970; 0 before.
    decided: u64,
    /// What budgets hold for it, until they are charged.
    tab: Option<Tab>,
}

/// Where an exchange stands. Each stage owns what the next one needs.
enum Stage {
    Idle,
    /// Waiting for the end of the body.
    Awaiting(Pending),
    /// Sent to an upstream.
    Sent(Forward),
    /// The answer passes.
    Metering(Metering),
    /// Answered by this filter.
    Rejected,
    Done,
}

impl Decide {
    pub(crate) fn new(deciding: Rc<Deciding>) -> Self {
        Self { deciding, stage: Stage::Idle, decided: 0, tab: None }
    }

    fn open(&mut self, end: bool) -> Action {
        let Ok(headers) = host::headers(Map::Request) else {
            return self.fail(None, "the headers could not be read");
        };
        let pairs: Vec<Header<'_>> = headers.iter().collect();
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let head = RequestHead {
            method: value(":method").unwrap_or_default(),
            path: value(":path").unwrap_or_default(),
            headers: &pairs,
        };
        if self.deciding.access_log {
            // As the client sent it: what stands in `:path` at the end is the last provider's.
            let _ = host::set_property("pointsman.path", head.path);
        }
        let opened = self.deciding.router.open(&head);
        for (name, _) in pairs.iter().filter(|(name, _)| name.starts_with(ENVOY_PREFIX)) {
            // Nothing is lost if it was a second of the same name and already gone.
            let _ = host::remove_header(Map::Request, name);
        }
        let announced = value("content-length").and_then(number).unwrap_or(0);
        match opened {
            Opened::Forward(forward) => {
                let now = seconds(host::now());
                match forward.afford(&self.deciding.router, now, purses::weight) {
                    Routed::Forward(forward) => self.forward(forward, None, false),
                    Routed::Reject(rejection) => self.reject(&rejection),
                }
            }
            Opened::Answer(answer) => self.answer(&answer),
            Opened::Reject(rejection) => self.reject(&rejection),
            Opened::NeedBody(pending) if announced > self.deciding.max_body as u64 => {
                self.reject(&pending.too_large(self.deciding.max_body))
            }
            Opened::NeedBody(pending) if end => self.route(pending, &[], false),
            Opened::NeedBody(pending) => {
                self.stage = Stage::Awaiting(pending);
                Action::Pause
            }
        }
    }

    /// The end of a body: of its last chunk, or of the trailers after it.
    fn whole(&mut self, trailers: bool) -> Action {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Awaiting(pending) => match host::buffer(Buffer::RequestBody) {
                Ok(body) => self.route(pending, &body, trailers),
                Err(Refused) => self.fail(Some(pending.dialect()), "the body could not be read"),
            },
            stage => self.unpaused(stage),
        }
    }

    fn route(&mut self, pending: Pending, body: &[u8], trailers: bool) -> Action {
        let began = host::now();
        let router = &self.deciding.router;
        let heard = pending.read(body).afford(router, seconds(began), purses::weight);
        let memory = self.deciding.memory.as_ref().map(|memory| (memory, seconds(began)));
        let remembered = memory.and_then(|(memory, now)| memory.recall(heard.identity()?, now));
        let action = match heard.route(router, remembered.as_ref(), memory.map(|(_, now)| now)) {
            Routed::Forward(forward) => self.forward(forward, Some(body), trailers),
            Routed::Reject(rejection) => self.reject(&rejection),
        };
        self.decided = host::now();
        metrics::decision(self.decided.saturating_sub(began));
        action
    }

    fn forward(&mut self, forward: Forward, body: Option<&[u8]>, trailers: bool) -> Action {
        match prepare(&forward, body, trailers) {
            Ok(()) => {
                if self.deciding.access_log {
                    log_summary(forward.summary());
                }
                metrics::request(forward.summary());
                self.tab = forward.tab().cloned();
                if let Some(tab) = &self.tab {
                    purses::hold(tab);
                }
                self.stage = Stage::Sent(forward);
                Action::Continue
            }
            Err(Refused) => self.fail(forward.summary().dialect, "the request could not be edited"),
        }
    }

    /// What the router knows by itself.
    fn answer(&mut self, answer: &Answer) -> Action {
        self.stage = Stage::Rejected;
        // It keeps the answer from being dressed up as an error.
        let _ = host::set_header(Map::Request, REJECTED, b"answered");
        host::respond(answer.status, &[], &answer.body);
        Action::Pause
    }

    fn reject(&mut self, rejection: &Rejection) -> Action {
        self.stage = Stage::Rejected;
        // Both only say more about an answer that is given anyway.
        let _ = host::set_header(Map::Request, REJECTED, rejection.code.as_bytes());
        let about = rejection.about.as_deref().unwrap_or(rejection.code);
        let _ = host::set_property("pointsman.reason", about.as_bytes());
        host::respond(rejection.status, &rejection.headers, &rejection.body);
        metrics::rejected(rejection.code);
        Action::Pause
    }

    /// The host failed: better no answer than a request that is half edited.
    fn fail(&mut self, dialect: Option<Dialect>, message: &str) -> Action {
        self.reject(&Rejection::new(dialect, 500, "host", message))
    }

    /// A request callback outside of its stage.
    fn unpaused(&mut self, stage: Stage) -> Action {
        let action = if matches!(stage, Stage::Rejected) { Action::Pause } else { Action::Continue };
        self.stage = stage;
        action
    }

    fn answered(&mut self, forward: &Forward) -> Metering {
        let headers = host::headers(Map::Response).unwrap_or_default();
        let head = ResponseHead {
            status: headers.get(":status").and_then(number).and_then(|n| u16::try_from(n).ok()).unwrap_or(0),
            content_type: headers.get("content-type"),
            content_encoding: headers.get("content-encoding"),
        };
        let upstream = headers.get(UPSTREAM).and_then(|name| str::from_utf8(name).ok());
        if upstream.is_some() {
            // A client that sees it learns no more than by `x-pointsman-model`.
            let _ = host::remove_header(Map::Response, UPSTREAM);
        }
        for edit in forward.response_edits(upstream) {
            // An answer without them is still the answer.
            let _ = host::edit(Map::Response, &edit);
        }
        let attempt = upstream.and_then(|upstream| forward.attempt_at(upstream));
        if let Some(effort) = attempt.and_then(|attempt| attempt.effort)
            && self.deciding.access_log
        {
            note("pointsman.effort", effort.name());
        }
        forward.respond(upstream, &head)
    }

    fn finish(&mut self) {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Metering(metering) => {
                let unix_seconds = self.decided.checked_div(NANOS_PER_SECOND).filter(|seconds| *seconds > 0);
                let receipt = metering.finish(&self.deciding.router, unix_seconds);
                if self.deciding.access_log {
                    log_receipt(&receipt);
                }
                metrics::receipt(&receipt);
                if let Some((memory, (identity, remembered))) =
                    self.deciding.memory.as_ref().zip(receipt.remembered)
                {
                    memory.keep(identity, remembered);
                }
                self.charge(receipt.charge(), receipt.estimated.is_some());
            }
            stage => self.stage = stage,
        }
    }

    /// Charges the budgets, once.
    fn charge(&mut self, charge: PicoUsd, estimated: bool) {
        if let Some(tab) = self.tab.take() {
            purses::settle(&tab, charge);
            metrics::charged(self.deciding.router.config(), &tab, charge, estimated);
        }
    }
}

/// All that stands between a decision and the request's departure. Whatever fails, the request must not leave.
fn prepare(forward: &Forward, body: Option<&[u8]>, trailers: bool) -> Result<(), Refused> {
    for edit in forward.edits() {
        host::edit(Map::Request, edit)?;
    }
    if let Some(body) = body {
        let splices = forward.attempts().first().map_or(&[][..], |attempt| &attempt.splices);
        splice(body, splices)?;
        // A length that is not the body's makes one request of two, or two of one.
        if trailers {
            host::remove_header(Map::Request, "content-length")?;
        } else {
            let length = plan::edited_length(body.len(), splices);
            host::set_header(Map::Request, "content-length", length.to_string().as_bytes())?;
        }
    }
    host::set_property(PLAN, &plan::write(forward.attempts(), body, trailers))?;
    host::set_header(Map::Request, CLUSTER, forward.chain().as_bytes())?;
    let retries = forward.attempts().len().saturating_sub(1);
    host::set_header(Map::Request, MAX_RETRIES, retries.to_string().as_bytes())?;
    if let Some(dialect) = forward.summary().dialect {
        host::set_property(DIALECT, dialect.name().as_bytes())?;
    }
    Ok(())
}

fn log_summary(summary: &Summary) {
    if let Some(caller) = &summary.caller {
        note("pointsman.caller", caller);
    }
    if let Some(alias) = &summary.alias {
        note("pointsman.alias", alias);
    }
    if let Some(tier) = &summary.tier {
        note("pointsman.tier", tier);
    }
    if let Some(difficulty) = summary.difficulty {
        note("pointsman.difficulty", &difficulty.permille().to_string());
    }
    note("pointsman.reason", &summary.reason.to_string());
}

/// Edits the body in place. Where all splices lie in its first half, only that much is written.
pub(crate) fn splice(body: &[u8], splices: &[pointsman::BodySplice]) -> Result<(), Refused> {
    let Some(last) = splices.last() else { return Ok(()) };
    if let Some(prefix) = body.get(..last.end)
        && last.end <= body.len() / 2
        // A host that replaces nothing but whole bodies says so and changes nothing.
        && host::replace_body(last.end, &edit::apply(prefix, splices)).is_ok()
    {
        return Ok(());
    }
    host::replace_body(body.len(), &edit::apply(body, splices))
}

fn log_receipt(receipt: &Receipt) {
    // Without a target it was no upstream's answer.
    if receipt.target.is_empty() {
        return;
    }
    let usage = &receipt.metered.usage;
    note("pointsman.target", &receipt.target);
    let counts = [
        ("pointsman.input_tokens", usage.prompt_tokens()),
        ("pointsman.cached_tokens", usage.cache_read),
        ("pointsman.output_tokens", usage.output),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            note(name, &count.to_string());
        }
    }
    if let Some(cost) = receipt.cost {
        note("pointsman.cost_usd", cost.to_string().trim_start_matches('$'));
    }
    if let Some(baseline) = receipt.baseline {
        note("pointsman.baseline_usd", baseline.to_string().trim_start_matches('$'));
    }
}

/// A word for the access log. Nothing depends on it.
fn note(name: &str, value: &str) {
    let _ = host::set_property(name, value.as_bytes());
}

/// Seconds of nanoseconds.
const fn seconds(nanos: u64) -> u64 {
    nanos / NANOS_PER_SECOND
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

impl Context for Decide {}

impl HttpContext for Decide {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        self.open(end)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        match mem::replace(&mut self.stage, Stage::Done) {
            // `size` is all that has come so far, held back by this filter.
            Stage::Awaiting(pending) if size > self.deciding.max_body => {
                self.reject(&pending.too_large(self.deciding.max_body))
            }
            Stage::Awaiting(pending) => {
                self.stage = Stage::Awaiting(pending);
                if end { self.whole(false) } else { Action::Pause }
            }
            stage => self.unpaused(stage),
        }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.whole(true)
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Sent(forward) => {
                self.stage = Stage::Metering(self.answered(&forward));
                if end {
                    self.finish();
                }
            }
            // This filter's own answer, or one that Envoy gave while the request was still held.
            stage => self.stage = stage,
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, _: usize, end: bool) -> Action {
        if let Stage::Metering(metering) = &mut self.stage
            && metering.wants_body()
            && let Ok(chunk) = host::buffer(Buffer::ResponseBody)
        {
            metering.push(&chunk);
        }
        if end {
            self.finish();
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.finish();
        Action::Continue
    }

    /// An answer that was cut short has no end; what was seen of it is counted all the same.
    fn on_log(&mut self) {
        self.finish();
        // Left before there was an answer: whoever was asked had work all the same.
        if let Some(estimate) = self.tab.as_ref().map(|tab| tab.estimate) {
            self.charge(estimate, true);
        }
    }
}
