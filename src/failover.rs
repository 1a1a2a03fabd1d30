//! Which attempt comes next, and who rests: failover for doors that make the attempts themselves.
//!
//! ```text
//! Failover::new(&forward)
//!   next(&circuits, now) ─▶ Some(k): make attempt k ──┬─ no answer ──────▶ failed(…)             ─▶ next …
//!                       │                             ├─ a head ─────────▶ answered(…) ─ Deliver ─▶ the client
//!                       │                             │                        └─ Next ─ explained(…) ─▶ next …
//!                       │                             └─ an error event ─▶ opening_failed(…)     ─▶ next …
//!                       └▶ None: deliver the last answer, or `rejection()` where there is none
//! ```
//!
//! The rules are those of the generated Envoy configuration, where Envoy's own retries and outlier detection play this
//! part: the next target is tried after 401 to 404, 408, 409, 429, every 5xx, and where no head came. A client's own
//! mistakes (400, 413, 422) are delivered. What a provider says of itself is obeyed: `x-should-retry`, `retry-after`.
//! A key without money (402, a spend limit) is not used again in this request, and rests.
//!
//! Nothing here has a clock: `now` is in milliseconds since 1970 everywhere, and may jump.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use serde::Deserialize;

use crate::{
    edit::Rejection,
    exchange::{Attempt, Forward},
    limits,
    wire::{
        Dialect,
        usage::{Maybe, Name},
    },
};

/// Statuses, besides every 5xx, after which the next target is tried. 401, 403 and 404 are among them: the key and the
/// model's name are the operator's, never the client's.
pub const NEXT_TARGET_ON: [u16; 7] = [401, 402, 403, 404, 408, 409, 429];

/// When an upstream rests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rest {
    /// Failures in a row (5xx, no head) after which it rests; 0 means never.
    pub after: u32,
    /// How long the first time, in milliseconds; n times as long the n-th time in a row, at most
    /// [`limits::REST_MS`].
    pub ms: u32,
}

/// What a process remembers of upstreams that failed. Bounded by [`limits::CIRCUITS`].
#[derive(Clone, Debug)]
pub struct Circuits {
    rest: Rest,
    /// How much longer than said each rests, in thousandths.
    spread: u32,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// A provider's name, or a target's (`provider/model`), which always holds a slash.
    name: String,
    failures: u32,
    rests: u32,
    until: u64,
}

/// One request's way through its attempts.
#[derive(Clone, Debug)]
pub struct Failover {
    dialect: Option<Dialect>,
    /// Names of all providers and targets, end to end.
    names: String,
    /// The attempts in order.
    ways: Vec<Way>,
    current: Option<usize>,
    count: u32,
    last: Option<Failure>,
}

/// An attempt, by the places of its names.
#[derive(Clone, Copy, Debug)]
struct Way {
    provider: (usize, usize),
    target: (usize, usize),
    made: bool,
    /// This request does not go to the provider again.
    closed: bool,
}

/// Why an attempt brought no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// No connection: refused, no address, no TLS.
    Connect,
    /// The connection ended before the head of the answer was there.
    Reset,
    /// No head within the time for it.
    Timeout,
    /// An error event in place of an answer.
    Opening,
}

/// An answer's head, as far as failover reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// `x-should-retry`.
    pub should_retry: Option<&'a [u8]>,
    /// `retry-after`: seconds, or a date.
    pub retry_after: Option<&'a [u8]>,
    /// `retry-after-ms`.
    pub retry_after_ms: Option<&'a [u8]>,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It goes to the client.
    Deliver,
    /// Another target is asked. The door reads at most [`limits::REFUSAL_BODY`] bytes of the body within
    /// [`limits::REFUSAL_MS`], gives them to [`Failover::explained`], and keeps head and body: they are delivered where
    /// [`Failover::next`] then has nothing.
    Next,
}

impl Circuits {
    /// Nobody rests.
    pub const fn new(rest: Rest) -> Self {
        Self { rest, spread: 0, entries: Vec::new() }
    }

    /// Lengthens each rest by so many thousandths of it. Where many processes stand in front of the same providers, each
    /// draws its own: they do not all come back at the same moment.
    pub const fn set_spread(&mut self, thousandths: u32) {
        self.spread = thousandths;
    }

    /// Changes the settings; what is remembered stays.
    pub const fn set_rest(&mut self, rest: Rest) {
        self.rest = rest;
    }

    /// Whether the attempt's provider or its target rests.
    pub fn rests(&self, attempt: &Attempt, now: u64) -> bool {
        self.resting(&attempt.provider, &attempt.target, now)
    }

    /// Names that rest, and until when, in milliseconds since 1970. For health pages.
    pub fn all_resting(&self, now: u64) -> impl Iterator<Item = (&str, u64)> {
        let resting = self.entries.iter().filter(move |entry| entry.until > now);
        resting.map(|entry| (entry.name.as_str(), entry.until))
    }

