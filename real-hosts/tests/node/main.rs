//! The component in Node, through jco.

use std::process::Command;

use live::{component, folder::Folder, tools};

#[test]
fn the_node_host_prints_what_the_wasmtime_host_prints() {
    let built = component::build().unwrap_or_else(|failure| panic!("{failure}"));
    let folder = Folder::new("jco").expect("a folder");
    let module = component::transpile(&built, folder.path()).unwrap_or_else(|failure| panic!("{failure}"));
    let examples = tools::root().join("examples");
    let data = examples.join("data");
    let output = Command::new("node")
        .current_dir(&data)
        .arg(examples.join("node/route.mjs"))
        .arg(module)
        .args(["config.json", "request.json", "answer.json"])
        .output()
        .expect("Node 20 or later");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = std::fs::read_to_string(data.join("expected.txt")).expect("a file");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
