//! Python clients: the vendors' own SDKs, unmodified.

use std::path::PathBuf;

use crate::{Failure, tools};

/// The SDKs that the tests talk with.
pub const SDKS: [&str; 2] = ["openai", "anthropic"];

/// A Python in which the SDKs can be imported.
///
/// # Errors
/// What pip printed.
pub fn with_sdks() -> Result<PathBuf, Failure> {
    tools::python("sdks", &SDKS)
}
