//! What is measured: Envoy as generated with our filter, the native gateway, and the same listener and cluster without
//! either; the Worker beside a pass-through in JavaScript.

use std::{net::SocketAddr, path::Path, rc::Rc};

use live::{
    Failure,
    envoy::{self, Envoy, Options},
    folder::Folder,
    gateway::Gateway,
    host::Host as Running,
    tools,
    workerd::{Site, Workerd},
};
use pointsman::{Config, Dialect};
use pointsman_cli::{document::Document, envoy::Files};
use pointsman_sim::{Bench, Provider, Vendor};
use serde_json::{Map, Value, json};

/// Names of the variants of `bench envoy`, in the order of all that is measured. The first is what the others are held
/// against.
pub(crate) const ENVOYS: [&str; 3] = ["plain", "buffer_only", "pointsman"];

/// Those of `bench native`.
pub(crate) const NATIVE: [&str; 2] = ["plain", "gateway"];

/// The cluster that easy requests go to.
const CLUSTER: &str = "minimax";

/// Those of `bench worker`, all in one workerd: a pass-through in JavaScript; one that reads what it passes on, as
/// whatever counts tokens must; and ours with and without its log.
pub(crate) const WORKERS: [&str; 4] = ["javascript", "javascript_reading", "pointsman_logging", "pointsman"];

/// A Worker in plain JavaScript that takes the body whole, sets a key, asks the provider, and streams the answer back.
const PASS_THROUGH: &str = "\
export default {
  async fetch(request, env) {
    const body = await request.arrayBuffer();
    const headers = new Headers(request.headers);
    headers.set('authorization', `Bearer ${env.KEY}`);
    const response = await fetch(env.UPSTREAM, { method: request.method, headers, body });
    return new Response(response.body, response);
  },
};
";

/// The same, but the answer is read, and nothing is done with it: one that is whole before it is passed on, events in a copy
/// beside the client's. Below it no Worker comes that meters.
const READING: &str = "\
export default {
  async fetch(request, env, ctx) {
    const body = await request.arrayBuffer();
    const headers = new Headers(request.headers);
    headers.set('authorization', `Bearer ${env.KEY}`);
    const response = await fetch(env.UPSTREAM, { method: request.method, headers, body });
    if (response.headers.get('content-type') !== 'text/event-stream') {
      return new Response(await response.arrayBuffer(), response);
    }
    const [clients, ours] = response.body.tee();
    ctx.waitUntil(read(ours.getReader({ mode: 'byob' })));
    return new Response(clients, response);
  },
};
async function read(reader) {
  while (!(await reader.read(new Uint8Array(65536))).done);
}
";

/// A variant, running.
#[derive(Debug)]
pub(crate) enum Host {
    /// A process of its own.
    Process(Running),
    /// A Worker among others in one process.
    Worker(SocketAddr, Rc<Workerd>),
}

/// All of them, in the order of their names.
#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) all: Vec<Host>,
    // The files of the generated bootstrap lie there.
    _folder: Folder,
}

/// A server that answers at once, the same for all.
///
/// # Errors
/// It cannot listen.
pub(crate) async fn upstream() -> Result<Provider, Failure> {
    let mut options = pointsman_sim::Options::new(Vendor::MiniMax, "");
    options.bench = Some(Bench::AsAsked);
    Ok(Provider::start(options).await?)
}

impl Host {
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Process(running) => running.address(),
            Self::Worker(address, _) => *address,
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Process(running) => running.pid(),
            Self::Worker(_, workerd) => workerd.pid(),
        }
    }

    /// CPU time of all threads so far, in nanoseconds, by the scheduler's own account.
    pub(crate) fn cpu_nanos(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let nanos = |path: &Path| -> Option<u64> {
            std::fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
        };
        tasks.into_iter().flatten().flatten().filter_map(|task| nanos(&task.path())).sum()
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        envoy::memory_of(self.pid())
    }
}

impl Hosts {
    /// Starts a plain Envoy and the gateway in front of the upstream.
    ///
    /// # Errors
    /// One of them does not start.
    pub(crate) fn native(upstream: SocketAddr, binary: &Path) -> Result<Self, Failure> {
        let folder = Folder::new("bench")?;
        let json = document(upstream)?;
        let plain = plain(&json, folder.path())?;
        let plain = Envoy::start_raw(|listen, admin| on(&plain, listen, admin), &Options::default())?;
        let gateway = Gateway::start(binary, &json, &keys(&json)?)?;
        Ok(Self {
            all: vec![Host::Process(Running::Envoy(plain)), Host::Process(Running::Native(gateway))],
            _folder: folder,
        })
    }

    /// Starts one workerd with all Workers in front of the upstream.
    ///
    /// # Errors
    /// workerd does not start.
    pub(crate) fn workers(upstream: SocketAddr) -> Result<Self, Failure> {
        let folder = Folder::new("bench")?;
        let workerd = Rc::new(Workerd::start(&sites(upstream, &folder)?)?);
        let all = WORKERS.iter().map(|name| Host::Worker(workerd.address(name), Rc::clone(&workerd)));
        Ok(Self { all: all.collect(), _folder: folder })
    }

    /// Starts three Envoys in front of the upstream.
    ///
    /// # Errors
    /// Envoy does not start.
    pub(crate) fn envoys(upstream: SocketAddr, ours: &Path, buffer: &Path) -> Result<Self, Failure> {
        let folder = Folder::new("bench")?;
        let json = document(upstream)?;
        let plain = plain(&json, folder.path())?;
        let options = |wasm: &Path| Options { wasm: Some(wasm.to_owned()), ..Options::default() };
        let buffering = with_filter(&plain, buffer);
        let all = [
            Envoy::start_raw(|listen, admin| on(&plain, listen, admin), &Options::default())?,
            Envoy::start_raw(|listen, admin| on(&buffering, listen, admin), &Options::default())?,
            Envoy::start(&json, &keys(&json)?, &options(ours))?,
        ];
        let all = all.into_iter().map(|envoy| Host::Process(Running::Envoy(envoy))).collect();
        Ok(Self { all, _folder: folder })
    }
}

