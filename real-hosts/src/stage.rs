//! A stage: a configuration document, its providers, and a real Envoy in front of them.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use live::{
    envoy::{Envoy, Options},
    folder::Folder,
};
use pointsman_cli::{document::Document, envoy::Files};
use pointsman_sim::{Provider, Vendor};
use serde_json::{Value, json};

/// What a stage is built from.
#[derive(Debug)]
pub struct Script {
    document: Value,
    cast: Vec<Role>,
    options: Options,
}

#[derive(Debug)]
struct Role {
    name: String,
    options: pointsman_sim::Options,
    host: Option<String>,
}

/// A running Envoy with its providers.
#[derive(Debug)]
pub struct Stage {
    /// The Envoy.
    pub envoy: Envoy,
    /// The document as it was given, without what the harness adds.
    pub document: Value,
    /// The environment with the providers' keys.
    pub keys: Vec<(String, String)>,
    providers: BTreeMap<String, Provider>,
    /// Of a stage whose files were changed by hand.
    _folder: Option<Folder>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// An empty one. The classifier has no say in it: ladders of one tier are the rule.
    pub fn new() -> Self {
        let document = json!({
            "version": 1,
            "providers": {},
            "ladders": {},
            "aliases": {},
            // Where nothing else is said, no provider is put to rest: faults are the tests' own.
            "envoy": { "rest_after": 1000 },
        });
        let options = Options { log_level: "warning".to_owned(), ..Options::default() };
        Self { document, cast: Vec::new(), options }
    }

    /// An empty one for the native gateway: what is said of the host stands in `serve`.
    #[must_use]
    pub fn serving() -> Self {
        let mut script = Self::new();
        let section = script.document["envoy"].take();
        script.document["serve"] = section;
        if let Some(document) = script.document.as_object_mut() {
            document.remove("envoy");
        }
        script
    }

    /// Adds a provider. A name that the catalogue knows brings the catalogue's models with it.
    #[must_use]
    pub fn provider(self, name: &str, vendor: Vendor) -> Self {
        self.provider_with(name, vendor, |_| {})
    }

    /// The same, with a say in the simulator's options.
    #[must_use]
    pub fn provider_with(
        mut self,
        name: &str,
        vendor: Vendor,
        change: impl FnOnce(&mut pointsman_sim::Options),
    ) -> Self {
        let mut options = pointsman_sim::Options::new(vendor, &key_of(name));
        options.name = name.to_owned();
        change(&mut options);
        self.cast.push(Role { name: name.to_owned(), options, host: None });
        self
    }

    /// The same, reached by `https://HOST:PORT`.
    #[must_use]
    pub fn provider_at(
        mut self,
        host: &str,
        name: &str,
        vendor: Vendor,
        change: impl FnOnce(&mut pointsman_sim::Options),
    ) -> Self {
        self = self.provider_with(name, vendor, change);
        if let Some(role) = self.cast.last_mut() {
            role.host = Some(host.to_owned());
        }
        self
    }

    /// An alias with a ladder of one tier.
    #[must_use]
    pub fn alias(mut self, name: &str, targets: &[&str]) -> Self {
        self.document["ladders"][name] = json!({ "tiers": [{ "name": "only", "targets": targets }] });
        self.document["aliases"][name] = json!(name);
        self
    }

    /// A lane: an alias and as many generic providers of its own, `NAME-a`, `NAME-b` and so on, each with the model
    /// `model-a`, `model-b`. Faults in one lane are not felt in another.
    #[must_use]
    pub fn lane(mut self, name: &str, providers: usize) -> Self {
        let mut targets = Vec::new();
        for letter in ('a'..='z').take(providers) {
            let provider = format!("{name}-{letter}");
            targets.push(format!("{provider}/model-{letter}"));
            self = self.provider(&provider, Vendor::Generic);
        }
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        self.alias(name, &targets)
    }

