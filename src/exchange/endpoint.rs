//! Paths: which of them are completion endpoints, and where these are at a provider.

use alloc::{borrow::ToOwned, format, string::String};

use crate::{catalog::Auth, config::Provider, wire::Dialect};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EndpointKind {
    Create,
    CountTokens,
    /// Codex asks here for a summary that will take the place of its history.
    Compact,
}

pub(super) fn split_query(path: &[u8]) -> (&[u8], &[u8]) {
    let cut = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    path.split_at_checked(cut).unwrap_or((path, b""))
}

/// The dialect of a path. Clients put the API under the root, under `/v1`, or under a vendor's prefix.
pub(super) fn endpoint(method: &[u8], path: &[u8]) -> Option<(Dialect, EndpointKind)> {
    if method != b"POST" {
        return None;
    }
    let rest = PATH_PREFIXES.iter().find_map(|prefix| path.strip_prefix(*prefix))?;
    match rest {
        b"/chat/completions" => Some((Dialect::Chat, EndpointKind::Create)),
        b"/responses" => Some((Dialect::Responses, EndpointKind::Create)),
        b"/responses/compact" => Some((Dialect::Responses, EndpointKind::Compact)),
        b"/messages" => Some((Dialect::Messages, EndpointKind::Create)),
        b"/messages/count_tokens" => Some((Dialect::Messages, EndpointKind::CountTokens)),
        _ => None,
    }
}

/// Longest first: the first that fits is cut off.
pub(super) const PATH_PREFIXES: [&[u8]; 6] =
    [b"/anthropic/v1", b"/openai/v1", b"/api/v1", b"/openai", b"/v1", b""];

pub(super) fn endpoint_path(
    provider: &Provider,
    dialect: Dialect,
    kind: EndpointKind,
    query: &str,
) -> Option<String> {
    let path = provider.endpoint(dialect)?.path();
    let suffix = match kind {
        EndpointKind::Create => "",
        EndpointKind::CountTokens => "/count_tokens",
        EndpointKind::Compact => "/compact",
    };
    Some(format!("{path}{suffix}{query}"))
}

/// A path that is none of ours, at a provider whose API does not start at `/v1`.
pub(super) fn provider_path(provider: &Provider, path: &str) -> String {
    let base = provider
        .endpoint(Dialect::Chat)
        .and_then(|endpoint| endpoint.path().strip_suffix("/chat/completions"));
    match (base, path.strip_prefix("/v1")) {
        (Some(base), Some(rest)) if rest.starts_with('/') => format!("{base}{rest}"),
        _ => path.to_owned(),
    }
}

/// How a provider wants its key for this dialect; other paths go by its first endpoint's way.
pub(super) fn auth(provider: &Provider, dialect: Option<Dialect>) -> Auth {
    let endpoint = match dialect {
        Some(dialect) => provider.endpoint(dialect),
        None => provider.endpoints.iter().flatten().next(),
    };
    if provider.key_env.is_none() {
        Auth::None
    } else {
        endpoint.map_or(Auth::None, |endpoint| endpoint.auth)
    }
}
