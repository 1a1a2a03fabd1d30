//! Providers: what the document says of one, laid over what the catalogue knows.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::super::{ConfigError, Warning};
use super::node::{Node, Object, hint, shown};
use crate::{
    catalog::{self, Auth, Catalog, Endpoint},
    wire::Dialect,
};

/// Length of a provider's name, which is also a cluster's name and part of header values.
const NAME: usize = 64;

/// Length of the name of an environment variable.
const KEY_ENV: usize = 128;

const KEYS: [&str; 5] = ["base_url", "speaks", "endpoints", "auth", "key_env"];

const AUTHS: [(&str, Auth); 3] =
    [("bearer", Auth::Bearer), ("x-api-key", Auth::XApiKey), ("none", Auth::None)];

/// The words for dialects.
pub(super) const DIALECTS: [(&str, Dialect); 3] = [
    (Dialect::Chat.name(), Dialect::Chat),
    (Dialect::Messages.name(), Dialect::Messages),
    (Dialect::Responses.name(), Dialect::Responses),
];

/// A provider as the document leaves it, used or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    pub(super) endpoints: [Option<Endpoint>; 3],
    pub(super) key_env: Option<String>,
    /// The operator gave addresses: models that the catalogue does not know are taken at their word.
    pub(super) own_address: bool,
    pub(super) warnings: Vec<Warning>,
}

/// A URL and where it stands.
struct Address<'v> {
    url: &'v str,
    node: Node<'v>,
}

/// The provider as the catalogue knows it.
pub(super) fn known(provider: &catalog::Provider) -> Resolved {
    let endpoints = Dialect::ALL.map(|dialect| provider.endpoint(dialect).cloned());
    let key_env = key_env(&provider.name, Some(provider), &endpoints);
    Resolved { endpoints, key_env, own_address: false, warnings: Vec::new() }
}

/// The provider as the document states it.
pub(super) fn stated(name: &str, node: &Node<'_>, catalog: &Catalog) -> Result<Resolved, ConfigError> {
    check_name(name, node)?;
    let known = catalog.provider(name);
    let settings = node.object(&KEYS)?;
    let base = settings.get("base_url").map(base_url).transpose()?;
    let exact = exact_urls(&settings)?;
    let own_address = base.is_some() || exact.iter().any(Option::is_some);
    if known.is_none() && !own_address {
        let names = catalog.providers().map(|provider| provider.name.as_str());
        let hint = hint(name, names);
        return Err(node.error(format!(
            "the catalogue does not know the provider {}: give its `base_url` with `speaks`, or its `endpoints`{hint}",
            shown(name)
        )));
    }
    let auth = settings.get("auth").map(|node| node.word(&AUTHS)).transpose()?;
    let speaks = speaks(&settings, known, base.is_some())?;

    let mut endpoints = [None, None, None];
    let mut warnings = Vec::new();
    let parts = Dialect::ALL.into_iter().zip(&mut endpoints).zip(exact.iter().zip(speaks));
    for ((dialect, endpoint), (exact, spoken)) in parts {
        let inherited = known.and_then(|known| known.endpoint(dialect));
        let auth = auth.or_else(|| inherited.map(|inherited| inherited.auth)).unwrap_or_default();
        *endpoint = match (exact, spoken, &base, inherited) {
            (Some(address), ..) => Some(parse(&address.node, address.url, auth)?),
            (None, Spoken::No, ..) => None,
            (None, _, Some(base), _) => {
                Some(parse(&base.node, &(base.url.to_owned() + suffix(dialect)), auth)?)
            }
            (None, _, None, Some(inherited)) => {
                let mut endpoint = inherited.clone();
                endpoint.auth = auth;
                Some(endpoint)
            }
            (None, Spoken::Stated(place), None, None) => {
                return Err(place.error(format!(
                    "there is no address for `{0}`: give `base_url`, or `endpoints` with `{0}`",
                    dialect.name()
                )));
            }
            (None, Spoken::Known, None, None) => None,
        };
        if let Some(endpoint) = endpoint
            && let Some(address) = exact.as_ref().or(base.as_ref())
        {
            warnings.extend(in_the_clear(endpoint, &address.node));
        }
    }
    one_origin(node, &endpoints, &exact)?;

    let key_env = match settings.get("key_env") {
        Some(node) if takes_no_key(&endpoints) => {
            return Err(node.error("this provider takes no key (`auth: none`): remove `key_env`"));
        }
        Some(node) => Some(environment_variable(&node)?),
        None => key_env(name, known, &endpoints),
    };
    if key_env.is_none() {
        warnings.clear();
    }
    warnings.truncate(1);
    Ok(Resolved { endpoints, key_env, own_address, warnings })
}

