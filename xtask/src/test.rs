//! `cargo xtask test`: everything that can be checked, in sections.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anstream::println;
use live::{Failure, filter, gateway, tools, worker};
use serde_json::Value;

use crate::{
    progress::Progress,
    table::{BOLD, CYAN, DIM, GREEN, RED, YELLOW},
};

/// The target without a standard library.
const NO_STD: &str = "wasm32v1-none";

/// What a section came to.
enum Outcome {
    /// Tests that passed, tests that failed, and what was printed where some did.
    Ran { passed: u64, failed: u64, note: String, output: String },
    /// It cannot be run here; the cure.
    Skipped(String),
}

/// What the demo and the tests need, fetched and built once.
struct Tools {
    envoy: PathBuf,
    wasm: PathBuf,
    workerd: PathBuf,
    worker: PathBuf,
    command: PathBuf,
}

/// Runs all sections, also after one has failed.
///
/// # Errors
/// If anything failed.
pub(crate) fn run() -> Result<(), Failure> {
    let began = Instant::now();
    let mut tally = Tally::default();
    tally.section("format", || check(cargo(&["fmt", "--all", "--check", "--", "-l"])));
    tally.section("lints", || {
        check(cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    });
    tally.section("lints, as the doors are built", || {
        let packages =
            ["pointsman-envoy", "pointsman-component", "pointsman-worker", "bench-filter", "bench-core"]
                .into_iter()
                .flat_map(|package| ["--package", package]);
        let mut command = cargo(&["clippy", "--locked", "--target", filter::TARGET]);
        command.args(packages).args(["--", "-D", "warnings"]);
        add_target(filter::TARGET)?;
        check(command)
    });
    tally.section("documentation of the core, private parts included", || {
        let mut command =
            cargo(&["doc", "--package", "pointsman", "--no-deps", "--document-private-items", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        check(command)
    });
    tally.section("the core without a standard library", || {
        add_target(NO_STD)?;
        check(cargo(&["build", "--package", "pointsman", "--locked", "--target", NO_STD]))
    });
    let mut tools = None;
    tally.section("Envoy and the filter, workerd and the Worker, the gateway, as they ship", || {
        let (envoy, wasm) = (tools::envoy()?, filter::build()?);
        let (workerd, worker) = (tools::workerd()?, worker::build()?);
        let size = |file: &Path| Ok::<_, Failure>(std::fs::metadata(file)?.len().div_ceil(1000));
        let note = format!("filter {} KB, Worker {} KB", size(&wasm)?, size(&worker.join(worker::MODULE))?);
        tools = Some(Tools { envoy, wasm, workerd, worker, command: gateway::build()? });
        Ok(Outcome::Ran { passed: 1, failed: 0, note, output: String::new() })
    });
    tally.section("tests: core, command, doors, real Envoy, real workerd, SDKs", || tests(tools.as_ref()));
    tally.section("licences, bans, sources", deny);
    tally.section("demo on every host", || demos(tools.as_ref()));
    tally.close(began.elapsed())
}

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<&'static str>,
}

impl Tally {
    fn section(&mut self, name: &'static str, run: impl FnOnce() -> Result<Outcome, Failure>) {
        let began = Instant::now();
        println!("\n{CYAN}▸{CYAN:#} {BOLD}{name}{BOLD:#}");
        let outcome = run().unwrap_or_else(|Failure(text)| Outcome::Ran {
            passed: 0,
            failed: 1,
            note: String::new(),
            output: text,
        });
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Outcome::Skipped(cure) => println!("  {YELLOW}–{YELLOW:#} not run: {cure}"),
            Outcome::Ran { passed, failed: 0, note, .. } => {
                self.passed += passed;
                let note = if note.is_empty() { note } else { format!("{note}, ") };
                println!("  {GREEN}✓{GREEN:#} {note}{DIM}{seconds:.1} s{DIM:#}");
            }
            Outcome::Ran { passed, failed, note, output } => {
                self.passed += passed;
                self.failed += failed;
                self.failures.push(name);
                println!("{output}");
                println!("  {RED}✗{RED:#} {note} {DIM}{seconds:.1} s{DIM:#}");
            }
        }
    }

    fn close(&self, took: Duration) -> Result<(), Failure> {
        let Self { passed, failed, failures } = self;
        println!("\n{DIM}{:.0} s{DIM:#}", took.as_secs_f64());
        if failures.is_empty() {
            println!("{GREEN}{BOLD}{passed} passed, {failed} failed{BOLD:#}{GREEN:#}");
            return Ok(());
        }
        println!("{RED}{passed} passed, {failed} failed{RED:#}");
        Err(Failure::new(format!("failed: {}", failures.join("; "))))
    }
}

/// A command that is right when it ends well.
fn check(mut command: Command) -> Result<Outcome, Failure> {
    let (good, output) = capture(&mut command, |_, _| ())?;
    let (passed, failed) = (u64::from(good), u64::from(!good));
    Ok(Outcome::Ran { passed, failed, note: String::new(), output: tail(&output, 200) })
}

fn tests(tools: Option<&Tools>) -> Result<Outcome, Failure> {
    let tools = tools.ok_or_else(|| Failure::new("without Envoy and the filter there is nothing to test"))?;
    // One draw of the properties can be repeated; another is `PROPTEST_RNG_SEED=…` away.
    let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| "20261123".to_owned());
    println!("properties are drawn with PROPTEST_RNG_SEED={seed}");
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.env("PROPTEST_RNG_SEED", seed);
    command
        .env("POINTSMAN_ENVOY", &tools.envoy)
        .env("POINTSMAN_WASM", &tools.wasm)
        .env("POINTSMAN_WORKERD", &tools.workerd)
        .env("POINTSMAN_WORKER", &tools.worker)
        .env("POINTSMAN_COMMAND", &tools.command)
        .env("RUST_BACKTRACE", "0");
    let mut suite = String::new();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let (good, output) = capture(&mut command, |progress, line| {
        let line = line.trim_start();
        if let Some(name) = line.strip_prefix("Running ").or_else(|| line.strip_prefix("Doc-tests ")) {
            suite = name.split(" (").next().unwrap_or(name).to_owned();
            if let Some(binary) = name.split("deps/").nth(1) {
                let package = binary.rsplit_once('-').map_or(binary, |(package, _)| package);
                suite = format!("{package} {suite}");
            }
        }
        if let Some(counts) = counts(line) {
            passed += counts.passed;
            failed += counts.failed;
            ignored += counts.ignored;
            if counts.passed + counts.failed + counts.ignored > 0 {
                let mark = if counts.failed == 0 { GREEN } else { RED };
                progress.print(&format!("  {mark}{:>4}{mark:#} {DIM}{suite}{DIM:#}", counts.passed));
            }
        }
    })?;
    // A test binary that does not build, or dies, prints no result.
    if !good && failed == 0 {
        failed = 1;
    }
    let set_aside = if ignored == 0 { String::new() } else { format!(", {ignored} set aside") };
    let note = format!("{passed} tests passed, {failed} failed{set_aside}");
    Ok(Outcome::Ran {
        passed,
        failed,
        note,
        output: if good { String::new() } else { tail(&failures(&output), 400) },
    })
}

struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; …`
fn counts(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let of = |what: &str| {
        let part = rest.split([';', '.']).map(str::trim).find(|part| part.ends_with(what))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Counts { passed: of("passed")?, failed: of("failed")?, ignored: of("ignored")? })
}

/// What is printed of tests that failed: not the hundreds of lines of those that passed.
fn failures(output: &str) -> String {
    let passed = |line: &&str| !(line.starts_with("test ") && line.ends_with("... ok"));
    output.lines().filter(passed).collect::<Vec<_>>().join("\n")
}

fn deny() -> Result<Outcome, Failure> {
    let there = Command::new("cargo").args(["deny", "--version"]).stdin(Stdio::null()).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return Ok(Outcome::Skipped(
            "cargo-deny is not here; `cargo install cargo-deny --locked` gets it".to_owned(),
        ));
    }
    check(cargo(&["deny", "--locked", "check", "licenses", "bans", "sources"]))
}

/// Hosts that the demo is shown on; the first one's table is what the others' are held to.
const HOSTS: [&str; 3] = ["envoy", "native", "worker"];

/// The same requests get the same models, tiers, tokens and costs on every host.
fn demos(tools: Option<&Tools>) -> Result<Outcome, Failure> {
    let tools = tools.ok_or_else(|| Failure::new("without Envoy and the filter there is no demo"))?;
    let mut first = None;
    let mut note = String::new();
    for host in HOSTS {
        let (data, said) = demo(tools, host)?;
        let first = first.get_or_insert_with(|| data.clone());
        if let Some(place) = difference(first, &data, String::new()) {
            return Err(Failure::new(format!("{host} and {} disagree at {place}", HOSTS[0])));
        }
        note = said;
    }
    let note = format!("{note}, the same on {}", HOSTS.join(", "));
    Ok(Outcome::Ran { passed: HOSTS.len() as u64, failed: 0, note, output: String::new() })
}

/// The first place at which two documents differ, times apart.
fn difference(one: &Value, other: &Value, place: String) -> Option<String> {
    let timed = |key: &str| key.ends_with("_ms") || key.ends_with("_us") || key.ends_with("seconds");
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().filter(|key| !timed(key)).find_map(|key| {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                difference(a, b, format!("{place}/{key}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.into_iter().find_map(|(i, (a, b))| difference(a, b, format!("{place}/{i}")))
        }
        _ => (one != other).then(|| format!("{place}: {one} and {other}")),
    }
}

/// The demo checks itself; here its data is looked at as somebody else would. Returns it, and what is to be said of it.
fn demo(tools: &Tools, host: &str) -> Result<(Value, String), Failure> {
    let mut command =
        cargo(&["run", "--quiet", "--locked", "--package", "xtask", "--", "demo", "--json", "--host", host]);
    let output = command
        .env("POINTSMAN_ENVOY", &tools.envoy)
        .env("POINTSMAN_WASM", &tools.wasm)
        .env("POINTSMAN_WORKERD", &tools.workerd)
        .env("POINTSMAN_WORKER", &tools.worker)
        .env("POINTSMAN_COMMAND", &tools.command)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    if !output.status.success() {
        return Err(Failure::new(tail(&String::from_utf8_lossy(&output.stderr), 60)));
    }
    let data: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("the demo's --json is no JSON: {error}")))?;
    let requests = data["requests"].as_array().map_or(&[][..], Vec::as_slice);
    let answered = requests.iter().filter(|request| request["status"] == 200).count();
    let sum = |field: &str| requests.iter().filter_map(|request| request[field].as_f64()).sum::<f64>();
    let total = |field: &str| data["totals"][field].as_f64().unwrap_or(f64::NAN);
    // Sums of decimal fractions: equal but for the last bits.
    let equal = |field: &str| (sum(field) - total(field)).abs() < 1e-9;
    let fields = ["input_tokens", "cached_tokens", "output_tokens", "cost_usd", "baseline_usd"];
    if let Some(wrong) = fields.into_iter().find(|field| !equal(field)) {
        return Err(Failure::new(format!(
            "{wrong}: the requests sum up to {}, totals say {}",
            sum(wrong),
            total(wrong)
        )));
    }
    if requests.len() < 40 || answered < requests.len() {
        return Err(Failure::new(format!("{answered} of {} requests were answered", requests.len())));
    }
    let note = format!("{answered} requests answered, {:.0} % saved", total("saved_percent"));
    Ok((data, note))
}

fn add_target(target: &str) -> Result<(), Failure> {
    let listed =
        Command::new("rustup").args(["target", "list", "--installed"]).stdin(Stdio::null()).output()?;
    if String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == target) {
        return Ok(());
    }
    tools::run(Command::new("rustup").args(["target", "add", target]))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(tools::root()).args(arguments).env("CARGO_TERM_COLOR", "never");
    command
}

/// Runs a command to its end, shows its newest line meanwhile, and returns whether it ended well and all it printed.
fn capture(command: &mut Command, mut each: impl FnMut(&Progress, &str)) -> Result<(bool, String), Failure> {
    let progress = Progress::quiet("starting");
    // One pipe for both, so that the lines keep their order.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let spawned = command.spawn();
    // The pipe ends when the last writer is gone: this process must not be one.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.map_err(|error| {
        Failure::new(format!("{:?} could not be started: {error}", command.get_program()))
    })?;
    let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
    let mut output = String::new();
    for line in lines {
        let line = String::from_utf8_lossy(&line);
        let shown: String = line.trim().chars().take(100).collect();
        if !shown.is_empty() {
            progress.detail(&shown);
        }
        each(&progress, &line);
        output.push_str(&line);
        output.push('\n');
    }
    Ok((child.wait()?.success(), output))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_of_cargo_test_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.10s";
        let counts = counts(line).unwrap();
        assert_eq!((counts.passed, counts.failed, counts.ignored), (12, 3, 1));
        assert!(super::counts("test a::b ... ok").is_none());
    }

    #[test]
    fn tables_are_compared_without_their_times() {
        let (one, other) =
            (json!({ "a": [1, { "ms": 1, "x_ms": 1 }] }), json!({ "a": [1, { "ms": 1, "x_ms": 2 }] }));
        assert_eq!(difference(&one, &other, String::new()), None);
        assert_eq!(
            difference(&one, &json!({ "a": [1, { "ms": 2 }] }), String::new()).unwrap(),
            "/a/1/ms: 1 and 2"
        );
        assert_eq!(difference(&json!(1), &json!([1]), String::new()).unwrap(), ": 1 and [1]");
    }

    #[test]
    fn of_failed_tests_only_the_failures_are_shown() {
        assert_eq!(failures("test a ... ok\ntest b ... FAILED\nwhy"), "test b ... FAILED\nwhy");
    }
}
