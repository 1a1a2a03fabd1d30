//! Who is who: names of providers and targets are looked up here, and what is looked up is kept.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::super::{ConfigError, Provider, Target, Warning};
use super::node::{Node, hint, nearest, shown};
use super::{model, provider};
use crate::{
    catalog::{self, Catalog, Model},
    fit::{Fit, Rules},
    limits,
    wire::Dialect,
};

/// Unknown models of an operator's own provider that are compared with the known ones for a slip. Bounds the work on a
/// document with thousands of both.
const COMPARISONS: usize = 16;

/// The catalogue with the document's own providers and models, and what of it the document uses.
pub(super) struct Directory {
    /// Facts, the operator's entries included.
    catalog: Catalog,
    rules: Rules,
    /// Providers that the document states, used or not.
    stated: BTreeMap<String, provider::Resolved>,
    providers: Vec<Provider>,
    targets: Vec<Target>,
    /// Indices of `targets` by name.
    by_name: BTreeMap<String, usize>,
    /// How many unknown models were compared with the known ones so far.
    comparisons: usize,
    pub(super) warnings: Vec<Warning>,
}

/// What the document uses, providers sorted by name.
pub(super) struct InUse {
    pub(super) providers: Vec<Provider>,
    pub(super) targets: Vec<Target>,
    /// New index of a provider by its old one.
    pub(super) moved: Vec<usize>,
    pub(super) warnings: Vec<Warning>,
}

impl Directory {
    /// Reads the sections `providers` and `models`.
    pub(super) fn read(providers: Option<&Node<'_>>, models: Option<&Node<'_>>) -> Result<Self, ConfigError> {
        let broken = |error: String| ConfigError { pointer: String::new(), message: error };
        let mut directory = Self {
            catalog: Catalog::built_in().map_err(|error| broken(format!("built-in catalogue: {error}")))?,
            rules: Rules::built_in().map_err(|error| broken(format!("built-in rules: {error}")))?,
            stated: BTreeMap::new(),
            providers: Vec::new(),
            targets: Vec::new(),
            by_name: BTreeMap::new(),
            comparisons: 0,
            warnings: Vec::new(),
        };
        if let Some(providers) = providers {
            directory.read_providers(providers)?;
        }
        if let Some(models) = models {
            directory.read_models(models)?;
        }
        Ok(directory)
    }

    fn read_providers(&mut self, node: &Node<'_>) -> Result<(), ConfigError> {
        for (name, node) in node.named_entries(limits::PROVIDERS)? {
            let resolved = provider::stated(name, &node, &self.catalog)?;
            self.stated.insert(name.to_owned(), resolved);
        }
        // Only now, so that a hint never names another of the document's own.
        for name in self.stated.keys() {
            if self.catalog.provider(name).is_none() {
                let entry = catalog::ProviderEntry {
                    name: name.clone(),
                    display: None,
                    auth: None,
                    endpoints: None,
                    key_env: None,
                    base_url_hint: None,
                    note: None,
                };
                let bare = catalog::Provider::from_entry(entry, None);
                self.catalog.insert_provider(bare.map_err(|error| node.error(error.to_string()))?);
            }
        }
        Ok(())
    }

    fn read_models(&mut self, node: &Node<'_>) -> Result<(), ConfigError> {
        for (name, node) in node.named_entries(limits::MODELS)? {
            let (provider, id) = self.split(name, &node)?;
            let model = model::overlay((provider, id), &node, self.catalog.model(provider, id))?;
            self.catalog.insert_model(model).map_err(|error| node.error(error.to_string()))?;
        }
        Ok(())
    }

