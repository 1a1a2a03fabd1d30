//! The configuration document from a file, YAML or JSON, into the JSON that every door takes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use pointsman::{Config, ConfigError};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A document that was read and checked.
#[derive(Debug)]
pub struct Document {
    /// Where it came from.
    pub path: PathBuf,
    /// The document itself.
    pub json: Value,
    /// The same, checked.
    pub config: Config,
}

/// Why a document cannot be used, with the file's name.
#[derive(Debug)]
pub enum DocumentError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// It is neither YAML nor JSON. The parser's message names line and column.
    Parse(PathBuf, String),
    /// It is no configuration.
    Config(PathBuf, ConfigError),
}

impl Document {
    /// Reads and checks a file. JSON is read as JSON; everything else as YAML, of which JSON is a part.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let bytes = fs::read(path).map_err(|error| DocumentError::Read(path.to_owned(), error))?;
        let json_text = if path.extension().is_some_and(|extension| extension == "json") {
            bytes
        } else {
            let parse = |error: &dyn fmt::Display| DocumentError::Parse(path.to_owned(), error.to_string());
            // Through YAML's own value first: it refuses duplicate keys, a JSON value would keep the last.
            let yaml: serde_norway::Value = serde_norway::from_slice(&bytes).map_err(|e| parse(&e))?;
            serde_json::to_vec(&yaml).map_err(|e| parse(&e))?
        };
        let config =
            Config::from_json(&json_text).map_err(|error| DocumentError::Config(path.to_owned(), error))?;
        let json = serde_json::from_slice(&json_text)
            .map_err(|error| DocumentError::Parse(path.to_owned(), error.to_string()))?;
        Ok(Self { path: path.to_owned(), json, config })
    }

    /// A mistake that a door found in its own section, with the file's name.
    pub fn wrong(&self, error: ConfigError) -> DocumentError {
        DocumentError::Config(self.path.clone(), error)
    }
}

/// A door's own section of a checked document, or the defaults where there is none.
///
/// # Errors
/// The first key or value that is wrong, by its JSON Pointer.
pub fn section<T: DeserializeOwned + Default>(config: &Config, name: &str) -> Result<T, ConfigError> {
    let Some(section) = config.host_section(name) else { return Ok(T::default()) };
    serde_path_to_error::deserialize(section).map_err(|error| {
        let path = error.path().iter().map(|segment| format!("/{segment}")).collect::<String>();
        ConfigError { pointer: format!("/{name}{path}"), message: error.into_inner().to_string() }
    })
}

/// Holds a door's largest request body against what can be answered at all.
///
/// # Errors
/// None, or more than that.
pub fn bounded_body(section: &str, max_body: u32, most: usize) -> Result<(), ConfigError> {
    if max_body > 0 && max_body as usize <= most {
        return Ok(());
    }
    Err(ConfigError {
        pointer: format!("/{section}/max_body"),
        message: format!("must be 1 to {most} bytes"),
    })
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Parse(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Config(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for DocumentError {}
