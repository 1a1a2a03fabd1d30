//! The answer: metered as it passes, and billed when it is over.

use alloc::string::String;

use super::{Forward, Metering, Receipt, ResponseHead, Router};
use crate::{
    meter::{BodyKind, Meter, Metered, Opening},
    policy::{self, Remembered, memory},
};

impl Forward {
    /// Looks at the beginning of an answer before it goes to the client: it may be an error that came with status 200.
    pub fn opening(&self, head: &ResponseHead<'_>) -> Opening {
        let kind = BodyKind::of(head.content_type, head.content_encoding);
        Opening::new(self.dialect.filter(|_| self.billed), kind, head.status)
    }

    /// Begins to meter the answer of `upstream`. An unknown upstream is metered without a price.
    pub fn respond(&self, upstream: Option<&str>, head: &ResponseHead<'_>) -> Metering {
        let attempt = upstream.and_then(|upstream| self.attempt_at(upstream));
        let kind = BodyKind::of(head.content_type, head.content_encoding);
        Metering {
            memo: self.memo,
            expected: self.expected.clone(),
            meter: self.dialect.filter(|_| self.billed).map(|dialect| Meter::new(dialect, kind)),
            status: head.status,
            target: attempt.map_or_else(String::new, |attempt| attempt.target.clone()),
            index: attempt.and_then(|attempt| attempt.index),
            baseline: self.baseline,
        }
    }
}

impl Metering {
    /// Whether pushed chunks are looked at. Where not, a door need not fetch them.
    pub const fn wants_body(&self) -> bool {
        self.meter.is_some()
    }

    /// Takes the next bytes of the response body. Any chunking gives the same receipt.
    pub fn push(&mut self, chunk: &[u8]) {
        if let Some(meter) = &mut self.meter {
            meter.push(chunk);
        }
    }

    /// Closes the bill. `unix_seconds` is the time of the request, for prices that depend on it; `None` means the
    /// list price.
    pub fn finish(self, router: &Router, unix_seconds: Option<u64>) -> Receipt {
        let metered = self.meter.map_or_else(Metered::unread, Meter::finish);
        let config = &router.config;
        let cost = |index: Option<usize>| config.cost(index, &metered.usage, unix_seconds);
        let remembered = self.memo.zip(unix_seconds).and_then(|(memo, now)| {
            let model = &config.targets.get(self.index?)?.model;
            let wide = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            let narrow = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
            let remembered = Remembered {
                tier: narrow(memo.tier),
                told: narrow(memo.told),
                target: memory::target_hash(&self.target),
                prefix_tokens: wide(metered.usage.prompt_tokens()?),
                prefix_bytes: wide(memo.bytes),
                seen: u32::try_from(now).ok()?,
                life: policy::life_seconds(model),
            };
            Some((memo.identity, remembered))
        });
        let known = cost(self.index);
        // An answer whose usage nobody told has cost something all the same; a refusal has not.
        let expected = self.expected.filter(|_| known.is_none() && (200..300).contains(&self.status));
        let estimated = expected.and_then(|usage| config.cost(self.index, &usage, unix_seconds));
        Receipt {
            remembered,
            cost: known,
            estimated,
            baseline: cost(self.index.and(self.baseline)),
            target: self.target,
            status: self.status,
            metered,
        }
    }
}
