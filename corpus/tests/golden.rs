//! The corpus on the core itself, held to what is recorded.

use pointsman_corpus::{Corpus, Cuts, Failover, golden, native};

#[test]
fn the_core_does_what_is_recorded() {
    let texts = golden::texts(&Corpus::read());
    let recorded = golden::recorded();
    let mut lines = Vec::new();
    for theme in texts.keys().chain(recorded.keys().filter(|theme| !texts.contains_key(*theme))) {
        let text = |texts: &std::collections::BTreeMap<String, String>| {
            texts.get(theme).cloned().unwrap_or_default()
        };
        lines.extend(golden::difference(&text(&recorded), &text(&texts)));
    }
    if std::env::var_os("UPDATE").is_some() {
        golden::write(&texts);
        println!("{}", lines.join("\n"));
        return;
    }
    assert!(
        lines.is_empty(),
        "what comes of these cases has changed; UPDATE=1 records it, if it is meant:\n{}",
        lines.join("\n")
    );
}

#[test]
fn the_corpus_is_as_large_and_as_varied_as_it_is_said_to_be() {
    let corpus = Corpus::read();
    let count = corpus.cases.len();
    assert!(count >= 150, "{count} cases");
    let of = |part: &str| corpus.cases.iter().filter(|case| case.path.contains(part)).count();
    for path in ["/chat/completions", "/messages", "/responses", "/count_tokens", "/models"] {
        assert!(of(path) >= 4, "{path}: {} cases", of(path));
    }
    println!("{count} cases, {} configurations", corpus.configs.len());
}

#[test]
fn chunks_change_nothing() {
    let corpus = Corpus::read();
    let mut cuts = Cuts::drawn("native core");
    for case in &corpus.cases {
        let router = native::router(&corpus.document(case));
        let whole = native::play(&router, case, Failover::Core, &mut Cuts::none());
        for _ in 0..3 {
            let cut = native::play(&router, case, Failover::Core, &mut cuts);
            assert_eq!(cut.facts, whole.facts, "{}", case.name);
            assert_eq!(
                (cut.sent, cut.delivered),
                (whole.sent.clone(), whole.delivered.clone()),
                "{}",
                case.name
            );
        }
    }
}

/// Where Envoy's retries lead elsewhere than the core's failover, the case says why, and nowhere else.
#[test]
fn where_envoy_differs_is_said() {
    let corpus = Corpus::read();
    for case in &corpus.cases {
        let router = native::router(&corpus.document(case));
        let [core, envoy] = [Failover::Core, Failover::Envoy]
            .map(|failover| native::play(&router, case, failover, &mut Cuts::none()));
        // What Envoy says where nobody answered is no difference of the router's.
        let same = core.sent == envoy.sent
            && core.facts == envoy.facts
            && (envoy.delivered.is_none() || core.delivered == envoy.delivered);
        assert_eq!(same, case.envoy_differs.is_empty(), "{}: {}", case.name, case.envoy_differs);
    }
}
