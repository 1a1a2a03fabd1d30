//! Clients for Node: the vendors' own SDKs and what is built on them, unmodified.

use std::path::PathBuf;

use crate::{Failure, tools};

const CLIENTS: [&str; 10] = [
    "openai@6.49.0",
    "@anthropic-ai/sdk@1.14.0",
    "ai@6.0.326",
    "@ai-sdk/openai@3.0.141",
    "@ai-sdk/anthropic@3.0.140",
    "@ai-sdk/openai-compatible@2.0.92",
    "@langchain/openai@1.5.8",
    "@langchain/anthropic@1.5.11",
    "@langchain/core@1.4.0",
    "zod@4.6.7",
];

/// A folder from which a script can import the clients.
///
/// # Errors
/// What npm printed.
pub fn with_clients() -> Result<PathBuf, Failure> {
    tools::npm("clients", &CLIENTS)
}
