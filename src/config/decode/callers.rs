//! `callers`: names, and the digests of their tokens.

use alloc::{borrow::ToOwned, format, vec::Vec};

use super::node::Node;
use crate::{
    config::{Caller, ConfigError},
    limits,
};

/// What stands before the digest.
const PREFIX: &str = "sha256:";

/// Reads the section, sorted by name.
pub(super) fn callers(node: &Node<'_>) -> Result<Vec<Caller>, ConfigError> {
    let mut callers: Vec<Caller> = Vec::new();
    for (name, node) in node.named_entries(limits::CALLERS)? {
        node.check_name(name, limits::MODEL_NAME)?;
        let mut digests = Vec::new();
        if node.value.is_array() {
            for item in node.items(1..=limits::TOKENS_PER_CALLER)? {
                digests.push(digest(&item)?);
            }
        } else {
            digests.push(digest(&node)?);
        }
        if let Some(other) = callers.iter().find(|other| digests.iter().any(|digest| other.owns(digest))) {
            return Err(node.error(format!(
                "this token is also one of `{}`: each token belongs to one caller",
                other.name
            )));
        }
        callers.push(Caller { name: name.to_owned(), digests });
    }
    Ok(callers)
}

fn digest(node: &Node<'_>) -> Result<[u8; 32], ConfigError> {
    let text = node.string()?;
    let hex = text
        .strip_prefix(PREFIX)
        .filter(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let mut digest = [0; 32];
    let bytes = hex.into_iter().flat_map(|hex| hex.as_bytes().chunks_exact(2));
    let mut read = 0;
    for (slot, pair) in digest.iter_mut().zip(bytes) {
        let Some(byte) = core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        else {
            break;
        };
        *slot = byte;
        read += 1;
    }
    if read == 32 {
        return Ok(digest);
    }
    // The text is not shown: it may be the token itself.
    Err(node.error(format!(
        "a token is stated as `{PREFIX}` and the 64 hex digits of its SHA-256, never by itself: `pointsman token` makes both"
    )))
}
