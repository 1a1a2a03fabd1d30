//! What the gateway says when it is there.

use std::{io::Write, net::SocketAddr};

use pointsman::{Config, Provider};
use serde_json::json;

use super::setup::Setup;
use crate::{clients, document::Document, paint};

/// The model name that the example configuration routes.
const USUAL: &str = "auto";

/// A gateway that has just begun to listen.
#[derive(Debug)]
pub(super) struct Welcome<'a> {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) document: &'a Document,
    pub(super) setup: &'a Setup,
}

impl Welcome<'_> {
    /// Tables for people, or one line of JSON for machines.
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            // Whoever started us may not want to hear it.
            let _ = writeln!(std::io::stdout(), "{}", self.json());
        } else {
            self.tell();
        }
    }

    fn config(&self) -> &Config {
        &self.document.config
    }

    fn url(&self) -> String {
        let scheme = if self.setup.settings.tls.is_some() { "https" } else { "http" };
        // Nobody connects to "any address".
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("{scheme}://{address}")
    }

    fn json(&self) -> serde_json::Value {
        let providers = self.config().providers().iter().map(|provider| {
            json!({
                "name": provider.name,
                "variable": provider.key_env,
                "ready": self.is_ready(provider),
            })
        });
        json!({
            "url": self.url(),
            "listen": self.listen,
            "admin": self.admin,
            "pid": std::process::id(),
            "providers": providers.collect::<Vec<_>>(),
        })
    }

    fn is_ready(&self, provider: &Provider) -> bool {
        provider.key_env.is_none() || self.setup.keys.of(&provider.name).is_some()
    }

    fn tell(&self) {
        let url = self.url();
        paint::heading("Pointsman");
        paint::fact("listens on", &url);
        paint::fact("metrics", &format!("http://{}/metrics", self.admin));
        paint::fact("document", &format!("{} (a change is taken up at once)", self.document.path.display()));
        let names: Vec<&str> = self.config().aliases().iter().map(|alias| alias.name.as_str()).collect();
        paint::fact("routes", &names.join(", "));
        paint::heading("providers");
        paint::table(&["provider", "at", "key"], self.providers());
        for provider in self.config().providers().iter().filter(|provider| !self.is_ready(provider)) {
            paint::warning(&format!(
                "{}: {} is not set; requests that are routed there are refused with 503",
                provider.name,
                provider.key_env.as_deref().unwrap_or_default(),
            ));
        }
        for warning in self.config().warnings() {
            paint::warning(&format!("{}: {}", warning.pointer, warning.message));
        }
        if self.config().callers().is_none() && !self.listen.ip().is_loopback() {
            paint::warning(&format!(
                "whoever reaches {} uses your keys; name those who may in `callers`",
                self.listen
            ));
        }
        paint::heading("clients");
        let model =
            names.iter().find(|name| **name == USUAL).or_else(|| names.first()).copied().unwrap_or(USUAL);
        let token = if self.config().callers().is_some() { "YOUR-TOKEN" } else { "any" };
        for recipe in clients::recipes(&url, model, token) {
            paint::recipe(recipe.title, &recipe.lines);
        }
        paint::aside("\nCtrl-C ends it");
    }

    fn providers(&self) -> Vec<Vec<String>> {
        let row = |provider: &Provider| {
            let origin = provider.origin().map(ToString::to_string).unwrap_or_default();
            let key = match &provider.key_env {
                None => "needs none".to_owned(),
                Some(variable) if self.is_ready(provider) => format!("✓ {variable}"),
                Some(variable) => format!("✗ {variable} is not set"),
            };
            vec![provider.name.clone(), origin, key]
        };
        self.config().providers().iter().map(row).collect()
    }
}
