//! The shipped `.wasm`, run as its hosts run it.
//!
//! [`artifact`] builds the doors once a run, with the profile that ships. [`bare`] is the core alone,
//! to measure against. [`component`] embeds the component. [`proxy_wasm`] is an Envoy reduced to what a
//! filter can notice of it, with every misbehaviour that a real one was seen to have.

pub mod artifact;
pub mod bare;
pub mod component;
pub mod proxy_wasm;
pub mod worker;
