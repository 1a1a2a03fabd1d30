//! How fast a request body is read. `cargo bench --bench core`
//!
//! `view` is the whole reading, the token estimate included; `skip` is the walk alone, `tokens` the estimate alone, and
//! `serde_json_ignored` a bare syntax check of the same bytes, to compare with.

use std::fmt;

use divan::{Bencher, black_box, counter::BytesCount};
use pointsman::wire::{Dialect, json::Cursor, request::RequestView, tokens::Estimator};

fn main() {
    divan::main();
}

/// A body of about this many bytes.
#[derive(Clone, Copy)]
struct Case {
    dialect: Dialect,
    text: &'static str,
    kilobytes: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.text {
            PROSE => "prose",
            ACCENTS => "accents",
            _ => "code",
        };
        write!(f, "{} {text} {} KB", self.dialect.name(), self.kilobytes)
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let texts = [PROSE, ACCENTS, CODE];
    [Dialect::Chat, Dialect::Messages].into_iter().flat_map(move |dialect| {
        texts
            .into_iter()
            .flat_map(move |text| [1, 20, 200].map(|kilobytes| Case { dialect, text, kilobytes }))
    })
}

#[divan::bench(args = cases())]
fn view(bencher: Bencher<'_, '_>, case: Case) {
    let body = body(case);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| RequestView::read(case.dialect, black_box(&body)).expect("a readable body"));
}

/// The estimate alone, over as many bytes of text.
#[divan::bench(args = cases().filter(|case| case.dialect == Dialect::Chat))]
fn tokens(bencher: Bencher<'_, '_>, case: Case) {
    let text: Vec<u8> = case.text.bytes().cycle().take(case.kilobytes * 1024).collect();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut estimator = Estimator::new(text.len() as u64);
        estimator.text(black_box(&text));
        estimator.tokens()
    });
}

/// The walk alone, without looking at what is walked over.
#[divan::bench(args = cases().filter(|case| case.kilobytes == 200))]
fn skip(bencher: Bencher<'_, '_>, case: Case) {
    let body = body(case);
    bencher.counter(BytesCount::new(body.len())).bench_local(|| Cursor::new(black_box(&body)).skip());
}

/// What a bare `serde_json` syntax check of the same body takes.
#[divan::bench(args = cases().filter(|case| case.kilobytes == 200))]
fn serde_json_ignored(bencher: Bencher<'_, '_>, case: Case) {
    let body = body(case);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&body)).is_ok());
}

/// An agent's conversation: a system prompt, tools, then turns with a call and its result of about 2 KB each.
fn body(case: Case) -> Vec<u8> {
    let bytes = case.kilobytes * 1024;
    let chunk = (bytes / 4).clamp(200, 2048);
    let mut source = case.text.chars().cycle();
    let mut text = |bytes: usize| -> String {
        let mut text = String::new();
        while text.len() < bytes {
            text.extend(source.next());
        }
        serde_json::to_string(&text).expect("a string")
    };
    let schema =
        r#"{"type":"object","properties":{"path":{"type":"string","description":"Where to read."}}}"#;
    let mut body = match case.dialect {
        Dialect::Messages => format!(
            r#"{{"model":"auto","max_tokens":32000,"stream":true,"thinking":{{"type":"adaptive"}},
"system":[{{"type":"text","text":{},"cache_control":{{"type":"ephemeral"}}}}],
"tools":[{{"name":"read","description":"Reads a file.","input_schema":{schema}}}],"messages":["#,
            text(chunk)
        ),
        _ => format!(
            r#"{{"model":"auto","stream":true,"reasoning_effort":"medium",
"tools":[{{"type":"function","function":{{"name":"read","description":"Reads a file.","parameters":{schema}}}}}],
"messages":[{{"role":"system","content":{}}},"#,
            text(chunk)
        ),
    };
    let mut turn = 0;
    while body.len() < bytes {
        turn += 1;
        let (ask, found) = (text(chunk / 8), text(chunk));
        body += &match case.dialect {
            Dialect::Messages => format!(
                r#"{{"role":"user","content":[{{"type":"text","text":{ask}}}]}},
{{"role":"assistant","content":[{{"type":"tool_use","id":"toolu_{turn}","name":"read","input":{{"path":"src/lib.rs"}}}}]}},
{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{turn}","content":[{{"type":"text","text":{found}}}]}}]}},"#
            ),
            _ => format!(
                r#"{{"role":"user","content":{ask}}},
{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"read","arguments":"{{\"path\":\"src/lib.rs\"}}"}}}}]}},
{{"role":"tool","tool_call_id":"call_{turn}","content":{found}}},"#
            ),
        };
    }
    body += r#"{"role":"user","content":"Go on."}]}"#;
    body.into_bytes()
}

const PROSE: &str = "The lighthouse keeper wrote his log every evening, and every evening the log said the same: wind \
from the west, two ships passed, nothing to report. On the day when the third ship came he did not know how to write \
it down, so he walked to the village and asked the schoolmistress, who told him to begin with the weather. ";

const ACCENTS: &str = "Der Leuchtturmwärter führte sein Logbuch jeden Abend, “und jeden Abend stand dasselbe darin”: \
Wind aus Westen, zwei Schiffe, nichts zu melden. Am Tag, an dem das dritte Schiff kam, wußte er nicht, wie man so \
etwas aufschreibt — also ging er ins Dorf 😀. ";

const CODE: &str = "fn main() -> Result<(), Error> {\n    let path = env::args().nth(1).ok_or(\"no path\")?;\n\
\n    for line in fs::read_to_string(&path)?.lines() {\n        if line.trim_start().starts_with(\"//\") {\n\
            continue;\n        }\n        println!(\"{}\\t{line}\", line.len());\n    }\n    Ok(())\n}\n";
