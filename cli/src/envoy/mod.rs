//! `pointsman envoy`: everything Envoy needs, from the one configuration document.
//!
//! A folder with the bootstrap, the clusters, the filter's configuration and one secret a provider. Clusters, filter
//! and secrets are watched by Envoy: running the command again over a running Envoy changes the routing without
//! draining a connection.

mod bootstrap;
mod clusters;
mod settings;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use pointsman::{Config, ConfigError};
use serde_json::{Value, json};

pub use settings::{Identity, Settings};

use crate::document::Document;

/// The files of one Envoy.
#[derive(Debug)]
pub struct Files {
    /// `envoy.yaml`: listener, admin, stats, and where the other files are.
    pub bootstrap: Value,
    /// `clusters.json`: a cluster for each provider, a composite for each chain.
    pub clusters: Value,
    /// `filter.json`: the configuration of the role `decide`.
    pub filter: Value,
    /// `secrets/NAME.json`: the provider, its environment variable, and whether that was set.
    pub secrets: Vec<Secret>,
}

/// A provider's key, on its way from the environment to a file that only the owner can read.
pub struct Secret {
    /// The provider.
    pub provider: String,
    /// The environment variable.
    pub variable: String,
    /// Whether the variable was set and not empty.
    pub present: bool,
    document: Value,
}

// The key must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("provider", &self.provider)
            .field("variable", &self.variable)
            .field("present", &self.present)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// Makes the files for `folder`, which must be where they will lie: the bootstrap names it.
    ///
    /// # Errors
    /// A wrong `envoy` section of the document.
    pub fn new(
        document: &Document,
        folder: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let config = &document.config;
        let settings = Settings::of(config)?;
        let secrets = secrets(config, environment);
        Ok(Self {
            bootstrap: bootstrap::bootstrap(config, &settings, folder),
            clusters: clusters::clusters(config, &settings),
            filter: bootstrap::filter(&document.json, &settings),
            secrets,
        })
    }

    /// Writes them, clusters before the filter that names them, each by an atomic rename.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let secrets = folder.join("secrets");
        fs::create_dir_all(&secrets)?;
        let mut written = Vec::new();
        for secret in &self.secrets {
            written.push(replace(
                &secrets.join(format!("{}.json", secret.provider)),
                &secret.document,
                0o600,
            )?);
        }
        written.push(replace(&folder.join("clusters.json"), &self.clusters, 0o644)?);
        written.push(replace(&folder.join("filter.json"), &self.filter, 0o644)?);
        written.push(replace(&folder.join("envoy.yaml"), &self.bootstrap, 0o644)?);
        Ok(written)
    }
}

/// The chains of upstreams that Envoy gets a cluster for.
pub fn chains(config: &Config, settings: &Settings) -> Vec<Vec<String>> {
    clusters::prepared(config, settings)
}

fn secrets(config: &Config, environment: impl Fn(&str) -> Option<String>) -> Vec<Secret> {
    let mut found = Vec::new();
    for provider in config.providers() {
        let Some(variable) = &provider.key_env else { continue };
        let key = environment(variable).unwrap_or_default();
        let document = json!({ "resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": secret_name(&provider.name),
            "generic_secret": { "secret": { "inline_string": key } },
        }]});
        let present = !key.is_empty();
        found.push(Secret { provider: provider.name.clone(), variable: variable.clone(), present, document });
    }
    found
}

fn secret_name(provider: &str) -> String {
    format!("key-{provider}")
}

/// Envoy watches for a rename: a file that is written in place could be read by halves.
fn replace(path: &Path, value: &Value, mode: u32) -> io::Result<PathBuf> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let text = if path.extension().is_some_and(|extension| extension == "yaml") {
        serde_norway::to_string(value).map_err(io::Error::other)?
    } else {
        serde_json::to_string_pretty(value)? + "\n"
    };
    let fresh = path.with_extension("new");
    // A file left over from an interrupted run could have another mode.
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    Ok(path.to_owned())
}