/// Whether a dialect is spoken, and who says so.
enum Spoken<'v> {
    No,
    /// The catalogue does.
    Known,
    Stated(Node<'v>),
}

/// What the provider speaks: as stated, else what the catalogue says. Exact addresses come on top.
fn speaks<'v>(
    settings: &Object<'v>,
    known: Option<&catalog::Provider>,
    has_base: bool,
) -> Result<[Spoken<'v>; 3], ConfigError> {
    let Some(list) = settings.get("speaks") else {
        let spoken = Dialect::ALL.map(|dialect| known.is_some_and(|known| known.endpoint(dialect).is_some()));
        if has_base && !spoken.contains(&true) {
            return Err(settings.error(
                "`base_url` needs `speaks`: the list of `chat`, `messages`, `responses` that the server answers to",
            ));
        }
        return Ok(spoken.map(|spoken| if spoken { Spoken::Known } else { Spoken::No }));
    };
    let mut spoken = [Spoken::No, Spoken::No, Spoken::No];
    for item in list.items(1..=Dialect::ALL.len())? {
        let dialect = item.word(&DIALECTS)?;
        if let Some(slot) = spoken.get_mut(dialect as usize) {
            if matches!(slot, Spoken::Stated(_)) {
                return Err(item.error(format!("`{}` stands twice in this list", dialect.name())));
            }
            *slot = Spoken::Stated(item);
        }
    }
    Ok(spoken)
}

fn exact_urls<'v>(settings: &Object<'v>) -> Result<[Option<Address<'v>>; 3], ConfigError> {
    let mut exact = [None, None, None];
    if let Some(node) = settings.get("endpoints") {
        let urls = node.object(&DIALECTS.map(|(word, _)| word))?;
        for (slot, dialect) in exact.iter_mut().zip(Dialect::ALL) {
            let address = |node: Node<'v>| Ok(Address { url: node.string()?, node });
            *slot = urls.get(dialect.name()).map(address).transpose()?;
        }
        if exact.iter().all(Option::is_none) {
            return Err(
                node.error("no address given: add `chat`, `messages` or `responses`, or remove `endpoints`")
            );
        }
    }
    Ok(exact)
}

/// What a dialect's endpoint adds to a `base_url`, by the custom of both vendors' SDKs.
const fn suffix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => "/chat/completions",
        Dialect::Messages => "/messages",
        Dialect::Responses => "/responses",
    }
}

