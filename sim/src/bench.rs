//! Fixed answers for benchmarks: the wire format is right, nothing is looked at.

use bytes::Bytes;
use hyper::Response;

use crate::answer;
use crate::ask::{Ask, Segment};
use crate::body::SimBody;
use crate::cache::Billed;
use crate::models;
use crate::vendor::{Dialect, Vendor};

/// The events of a fixed stream.
pub const BENCH_EVENTS: usize = 51;

/// What a benchmarked provider answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bench {
    /// A small JSON document.
    Whole,
    /// A stream of [`BENCH_EVENTS`] events, in one write.
    Stream,
    /// A stream if the body asks for one (`"stream":true`), else a document.
    AsAsked,
}

/// The answers, made once.
pub(crate) struct Canned {
    bench: Bench,
    /// Whole and stream, for each dialect.
    answers: [(Dialect, Bytes, Bytes); 3],
}

impl Canned {
    pub(crate) fn new(vendor: Vendor, bench: Bench) -> Self {
        let make = |dialect| {
            let (whole, stream) = render(vendor, dialect);
            (dialect, whole, stream)
        };
        Self { bench, answers: [Dialect::Chat, Dialect::Messages, Dialect::Responses].map(make) }
    }

    pub(crate) fn answer(&self, path: &str, body: &[u8]) -> Response<SimBody> {
        let dialect = if path.ends_with("/messages") {
            Dialect::Messages
        } else if path.ends_with("/responses") {
            Dialect::Responses
        } else {
            Dialect::Chat
        };
        let asked = || [&b"\"stream\":true"[..], b"\"stream\": true"].iter().any(|key| contains(body, key));
        let streams = match self.bench {
            Bench::Whole => false,
            Bench::Stream => true,
            Bench::AsAsked => asked(),
        };
        let (_, whole, stream) =
            self.answers.iter().find(|(known, ..)| *known == dialect).unwrap_or(&self.answers[0]);
        let (kind, bytes) = if streams { ("text/event-stream", stream) } else { ("application/json", whole) };
        let mut response = Response::new(SimBody::whole(bytes.clone()));
        response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(kind));
        response
    }
}

fn contains(body: &[u8], key: &[u8]) -> bool {
    body.windows(key.len()).any(|window| window == key)
}

fn render(vendor: Vendor, dialect: Dialect) -> (Bytes, Bytes) {
    let name = models::ids(vendor).first().copied().unwrap_or("model");
    let Some(model) = models::find(vendor, name) else { return (Bytes::new(), Bytes::new()) };
    let mut ask = Ask::new(vendor, dialect, model, name);
    ask.include_usage = true;
    ask.max_output = 4096;
    ask.prompt = vec![Segment { tokens: 1000, hash: 1, mark: None, in_messages: true }];
    let answer = answer::make(&ask, Billed { fresh: 1000, ..Billed::default() });
    let frames = |parts: usize| match dialect {
        Dialect::Chat => answer::chat::stream(&ask, &answer, Some(parts)),
        Dialect::Messages => answer::messages::stream(&ask, &answer, 0, Some(parts)),
        Dialect::Responses => answer::responses::stream(&ask, &answer, 0, Some(parts)),
    };
    let whole = match dialect {
        Dialect::Chat => answer::chat::whole(&ask, &answer),
        Dialect::Messages => answer::messages::whole(&ask, &answer, 0),
        Dialect::Responses => answer::responses::whole(&ask, &answer, 0),
    };
    // All events but the text's stay; comments are none.
    let fixed = frames(1).iter().filter(|frame| !frame.text.starts_with(':')).count() - 1;
    let stream = frames(BENCH_EVENTS - fixed);
    let text: String = stream.into_iter().map(|frame| frame.text).collect();
    (Bytes::from(whole.compact()), Bytes::from(text))
}
