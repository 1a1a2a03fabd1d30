//! What a provider received.

use std::time::Instant;

use hyper::Version;

use crate::cache::Billed;
use crate::json::Json;

/// A request as it arrived, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number, from 0, over the life of the provider.
    pub number: u64,
    /// Its method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in the order of arrival, values as bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body as it arrived.
    pub body: Vec<u8>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: Version,
    /// The host, from `:authority` or the `host` header.
    pub authority: String,
    /// The name in the TLS handshake, if there was one.
    pub sni: Option<String>,
    /// The number of its connection, from 0.
    pub connection: u64,
    /// When it had arrived in full.
    pub at: Instant,
    /// The whole body came; if not, the connection broke before its end.
    pub complete: bool,
    /// The status it was answered with; `None` while there is none, or never was.
    pub status: Option<u16>,
    /// Why it was refused, if it was.
    pub refusal: Option<String>,
    /// What it is billed as, if it was answered.
    pub billed: Option<Billed>,
    /// The bytes of the answer's body, as far as the connection has taken them.
    pub sent: Vec<u8>,
    /// The answer is over, whole or not.
    pub ended: bool,
    /// The whole answer was taken by the connection. False if the client went away or a fault cut it.
    pub finished: bool,
}

impl Seen {
    /// The first header of that name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as JSON, `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::parse(&self.body).unwrap_or(Json::Null)
    }

    /// The `model` of the body.
    #[must_use]
    pub fn model(&self) -> String {
        self.json().text("model").to_owned()
    }
}
