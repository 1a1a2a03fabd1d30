//! Which conversation a request belongs to.

use core::fmt;

use super::{
    hash::Hash,
    hints::{Hints, identifier},
    phrase::head,
    story::Story,
};
use crate::{
    limits,
    wire::{
        Dialect,
        json::{Cursor, Kind},
        request::RequestView,
    },
};

/// A conversation, as a hash: within the scope of the caller's credential, so that an id that somebody else chose is
/// another conversation.
///
/// By the first of: a header that names it, a field of the body that does (`metadata.user_id`, `prompt_cache_key`,
/// `session_id`, `conversation`, `previous_response_id`), the stable head of the history. Fields of the body are shared
/// between an agent and its sub-agents, and an id of a caller without a credential is anybody's: both count together
/// with the stable head.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity(u64);

impl Identity {
    /// Tells the conversation of a request.
    pub fn of(hints: &Hints, body: &[u8], view: &RequestView, story: &Story) -> Self {
        let scope = Hash::new().number(hints.scope.unwrap_or_default());
        let opening = |hash: Hash| hash.number(dialect(view.dialect)).number(story.opening);
        let hash = match (hints.session, named(body, view)) {
            (Some((rank, session)), _) => {
                let hash = scope.number(1).number(u64::from(rank)).number(session);
                let hash = hash.number(hints.agent.unwrap_or_default());
                if hints.scope.is_none() { opening(hash) } else { hash }
            }
            (None, Some(name)) => opening(scope.number(2).number(name)),
            (None, None) => opening(scope.number(3)),
        };
        Self(hash.value())
    }

    /// The hash, for a store's key.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

const fn dialect(dialect: Dialect) -> u64 {
    dialect as u64
}

/// The conversation by a field of the body.
fn named(body: &[u8], view: &RequestView) -> Option<u64> {
    let id = |raw: &[u8]| identifier(raw).map(|id| Hash::new().text(id).value());
    let member = |name: &str| view.member(body, name.as_bytes()).map(|member| member.value);
    let string = |name: &str| {
        member(name).filter(|value| value.kind == Kind::String).and_then(|value| id(value.raw(body)))
    };
    let within = |name: &str, field: &'static [u8]| {
        let value = member(name).filter(|value| value.kind == Kind::Object)?;
        let mut found = None;
        let mut cursor = Cursor::at(body, value.span);
        cursor
            .fields(&[field], |cursor, _| {
                let value = cursor.skip()?;
                found = Some(value).filter(|value| value.kind == Kind::String);
                Ok(())
            })
            .ok()?;
        found.map(|value| value.raw(body))
    };
    within("metadata", b"user_id")
        .and_then(session_of_user)
        .and_then(id)
        .or_else(|| string("prompt_cache_key"))
        .or_else(|| string("session_id"))
        .or_else(|| string("conversation"))
        .or_else(|| within("conversation", b"id").and_then(id))
        .or_else(|| string("previous_response_id"))
}

/// The session in Claude Code's `metadata.user_id`: JSON text with `session_id`, or the older `…_session_<uuid>`.
fn session_of_user(raw: &[u8]) -> Option<&[u8]> {
    let raw = head(raw, limits::HEADER_VALUE);
    let after = |mark: &[u8]| {
        let at = raw.windows(mark.len()).position(|bytes| bytes == mark)?;
        raw.get(at.saturating_add(mark.len())..)
    };
    let rest = after(b"_session_").or_else(|| after(b"session_id"))?;
    let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let start = rest.iter().position(is_id)?;
    let rest = rest.get(start..)?;
    let end = rest.iter().position(|byte| !is_id(byte)).unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_claude_codes_user_id_name_the_session() {
        let legacy = b"user_aa_account_bb_session_8d2f-11";
        let json = br#"{\"device_id\":\"d\",\"session_id\":\"8d2f-11\"}"#;
        assert_eq!(session_of_user(legacy), Some(&b"8d2f-11"[..]));
        assert_eq!(session_of_user(json), Some(&b"8d2f-11"[..]));
        assert_eq!(session_of_user(b"somebody"), None);
    }
}
