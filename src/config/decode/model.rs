//! The operator's own model entries, laid over the catalogue's.
//!
//! The catalogue reads an entry with serde, which takes an array for an object, `null` for nothing, and stops at an
//! unknown field without a hint. Keys and words are therefore looked through here before, and the entry is handed over
//! as JSON text so that its errors keep their place.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};

use serde_json::{Map, Value};

use super::super::ConfigError;
use super::node::{Node, child, hint, shown};
use super::provider::DIALECTS;
use crate::{
    catalog::{CatalogError, Family, Model, ModelEntry, Problem, pointer_of},
    effort::Effort,
};

/// Keys of an entry. Provider and name stand in the key of the entry itself.
const KEYS: &[&str] = &[
    "usd_per_mtok",
    "context",
    "window",
    "max_output",
    "family",
    "canonical",
    "capabilities",
    "reasoning",
    "chat_tools",
    "dialects",
    "aliases",
    "cache_min_prefix_tokens",
    "cache_life_seconds",
    "lifecycle",
    "released",
    "speed_tps",
    "suggested_tier",
    "as_of",
    "sources",
    "note",
];

const RATES: &[&str] =
    &["input", "output", "cache_read", "cache_write_short", "cache_write_long", "tiers", "off_peak"];

const PRICE_TIER: &[&str] =
    &["above_prompt_tokens", "input", "output", "cache_read", "cache_write_short", "cache_write_long"];

const OFF_PEAK: &[&str] =
    &["input", "output", "cache_read", "cache_write_short", "cache_write_long", "windows_utc"];

const WINDOW: &[&str] = &["weekdays", "hours"];

const CAPABILITIES: &[&str] = &[
    "tools",
    "parallel_tools",
    "forced_tool_choice",
    "images",
    "documents",
    "audio",
    "json_schema",
    "prompt_cache",
    "sampling_params",
    "prefill",
];

const REASONING: &[&str] = &[
    "thinks",
    "efforts",
    "default",
    "can_disable",
    "disable_max_effort",
    "chat_max_effort",
    "thinking_types",
    "budget_min",
    "budget_max",
];

const LIFECYCLE: &[&str] = &["state", "date", "successor"];

/// The entry at this place, over what the catalogue holds of the model.
pub(super) fn overlay(
    (provider, id): (&str, &str),
    node: &Node<'_>,
    base: Option<&Model>,
) -> Result<Model, ConfigError> {
    check_keys(node)?;
    no_null(node)?;
    let families = || Family::ALL.iter().map(|family| (family.as_str(), *family));
    if let Some(family) = node.object(KEYS)?.get("family") {
        family.word(&families().collect::<alloc::vec::Vec<_>>())?;
    }
    let entry = node.value.as_object().cloned().unwrap_or_default();
    read(provider, id, entry, base).map_err(|mut error| {
        error.pointer.insert_str(0, &node.pointer);
        error
    })
}

/// A model of which nothing is known but its name.
pub(super) fn assumed(provider: &str, id: &str) -> Result<Model, ConfigError> {
    read(provider, id, Map::new(), None)
}

/// Pointers of errors start at the entry.
fn read(
    provider: &str,
    id: &str,
    mut entry: Map<String, Value>,
    base: Option<&Model>,
) -> Result<Model, ConfigError> {
    let canonical = entry.contains_key("canonical");
    entry.insert("provider".to_owned(), Value::String(provider.to_owned()));
    entry.insert("id".to_owned(), Value::String(id.to_owned()));
    let text = Value::Object(entry).to_string();
    let entry: ModelEntry = serde_json::from_str(&text).map_err(|error| {
        let message = error.to_string();
        // The text is not the operator's, and so is its only line.
        let message =
            message.rsplit_once(" at line ").map_or(message.as_str(), |(words, _)| words).to_owned();
        ConfigError { pointer: pointer_of(text.as_bytes(), &error), message }
    })?;
    Model::from_entry(entry, base).map_err(|error| {
        let message = in_our_words(&error);
        // What the document has no key for was taken from the key of the entry.
        let pointer = match error.pointer() {
            "/id" | "/provider" => "",
            "/canonical" if !canonical => "",
            pointer => pointer,
        };
        ConfigError { pointer: pointer.to_owned(), message }
    })
}