    fn resting(&self, provider: &str, target: &str, now: u64) -> bool {
        let until = |entry: &Entry| entry.until > now && entry.until <= now.saturating_add(limits::REST_MS);
        self.entries.iter().any(|entry| (entry.name == provider || entry.name == target) && until(entry))
    }

    fn entry(&mut self, name: &str) -> Option<&mut Entry> {
        let found = self.entries.iter().position(|entry| entry.name == name);
        let at = match found {
            Some(at) => at,
            None => {
                if self.entries.len() >= limits::CIRCUITS {
                    let oldest = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.until)?.0;
                    self.entries.swap_remove(oldest);
                }
                self.entries.push(Entry { name: name.to_owned(), failures: 0, rests: 0, until: 0 });
                self.entries.len().saturating_sub(1)
            }
        };
        self.entries.get_mut(at)
    }

    fn fail(&mut self, name: &str, now: u64) {
        let (rest, spread) = (self.rest, u64::from(self.spread));
        let Some(entry) = self.entry(name) else { return };
        entry.failures = entry.failures.saturating_add(1);
        if rest.after > 0 && entry.failures >= rest.after {
            entry.failures = 0;
            entry.rests = entry.rests.saturating_add(1);
            let length = u64::from(rest.ms).saturating_mul(u64::from(entry.rests));
            let longer = length.saturating_mul(spread) / 1000;
            let length = length.saturating_add(longer).min(limits::REST_MS);
            entry.until = now.saturating_add(length);
        }
    }

    fn rest_for(&mut self, name: &str, now: u64, ms: u64) {
        if let Some(entry) = self.entry(name) {
            entry.until = now.saturating_add(ms.min(limits::REST_MS));
        }
    }

    fn succeed(&mut self, name: &str) {
        // Nothing is remembered of those that never failed.
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.failures = 0;
            entry.rests = 0;
        }
    }
}

impl Failover {
    /// The way of a decided request.
    pub fn new(forward: &Forward) -> Self {
        let attempts = forward.attempts();
        // One allocation for all names: most requests need them for one attempt only.
        let mut names = String::with_capacity(
            attempts.iter().map(|attempt| attempt.provider.len().saturating_add(attempt.target.len())).sum(),
        );
        let mut place = |name: &str| {
            let start = names.len();
            names.push_str(name);
            (start, names.len())
        };
        let way = |attempt: &Attempt| Way {
            provider: place(&attempt.provider),
            target: place(&attempt.target),
            made: false,
            closed: false,
        };
        let ways = attempts.iter().map(way).collect();
        let dialect = forward.summary().dialect;
        Self { dialect, names, ways, current: None, count: 0, last: None }
    }

    /// Index of the attempt to be made, in the order of the decision; those who rest come last, since a target that
    /// rests is better than none. `None` where all were made.
    pub fn next(&mut self, circuits: &Circuits, now: u64) -> Option<usize> {
        let resting = |at: &usize| {
            let way = self.ways.get(*at);
            way.is_some_and(|way| circuits.resting(self.name(way.provider), self.name(way.target), now))
        };
        let mut open = self.open().filter(|at| !resting(at));
        let next = open.next().or_else(|| self.open().next());
        drop(open);
        if let Some(way) = next.and_then(|at| self.ways.get_mut(at)) {
            way.made = true;
            self.count = self.count.saturating_add(1);
        }
        self.current = next.or(self.current);
        next
    }

    /// Attempts made so far.
    pub const fn attempts(&self) -> u32 {
        self.count
    }

    /// The attempt brought no answer.
    pub fn failed(&mut self, circuits: &mut Circuits, now: u64, failure: Failure) {
        self.last = Some(failure);
        if let Some(way) = self.current() {
            circuits.fail(self.name(way.provider), now);
        }
    }

    /// An error event came in place of an answer. [`Verdict::Deliver`] where nobody else is left to be asked.
    pub fn opening_failed(&mut self, circuits: &mut Circuits, now: u64) -> Verdict {
        self.failed(circuits, now, Failure::Opening);
        self.or_deliver()
    }

    /// The head of an answer came.
    pub fn answered(&mut self, circuits: &mut Circuits, now: u64, head: &AnswerHead<'_>) -> Verdict {
        self.last = None;
        let Some(way) = self.current() else { return Verdict::Deliver };
        let provider = self.name(way.provider);
        match head.status {
            500.. => circuits.fail(provider, now),
            402 => circuits.rest_for(provider, now, limits::REST_MS),
            _ => circuits.succeed(provider),
        }
        if matches!(head.status, 429 | 503 | 529)
            && let Some(wait) = head.wait(now)
        {
            circuits.rest_for(self.name(way.target), now, wait);
        }
        let word = head.should_retry.map(<[u8]>::trim_ascii);
        // Refused for its key, or by its own word: not this provider again.
        if matches!(head.status, 401..=403) || word == Some(b"false") {
            self.close();
        }
        let next = head.status >= 500 || NEXT_TARGET_ON.contains(&head.status);
        let asked = word == Some(b"true") && head.status >= 400;
        if next || asked { self.or_deliver() } else { Verdict::Deliver }
    }

