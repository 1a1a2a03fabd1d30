//! What the tests on real hosts share: a stage with a real Envoy and simulated providers, clients of every kind, and a
//! server that keeps the very bytes it received.
//!
//! A stage that several tests share lives in a static. Its servers therefore run on one runtime for the whole process
//! ([`play`]), not on that of the test that came first.

#![allow(clippy::disallowed_methods, reason = "a test has a clock and an environment; the core has not")]

pub mod agents;
pub mod client;
pub mod corpus;
pub mod local;
pub mod money;
pub mod recorder;
pub mod samples;
pub mod scripts;
pub mod sessions;
pub mod stage;
pub mod warm;

use std::{
    future::Future,
    sync::LazyLock,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

/// Longest time that a test may take, the start of its Envoy included.
pub const PATIENCE: Duration = Duration::from_secs(120);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});

/// Runs a test on the runtime that all tests share, at most for [`PATIENCE`].
///
/// # Panics
/// Where the test does, and when its time is up.
pub fn play<T>(test: impl Future<Output = T>) -> T {
    play_for(PATIENCE, test)
}

/// The same, with its own patience: for tests that fetch what they run.
///
/// # Panics
/// As [`play`].
pub fn play_for<T>(patience: Duration, test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(async { tokio::time::timeout(patience, test).await.expect("the test took too long") })
}

/// Asks again until the answer is `Some`, at most for `patience`.
pub async fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if start.elapsed() > patience {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
