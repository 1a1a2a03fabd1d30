//! The Envoy door: one proxy-wasm module with two roles.
//!
//! *decide* is a filter of the listener. It holds the request until its body is whole, asks the core, makes the edits,
//! names the chain of upstreams for the route, and leaves a plan in the stream's filter state. On the way back it
//! meters the answer as it passes.
//!
//! *attempt* is a filter of the router and runs once for each attempt that Envoy's retry policy makes. It learns from
//! the endpoint's metadata whose turn it is, and makes the request right for that provider alone: path, key, headers,
//! length, body.
//!
//! The role is chosen by the plugin configuration: `{"role":"decide","max_body":…,"access_log":…,"memory":…,
//! "config":{…}}` or `{"role":"attempt"}`. The door holds no opinion of its own: host callback, core call, host calls.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod attempt;
mod decide;
mod host;
mod memory;
mod metrics;
mod purses;

use std::rc::Rc;

use pointsman::{Config, Router, limits};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{attempt::Attempt, decide::Decide, memory::Memory};

/// The exported `_initialize`; in a module of its own because the macro writes no documentation.
mod entry {
    proxy_wasm::main! {{
        crate::host::log_panics();
        proxy_wasm::set_root_context(|_| Box::new(crate::Root { role: crate::Role::Unset }));
    }}
}

/// The request header that the route selects a cluster by.
const CLUSTER: &str = "x-pointsman-cluster";

/// Set on a request that this door answers itself: Envoy's `local_reply_config` leaves such an answer as it is.
const REJECTED: &str = "x-pointsman-rejected";

/// Filter state: the attempts, for the role *attempt*.
const PLAN: &str = "pointsman.plan";

/// The response header by which *attempt* tells *decide* whose answer it is. An answer without it is Envoy's own.
const UPSTREAM: &str = "x-pointsman-upstream";

/// Filter state: the dialect, for an answer of the role *attempt*.
const DIALECT: &str = "pointsman.dialect";

/// What one plugin configuration made of this VM's root context.
struct Root {
    role: Role,
}

enum Role {
    /// Not configured. Envoy starts no stream on such a root; if it did, the stream would be refused.
    Unset,
    Decide(Rc<Deciding>),
    Attempt,
}

/// What all streams of the role *decide* share.
#[derive(Debug)]
struct Deciding {
    router: Router,
    /// Largest request body, in bytes.
    max_body: usize,
    /// Whether an access log reads what is noted for it.
    access_log: bool,
    /// What is remembered of conversations, where the operator wants it: it reorders chains, and clusters for those must
    /// have been made.
    memory: Option<Memory>,
}

/// The plugin configuration. Not an enum with a tag: serde holds such a one in values of its own, and the document is to
/// stay the text it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin<'a> {
    role: PluginRole,
    max_body: Option<usize>,
    access_log: Option<bool>,
    memory: Option<bool>,
    #[serde(borrow)]
    config: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum PluginRole {
    Decide,
    Attempt,
}

impl Role {
    fn of(configuration: &[u8]) -> Result<Self, String> {
        let plugin: Plugin<'_> = serde_json::from_slice(configuration)
            .map_err(|error| format!("the plugin configuration is not usable: {error}"))?;
        match (plugin.role, plugin.config) {
            (PluginRole::Attempt, None) => Ok(Self::Attempt),
            (PluginRole::Attempt, Some(_)) => Err("the role `attempt` takes no `config`".to_owned()),
            (PluginRole::Decide, None) => Err("the role `decide` needs a `config`".to_owned()),
            (PluginRole::Decide, Some(config)) => {
                let document = config.get().as_bytes();
                let config = Config::from_json(document)
                    .map_err(|error| format!("the configuration is not usable: {error}"))?;
                let max_body = plugin.max_body.unwrap_or(limits::REQUEST_BODY).min(limits::REQUEST_BODY);
                let access_log = plugin.access_log.unwrap_or(true);
                let memory = plugin.memory.unwrap_or(false).then(|| Memory::new(document));
                let router = Router::new(config);
                Ok(Self::Decide(Rc::new(Deciding { router, max_body, access_log, memory })))
            }
        }
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let configuration = host::buffer(host::Buffer::PluginConfiguration).unwrap_or_default();
        match Role::of(&configuration) {
            Ok(role) => {
                self.role = role;
                true
            }
            Err(message) => {
                host::log_error(&message);
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.role {
            Role::Decide(deciding) => Box::new(Decide::new(Rc::clone(deciding))),
            // Without a plan and a known upstream this role refuses: the safe one for a root that was never configured.
            Role::Attempt | Role::Unset => Box::new(Attempt::new()),
        })
    }
}
