//! An Envoy, as far as a filter can tell.
//!
//! One VM serves both roles, as in the generated bootstrap. An exchange runs through *decide*, is routed by
//! `x-pointsman-cluster` to a chain of upstreams, and goes to one after the other through *attempt* until one gives an
//! answer that is not retried. What a provider receives is checked as a provider would: a `content-length` that is not
//! the body's ends the test.
//!
//! The semantics are those of Envoy 1.40, seen by running it: header changes of one attempt are still there in the next,
//! the body is not; a local response is acted on after the callback and passes through the filter's own response
//! callbacks; a held body is readable in the trailers callback; replacing a prefix of the body works, anything else but
//! the whole does not.

mod abi;
mod door;
mod exchange;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use pointsman::Config;
use serde_json::{Value, json};
use wasmtime::{Engine, ExternType, Instance, Linker, Module, Store};

use self::abi::Host;
pub use self::{
    door::EnvoyDoor,
    exchange::{Answer, Outcome, Request, Sent},
};
use crate::artifact;

/// Names (in lower case) and values of a message's headers, in order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// How this Envoy and its surroundings behave.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// Largest piece of a request body that one callback brings.
    pub request_chunk: usize,
    /// Largest piece of a response body that one callback brings.
    pub response_chunk: usize,
    /// The end of a body comes as an empty piece of its own, as HTTP/1 codecs do it.
    pub end_apart: bool,
    /// A prefix of a body can be replaced; otherwise only the whole.
    pub replaces_prefix: bool,
    /// Endpoints carry the name of their upstream.
    pub host_metadata: bool,
    /// Upstreams that rest: attempts go to the others of the chain.
    pub resting: BTreeSet<String>,
    /// Filter state is lost between the roles.
    pub forgets_state: bool,
    /// The largest body, as the plugin configuration states it.
    pub max_body: Option<usize>,
    /// Whether there is an access log, as the plugin configuration states it.
    pub access_log: Option<bool>,
    /// Whether conversations are remembered, as the plugin configuration states it, and clusters are made for it.
    pub memory: bool,
    /// This function of the ABI fails with an internal error.
    pub failing: Option<&'static str>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            request_chunk: usize::MAX,
            response_chunk: usize::MAX,
            end_apart: false,
            replaces_prefix: true,
            host_metadata: true,
            resting: BTreeSet::new(),
            forgets_state: false,
            max_body: None,
            access_log: None,
            memory: false,
            failing: None,
        }
    }
}

/// A running Envoy with the shipped filter.
pub struct Envoy {
    pub(crate) store: Store<Host>,
    pub(crate) instance: Instance,
    /// Names of all chains that the generator would have made clusters for.
    pub(crate) clusters: BTreeSet<String>,
    /// Keys by provider: what the credential injectors add to every attempt.
    pub(crate) keys: BTreeMap<String, String>,
    /// Providers that want a key.
    keyed: BTreeSet<String>,
    pub(crate) next_context: u32,
}

const DECIDE: u32 = 1;
const ATTEMPT: u32 = 2;

/// The engine and the compiled module: made once, shared by all tests.
fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).expect("an engine");
        Module::from_file(&engine, artifact::envoy()).expect("the built module is valid")
    })
}

/// What the module wants of its host: `module.name` of each import, sorted.
pub fn imports() -> Vec<String> {
    let mut names: Vec<String> =
        module().imports().map(|import| format!("{}.{}", import.module(), import.name())).collect();
    names.sort();
    names
}

/// Whether everything the module imports is a function.
pub fn imports_only_functions() -> bool {
    module().imports().all(|import| matches!(import.ty(), ExternType::Func(_)))
}

impl Envoy {
    /// Starts one with this configuration document.
    ///
    /// # Panics
    /// Where the document is wrong, or the filter refuses it.
    pub fn start(document: &Value) -> Self {
        Self::with(document, Quirks::default())
    }

