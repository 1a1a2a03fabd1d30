//! From the document to checked types.
//!
//! Order of work: the JSON itself ([`json`]), providers and models ([`directory`]), then ladders, which bring their
//! targets into use, then aliases and the rest. The first error ends it; warnings are collected on the way.

mod budget;
mod callers;
mod directory;
mod json;
mod ladder;
mod model;
mod node;
mod provider;
mod rule;
mod samples;

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use self::{
    directory::Directory,
    node::{Node, Object, child, shown},
};
use super::{Config, ConfigError, OnUnreadable, Overrides, Passthrough, Warning};
use crate::{
    catalog::{Date, Lifecycle},
    wire::Dialect,
};

/// Sections of the document, in the order in which they are read and warned of.
const KEYS: [&str; 16] = [
    "version",
    "providers",
    "models",
    "ladders",
    "aliases",
    "rules",
    "budgets",
    "override",
    "on_unreadable",
    "passthrough",
    "callers",
    "response_headers",
    "stream_usage",
    "envoy",
    "worker",
    "serve",
];

/// Sections that belong to the doors.
const HOSTS: [&str; 3] = ["envoy", "worker", "serve"];

/// How long before its end a model is warned of, in days.
const NOTICE: i64 = 30;

/// Reads a document. See [`Config::from_json`].
pub(super) fn document(bytes: &[u8]) -> Result<Config, ConfigError> {
    let tree = json::parse(bytes)?;
    let root = Node::root(&tree).object(&KEYS)?;
    version(&root)?;
    let mut directory = Directory::read(root.get("providers").as_ref(), root.get("models").as_ref())?;
    let ladders = ladder::ladders(&root.need("ladders")?, &mut directory)?;
    let aliases = ladder::aliases(&root.need("aliases")?, &ladders)?;
    let known = rule::Known { ladders: &ladders, aliases: &aliases, targets: directory.targets() };
    let rules = root.get("rules").map(|node| rule::rules(&node, &known)).transpose()?.unwrap_or_default();
    let overrides = root.get("override").map(|node| overrides(&node)).transpose()?.unwrap_or_default();
    let on_unreadable = root
        .get("on_unreadable")
        .map(|node| node.word(&[("pass", OnUnreadable::Pass), ("reject", OnUnreadable::Reject)]))
        .transpose()?
        .unwrap_or_default();
    let mut passthrough = match root.get("passthrough") {
        Some(node) => passthrough(&node, &mut directory)?,
        None => Passthrough::default(),
    };
    let switch = |key, default| root.get(key).map_or(Ok(default), |node| node.boolean());
    let response_headers = switch("response_headers", true)?;
    // A client that did not ask would see one event more: that is the operator's choice to make.
    let stream_usage = switch("stream_usage", false)?;
    let hosts = hosts(&root)?;
    let callers = root.get("callers").map(|node| callers::callers(&node)).transpose()?;
    let known = budget::Known { callers: callers.as_deref(), aliases: &aliases };
    let budgets =
        root.get("budgets").map(|node| budget::budgets(&node, &known)).transpose()?.unwrap_or_default();
    if let Some(node) = root.get("budgets").filter(|_| !budgets.is_empty()) {
        budget::warn_of_unpriced(&node, &mut directory);
    }

    let used = directory.finish();
    let moved = |old: usize| used.moved.get(old).copied();
    passthrough.dialects = passthrough.dialects.map(|provider| provider.and_then(moved));
    passthrough.other = passthrough.other.and_then(moved);
    let mut warnings = used.warnings;
    warnings.sort_by_key(section);
    Ok(Config {
        providers: used.providers,
        targets: used.targets,
        ladders,
        aliases,
        overrides,
        on_unreadable,
        passthrough,
        response_headers,
        stream_usage,
        rules,
        budgets,
        warnings,
        hosts,
        callers,
    })
}

fn version(root: &Object<'_>) -> Result<(), ConfigError> {
    let node =
        root.get("version").ok_or_else(|| root.error("the key `version` is missing: add `version: 1`"))?;
    match node.integer(0..=u16::MAX)? {
        1 => Ok(()),
        other => {
            Err(node.error(format!("this is version {other} of the document, but only version 1 is read")))
        }
    }
}

fn overrides(node: &Node<'_>) -> Result<Overrides, ConfigError> {
    let mut overrides = Overrides::default();
    for item in node.items(0..=3)? {
        let word = item.word(&["tier", "effort", "target"].map(|word| (word, word)))?;
        let allowed = match word {
            "tier" => &mut overrides.tier,
            "effort" => &mut overrides.effort,
            _ => &mut overrides.target,
        };
        if *allowed {
            return Err(item.error(format!("`{word}` stands twice in this list")));
        }
        *allowed = true;
    }
    Ok(overrides)
}

