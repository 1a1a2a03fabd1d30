//! What the module may weigh, burn and hold. Fuel is about one for each instruction, and the same on every machine.

use std::{collections::BTreeMap, fs, path::Path};

use host_tests::{
    artifact,
    proxy_wasm::{Answer, Envoy, Request},
};

use crate::setup::{ANSWER, answers, envoy};

/// `name = value`, one a line; written anew by `UPDATE=1`.
fn recorded() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.txt")
}

fn request(bytes: usize) -> Request {
    let sentence = "The quick brown fox jumps over the lazy dog, and \\\"nobody\\\" minds.\\n";
    let text: String = sentence.chars().cycle().take(bytes).collect();
    // A cut escape would make it unreadable.
    let text = text.trim_end_matches('\\');
    Request::post(
        "/v1/chat/completions",
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{text}"}}]}}"#),
    )
    .header("user-agent", "OpenAI/Python 1.99.9")
    .header("accept", "application/json")
    .header("accept-encoding", "gzip, deflate")
    .header("authorization", "Bearer of-the-client")
    .header("x-stainless-lang", "python")
    .header("x-stainless-runtime", "CPython")
}

/// Fuel of one exchange in a VM that has seen such before.
fn fuel(envoy: &mut Envoy, bytes: usize) -> u64 {
    let outcome = envoy.exchange(request(bytes), answers);
    assert_eq!(outcome.noted("tier"), Some("cheap"));
    envoy.exchange(request(bytes), answers).fuel
}

#[test]
fn size_fuel_and_memory_stay_as_they_were() {
    let mut envoy = envoy();
    let mut found = BTreeMap::new();
    let bytes = fs::metadata(artifact::envoy()).expect("the built module").len();
    found.insert("wasm_bytes", bytes);
    found.insert("fuel_1_kb", fuel(&mut envoy, 1_000));
    found.insert("fuel_20_kb", fuel(&mut envoy, 20_000));
    found.insert("fuel_200_kb", fuel(&mut envoy, 200_000));
    let small = envoy.exchange(request(1_000), |_, _| Answer::json(500, "{}"));
    assert_eq!(small.sent.len(), 4);
    found.insert("fuel_1_kb_four_attempts", small.fuel);
    envoy.exchange(request(8_000_000), answers);
    found.insert("pages_after_8_mb", envoy.pages());

    let text: String = found.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(recorded(), text).expect("a file that can be written");
        return;
    }
    let budget = fs::read_to_string(recorded()).expect("budget.txt; UPDATE=1 writes it");
    let budget: BTreeMap<&str, u64> = budget
        .lines()
        .map(|line| line.split_once(" = ").expect("`name = value`"))
        .map(|(name, value)| (name, value.parse().expect("a number")))
        .collect();
    for (name, found) in found {
        let allowed = budget[name] + budget[name] / 10;
        assert!(found <= allowed, "{name}: {found}, and the budget is {}; UPDATE=1 accepts it", budget[name]);
    }
}

/// Whatever is held for an exchange is let go at its end.
#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let mut envoy = envoy();
    let round = |envoy: &mut Envoy| {
        for bytes in [1_000, 100_000, 300] {
            envoy.exchange(request(bytes), |_, sent| match sent.upstream.as_str() {
                "alpha" => Answer::json(500, "{}"),
                _ => Answer::json(200, ANSWER),
            });
        }
    };
    round(&mut envoy);
    round(&mut envoy);
    let before = envoy.pages();
    for _ in 0..50 {
        round(&mut envoy);
    }
    assert_eq!(envoy.pages(), before);
}
