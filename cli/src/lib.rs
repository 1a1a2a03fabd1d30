//! The `pointsman` command as a library: what it reads, what it writes, what it prints.

pub mod calibrate;
pub mod check;
pub mod clients;
pub mod descriptors;
pub mod dial;
pub mod document;
pub mod envoy;
pub mod explain;
mod lines;
pub mod paint;
pub mod rules;
pub mod score;
pub mod serve;
pub mod token;
pub mod worker;
