//! JSON Schema, as far as checking an answer needs it: `type`, `enum`, `const`, `properties`, `required`,
//! `additionalProperties: false`, `items`, `minItems`, `maxItems`, `anyOf`, `oneOf`, `allOf`, and `$ref` within the schema. Any other keyword
//! is taken to hold: a check may be too kind, never too strict.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

use super::kind::number;
use crate::limits;

/// One check: its schema for references, and the work that is left to it.
struct Check<'s> {
    root: &'s Value,
    left: u32,
    depth: u32,
}

/// Whether a value is as the schema says. Where that takes too long to find out, it is.
pub(super) fn holds(schema: &Value, value: &Value) -> bool {
    Check { root: schema, left: limits::SCHEMA_STEPS, depth: 0 }.holds(schema, value)
}

/// Whether anything of such a value can be compared: a number, a truth value, a word of a list.
pub(super) fn votes(schema: &Value) -> bool {
    Check { root: schema, left: limits::SCHEMA_STEPS, depth: 0 }.votes(schema)
}

/// What of the value is compared, in one form.
pub(super) fn vote(schema: &Value, value: &Value) -> String {
    let mut out = String::new();
    let mut check = Check { root: schema, left: limits::SCHEMA_STEPS, depth: 0 };
    check.vote(Some(schema), value, &mut out);
    out
}

/// The whole of a value, in one form.
pub(super) fn whole(value: &Value) -> String {
    let mut out = String::new();
    Check { root: &Value::Null, left: limits::SCHEMA_STEPS, depth: 0 }.vote(None, value, &mut out);
    out
}

impl<'s> Check<'s> {
    /// The schema that is meant: behind a reference, where there is one.
    fn meant(&mut self, schema: &'s Value) -> &'s Value {
        let mut meant = schema;
        while let Some(reference) = meant.get("$ref").and_then(Value::as_str) {
            if self.spent() {
                break;
            }
            let Some(found) = reference.strip_prefix('#').and_then(|at| self.root.pointer(at)) else {
                return &Value::Bool(true);
            };
            meant = found;
        }
        meant
    }

    const fn spent(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    fn holds(&mut self, schema: &'s Value, value: &Value) -> bool {
        // A schema may refer to itself.
        if self.spent() || self.depth >= limits::SCHEMA_DEPTH {
            return true;
        }
        self.depth += 1;
        let holds = self.all_holds(schema, value);
        self.depth -= 1;
        holds
    }

    fn all_holds(&mut self, schema: &'s Value, value: &Value) -> bool {
        let schema = self.meant(schema);
        if let Value::Bool(all) = schema {
            return *all;
        }
        let list = |key: &str| schema.get(key).and_then(Value::as_array);
        let typed = match schema.get("type") {
            Some(Value::String(name)) => is_of(value, name),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).any(|name| is_of(value, name))
            }
            _ => true,
        };
        let listed = list("enum").is_none_or(|all| all.iter().any(|one| same(one, value)))
            && schema.get("const").is_none_or(|one| same(one, value));
        typed
            && listed
            && list("anyOf").is_none_or(|all| all.iter().any(|one| self.holds(one, value)))
            && list("oneOf").is_none_or(|all| all.iter().any(|one| self.holds(one, value)))
            && list("allOf").is_none_or(|all| all.iter().all(|one| self.holds(one, value)))
            && self.members_hold(schema, value)
            && self.items_hold(schema, value)
    }

