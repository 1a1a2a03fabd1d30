//! A real Envoy: started, watched until it is ready, measured, stopped.

use std::{
    fs::File,
    io::Read,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use pointsman_cli::{document::Document, envoy::Files};
use serde_json::{Value, json};

use crate::{Failure, folder::Folder, tools};

/// How long Envoy may take to become ready. V8 compiles the filter within it.
const READY: Duration = Duration::from_secs(60);

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    watchdog: Watchdog,
    listen: SocketAddr,
    admin: SocketAddr,
    folder: Folder,
    keys: Vec<(String, String)>,
}

/// How Envoy is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads.
    pub concurrency: u32,
    /// Envoy's log level.
    pub log_level: String,
    /// The filter; built from source where `None`.
    pub wasm: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 1, log_level: "warning".to_owned(), wasm: None }
    }
}

impl Envoy {
    /// Writes the files of `config` (a whole configuration document; `envoy.listen`, `.admin`, `.wasm` and
    /// `.access_log` are set here) and starts Envoy on them. `keys` are environment variables with the providers' keys.
    ///
    /// # Errors
    /// A document that is wrong, an Envoy that cannot be had, or one that refuses the bootstrap (with its log).
    pub fn start(config: &Value, keys: &[(String, String)], options: &Options) -> Result<Self, Failure> {
        let folder = Folder::new("envoy")?;
        let wasm = options.wasm.clone().map_or_else(crate::filter::build, Ok)?;
        let (listen, admin) = (free_port()?, free_port()?);
        let document = complete(config, folder.path(), listen, admin, &wasm);
        write_files(&document, folder.path(), keys)?;
        Self::spawn(folder, listen, admin, keys, options)
    }

    /// Starts Envoy on a bootstrap of one's own: for baselines without the filter. The bootstrap must listen on the
    /// addresses that `bootstrap` is given.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_raw(
        bootstrap: impl FnOnce(SocketAddr, SocketAddr) -> Value,
        options: &Options,
    ) -> Result<Self, Failure> {
        let folder = Folder::new("envoy")?;
        let (listen, admin) = (free_port()?, free_port()?);
        let text = bootstrap(listen, admin).to_string();
        std::fs::write(folder.path().join("envoy.yaml"), text)?;
        Self::spawn(folder, listen, admin, &[], options)
    }

    fn spawn(
        folder: Folder,
        listen: SocketAddr,
        admin: SocketAddr,
        keys: &[(String, String)],
        options: &Options,
    ) -> Result<Self, Failure> {
        static BASE_ID: AtomicU32 = AtomicU32::new(1);
        let log = File::create(folder.path().join("envoy.log"))?;
        // A base id of its own lets several Envoys run side by side.
        let base_id = std::process::id() % 100_000 * 20 + BASE_ID.fetch_add(1, Ordering::Relaxed) % 20;
        let child = Command::new(tools::envoy()?)
            .arg("-c")
            .arg(folder.path().join("envoy.yaml"))
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--base-id", &base_id.to_string()])
            .args(["--log-level", &options.log_level])
            .arg("--disable-hot-restart")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let watchdog = Watchdog::over(child.id())?;
        let mut envoy = Self { child, watchdog, listen, admin, folder, keys: keys.to_vec() };
        envoy.wait_until_ready()?;
        Ok(envoy)
    }

    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::new(format!("Envoy ended with {status}:\n{}", self.log_tail())));
            }
            let live = admin_get(self.admin, "/ready").is_ok_and(|text| text.contains("LIVE"));
            if live && std::net::TcpStream::connect(self.listen).is_ok() {
                return Ok(());
            }
            // Envoy waits for ever for a filter that it has refused.
            if self.log().contains("config update rejected") {
                return Err(Failure::new(format!("Envoy refuses its configuration:\n{}", self.log_tail())));
            }
            if start.elapsed() > READY {
                return Err(Failure::new(format!(
                    "Envoy is not ready after {READY:?}:\n{}",
                    self.log_tail()
                )));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Writes the files anew over the running Envoy. Returns when Envoy has taken up the filter's configuration.
    ///
    /// # Errors
    /// A document that is wrong, or a configuration that Envoy rejects; the old one then stays in force.
    pub fn reload(&self, config: &Value, wasm: Option<&Path>) -> Result<(), Failure> {
        let wasm = wasm.map_or_else(crate::filter::build, |wasm| Ok(wasm.to_owned()))?;
        let document = complete(config, self.folder.path(), self.listen, self.admin, &wasm);
        let stat = "extension_config_discovery.http_filter.pointsman.config_reload";
        let before = self.stat(stat);
        write_files(&document, self.folder.path(), &self.keys)?;
        let start = Instant::now();
        while self.stat(stat) == before {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(Failure::new(format!("Envoy did not take up the change:\n{}", self.log_tail())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Address that clients connect to.
    pub const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Address of the admin interface.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Process id, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Folder with its files: bootstrap, clusters, filter, secrets, log, access log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder on disk after Envoy ended.
    pub fn keep_folder(&mut self) {
        self.folder.keep();
    }

    /// A page of the admin interface.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn admin_page(&self, path: &str) -> Result<String, Failure> {
        admin_get(self.admin, path)
    }

    /// A counter or gauge whose name ends with `suffix`; `None` where there is none yet.
    pub fn stat(&self, suffix: &str) -> Option<u64> {
        let text = admin_get(self.admin, "/stats").ok()?;
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            if name.ends_with(suffix) { value.trim().parse().ok() } else { None }
        })
    }

    /// All of `/stats/prometheus`.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn prometheus(&self) -> Result<String, Failure> {
        admin_get(self.admin, "/stats/prometheus")
    }

    /// The access log so far, one JSON value a line. Flushes Envoy's buffer first.
    pub fn access_log(&self) -> Vec<Value> {
        let _ = admin_post(self.admin, "/reopen_logs");
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Envoy's own log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("envoy.log")).unwrap_or_default()
    }

    /// User and system time of the process so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.pid())
    }

    /// Resident memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        memory_of(self.pid())
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // First: once Envoy is reaped its number may belong to somebody else.
        self.watchdog.dismiss();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends a process when this one ends, however it ends: a static is never dropped, and a killed process drops nothing.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    /// Closed by the system with the last of this process.
    _line: Option<ChildStdin>,
}

