//! What the module asks of its host, and what it takes for a configuration.

use host_tests::proxy_wasm::{self, Envoy};
use serde_json::json;

use crate::setup;

/// No WASI: no files, no environment, no randomness. No calls to other servers.
#[test]
fn it_imports_proxy_functions_and_nothing_else() {
    let imports = proxy_wasm::imports();
    assert!(!imports.is_empty() && proxy_wasm::imports_only_functions());
    for import in &imports {
        assert!(import.starts_with("env.proxy_"), "{import}");
    }
}

#[test]
fn it_takes_both_roles() {
    let decide = json!({ "role": "decide", "config": setup::document() });
    assert_eq!(Envoy::takes(decide.to_string().as_bytes()), Ok(()));
    let decide = json!({ "role": "decide", "max_body": 1024, "config": setup::document() });
    assert_eq!(Envoy::takes(decide.to_string().as_bytes()), Ok(()));
    assert_eq!(Envoy::takes(br#"{"role":"attempt"}"#), Ok(()));
}

#[test]
fn a_wrong_configuration_is_refused_with_the_place_in_the_log() {
    let mut document = setup::document();
    document["aliases"]["auto"] = json!("mian");
    let plugin = json!({ "role": "decide", "config": document });
    let log = Envoy::takes(plugin.to_string().as_bytes()).expect_err("a dangling name");
    assert!(log.iter().any(|line| line.contains("/aliases/auto") && line.contains("main")), "{log:?}");
}

#[test]
fn garbage_for_a_configuration_is_refused() {
    let cases: [&[u8]; 10] = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        br#"{"role":"decide"}"#,
        br#"{"role":"decide","config":null}"#,
        br#"{"role":"decide","config":[[[[[["#,
        br#"{"role":"both","config":{}}"#,
        br#"{"role":"attempt","confg":{}}"#,
    ];
    for plugin in cases {
        assert!(Envoy::takes(plugin).is_err(), "{}", String::from_utf8_lossy(plugin));
    }
}