    fn members_hold(&mut self, schema: &'s Value, value: &Value) -> bool {
        let Some(members) = value.as_object() else { return true };
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], |names| names);
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        required.iter().filter_map(Value::as_str).all(|name| members.contains_key(name))
            && members.iter().all(|(name, value)| match properties.and_then(|known| known.get(name)) {
                Some(schema) => self.holds(schema, value),
                None => !closed,
            })
    }

    fn items_hold(&mut self, schema: &'s Value, value: &Value) -> bool {
        let Some(items) = value.as_array() else { return true };
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let count = items.len() as u64;
        bound("minItems").is_none_or(|least| count >= least)
            && bound("maxItems").is_none_or(|most| count <= most)
            && schema
                .get("items")
                .filter(|one| !one.is_array())
                .is_none_or(|one| items.iter().all(|item| self.holds(one, item)))
    }

    fn votes(&mut self, schema: &'s Value) -> bool {
        if self.spent() || self.depth >= limits::SCHEMA_DEPTH {
            return false;
        }
        self.depth += 1;
        let votes = self.any_votes(schema);
        self.depth -= 1;
        votes
    }

    fn any_votes(&mut self, schema: &'s Value) -> bool {
        let schema = self.meant(schema);
        if schema.get("enum").is_some() || schema.get("const").is_some() {
            return true;
        }
        let named = |name: &str| matches!(name, "number" | "integer" | "boolean");
        let typed = match schema.get("type") {
            Some(Value::String(name)) => named(name),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(named),
            _ => false,
        };
        typed
            || ["anyOf", "oneOf", "allOf"].iter().any(|key| {
                let all = schema.get(*key).and_then(Value::as_array);
                all.is_some_and(|all| all.iter().any(|one| self.votes(one)))
            })
            || schema.get("items").is_some_and(|one| self.votes(one))
            || schema
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|all| all.values().any(|one| self.votes(one)))
    }

    /// Writes what is compared: members in the order of their names, free text left out. Without a schema, everything.
    fn vote(&mut self, schema: Option<&'s Value>, value: &Value, out: &mut String) {
        if self.spent() {
            return;
        }
        let schema = schema.map(|schema| self.meant(schema));
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Number(count) => {
                let text = count.to_string();
                out.push_str(&number(&text).unwrap_or(text));
            }
            Value::String(text) => {
                let free =
                    schema.is_some_and(|schema| schema.get("enum").or_else(|| schema.get("const")).is_none());
                out.push_str(&if free { "…".to_string() } else { Value::from(text.as_str()).to_string() });
            }
            Value::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.vote(schema.map(|schema| schema.get("items").unwrap_or(&Value::Null)), item, out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| *name);
                out.push('{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    let of = |schema: &'s Value| schema.get("properties")?.get(name);
                    self.vote(schema.map(|schema| of(schema).unwrap_or(&Value::Null)), value, out);
                }
                out.push('}');
            }
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => {
            let whole = |text: &str| number(text).is_some_and(|number| !number.contains('.'));
            value.as_number().is_some_and(|number| whole(&number.to_string()))
        }
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

/// `1.0` is `1`.
fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && whole(one) == whole(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_schema_forbids_does_not_hold_and_what_is_unknown_does() {
        let schema = json!({
            "type": "object",
            "required": ["verdict", "score"],
            "additionalProperties": false,
            "properties": {
                "verdict": { "enum": ["yes", "no"] },
                "score": { "type": "integer", "minimum": 0 },
                "why": { "type": "string", "pattern": "^x" },
                "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "maxItems": 2 },
                "extra": { "anyOf": [{ "type": "null" }, { "type": "number" }] }
            },
            "$defs": { "tag": { "type": "string" }, "loop": { "$ref": "#/$defs/loop" } }
        });
        for (value, expected) in [
            (json!({ "verdict": "yes", "score": 3 }), true),
            (json!({ "verdict": "yes", "score": 3.0, "why": "unknown keywords hold", "tags": ["a"] }), true),
            (json!({ "verdict": "maybe", "score": 3 }), false),
            (json!({ "verdict": "yes" }), false),
            (json!({ "verdict": "yes", "score": 3.5 }), false),
            (json!({ "verdict": "yes", "score": 3, "more": 1 }), false),
            (json!({ "verdict": "yes", "score": 3, "tags": [1] }), false),
            (json!({ "verdict": "yes", "score": 3, "tags": ["a", "b", "c"] }), false),
            (json!({ "verdict": "yes", "score": 3, "extra": null }), true),
            (json!({ "verdict": "yes", "score": 3, "extra": "x" }), false),
            (json!([]), false),
        ] {
            assert_eq!(holds(&schema, &value), expected, "{value}");
        }
        assert!(votes(&schema) && !votes(&json!({ "properties": { "text": { "type": "string" } } })));
        assert!(holds(&json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/a" } } }), &json!(1)));
        let a = vote(&schema, &json!({ "why": "xa", "score": 3.0, "verdict": "yes" }));
        assert_eq!(a, vote(&schema, &json!({ "verdict": "yes", "score": 3, "why": "xb" })));
        assert_ne!(a, vote(&schema, &json!({ "verdict": "no", "score": 3, "why": "xa" })));
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let within = json!({ "anyOf": [{ "$ref": "#" }, { "allOf": [{ "$ref": "#" }, { "$ref": "#" }] }] });
        assert!(holds(&within, &json!({})) && !votes(&within));
        let tree = json!({ "type": "object", "properties": {
            "children": { "type": "array", "items": { "$ref": "#" } }, "name": { "type": "string" }
        } });
        assert!(!votes(&tree));
        assert!(holds(&tree, &json!({ "children": [{ "children": [{ "name": "a" }] }] })));
        assert!(!holds(&tree, &json!({ "children": [{ "children": [{ "name": 1 }] }] })));
        let all =
            json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }], "properties": { "a": { "$ref": "#" } } });
        assert!(holds(&all, &json!({ "a": { "a": 1 } })) && !votes(&all));
    }
}
