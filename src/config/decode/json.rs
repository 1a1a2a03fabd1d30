//! JSON without a second opinion: a document in which one key stands twice in an object is refused.
//!
//! `serde_json` keeps the last of two equal keys and says nothing, so that half of a provider's settings could vanish
//! in a merge. The tree is therefore built by a visitor that knows where it is.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::super::ConfigError;
use super::node::{child, shown};
use crate::limits;

/// The document as a tree. Its depth is bounded by `serde_json`, at [`limits::JSON_DEPTH`].
pub(super) fn parse(document: &[u8]) -> Result<Value, ConfigError> {
    let whole = |message: String| ConfigError { pointer: String::new(), message };
    if document.len() > limits::CONFIG_DOCUMENT {
        let (most, found) = (limits::CONFIG_DOCUMENT, document.len());
        return Err(whole(format!("the document has {found} bytes; at most {most} are read")));
    }
    let twice = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(document);
    let tree = Tree { place: &Place::Root, twice: &twice }.deserialize(&mut reader);
    match tree.and_then(|tree| reader.end().map(|()| tree)) {
        Ok(tree) => Ok(tree),
        Err(error) => Err(twice.take().unwrap_or_else(|| whole(format!("not JSON: {error}")))),
    }
}

/// Where the visitor is. A list from the inside out, so that a pointer is only spelled once one is needed.
enum Place<'a> {
    Root,
    Member(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(parent, key) => child(&parent.pointer(), key),
            Self::Element(parent, index) => child(&parent.pointer(), &index.to_string()),
        }
    }
}

/// Reads one value at a place; leaves the error in `twice` where it is about a key and not about the syntax.
#[derive(Clone, Copy)]
struct Tree<'a> {
    place: &'a Place<'a>,
    twice: &'a Cell<Option<ConfigError>>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            let place = Place::Element(self.place, elements.len());
            match access.next_element_seed(Tree { place: &place, twice: self.twice })? {
                Some(element) => elements.push(element),
                None => return Ok(Value::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let place = Place::Member(self.place, &key);
            if members.contains_key(&key) {
                let message = format!("the key {} stands twice in this object; keep one", shown(&key));
                self.twice.set(Some(ConfigError { pointer: place.pointer(), message }));
                return Err(A::Error::custom("a key stands twice"));
            }
            let member = access.next_value_seed(Tree { place: &place, twice: self.twice })?;
            members.insert(key, member);
        }
        Ok(Value::Object(members))
    }
}
