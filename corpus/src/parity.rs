//! Holds a door to the reference.

use std::collections::{BTreeMap, BTreeSet};

use pointsman::Router;

use crate::{
    case::{Case, Corpus},
    cuts::Cuts,
    native,
    seen::{Delivered, Seen, Sent},
};

/// Whose rules lead from one attempt to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failover {
    /// The core's: doors that make the attempts themselves.
    Core,
    /// Envoy's retry policy, as it is generated.
    Envoy,
}

/// A way into the core that can be held to the reference.
pub trait Door {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Whose failover it has.
    fn failover(&self) -> Failover;

    /// Facts that it shows. Each is compared, also where it is absent.
    fn shows(&self) -> &'static [&'static str];

    /// Headers of its host's making, by the beginning of their names: these are not compared.
    fn adds(&self) -> &'static [&'static str] {
        &[":", "host", "content-length", "transfer-encoding", "connection"]
    }

    /// Whether a provider that a tier lists twice can be told from itself.
    fn tells_upstreams(&self) -> bool {
        true
    }

    /// Takes up a configuration document. Cases come after it until the next one.
    fn configure(&mut self, document: &str);

    /// Plays a case.
    fn play(&mut self, case: &Case, cuts: &mut Cuts) -> Seen;
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Run {
    /// Cases that were played.
    pub played: usize,
    /// Where the door differs: a line each, the case's name first.
    pub differences: Vec<String>,
}

/// Plays all cases on a door, and on the core beside it.
pub fn run(corpus: &Corpus, door: &mut dyn Door, cuts: &mut Cuts) -> Run {
    let mut run = Run::default();
    for (config, cases) in corpus.by_config() {
        let document = corpus.configs[config].to_string();
        let router: Router = native::router(&document);
        door.configure(&document);
        for case in cases {
            let seen = door.play(case, cuts);
            let reference = native::play(&router, case, door.failover(), &mut Cuts::none());
            run.played += 1;
            run.differences.extend(
                differences(door, &reference, &seen).into_iter().map(|line| format!("{}: {line}", case.name)),
            );
        }
    }
    run
}

impl Run {
    /// Sets aside cases in which this host is known to differ, and says why; their differences are still printed.
    #[must_use]
    pub fn but_for(mut self, known: &[(&str, &str)]) -> Self {
        for (case, why) in known {
            let of_case = |line: &String| line.starts_with(&format!("{case}: "));
            for line in self.differences.iter().filter(|line| of_case(line)) {
                println!("known ({why}): {line}");
            }
            self.differences.retain(|line| !of_case(line));
        }
        self
    }

    /// Fails where there is any difference, and says all of them.
    ///
    /// # Panics
    /// As said.
    pub fn expect_none(&self, door: &str) {
        let found = self.differences.len();
        assert!(
            self.differences.is_empty(),
            "{door} differs from the core in {found} places:\n{}",
            self.differences.join("\n")
        );
        println!("{door}: {} cases, the same in every fact and byte", self.played);
    }
}

/// Where what was seen through a door is not what the core says.
pub fn differences(door: &dyn Door, reference: &Seen, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let show =
        |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"));
    for name in door.shows() {
        let (wanted, got) = (reference.facts.get(name), seen.facts.get(name));
        if wanted != got {
            found.push(format!("{name} is {} instead of {}", show(got), show(wanted)));
        }
    }
    let name = |upstream: &str| {
        let provider = upstream.split('.').next().unwrap_or_default();
        if door.tells_upstreams() { upstream.to_owned() } else { provider.to_owned() }
    };
    let order = |sent: &[Sent]| sent.iter().map(|sent| name(&sent.upstream)).collect::<Vec<_>>().join(", ");
    if order(&reference.sent) != order(&seen.sent) {
        found.push(format!("asked [{}] instead of [{}]", order(&seen.sent), order(&reference.sent)));
    }
    for (wanted, got) in reference.sent.iter().zip(&seen.sent) {
        let what = format!("to {}", wanted.upstream);
        if (&wanted.method, &wanted.path) != (&got.method, &got.path) {
            found.push(format!(
                "{what}: {} {} instead of {} {}",
                got.method, got.path, wanted.method, wanted.path
            ));
        }
        if wanted.body != got.body {
            found.push(format!("{what}: {}", first_difference(&wanted.body, &got.body)));
        }
        found.extend(
            headers(door, &wanted.headers, &got.headers).into_iter().map(|line| format!("{what}: {line}")),
        );
    }
    if let Some(wanted) = &reference.delivered {
        match &seen.delivered {
            None => found.push("the client got no answer".to_owned()),
            Some(got) => found.extend(delivered(door, wanted, got)),
        }
    }
    found
}

fn delivered(door: &dyn Door, wanted: &Delivered, got: &Delivered) -> Vec<String> {
    let mut found = Vec::new();
    if (wanted.status, wanted.cut) != (got.status, got.cut) {
        let cut = |cut: bool| if cut { ", broken off" } else { "" };
        found.push(format!(
            "status {}{} instead of {}{}",
            got.status,
            cut(got.cut),
            wanted.status,
            cut(wanted.cut)
        ));
    }
    if wanted.body != got.body {
        found.push(format!("to the client: {}", first_difference(&wanted.body, &got.body)));
    }
    // The type of nothing is nothing.
    let kept = |headers: &[(String, Vec<u8>)]| {
        let mut headers = headers.to_vec();
        headers.retain(|(name, _)| name != "content-type" || !wanted.body.is_empty());
        headers
    };
    found.extend(
        headers(door, &kept(&wanted.headers), &kept(&got.headers))
            .into_iter()
            .map(|line| format!("to the client: {line}")),
    );
    found
}

/// The same names with the same values in the same order; of names that the host adds nothing is said.
fn headers(door: &dyn Door, wanted: &[(String, Vec<u8>)], got: &[(String, Vec<u8>)]) -> Vec<String> {
    let listed = |headers: &[(String, Vec<u8>)]| {
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            if !door.adds().iter().any(|prefix| name.starts_with(prefix)) {
                by_name.entry(name.clone()).or_default().push(String::from_utf8_lossy(value).into_owned());
            }
        }
        by_name
    };
    let (wanted, got) = (listed(wanted), listed(got));
    let names: BTreeSet<&String> = wanted.keys().chain(got.keys()).collect();
    let differs = names.into_iter().filter(|name| wanted.get(*name) != got.get(*name));
    differs
        .map(|name| {
            let shown = |values: Option<&Vec<String>>| {
                values.map_or_else(|| "nothing".to_owned(), |v| format!("`{}`", v.join(", ")))
            };
            format!("header {name} is {} instead of {}", shown(got.get(name)), shown(wanted.get(name)))
        })
        .collect()
}

fn first_difference(wanted: &[u8], got: &[u8]) -> String {
    let at = wanted.iter().zip(got).take_while(|(wanted, got)| wanted == got).count();
    let around = |bytes: &[u8]| {
        let start = at.saturating_sub(16);
        String::from_utf8_lossy(bytes.get(start..(at + 32).min(bytes.len())).unwrap_or_default()).into_owned()
    };
    format!(
        "bytes differ from {at} on ({} instead of {}): `{}` instead of `{}`",
        got.len(),
        wanted.len(),
        around(got),
        around(wanted)
    )
}
