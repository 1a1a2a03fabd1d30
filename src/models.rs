//! The list of models that a client sees: the aliases, in the shape of its API.

use alloc::{format, string::String, vec::Vec};

use crate::{
    config::Config,
    edit::{Answer, Rejection},
    reject::quote,
    wire::Dialect,
};

/// `GET /v1/models`. Anthropic's clients get Anthropic's shape, all others OpenAI's.
pub(crate) fn list(config: &Config, dialect: Dialect) -> Answer {
    let mut names = config.aliases().iter().map(|alias| alias.name.as_str());
    let entries: Vec<String> = names.clone().map(|name| entry(name, dialect)).collect();
    let entries = entries.join(",");
    let body = if dialect == Dialect::Messages {
        let end = |name: Option<&str>| name.map_or_else(|| String::from("null"), quote);
        let (first, last) = (end(names.clone().next()), end(names.next_back()));
        format!(r#"{{"data":[{entries}],"has_more":false,"first_id":{first},"last_id":{last}}}"#)
    } else {
        format!(r#"{{"object":"list","data":[{entries}]}}"#)
    };
    Answer { status: 200, body: body.into_bytes() }
}

/// `GET /v1/models/NAME`.
///
/// # Errors
/// 404 where it is no alias.
pub(crate) fn one(config: &Config, dialect: Dialect, name: &str) -> Result<Answer, Rejection> {
    match config.alias(name) {
        Some(alias) => Ok(Answer { status: 200, body: entry(&alias.name, dialect).into_bytes() }),
        None => {
            let message = "there is no such model here; `GET /v1/models` lists those that there are";
            Err(Rejection::new(Some(dialect), 404, "model_not_found", message))
        }
    }
}

fn entry(name: &str, dialect: Dialect) -> String {
    let name = quote(name);
    if dialect == Dialect::Messages {
        // An alias was made by the operator, at no known time.
        format!(r#"{{"type":"model","id":{name},"display_name":{name},"created_at":"1970-01-01T00:00:00Z"}}"#)
    } else {
        format!(r#"{{"id":{name},"object":"model","created":0,"owned_by":"pointsman"}}"#)
    }
}