    /// Sets a value of the document, by its JSON Pointer.
    ///
    /// # Panics
    /// Where the parent is not there.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = self.document.pointer_mut(parent).expect("the parent of what is to be set");
        parent[key] = value;
        self
    }

    /// Starts the filter from this file.
    #[must_use]
    pub fn wasm(mut self, path: PathBuf) -> Self {
        self.options.wasm = Some(path);
        self
    }

    /// Starts Envoy with so many workers.
    #[must_use]
    pub fn workers(mut self, number: u32) -> Self {
        self.options.concurrency = number;
        self
    }

    /// Starts Envoy at this log level.
    #[must_use]
    pub fn log_level(mut self, level: &str) -> Self {
        self.options.log_level = level.to_owned();
        self
    }

    /// Starts the providers and then Envoy.
    ///
    /// # Panics
    /// Where Envoy cannot be had or started; the message says how to get it.
    pub async fn start(self) -> Stage {
        let (stage, options) = self.cast().await;
        let envoy = Envoy::start(&stage.document, &stage.keys, &options)
            .unwrap_or_else(|failure| panic!("{failure}"));
        Stage { envoy, document: stage.document, keys: stage.keys, providers: stage.providers, _folder: None }
    }

    /// The same, with files that somebody tampered with: to show that a test would see what it forbids.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_tampered(self, tamper: impl FnOnce(&mut Files)) -> Stage {
        let (stage, options) = self.cast().await;
        let folder = Folder::new("tampered").expect("a folder");
        let wasm = live::filter::build().unwrap_or_else(|failure| panic!("{failure}"));
        let bootstrap = |listen: SocketAddr, admin: SocketAddr| {
            let mut document = stage.document.clone();
            document["envoy"]["listen"] = json!(listen);
            document["envoy"]["admin"] = json!(admin);
            document["envoy"]["wasm"] = json!(wasm);
            document["envoy"]["access_log"] = json!("off");
            let path = folder.path().join("pointsman.json");
            std::fs::write(&path, document.to_string()).expect("a file");
            let document = Document::read(&path).unwrap_or_else(|error| panic!("{error}"));
            let key = |variable: &str| {
                stage.keys.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone())
            };
            let mut files =
                Files::new(&document, folder.path(), key).unwrap_or_else(|error| panic!("{error}"));
            tamper(&mut files);
            files.write(folder.path()).expect("files");
            files.bootstrap
        };
        let envoy = Envoy::start_raw(bootstrap, &options).unwrap_or_else(|failure| panic!("{failure}"));
        Stage {
            envoy,
            document: stage.document,
            keys: stage.keys,
            providers: stage.providers,
            _folder: Some(folder),
        }
    }

    /// Starts the providers alone and completes the document with their addresses.
    ///
    /// # Panics
    /// Where a provider cannot listen.
    pub async fn cast(self) -> (Cast, Options) {
        let Self { mut document, cast, options } = self;
        let (mut providers, mut keys) = (BTreeMap::new(), Vec::new());
        for role in cast {
            let (vendor, key) = (role.options.vendor, role.options.key.clone());
            let tls = role.options.tls.is_some();
            let provider = Provider::start(role.options).await.expect("a provider");
            let host = role.host.unwrap_or_else(|| provider.addr().ip().to_string());
            let scheme = if tls { "https" } else { "http" };
            let origin = format!("{scheme}://{host}:{}", provider.addr().port());
            let variable = variable_of(&role.name);
            let mut settings = settings_of(vendor, &origin);
            if key.is_empty() {
                settings["auth"] = json!("none");
            } else {
                settings["key_env"] = json!(variable);
                keys.push((variable, key));
            }
            // What the script says of the provider wins.
            for (name, value) in document["providers"][&role.name].as_object().into_iter().flatten() {
                settings[name] = value.clone();
            }
            document["providers"][&role.name] = settings;
            providers.insert(role.name, provider);
        }
        (Cast { document, keys, providers }, options)
    }
}

/// The providers of a stage before there is an Envoy.
#[derive(Debug)]
pub struct Cast {
    /// The document, complete but for what the harness adds.
    pub document: Value,
    /// The environment with the providers' keys.
    pub keys: Vec<(String, String)>,
    /// The providers by name.
    pub providers: BTreeMap<String, Provider>,
}

impl Cast {
    /// A provider.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn provider(&self, name: &str) -> &Provider {
        self.providers.get(name).unwrap_or_else(|| panic!("no provider {name} on this stage"))
    }
}

impl Stage {
    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.envoy.address()
    }

    /// A provider of this stage.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn provider(&self, name: &str) -> &Provider {
        self.providers.get(name).unwrap_or_else(|| panic!("no provider {name} on this stage"))
    }

    /// All providers.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values()
    }
}

/// The key of a provider of this name.
pub fn key_of(name: &str) -> String {
    format!("sk-only-{name}-0123456789abcdef")
}

/// The environment variable of a provider of this name.
pub fn variable_of(name: &str) -> String {
    format!("TEST_{}_KEY", name.to_ascii_uppercase().replace('-', "_"))
}

/// Where a vendor has its endpoints.
fn settings_of(vendor: Vendor, origin: &str) -> Value {
    let at = |paths: &[(&str, &str)]| {
        let urls: BTreeMap<&str, String> =
            paths.iter().map(|(dialect, path)| (*dialect, format!("{origin}{path}"))).collect();
        json!({ "endpoints": urls })
    };
    let chat = ("chat", "/v1/chat/completions");
    let responses = ("responses", "/v1/responses");
    let messages = ("messages", "/anthropic/v1/messages");
    match vendor {
        Vendor::Anthropic => {
            let mut settings = at(&[chat, ("messages", "/v1/messages")]);
            settings["auth"] = json!("x-api-key");
            settings
        }
        Vendor::OpenAi => at(&[chat, responses]),
        Vendor::MiniMax => at(&[chat, responses, messages]),
        Vendor::DeepSeek => at(&[("chat", "/chat/completions"), messages]),
        Vendor::Moonshot => at(&[chat, messages]),
        Vendor::Zai => {
            at(&[("chat", "/api/paas/v4/chat/completions"), ("messages", "/api/anthropic/v1/messages")])
        }
        Vendor::OpenRouter => at(&[
            ("chat", "/api/v1/chat/completions"),
            ("responses", "/api/v1/responses"),
            ("messages", "/api/v1/messages"),
        ]),
        Vendor::Generic => json!({ "base_url": format!("{origin}/v1"), "speaks": ["chat"] }),
    }
}
