//! What the router sees of the bodies that clients really send.
//!
//! Each case is a body as one client writes it, and beside it the whole view in a short notation:
//!
//! ```text
//! MODEL [stream] [usage] [max=N] [effort=E] [thinking=T] [budget=N] messages=N
//! TRAIT TRAIT …
//! MESSAGE ROLE KIND "text"
//! ```

mod chat;
mod malformed;
mod messages;
mod order;
mod responses;
mod size;

use std::fmt::Write as _;

use pointsman::wire::{
    Dialect,
    json::unescape,
    request::{PartKind, RequestView, Thinking, Unreadable},
};

#[track_caller]
fn check(dialect: Dialect, body: &str, expected: &[&str]) {
    let seen = shown(dialect, body.as_bytes());
    let expected: String = expected.iter().flat_map(|line| [*line, "\n"]).collect();
    assert!(seen == expected, "\n--- seen\n{seen}--- expected\n{expected}--- body\n{body}");
}

/// A view in the notation of this test.
fn shown(dialect: Dialect, body: &[u8]) -> String {
    let view = RequestView::read(dialect, body).unwrap_or_else(|cause| panic!("{cause}"));
    let mut out = view.model.clone();
    let mut word = |word: String| write!(out, " {word}").unwrap();
    if view.stream {
        word("stream".into());
    }
    if view.stream_usage {
        word("usage".into());
    }
    if let Some(max) = view.max_output {
        word(format!("max={max}"));
    }
    if let Some(effort) = view.asked.effort {
        word(format!("effort={effort}"));
    }
    if let Some(thinking) = view.asked.thinking {
        word(format!(
            "thinking={}",
            match thinking {
                Thinking::Adaptive => "adaptive",
                Thinking::Disabled => "disabled",
                Thinking::Enabled => "enabled",
            }
        ));
    }
    if let Some(budget) = view.asked.budget {
        word(format!("budget={budget}"));
    }
    word(format!("messages={}", view.messages));
    writeln!(out, "\n{}", view.traits.names().join(" ")).unwrap();
    for part in &view.parts {
        let role = format!("{:?}", part.role).to_lowercase();
        let raw = part.span.of(body);
        let text = || unescape(raw).unwrap_or_else(|| format!("(raw) {}", String::from_utf8_lossy(raw)));
        let what = match part.kind {
            PartKind::Text => format!("text {:?}", text()),
            PartKind::Thinking => format!("thinking {:?}", text()),
            PartKind::ToolResult { error: false } => format!("result {:?}", text()),
            PartKind::ToolResult { error: true } => format!("error {:?}", text()),
            PartKind::ToolCall { name } => {
                format!("call {} {}", String::from_utf8_lossy(name.of(body)), String::from_utf8_lossy(raw))
            }
            PartKind::Image | PartKind::Document | PartKind::Audio => {
                assert!(part.span.is_empty(), "no text in an attachment");
                format!("{:?}", part.kind).to_lowercase()
            }
        };
        writeln!(out, "{} {role} {what}", part.message).unwrap();
    }
    let span = view.model_span.of(body);
    assert_eq!(
        serde_json::from_slice::<String>(span).unwrap(),
        view.model,
        "the span is the model's value, quotes included"
    );
    assert_eq!(serde_json::from_slice::<serde_json::Value>(body).unwrap()["model"], view.model.as_str());
    out
}

fn code(dialect: Dialect, body: &[u8]) -> &'static str {
    RequestView::read(dialect, body).map_or_else(Unreadable::code, |_| "readable")
}
