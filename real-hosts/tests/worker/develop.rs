//! `wrangler dev` on the files that `pointsman worker` writes: what somebody runs before a deployment.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use live::{folder::Folder, tools};
use pointsman_cli::{document::Document, worker::Files};
use real_hosts::{client::Ask, stage::Script, until};

use crate::{CHAT, chat, play};

/// Wrangler, with the processes that it starts.
struct Wrangler(Child);

impl Drop for Wrangler {
    fn drop(&mut self) {
        let group = format!("kill -- -{}", self.0.id());
        let _ = Command::new("sh").args(["-c", &group]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn wrangler_dev_serves_what_the_command_wrote() {
    play(async {
        let (cast, _) = Script::serving().lane("one", 1).cast().await;
        let folder = Folder::new("develop").expect("a folder");
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

        let address = free();
        let _wrangler = start(&folder, address);
        let listens = || std::net::TcpStream::connect(address).ok();
        until(Duration::from_secs(60), listens).await.expect("wrangler dev listens");
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(address).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-tier"), "only");
        let seen = cast.provider("one-a").last().expect("a request");
        assert_eq!(answer.body, seen.sent, "the provider's own bytes");
    });
}

fn start(folder: &Folder, address: SocketAddr) -> Wrangler {
    let wrangler = tools::wrangler().unwrap_or_else(|failure| panic!("{failure}"));
    let mut command = Command::new(wrangler);
    command.current_dir(folder.path()).args([
        "dev",
        "--ip",
        "127.0.0.1",
        "--port",
        &address.port().to_string(),
    ]);
    command.env("CI", "1").env("WRANGLER_SEND_METRICS", "false").env("HOME", folder.path());
    // Nothing answers there: an attempt to reach the network fails.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Wrangler(command.process_group(0).spawn().expect("wrangler"))
}

/// An address where nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address")
}
