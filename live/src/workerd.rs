//! A real workerd: Cloudflare's runtime, started, watched until it is ready, measured, stopped.

use std::{
    fmt::Write as _,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Failure,
    envoy::{Watchdog, cpu_of, memory_of},
    folder::Folder,
    tools, worker,
};

/// How long workerd may take to listen.
const READY: Duration = Duration::from_secs(60);

/// The day whose behaviour the Worker is written for; `wrangler.toml` has the same.
pub const COMPATIBILITY_DATE: &str = "2026-04-01";

/// What the Worker needs beyond that: to learn that a client is gone.
pub const COMPATIBILITY_FLAGS: [&str; 1] = ["enable_request_signal"];

/// In the place of Analytics Engine, which workerd alone does not have: each data point is a line of the log.
const ANALYTICS: &str =
    "export default () => ({ writeDataPoint(point) { console.log(JSON.stringify(point)) } })";

/// A Worker that a workerd is to run.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name; that of its socket, too.
    pub name: String,
    /// Folder with its modules; `index.js` is the entry.
    pub folder: PathBuf,
    /// Names of its modules, the entry first.
    pub modules: Vec<String>,
    /// Bindings of text, secrets among them.
    pub texts: Vec<(String, String)>,
    /// Where KV lies: a server that answers `GET /KEY?urlencoded=true`.
    pub kv: Option<SocketAddr>,
    /// Whether it writes data points, which then are lines of the log.
    pub analytics: bool,
    /// Where what isolates share lies.
    pub store: Option<Store>,
}

/// The Durable Objects of a Worker.
#[derive(Clone, Debug)]
pub struct Store {
    /// Name of their binding.
    pub binding: String,
    /// The class that they are of.
    pub class: String,
    /// Name of the Worker whose objects they are, in the same process; `None`: this one's own.
    pub of: Option<String>,
    /// Folder that they are kept in; `None`: in memory.
    pub disk: Option<PathBuf>,
}

/// A running workerd.
#[derive(Debug)]
pub struct Workerd {
    child: Child,
    watchdog: Watchdog,
    sockets: Vec<(String, SocketAddr)>,
    started: Duration,
    folder: Folder,
}

impl Site {
    /// The Worker as it ships, with a configuration document and the providers' keys.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn pointsman(document: &Value, keys: &[(String, String)]) -> Result<Self, Failure> {
        let mut texts = vec![("POINTSMAN_CONFIG".to_owned(), document.to_string())];
        texts.extend_from_slice(keys);
        Ok(Self {
            name: "pointsman".to_owned(),
            folder: worker::build()?,
            modules: worker::FILES.map(str::to_owned).to_vec(),
            texts,
            kv: None,
            analytics: false,
            store: None,
        })
    }

    fn capnp(&self) -> String {
        let Self { name, modules, texts, .. } = self;
        let module = |module: &String| {
            let kind = match module.rsplit_once('.') {
                Some((_, "wasm")) => "wasm",
                _ => "esModule",
            };
            format!("(name = {0}, {kind} = embed {1})", quote(module), quote(&format!("{name}/{module}")))
        };
        let modules: Vec<String> = modules.iter().map(module).collect();
        let text =
            |(name, value): &(String, String)| format!("(name = {}, text = {})", quote(name), quote(value));
        let mut bindings: Vec<String> = texts.iter().map(text).collect();
        if self.kv.is_some() {
            bindings
                .push(format!("(name = \"POINTSMAN_KV\", kvNamespace = {})", quote(&format!("{name}-kv"))));
        }
        if self.analytics {
            bindings.push(
                "(name = \"POINTSMAN_ANALYTICS\", wrapped = (moduleName = \"pointsman:analytics\"))"
                    .to_owned(),
            );
        }
        let mut objects = String::new();
        if let Some(store) = &self.store {
            let (class, of) = (quote(&store.class), store.of.as_deref());
            let designator = of.map_or_else(
                || class.clone(),
                |of| format!("(className = {class}, serviceName = {})", quote(of)),
            );
            bindings
                .push(format!("(name = {}, durableObjectNamespace = {designator})", quote(&store.binding)));
            let place = match store.disk {
                Some(_) => format!("(localDisk = {})", quote(&format!("{name}-disk"))),
                None => "(inMemory = void)".to_owned(),
            };
            if of.is_none() {
                objects = format!(
                    ", durableObjectNamespaces = [(className = {class}, uniqueKey = {class}, enableSql = true)], \
                     durableObjectStorage = {place}"
                );
            }
        }
        let flags: Vec<String> = COMPATIBILITY_FLAGS.into_iter().map(quote).collect();
        format!(
            "(modules = [{}], compatibilityDate = {}, compatibilityFlags = [{}], bindings = [{}]{objects}, globalOutbound \
             = \"net\")",
            modules.join(", "),
            quote(COMPATIBILITY_DATE),
            flags.join(", "),
            bindings.join(", ")
        )
    }
}