fn passthrough(node: &Node<'_>, directory: &mut Directory) -> Result<Passthrough, ConfigError> {
    let settings = node.object(&["chat", "messages", "responses", "other"])?;
    let mut passthrough = Passthrough::default();
    for (slot, dialect) in passthrough.dialects.iter_mut().zip(Dialect::ALL) {
        let Some(node) = settings.get(dialect.name()) else { continue };
        let name = node.string()?;
        let index = directory.provider(name, &node)?;
        if directory.providers().get(index).is_none_or(|provider| provider.endpoint(dialect).is_none()) {
            return Err(node.error(format!(
                "{} has no endpoint for `{1}`: name a provider that speaks it, or add `{1}` to its `endpoints`",
                shown(name),
                dialect.name()
            )));
        }
        *slot = Some(index);
    }
    if let Some(node) = settings.get("other") {
        passthrough.other = Some(directory.provider(node.string()?, &node)?);
    }
    Ok(passthrough)
}

/// The doors' sections: kept as they are, so long as they are objects.
fn hosts(root: &Object<'_>) -> Result<Vec<(String, serde_json::Value)>, ConfigError> {
    let mut hosts = Vec::new();
    for key in HOSTS {
        if let Some(node) = root.get(key) {
            node.entries()?;
            hosts.push((key.to_owned(), node.value.clone()));
        }
    }
    Ok(hosts)
}

/// Place of a warning's section in the document.
fn section(warning: &Warning) -> usize {
    let name = warning.pointer.split('/').nth(1);
    KEYS.iter().position(|key| Some(*key) == name).unwrap_or(KEYS.len())
}

/// Warns of every target that is gone on `today`, or will be within a month. A baseline outside of the tiers is spared:
/// the price of a model that is gone still says what it would have cost.
pub(super) fn lifecycle(config: &Config, today: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for ladder in &config.ladders {
        let ladder_at = child("/ladders", &ladder.name);
        for (rung, tier) in ladder.tiers.iter().enumerate() {
            for (place, choice) in tier.choices.iter().enumerate() {
                let Some(target) = config.target_of(choice) else { continue };
                let Some(lifecycle) = &target.model.lifecycle else { continue };
                let Some(end) = end(lifecycle, today) else { continue };
                let cure = match &lifecycle.successor {
                    Some(successor) => format!(
                        "its successor is {}",
                        shown(&format!("{}/{successor}", target.model.provider))
                    ),
                    None => "choose another target".to_owned(),
                };
                let message = format!("{} {end}; {cure}", shown(&target.name));
                warnings
                    .push(Warning { pointer: format!("{ladder_at}/tiers/{rung}/targets/{place}"), message });
            }
        }
    }
    warnings
}

/// What there is to say of a model's end, if it is near or past.
fn end(lifecycle: &Lifecycle, today: &str) -> Option<String> {
    if lifecycle.past(today) {
        return Some(match lifecycle.date {
            Some(date) => format!("was shut down on {date}"),
            None => "was shut down".to_owned(),
        });
    }
    // Gone on the last day of notice: announced, then, since an active model never is.
    let date = lifecycle.date?;
    let soon = days(date).checked_sub(days(today.parse().ok()?))? <= NOTICE;
    (soon && lifecycle.past(&date.to_string())).then(|| format!("shuts down on {date}"))
}

/// Days from a fixed day to this one, by the Gregorian calendar.
fn days(date: Date) -> i64 {
    let text = date.to_string();
    let mut parts = text.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
    let mut part = || parts.next().unwrap_or_default();
    let (year, month, day) = (part(), part(), part());
    // The year begins in March, so that the leap day is its last. A date has four digits of year: nothing overflows.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_across_months_and_leap_years() {
        for (from, to, between) in [
            ("2026-11-23", "2026-11-24", 1),
            ("2026-11-30", "2026-12-01", 1),
            ("2026-12-31", "2027-01-01", 1),
            ("2024-02-28", "2024-03-01", 2),
            ("2026-02-28", "2026-03-01", 1),
            ("2100-02-28", "2100-03-01", 1),
            ("2000-01-01", "2000-12-31", 365),
            ("1970-01-01", "2026-11-23", 20_780),
        ] {
            assert_eq!(days(to.parse().unwrap()) - days(from.parse().unwrap()), between, "{from} {to}");
        }
    }
}
