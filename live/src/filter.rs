//! The Envoy filter, built from source as it ships.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Failure, tools};

/// The one target of every door.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the filter with the profile `edge` and returns its path. Up to date in a moment where nothing changed.
///
/// # Errors
/// What the compiler printed, or how to get the target.
pub fn build() -> Result<PathBuf, Failure> {
    if let Some(ready) = std::env::var_os("POINTSMAN_WASM") {
        return Ok(PathBuf::from(ready));
    }
    package("pointsman-envoy")
}

/// The profile that doors ship with.
const PROFILE: &str = "edge";

/// Builds another filter of this workspace in the same way.
///
/// # Errors
/// As [`build`].
pub fn package(name: &str) -> Result<PathBuf, Failure> {
    package_as(name, PROFILE)
}

/// The same with another profile.
///
/// # Errors
/// As [`build`].
pub fn package_as(name: &str, profile: &str) -> Result<PathBuf, Failure> {
    add_target()?;
    // Not the workspace's own folder: an outer cargo may hold its lock.
    let folder = tools::root().join("target/edge");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(tools::root())
        .args(["build", "--quiet", "--locked", "--package", name, "--profile", profile])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&folder);
    for (name, _) in std::env::vars_os() {
        if let Some(text) = name.to_str()
            && is_cargos_own(text)
        {
            cargo.env_remove(&name);
        }
    }
    tools::run(&mut cargo)?;
    let file = format!("{}.wasm", name.replace('-', "_"));
    Ok(folder.join(TARGET).join(profile).join(file))
}

/// Settings of an outer cargo that must not leak into this build.
fn is_cargos_own(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "RUSTC_WORKSPACE_WRAPPER",
        "TARGET",
        "HOST",
        "PROFILE",
        "OUT_DIR",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
    ];
    const PREFIXES: [&str; 5] =
        ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_PROFILE_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn add_target() -> Result<(), Failure> {
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(format!("rustc could not be started: {error}")))?;
    let libdir = PathBuf::from(String::from_utf8_lossy(&libdir.stdout).trim());
    // rustc prints the path whether the target is there or not.
    let there = std::fs::read_dir(&libdir).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    });
    if there {
        return Ok(());
    }
    tools::run(Command::new("rustup").args(["target", "add", TARGET])).map_err(|failure| {
        Failure::new(format!(
            "{failure}\nThe target {TARGET} is missing. The cure: rustup target add {TARGET}"
        ))
    })
}