    /// The body of an answer that is not delivered: where it says that the money or the plan is used up, the provider is
    /// not asked again, and rests.
    pub fn explained(&mut self, circuits: &mut Circuits, now: u64, body: &[u8]) {
        if !says_unpaid(body) {
            return;
        }
        if let Some(way) = self.current() {
            circuits.rest_for(self.name(way.provider), now, limits::REST_MS);
        }
        self.close();
    }

    /// The answer to a client that nobody answered, in its dialect.
    pub fn rejection(&self) -> Rejection {
        let (status, code, what) = match self.last {
            Some(Failure::Timeout) => (504, "upstream_timeout", "did not answer in time"),
            Some(Failure::Reset) => (502, "upstream_reset", "closed the connection before it answered"),
            Some(Failure::Opening) => (502, "upstream_error", "answered with an error"),
            Some(Failure::Connect) | None => (502, "upstream_unreachable", "could not be reached"),
        };
        let provider = self.current().map_or("no provider", |way| self.name(way.provider));
        let message = format!("{provider} {what}; {} attempts were made", self.count);
        Rejection::new(self.dialect, status, code, &message)
    }

    fn current(&self) -> Option<Way> {
        self.ways.get(self.current?).copied()
    }

    fn name(&self, (start, end): (usize, usize)) -> &str {
        self.names.get(start..end).unwrap_or_default()
    }

    fn close(&mut self) {
        let Some(current) = self.current() else { return };
        let (names, name) = (&self.names, |(start, end): (usize, usize)| start..end);
        let provider = names.get(name(current.provider));
        for way in self.ways.iter_mut().filter(|way| names.get(name(way.provider)) == provider) {
            way.closed = true;
        }
    }

    /// Attempts that may still be made.
    fn open(&self) -> impl Iterator<Item = usize> {
        let open = |(at, way): (usize, &Way)| (!way.made && !way.closed).then_some(at);
        self.ways.iter().enumerate().filter_map(open)
    }

    fn or_deliver(&self) -> Verdict {
        if self.open().next().is_some() { Verdict::Next } else { Verdict::Deliver }
    }
}

impl AnswerHead<'_> {
    /// How long the provider asks to be left alone, in milliseconds.
    fn wait(&self, now: u64) -> Option<u64> {
        let number = |text: &[u8]| {
            let text = core::str::from_utf8(text).ok()?.trim();
            // Some send fractions: `retry-after: 0.5`.
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let tenths = part.get(..1).map_or(Some(0), |digit| digit.parse::<u64>().ok())?;
            Some((whole.parse::<u64>().ok()?, tenths))
        };
        if let Some((ms, _)) = self.retry_after_ms.and_then(number) {
            return Some(ms);
        }
        let text = self.retry_after?;
        if let Some((seconds, tenths)) = number(text) {
            return Some(seconds.saturating_mul(1000).saturating_add(tenths.saturating_mul(100)));
        }
        let at = http_date(core::str::from_utf8(text).ok()?.trim())?;
        Some(at.saturating_mul(1000).saturating_sub(now))
    }
}

/// Seconds since 1970 of `Fri, 27 Nov 2026 15:41:29 GMT` (RFC 9110, section 5.6.7; the two obsolete shapes are not
/// read).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? as u64;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || !(1970..10_000).contains(&year) || day > 31 || hour > 23 || minute > 59
    {
        return None;
    }
    // The year begins in March, so that the leap day is its last.
    let (year, month) =
        if month >= 2 { (year, month.checked_sub(2)?) } else { (year.checked_sub(1)?, month + 10) };
    let days = (year * 365 + year / 4 + year / 400 + (month * 153 + 2) / 5 + day)
        .checked_sub(year / 100 + 719_469)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Whether a refusal says that money or plan are used up: `insufficient_quota` and its kin at OpenAI and those who
/// speak like it, `…_spend_limit_reached` and `billing_error` at Anthropic.
fn says_unpaid(body: &[u8]) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: Maybe<Words>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Words {
        code: Name<{ limits::ERROR_CODE }>,
        r#type: Name<{ limits::ERROR_CODE }>,
    }
    let Ok(Refusal { error }) = serde_json::from_slice(body) else { return false };
    let Words { code, r#type } = error.object();
    [code.0, r#type.0].iter().flatten().any(|word| {
        UNPAID.contains(&word.as_str())
            || word.ends_with("_spend_limit_reached")
            || word.ends_with("_spend_limit_exceeded")
    })
}

const UNPAID: [&str; 8] = [
    "insufficient_quota",
    "insufficient_balance",
    "insufficient_credits",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "credit_limit_exceeded",
    "spend_limit_reached",
];