fn base_url(node: Node<'_>) -> Result<Address<'_>, ConfigError> {
    let url = node.string()?.trim_end_matches('/');
    if let Some(dialect) = Dialect::ALL.into_iter().find(|dialect| url.ends_with(suffix(*dialect))) {
        let name = dialect.name();
        return Err(node.error(format!(
            "`{}` is added to a base_url: remove it here, or give the whole URL as `endpoints` with `{name}`",
            suffix(dialect)
        )));
    }
    if url.contains('?') {
        return Err(node.error("a base_url has no query; give the whole URLs as `endpoints`"));
    }
    // An address that is none is reported even where no dialect makes use of it.
    parse(&node, url, Auth::None)?;
    Ok(Address { url, node })
}

/// The message does not repeat the URL, which may hold a password.
fn parse(node: &Node<'_>, url: &str, auth: Auth) -> Result<Endpoint, ConfigError> {
    Endpoint::parse(url, auth).map_err(|error| node.error(error.to_string()))
}

/// A connection pool, and with Envoy a cluster, leads to one origin.
fn one_origin(
    node: &Node<'_>,
    endpoints: &[Option<Endpoint>; 3],
    exact: &[Option<Address<'_>>; 3],
) -> Result<(), ConfigError> {
    // The one to blame is an exact address, since all others come from one place.
    let given = endpoints.iter().zip(exact);
    let rest = given.clone().find(|(endpoint, exact)| endpoint.is_some() && exact.is_none());
    let Some((Some(first), _)) = rest.or_else(|| given.clone().find(|(endpoint, _)| endpoint.is_some()))
    else {
        return Ok(());
    };
    for (endpoint, exact) in given {
        if let Some(endpoint) = endpoint
            && endpoint.origin() != first.origin()
        {
            let place = exact.as_ref().map_or(node, |address| &address.node);
            return Err(place.error(format!(
                "all endpoints of a provider share one origin, but this one is at {} and another at {}: name the \
                 dialects to keep with `speaks`, or make it two providers",
                endpoint.origin(),
                first.origin()
            )));
        }
    }
    Ok(())
}

/// Warns of a key that would travel unencrypted through networks that are not the operator's own.
fn in_the_clear(endpoint: &Endpoint, node: &Node<'_>) -> Option<Warning> {
    let origin = endpoint.origin();
    if origin.tls() || is_near(origin.host()) || endpoint.auth == Auth::None {
        return None;
    }
    let message = format!(
        "the key would travel in clear to `{}`: write https://, or `auth: none` if the server takes no key",
        origin.host()
    );
    Some(Warning { pointer: node.pointer.clone(), message })
}

/// Whether a host is this machine or, by its address or name, in a private network.
fn is_near(host: &str) -> bool {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return is_near_v4(address);
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(Ok(address)) = bare.map(str::parse::<Ipv6Addr>) {
        return match address.to_ipv4_mapped() {
            Some(address) => is_near_v4(address),
            None => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
        };
    }
    // A name without a dot is found by the local resolver only: `localhost`, a container, a service.
    let private = [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc"];
    !host.contains('.') || private.iter().any(|suffix| host.ends_with(suffix))
}

fn is_near_v4(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is the shared space of RFC 6598, which overlay networks use.
    let shared = matches!(address.octets(), [100, 64..=127, ..]);
    address.is_loopback() || address.is_private() || address.is_link_local() || shared
}

/// The catalogue's convention, else `NAME_API_KEY`; `None` where no endpoint takes a key.
fn key_env(
    name: &str,
    known: Option<&catalog::Provider>,
    endpoints: &[Option<Endpoint>; 3],
) -> Option<String> {
    if takes_no_key(endpoints) {
        return None;
    }
    let custom = || name.to_ascii_uppercase().replace('-', "_") + "_API_KEY";
    Some(known.and_then(|known| known.key_env.clone()).unwrap_or_else(custom))
}

/// Whether there are endpoints, none of which takes a key.
fn takes_no_key(endpoints: &[Option<Endpoint>; 3]) -> bool {
    let mut stated = endpoints.iter().flatten().peekable();
    stated.peek().is_some() && stated.all(|endpoint| endpoint.auth == Auth::None)
}

/// The message does not repeat the value: it may be the key itself, put into the wrong place.
fn environment_variable(node: &Node<'_>) -> Result<String, ConfigError> {
    let name = node.string()?;
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts
        || name.len() > KEY_ENV
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(node.error(
            "expected the name of an environment variable (letters, digits, `_`); the key itself belongs into that \
             variable, not into this document",
        ));
    }
    Ok(name.to_owned())
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), ConfigError> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > NAME || !name.bytes().all(allowed) {
        return Err(node.error(format!(
            "the provider name {} is not 1 to {NAME} of the characters a-z, 0-9, `-`, `_`",
            shown(name)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_hosts_are_told_from_far_ones() {
        for (host, near) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.7.7", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("169.254.1.1", true),
            ("8.8.8.8", false),
            ("[::1]", true),
            ("[fd00::1]", true),
            ("[fe80::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("[2001:db8::1]", false),
            ("localhost", true),
            ("vllm", true),
            ("vllm.default.svc", true),
            ("host.docker.internal", true),
            ("example.com", false),
            ("local.example.com", false),
        ] {
            assert_eq!(is_near(host), near, "{host}");
        }
    }
}
