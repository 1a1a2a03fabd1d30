//! What `check` and `explain` print, word for word: `UPDATE=1 cargo test -p pointsman-cli --test golden` writes it anew.

use std::{fs, path::Path, process::Command};

/// Runs the command in the folder of the golden files and holds what it prints to one of them.
fn holds(golden: &str, arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(arguments)
        .current_dir(&folder)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Spaces at the end of a row say nothing, and what the weights make of a text is not this test's business.
    let judged =
        |line: &&str| ["difficulty ", "task "].iter().any(|name| line.trim_start().starts_with(name));
    let lines = text.lines().filter(|line| !judged(line));
    let text: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    let path = folder.join(golden);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let recorded = fs::read_to_string(&path).expect("a golden file; UPDATE=1 writes it");
    assert!(text == recorded, "{golden} has other words now:\n{text}");
}

fn explains(golden: &str, request: &str, more: &[&str]) {
    holds(golden, &[&["explain", "house.yaml", request], more].concat());
}

#[test]
fn check_shows_rules_samples_and_budgets() {
    holds("check.txt", &["check", "house.yaml"]);
}

#[test]
fn explain_shows_which_rule_holds_and_why_the_others_do_not() {
    explains("ticket.txt", "ticket.json", &["--path", "/v1/chat/completions", "--spent", "team=16.5"]);
    explains("payroll.txt", "payroll.json", &["--path", "/v1/messages"]);
}
