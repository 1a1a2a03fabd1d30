//! Python clients: the vendors' own SDKs and what is built on them, unmodified.

use std::path::PathBuf;

use crate::{Failure, tools};

/// The vendors' SDKs.
pub const SDKS: [&str; 2] = ["openai", "anthropic"];

/// What others built on them.
const FRAMEWORKS: [&str; 3] = ["litellm==1.110.2", "langchain-openai==1.7.4", "langchain-anthropic==1.7.10"];

/// A Python in which the SDKs can be imported.
///
/// # Errors
/// What pip printed.
pub fn with_sdks() -> Result<PathBuf, Failure> {
    tools::python("sdks", &SDKS)
}

/// A Python in which litellm and LangChain's chat models can be imported.
///
/// # Errors
/// What pip printed.
pub fn with_frameworks() -> Result<PathBuf, Failure> {
    tools::python("frameworks", &FRAMEWORKS)
}