/// An error of the catalogue, with a hint where a name is nearly right.
fn in_our_words(error: &CatalogError) -> String {
    let at = |prefix: &str| error.pointer().starts_with(prefix);
    match error.problem() {
        Problem::Unknown(name) if at("/dialects") => {
            format!("unknown dialect {}{}", shown(name), hint(name, DIALECTS.iter().map(|(word, _)| *word)))
        }
        Problem::Unknown(name) if at("/reasoning") => {
            format!("unknown effort {}{}", shown(name), hint(name, Effort::ALL.into_iter().map(Effort::name)))
        }
        problem => problem.to_string(),
    }
}

fn check_keys(node: &Node<'_>) -> Result<(), ConfigError> {
    if let Some(members) = node.value.as_object() {
        if let Some(key) = ["provider", "id"].into_iter().find(|key| members.contains_key(*key)) {
            let message = format!("the key of the entry names the {key} already: remove it here");
            return Err(ConfigError { pointer: child(&node.pointer, key), message });
        }
        if let Some(key) =
            ["price", "prices", "rates", "cost"].into_iter().find(|key| members.contains_key(*key))
        {
            let message = format!("unknown key `{key}`; did you mean `usd_per_mtok`?");
            return Err(ConfigError { pointer: child(&node.pointer, key), message });
        }
    }
    let entry = node.object(KEYS)?;
    for (key, keys) in [("capabilities", CAPABILITIES), ("reasoning", REASONING), ("lifecycle", LIFECYCLE)] {
        if let Some(node) = entry.get(key) {
            node.object(keys)?;
        }
    }
    let Some(rates) = entry.get("usd_per_mtok") else { return Ok(()) };
    let rates = rates.object(RATES)?;
    if let Some(tiers) = rates.get("tiers") {
        for tier in tiers.items(0..=usize::MAX)? {
            tier.object(PRICE_TIER)?;
        }
    }
    let off_peak = rates.get("off_peak").filter(|node| !node.value.is_null());
    if let Some(off_peak) = off_peak
        && let Some(windows) = off_peak.object(OFF_PEAK)?.get("windows_utc")
    {
        for window in windows.items(0..=usize::MAX)? {
            window.object(WINDOW)?;
        }
    }
    Ok(())
}

/// `null` means something only where the catalogue's cheap hours are to go.
fn no_null(node: &Node<'_>) -> Result<(), ConfigError> {
    if node.value.is_null() && !node.pointer.ends_with("/usd_per_mtok/off_peak") {
        return Err(
            node.error("expected a value, found null; leave the key out to keep what the catalogue says")
        );
    }
    if node.value.is_object() {
        return node.entries()?.iter().try_for_each(|(_, member)| no_null(member));
    }
    if node.value.is_array() {
        return node.items(0..=usize::MAX)?.iter().try_for_each(no_null);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use serde_json::json;

    /// The keys that serde lists when it meets one that it does not know.
    fn keys_of_the_entry(entry: Value) -> Vec<String> {
        let error = serde_json::from_value::<ModelEntry>(entry).unwrap_err().to_string();
        error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_catalogue() {
        let tier = json!({ "above_prompt_tokens": 1, "input": 1, "output": 1, "x": 1 });
        let off_peak = json!({ "input": 1, "output": 1, "windows_utc": [], "x": 1 });
        for (entry, keys) in [
            (json!({ "x": 1 }), KEYS),
            (json!({ "usd_per_mtok": { "x": 1 } }), RATES),
            (json!({ "usd_per_mtok": { "tiers": [tier] } }), PRICE_TIER),
            (json!({ "usd_per_mtok": { "off_peak": off_peak } }), OFF_PEAK),
            (json!({ "usd_per_mtok": { "off_peak": { "windows_utc": [{ "x": 1 }] } } }), WINDOW),
            (json!({ "capabilities": { "x": true } }), CAPABILITIES),
            (json!({ "reasoning": { "x": 1 } }), REASONING),
            (json!({ "lifecycle": { "x": 1 } }), LIFECYCLE),
        ] {
            let mut theirs = keys_of_the_entry(entry);
            theirs.retain(|key| !["provider", "id"].contains(&key.as_str()));
            theirs.sort();
            let mut ours: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            ours.sort();
            assert_eq!(ours, theirs);
        }
    }
}
