//! The shipped `.wasm` in wasmtime, behind an Envoy reduced to what a filter can notice of it.

mod bodies;
mod budget;
mod component;
mod failover;
mod memory;
mod metering;
mod module;
mod parity;
mod refusals;
mod routing;
mod setup;
mod spending;
