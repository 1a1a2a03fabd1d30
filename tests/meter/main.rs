//! What the meter reads out of answers as providers send them, and that nothing on the way there can upset
//! it.

mod cases;

use std::collections::HashSet;

use pointsman::limits;
use pointsman::meter::BodyKind::{self, EventStream, Json, Opaque};
use pointsman::meter::FinishReason::Stop;
use pointsman::meter::StreamEnd::{Complete, Error, Truncated};
use pointsman::meter::{Meter, Metered};
use pointsman::wire::Dialect::{self, Chat, Messages, Responses};
use pointsman::wire::usage::Usage;
use proptest::prelude::*;

use cases::{CASES, Case};

fn meter<'a>(dialect: Dialect, kind: BodyKind, chunks: impl IntoIterator<Item = &'a [u8]>) -> Metered {
    let mut meter = Meter::new(dialect, kind);
    chunks.into_iter().for_each(|chunk| meter.push(chunk));
    meter.finish()
}

impl Case {
    fn metered(&self) -> Metered {
        meter(self.dialect, self.kind, [self.body.as_bytes()])
    }
}

fn streams() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.kind == EventStream)
}

#[test]
fn reads_what_providers_send() {
    for case in CASES {
        let [input, cache_read, cache_write_short, cache_write_long, output, reasoning] = case.usage;
        let usage = Usage { input, cache_read, cache_write_short, cache_write_long, output, reasoning };
        let expected = Metered {
            usage,
            end: case.end,
            finish: case.finish,
            error: case.error.map(Into::into),
            served_model: case.model.map(Into::into),
        };
        assert_eq!(case.metered(), expected, "{}", case.name);
    }
}

#[test]
fn any_cut_gives_the_same_result() {
    for case in CASES {
        let (body, whole) = (case.body.as_bytes(), case.metered());
        for at in 0..=body.len() {
            let (first, second) = body.split_at(at);
            assert_eq!(meter(case.dialect, case.kind, [first, second]), whole, "{} cut at {at}", case.name);
        }
        for size in 1..9 {
            assert_eq!(meter(case.dialect, case.kind, body.chunks(size)), whole, "{} by {size}", case.name);
        }
    }
}

#[test]
fn any_line_end_and_a_byte_order_mark_give_the_same_result() {
    for case in streams() {
        for ending in ["\r\n", "\r"] {
            for mark in ["", "\u{FEFF}"] {
                let body = format!("{mark}{}", case.body.replace('\n', ending));
                for size in [1, 2, 3, 7, body.len()] {
                    let metered = meter(case.dialect, case.kind, body.as_bytes().chunks(size));
                    assert_eq!(metered, case.metered(), "{} with {ending:?} by {size}", case.name);
                }
            }
        }
    }
}

#[test]
fn a_stream_cut_anywhere_reports_only_what_whole_events_said() {
    for case in streams() {
        let events: Vec<&str> = case.body.split_inclusive("\n\n").collect();
        let said: HashSet<_> = (0..=events.len())
            .map(|count| {
                let metered =
                    meter(case.dialect, case.kind, events[..count].iter().map(|event| event.as_bytes()));
                format!("{:?}", metered.usage)
            })
            .collect();
        for at in 0..case.body.len() {
            let metered = meter(case.dialect, case.kind, [&case.body.as_bytes()[..at]]);
            assert!(said.contains(&format!("{:?}", metered.usage)), "{} cut at {at}: {metered:?}", case.name);
        }
    }
}

