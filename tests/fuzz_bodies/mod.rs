//! What must hold for any bytes whatever: one body for each fuzz target, shared with `tests/fuzz.rs`.
//!
//! A body takes the fuzzer's bytes and panics where a promise is broken.

#![allow(dead_code, reason = "every target uses one of the bodies")]

use pointsman::{
    Config,
    edit::{self, BodySplice},
    limits,
    meter::{BodyKind, Meter, Metered},
    wire::{
        Dialect,
        json::{Cursor, JsonError, JsonErrorKind, Kind, Value, unescape},
        request::{PartKind, RequestView},
    },
};
use serde::de::IgnoredAny;

/// A request body, read in every dialect.
///
/// The view points into the body, its parts are what they say, and putting another model in changes the model only.
pub(crate) fn chat_request(body: &[u8]) {
    for dialect in Dialect::ALL {
        let Ok(view) = RequestView::read(dialect, body) else { continue };
        let document: serde_json::Value = match serde_json::from_slice(body) {
            Ok(document) => document,
            // Lone surrogates and numbers beyond f64: the view may be more patient.
            Err(_) => {
                assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok(), "a view of what is no JSON");
                return;
            }
        };
        assert_eq!(document["model"], view.model.as_str());
        assert_eq!(view.stream, document["stream"] == true);

        let members = document.as_object().expect("an object");
        assert_eq!(members.len(), view.members.len());
        for member in &view.members {
            let name = std::str::from_utf8(member.name(body)).expect("a name is UTF-8");
            let value: serde_json::Value =
                serde_json::from_slice(member.value.span.of(body)).expect("a value");
            assert_eq!(members[name], value);
        }

        assert!(view.parts.len() <= limits::TEXT_PIECES);
        for part in &view.parts {
            assert!(part.message == 0 || part.message < view.messages);
            let raw = part.span.of(body);
            match part.kind {
                PartKind::Text | PartKind::Thinking | PartKind::ToolResult { .. } => {
                    assert!(unescape(raw).is_some(), "a part is the inside of a string");
                }
                PartKind::ToolCall { name } => {
                    assert!(unescape(name.of(body)).is_some());
                    assert!(raw.is_empty() || serde_json::from_slice::<IgnoredAny>(raw).is_ok());
                }
                PartKind::Image | PartKind::Document | PartKind::Audio => assert!(part.span.is_empty()),
            }
        }

        let splice = BodySplice {
            start: view.model_span.start as usize,
            end: view.model_span.end as usize,
            with: b"\"other/model\"".to_vec(),
        };
        let edited = edit::apply(body, &[splice]);
        let after = RequestView::read(dialect, &edited).expect("still readable");
        assert_eq!(after.model, "other/model");
        assert_eq!(
            (after.stream, after.traits, after.asked, after.max_output, after.messages, after.parts.len()),
            (view.stream, view.traits, view.asked, view.max_output, view.messages, view.parts.len())
        );
        let mut expected = document;
        expected["model"] = "other/model".into();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&edited).expect("still JSON"), expected);
    }
}

/// A text that may be JSON: the cursor and two readings of `serde_json` agree, and so do the cursor's two ways to walk.
///
/// `IgnoredAny` is a plain syntax check: no limit on depth, no look at UTF-8, surrogates or the size of numbers. `Value`
/// looks at all four. The cursor stands between the two: depth and UTF-8 as in `Value`, the rest as in `IgnoredAny`.
pub(crate) fn json_cursor(text: &[u8]) {
    let shown = String::from_utf8_lossy(text);
    let ours = accepts(text);
    let strict = std::str::from_utf8(text).is_ok() && depth(text) <= limits::JSON_DEPTH;
    let syntax = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    assert_eq!(ours.is_ok(), syntax && strict, "{ours:?} for {shown:?}");

    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(_) => assert_eq!(ours, Ok(()), "{shown:?}"),
        Err(error) if ours.is_ok() => {
            let error = error.to_string();
            let known = ["lone leading surrogate", "unexpected end of hex escape", "number out of range"];
            assert!(known.iter().any(|known| error.starts_with(known)), "{error} for {shown:?}");
        }
        Err(_) => {}
    }

    let (mut entered, mut over) = (Cursor::new(text), Cursor::new(text));
    let (visited, skipped) = (visit(&mut entered), over.skip());
    // Names are resolved where an object is entered, and only there.
    let lone = visited.is_err_and(|error| error.kind == JsonErrorKind::Utf8)
        && shown.to_ascii_lowercase().contains("\\ud");
    assert!(visited == skipped || lone, "{visited:?} or {skipped:?} for {shown:?}");
    if visited.is_ok() {
        assert_eq!(entered.offset(), over.offset());
    }
}

/// An answer in chunks: what the meter learns does not depend on where they are cut.
///
/// The first byte picks dialect and kind, the second the length of the chunks, the rest is the answer.
pub(crate) fn sse_chunks(data: &[u8]) {
    let [pick, step, answer @ ..] = data else { return };
    let dialect = Dialect::ALL[usize::from(*pick) % Dialect::ALL.len()];
    let kind = if pick & 0x80 == 0 { BodyKind::EventStream } else { BodyKind::Json };
    let metered = |chunks: &mut dyn Iterator<Item = &[u8]>| -> Metered {
        let mut meter = Meter::new(dialect, kind);
        chunks.for_each(|chunk| meter.push(chunk));
        meter.finish()
    };
    let whole = metered(&mut std::iter::once(answer));
    for step in [1, 2, usize::from(*step) + 1] {
        assert_eq!(metered(&mut answer.chunks(step)), whole, "chunks of {step}");
    }
    if let Some(error) = &whole.error {
        assert!(error.len() <= limits::ERROR_CODE && error.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert!(whole.served_model.is_none_or(|model| model.len() <= limits::MODEL_NAME));
}

/// A configuration document: refused with a place and a reason, or without loose ends.
pub(crate) fn config(document: &[u8]) {
    let config = match Config::from_json(document) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.pointer.is_empty() || error.pointer.starts_with('/'), "{error}");
            return;
        }
    };
    assert!(
        serde_json::from_slice::<serde_json::Value>(document).is_ok(),
        "a configuration of what is no JSON"
    );
    for alias in config.aliases() {
        assert!(config.alias(&alias.name).is_some() && config.ladder_of(alias).is_some());
    }
    for ladder in config.ladders() {
        assert!(config.baseline_of(ladder).is_some());
        for choice in ladder.tiers.iter().flat_map(|tier| &tier.choices) {
            let target = config.target_of(choice).expect("a target");
            assert!(config.provider_of(target).is_some());
        }
    }
}

pub(crate) fn accepts(text: &[u8]) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.end()
}

/// Walks by entering everything that can be entered.
pub(crate) fn visit(cursor: &mut Cursor<'_>) -> Result<Value, JsonError> {
    match cursor.peek()? {
        Kind::Object => cursor.object(|cursor, _| visit(cursor).map(drop)),
        Kind::Array => cursor.array(|cursor| visit(cursor).map(drop)),
        _ => cursor.skip(),
    }
}

/// Deepest nesting of brackets outside strings.
pub(crate) fn depth(text: &[u8]) -> usize {
    let (mut deepest, mut depth, mut string, mut escape) = (0usize, 0usize, false, false);
    for byte in text {
        match byte {
            _ if escape => escape = false,
            b'\\' if string => escape = true,
            b'"' => string = !string,
            b'[' | b'{' if !string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
