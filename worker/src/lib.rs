//! The Workers door: the router for Cloudflare, built with `worker` and `wasm-bindgen`, and `js/index.js`, which moves
//! bytes between a request, the router and a provider.
//!
//! # Who does what
//!
//! [`host`] speaks with Cloudflare by its own crate: bindings, secrets, KV, Analytics Engine, the log, the router's own
//! answers. `exports` is what a request needs; there each header and each object that crosses over would cost as much as
//! the decision, so bytes cross instead, some four times a request, whatever it holds. `js/index.js` waits for bodies and
//! heads and lets streams pass, in the host's own code.
//!
//! Bytes go in by way of one buffer: `input(length)` makes room and returns where; the host writes, and hands the length
//! to the call. Each call returns the address of its reply, good until the next call: a [verb](reply::Verb), numbers, lines
//! of text and bytes, laid out as [`reply`] says. `now` is in milliseconds since 1970, as a float.
//!
//! A head is one line each for what it begins with (method and URL; or status), then a name and a value in turn. Splices
//! in `Send` are of the client's body. An exchange begins with `ask` or `open` and ends with `finish`, which gives its
//! number back; number 0 needs no end.
//!
//! These calls need nothing of the host, so that the very module that ships is held to the corpus in wasmtime too, where
//! `document` and `keys` stand in for `load`.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "elsewhere only the settings are used; what is exported is for the host")
)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod door;
mod exchange;
#[cfg(target_arch = "wasm32")]
pub mod exports;
mod head;
#[cfg(target_arch = "wasm32")]
pub mod host;
mod point;
mod reply;
mod samples;
mod settings;
mod shared;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod spending;

pub use settings::Settings;
