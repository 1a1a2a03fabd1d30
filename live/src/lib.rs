//! Starts real hosts with generated configurations: what the demo, the benchmarks and the tests on real hosts share.
//!
//! Everything listens on loopback, on ports that the system picks, and ends with the process that started it.

#![allow(clippy::disallowed_methods, reason = "a harness has a clock; the ban is the core's")]

pub mod agents;
pub mod component;
pub mod envoy;
pub mod filter;
pub mod folder;
pub mod gateway;
pub mod host;
pub mod node;
pub mod python;
pub mod tools;
pub mod worker;
pub mod workerd;

/// What went wrong, and what to do about it.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    /// A failure in one sentence, with its cure.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
