//! A plan: the attempts of a request as bytes, for a host in which one piece decides and another makes the attempts.
//!
//! The piece that decides edits the body for the first target and leaves a plan behind. The piece that makes an attempt
//! finds its own entry by the upstream it was given. For the first target there is nothing left to do to the body; for
//! the others the plan holds the difference between what the first was sent and what they are to be sent.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use crate::{
    catalog::Auth,
    edit::{self, BodySplice, HeaderEdit},
    exchange::Attempt,
    limits,
};

/// One attempt, read back from a plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedAttempt {
    /// The provider's name, which is also the name of its credential.
    pub provider: String,
    /// Path with query at the provider.
    pub path: String,
    /// How the provider wants its key.
    pub auth: Auth,
    /// Headers of this attempt, besides credential, path, host and content length.
    pub edits: Vec<HeaderEdit>,
    /// What happens to `content-length`.
    pub length: BodyLength,
    /// Splices of the body as it was edited for the first target.
    pub splices: Vec<BodySplice>,
}

/// What happens to `content-length`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLength {
    /// The body was not read: leave the header alone.
    Keep,
    /// The length is not to be stated, because trailers follow.
    Remove,
    /// Exactly this many bytes.
    Set(u64),
}

const VERSION: u8 = 1;

/// Writes the plan of a request. `body` is the client's, `None` where it was not read; `trailers` says whether trailers
/// follow it.
pub fn write(attempts: &[Attempt], body: Option<&[u8]>, trailers: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    let first = attempts.first().map_or(&[][..], |attempt| &attempt.splices);
    for attempt in attempts.iter().take(limits::ATTEMPTS) {
        text(&mut out, &attempt.upstream);
        // The entry's length, so that a reader can step over it.
        let entry = entry(attempt, first, body, trailers);
        bytes(&mut out, &entry);
    }
    out
}

fn entry(attempt: &Attempt, first: &[BodySplice], body: Option<&[u8]>, trailers: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    text(&mut out, &attempt.provider);
    text(&mut out, &attempt.path);
    out.push(match attempt.auth {
        Auth::None => 0,
        Auth::Bearer => 1,
        Auth::XApiKey => 2,
    });
    number(&mut out, attempt.edits.len());
    for edit in &attempt.edits {
        match edit {
            HeaderEdit::Remove(name) => {
                out.push(0);
                text(&mut out, name);
            }
            HeaderEdit::Set(name, value) => {
                out.push(1);
                text(&mut out, name);
                text(&mut out, value);
            }
        }
    }
    let Some(body) = body else {
        out.push(0);
        number(&mut out, 0);
        return out;
    };
    if trailers {
        out.push(1);
    } else {
        out.push(2);
        out.extend_from_slice(&edited_length(body.len(), &attempt.splices).to_le_bytes());
    }
    let splices = if attempt.splices == first { Vec::new() } else { rebase(body, first, &attempt.splices) };
    number(&mut out, splices.len());
    for splice in &splices {
        number(&mut out, splice.start);
        number(&mut out, splice.end);
        bytes(&mut out, &splice.with);
    }
    out
}

/// The entry for an upstream; `None` where the plan has none or is not readable.
pub fn find(plan: &[u8], upstream: &str) -> Option<PlannedAttempt> {
    let mut reader = Reader { rest: plan };
    if reader.byte()? != VERSION {
        return None;
    }
    while !reader.rest.is_empty() {
        let name = reader.bytes()?;
        let entry = reader.bytes()?;
        if name == upstream.as_bytes() {
            return Reader { rest: entry }.entry();
        }
    }
    None
}

/// Length of a body after its splices, in bytes.
pub fn edited_length(length: usize, splices: &[BodySplice]) -> u64 {
    let cut: usize = splices.iter().map(|splice| splice.end.saturating_sub(splice.start)).sum();
    let added: usize = splices.iter().map(|splice| splice.with.len()).sum();
    length.saturating_sub(cut).saturating_add(added) as u64
}

