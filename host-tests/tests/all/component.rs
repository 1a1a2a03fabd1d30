//! What the component is to its host, and what a call of it costs.

use std::{collections::BTreeMap, fs, path::Path};

use host_tests::component::{
    ComponentDoor, Embedded, imports,
    routing::{Outcome, RequestHead},
};
use pointsman_corpus::{Corpus, Cuts, Door};

#[test]
fn it_imports_nothing() {
    assert_eq!(imports(), Vec::<String>::new());
}

#[test]
fn a_wrong_configuration_is_answered_with_place_and_cure() {
    let document = br#"{ "version": 1, "ladders": {}, "aliases": { "auto": "nowhere" } }"#;
    let Err(error) = Embedded::start(document) else { panic!("it was taken") };
    assert!(error.pointer.starts_with('/'), "{}", error.pointer);
    assert!(!error.message.is_empty());
}

#[test]
fn field_lines_may_be_as_a_client_wrote_them() {
    let document = br#"{ "version": 1, "ladders": { "default": { "tiers": [
        { "name": "only", "targets": ["minimax/MiniMax-M3.1-Flash"] } ], "thresholds": [] } },
        "aliases": { "auto": "default" } }"#;
    let host = Embedded::start(document).unwrap_or_else(|error| panic!("{}", error.message));
    let Embedded { mut store, router, api } = host;
    let api = api.pointsman_router_routing();
    let lines = b"Content-Type:application/json\r\nX-Empty:\r\nno field\n: no name\ntwo words: 1\n\nAccept: \t*/* \nX-Last: a: b";
    let head = RequestHead {
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        fields: lines.to_vec(),
    };
    let body = br#"{"model":"auto","messages":[{"role":"user","content":"hi"}]}"#;
    let outcome = api.router().call_route(&mut store, router, &head, body).expect("no trap");
    let Outcome::Forward(exchange) = outcome else { panic!("it is routed") };
    let attempt = api.exchange().call_attempt(&mut store, exchange, 0, Some("k")).expect("no trap");
    let headers = attempt.expect("a target").headers;
    let text = |(name, value): &(String, Vec<u8>)| format!("{name}={}", String::from_utf8_lossy(value));
    let sent: Vec<String> = headers.iter().map(text).collect();
    let wanted = [
        "content-type=application/json",
        "x-empty=",
        "accept=*/*",
        "x-last=a: b",
        "accept-encoding=identity",
        "authorization=Bearer k",
    ];
    for header in wanted {
        assert!(sent.iter().any(|sent| sent == header), "{header} is not in {sent:?}");
    }
    assert_eq!(sent.len(), wanted.len(), "{sent:?}");
}

/// `fuel name`, one case a line; the first line says which compiler it was recorded with. Written anew by `UPDATE=1`.
const BUDGET: &str = "fuel.txt";

/// Fuel is about one for each instruction, and the same on every machine: a slowdown is seen without a clock.
#[test]
fn fuel_of_each_case_is_what_is_recorded() {
    let corpus = Corpus::read();
    let mut found = BTreeMap::new();
    for (config, cases) in corpus.by_config() {
        let document = corpus.configs[config].to_string();
        for case in cases {
            // An instance of its own: what the allocator has seen before is no part of the budget.
            let mut door = ComponentDoor::default();
            door.configure(&document);
            door.play(case, &mut Cuts::none());
            found.insert(case.name.clone(), door.fuel);
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(BUDGET);
    let compiler = compiler();
    let text = || {
        let lines = found.iter().map(|(name, fuel)| format!("{fuel:>10} {name}\n"));
        format!("# {compiler}\n{}", lines.collect::<String>())
    };
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text()).expect("a file that can be written");
        return;
    }
    let recorded = fs::read_to_string(file).expect("fuel.txt; UPDATE=1 writes it");
    let (first, lines) = recorded.split_once('\n').expect("a first line");
    let recorded: BTreeMap<&str, u64> = lines
        .lines()
        .map(|line| line.trim_start().split_once(' ').expect("`fuel name`"))
        .map(|(fuel, name)| (name, fuel.parse().expect("a number")))
        .collect();
    // Another compiler makes other instructions of the same code.
    let allowed = if first.trim_start_matches("# ") == compiler { 2 } else { 25 };
    let mut off: Vec<(f64, String)> = Vec::new();
    for (name, fuel) in &found {
        let Some(budget) = recorded.get(name.as_str()) else {
            off.push((f64::INFINITY, format!("{name}: {fuel}, and none is recorded")));
            continue;
        };
        if fuel.abs_diff(*budget) * 100 > budget * allowed {
            let percent = (*fuel as f64 / *budget as f64 - 1.0) * 100.0;
            off.push((percent.abs(), format!("{name}: {fuel} instead of {budget} ({percent:+.1} %)")));
        }
    }
    off.sort_by(|a, b| b.0.total_cmp(&a.0));
    let worst: Vec<&str> = off.iter().take(10).map(|(_, line)| line.as_str()).collect();
    assert!(
        off.is_empty(),
        "{} of {} cases are off by more than {allowed} %; UPDATE=1 records it, if it is meant. The worst:\n{}",
        off.len(),
        found.len(),
        worst.join("\n")
    );
}

fn compiler() -> String {
    let output = std::process::Command::new("rustc").arg("--version").output().expect("a compiler");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
