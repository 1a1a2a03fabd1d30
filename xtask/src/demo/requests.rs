//! The bundled requests: one file each, in the order of their names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use live::{Failure, tools};
use pointsman::Dialect;
use serde::Deserialize;
use serde_json::Value;

/// A request, or the first of a conversation with tools.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    /// A name, unique.
    pub(crate) id: String,
    /// Where it is sent; also tells the dialect.
    pub(crate) path: String,
    /// As the vendor's own SDK sends them.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Value,
    /// What each tool answers, call by call; the last answer is repeated. Not empty in a conversation.
    #[serde(default)]
    pub(crate) results: BTreeMap<String, Vec<String>>,
    /// Text that would fill pages here.
    #[serde(default)]
    long: Option<Long>,
}

/// Numbered paragraphs that are added to a text of the body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    /// JSON Pointer to the text.
    at: String,
    paragraphs: Vec<String>,
    /// How many there are to be; the paragraphs take turns.
    times: usize,
}

impl Bundle {
    /// All of them.
    ///
    /// # Errors
    /// A file that is not as it should be, by its name.
    pub(crate) fn all() -> Result<Vec<Self>, Failure> {
        let folder = tools::root().join("xtask/requests");
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::new(format!("{}: {what}", path.display()));
        let mut bundle: Self =
            serde_json::from_slice(&std::fs::read(path)?).map_err(|error| wrong(error.to_string()))?;
        if let Some(long) = bundle.long.take() {
            let Some(Value::String(text)) = bundle.body.pointer_mut(&long.at) else {
                return Err(wrong(format!("there is no text at {}", long.at)));
            };
            for (i, paragraph) in long.paragraphs.iter().cycle().take(long.times).enumerate() {
                *text += &format!("§ {}. {paragraph}\n\n", i + 1);
            }
        }
        Ok(bundle)
    }

    /// The API it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.path.split('?').next().unwrap_or_default() {
            path if path.ends_with("/messages") => Dialect::Messages,
            path if path.ends_with("/responses") => Dialect::Responses,
            _ => Dialect::Chat,
        }
    }

    /// Whether the answer is to come as events.
    pub(crate) fn streams(&self) -> bool {
        self.body.get("stream") == Some(&Value::Bool(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_requests_cover_what_the_demo_shows() {
        let bundles = Bundle::all().unwrap();
        assert_eq!(bundles.len(), 40);
        for dialect in Dialect::ALL {
            let of: Vec<&Bundle> = bundles.iter().filter(|bundle| bundle.dialect() == dialect).collect();
            assert!(of.iter().any(|bundle| bundle.streams()), "{dialect:?} streams");
            assert!(of.iter().any(|bundle| !bundle.streams()), "{dialect:?} as a whole");
            assert!(of.iter().any(|bundle| !bundle.results.is_empty()), "{dialect:?} in a loop with tools");
        }
        let mut names: Vec<&str> = bundles.iter().map(|bundle| bundle.id.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), bundles.len(), "every name once");
    }
}
