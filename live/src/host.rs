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
    tools, worker,
    workerd::{Site, Workerd},
};

/// A running host. What it is asked is the same for all.
#[derive(Debug)]
pub enum Host {
    /// A real Envoy with the filter.
    Envoy(Envoy),
    /// The native gateway.
    Native(Gateway),
    /// A real workerd with the Worker.
    Worker(Workerd),
}

/// What starts a host: fetched and built once, for as many as are wanted.
#[derive(Clone, Debug)]
pub enum Program {
    /// Envoy, and the filter.
    Envoy(PathBuf),
    /// The `pointsman` command.
    Native(PathBuf),
    /// workerd, and the Worker.
    Worker,
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

    /// A real workerd, fetched, and the Worker, built.
    ///
    /// # Errors
    /// What cannot be had or built.
    pub fn worker() -> Result<Self, Failure> {
        tools::workerd()?;
        worker::build()?;
        Ok(Self::Worker)
    }

    /// For people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "Envoy",
            Self::Native(_) => "the native gateway",
            Self::Worker => "workerd",
        }
    }

    /// The section of the document that is this host's own.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Envoy(_) => "envoy",
            Self::Native(_) => "serve",
            Self::Worker => "worker",
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
            Self::Worker => {
                let mut document = document.clone();
                // Whom a Worker trusts is the runtime's to say, not the document's.
                let section = document.get_mut("worker").and_then(Value::as_object_mut);
                let ca = section.and_then(|section| section.remove("ca"));
                let ca = ca.and_then(|path| path.as_str().map(std::fs::read_to_string)).transpose()?;
                let site = Site::pointsman(&document, keys)?;
                Workerd::start_trusting(&[site], ca.as_deref()).map(Host::Worker)
            }
        }
    }
}

impl Host {
    /// Address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.address(),
            Self::Native(gateway) => gateway.address(),
            Self::Worker(workerd) => workerd.address("pointsman"),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Address of its admin page, where it has one.
    pub const fn admin(&self) -> Option<SocketAddr> {
        match self {
            Self::Envoy(envoy) => Some(envoy.admin()),
            Self::Native(gateway) => Some(gateway.admin()),
            Self::Worker(_) => None,
        }
    }

    /// Whether it asks providers by HTTP/2 where they offer it. workerd on its own never does; Cloudflare's network is
    /// another matter.
    pub const fn asks_by_http2(&self) -> bool {
        !matches!(self, Self::Worker(_))
    }

    /// Process id, for measuring.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Envoy(envoy) => envoy.pid(),
            Self::Native(gateway) => gateway.pid(),
            Self::Worker(workerd) => workerd.pid(),
        }
    }

    /// Folder with its files.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Envoy(envoy) => envoy.folder(),
            Self::Native(gateway) => gateway.folder(),
            Self::Worker(workerd) => workerd.folder(),
        }
    }

    /// All its counters as Prometheus reads them; `None` where it keeps none.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn prometheus(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::Envoy(envoy) => envoy.prometheus().map(Some),
            Self::Native(gateway) => gateway.prometheus().map(Some),
            Self::Worker(_) => Ok(None),
        }
    }

    /// The access log so far, one JSON value a line.
    pub fn access_log(&self) -> Vec<Value> {
        match self {
            Self::Envoy(envoy) => envoy.access_log(),
            Self::Native(gateway) => gateway.access_log(),
            Self::Worker(workerd) => {
                // A Worker writes the line when its own copy of the answer has passed, which may be after the next
                // request came: the order of the exchanges is that of their beginnings.
                let mut lines = workerd.access_log();
                lines.sort_by(|a, b| a["time"].as_str().cmp(&b["time"].as_str()));
                lines
            }
        }
    }

    /// What it said meanwhile.
    pub fn log(&self) -> String {
        match self {
            Self::Envoy(envoy) => envoy.log(),
            Self::Native(gateway) => gateway.log(),
            Self::Worker(workerd) => workerd.log(),
        }
    }

    /// Resident memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        envoy::memory_of(self.pid())
    }
}
