//! What is deployed: its size, its start, and that wrangler takes it without a network.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Instant,
};

use flate2::{Compression, write::GzEncoder};
use live::{folder::Folder, tools, worker};
use real_hosts::{client::Ask, stage::Script};

use crate::{CHAT, Stage, chat, play};

/// The largest bundle that is wanted, in bytes after gzip. Cloudflare takes 3 MB of everybody.
const MOST: usize = 1_000_000;

#[test]
fn the_bundle_is_small() {
    let folder = worker::build().unwrap_or_else(|failure| panic!("{failure}"));
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for name in worker::FILES {
        let bytes = std::fs::read(folder.join(name)).expect("a file of the bundle");
        packed.write_all(&bytes).expect("memory");
    }
    let size = packed.finish().expect("memory").len();
    println!("the bundle has {size} bytes after gzip");
    assert!(size < MOST, "{size} bytes after gzip");
}

/// Not an assertion on time: what a start takes is printed, and that there is an answer is asserted.
#[test]
fn the_first_request_is_answered() {
    play(async {
        let stage = Stage::start(Script::new().lane("one", 1)).await;
        let began = Instant::now();
        let answer = Ask::json(CHAT, &chat("one", "hi")).send(stage.address()).await;
        println!(
            "workerd listens after {:?}, the first answer takes {:?}",
            stage.workerd.started(),
            began.elapsed()
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

#[test]
fn wrangler_takes_it_without_a_network() {
    worker::build().unwrap_or_else(|failure| panic!("{failure}"));
    let wrangler = tools::wrangler().unwrap_or_else(|failure| panic!("{failure}"));
    let folder = Folder::new("wrangler").expect("a folder");
    // The built files stand where the configuration names them; building them again is cargo's own business.
    let text = std::fs::read_to_string(tools::root().join("wrangler.toml")).expect("the configuration");
    let (before, after) = text.split_once("[build]").expect("a build section");
    let after = after.split_once("\n[").map_or("", |(_, rest)| rest);
    let text = format!("{before}{}{after}", if after.is_empty() { "" } else { "[" });
    let text = text.replace("target/worker", &tools::root().join("target/worker").display().to_string());
    // As `pointsman worker` writes it for a document with `worker.store`.
    let text = text
        + "\n[[durable_objects.bindings]]\nname = \"POINTSMAN_STORE\"\nclass_name = \"Store\"\n\n\
           [[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = [\"Store\"]\n";
    std::fs::write(folder.path().join("wrangler.toml"), text).expect("a file");
    let mut command = Command::new(wrangler);
    command.current_dir(folder.path()).args(["deploy", "--dry-run", "--outdir", "out"]);
    command.env("CI", "1").env("WRANGLER_SEND_METRICS", "false").env("HOME", folder.path());
    // Nothing answers there: an attempt to reach the network fails.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let output = command.stdin(Stdio::null()).output().expect("wrangler");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Total Upload") && text.contains("POINTSMAN_STORE"), "{text}");
    let out = std::fs::read_dir(folder.path().join("out")).expect("the bundle");
    let names: Vec<String> =
        out.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|name| name.ends_with("pointsman_bg.wasm")), "{names:?}");
}