impl Watchdog {
    pub(crate) fn over(pid: u32) -> std::io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$1\"", "watchdog", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let line = shell.stdin.take();
        Ok(Self { shell, _line: line })
    }

    pub(crate) fn dismiss(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// User and system time of a process so far; zero where it is gone.
pub fn cpu_of(pid: u32) -> Duration {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return Duration::ZERO };
    // The command's name is in parentheses and may hold spaces; what counts stands behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    // utime and stime, in ticks of 10 ms (USER_HZ is 100 on every Linux that Rust runs on).
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Resident memory of a process, in bytes; 0 where it is gone.
pub fn memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|text| text.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A port that nobody listens on. The system hands it out; between this call and the use of it nobody else asks.
///
/// # Errors
/// Those of the socket.
pub fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn complete(config: &Value, folder: &Path, listen: SocketAddr, admin: SocketAddr, wasm: &Path) -> Value {
    let mut document = config.clone();
    if document.get("envoy").is_none() {
        document["envoy"] = json!({});
    }
    document["envoy"]["listen"] = json!(listen);
    document["envoy"]["admin"] = json!(admin);
    document["envoy"]["wasm"] = json!(wasm);
    if document["envoy"].get("access_log").is_none() {
        document["envoy"]["access_log"] = json!(folder.join("access.log"));
    }
    document
}

fn write_files(document: &Value, folder: &Path, keys: &[(String, String)]) -> Result<(), Failure> {
    let path = folder.join("pointsman.json");
    std::fs::write(&path, format!("{document:#}"))?;
    let document = Document::read(&path).map_err(|error| Failure::new(error.to_string()))?;
    let key = |variable: &str| keys.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone());
    let files = Files::new(&document, folder, key).map_err(|error| Failure::new(error.to_string()))?;
    files.write(folder)?;
    Ok(())
}

pub(crate) fn admin_get(admin: SocketAddr, path: &str) -> Result<String, Failure> {
    admin_request(admin, "GET", path)
}

fn admin_post(admin: SocketAddr, path: &str) -> Result<String, Failure> {
    admin_request(admin, "POST", path)
}

fn admin_request(admin: SocketAddr, method: &str, path: &str) -> Result<String, Failure> {
    use std::io::Write;

    let mut stream = std::net::TcpStream::connect_timeout(&admin, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Envoy refuses HTTP/1.0, and answers 1.1 in chunks.
    let request = "host: admin\r\nconnection: close\r\ncontent-length: 0";
    write!(stream, "{method} {path} HTTP/1.1\r\n{request}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(String::new());
    };
    let (head, body) = answer.split_at(end + 4);
    let chunked = String::from_utf8_lossy(head).to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_vec() };
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The body that chunks make up.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(chunk) = size.filter(|size| *size > 0).and_then(|size| rest.get(line + 2..line + 2 + size))
        else {
            break;
        };
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + chunk.len()..).unwrap_or_default();
    }
    body
}
