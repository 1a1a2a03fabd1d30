//! The `serve` section of the configuration document. Keys that it shares with `envoy` mean the same and default to the
//! same.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use pointsman::{Config, ConfigError, failover::Rest, limits};
use serde::Deserialize;

use crate::{document, envoy::Identity};

/// How the gateway is to run. Every field has a default that works on one machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address that clients connect to. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of metrics and health. Keep it on loopback.
    pub admin: SocketAddr,
    /// Certificate chain and key for clients that connect by TLS.
    pub tls: Option<Identity>,
    /// File with the certificates that providers are checked against. The system's where nothing is said; Mozilla's
    /// where the system has none.
    pub ca: Option<PathBuf>,
    /// Largest request body, in bytes.
    pub max_body: u32,
    /// Time to connect to a provider, TLS included, in milliseconds.
    pub connect_timeout_ms: u32,
    /// Time from the end of the request to the head of the answer, in milliseconds; then the next target is tried.
    /// An unstreamed answer's head comes when the model is done thinking, so this is minutes.
    pub first_byte_timeout_ms: u32,
    /// Longest silence within an answer, in milliseconds.
    pub idle_timeout_ms: u32,
    /// Time for TLS, and for the head of a request from its first byte, in milliseconds. Also how long a connection
    /// without a request is kept.
    pub head_timeout_ms: u32,
    /// How long a client may read nothing of an answer that waits for it, in milliseconds; then its connection is closed.
    pub write_timeout_ms: u32,
    /// Failures in a row (5xx, refused, reset) after which a provider rests.
    pub rest_after: u32,
    /// How long it rests the first time, in milliseconds; longer each time after.
    pub rest_ms: u32,
    /// Where one JSON line a request goes: a file, `/dev/stdout`, or `off`.
    pub access_log: String,
    /// File that keeps what is spent of budgets across restarts. Without it a restart begins with nothing spent.
    pub budget_file: Option<PathBuf>,
    /// How long requests under way may go on after the gateway was told to end, in milliseconds.
    pub drain_timeout_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            tls: None,
            ca: None,
            max_body: 32 * 1024 * 1024,
            connect_timeout_ms: 5_000,
            first_byte_timeout_ms: 300_000,
            idle_timeout_ms: 120_000,
            head_timeout_ms: 15_000,
            write_timeout_ms: 120_000,
            rest_after: 5,
            rest_ms: 30_000,
            access_log: "/dev/stdout".to_owned(),
            budget_file: None,
            drain_timeout_ms: 60_000,
        }
    }
}

impl Settings {
    /// The section of a checked document, or the defaults where there is none.
    ///
    /// # Errors
    /// The first key or value that is wrong, by its JSON Pointer.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let settings: Self = document::section(config, "serve")?;
        document::bounded_body("serve", settings.max_body, limits::REQUEST_BODY)?;
        Ok(settings)
    }

    pub(super) const fn rest(&self) -> Rest {
        Rest { after: self.rest_after, ms: self.rest_ms }
    }

    pub(super) const fn connect_timeout(&self) -> Duration {
        milliseconds(self.connect_timeout_ms)
    }

    pub(super) const fn first_byte_timeout(&self) -> Duration {
        milliseconds(self.first_byte_timeout_ms)
    }

    pub(super) const fn idle_timeout(&self) -> Duration {
        milliseconds(self.idle_timeout_ms)
    }

    pub(super) const fn head_timeout(&self) -> Duration {
        milliseconds(self.head_timeout_ms)
    }

    pub(super) const fn write_timeout(&self) -> Duration {
        milliseconds(self.write_timeout_ms)
    }

    pub(super) const fn drain_timeout(&self) -> Duration {
        milliseconds(self.drain_timeout_ms)
    }
}

const fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(count as u64)
}
