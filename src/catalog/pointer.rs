//! JSON Pointers (RFC 6901) for errors of a JSON reader, which tells line and column only.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Where in the document the reader stood when it failed, as a JSON Pointer; empty for the document as a whole.
///
/// An unknown field is named itself, a value of the wrong type by its field, a missing field by the object that lacks it.
pub(crate) fn pointer_of(document: &[u8], error: &serde_json::Error) -> String {
    let mut start = 0;
    for _ in 1..error.line() {
        let rest = document.get(start..).unwrap_or_default();
        let Some(length) = rest.iter().position(|b| *b == b'\n') else { break };
        start = start.saturating_add(length).saturating_add(1);
    }
    let end = start.saturating_add(error.column()).min(document.len());
    pointer_at(document.get(..end).unwrap_or(document))
}

/// The name of a field as one step of a JSON Pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// An array or object that is open, with the step into it.
enum Open {
    /// The current element; none before the first.
    Array(Option<usize>),
    /// The current field; none while its name is yet to come.
    Object(Option<String>),
}

/// The place at which a document breaks off. Reads no more of JSON than it takes to tell strings and brackets apart.
fn pointer_at(read: &[u8]) -> String {
    let mut path: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(byte) = read.get(at) {
        if let Some(Open::Array(element @ None)) = path.last_mut()
            && !byte.is_ascii_whitespace()
            && *byte != b']'
        {
            *element = Some(0);
        }
        match byte {
            b'{' => path.push(Open::Object(None)),
            b'[' => path.push(Open::Array(None)),
            b'}' | b']' => drop(path.pop()),
            b',' => match path.last_mut() {
                Some(Open::Array(Some(element))) => *element = element.saturating_add(1),
                Some(Open::Object(field)) => *field = None,
                _ => {}
            },
            b'"' => {
                let end = end_of_string(read, at);
                if let Some(Open::Object(field @ None)) = path.last_mut() {
                    *field = read.get(at..end).and_then(|text| serde_json::from_slice(text).ok());
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at = at.saturating_add(1);
    }
    let steps = path.iter().map(|open| match open {
        Open::Array(element) => element.map(|element| element.to_string()),
        Open::Object(field) => field.as_deref().map(escape),
    });
    steps.flatten().map(|step| format!("/{step}")).collect()
}

/// One past the closing quote of the string that opens at `start`.
fn end_of_string(read: &[u8], start: usize) -> usize {
    let mut at = start.saturating_add(1);
    loop {
        match read.get(at) {
            None => return read.len(),
            Some(b'"') => return at.saturating_add(1),
            Some(b'\\') => at = at.saturating_add(2),
            Some(_) => at = at.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read to fail")]
    struct Tree {
        leaf: Option<u8>,
        #[serde(default)]
        trees: Vec<Self>,
        #[serde(default, rename = "a/b~\"")]
        odd: Option<alloc::boxed::Box<Self>>,
    }

    #[test]
    fn an_error_names_its_place() {
        for (document, pointer) in [
            (r#"{"leaf": 1, "twig": 2}"#, "/twig"),
            ("{\"trees\": [\n  {\"leaf\": 1},\n  {\"leaf\": 2, \"twig\": 3}\n]}", "/trees/1/twig"),
            (r#"{"trees": [{}, {}, {"leaf": "x"}]}"#, "/trees/2/leaf"),
            (r#"{"trees": [{}, {"leaf": 256}]}"#, "/trees/1/leaf"),
            (r#"{"trees": [[{}], 7]}"#, "/trees/0"),
            (r#"{"a/b~\"": {"trees": [{"twig": 0}]}}"#, "/a~1b~0\"/trees/0/twig"),
            (r#"{"leaf": 1, "leaf": 2}"#, "/leaf"),
            (r#""{[,""#, ""),
            ("", ""),
        ] {
            let error = serde_json::from_str::<Tree>(document).unwrap_err();
            assert_eq!(pointer_of(document.as_bytes(), &error), pointer, "{document} {error}");
        }
    }

    #[test]
    fn a_missing_field_is_missed_in_its_object() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "read to fail")]
        struct Named {
            name: String,
        }
        let document = r#"[{"name": "a"}, {"other": {"x": [1, 2]}}, {"name": "b"}]"#;
        let error = serde_json::from_str::<Vec<Named>>(document).unwrap_err();
        assert_eq!(pointer_of(document.as_bytes(), &error), "/1");
    }

    proptest! {
        #[test]
        fn any_bytes_have_some_pointer(document in r#"[\[\]{},:"\\a1 \n]{0,40}"#) {
            if let Err(error) = serde_json::from_str::<Tree>(&document) {
                let pointer = pointer_of(document.as_bytes(), &error);
                prop_assert!(pointer.is_empty() || pointer.starts_with('/'));
            }
        }
    }
}
