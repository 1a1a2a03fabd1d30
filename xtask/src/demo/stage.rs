//! The stage: simulated providers behind TLS, and a real host in front of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
    time::Duration,
};

use live::{
    Failure,
    folder::Folder,
    host::{Host, Program},
    tools,
};
use pointsman::{Config, Dialect, Router};
use pointsman_cli::{clients, document::Document};
use pointsman_sim::{Ca, Provider, Seen, Vendor};
use serde_json::{Map, Value, json};

/// The name in the certificates and in SNI. It resolves to loopback everywhere.
const HOST: &str = "localhost";

/// A running host, with simulated providers unless they are the real ones.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) host: Host,
    /// By name; empty where the providers are real.
    pub(crate) providers: BTreeMap<String, Provider>,
    /// The same decisions as in the host, made here.
    pub(crate) router: Router,
    // The certificate authority lies there.
    _folder: Option<Folder>,
}

/// The example configuration.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn example() -> Result<Document, Failure> {
    let path: PathBuf = tools::root().join("envoy/pointsman.yaml");
    Document::read(&path).map_err(|error| Failure::new(error.to_string()))
}

/// The key of a simulated provider.
pub(crate) fn key_of(provider: &str) -> String {
    format!("sk-sim-{provider}-7c0ffee1dea")
}

impl Stage {
    /// Starts simulated providers for all that the document names, and the host on the document with their addresses.
    ///
    /// # Errors
    /// The host cannot be had or started, or a provider cannot listen.
    pub(crate) async fn simulated(document: &Document, program: &Program) -> Result<Self, Failure> {
        let folder = Folder::new("demo")?;
        let ca = Ca::new();
        let ca_path = folder.path().join("ca.pem");
        std::fs::write(&ca_path, ca.cert_pem())?;
        let mut providers = BTreeMap::new();
        let mut json = document.json.clone();
        let (mut settings, mut keys) = (Map::new(), Vec::new());
        for known in document.config.providers() {
            let mut options = pointsman_sim::Options::new(vendor_of(&known.name), &key_of(&known.name));
            known.name.clone_into(&mut options.name);
            options.tls = Some(ca.issue(&[HOST]));
            options.speed.gap = Duration::from_millis(1);
            options.speed.deltas = Some(16);
            if let Some(path) = known.endpoint(Dialect::Chat).map(pointsman::catalog::Endpoint::path)
                && options.vendor == Vendor::Generic
            {
                options.base_path = path.trim_end_matches("/chat/completions").to_owned();
                options.models = models_of(&document.config, &known.name);
            }
            let provider = Provider::start(options).await?;
            let port = provider.addr().port();
            settings.insert(known.name.clone(), json!({ "endpoints": endpoints(known, port) }));
            keys.extend(known.key_env.iter().map(|variable| (variable.clone(), key_of(&known.name))));
            providers.insert(known.name.clone(), provider);
        }
        json["providers"] = Value::Object(settings);
        // For the controls, which force a tier on every request.
        json["override"] = json!(["tier"]);
        json[program.section()] = json!({ "ca": ca_path });
        let host = start(json.clone(), keys, program.clone()).await?;
        Ok(Self { host, providers, router: router(&json)?, _folder: Some(folder) })
    }

    /// Starts the host on a document as it is, in front of the real providers.
    ///
    /// # Errors
    /// As [`simulated`](Self::simulated).
    pub(crate) async fn real(
        json: &Value,
        keys: Vec<(String, String)>,
        program: &Program,
    ) -> Result<Self, Failure> {
        let host = start(json.clone(), keys, program.clone()).await?;
        Ok(Self { host, providers: BTreeMap::new(), router: router(json)?, _folder: None })
    }

    /// The provider of a target `provider/model`.
    pub(crate) fn provider_of(&self, target: &str) -> Option<&Provider> {
        self.providers.get(target.split('/').next().unwrap_or(target))
    }

    /// Everything that all providers received.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&str, Seen)> {
        self.providers.iter().flat_map(|(name, provider)| {
            provider.requests().into_iter().map(move |seen| (name.as_str(), seen))
        })
    }

    /// The lines of the access log, once there are as many as requests. They are written a moment after the answer.
    pub(crate) async fn log(&self, requests: usize) -> Result<Vec<Value>, Failure> {
        for _ in 0..100 {
            let lines = self.host.access_log();
            if lines.len() >= requests {
                return Ok(lines);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Failure::new(format!("the access log does not have {requests} lines:\n{}", self.host.log())))
    }
}

/// A host's start blocks until it is ready.
async fn start(json: Value, keys: Vec<(String, String)>, program: Program) -> Result<Host, Failure> {
    let started = tokio::task::spawn_blocking(move || program.start(&json, &keys)).await;
    started.map_err(|error| Failure::new(error.to_string()))?
}

fn router(json: &Value) -> Result<Router, Failure> {
    let config = Config::from_json(json.to_string().as_bytes());
    Ok(Router::new(config.map_err(|error| Failure::new(error.to_string()))?))
}

fn vendor_of(provider: &str) -> Vendor {
    Vendor::named(provider).unwrap_or(Vendor::Generic)
}

/// The vendor's own paths, at another address.
fn endpoints(provider: &pointsman::Provider, port: u16) -> Value {
    let urls: BTreeMap<&str, String> = Dialect::ALL
        .into_iter()
        .filter_map(|dialect| {
            let path = provider.endpoint(dialect)?.path();
            Some((dialect.name(), format!("https://{HOST}:{port}{path}")))
        })
        .collect();
    json!(urls)
}

/// The names of the models that the document asks of a provider.
fn models_of(config: &Config, provider: &str) -> Vec<String> {
    let tiers = config.ladders().iter().flat_map(|ladder| &ladder.tiers);
    let names: BTreeSet<String> = tiers
        .flat_map(|tier| &tier.choices)
        .filter_map(|choice| config.target_of(choice))
        .filter(|target| target.name.split('/').next() == Some(provider))
        .map(|target| target.model.id.to_string())
        .collect();
    names.into_iter().collect()
}

/// How to point clients at a gateway.
pub(crate) fn instructions(url: &str) -> String {
    let mut text = String::new();
    for recipe in clients::recipes(url, "auto", "any") {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n  {}", recipe.title);
        for line in recipe.lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}
