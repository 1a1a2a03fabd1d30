//! The `envoy` section of the configuration document.

use std::{net::SocketAddr, path::PathBuf};

use pointsman::{Config, ConfigError, limits};
use serde::Deserialize;

use crate::document;

/// How Envoy is to run. Every field has a default that works on one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address that clients connect to.
    pub listen: SocketAddr,
    /// Address of Envoy's admin interface. It can read everything: keep it on loopback.
    pub admin: SocketAddr,
    /// Certificate chain and key for clients that connect by TLS.
    pub tls: Option<Identity>,
    /// File with the certificates that providers are checked against.
    pub ca: PathBuf,
    /// The filter.
    pub wasm: PathBuf,
    /// Largest request body, in bytes.
    pub max_body: u32,
    /// Time to connect to a provider, in milliseconds.
    pub connect_timeout_ms: u32,
    /// Time from the end of the request to the head of the answer, in milliseconds; then the next target is tried.
    /// An unstreamed answer's head comes when the model is done thinking, so this is minutes.
    pub first_byte_timeout_ms: u32,
    /// Longest silence within an answer, in milliseconds.
    pub idle_timeout_ms: u32,
    /// Failures in a row (5xx, refused, reset) after which a provider rests.
    pub rest_after: u32,
    /// How long it rests the first time, in milliseconds; longer each time after.
    pub rest_ms: u32,
    /// Where one JSON line a request goes: a file, `/dev/stdout`, or `off`.
    pub access_log: String,
    /// Whether workers remember conversations, in the data they share: how long each was silent, how large it is, and who
    /// answered last, who then goes first. Each tier has a chain more for each of its targets.
    pub memory: bool,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// File with the chain.
    pub certificate: PathBuf,
    /// File with the key.
    pub key: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            tls: None,
            ca: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
            wasm: PathBuf::from("pointsman.wasm"),
            max_body: 32 * 1024 * 1024,
            connect_timeout_ms: 5_000,
            first_byte_timeout_ms: 300_000,
            idle_timeout_ms: 120_000,
            rest_after: 5,
            rest_ms: 30_000,
            access_log: "/dev/stdout".to_owned(),
            memory: false,
        }
    }
}

impl Settings {
    /// The section of a checked document, or the defaults where there is none.
    ///
    /// # Errors
    /// The first key or value that is wrong, by its JSON Pointer.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let settings: Self = document::section(config, "envoy")?;
        document::bounded_body("envoy", settings.max_body, limits::REQUEST_BODY)?;
        Ok(settings)
    }
}
