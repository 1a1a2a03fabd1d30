//! Facts: which providers and models there are, what they cost, take and offer.
//!
//! The facts are data, not code: `data/catalog.json` is compiled in and parsed like any other input, and the operator's
//! entries are laid over it. Prices age, so every entry carries the day on which it was true and where it was read.

mod entry;
mod model;
mod pointer;
mod provider;

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::Deserialize;

pub use entry::{
    CapabilitiesEntry, EndpointEntry, LifecycleEntry, ModelEntry, OffPeakEntry, ProviderEntry, RatesEntry,
    ReasoningEntry, TierEntry, WindowEntry,
};
pub use model::{
    Capabilities, ChatTools, Date, Family, InvalidDate, Lifecycle, LifecycleState, Model, Reasoning,
    ThinkingType, Window,
};
pub(crate) use pointer::{escape, pointer_of};
pub use provider::{Auth, Endpoint, InvalidUrl, Origin, Provider};

use crate::{
    price::{InvalidPrice, InvalidRates},
    wire::Dialect,
};

/// All known providers and models, in the order of their names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Catalog {
    providers: BTreeMap<String, Provider>,
    /// By provider, then by the name on the wire.
    models: BTreeMap<String, BTreeMap<String, Model>>,
}

/// The document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Day of every model entry that does not name its own.
    as_of: String,
    /// What the short names among the sources of the entries stand for. For readers of the document.
    #[serde(default, rename = "sources")]
    _sources: BTreeMap<String, String>,
    providers: Vec<ProviderEntry>,
    models: Vec<ModelEntry>,
}

impl Catalog {
    /// The catalogue that comes with this crate, `data/catalog.json`.
    pub fn built_in() -> Result<Self, CatalogError> {
        Self::from_json(include_bytes!("../data/catalog.json"))
    }

    /// Reads a whole catalogue.
    ///
    /// An error names the first place at fault as a JSON Pointer: an unknown field, a price that is none, a model whose
    /// provider is absent, or a name that stands for two models of one provider.
    pub fn from_json(document: &[u8]) -> Result<Self, CatalogError> {
        let read: Document = serde_json::from_slice(document).map_err(|error| {
            CatalogError::new(pointer_of(document, &error), Problem::Document(error.to_string()))
        })?;
        let mut catalog = Self::default();
        for (index, entry) in read.providers.into_iter().enumerate() {
            let at = format!("/providers/{index}");
            let provider = Provider::from_entry(entry, None).map_err(|e| e.under(&at))?;
            if catalog.providers.contains_key(&provider.name) {
                return Err(CatalogError::new(format!("{at}/name"), Problem::Duplicate));
            }
            catalog.insert_provider(provider);
        }
        for (index, mut entry) in read.models.into_iter().enumerate() {
            let at = format!("/models/{index}");
            entry.as_of.get_or_insert_with(|| read.as_of.clone());
            let model = Model::from_entry(entry, None).map_err(|e| e.under(&at))?;
            let mut names = model.aliases.iter().chain([&model.id]);
            let taken = names.any(|name| catalog.model(&model.provider, name).is_some());
            drop(names);
            if taken {
                return Err(CatalogError::new(format!("{at}/id"), Problem::Duplicate));
            }
            catalog.insert_model(model).map_err(|e| e.under(&at))?;
        }
        Ok(catalog)
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.get(name)
    }

    /// The model that a provider knows by this name or alias. A name goes before another model's alias.
    pub fn model(&self, provider: &str, name: &str) -> Option<&Model> {
        let models = self.models.get(provider)?;
        let aliased = || models.values().find(|model| model.aliases.iter().any(|alias| alias == name));
        models.get(name).or_else(aliased)
    }

    /// Where a model takes requests of this dialect; `None` if it or its provider does not.
    pub fn endpoint(&self, model: &Model, dialect: Dialect) -> Option<&Endpoint> {
        self.provider(&model.provider)?.endpoint(dialect).filter(|_| model.speaks(dialect))
    }

    /// All providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values()
    }

    /// All models, by provider, then by name.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().flat_map(BTreeMap::values)
    }

    /// The same model at every provider that has it, by provider.
    pub fn hosts<'a>(&'a self, canonical: &'a str) -> impl Iterator<Item = &'a Model> {
        self.models().filter(move |model| model.canonical == canonical)
    }

    /// Adds a provider; one of the same name is replaced, its models stay.
    pub fn insert_provider(&mut self, provider: Provider) {
        self.providers.insert(provider.name.clone(), provider);
    }

    /// Adds a model; one of the same provider and name is replaced. An error if the catalogue does not hold the
    /// provider; its pointer starts at the entry.
    pub fn insert_model(&mut self, model: Model) -> Result<(), CatalogError> {
        if !self.providers.contains_key(&model.provider) {
            return Err(CatalogError::new("/provider", Problem::Unknown(model.provider)));
        }
        self.models.entry(model.provider.clone()).or_default().insert(model.id.clone(), model);
        Ok(())
    }
}

/// What is wrong with a catalogue or an entry, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CatalogError {
    pointer: String,
    problem: Problem,
}

impl CatalogError {
    fn new(pointer: impl Into<String>, problem: Problem) -> Self {
        Self { pointer: pointer.into(), problem }
    }

    /// The same error of an entry that stands at this JSON Pointer of a larger document.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        Self { pointer: pointer.to_owned() + &self.pointer, problem: self.problem }
    }

    /// The place at fault as a JSON Pointer (RFC 6901).
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong there.
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "document" } else { &self.pointer };
        write!(f, "{place}: {}", self.problem)
    }
}

impl core::error::Error for CatalogError {}

/// What can be wrong with an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// Not JSON, or not of the shape of a catalogue; the words of the JSON reader.
    Document(String),
    /// A required field is absent.
    Missing,
    /// A name that is empty, too long, or holds other than visible ASCII.
    Name,
    /// A name that stands for nothing: no such provider, dialect or effort.
    Unknown(String),
    /// A name that is taken.
    Duplicate,
    /// A size of zero.
    Zero,
    /// A default that is not among the values it is chosen from.
    NotListed,
    /// Not a price.
    Price(InvalidPrice),
    /// Prices that do not hold together.
    Rates(InvalidRates),
    /// Not the URL of an endpoint.
    Url(InvalidUrl),
    /// Not a day.
    Date(InvalidDate),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(words) => f.write_str(words),
            Self::Missing => f.write_str("this field is required"),
            Self::Name => f.write_str("a name is visible ASCII, neither empty nor too long"),
            Self::Unknown(name) => write!(f, "`{name}` is not known"),
            Self::Duplicate => f.write_str("this name is taken"),
            Self::Zero => f.write_str("this size is not zero"),
            Self::NotListed => f.write_str("the default is not among the efforts"),
            Self::Price(error) => error.fmt(f),
            Self::Rates(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Date(error) => error.fmt(f),
        }
    }
}
