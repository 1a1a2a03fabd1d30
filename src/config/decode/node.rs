//! A JSON value that knows its place: every error names the JSON Pointer, what was found, what was expected and, where a
//! name is nearly right, the right one.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;
use core::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::super::ConfigError;

/// Characters of an unknown name that a message repeats.
const SHOWN: usize = 80;

/// Names that a message lists.
const LISTED: usize = 24;

/// A value at a place of the document.
#[derive(Clone, Debug)]
pub(super) struct Node<'v> {
    pub(super) value: &'v Value,
    /// JSON Pointer (RFC 6901), empty for the document itself.
    pub(super) pointer: String,
}

/// An object whose keys were all checked against the known ones.
#[derive(Debug)]
pub(super) struct Object<'v> {
    members: &'v Map<String, Value>,
    pointer: String,
}

impl<'v> Node<'v> {
    pub(super) const fn root(value: &'v Value) -> Self {
        Self { value, pointer: String::new() }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError { pointer: self.pointer.clone(), message: message.into() }
    }

    pub(super) fn wrong_type(&self, expected: &str) -> ConfigError {
        let cure = match self.value {
            Value::Null if expected == "an object" => "; write {} for one without settings",
            _ => "",
        };
        self.error(format!("expected {expected}, found {}{cure}", kind(self.value)))
    }

    /// An object with fixed keys. Any other key is an error.
    pub(super) fn object(&self, known: &[&str]) -> Result<Object<'v>, ConfigError> {
        let members = self.members()?;
        for key in members.keys() {
            if !known.contains(&key.as_str()) {
                let message = format!("unknown key {}{}", shown(key), hint(key, known.iter().copied()));
                return Err(ConfigError { pointer: child(&self.pointer, key), message });
            }
        }
        Ok(Object { members, pointer: self.pointer.clone() })
    }

    /// An object whose keys are names, sorted by name.
    pub(super) fn entries(&self) -> Result<Vec<(&'v str, Self)>, ConfigError> {
        let mut entries: Vec<_> = self
            .members()?
            .iter()
            .map(|(key, value)| (key.as_str(), Self { value, pointer: child(&self.pointer, key) }))
            .collect();
        // `serde_json` sorts already, unless some package of the build asks it to keep the order.
        entries.sort_by_key(|(key, _)| *key);
        Ok(entries)
    }

    /// As [`entries`](Self::entries), at most `most` of them.
    pub(super) fn named_entries(&self, most: usize) -> Result<Vec<(&'v str, Self)>, ConfigError> {
        let entries = self.entries()?;
        match entries.len() <= most {
            true => Ok(entries),
            false => Err(self.error(format!("expected at most {most} entries, found {}", entries.len()))),
        }
    }

    fn members(&self) -> Result<&'v Map<String, Value>, ConfigError> {
        self.value.as_object().ok_or_else(|| self.wrong_type("an object"))
    }

    /// An array whose length is in these bounds.
    pub(super) fn items(&self, length: RangeInclusive<usize>) -> Result<Vec<Self>, ConfigError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        if !length.contains(&items.len()) {
            let (least, most, found) = (length.start(), length.end(), items.len());
            return Err(self.error(format!("expected {least} to {most} elements, found {found}")));
        }
        let item = |(index, value): (usize, &'v Value)| Self {
            value,
            pointer: child(&self.pointer, &index.to_string()),
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    pub(super) fn string(&self) -> Result<&'v str, ConfigError> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        self.value.as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A whole number in these bounds. `500.0` is one, as it is for JSON Schema.
    pub(super) fn integer(&self, bounds: RangeInclusive<u16>) -> Result<u16, ConfigError> {
        let (least, most) = (bounds.start(), bounds.end());
        let number = self.value.as_u64().or_else(|| {
            let text = self.value.as_number()?.to_string();
            text.strip_suffix(".0")?.parse().ok()
        });
        number
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| {
                self.error(format!(
                    "expected a whole number from {least} to {most}, found {}",
                    kind(self.value)
                ))
            })
    }

    /// One of these words, each with its meaning.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let found = self.string()?;
        words.iter().find(|(word, _)| *word == found).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let hint = hint(found, words.iter().map(|(word, _)| *word));
            self.error(format!("unknown word {}{hint}", shown(found)))
        })
    }

    /// A name that an operator chose: not empty, printable, at most `most` bytes.
    pub(super) fn name(&self, most: usize) -> Result<&'v str, ConfigError> {
        let name = self.string()?;
        self.check_name(name, most)?;
        Ok(name)
    }

    /// As [`name`](Self::name), for a name that is the key of this value.
    pub(super) fn check_name(&self, name: &str, most: usize) -> Result<(), ConfigError> {
        if name.is_empty() {
            return Err(self.error("a name must not be empty"));
        }
        if name.len() > most {
            return Err(self.error(format!("the name has {} bytes; at most {most} are allowed", name.len())));
        }
        if name.chars().any(char::is_control) {
            return Err(self.error(format!("the name {} holds a control character", shown(name))));
        }
        if name.starts_with(' ') || name.ends_with(' ') {
            return Err(self.error(format!("the name {} begins or ends with a space", shown(name))));
        }
        Ok(())
    }
}

