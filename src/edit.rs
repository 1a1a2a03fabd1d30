//! What a door may be asked to do: edits of headers, splices of the body, a rejection.
//!
//! Edits are data. The core never touches a buffer of the host; the host never looks inside a body.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::ops::Range;

/// A change of one header. Names are lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderEdit {
    /// Remove every header of this name.
    Remove(Cow<'static, str>),
    /// Remove every header of this name, then add this one.
    Set(Cow<'static, str>, String),
}

/// Replace the bytes `start..end` of the body by `with`. `start == end` inserts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BodySplice {
    /// First byte replaced.
    pub start: usize,
    /// One past the last byte replaced.
    pub end: usize,
    /// What stands there afterwards.
    pub with: Vec<u8>,
}

/// An answer that the door gives instead of forwarding the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// JSON body in the client's dialect; its content type is `application/json`.
    pub body: Vec<u8>,
    /// Stable machine name of the cause, also in the body.
    pub code: &'static str,
    /// Headers besides the content type: name in lower case, visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// What it is about, for the log, where the code alone does not say it. Never shown to a client.
    pub about: Option<String>,
}

/// An answer that the router knows by itself, such as the list of models. No provider is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body, its content type is `application/json`; empty in answer to `HEAD`.
    pub body: Vec<u8>,
}

/// A stretch of an edited body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece<'s> {
    /// Bytes of the body that stay, by their place in it.
    Kept(Range<usize>),
    /// What a splice puts there.
    With(&'s [u8]),
}

/// The edited body, stretch by stretch: for doors that send it so, without a copy of what stays. `length` is that of
/// the body; see [`apply`] for what is skipped. No stretch is empty.
pub fn pieces(length: usize, splices: &[BodySplice]) -> Vec<Piece<'_>> {
    let mut out = Vec::with_capacity(splices.len().saturating_mul(2).saturating_add(1));
    let mut at = 0;
    for splice in splices {
        if at > splice.start || splice.start > splice.end || splice.end > length {
            continue;
        }
        out.push(Piece::Kept(at..splice.start));
        out.push(Piece::With(&splice.with));
        at = splice.end;
    }
    out.push(Piece::Kept(at..length));
    out.retain(|piece| match piece {
        Piece::Kept(range) => !range.is_empty(),
        Piece::With(bytes) => !bytes.is_empty(),
    });
    out
}

/// Applies sorted, non-overlapping splices. Every byte outside them is copied as it stands.
///
/// Splices that overlap, run backwards or leave the body are skipped: the builders in this crate make none.
pub fn apply(body: &[u8], splices: &[BodySplice]) -> Vec<u8> {
    let grown: usize = splices.iter().map(|s| s.with.len()).sum();
    let mut out = Vec::with_capacity(body.len().saturating_add(grown));
    for piece in pieces(body.len(), splices) {
        match piece {
            Piece::Kept(range) => out.extend_from_slice(body.get(range).unwrap_or_default()),
            Piece::With(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}
