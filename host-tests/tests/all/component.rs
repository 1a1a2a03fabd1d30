//! What the component is to its host, and what a call of it costs.

use std::{collections::BTreeMap, fs, path::Path};

use host_tests::component::{ComponentDoor, Embedded, imports};
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
