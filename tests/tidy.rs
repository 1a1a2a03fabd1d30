//! The architecture, as tests: what may use what, and what must stay absent.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The core's modules by rank: a module uses only lower ranks. See ARCHITECTURE.md.
const RANKS: [&[&str]; 10] = [
    &["limits", "calendar", "edit", "effort", "traits"],
    &["wire"],
    &["price", "classify", "agent", "meter", "reject"],
    &["catalog"],
    &["fit"],
    &["config"],
    &["policy", "models"],
    &["budget", "samples"],
    &["exchange"],
    &["plan", "chains", "failover", "outgoing", "record", "store"],
];

/// Folders whose code stands between a host and the core.
const DOORS: [&str; 4] = ["cli/src/serve", "component/src", "envoy/src", "worker/src"];

/// What a door may use of the core besides what the root re-exports.
const DOORS_MAY_USE: [&str; 9] =
    ["edit", "failover", "limits", "meter", "outgoing", "plan", "record", "samples", "store"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files under a folder of the project.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no source under {folder}");
    found
}

/// Modules that a file names right behind `path::`, inside a brace list too.
fn used(text: &str, path: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (at, _) in code.match_indices(path) {
        // `mycrate::` is another path.
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + path.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut name) = (0, String::new());
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        names.insert(first_word(&name));
                        name.clear();
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 {
                    name.push(c);
                }
            }
            names.insert(first_word(&name));
        } else {
            names.insert(first_word(rest));
        }
    }
    names.remove("");
    names
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

#[test]
fn modules_use_only_lower_ranks() {
    let src = root().join("src");
    let mut seen = 0;
    for (path, text) in sources("src") {
        let inside = path.strip_prefix(&src).unwrap();
        let module =
            inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let own = rank(module)
            .unwrap_or_else(|| panic!("{module} has no rank: add it to RANKS and ARCHITECTURE.md"));
        for used in used(&text, "crate::") {
            let Some(other) = rank(&used) else { continue };
            seen += 1;
            assert!(
                used == module || other < own || (other == own && own == 0),
                "{}: {module} uses {used}, which is not below it",
                inside.display()
            );
        }
    }
    assert!(seen > 50, "the test no longer sees the uses");
}

#[test]
fn doors_use_the_paved_path_only() {
    let lib = read(&root().join("src/lib.rs"));
    let modules: BTreeSet<&str> = RANKS.iter().copied().flatten().copied().collect();
    let reexported: BTreeSet<&str> =
        lib.lines().filter(|line| line.starts_with("pub use chains::")).map(|_| "chains").collect();
    let mut seen = 0;
    for (path, text) in DOORS.into_iter().flat_map(sources) {
        for used in used(&text, "pointsman::") {
            seen += 1;
            let inner = modules.contains(used.as_str()) && !reexported.contains(used.as_str());
            assert!(
                !inner || DOORS_MAY_USE.contains(&used.as_str()),
                "{}: a door reaches into pointsman::{used}",
                path.display()
            );
        }
    }
    assert!(seen > 5, "the test no longer sees the uses");
}

#[test]
fn the_core_knows_no_host_no_clock_and_no_environment() {
    for (path, text) in sources("src") {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for absent in [
            "proxy_wasm",
            "wasm_bindgen",
            "std::time",
            "std::env",
            "std::fs",
            "std::net",
            "SystemTime",
            "println!",
            " log::",
        ] {
            assert!(!code.contains(absent), "{}: {absent}", path.display());
        }
    }
    let manifest = read(&root().join("Cargo.toml"));
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && *name != "#")
        .collect();
    assert_eq!(
        names,
        ["serde", "serde_json", "regex-automata", "sha2"],
        "each dependency of the core is a decision"
    );
}

#[test]
fn doors_decide_nothing() {
    for (path, text) in DOORS.into_iter().flat_map(sources) {
        for word in ["claude", "gpt", "minimax", "deepseek", "\"model\"", "serde_json::from_slice::<", "pico"]
        {
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let found = code.to_ascii_lowercase().contains(word) && word != "pico";
            assert!(!found, "{}: a door that knows {word}", path.display());
        }
    }
}

#[test]
fn the_changelog_has_this_version() {
    let changelog = read(&root().join("CHANGELOG.md"));
    let version = env!("CARGO_PKG_VERSION");
    assert!(changelog.contains(&format!("## {version}")), "CHANGELOG.md says nothing of {version}");
}

#[test]
fn nothing_is_called_by_what_says_nothing() {
    for folder in [
        "src",
        "component/src",
        "corpus/src",
        "envoy/src",
        "cli/src",
        "live/src",
        "sim/src",
        "worker/src",
        "xtask/src",
    ] {
        for (path, _) in sources(folder) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let vague =
                ["utils", "util", "common", "helpers", "helper", "misc", "manager", "handler", "types"];
            assert!(!vague.contains(&name), "{}", path.display());
        }
    }
}
