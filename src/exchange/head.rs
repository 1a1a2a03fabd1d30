//! What is kept of a request's head until its body is there, and which headers go on.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use super::RequestHead;
use crate::{edit::HeaderEdit, limits};

/// What is kept of a request's head until the body is there.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) caller: Option<String>,
    /// Of each rule, whether the head is as it wants it.
    pub(super) rules: Vec<bool>,
    pub(super) edits: Vec<HeaderEdit>,
    pub(super) query: String,
    vendor: Vec<(&'static str, Option<String>)>,
    pub(super) tier: Option<String>,
    pub(super) effort: Option<String>,
    pub(super) target: Option<String>,
}

/// Headers with a meaning to one vendor only, and the family of models that may see them. On a provider of another
/// family they are removed; on the vendor's own they are as the client sent them.
const VENDOR_HEADERS: [(&str, &str); 4] = [
    ("anthropic-beta", "claude"),
    ("openai-beta", "gpt"),
    ("openai-organization", "gpt"),
    ("openai-project", "gpt"),
];

/// Credentials of the client: they were meant for this router, and no provider ever sees them.
const CLIENT_CREDENTIALS: [&str; 6] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"];

/// Prefix of the router's own headers. A client's are read where the operator allows it, and always removed.
pub const HEADER_PREFIX: &str = "x-pointsman-";

impl Head {
    pub(super) fn read(head: &RequestHead<'_>, query: &[u8]) -> Self {
        let mut kept = Self {
            caller: None,
            rules: Vec::new(),
            edits: Vec::with_capacity(8),
            query: String::from_utf8_lossy(query).into_owned(),
            vendor: Vec::new(),
            tier: None,
            effort: None,
            target: None,
        };
        for (name, value) in head.headers {
            let text = || {
                core::str::from_utf8(value)
                    .ok()
                    .filter(|text| text.len() <= limits::HEADER_VALUE)
                    .map(|text| text.trim().to_owned())
            };
            if name.starts_with(HEADER_PREFIX) {
                match *name {
                    "x-pointsman-tier" => kept.tier = text(),
                    "x-pointsman-effort" => kept.effort = text(),
                    "x-pointsman-target" => kept.target = text(),
                    _ => {}
                }
                kept.edits.push(HeaderEdit::Remove(Cow::Owned((*name).to_owned())));
            } else if let Some(known) = CLIENT_CREDENTIALS.iter().find(|known| *known == name) {
                kept.edits.push(HeaderEdit::Remove(Cow::Borrowed(known)));
            } else if let Some((known, _)) = VENDOR_HEADERS.iter().find(|(known, _)| known == name) {
                // Sent twice, it is one list (RFC 9110, section 5.3).
                match (kept.vendor.iter_mut().find(|(name, _)| name == known), text()) {
                    (Some((_, Some(list))), Some(more)) => {
                        list.push_str(", ");
                        list.push_str(&more);
                    }
                    (Some(_), _) => {}
                    (None, value) => kept.vendor.push((known, value)),
                }
            }
        }
        // A compressed answer could not be metered.
        kept.edits.push(HeaderEdit::Set(Cow::Borrowed("accept-encoding"), "identity".to_owned()));
        kept
    }

    /// The client's vendor headers for a target of this family; `None` keeps them all.
    pub(super) fn vendor_edits(&self, family: Option<&str>) -> Vec<HeaderEdit> {
        let edit = |(name, value): &(&'static str, Option<String>)| {
            let owner = VENDOR_HEADERS.iter().find(|(known, _)| known == name).map(|(_, owner)| *owner);
            let kept = family.is_none() || owner == family;
            match value {
                Some(value) if kept => HeaderEdit::Set(Cow::Borrowed(name), value.clone()),
                _ => HeaderEdit::Remove(Cow::Borrowed(name)),
            }
        };
        self.vendor.iter().map(edit).collect()
    }
}
