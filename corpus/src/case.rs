//! What is played: cases, configurations, answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::bytes::Bytes;

/// All cases, with what they refer to.
#[derive(Debug)]
pub struct Corpus {
    /// Configuration documents by name.
    pub configs: BTreeMap<String, Value>,
    /// Cases in the order of their files.
    pub cases: Vec<Case>,
}

/// One exchange.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique; also says what it is about.
    pub name: String,
    /// The file it stands in, without folder and ending.
    pub theme: String,
    /// Name of the configuration.
    pub config: String,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// What each upstream does, by its provider's name; `*` stands for those not named.
    answers: BTreeMap<String, Answer>,
    /// Providers whose key is not there.
    pub keyless: BTreeSet<String>,
    /// Why Envoy's own failover comes to another outcome; empty where it does not.
    pub envoy_differs: String,
}

/// What a provider does with a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The connection ends before a head.
    #[serde(default)]
    pub reset: bool,
    /// HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers, names in lower case. `content-type` is `application/json` where none is given.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default)]
    pub body: Bytes,
    /// The connection breaks after the body.
    #[serde(default)]
    pub cut: bool,
}

const fn ok() -> u16 {
    200
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: String,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(default)]
    answers: BTreeMap<String, Named>,
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    config: Option<String>,
    post: Option<String>,
    get: Option<String>,
    head: Option<String>,
    delete: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(default)]
    body: Bytes,
    #[serde(default)]
    answers: BTreeMap<String, Named>,
    #[serde(default)]
    keyless: BTreeSet<String>,
    #[serde(default)]
    envoy_differs: String,
}

/// One value, several of the same name, or none where a file's own default is not wanted.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Values {
    One(Bytes),
    None(()),
}

/// An answer by the name it has in `answers.yaml`, or as it stands.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Named {
    Name(String),
    Here(Answer),
}

impl Corpus {
    /// Reads all files.
    ///
    /// # Panics
    /// Where one of them is wrong; the message names it.
    pub fn read() -> Self {
        let known: BTreeMap<String, Answer> = parse(&root().join("answers.yaml"));
        let configs = files("configs").into_iter().map(|path| (stem(&path), parse::<Value>(&path))).collect();
        let mut cases = Vec::new();
        for path in files("cases") {
            let file: File = parse(&path);
            let theme = stem(&path);
            for entry in &file.cases {
                cases.push(case(&theme, &file, entry, &known));
            }
        }
        let corpus = Self { configs, cases };
        corpus.check();
        corpus
    }

    fn check(&self) {
        let mut names = BTreeSet::new();
        for case in &self.cases {
            assert!(names.insert(&case.name), "two cases are called `{}`", case.name);
            assert!(
                self.configs.contains_key(&case.config),
                "{}: no configuration `{}`",
                case.name,
                case.config
            );
        }
    }

    /// The document of a case, as JSON text.
    ///
    /// # Panics
    /// Never: [`read`](Self::read) has checked that it is there.
    pub fn document(&self, case: &Case) -> String {
        self.configs[&case.config].to_string()
    }

    /// Cases by configuration, each group in its order.
    pub fn by_config(&self) -> BTreeMap<&str, Vec<&Case>> {
        let mut groups: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in &self.cases {
            groups.entry(&case.config).or_default().push(case);
        }
        groups
    }
}

impl Case {
    /// What the upstream does.
    ///
    /// # Panics
    /// Where the case says nothing of it: nothing may be asked that is not foreseen.
    pub fn answer(&self, upstream: &str) -> &Answer {
        let found = self.answers.get(upstream).or_else(|| self.answers.get("*"));
        found
            .unwrap_or_else(|| panic!("{}: a request for `{upstream}`, which was not to be asked", self.name))
    }

    /// Whether some provider says a word that a process remembers: of its money, of when to come again.
    pub fn leaves_a_rest(&self) -> bool {
        self.answers.values().any(|answer| matches!(answer.status, 402 | 429 | 500..) || answer.reset)
    }

    /// The headers as the core takes them.
    pub fn pairs(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }

    /// The key of a provider; `None` where the case takes it away.
    pub fn key(&self, provider: &str) -> Option<String> {
        (!self.keyless.contains(provider)).then(|| key_of(provider))
    }
}

impl Answer {
    /// Its headers, `content-type` among them.
    pub fn pairs(&self) -> Vec<(&str, &[u8])> {
        let mut pairs: Vec<(&str, &[u8])> = Vec::new();
        if !self.headers.contains_key("content-type") {
            pairs.push(("content-type", b"application/json"));
        }
        pairs.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        pairs
    }
}

/// The key that a door is given for a provider.
pub fn key_of(provider: &str) -> String {
    format!("key-of-{provider}")
}

fn case(theme: &str, file: &File, entry: &Entry, known: &BTreeMap<String, Answer>) -> Case {
    let name = &entry.name;
    let lines =
        [("POST", &entry.post), ("GET", &entry.get), ("HEAD", &entry.head), ("DELETE", &entry.delete)];
    let mut stated = lines.into_iter().filter_map(|(method, path)| Some((method, path.clone()?)));
    let (method, path) = stated.next().unwrap_or_else(|| panic!("{theme}, {name}: no method and path"));
    assert!(stated.next().is_none(), "{theme}, {name}: two methods");
    let mut headers = file.headers.clone();
    headers.extend(entry.headers.clone());
    let headers = headers.into_iter().filter_map(|(name, value)| match value {
        Values::One(Bytes(value)) => Some((name, value)),
        Values::None(()) => None,
    });
    let mut answers = file.answers.clone();
    answers.extend(entry.answers.clone());
    let answers = answers.into_iter().map(|(upstream, answer)| {
        let answer = match answer {
            Named::Here(answer) => answer,
            Named::Name(word) => {
                known.get(&word).unwrap_or_else(|| panic!("{theme}, {name}: no answer `{word}`")).clone()
            }
        };
        (upstream, answer)
    });
    Case {
        name: name.clone(),
        theme: theme.to_owned(),
        config: entry.config.clone().unwrap_or_else(|| file.config.clone()),
        method: method.to_owned(),
        path,
        headers: headers.collect(),
        body: entry.body.0.clone(),
        answers: answers.collect(),
        keyless: entry.keyless.clone(),
        envoy_differs: entry.envoy_differs.clone(),
    }
}

/// This package's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of the corpus");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn parse<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
