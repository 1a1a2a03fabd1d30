//! One decision: the golden corpus through every door, held to the core to the byte.

use host_tests::{
    component::ComponentDoor,
    proxy_wasm::EnvoyDoor,
    worker::{self, WorkerDoor},
};
use pointsman_corpus::{Corpus, Cuts, parity};

#[test]
fn the_component_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("component");
    parity::run(&Corpus::read(), &mut ComponentDoor::default(), &mut cuts).expect_none("component");
}

#[test]
fn the_envoy_filter_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("Envoy filter");
    parity::run(&Corpus::read(), &mut EnvoyDoor::default(), &mut cuts).expect_none("the Envoy filter");
}

#[test]
fn the_worker_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("Worker");
    parity::run(&Corpus::read(), &mut WorkerDoor::default(), &mut cuts).expect_none("the Worker");
}

/// It is bound to a host for JavaScript and to nothing else.
#[test]
fn the_worker_imports_what_wasm_bindgen_writes() {
    let imports = worker::imports();
    assert!(!imports.is_empty());
    for import in imports {
        assert!(import.starts_with("./pointsman_bg.js.__wb"), "{import}");
    }
}
