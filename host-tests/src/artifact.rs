//! Builds the doors for `wasm32-unknown-unknown`, with the profile that ships.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const TARGET: &str = "wasm32-unknown-unknown";

/// What an outer cargo, clippy or coverage run leaves in the environment, and the inner one must not see.
const OUTER: [&str; 22] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_LINKER",
    "TARGET",
    "HOST",
    "PROFILE",
    "OPT_LEVEL",
    "DEBUG",
    "NUM_JOBS",
    "OUT_DIR",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "LLVM_PROFILE_FILE",
    "RUST_BACKTRACE",
];

const OUTER_PREFIXES: [&str; 6] =
    ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PROFILE_", "DEP_"];

/// The built module. The first call builds it, which takes a moment where nothing has changed and a minute where all has.
///
/// `POINTSMAN_ENVOY_WASM` names a finished one instead, such as that of a release.
///
/// # Panics
/// Where it cannot be built.
pub fn envoy() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(given) = env::var_os("POINTSMAN_ENVOY_WASM") {
            return given.into();
        }
        need_target();
        build("pointsman-envoy", "pointsman_envoy")
    })
}

/// The component: the door `component`, wrapped. As [`envoy`] it is built by the first call.
///
/// # Panics
/// Where it cannot be built.
pub fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| live::component::build().unwrap_or_else(|failure| panic!("{failure}")))
}

fn build(package: &str, file: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace above this package");
    // A folder of its own: the outer cargo may hold the lock of the usual one.
    let folder = workspace.join("target").join("edge");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--locked", "--package", package, "--profile", "edge", "--target", TARGET])
        .arg("--target-dir")
        .arg(&folder);
    for name in OUTER {
        cargo.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| OUTER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "{package} could not be built for {TARGET}");
    folder.join(TARGET).join("edge").join(format!("{file}.wasm"))
}

/// `rustc` names the target's folder even where the target is absent, so the standard library itself is looked for.
fn need_target() {
    if has_target() {
        return;
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    let added = added.is_ok_and(|status| status.success());
    assert!(added && has_target(), "the target {TARGET} is missing: run `rustup target add {TARGET}`");
}

fn has_target() -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let Ok(output) = output else { return false };
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let Ok(files) = std::fs::read_dir(folder) else { return false };
    files.flatten().any(|file| {
        let name = file.file_name();
        name.to_str().is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
    })
}