impl Workerd {
    /// Starts one process with these Workers, each on a socket of its own.
    ///
    /// # Errors
    /// A workerd that cannot be had, or one that refuses its configuration (with its log).
    pub fn start(sites: &[Site]) -> Result<Self, Failure> {
        Self::start_trusting(sites, None)
    }

    /// The same; by TLS, only providers with a certificate of this authority (PEM) are believed.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_trusting(sites: &[Site], ca: Option<&str>) -> Result<Self, Failure> {
        let folder = Folder::new("workerd")?;
        for site in sites {
            let own = folder.path().join(&site.name);
            fs::create_dir_all(&own)?;
            for module in &site.modules {
                fs::copy(site.folder.join(module), own.join(module))?;
            }
        }
        let config = folder.path().join("workerd.capnp");
        fs::write(&config, capnp(sites, ca))?;
        let control = folder.path().join("control.jsonl");
        let log = File::create(folder.path().join("workerd.log"))?;
        let began = Instant::now();
        let child = Command::new(tools::workerd()?)
            .args(["serve", "--control-fd=1"])
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(File::create(&control)?)
            .stderr(log)
            .spawn()?;
        let watchdog = Watchdog::over(child.id())?;
        let mut workerd = Self { child, watchdog, sockets: Vec::new(), started: Duration::ZERO, folder };
        workerd.wait_until_ready(&control, sites.len(), began)?;
        Ok(workerd)
    }

    fn wait_until_ready(&mut self, control: &Path, sites: usize, began: Instant) -> Result<(), Failure> {
        loop {
            // `{"event":"listen","socket":"pointsman","port":40123}`, a line each.
            let text = fs::read_to_string(control)?;
            let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            self.sockets = events
                .filter_map(|event| {
                    let port = u16::try_from(event["port"].as_u64()?).ok()?;
                    Some((event["socket"].as_str()?.to_owned(), SocketAddr::from(([127, 0, 0, 1], port))))
                })
                .collect();
            if self.sockets.len() >= sites {
                self.started = began.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::new(format!("workerd ended with {status}:\n{}", self.log())));
            }
            if began.elapsed() > READY {
                return Err(Failure::new(format!("workerd is not ready after {READY:?}:\n{}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Address of a Worker's socket.
    ///
    /// # Panics
    /// Where no Worker of this name was started.
    pub fn address(&self, name: &str) -> SocketAddr {
        let found = self.sockets.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no Worker {name}")).1
    }

    /// From the start of the process to its first word that it listens.
    pub const fn started(&self) -> Duration {
        self.started
    }

    /// Process id, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Folder with its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that was printed: of the runtime, and of the Workers by `console`.
    pub fn log(&self) -> String {
        // Behind the control lines, which are not the Workers'.
        let of = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        of("control.jsonl") + &of("workerd.log")
    }

    /// The Worker's own log: one JSON value a request.
    pub fn access_log(&self) -> Vec<Value> {
        let log = self.log();
        let values = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        values.filter(|value| value.get("duration_ms").is_some()).collect()
    }

    /// Data points, one a request.
    pub fn points(&self) -> Vec<Value> {
        let log = self.log();
        let values = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        values.filter(|value| value.get("doubles").is_some()).collect()
    }

    /// User and system time of the process so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.pid())
    }

    /// Resident memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        memory_of(self.pid())
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        // First: once workerd is reaped its number may belong to somebody else.
        self.watchdog.dismiss();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn capnp(sites: &[Site], ca: Option<&str>) -> String {
    let tls = ca.map_or_else(String::new, |ca| {
        format!(", tlsOptions = (trustBrowserCas = false, trustedCertificates = [{}])", quote(ca))
    });
    let mut services = vec![format!("(name = \"net\", network = (allow = [\"local\", \"private\"]{tls}))")];
    let mut sockets = Vec::new();
    let mut text = String::from("using Workerd = import \"/workerd/workerd.capnp\";\n");
    for (number, site) in sites.iter().enumerate() {
        let name = quote(&site.name);
        services.push(format!("(name = {name}, worker = .site{number})"));
        sockets.push(format!("(name = {name}, address = \"127.0.0.1:0\", http = (), service = {name})"));
        if let Some(kv) = site.kv {
            let kv = quote(&kv.to_string());
            services.push(format!(
                "(name = {}, external = (address = {kv}, http = ()))",
                quote(&format!("{}-kv", site.name))
            ));
        }
        if let Some(disk) = site.store.as_ref().and_then(|store| store.disk.as_ref()) {
            services.push(format!(
                "(name = {}, disk = (path = {}, writable = true))",
                quote(&format!("{}-disk", site.name)),
                quote(&disk.display().to_string())
            ));
        }
        let _ = writeln!(text, "const site{number} :Workerd.Worker = {};", site.capnp());
    }
    let analytics =
        format!("(name = \"pointsman:analytics\", internal = true, esModule = {})", quote(ANALYTICS));
    let _ = writeln!(
        text,
        "const config :Workerd.Config = (services = [{}], sockets = [{}], extensions = [(modules = [{analytics}])]);",
        services.join(", "),
        sockets.join(", ")
    );
    text
}

/// A text as Cap'n Proto writes it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