impl<'v> Object<'v> {
    pub(super) fn get(&self, key: &str) -> Option<Node<'v>> {
        self.members.get(key).map(|value| Node { value, pointer: child(&self.pointer, key) })
    }

    pub(super) fn need(&self, key: &str) -> Result<Node<'v>, ConfigError> {
        self.get(key).ok_or_else(|| self.error(format!("the key `{key}` is missing")))
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError { pointer: self.pointer.clone(), message: message.into() }
    }
}

/// The pointer of a member or element.
pub(super) fn child(pointer: &str, token: &str) -> String {
    let mut child = pointer.to_owned();
    child.push('/');
    for char in token.chars() {
        match char {
            '~' => child.push_str("~0"),
            '/' => child.push_str("~1"),
            char => child.push(char),
        }
    }
    child
}

/// What a value is, with its text where that is short.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", shown(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A name from outside, fit for a message: in backticks, without control characters, not longer than a line.
pub(super) fn shown(name: &str) -> String {
    let mut shown = "`".to_owned();
    for (index, char) in name.chars().enumerate() {
        if index == SHOWN {
            shown.push('…');
            break;
        }
        match char.is_control() {
            true => shown.extend(char.escape_default()),
            false => shown.push(char),
        }
    }
    shown.push('`');
    shown
}

/// `; did you mean `x`?`, or `; known: ` and the names there are, or nothing where there are none.
pub(super) fn hint<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("; did you mean {}?", shown(near));
    }
    let mut hint = String::new();
    for (index, name) in known.iter().take(LISTED).enumerate() {
        hint.push_str(if index == 0 { "; known: " } else { ", " });
        hint.push_str(&shown(name));
    }
    let more = known.len().saturating_sub(LISTED);
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(hint, " and {more} more");
    }
    hint
}

/// The known name that a reader would take for a slip of this one: few edits apart, or holding it whole.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Also bounds the work of the comparison.
    if name.is_empty() || name.len() > SHOWN {
        return None;
    }
    let allowed = ((name.len() + 1) / 3).clamp(1, 4);
    let letters = |name: &str| -> Vec<u8> { name.bytes().filter(u8::is_ascii_alphanumeric).collect() };
    let rank = |known: &str| {
        let close = known.len().abs_diff(name.len()) <= allowed;
        let edits =
            close.then(|| distance(name.as_bytes(), known.as_bytes())).filter(|edits| *edits <= allowed);
        match edits {
            // A dash for a dot is a smaller slip than another letter.
            Some(edits) => Some((distance(&letters(name), &letters(known)), edits)),
            None if name.len() > 3 && known.contains(name) => Some((allowed.saturating_add(1), known.len())),
            None => None,
        }
    };
    let ranked = known.filter_map(|known| Some((rank(known)?, known)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, known)| known)
}

/// Edits (insert, remove, replace a byte, swap two neighbours) from one name to the other; case does not count.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let same = |left: Option<&u8>, right: Option<&u8>| {
        left.zip(right).is_some_and(|(l, r)| l.eq_ignore_ascii_case(r))
    };
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, byte) in from.iter().enumerate() {
        let earlier = core::mem::take(&mut above);
        above = core::mem::take(&mut row);
        row.push(index + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = at(&above, column) + usize::from(!same(Some(byte), Some(other)));
            let mut least = replaced.min(at(&above, column + 1) + 1).min(at(&row, column) + 1);
            if let (Some(before), Some(left)) = (index.checked_sub(1), column.checked_sub(1))
                && same(from.get(before), Some(other))
                && same(Some(byte), to.get(left))
            {
                least = least.min(at(&earlier, left) + 1);
            }
            row.push(least);
        }
    }
    at(&row, to.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_does_not() {
        let known = ["tiers", "thresholds", "default_tier", "claude-opus-5", "claude-opus-5-5", "low"];
        for (name, found) in [
            ("thresold", Some("thresholds")),
            ("Tiers", Some("tiers")),
            ("tires", Some("tiers")),
            ("opus-5-5", Some("claude-opus-5-5")),
            ("claude-opus-5.5", Some("claude-opus-5-5")),
            ("claude-opus-55", Some("claude-opus-5-5")),
            ("lo", Some("low")),
            ("high", None),
            ("", None),
            ("zzz", None),
        ] {
            assert_eq!(nearest(name, known.iter().copied()), found, "{name}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("teir", "tier", 1),
            ("abcd", "badc", 2),
            ("AB", "ab", 0),
        ] {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), edits, "{from} {to}");
        }
    }

    #[test]
    fn pointers_are_escaped() {
        let tree = json!({ "a/b": { "~": [0] } });
        let root = Node::root(&tree);
        let (_, inner) = root.entries().unwrap().remove(0);
        let (_, list) = inner.entries().unwrap().remove(0);
        let items = list.items(0..=9).unwrap();
        assert_eq!(items[0].pointer, "/a~1b/~0/0");
        assert_eq!(tree.pointer(&items[0].pointer), Some(&json!(0)));
    }

    #[test]
    fn names_from_outside_cannot_draw_on_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb"), "`a\\u{1b}[2Jb`");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), SHOWN + 3);
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        let names: Vec<String> = (0..40).map(|index| format!("name{index}")).collect();
        let hint = hint("something else", names.iter().map(String::as_str));
        assert!(hint.ends_with("`name23` and 16 more"), "{hint}");
    }
}