/// The splices that turn `apply(body, first)` into `apply(body, wanted)`.
///
/// Both lists are sorted and free of overlaps. Splices of the two lists that touch are taken together; where both made
/// the same of a region there is nothing to do.
pub fn rebase(body: &[u8], first: &[BodySplice], wanted: &[BodySplice]) -> Vec<BodySplice> {
    let mut out = Vec::new();
    let (mut a, mut b) = (first, wanted);
    // What `first` added so far: cut and inserted bytes are counted apart, to stay in unsigned numbers.
    let (mut grown, mut shrunk) = (0usize, 0usize);
    loop {
        let next = |list: &[BodySplice]| list.first().map(|splice| splice.start);
        let Some(start) = next(a).into_iter().chain(next(b)).min() else { return out };
        let mut end = start;
        let (mut in_a, mut in_b) = (0, 0);
        loop {
            let touches = |list: &[BodySplice], n: usize| {
                list.get(n).filter(|splice| splice.start <= end).map(|splice| splice.end)
            };
            if let Some(reach) = touches(a, in_a) {
                in_a += 1;
                end = end.max(reach);
            } else if let Some(reach) = touches(b, in_b) {
                in_b += 1;
                end = end.max(reach);
            } else {
                break;
            }
        }
        let (Some((from_a, rest_a)), Some((from_b, rest_b))) =
            (a.split_at_checked(in_a), b.split_at_checked(in_b))
        else {
            return out;
        };
        (a, b) = (rest_a, rest_b);
        let was = region(body, start, end, from_a);
        let is = region(body, start, end, from_b);
        let at = start.saturating_add(grown).saturating_sub(shrunk);
        grown = grown.saturating_add(was.len());
        shrunk = shrunk.saturating_add(end.saturating_sub(start));
        if was != is {
            out.push(BodySplice { start: at, end: at.saturating_add(was.len()), with: is });
        }
    }
}

/// `body[start..end]` after the splices within it.
fn region(body: &[u8], start: usize, end: usize, splices: &[BodySplice]) -> Vec<u8> {
    let moved: Vec<BodySplice> = splices
        .iter()
        .map(|splice| BodySplice {
            start: splice.start.saturating_sub(start),
            end: splice.end.saturating_sub(start),
            with: splice.with.clone(),
        })
        .collect();
    edit::apply(body.get(start..end).unwrap_or_default(), &moved)
}

fn number(out: &mut Vec<u8>, n: usize) {
    // Every count and offset is bounded far below 2^32 by limits.rs.
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, value.len());
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, value: &str) {
    bytes(out, value.as_bytes());
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn entry(mut self) -> Option<PlannedAttempt> {
        let provider = self.text()?;
        let path = self.text()?;
        let auth = match self.byte()? {
            0 => Auth::None,
            1 => Auth::Bearer,
            2 => Auth::XApiKey,
            _ => return None,
        };
        let mut edits = Vec::new();
        for _ in 0..self.number()? {
            edits.push(match self.byte()? {
                0 => HeaderEdit::Remove(Cow::Owned(self.text()?)),
                _ => HeaderEdit::Set(Cow::Owned(self.text()?), self.text()?),
            });
        }
        let length = match self.byte()? {
            0 => BodyLength::Keep,
            1 => BodyLength::Remove,
            _ => {
                let (head, rest) = self.rest.split_first_chunk::<8>()?;
                self.rest = rest;
                BodyLength::Set(u64::from_le_bytes(*head))
            }
        };
        let mut splices = Vec::new();
        for _ in 0..self.number()? {
            let (start, end) = (self.number()?, self.number()?);
            splices.push(BodySplice { start, end, with: self.bytes()?.to_vec() });
        }
        Some(PlannedAttempt { provider, path, auth, edits, length, splices })
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<usize> {
        let (head, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        usize::try_from(u32::from_le_bytes(*head)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(value)
    }

    fn text(&mut self) -> Option<String> {
        core::str::from_utf8(self.bytes()?).ok().map(ToOwned::to_owned)
    }
}
