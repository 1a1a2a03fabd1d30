//! The component in wasmtime, as a host embeds it.

mod door;

use std::sync::OnceLock;

use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceAny},
};

use crate::artifact;

/// Made from the package by a macro.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "not written by hand")]
pub mod bindings {
    wasmtime::component::bindgen!({ world: "router", path: "../wit" });
}

pub use self::{bindings::exports::pointsman::router::routing, door::ComponentDoor};

/// A running component with one configuration.
pub struct Embedded {
    /// What the component runs in.
    pub store: Store<()>,
    /// Its configuration.
    pub router: ResourceAny,
    /// Its calls.
    pub api: bindings::Router,
}

/// The engine and the compiled component: made once, shared by all tests.
fn component() -> &'static Component {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).expect("an engine");
        Component::from_file(&engine, artifact::component()).expect("the built component is valid")
    })
}

/// What the component wants of its host.
pub fn imports() -> Vec<String> {
    let component = component();
    let kind = component.component_type();
    kind.imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

impl Embedded {
    /// Starts one with this configuration document; its fuel is counted.
    ///
    /// # Errors
    /// The component's word on a document that is wrong.
    pub fn start(document: &[u8]) -> Result<Self, routing::ConfigError> {
        let component = component();
        let mut store = Store::new(component.engine(), ());
        store.set_fuel(u64::MAX).expect("fuel is on");
        Self::within(store, component, document)
    }

    /// Starts one whose fuel is not counted, as a host that trusts it would.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn unmetered(document: &[u8]) -> Result<Self, routing::ConfigError> {
        let engine = Engine::default();
        let component = Component::from_file(&engine, artifact::component()).expect("a valid component");
        Self::within(Store::new(&engine, ()), &component, document)
    }

    fn within(
        mut store: Store<()>,
        component: &Component,
        document: &[u8],
    ) -> Result<Self, routing::ConfigError> {
        let linker = Linker::new(component.engine());
        let api = bindings::Router::instantiate(&mut store, component, &linker).expect("it needs nothing");
        let routers = api.pointsman_router_routing().router();
        let router = routers.call_configure(&mut store, document).expect("no trap")?;
        Ok(Self { store, router, api })
    }

    /// Fuel that is left: what a call takes of it is about one for each instruction.
    pub fn fuel(&self) -> u64 {
        self.store.get_fuel().expect("fuel is on")
    }
}