#[test]
fn a_json_body_cut_anywhere_reports_nothing() {
    for case in CASES.iter().filter(|case| case.kind == Json) {
        for at in 0..case.body.len() {
            let metered = meter(case.dialect, case.kind, [&case.body.as_bytes()[..at]]);
            assert_eq!(metered.usage, Usage::default(), "{} cut at {at}", case.name);
            assert_eq!(metered.end, Truncated, "{} cut at {at}", case.name);
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_matter_only_where_they_are_read() {
    let stream = |delta: &[u8]| {
        let start = b"data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n".as_slice();
        let end = b"data: {\"choices\":[{\"delta\":{\"content\":\"\xFF\"},\"finish_reason\":\"stop\"}],\
            \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
        meter(Chat, EventStream, [start, delta, end])
    };
    let metered = stream(b"");
    assert_eq!((metered.usage.input, metered.usage.output), (Some(3), Some(2)));
    assert_eq!(metered.finish, Some(Stop));
    assert_eq!(
        stream(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\x28\xFE\"}}]}\n\n: \xFF\n\n"),
        metered
    );
}

#[test]
fn nothing_is_read_from_an_opaque_body() {
    for case in CASES {
        let metered = meter(case.dialect, Opaque, [case.body.as_bytes()]);
        assert_eq!(metered.usage, Usage::default(), "{}", case.name);
        assert_eq!(metered.served_model, None, "{}", case.name);
    }
}

#[test]
fn a_json_body_above_the_bound_is_not_read() {
    let usage = br#"{"usage":{"prompt_tokens":5,"completion_tokens":1}}"#.as_slice();
    let blanks = vec![b' '; limits::RESPONSE_BODY - usage.len()];
    assert_eq!(meter(Chat, Json, [&blanks, usage]).usage.input, Some(5));
    assert_eq!(meter(Chat, Json, [b" ".as_slice(), &blanks, usage]).usage, Usage::default());
    assert_eq!(meter(Chat, Json, [b" ".as_slice(), &blanks, usage, b"", usage]).usage, Usage::default());
}

#[test]
fn an_event_above_the_bound_is_skipped_and_the_next_is_read() {
    let padding = "x".repeat(limits::SSE_LINE);
    let long = format!("data: {{\"usage\":{{\"prompt_tokens\":1}},\"pad\":\"{padding}\"}}\n\n");
    let next = "data: {\"usage\":{\"completion_tokens\":2}}\n\n";
    for size in [1 << 12, long.len() * 2] {
        let stream = format!("{long}{next}");
        let usage = meter(Chat, EventStream, stream.as_bytes().chunks(size)).usage;
        assert_eq!((usage.input, usage.output), (None, Some(2)));
    }
    // The end of a Responses stream repeats the whole answer: it counts as seen even where it is too long to
    // read.
    let last = format!("event: response.completed\ndata: {{\"pad\":\"{padding}\"}}\n\n");
    assert_eq!(meter(Responses, EventStream, [last.as_bytes()]).end, Complete);
    assert_eq!(meter(Responses, EventStream, [&last.as_bytes()[..last.len() - 2]]).end, Truncated);
}

#[test]
fn names_that_are_too_long_or_unprintable_are_not_kept() {
    let body = |model: &str, code: &str| {
        let code = serde_json::to_string(code).unwrap();
        let model = serde_json::to_string(model).unwrap();
        let body = format!("{{\"model\":{model},\"error\":{{\"code\":{code},\"message\":\"m\"}}}}");
        let metered = meter(Chat, Json, [body.as_bytes()]);
        assert_eq!(metered.end, Error);
        (metered.served_model, metered.error)
    };
    let (model, code) = ("m".repeat(limits::MODEL_NAME), "c".repeat(limits::ERROR_CODE));
    assert_eq!(body(&model, &code), (Some(model.clone()), Some(code.clone())));
    assert_eq!(body(&format!("{model}m"), &format!("{code}c")), (None, None));
    assert_eq!(body("a\r\nset-cookie: x", "two words"), (None, None));
}

#[test]
fn the_kind_of_a_body_follows_from_its_headers() {
    let kind = |content_type: &str, encoding: Option<&str>| {
        BodyKind::of(Some(content_type.as_bytes()), encoding.map(str::as_bytes))
    };
    assert_eq!(kind("application/json", None), Json);
    assert_eq!(kind("Application/JSON; charset=utf-8", Some("identity")), Json);
    assert_eq!(kind("application/problem+json", Some("")), Json);
    assert_eq!(kind(" text/event-stream ;charset=utf-8", Some(" Identity ")), EventStream);
    assert_eq!(kind("application/json", Some("gzip")), Opaque);
    assert_eq!(kind("text/event-stream", Some("identity, br")), Opaque);
    for other in ["text/html", "json", "", "application/jsonl", "application/x-ndjson", "text/event-streams"]
    {
        assert_eq!(kind(other, None), Opaque, "{other}");
    }
    assert_eq!(BodyKind::of(None, None), Opaque);
    assert_eq!(BodyKind::of(Some(b"\xFF;/json"), Some(b"\xFF")), Opaque);
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.as_slice())
}

/// Bytes that are likely to form lines, fields and JSON.
fn nearly_a_stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"data: ",
        b"event: ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"\\",
        b"\xFF",
        b"\"usage\":",
        b"\"usage\":{",
        b"\"error\":",
        b"\"type\":",
        b"\"message_start\"",
        b"message_delta",
        b"null",
        b"\"choices\":[{",
        b"\"finish_reason\":\"stop\"",
        b"\"prompt_tokens\":",
        b"7",
        b"-",
        b"1e999",
        b"[DONE]",
        b"error",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|chosen| chosen.concat())
}

