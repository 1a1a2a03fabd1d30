//! The WIT door: package `pointsman:router`, a component without imports.
//!
//! [`wit/router.wit`](../../wit/router.wit) is the documentation of what it offers; this crate says the same things to the
//! core in the core's words, and the core's answers in those of the package. It holds no opinion of its own.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod circuits;
mod exchange;
mod fields;
mod ledger;
mod meter;
mod opening;
mod router;
mod words;

/// Made from the package by a macro.
#[expect(unsafe_code, reason = "the canonical ABI is pointers; the macro writes it")]
#[allow(
    missing_docs,
    unreachable_pub,
    elided_lifetimes_in_paths,
    clippy::all,
    reason = "not written by hand"
)]
mod bindings {
    wit_bindgen::generate!({ world: "router", path: "../wit" });
    export!(Component with_types_in self);

    use crate::Component;
}

use bindings::exports::pointsman::router::routing;

struct Component;

impl routing::Guest for Component {
    type Router = router::Router;
    type Exchange = exchange::Exchange;
    type Circuits = circuits::Circuits;
    type Ledger = ledger::Ledger;
    type Opening = opening::Opening;
    type Meter = meter::Meter;
}
