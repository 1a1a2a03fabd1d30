//! The first stage: what a request's head alone can tell.

use alloc::{string::String, vec::Vec};

use sha2::{Digest, Sha256};

use super::{
    Opened, Pending, RequestHead, Routed, Router,
    endpoint::{EndpointKind, PATH_PREFIXES, endpoint, split_query},
    head::Head,
};
use crate::{
    agent::Hints,
    config::Rule,
    edit::{Answer, Rejection},
    models,
    wire::{Dialect, request::Unreadable},
};

impl RequestHead<'_> {
    /// The dialect in which the client understands an answer of the router's own: by the path, else by its headers.
    pub fn spoken(&self) -> Dialect {
        spoken(self, split_query(self.path).0)
    }
}

impl Router {
    /// Looks at a request's head.
    pub fn open(&self, head: &RequestHead<'_>) -> Opened {
        let (path, query) = split_query(head.path);
        let mut kept = Head::read(head, query);
        let holds = |rule: &Rule| rule.when.head_holds(path, head.headers);
        kept.rules = self.config.rules().iter().map(holds).collect();
        match self.caller(head, path) {
            Ok(caller) => kept.caller = caller,
            Err(rejection) => return Opened::Reject(rejection),
        }
        if let Some(answer) = self.known(head, path) {
            return answer.map_or_else(Opened::Reject, Opened::Answer);
        }
        let Some((dialect, endpoint)) = endpoint(head.method, path) else {
            return self.other_path(kept, path);
        };
        if let Some(coding) = content_encoding(head) {
            return match self.unreadable(kept, dialect, endpoint, Unreadable::Encoded(coding)) {
                Routed::Forward(forward) => Opened::Forward(forward),
                Routed::Reject(rejection) => Opened::Reject(rejection),
            };
        }
        let hints = Hints::read(head.headers);
        let hints = if endpoint == EndpointKind::Compact { hints.compacting() } else { hints };
        Opened::NeedBody(Pending { head: kept, hints, dialect, endpoint })
    }

    /// Who is asking.
    fn caller(&self, head: &RequestHead<'_>, path: &[u8]) -> Result<Option<String>, Rejection> {
        let Some(callers) = self.config.callers() else { return Ok(None) };
        for token in tokens(head) {
            let digest: [u8; 32] = Sha256::digest(token).into();
            if let Some(caller) = callers.iter().find(|caller| caller.owns(&digest)) {
                return Ok(Some(caller.name.clone()));
            }
        }
        let message = "this gateway takes requests only with a token of its own: as `authorization: Bearer …` or \
                       `x-api-key`";
        Err(Rejection::new(Some(spoken(head, path)), 401, "unauthorized", message))
    }

    /// What the router answers by itself.
    fn known(&self, head: &RequestHead<'_>, path: &[u8]) -> Option<Result<Answer, Rejection>> {
        // Claude Code asks so whether anybody is there.
        if head.method == b"HEAD" && path == b"/" {
            return Some(Ok(Answer { status: 200, body: Vec::new() }));
        }
        if head.method != b"GET" {
            return None;
        }
        let rest = PATH_PREFIXES.iter().find_map(|prefix| path.strip_prefix(*prefix))?;
        let dialect = spoken(head, path);
        match rest.strip_prefix(b"/models")? {
            b"" => Some(Ok(models::list(&self.config, dialect))),
            [b'/', name @ ..] => {
                let name = percent_decoded(name);
                Some(models::one(&self.config, dialect, &String::from_utf8_lossy(&name)))
            }
            _ => None,
        }
    }
}

/// What a client shows of its credentials, in the ways of all APIs.
fn tokens<'a>(head: &RequestHead<'a>) -> impl Iterator<Item = &'a [u8]> {
    head.headers.iter().filter_map(|(name, value)| match *name {
        "authorization" => {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        }
        "x-api-key" | "api-key" | "x-goog-api-key" => Some(value.trim_ascii()),
        _ => None,
    })
}

/// The dialect in which a client understands an answer of the router's own.
fn spoken(head: &RequestHead<'_>, path: &[u8]) -> Dialect {
    let by_path = endpoint(b"POST", path).map(|(dialect, _)| dialect);
    by_path.unwrap_or_else(|| {
        let anthropic = head.headers.iter().any(|(name, _)| *name == "anthropic-version");
        if anthropic { Dialect::Messages } else { Dialect::Chat }
    })
}

/// `%2F` and its kin as bytes; what is no such pair stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let decoded =
            after.first_chunk::<2>().filter(|pair| *first == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let byte = decoded.and_then(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

/// The coding of a body that the router does not decode.
fn content_encoding(head: &RequestHead<'_>) -> Option<&'static str> {
    let (_, value) = head.headers.iter().find(|(name, _)| *name == "content-encoding")?;
    let known = ["gzip", "br", "zstd", "deflate"];
    match value.trim_ascii() {
        b"" => None,
        coding if coding.eq_ignore_ascii_case(b"identity") => None,
        coding => {
            let found = known.into_iter().find(|name| coding.eq_ignore_ascii_case(name.as_bytes()));
            Some(found.unwrap_or("another coding"))
        }
    }
}
