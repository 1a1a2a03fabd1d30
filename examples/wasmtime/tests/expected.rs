//! The example does what its readers are told that it does.

use std::{fs, process::Command};

#[test]
fn it_prints_what_the_node_host_prints() {
    let component = live::component::build().unwrap_or_else(|failure| panic!("{failure}"));
    let data = live::tools::root().join("examples/data");
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman-host"))
        .current_dir(&data)
        .arg(component)
        .args(["config.json", "request.json", "answer.json"])
        .output()
        .expect("the example runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = data.join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &printed).expect("a file that can be written");
    }
    assert_eq!(printed, fs::read_to_string(expected).expect("expected.txt; UPDATE=1 writes it"));
}
