//! `pointsman score`: lines of prompts or request bodies in, lines of scores out.

use std::{
    fmt::Write as _,
    io::{self, BufWriter, Write},
    path::Path,
};

use pointsman::classify::{Classifier, Judgement};
use serde_json::Value;

use crate::{
    lines::{self, Line, Unread},
    paint,
};

/// Scores the lines of files (`-` and none at all are standard input) and writes `{"id","score","task","confidence"}`
/// for each, in their order. A line that cannot be read gets a null score, its number and an `error`, is counted, and ends
/// nothing.
///
/// # Errors
/// Where a file cannot be opened or read, or the output not be written. Who closes the output has read enough: no error.
pub fn run(files: &[impl AsRef<Path>]) -> Result<(), Box<dyn std::error::Error>> {
    let classifier = Classifier::shipped();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut unread, mut scored) = (Unread::default(), 0u64);
    let began = now();
    for (name, mut from) in lines::open(files)? {
        let judge = |number, text: Option<&str>| match text.map(|text| score(&classifier, number, text)) {
            Some(line) => line,
            None => Err((failed(&number.to_string(), number, &lines::too_long()), lines::too_long())),
        };
        let ended = lines::each(&mut *from, judge, |number, line| {
            let line = match line {
                Ok(line) => line,
                Err((line, error)) => {
                    unread.add(&name, number, &error);
                    line
                }
            };
            scored += 1;
            out.write_all(line.as_bytes())
        });
        match ended.and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            ended => ended.map_err(|error| format!("{name}: {error}"))?,
        }
    }
    unread.warn();
    let seconds = began.elapsed().as_secs_f64();
    let rate = scored as f64 / seconds.max(1e-6);
    paint::note(&format!(
        "{scored} lines, {} of them not read, in {seconds:.1} s: {rate:.0} a second with {} threads",
        unread.count,
        rayon::current_num_threads(),
    ));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the command says how long it took; the ban is the core's")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The line that answers a line; where it cannot be read, also why.
fn score(classifier: &Classifier, number: u64, text: &str) -> Result<String, (String, String)> {
    let line = Line::read(text).map_err(|error| (failed(&number.to_string(), number, &error), error))?;
    let id = line.id.map_or_else(|| number.to_string(), |id| id.get().to_owned());
    match line.judge(classifier, text) {
        Ok(judgement) => Ok(scored(&id, &judgement)),
        Err(error) => Err((failed(&id, number, &error), error)),
    }
}

fn scored(id: &str, judgement: &Judgement) -> String {
    let Judgement { gain, task, confidence, .. } = judgement;
    let mut line = String::with_capacity(id.len() + 80);
    // Writing to a string cannot fail.
    let _ = writeln!(
        line,
        "{{\"id\":{id},\"score\":{}.{:06},\"task\":\"{task}\",\"confidence\":{}.{:03}}}",
        gain / 1_000_000,
        gain % 1_000_000,
        confidence / 1000,
        confidence % 1000,
    );
    line
}

fn failed(id: &str, number: u64, error: &str) -> String {
    let error = Value::from(error);
    format!(
        "{{\"id\":{id},\"line\":{number},\"score\":null,\"task\":null,\"confidence\":null,\"error\":{error}}}\n"
    )
}