    /// Provider and model of `provider/model`, the provider a known one.
    fn split<'n>(&self, name: &'n str, node: &Node<'_>) -> Result<(&'n str, &'n str), ConfigError> {
        let Some((provider, id)) = name.split_once('/') else {
            let named = |of: fn(&Model) -> &str| self.catalog.models().find(|model| of(model) == name);
            let host = named(|model| &model.id).or_else(|| named(|model| &model.canonical));
            let cure = match host {
                Some(model) => format!("; did you mean `{}/{}`?", model.provider, model.id),
                None => String::new(),
            };
            return Err(node.error(format!("{} is not `provider/model`{cure}", shown(name))));
        };
        self.known_provider(provider, node)?;
        if id.is_empty() {
            return Err(node.error(format!("{} names no model: expected `provider/model`", shown(name))));
        }
        Ok((provider, id))
    }

    fn known_provider(&self, name: &str, node: &Node<'_>) -> Result<(), ConfigError> {
        if self.catalog.provider(name).is_some() {
            return Ok(());
        }
        let hint = hint(name, self.catalog.providers().map(|provider| provider.name.as_str()));
        let or = if hint.ends_with('?') { " Or" } else { "; or" };
        Err(node.error(format!(
            "unknown provider {}{hint}{or} describe it under `providers`, with `base_url` and `speaks`",
            shown(name),
        )))
    }

    /// Index of the provider of this name, which is in use from now on.
    pub(super) fn provider(&mut self, name: &str, node: &Node<'_>) -> Result<usize, ConfigError> {
        if let Some(index) = self.providers.iter().position(|provider| provider.name == name) {
            return Ok(index);
        }
        self.known_provider(name, node)?;
        let resolved = match self.stated.get(name) {
            Some(stated) => stated.clone(),
            None => self.catalog.provider(name).map(provider::known).unwrap_or_default(),
        };
        if resolved.endpoints.iter().all(Option::is_none) {
            let hint = self.catalog.provider(name).and_then(|provider| provider.base_url_hint.as_deref());
            let hint = hint.map(|hint| format!(" (its addresses begin like {hint})")).unwrap_or_default();
            return Err(node.error(format!(
                "the address of `{name}` differs by account: give it a `base_url`{hint} and `speaks` under `providers`"
            )));
        }
        self.warnings.extend(resolved.warnings);
        let provider =
            Provider { name: name.to_owned(), endpoints: resolved.endpoints, key_env: resolved.key_env };
        self.providers.push(provider);
        Ok(self.providers.len().saturating_sub(1))
    }

    /// Index of the target `provider/model` that stands here, which is in use from now on.
    pub(super) fn target(&mut self, node: &Node<'_>) -> Result<usize, ConfigError> {
        let name = node.name(limits::MODEL_NAME)?;
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        let (provider_name, id) = self.split(name, node)?;
        let model = self.model(provider_name, id, node)?;
        let provider = self.provider(provider_name, node)?;
        let endpoints = self.providers.get(provider).map(|provider| &provider.endpoints);
        let reachable = |dialect: Dialect| {
            endpoints.and_then(|endpoints| endpoints.get(dialect as usize)).is_some_and(Option::is_some)
                && model.speaks(dialect)
        };
        let fits = Dialect::ALL.map(|dialect| {
            reachable(dialect).then(|| Fit::resolve(&self.rules, dialect, provider_name, &model))
        });
        if fits.iter().all(Option::is_none) {
            let takes = Dialect::ALL.into_iter().filter(|dialect| model.speaks(*dialect)).map(Dialect::name);
            return Err(node.error(format!(
                "{} takes {} only, for which `{provider_name}` has no endpoint: add it to the provider's `speaks` or \
                 `endpoints`, or set `dialects` of the model",
                shown(name),
                takes.collect::<Vec<_>>().join(", "),
            )));
        }
        if model.rates.is_none() {
            self.warn(
                node,
                format!(
                    "no price is known for {0}: its cost will not be reported; give it `usd_per_mtok` under `models`",
                    shown(name)
                ),
            );
        }
        let index = self.targets.len();
        self.targets.push(Target { name: name.to_owned(), provider, model, fits });
        self.by_name.insert(name.to_owned(), index);
        Ok(index)
    }

    /// What is known of a model; where its provider is the operator's own, assumptions will do.
    fn model(&mut self, provider: &str, id: &str, node: &Node<'_>) -> Result<Model, ConfigError> {
        if let Some(model) = self.catalog.model(provider, id) {
            // An alias is a name that the provider takes, and the operator wants this one: a pinned version, say.
            let mut model = model.clone();
            model.id = id.to_owned();
            return Ok(model);
        }
        let names =
            self.catalog.models().filter(|model| model.provider == provider).map(|model| model.id.as_str());
        if self.stated.get(provider).is_some_and(|stated| stated.own_address) {
            if self.comparisons < COMPARISONS {
                self.comparisons = self.comparisons.saturating_add(1);
                if let Some(near) = nearest(id, names) {
                    let near = shown(near);
                    self.warn(
                        node,
                        format!("`{provider}` is not known to have {}; did you mean {near}?", shown(id)),
                    );
                }
            }
            return model::assumed(provider, id).map_err(|error| node.error(error.message));
        }
        let hint = hint(id, names);
        let stop = if hint.ends_with('?') { "" } else { "." };
        Err(node.error(format!(
            "the catalogue knows no model {} of `{provider}`{hint}{stop} If the name is right, describe the model under \
             `models`: `\"{provider}/{id}\": {{}}`",
            shown(id),
        )))
    }

    pub(super) fn warn(&mut self, node: &Node<'_>, message: String) {
        self.warnings.push(Warning { pointer: node.pointer.clone(), message });
    }

    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub(super) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// What is in use, in its final order.
    pub(super) fn finish(self) -> InUse {
        let mut order: Vec<(usize, Provider)> = self.providers.into_iter().enumerate().collect();
        order.sort_by(|(_, left), (_, right)| left.name.cmp(&right.name));
        let mut moved = alloc::vec![0; order.len()];
        for (new, (old, _)) in order.iter().enumerate() {
            if let Some(slot) = moved.get_mut(*old) {
                *slot = new;
            }
        }
        let mut targets = self.targets;
        for target in &mut targets {
            target.provider = moved.get(target.provider).copied().unwrap_or_default();
        }
        let providers = order.into_iter().map(|(_, provider)| provider).collect();
        InUse { providers, targets, moved, warnings: self.warnings }
    }
}
