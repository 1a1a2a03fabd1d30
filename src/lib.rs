//! Pointsman decides, at the network edge, which model answers an LLM request and how much it may think.
//!
//! This crate is the whole of the judgement and none of the IO: a function of bytes and a configuration. Doors (an
//! Envoy filter, a Worker, a WIT component, a native gateway) turn their host's callbacks into calls of it, and what it
//! returns into their host's calls.
//!
//! - A request's head is [opened](Router::open); its body, if it is a completion request, is
//!   [routed](Pending::route) to an ordered list of [attempts](Attempt).
//! - An attempt is data: header edits and body splices. Every byte outside a splice is the client's.
//! - The response streams past a [meter](Metering) that can neither delay nor break it, and ends in a [receipt](Receipt).
//!
//! ```
//! use pointsman::{Config, Opened, RequestHead, ResponseHead, Routed, Router, edit};
//!
//! let config = Config::from_json(br#"{
//!     "version": 1,
//!     "ladders": { "default": { "tiers": [
//!         { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"], "effort": "low" },
//!         { "name": "frontier", "targets": ["anthropic/claude-opus-4-6"], "effort": "high" }
//!     ] } },
//!     "aliases": { "auto": "default" }
//! }"#)?;
//! let router = Router::new(config);
//!
//! let head = RequestHead { method: b"POST", path: b"/v1/messages", headers: &[] };
//! let body = br#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
//! let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
//! let Routed::Forward(forward) = pending.route(&router, body) else { panic!("a routable request") };
//!
//! let attempt = &forward.attempts()[0];
//! assert_eq!(attempt.target, "minimax/MiniMax-M3.1-Flash");
//! assert_eq!(attempt.path, "/anthropic/v1/messages");
//! assert!(edit::apply(body, &attempt.splices).windows(18).any(|bytes| bytes == b"MiniMax-M3.1-Flash"));
//!
//! let answer = ResponseHead { status: 200, content_type: Some(b"application/json"), ..ResponseHead::default() };
//! let mut metering = forward.respond(Some("minimax"), &answer);
//! metering.push(br#"{"type":"message","usage":{"input_tokens":9,"#);
//! metering.push(br#""output_tokens":3}}"#);
//! let receipt = metering.finish(&router, None);
//! assert_eq!(receipt.cost.unwrap().to_string(), "$0.00000315");
//! assert_eq!(receipt.baseline.unwrap().to_string(), "$0.00012");
//! # Ok::<(), pointsman::ConfigError>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agent;
pub mod budget;
mod calendar;
pub mod catalog;
mod chains;
pub mod classify;
pub mod config;
pub mod edit;
pub mod effort;
pub mod exchange;
pub mod failover;
pub mod fit;
pub mod limits;
pub mod meter;
mod models;
pub mod outgoing;
pub mod plan;
pub mod policy;
pub mod price;
pub mod record;
mod reject;
pub mod samples;
pub mod store;
pub mod traits;
pub mod wire;

pub use agent::{Client, Identity, Step};
pub use budget::{Account, Hold, Ledger, Purse, Tab};
pub use catalog::Auth;
pub use chains::{chains, warm_chains};
pub use config::{Alias, Caller, Choice, Config, ConfigError, Ladder, Provider, Target, Tier, Warning};
pub use edit::{Answer, BodySplice, HeaderEdit, Rejection};
pub use effort::Effort;
pub use exchange::{
    Attempt, Bill, Examined, Forward, HEADER_PREFIX, Heard, Metering, Opened, Pending, Receipt, RequestHead,
    ResponseHead, Routed, Router, Summary, Total, chain_name,
};
pub use meter::{Opening, Peek};
pub use policy::{Conversations, Obstacle, Reason, Remembered, Shelf};
pub use price::PicoUsd;
pub use wire::Dialect;
