//! Values that fit a JSON schema: arguments of tool calls and structured answers.

use super::text::phrase;
use crate::hash::Dice;
use crate::json::Json;

const DEEPEST: usize = 12;

/// A value that fits `schema`, as far as the schema keeps to types, properties, items, enums, bounds, unions and local
/// references.
pub(crate) fn value(schema: &Json, dice: &mut Dice) -> Json {
    fill(schema, schema, dice, 0)
}

fn fill(root: &Json, schema: &Json, dice: &mut Dice, depth: usize) -> Json {
    if depth > DEEPEST {
        return Json::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Json::as_str) {
        let path: Vec<&str> = target.trim_start_matches("#/").split('/').collect();
        return root.at(&path).map_or(Json::Null, |found| fill(root, found, dice, depth + 1));
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Json::as_array).filter(|choices| !choices.is_empty()) {
        return choices[dice.below(choices.len() as u64) as usize].clone();
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(Json::as_array).and_then(<[Json]>::first) {
            return fill(root, first, dice, depth + 1);
        }
    }
    match kind(schema) {
        "object" => object(root, schema, dice, depth),
        "array" => {
            let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(1);
            let item = schema.get("items").cloned().unwrap_or(Json::Object(Vec::new()));
            Json::Array((0..least.max(1)).map(|_| fill(root, &item, dice, depth + 1)).collect())
        }
        "integer" => Json::from(whole(schema, dice)),
        "number" => {
            let whole = whole(schema, dice);
            if schema.get("maximum").is_some() { Json::from(whole) } else { Json::from(whole as f64 + 0.5) }
        }
        "boolean" => Json::Bool(dice.below(2) == 1),
        "null" => Json::Null,
        _ => string(schema, dice),
    }
}

fn kind(schema: &Json) -> &str {
    match schema.get("type") {
        Some(Json::String(kind)) => kind,
        Some(Json::Array(kinds)) => {
            kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn object(root: &Json, schema: &Json, dice: &mut Dice, depth: usize) -> Json {
    let properties = schema.get("properties").map_or(&[][..], Json::pairs);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Json::as_array)
        .unwrap_or(&[])
        .iter()
        .filter_map(Json::as_str)
        .collect();
    // Deep down only what must be there, so that a recursive schema comes to an end.
    let wanted = |name: &str| depth < 3 || required.contains(&name);
    let mut pairs: Vec<(String, Json)> = properties
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, member)| (name.clone(), fill(root, member, dice, depth + 1)))
        .collect();
    for name in required {
        if !pairs.iter().any(|(known, _)| known == name) {
            pairs.push((name.to_owned(), Json::from(phrase(dice))));
        }
    }
    Json::Object(pairs)
}

fn whole(schema: &Json, dice: &mut Dice) -> i64 {
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64).map(|bound| bound as i64);
    let low = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|low| low + 1));
    let high = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|high| high - 1));
    let low = low.unwrap_or_else(|| high.map_or(1, |high| high.min(1)));
    let span = high.map_or(100, |high| high.saturating_sub(low)).clamp(0, 1_000_000);
    low + dice.below(span as u64 + 1) as i64
}

fn string(schema: &Json, dice: &mut Dice) -> Json {
    let text = match schema.text("format") {
        "date" => format!("2026-11-{:02}", 1 + dice.below(28)),
        "date-time" => format!("2026-11-{:02}T12:00:00Z", 1 + dice.below(28)),
        "email" => "someone@example.org".to_owned(),
        "uri" => "https://example.org/".to_owned(),
        _ => phrase(dice),
    };
    let least = schema.get("minLength").and_then(Json::as_u64).unwrap_or(0) as usize;
    let most = schema.get("maxLength").and_then(Json::as_u64).map_or(usize::MAX, |most| most as usize);
    let mut text = format!("{text:x<least$}");
    text.truncate(most);
    Json::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(schema: &str) -> Json {
        value(&Json::parse(schema.as_bytes()).unwrap(), &mut Dice::new(1))
    }

    #[test]
    fn values_fit_their_schema() {
        let person = make(
            r##"{"type":"object","properties":{"name":{"type":"string","minLength":40},"age":{"type":"integer",
            "minimum":3,"maximum":4},"kind":{"enum":["a","b"]},"tags":{"type":"array","items":{"type":"string"}},
            "home":{"$ref":"#/$defs/place"},"nick":{"type":["null","string"]}},"required":["name","other"],
            "$defs":{"place":{"type":"object","properties":{"zip":{"type":"integer"}},"required":["zip"]}}}"##,
        );
        assert!(person.text("name").len() >= 40);
        assert!((3..=4).contains(&person.get("age").and_then(Json::as_u64).unwrap()));
        assert!(["a", "b"].contains(&person.text("kind")));
        assert_eq!(person.get("tags").and_then(Json::as_array).unwrap().len(), 1);
        assert!(person.at(&["home", "zip"]).and_then(Json::as_u64).is_some());
        assert!(!person.text("nick").is_empty());
        assert!(!person.text("other").is_empty());
    }

    #[test]
    fn a_recursive_schema_comes_to_an_end() {
        let tree = make(
            r##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"l":{"$ref":"#/$defs/n"},"v":{"type":
            "integer"}},"required":["v"]}}}"##,
        );
        assert!(tree.compact().len() < 1000);
    }
}