    /// Starts one with faults.
    ///
    /// # Panics
    /// Where the document is wrong, or the filter refuses it.
    pub fn with(document: &Value, quirks: Quirks) -> Self {
        let text = document.to_string();
        let config = Config::from_json(text.as_bytes()).expect("the document is right");
        let mut plugin = json!({ "role": "decide", "config": document });
        if let Some(max_body) = quirks.max_body {
            plugin["max_body"] = json!(max_body);
        }
        if let Some(access_log) = quirks.access_log {
            plugin["access_log"] = json!(access_log);
        }
        let chains = if quirks.memory {
            plugin["memory"] = json!(true);
            pointsman::warm_chains(&config)
        } else {
            pointsman::chains(&config)
        };
        let mut envoy = Self::boot(quirks);
        assert!(envoy.configure(DECIDE, plugin.to_string().as_bytes()), "decide refused: {:?}", envoy.log());
        assert!(envoy.configure(ATTEMPT, br#"{"role":"attempt"}"#), "attempt refused: {:?}", envoy.log());
        envoy.clusters =
            chains.iter().map(|chain| pointsman::chain_name(chain.iter().map(String::as_str))).collect();
        let keyed = config.providers().iter().filter(|provider| provider.key_env.is_some());
        envoy.keyed = keyed.map(|provider| provider.name.clone()).collect();
        envoy.use_keys(|provider| Some(key_of(provider)));
        envoy
    }

    /// Whether the filter takes this plugin configuration, as `envoy --mode validate` would ask.
    pub fn takes(plugin: &[u8]) -> Result<(), Vec<String>> {
        let mut envoy = Self::boot(Quirks::default());
        if envoy.configure(DECIDE, plugin) { Ok(()) } else { Err(envoy.log().to_vec()) }
    }

    fn boot(quirks: Quirks) -> Self {
        let module = module();
        let mut store = Store::new(module.engine(), Host::new(quirks));
        store.set_fuel(u64::MAX).expect("fuel is on");
        let mut linker = Linker::new(module.engine());
        abi::define(&mut linker).expect("no name is defined twice");
        linker.define_unknown_imports_as_traps(module).expect("functions only");
        let instance = linker.instantiate(&mut store, module).expect("the module starts");
        let mut envoy = Self {
            store,
            instance,
            clusters: BTreeSet::new(),
            keys: BTreeMap::new(),
            keyed: BTreeSet::new(),
            next_context: 10,
        };
        envoy.call::<(), ()>("_initialize", ());
        for root in [DECIDE, ATTEMPT] {
            envoy.call::<_, ()>("proxy_on_context_create", (root, 0u32));
            assert_eq!(envoy.call::<_, u32>("proxy_on_vm_start", (root, 0u32)), 1, "the VM starts");
        }
        envoy
    }

    fn configure(&mut self, root: u32, plugin: &[u8]) -> bool {
        self.store.data_mut().plugin = plugin.to_vec();
        self.call::<_, u32>("proxy_on_configure", (root, plugin.len() as u32)) == 1
    }

    /// Takes a provider's key away, as an unset environment variable would.
    pub fn forget_key(&mut self, provider: &str) {
        self.keys.remove(provider);
    }

    /// From now on bodies come in pieces of these sizes, and their end in one of its own or not.
    pub fn cut(&mut self, request_chunk: usize, response_chunk: usize, end_apart: bool) {
        let quirks = &mut self.store.data_mut().quirks;
        (quirks.request_chunk, quirks.response_chunk, quirks.end_apart) =
            (request_chunk, response_chunk, end_apart);
    }

    /// Sets every provider's key.
    pub fn use_keys(&mut self, key: impl Fn(&str) -> Option<String>) {
        let names = self.keyed.iter();
        self.keys = names.filter_map(|name| Some((name.clone(), key(name)?))).collect();
    }

    /// From now on, this function of the ABI fails with an internal error.
    pub fn fail(&mut self, function: &'static str) {
        self.store.data_mut().quirks.failing = Some(function);
    }

    /// From now on it is so many seconds since 1970.
    pub fn set_time(&mut self, unix_seconds: u64) {
        self.store.data_mut().now = unix_seconds * 1_000_000_000;
    }

    /// The next writes of shared data find that another worker was faster.
    pub fn rival(&mut self, writes: u32) {
        self.store.data_mut().rivals = writes;
    }

    /// Everything shared, to be handed to [`resume`](Self::resume) of another.
    pub fn shared(&self) -> BTreeMap<String, (Vec<u8>, u32)> {
        self.store.data().shared.clone()
    }

    /// Takes what was shared by another worker, or before a reload.
    pub fn resume(&mut self, shared: BTreeMap<String, (Vec<u8>, u32)>) {
        self.store.data_mut().shared = shared;
    }

    /// The filter's log lines so far.
    pub fn log(&self) -> &[String] {
        &self.store.data().log
    }

    /// All counters by name; of a histogram, how many values it took.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.store.data().metrics.iter().map(|metric| (metric.name.clone(), metric.value)).fold(
            BTreeMap::new(),
            |mut all, (name, value)| {
                *all.entry(name).or_default() += value;
                all
            },
        )
    }

    /// How often a metric was made known. More than once a name is a leak.
    pub fn definitions(&self) -> usize {
        self.store.data().metrics.len()
    }

    /// Pages of 64 KiB that the VM's memory has grown to.
    pub fn pages(&mut self) -> u64 {
        self.instance.get_memory(&mut self.store, "memory").expect("an exported memory").size(&self.store)
    }

    /// Calls an export. A trap is a panic of the filter.
    pub(crate) fn call<Params, Results>(&mut self, name: &str, params: Params) -> Results
    where
        Params: wasmtime::WasmParams,
        Results: wasmtime::WasmResults,
    {
        let function = self
            .instance
            .get_typed_func::<Params, Results>(&mut self.store, name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let before_ = self.store.get_fuel().unwrap_or(0);
        let r_ = function.call(&mut self.store, params);
        if std::env::var_os("PRINT_FUEL").is_some() {
            eprintln!("FUEL {name} {}", before_ - self.store.get_fuel().unwrap_or(0));
        }
        match r_ {
            Ok(results) => results,
            Err(error) => panic!("the filter panicked in {name}: {error:?}\nits log: {:?}", self.log()),
        }
    }
}

/// The key that this Envoy injects for a provider.
pub fn key_of(provider: &str) -> String {
    format!("key-of-{provider}")
}
