//! The headers of an attempt and of its answer, whole: for doors whose host does not edit them one by one.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    vec::Vec,
};

use crate::{
    catalog::Auth,
    edit::{HeaderEdit, Rejection},
    exchange::{Attempt, Forward, HEADER_PREFIX},
};

/// Name in lower case, value as bytes.
pub type Header<'a> = (Cow<'a, str>, Cow<'a, [u8]>);

/// Headers that belong to one connection (RFC 9110, section 7.6.1), and those that the host of a door writes itself.
const CONNECTION: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "host",
    "expect",
];

/// Who the client is concerns nobody upstream.
const CLIENT: [&str; 6] = ["forwarded", "via", "x-real-ip", "true-client-ip", "cdn-loop", "x-request-start"];

/// As [`CLIENT`], by the beginning of the name: what proxies, Envoy and Cloudflare add.
const CLIENT_PREFIXES: [&str; 4] = ["x-forwarded-", "x-envoy-", "cf-", HEADER_PREFIX];

/// The complete headers of an attempt, without `host` and `content-length`, which the host of the door writes.
///
/// `client` are the client's headers, names in lower case; `key` is the provider's key.
///
/// # Errors
/// The refusal where the provider wants a key and there is none: 503 in the client's dialect.
pub fn request_headers<'a>(
    forward: &'a Forward,
    attempt: &'a Attempt,
    client: &[(&'a str, &'a [u8])],
    key: Option<&str>,
) -> Result<Vec<Header<'a>>, Rejection> {
    let key = key.map_or("", str::trim);
    if key.is_empty() && attempt.auth != Auth::None {
        // The next target is not tried: this is a mistake in the set-up, and it must be seen.
        let message = format!("there is no key for the provider `{}`", attempt.provider);
        return Err(Rejection::new(forward.summary().dialect, 503, "no_credential", &message));
    }
    let named = connection_names(client);
    let mut out: Vec<Header<'a>> = client
        .iter()
        .filter(|(name, _)| !concerns_one_hop(name, &named) && *name != "content-length")
        .filter(|(name, _)| !CLIENT.contains(name) && !CLIENT_PREFIXES.iter().any(|p| name.starts_with(p)))
        .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value)))
        .collect();
    for edit in forward.edits().iter().chain(&attempt.edits) {
        apply(&mut out, edit);
    }
    match attempt.auth {
        Auth::None => {}
        Auth::Bearer => set(&mut out, Cow::Borrowed("authorization"), format!("Bearer {key}").into_bytes()),
        Auth::XApiKey => set(&mut out, Cow::Borrowed("x-api-key"), key.as_bytes().to_vec()),
    }
    Ok(out)
}

/// The headers of the answer as the client gets them: the provider's, and the router's own word on the decision.
pub fn response_headers<'a>(
    forward: &Forward,
    attempt: Option<&Attempt>,
    provider: &[(&'a str, &'a [u8])],
) -> Vec<Header<'a>> {
    let named = connection_names(provider);
    let mut out: Vec<Header<'a>> = provider
        .iter()
        .filter(|(name, _)| !concerns_one_hop(name, &named) && !name.starts_with(HEADER_PREFIX))
        .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value)))
        .collect();
    for edit in forward.response_edits(attempt.map(|attempt| attempt.upstream.as_str())) {
        apply(&mut out, &edit);
    }
    out
}

fn concerns_one_hop(name: &str, named: &[&str]) -> bool {
    name.starts_with(':') || CONNECTION.contains(&name) || named.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Names that `connection` lists.
fn connection_names<'a>(headers: &[(&'a str, &'a [u8])]) -> Vec<&'a str> {
    let values = headers.iter().filter(|(name, _)| *name == "connection");
    let texts = values.filter_map(|(_, value)| core::str::from_utf8(value).ok());
    texts.flat_map(|text| text.split(',').map(str::trim)).filter(|name| !name.is_empty()).collect()
}

fn apply(headers: &mut Vec<Header<'_>>, edit: &HeaderEdit) {
    match edit {
        HeaderEdit::Remove(name) => headers.retain(|(known, _)| known != name),
        HeaderEdit::Set(name, value) => {
            set(headers, Cow::Owned(name.as_ref().to_owned()), value.as_bytes().to_vec());
        }
    }
}

fn set<'a>(headers: &mut Vec<Header<'a>>, name: Cow<'a, str>, value: Vec<u8>) {
    headers.retain(|(known, _)| *known != name);
    headers.push((name, Cow::Owned(value)));
}