/// Cuts `body` after each of `sizes` bytes in turn.
fn cut<'a>(mut body: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for &size in sizes {
        let (chunk, rest) = body.split_at(size.min(body.len()));
        chunks.push(chunk);
        body = rest;
    }
    chunks.push(body);
    chunks
}

proptest! {
    #[test]
    fn random_cuts_give_the_same_result(
        index in 0..CASES.len(),
        sizes in prop::collection::vec(0..80_usize, 0..40),
    ) {
        let case = &CASES[index];
        let metered = meter(case.dialect, case.kind, cut(case.body.as_bytes(), &sizes));
        prop_assert_eq!(metered, case.metered(), "{}", case.name);
    }

    #[test]
    fn garbage_reports_no_usage(
        dialect in any_dialect(),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        for kind in [Json, EventStream, Opaque] {
            prop_assert_eq!(meter(dialect, kind, [bytes.as_slice()]).usage, Usage::default());
        }
    }

    #[test]
    fn what_only_looks_like_a_stream_does_no_harm(
        dialect in any_dialect(),
        bytes in nearly_a_stream(),
        sizes in prop::collection::vec(0..20_usize, 0..20),
    ) {
        for kind in [Json, EventStream] {
            let whole = meter(dialect, kind, [bytes.as_slice()]);
            prop_assert_eq!(&meter(dialect, kind, cut(&bytes, &sizes)), &whole);
            prop_assert_eq!(&meter(dialect, kind, bytes.chunks(1)), &whole);
        }
    }

    #[test]
    fn a_damaged_byte_does_no_harm(index in 0..CASES.len(), at in any::<prop::sample::Index>(), byte: u8) {
        let case = &CASES[index];
        let mut body = case.body.as_bytes().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let whole = meter(case.dialect, case.kind, [body.as_slice()]);
        prop_assert_eq!(meter(case.dialect, case.kind, body.chunks(1)), whole);
    }

    /// Whatever a model writes, it cannot change what its own answer is said to cost.
    #[test]
    fn text_of_the_model_cannot_pass_for_a_report(
        text in "(usage|error|type|finish_reason|[\":{}\\\\ ,0-9]|message_stop|\n|data: |[a-zü]){0,40}",
        at in any::<prop::sample::Index>(),
    ) {
        let text = serde_json::to_string(&text).unwrap();
        for case in streams().filter(|case| case.model.is_some()) {
            let delta = match case.dialect {
                Chat => format!(
                    r#"{{"model":"x","choices":[{{"delta":{{"content":{text}}},"finish_reason":null}}],"usage":null}}"#
                ),
                Messages => {
                    format!(r#"{{"type":"content_block_delta","delta":{{"type":"text_delta","text":{text}}}}}"#)
                }
                Responses => format!(r#"{{"type":"response.output_text.delta","delta":{text}}}"#),
            };
            let delta = format!("data: {delta}\n\n");
            let mut events: Vec<&str> = case.body.split_inclusive("\n\n").collect();
            let first = events.iter().position(|event| event.contains("\"model\"")).unwrap() + 1;
            // Anywhere after the event that names the model, but not into an event that was cut.
            let whole = events.iter().filter(|event| event.ends_with("\n\n")).count();
            events.insert(first + at.index(whole - first + 1), &delta);
            let metered = meter(case.dialect, case.kind, [events.concat().as_bytes()]);
            prop_assert_eq!(metered, case.metered(), "{}", case.name);
        }
    }
}
