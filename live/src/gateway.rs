//! The native gateway as a process of its own: started, watched until it is ready, changed, measured, stopped.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Failure,
    envoy::{Watchdog, admin_get, cpu_of, memory_of},
    folder::Folder,
    tools,
};

/// How long it may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    watchdog: Watchdog,
    /// Kept open: a closed pipe would be noticed.
    _said: BufReader<ChildStdout>,
    listen: SocketAddr,
    admin: SocketAddr,
    folder: Folder,
}

/// Builds the `pointsman` command with optimisations, and returns its path.
///
/// `POINTSMAN_COMMAND` names a finished one instead, such as that of a release.
///
/// # Errors
/// What the compiler printed.
pub fn build() -> Result<PathBuf, Failure> {
    build_as("release")
}

/// The same for speed, as people run it: that takes the compiler minutes.
///
/// # Errors
/// What the compiler printed.
pub fn build_for_speed() -> Result<PathBuf, Failure> {
    build_as("native")
}

fn build_as(profile: &str) -> Result<PathBuf, Failure> {
    if let Some(ready) = std::env::var_os("POINTSMAN_COMMAND") {
        return Ok(PathBuf::from(ready));
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tools::root());
    cargo.args(["build", "--quiet", "--locked", "--profile", profile, "--package", "pointsman-cli"]);
    tools::run(&mut cargo)?;
    Ok(tools::root().join("target").join(profile).join("pointsman"))
}

impl Gateway {
    /// Writes `config` (a whole configuration document; `serve.listen`, `.admin` and, where it is not given,
    /// `.access_log` are set here) and starts `binary serve` on it. `keys` are environment variables with the
    /// providers' keys.
    ///
    /// # Errors
    /// What the gateway said where it did not start.
    pub fn start(binary: &Path, config: &Value, keys: &[(String, String)]) -> Result<Self, Failure> {
        let folder = Folder::new("gateway")?;
        let path = folder.path().join("pointsman.json");
        std::fs::write(&path, format!("{:#}", complete(config, folder.path())))?;
        let log = File::create(folder.path().join("gateway.log"))?;
        let mut child = Command::new(binary)
            .arg("serve")
            .arg(&path)
            .arg("--json")
            .env_clear()
            .envs(keys.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::new(format!("{}: {error}", binary.display())))?;
        let watchdog = Watchdog::over(child.id())?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new("the gateway has no standard output"))?;
        let (line, said) = first_line(stdout)?;
        let word: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = |name: &str| word[name].as_str().and_then(|text| text.parse().ok());
        let (Some(listen), Some(admin)) = (address("listen"), address("admin")) else {
            let _ = child.kill();
            let _ = child.wait();
            let log = std::fs::read_to_string(folder.path().join("gateway.log")).unwrap_or_default();
            return Err(Failure::new(format!("the gateway did not start: {line}\n{log}")));
        };
        Ok(Self { child, watchdog, _said: said, listen, admin, folder })
    }

    /// Writes the document anew. Returns when the gateway has taken it up.
    ///
    /// # Errors
    /// What is wrong with it, in the gateway's words; the old one then stays in force.
    pub fn reload(&self, config: &Value) -> Result<(), Failure> {
        self.write(&format!("{:#}", complete(config, self.folder.path())))
    }

    /// The same with a text that need not be a document.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        let (taken, refused) = (self.reloads("taken"), self.reloads("refused"));
        let path = self.folder.path().join("pointsman.json");
        let fresh = path.with_extension("fresh");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &path)?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if self.reloads("taken") > taken {
                return Ok(());
            }
            if self.reloads("refused") > refused {
                return Err(Failure::new(self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Failure::new(format!("the gateway did not look at the change:\n{}", self.log())))
    }

    fn reloads(&self, result: &str) -> u64 {
        let series = format!("pointsman_reloads{{result=\"{result}\"}} ");
        let page = self.prometheus().unwrap_or_default();
        page.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap_or(0)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Address that clients connect to.
    pub const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Address of metrics and health.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Process id, for measuring and for signals.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Folder with its document and its logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder on disk after it ended.
    pub fn keep_folder(&mut self) {
        self.folder.keep();
    }

    /// A page of the admin listener.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn admin_page(&self, path: &str) -> Result<String, Failure> {
        admin_get(self.admin, path)
    }

    /// All of `/metrics`.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn prometheus(&self) -> Result<String, Failure> {
        admin_get(self.admin, "/metrics")
    }

    /// The access log so far, one JSON value a line.
    pub fn access_log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it said meanwhile.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("gateway.log")).unwrap_or_default()
    }

    /// User and system time of the process so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.pid())
    }

    /// Resident memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        memory_of(self.pid())
    }

    /// Sends a signal by its name, `TERM` or `HUP`.
    ///
    /// # Errors
    /// There is no `kill`, or the process is gone.
    pub fn signal(&self, name: &str) -> Result<(), Failure> {
        tools::run(Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()))
    }

    /// Waits until it ended by itself, at most so long; says whether it did, and well.
    ///
    /// # Errors
    /// Those of the system.
    pub fn wait(&mut self, patience: Duration) -> Result<bool, Failure> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // First: once it is reaped its number may belong to somebody else.
        self.watchdog.dismiss();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The line by which it says where it listens; empty where it ended or kept silent.
fn first_line(stdout: ChildStdout) -> Result<(String, BufReader<ChildStdout>), Failure> {
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let _ = told.send((line, reader));
    });
    heard.recv_timeout(READY).map_err(|_| Failure::new("the gateway does not say where it listens"))
}

fn complete(config: &Value, folder: &Path) -> Value {
    let mut document = config.clone();
    if document.get("serve").is_none() {
        document["serve"] = json!({});
    }
    let free = json!("127.0.0.1:0");
    document["serve"]["listen"] = free.clone();
    document["serve"]["admin"] = free;
    if document["serve"].get("access_log").is_none() {
        document["serve"]["access_log"] = json!(folder.join("access.log"));
    }
    document
}
