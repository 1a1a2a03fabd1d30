//! Who serves models, and at which addresses.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::{fmt, str::FromStr};
use serde::Deserialize;

use crate::{limits, wire::Dialect};

/// One provider: a host of models, with an endpoint for each dialect it speaks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Provider {
    /// The name used in configuration, metrics and model entries.
    pub name: String,
    /// The name for people.
    pub display: String,
    /// The environment variable that conventionally holds its key, if there is such a convention.
    pub key_env: Option<String>,
    /// How the address looks where it differs by account or region, so that the catalogue can hold none.
    pub base_url_hint: Option<String>,
    /// Region, caveats.
    pub note: Option<String>,
    /// By position in [`Dialect::ALL`].
    pub(super) endpoints: [Option<Endpoint>; Dialect::ALL.len()],
}

impl Provider {
    /// Where it takes requests of this dialect. `None` if it does not, or if the operator has yet to say.
    pub fn endpoint(&self, dialect: Dialect) -> Option<&Endpoint> {
        Dialect::ALL.iter().zip(&self.endpoints).find(|(known, _)| **known == dialect)?.1.as_ref()
    }

    /// The dialects it takes requests in.
    pub fn dialects(&self) -> impl Iterator<Item = Dialect> {
        Dialect::ALL.into_iter().filter(|dialect| self.endpoint(*dialect).is_some())
    }
}

/// How a provider wants its key.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `authorization: Bearer <key>`.
    #[default]
    Bearer,
    /// `x-api-key: <key>`, as Anthropic does.
    XApiKey,
    /// No key.
    None,
}

/// The address at which a provider takes requests of one dialect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    origin: Origin,
    path: String,
    /// How the key is sent.
    pub auth: Auth,
}

impl Endpoint {
    /// Reads an absolute `http` or `https` URL of at most [`limits::HEADER_VALUE`] bytes.
    ///
    /// The host is stored in lower case. User names, passwords and fragments are refused, so is what remains of an
    /// unfilled template (`{account}`).
    pub fn parse(url: &str, auth: Auth) -> Result<Self, InvalidUrl> {
        if url.len() > limits::HEADER_VALUE {
            return Err(InvalidUrl::TooLong);
        }
        let (_, rest) = url.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let path = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or_default();
        let origin = Origin::parse(url.strip_suffix(path).unwrap_or(url))?;
        // RFC 3986 pchar, `/`, and one query.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/?".contains(&b);
        if !path.bytes().all(allowed) || path.starts_with('?') {
            return Err(InvalidUrl::Path);
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { origin, path: path.to_owned(), auth })
    }

    /// Scheme, host and port.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, `/` at least, with the query if there is one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole URL.
    pub fn url(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// Scheme, host and port of a URL: what a connection is made to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://host`, `http://host:port` and the like; nothing may follow.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, authority) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidUrl::Scheme),
        };
        // A colon within the brackets of an IPv6 address does not start a port.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                u16::from_str(digits).ok().filter(|port| *port > 0).ok_or(InvalidUrl::Port)?
            }
            Some(_) => return Err(InvalidUrl::Port),
            None if tls => 443,
            None => 80,
        };
        if !is_host(host) {
            return Err(InvalidUrl::Host);
        }
        Ok(Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// Whether the connection is encrypted: `https`.
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// Host name or address; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, also where the URL leaves it out.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What a `host` header says: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => alloc::format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

/// A DNS name, an IPv4 address, or an IPv6 address in brackets. Whether it exists is not ours to know.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return core::net::Ipv6Addr::from_str(address).is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// Why a text is no address of an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InvalidUrl {
    /// Longer than [`limits::HEADER_VALUE`].
    TooLong,
    /// Not `http://` or `https://`.
    Scheme,
    /// Not a host name or address; a user name or password also ends here.
    Host,
    /// Not a port.
    Port,
    /// A character that no path holds, or a fragment.
    Path,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a URL has at most {} bytes", limits::HEADER_VALUE),
            Self::Scheme => f.write_str("a URL starts with http:// or https://"),
            Self::Host => f.write_str("the host of the URL is not a name or address"),
            Self::Port => f.write_str("the port of the URL is not a number from 1 to 65535"),
            Self::Path => f.write_str("the path of the URL holds a character that belongs in no path"),
        }
    }
}

impl core::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, tls, host, port, path) in [
            (
                "https://api.minimax.io/anthropic/v1/messages",
                true,
                "api.minimax.io",
                443,
                "/anthropic/v1/messages",
            ),
            (
                "http://127.0.0.1:8080/v1/messages?beta=true",
                false,
                "127.0.0.1",
                8080,
                "/v1/messages?beta=true",
            ),
            ("http://[::1]:9/x", false, "[::1]", 9, "/x"),
            ("https://[::1]", true, "[::1]", 443, "/"),
            ("http://LOCALHOST", false, "localhost", 80, "/"),
        ] {
            let endpoint = Endpoint::parse(url, Auth::None).unwrap();
            let origin = endpoint.origin();
            assert_eq!(
                (origin.tls(), origin.host(), origin.port(), endpoint.path()),
                (tls, host, port, path)
            );
        }
    }

    #[test]
    fn a_url_is_written_as_it_was_read() {
        for url in ["https://api.x.ai/v1/responses", "http://h:443/", "https://h:8443/a/b?c=d"] {
            assert_eq!(Endpoint::parse(url, Auth::Bearer).unwrap().url(), url);
        }
        assert_eq!(Endpoint::parse("https://h:443/a", Auth::Bearer).unwrap().url(), "https://h/a");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (url, error) in [
            ("api.openai.com/v1", InvalidUrl::Scheme),
            ("ftp://h/", InvalidUrl::Scheme),
            ("https://", InvalidUrl::Host),
            ("https:///v1", InvalidUrl::Host),
            ("https://user@h/", InvalidUrl::Host),
            ("https://user:secret@h/", InvalidUrl::Port),
            ("https://{resource}.example/v1", InvalidUrl::Host),
            ("https://h/{account}/v1", InvalidUrl::Path),
            ("https://h/a b", InvalidUrl::Path),
            ("https://h/a#b", InvalidUrl::Path),
            ("https://h#b", InvalidUrl::Path),
            ("https://h?a", InvalidUrl::Path),
            ("https://h:0/", InvalidUrl::Port),
            ("https://h:65536/", InvalidUrl::Port),
            ("https://h:/", InvalidUrl::Port),
            ("https://a..b/", InvalidUrl::Host),
            ("https://[::g]/", InvalidUrl::Host),
            ("https://h/\r\nx: y", InvalidUrl::Path),
        ] {
            assert_eq!(Endpoint::parse(url, Auth::Bearer), Err(error), "{url}");
        }
        let long = alloc::format!("https://h/{}", "a".repeat(limits::HEADER_VALUE));
        assert_eq!(Endpoint::parse(&long, Auth::Bearer), Err(InvalidUrl::TooLong));
    }
}
