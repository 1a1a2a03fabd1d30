//! Lines of JSON: prompts, whole requests, lines of our own access log. What is thought of each, many at once.

use std::{
    borrow::Cow,
    fs,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use pointsman::{
    Dialect,
    classify::{Classifier, Judgement, Role, Text},
    exchange, limits,
};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// Bytes that are read before they are judged, by all threads at once.
const BATCH: usize = 4 * 1024 * 1024;
/// The longest line: the largest request with every byte escaped, and something around it.
const LINE: usize = 2 * limits::REQUEST_BODY;

/// What is known by name in a line; whatever else it holds is ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'l> {
    #[serde(borrow)]
    pub(crate) id: Option<&'l RawValue>,
    #[serde(borrow)]
    prompt: Option<&'l RawValue>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    #[serde(borrow)]
    messages: Option<&'l RawValue>,
    #[serde(borrow)]
    input: Option<&'l RawValue>,
    /// Of the access log. Envoy writes all that a filter says as strings.
    #[serde(borrow)]
    pub(crate) difficulty: Option<&'l RawValue>,
    #[serde(borrow)]
    reason: Option<&'l RawValue>,
    /// What a strong model gained, -1 to 1.
    pub(crate) gain: Option<f64>,
    /// Scores of models, by name.
    #[serde(borrow)]
    pub(crate) scores: Option<&'l RawValue>,
}

/// A line that is neither.
const NEITHER: &str = "a line holds a `prompt` or a `body`, or is a request";

impl<'l> Line<'l> {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with the JSON, and in which column.
    pub(crate) fn read(text: &'l str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| error.to_string().replace(" at line 1 column ", " at column "))
    }

    /// Whether it is a line of the access log, which has no text to judge.
    pub(crate) fn is_logged(&self) -> bool {
        self.prompt.is_none() && self.body.is_none() && self.difficulty.is_some() | self.reason.is_some()
    }

    /// The judgement on its `prompt`, else on its `body` (an object, or a string that holds one), else on the line itself
    /// where it looks like a request.
    pub(crate) fn judge(&self, classifier: &Classifier, whole: &str) -> Result<Judgement, String> {
        if let Some(prompt) = self.prompt {
            return prompted(classifier, prompt.get());
        }
        let body = match self.body {
            Some(body) if body.get().starts_with('"') => {
                Cow::from(serde_json::from_str::<String>(body.get()).map_err(|error| error.to_string())?)
            }
            Some(body) => Cow::from(body.get()),
            None if self.messages.is_some() || self.input.is_some() => Cow::from(whole),
            None => return Err(NEITHER.to_owned()),
        };
        let dialect = match crate::explain::likely_path(body.as_bytes()) {
            "/v1/messages" => Dialect::Messages,
            "/v1/responses" => Dialect::Responses,
            _ => Dialect::Chat,
        };
        let found =
            exchange::judge_body(classifier, dialect, body.as_bytes()).map_err(|error| error.to_string())?;
        found.ok_or_else(|| "the request holds no text".to_owned())
    }
}

/// A prompt is a string; or, as some logs have it, a list of strings or of messages.
fn prompted(classifier: &Classifier, prompt: &str) -> Result<Judgement, String> {
    let one = |raw: &str| {
        let raw = raw.get(1..raw.len() - 1).unwrap_or_default();
        classifier.classify([Text { role: Role::User, raw: raw.as_bytes() }].into_iter())
    };
    if prompt.starts_with('"') {
        return Ok(one(prompt));
    }
    let value: Value = serde_json::from_str(prompt).map_err(|error| error.to_string())?;
    let Value::Array(list) = &value else {
        return Err("a prompt is a string, or a list of strings or messages".to_owned());
    };
    let texts = list.iter().filter_map(|item| match item {
        Value::String(text) => Some(text.as_str()),
        Value::Object(message) if message.get("role").is_none_or(|role| role == "user") => {
            message.get("content")?.as_str()
        }
        _ => None,
    });
    Ok(one(&Value::from(texts.collect::<Vec<_>>().join("\n\n")).to_string()))
}

/// Where lines come from, by the name that messages call it.
pub(crate) type Source = (String, Box<dyn BufRead>);

/// Where the lines of a run come from: files, or standard input, which is `-` and no name at all.
///
/// # Errors
/// The first file that cannot be opened: nothing has been done by then.
pub(crate) fn open(files: &[impl AsRef<Path>]) -> Result<Vec<Source>, String> {
    let standard = PathBuf::from("-");
    let paths: Vec<&Path> = match files {
        [] => vec![&standard],
        files => files.iter().map(AsRef::as_ref).collect(),
    };
    let one = |path: &Path| -> Result<Source, String> {
        if path == standard {
            return Ok(("standard input".to_owned(), Box::new(BufReader::new(io::stdin()))));
        }
        let name = path.display().to_string();
        let file = fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
        Ok((name, Box::new(BufReader::with_capacity(1 << 18, file))))
    };
    paths.into_iter().map(one).collect()
}

/// Calls `judge` for every line that is not empty, on all processors, with its number (from 1) and its text, or with `None` where
/// it is too long; and `take` with what comes of it, in the order of the lines.
///
/// # Errors
/// Where reading fails, or `take` does.
pub(crate) fn each<T: Send>(
    from: &mut dyn BufRead,
    judge: impl Fn(u64, Option<&str>) -> T + Sync,
    mut take: impl FnMut(u64, T) -> io::Result<()>,
) -> io::Result<()> {
    let (mut bytes, mut places, mut number) = (Vec::new(), Vec::new(), 0);
    loop {
        bytes.clear();
        places.clear();
        let mut ended = false;
        while bytes.len() < BATCH {
            let start = bytes.len();
            number += 1;
            if (&mut *from).take(LINE as u64).read_until(b'\n', &mut bytes)? == 0 {
                ended = true;
                break;
            }
            let mut place = Some(start..bytes.len());
            if bytes.len() - start == LINE && bytes.last() != Some(&b'\n') {
                from.skip_until(b'\n')?;
                bytes.truncate(start);
                place = None;
            }
            places.push((number, place));
        }
        let one = |(number, place): &(u64, Option<std::ops::Range<usize>>)| match place {
            None => Some((*number, judge(*number, None))),
            Some(place) => {
                // What is not UTF-8 is judged as what a terminal would show.
                let text = String::from_utf8_lossy(&bytes[place.clone()]);
                let text = text.trim();
                (!text.is_empty()).then(|| (*number, judge(*number, Some(text))))
            }
        };
        let found: Vec<Option<(u64, T)>> = places.par_iter().map(one).collect();
        for (number, found) in found.into_iter().flatten() {
            take(number, found)?;
        }
        if ended {
            return Ok(());
        }
    }
}

/// Lines that could not be read: how many, and the first of them.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// How many.
    pub(crate) count: u64,
    first: Vec<String>,
}

impl Unread {
    /// Lines that are named one by one.
    const NAMED: usize = 10;

    /// One more.
    pub(crate) fn add(&mut self, name: &str, number: u64, error: &str) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(format!("{name}, line {number}: {error}"));
        }
    }

    /// Names the first ones and says how many there are, on standard error; nothing where there are none.
    pub(crate) fn warn(&self) {
        for line in &self.first {
            crate::paint::warning(line);
        }
        let rest = self.count - self.first.len() as u64;
        if rest > 0 {
            crate::paint::warning(&format!("{rest} more lines could not be read"));
        }
    }
}

/// A line of this length is not read.
pub(crate) fn too_long() -> String {
    format!("longer than {} MiB", LINE >> 20)
}
