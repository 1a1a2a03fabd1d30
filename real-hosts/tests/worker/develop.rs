//! `wrangler dev`: on the repository's own configuration, and on the files that `pointsman worker` writes.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use live::{folder::Folder, tools};
use pointsman_cli::{document::Document, worker::Files};
use real_hosts::{
    client::Ask,
    play_for,
    stage::{Cast, Script},
};

use crate::{CHAT, chat, play};

/// How long wrangler may take to listen: its build is cargo's.
const READY: Duration = Duration::from_secs(300);

/// Wrangler, with the processes that it starts.
struct Wrangler {
    child: Child,
    address: SocketAddr,
    folder: Folder,
    proxy: Proxy,
}

/// A proxy that takes nobody anywhere, and knows where they wanted to go.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::<Mutex<BTreeSet<String>>>::default();
        let asking = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let _ = BufReader::new(&stream).read_line(&mut line);
                let _ = (&stream).write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
                asking.lock().unwrap_or_else(PoisonError::into_inner).insert(line);
            }
        });
        Self { address, asked }
    }
}

impl Wrangler {
    /// Starts it on the `wrangler.toml` of a folder. What it says, keeps and downloads goes to another one.
    fn start(on: &Path, more: &[String]) -> Self {
        let folder = Folder::new("develop").expect("a folder");
        let address = free();
        let mut command = Command::new(tools::wrangler().unwrap_or_else(|failure| panic!("{failure}")));
        command.current_dir(on).args(["dev", "--ip", "127.0.0.1", "--show-interactive-dev-session=false"]);
        command.args(["--port", &address.port().to_string(), "--inspector-port", "0"]);
        command.arg("--persist-to").arg(folder.path().join("state")).args(more);
        command.env("CI", "1").env("WRANGLER_SEND_METRICS", "false").env("HOME", folder.path());
        // Else it asks Cloudflare for an example of `request.cf`.
        command.env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        let proxy = Proxy::start();
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env(name, format!("http://{}", proxy.address));
        }
        command.env("NO_PROXY", "127.0.0.1").env("CARGO_NET_OFFLINE", "true");
        // What cargo says of this package would make the builds of others look out of date.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        // The toolchain is found from the home of who runs this.
        for (name, below) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let home = std::env::home_dir().unwrap_or_default();
            let set = std::env::var_os(name).map_or_else(|| home.join(below), Into::into);
            command.env(name, set);
        }
        let log = File::create(folder.path().join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        let child = command.process_group(0).spawn().expect("wrangler");
        let mut wrangler = Self { child, address, folder, proxy };
        wrangler.wait();
        wrangler
    }

    fn wait(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && began.elapsed() < READY, "{ended:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Sends a request through it to the first provider of the lane `one`.
    async fn serves(&self, cast: &Cast) {
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(self.address).await;
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.log());
        assert_eq!(answer.header("x-pointsman-model"), "one-a/model-a");
        assert_eq!(answer.header("x-pointsman-tier"), "only");
        let seen = cast.provider("one-a").last().expect("a request");
        assert_eq!(answer.body, seen.sent, "the provider's own bytes");
        // Whether there is a newer wrangler is asked of npm; nothing else is asked of anybody.
        let asked = self.proxy.asked.lock().expect("the list").clone();
        assert!(asked.iter().all(|line| line.contains("registry.npmjs.org")), "{asked:?}");
    }
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        let signal = |signal: &str| {
            let group = format!("kill -s {signal} -- -{}", self.child.id());
            let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
        };
        signal("TERM");
        std::thread::sleep(Duration::from_millis(200));
        // Before its leader is reaped: until then nobody else has the group's number.
        signal("KILL");
        let _ = self.child.wait();
    }
}

/// An address where nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address")
}

/// As it stands in the repository, its build included.
#[test]
fn wrangler_dev_builds_and_serves_the_repository() {
    play_for(READY * 2, async {
        let (cast, _) = Script::serving().lane("one", 1).cast().await;
        let bound = [("POINTSMAN_CONFIG".to_owned(), cast.document.to_string())];
        let bound = bound.iter().chain(&cast.keys);
        let vars = bound.flat_map(|(name, value)| ["--var".to_owned(), format!("{name}:{value}")]);
        let wrangler = Wrangler::start(&tools::root(), &vars.collect::<Vec<_>>());
        wrangler.serves(&cast).await;
        assert!(wrangler.log().contains("target/worker: index.js"), "it was built: {}", wrangler.log());
    });
}

#[test]
fn wrangler_dev_serves_what_the_command_wrote() {
    play(async {
        let (cast, _) = Script::serving().lane("one", 1).cast().await;
        let folder = Folder::new("written").expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("document.json"), cast.document.to_string()).expect("a file");
        let document = Document::read(&at("document.json")).unwrap_or_else(|error| panic!("{error}"));
        let files = Files::new(&document, &tools::root()).unwrap_or_else(|error| panic!("{error}"));
        files.write(folder.path()).expect("files");
        // It is built already, and wrangler would build it again.
        let text = std::fs::read_to_string(at("wrangler.toml")).expect("the configuration");
        let build =
            |line: &&str| !["[build]", "command = ", "cwd = "].iter().any(|begin| line.starts_with(begin));
        let text: Vec<&str> = text.lines().filter(build).collect();
        std::fs::write(at("wrangler.toml"), text.join("\n")).expect("a file");
        let keys: Vec<String> = cast.keys.iter().map(|(name, key)| format!("{name}={key}\n")).collect();
        std::fs::write(at(".dev.vars"), keys.concat()).expect("a file");
        Wrangler::start(folder.path(), &[]).serves(&cast).await;
    });
}
