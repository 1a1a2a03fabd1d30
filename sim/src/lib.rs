//! Simulated model providers on loopback that speak the real wire formats, strictly.
//!
//! They stand behind the router in demos, tests and benchmarks, in the place of Anthropic, OpenAI, MiniMax, DeepSeek,
//! Moonshot, Z.ai, OpenRouter or any host that speaks Chat Completions. Each answers the way its vendor does, refuses
//! what its vendor refuses, in the vendor's words, bills with a prompt cache that really remembers, and fails on demand.
//! Everything it receives is kept for the test to look at.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use pointsman_sim::{Fault, Options, Provider, Vendor};
//!
//! let claude = Provider::start(Options::new(Vendor::Anthropic, "sk-ant-test")).await?;
//! claude.set_fault(Fault::FirstN(1, Box::new(Fault::Status(529))));
//! // … send requests to claude.addr() …
//! for seen in claude.requests() {
//!     println!("{} {} -> {:?}", seen.method, seen.path, seen.status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What it is strict about beyond its vendors: two credentials at once, a credential where none belongs, and any header
//! that begins with `x-pointsman-` are answered with 400 `unexpected_header`; a key that stands twice in a JSON object is
//! a syntax error.

#![allow(clippy::disallowed_methods, reason = "a server has a clock; the ban is the core's")]

mod answer;
mod ask;
mod bench;
mod body;
mod cache;
mod conn;
mod exchange;
mod fault;
mod hash;
mod json;
mod models;
mod read;
mod refusal;
mod seen;
mod server;
mod signature;
mod strict;
mod tls;
mod vendor;

pub use ask::tokens;
pub use bench::{BENCH_EVENTS, Bench};
pub use cache::Billed;
pub use fault::Fault;
pub use json::Json;
pub use models::Effort;
pub use seen::Seen;
pub use server::{Options, Provider, Speed};
pub use tls::{Ca, TlsIdentity};
pub use vendor::{Dialect, Vendor};
