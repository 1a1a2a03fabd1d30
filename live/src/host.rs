//! One of the hosts that the same document can be run on.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Failure,
    envoy::{self, Envoy},
    filter,
    gateway::{self, Gateway},
    tools,
};

/// A running host. What it is asked is the same for all.
#[derive(Debug)]
pub enum Host {
    /// A real Envoy with the filter.
    Envoy(Envoy),
    /// The native gateway.
    Native(Gateway),
}

/// What starts a host: fetched and built once, for as many as are wanted.
#[derive(Clone, Debug)]
pub enum Program {
    /// Envoy, and the filter.
    Envoy(PathBuf),
    /// The `pointsman` command.
    Native(PathBuf),
}

impl Program {
    /// A real Envoy, fetched, and the filter, built.
    ///
    /// # Errors
    /// What cannot be had or built.
    pub fn envoy() -> Result<Self, Failure> {
        tools::envoy()?;
        filter::build().map(Self::Envoy)
    }

    /// The `pointsman` command, built for speed.
    ///
    /// # Errors
    /// What the compiler printed.
    pub fn native() -> Result<Self, Failure> {
        gateway::build().map(Self::Native)
    }

    /// For people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "Envoy",
            Self::Native(_) => "the native gateway",
        }
    }

    /// The section of the document that is this host's own.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "envoy",
            Self::Native(_) => "serve",
        }
    }

    /// Starts it on a whole document, with the providers' keys as environment variables.
    ///
    /// # Errors
    /// What the host said where it did not start.
    pub fn start(&self, document: &Value, keys: &[(String, String)]) -> Result<Host, Failure> {
        match self {
            Self::Envoy(wasm) => {
                let options = envoy::Options { wasm: Some(wasm.clone()), ..envoy::Options::default() };
                Envoy::start(document, keys, &options).map(Host::Envoy)
            }
            Self::Native(binary) => Gateway::start(binary, document, keys).map(Host::Native),
        }
    }
}

impl Host {
    /// Address that clients connect to.
    pub const fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.address(),
            Self::Native(gateway) => gateway.address(),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Address of its admin page.
    pub const fn admin(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.admin(),
            Self::Native(gateway) => gateway.admin(),
        }
    }

    /// Process id, for measuring.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Envoy(envoy) => envoy.pid(),
            Self::Native(gateway) => gateway.pid(),
        }
    }

    /// Folder with its files.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Envoy(envoy) => envoy.folder(),
            Self::Native(gateway) => gateway.folder(),
        }
    }

    /// All its counters as Prometheus reads them.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn prometheus(&self) -> Result<String, Failure> {
        match self {
            Self::Envoy(envoy) => envoy.prometheus(),
            Self::Native(gateway) => gateway.prometheus(),
        }
    }

    /// The access log so far, one JSON value a line.
    pub fn access_log(&self) -> Vec<Value> {
        match self {
            Self::Envoy(envoy) => envoy.access_log(),
            Self::Native(gateway) => gateway.access_log(),
        }
    }

    /// What it said meanwhile.
    pub fn log(&self) -> String {
        match self {
            Self::Envoy(envoy) => envoy.log(),
            Self::Native(gateway) => gateway.log(),
        }
    }

    /// Resident memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        envoy::memory_of(self.pid())
    }
}
