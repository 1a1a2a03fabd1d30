//! The `pointsman` command as a library: what it reads, what it writes, what it prints.

pub mod calibrate;
pub mod check;
pub mod clients;
pub mod descriptors;
pub mod document;
pub mod envoy;
pub mod explain;
pub mod paint;
pub mod score;
pub mod serve;
pub mod token;
pub mod worker;
