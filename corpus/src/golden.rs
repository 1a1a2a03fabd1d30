//! The reference as text: one file a theme, one entry a case, to be read in review.

use std::{collections::BTreeMap, fs};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    case::{Case, Corpus, root},
    cuts::Cuts,
    native,
    parity::Failover,
    seen::{BILL, Delivered, Seen, Sent},
};

/// Longest text that is shown whole, in bytes.
const SHOWN: usize = 240;

#[derive(Serialize)]
struct Entry {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    decision: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sent: Vec<SentEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientEntry>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bill: BTreeMap<&'static str, String>,
    /// The outcome of Envoy's own failover, where it is another, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_envoy: Option<Box<Other>>,
}

#[derive(Serialize)]
struct Other {
    because: String,
    outcome: Entry,
}

#[derive(Serialize)]
struct SentEntry {
    to: String,
    request: String,
    headers: Vec<String>,
    body: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edits: Vec<String>,
}

#[derive(Serialize)]
struct ClientEntry {
    status: u16,
    headers: Vec<String>,
    body: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    broken_off: bool,
}

/// The golden text of each theme, as the core has it now.
pub fn texts(corpus: &Corpus) -> BTreeMap<String, String> {
    let mut themes: BTreeMap<String, Vec<(String, Entry)>> = BTreeMap::new();
    let mut routers = BTreeMap::new();
    for case in &corpus.cases {
        let router =
            routers.entry(case.config.as_str()).or_insert_with(|| native::router(&corpus.document(case)));
        let seen = native::play(router, case, Failover::Core, &mut Cuts::none());
        let mut entry = Entry::of(case, &seen);
        if !case.envoy_differs.is_empty() {
            let seen = native::play(router, case, Failover::Envoy, &mut Cuts::none());
            let outcome = Entry::of(case, &seen);
            entry.in_envoy = Some(Box::new(Other { because: case.envoy_differs.clone(), outcome }));
        }
        themes.entry(case.theme.clone()).or_default().push((case.name.clone(), entry));
    }
    themes.into_iter().map(|(theme, entries)| (theme, text(&entries))).collect()
}

fn text(entries: &[(String, Entry)]) -> String {
    let mut text = String::from(
        "# Written by UPDATE=1 cargo test -p pointsman-corpus; read the difference before it is kept.\n",
    );
    for (name, entry) in entries {
        let entry = BTreeMap::from([(name, entry)]);
        text.push('\n');
        text.push_str(&serde_norway::to_string(&entry).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    text
}

/// What stands in `golden/` for each theme.
///
/// # Panics
/// Where the folder cannot be read.
pub fn recorded() -> BTreeMap<String, String> {
    let entries = fs::read_dir(root().join("golden")).expect("the folder `golden`");
    let read = entries.flatten().map(|entry| {
        let theme = entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
        (theme.unwrap_or_default(), fs::read_to_string(entry.path()).expect("a file of text"))
    });
    read.collect()
}

/// Writes the folder anew.
///
/// # Panics
/// Where it cannot be written.
pub fn write(texts: &BTreeMap<String, String>) {
    let folder = root().join("golden");
    for theme in recorded().keys().filter(|theme| !texts.contains_key(*theme)) {
        fs::remove_file(folder.join(format!("{theme}.yaml"))).expect("a file that can be removed");
    }
    for (theme, text) in texts {
        fs::write(folder.join(format!("{theme}.yaml")), text).expect("a file that can be written");
    }
}

/// Lines that differ, with the case that they belong to.
pub fn difference(was: &str, is: &str) -> Vec<String> {
    let (was, is) = (cases(was), cases(is));
    let mut lines = Vec::new();
    let mut names: Vec<&String> =
        is.keys().chain(was.keys().filter(|name| !is.contains_key(*name))).collect();
    names.sort();
    for name in names {
        let (was, is) =
            (was.get(name).map_or(&[][..], Vec::as_slice), is.get(name).map_or(&[][..], Vec::as_slice));
        if was == is {
            continue;
        }
        lines.push(format!("{name}:"));
        let gone = was.iter().filter(|line| !is.contains(line)).map(|line| format!("  - {}", line.trim()));
        let new = is.iter().filter(|line| !was.contains(line)).map(|line| format!("  + {}", line.trim()));
        lines.extend(gone.chain(new));
    }
    lines
}

fn cases(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            Some(new) => new.clone_into(&mut name),
            None => cases.entry(name.clone()).or_default().push(line.to_owned()),
        }
    }
    cases
}

impl Entry {
    fn of(case: &Case, seen: &Seen) -> Self {
        let (bill, decision) = seen.facts.clone().into_iter().partition(|(name, _)| BILL.contains(name));
        Self {
            decision,
            sent: seen.sent.iter().map(|sent| SentEntry::of(case, sent)).collect(),
            client: seen.delivered.as_ref().map(|delivered| ClientEntry::of(case, seen, delivered)),
            bill,
            in_envoy: None,
        }
    }
}

impl SentEntry {
    fn of(case: &Case, sent: &Sent) -> Self {
        let edits = sent.splices.iter().map(|splice| {
            let was = case.body.get(splice.start..splice.end).unwrap_or_default();
            format!("{}..{} {} → {}", splice.start, splice.end, shown(was), shown(&splice.with))
        });
        let body = match sent.body.len() {
            0 => "empty".to_owned(),
            _ if sent.body == case.body => format!("the client's, {}", digest(&sent.body)),
            _ => digest(&sent.body),
        };
        Self {
            to: sent.upstream.clone(),
            request: format!("{} {}", sent.method, sent.path),
            headers: lines(&sent.headers),
            body,
            edits: edits.collect(),
        }
    }
}

impl ClientEntry {
    fn of(case: &Case, seen: &Seen, delivered: &Delivered) -> Self {
        // The last provider's answer, as it came: said in a word.
        let answer = seen.sent.last().map(|sent| (&sent.upstream, case.answer(&sent.upstream)));
        let body = match answer {
            Some((upstream, answer)) if answer.body.0 == delivered.body && !delivered.body.is_empty() => {
                format!("of {upstream}, {} bytes", delivered.body.len())
            }
            _ => shown(&delivered.body),
        };
        Self { status: delivered.status, headers: lines(&delivered.headers), body, broken_off: delivered.cut }
    }
}

fn lines(headers: &[(String, Vec<u8>)]) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", printable(value))).collect()
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes, sha256 {hex}…", bytes.len())
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN { format!("`{}`", printable(bytes)) } else { digest(bytes) }
}

fn printable(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.extend(chunk.valid().chars().flat_map(|c| {
            let shown: Vec<char> = if c.is_control() { c.escape_default().collect() } else { vec![c] };
            shown
        }));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        text
    })
}