/// The Workers of `bench worker`, in the order of [`WORKERS`]; the files in JavaScript go into the folder.
///
/// # Errors
/// The Worker cannot be built.
pub(crate) fn sites(upstream: SocketAddr, folder: &Folder) -> Result<[Site; 4], Failure> {
    let json = document(upstream)?;
    let texts = vec![
        ("KEY".to_owned(), "sk-bench".to_owned()),
        ("UPSTREAM".to_owned(), format!("http://{upstream}/v1/chat/completions")),
    ];
    let ours = |log: bool| {
        let mut json = json.clone();
        json["worker"] = json!({ "log": log });
        Site::pointsman(&json, &keys(&json)?)
    };
    let javascript = |name: &str, text: &str| -> Result<Site, Failure> {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("index.js"), text)?;
        Ok(Site {
            name: name.to_owned(),
            folder,
            modules: vec!["index.js".to_owned()],
            texts: texts.clone(),
            kv: None,
            analytics: false,
            store: None,
        })
    };
    Ok([
        javascript(WORKERS[0], PASS_THROUGH)?,
        javascript(WORKERS[1], READING)?,
        Site { name: WORKERS[2].to_owned(), ..ours(true)? },
        Site { name: WORKERS[3].to_owned(), ..ours(false)? },
    ])
}

/// A bootstrap of one's own on these addresses.
fn on(bootstrap: &Value, listen: SocketAddr, admin: SocketAddr) -> Value {
    let mut bootstrap = bootstrap.clone();
    bootstrap["admin"]["address"] = socket(admin);
    bootstrap["static_resources"]["listeners"][0]["address"] = socket(listen);
    bootstrap
}

/// A key for each provider that wants one.
fn keys(json: &Value) -> Result<Vec<(String, String)>, Failure> {
    let config = Config::from_json(json.to_string().as_bytes());
    let config = config.map_err(|error| Failure::new(error.to_string()))?;
    let key = |provider: &pointsman::Provider| {
        Some((provider.key_env.clone()?, format!("sk-bench-{}", provider.name)))
    };
    Ok(config.providers().iter().filter_map(key).collect())
}

/// The example configuration with all of its providers at one address. No access log: a plain proxy has none.
fn document(upstream: SocketAddr) -> Result<Value, Failure> {
    let example = Document::read(&tools::root().join("envoy/pointsman.yaml"));
    let example = example.map_err(|error| Failure::new(error.to_string()))?;
    let mut providers = Map::new();
    for provider in example.config.providers() {
        let endpoint = |dialect: Dialect| {
            let path = provider.endpoint(dialect)?.path();
            Some((dialect.name().to_owned(), json!(format!("http://{upstream}{path}"))))
        };
        let endpoints: Map<String, Value> = Dialect::ALL.into_iter().filter_map(endpoint).collect();
        providers.insert(provider.name.clone(), json!({ "endpoints": endpoints }));
    }
    let mut json = example.json;
    json["providers"] = Value::Object(providers);
    for section in ["envoy", "serve"] {
        json[section] = json!({ "access_log": "off" });
    }
    Ok(json)
}

/// Our own bootstrap without the filter: listener, buffers and cluster are the same, the route leads to one cluster, and
/// nothing is tried twice.
fn plain(json: &Value, folder: &Path) -> Result<Value, Failure> {
    let text = json.to_string();
    let config = Config::from_json(text.as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
    let document = Document { path: folder.join("pointsman.json"), json: json.clone(), config };
    let files = Files::new(&document, folder, |_| None).map_err(|error| Failure::new(error.to_string()))?;
    let missing = || Failure::new("the generated bootstrap has another shape than the benchmark expects");
    let mut bootstrap = files.bootstrap;
    let clusters = files.clusters["resources"].as_array().ok_or_else(missing)?;
    let mut cluster = clusters.iter().find(|cluster| cluster["name"] == CLUSTER).ok_or_else(missing)?.clone();
    cluster.as_object_mut().ok_or_else(missing)?.remove("@type");
    bootstrap.as_object_mut().ok_or_else(missing)?.remove("dynamic_resources");
    bootstrap["static_resources"]["clusters"] = json!([cluster]);
    let manager = manager(&mut bootstrap);
    manager.as_object_mut().ok_or_else(missing)?.remove("local_reply_config");
    manager["http_filters"] = json!([{
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    }]);
    let route = manager.pointer_mut("/route_config/virtual_hosts/0/routes/0/route").ok_or_else(missing)?;
    *route = json!({ "cluster": CLUSTER, "timeout": "0s", "auto_host_rewrite": true });
    Ok(bootstrap)
}

/// The same with a filter in front of the router.
fn with_filter(bootstrap: &Value, wasm: &Path) -> Value {
    let mut bootstrap = bootstrap.clone();
    if let Some(filters) = manager(&mut bootstrap)["http_filters"].as_array_mut() {
        let filter = json!({
            "name": "buffer",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "buffer",
                    "root_id": "buffer",
                    "failure_policy": "FAIL_RELOAD",
                    "allow_on_headers_stop_iteration": true,
                    "vm_config": {
                        "vm_id": "buffer",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": { "local": { "filename": wasm } },
                    },
                },
            },
        });
        filters.insert(0, filter);
    }
    bootstrap
}

fn manager(bootstrap: &mut Value) -> &mut Value {
    &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
