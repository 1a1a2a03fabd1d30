//! The WIT component, built from source as it ships.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use wit_component::ComponentEncoder;

use crate::{Failure, filter, tools};

/// Builds the door `component` and wraps it. Returns the path of the component.
///
/// `POINTSMAN_COMPONENT` names a finished one instead, such as that of a release.
///
/// # Errors
/// What the compiler printed; a module that imports something, which no component of ours may.
pub fn build() -> Result<PathBuf, Failure> {
    if let Some(ready) = std::env::var_os("POINTSMAN_COMPONENT") {
        return Ok(PathBuf::from(ready));
    }
    let module = filter::package("pointsman-component")?;
    let read = std::fs::read(&module)?;
    let bytes = ComponentEncoder::default()
        .module(&read)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| Failure::new(format!("{}: {error:#}", module.display())))?;
    let path = module.with_extension("component.wasm");
    // Two test binaries may get here at once: each leaves a whole file.
    let whole = module.with_extension(format!("component.{}", std::process::id()));
    std::fs::write(&whole, bytes)?;
    std::fs::rename(&whole, &path)?;
    Ok(path)
}

/// The part of jco that makes a JavaScript module of a component.
const JCO: [&str; 1] = ["@bytecodealliance/jco-transpile@0.15.0"];

const TRANSPILE: &str = "
import { transpile } from '@bytecodealliance/jco-transpile';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
const [component, outDir] = process.argv.slice(1);
const { files, imports } = await transpile(component, { name: 'pointsman', outDir });
if (imports.length) throw new Error(`the component imports ${imports}`);
for (const [name, bytes] of Object.entries(files)) {
  const path = resolve(outDir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}";

/// Makes a module for Node of a component, with jco, and returns its path.
///
/// # Errors
/// Where Node or jco cannot be had, and what they printed.
pub fn transpile(component: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let home = tools::npm("jco", &JCO)?;
    let mut node = Command::new("node");
    node.current_dir(home).args(["--input-type=module", "--eval", TRANSPILE]).args([component, folder]);
    tools::run(&mut node)?;
    std::fs::write(folder.join("package.json"), r#"{ "type": "module" }"#)?;
    Ok(folder.join("pointsman.js"))
}
