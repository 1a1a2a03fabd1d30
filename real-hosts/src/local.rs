//! A stage with the native gateway in place of Envoy.

use std::{net::SocketAddr, path::Path};

use live::gateway::Gateway;
use pointsman_sim::Provider;
use serde_json::Value;

use crate::stage::{Cast, Script};

/// A running gateway with its providers.
#[derive(Debug)]
pub struct Local {
    /// The gateway.
    pub gateway: Gateway,
    /// The providers, and the document as it was given.
    pub cast: Cast,
}

impl Local {
    /// Starts the providers and then `binary serve`.
    ///
    /// # Panics
    /// Where the gateway does not start; the message is its own.
    pub async fn start(binary: &str, script: Script) -> Self {
        let (cast, _) = script.cast().await;
        Self::on(binary, cast)
    }

    /// The same on providers that run already.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn on(binary: &str, cast: Cast) -> Self {
        let gateway = Gateway::start(Path::new(binary), &cast.document, &cast.keys)
            .unwrap_or_else(|failure| panic!("{failure}"));
        Self { gateway, cast }
    }

    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// A provider of this stage.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn provider(&self, name: &str) -> &Provider {
        self.cast.provider(name)
    }

    /// How many requests each provider of a lane saw.
    pub fn counts(&self, lane: &str, providers: usize) -> Vec<usize> {
        let letters = ('a'..='z').take(providers);
        letters.map(|letter| self.provider(&format!("{lane}-{letter}")).requests().len()).collect()
    }

    /// The newest line of the access log with this alias, once it is there.
    ///
    /// # Panics
    /// Where none comes.
    pub async fn logged(&self, alias: &str) -> Value {
        let find = || self.gateway.access_log().into_iter().rev().find(|line| line["alias"] == alias);
        let found = crate::until(std::time::Duration::from_secs(10), find).await;
        found.unwrap_or_else(|| panic!("no line for {alias}"))
    }
}
