//! From a body to an [`Ask`](crate::ask::Ask), one dialect a file. Here is what every provider of a dialect demands:
//! the right types, a message at least, tool results that follow their calls. What only one demands is in `strict`.

pub(crate) mod chat;
pub(crate) mod messages;
pub(crate) mod responses;

use crate::json::Json;
use crate::refusal::Refusal;

type Read<T> = Result<T, Refusal>;

fn flag(body: &Json, key: &str) -> Read<bool> {
    match body.get(key) {
        None => Ok(false),
        Some(Json::Bool(value)) => Ok(*value),
        Some(_) => Err(Refusal::invalid(format!("Invalid type for '{key}': expected a boolean")).param(key)),
    }
}

/// A positive whole number.
fn count(body: &Json, key: &str) -> Read<Option<u64>> {
    match body.get(key).map(Json::as_u64) {
        None => Ok(None),
        Some(Some(value)) if value > 0 => Ok(Some(value)),
        Some(_) => {
            Err(Refusal::invalid(format!("Invalid '{key}': expected an integer of at least 1")).param(key))
        }
    }
}

/// A number within bounds.
fn within(body: &Json, key: &str, low: f64, high: f64) -> Read<()> {
    match body.get(key).map(Json::as_f64) {
        None => Ok(()),
        Some(Some(value)) if (low..=high).contains(&value) => Ok(()),
        Some(_) => {
            Err(Refusal::invalid(format!("Invalid '{key}': expected a number in [{low}, {high}]")).param(key))
        }
    }
}

fn list<'a>(body: &'a Json, key: &str) -> Read<&'a [Json]> {
    match body.get(key) {
        None => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(Refusal::invalid(format!("Invalid type for '{key}': expected an array")).param(key)),
    }
}
