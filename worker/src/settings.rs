//! The `worker` section of the configuration document.

use pointsman::{Config, ConfigError, limits};
use serde::Deserialize;

/// How the Worker is to run. Every field has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Its name on Cloudflare.
    pub name: String,
    /// Largest request body, in bytes. An isolate has 128 MB for all that it does at a time.
    pub max_body: u32,
    /// Time from the departure of a request to the head of the answer, in milliseconds; then the next target is tried.
    /// An unstreamed answer's head comes when the model is done thinking, so this is minutes.
    pub first_byte_timeout_ms: u32,
    /// Failures in a row (5xx, refused, reset) after which a provider rests; 0 means never. Each isolate counts for
    /// itself.
    pub rest_after: u32,
    /// How long it rests the first time, in milliseconds; longer each time after.
    pub rest_ms: u32,
    /// Id of the KV namespace whose key `config` holds the document. Without one it is a text binding, and a change is a
    /// deployment.
    pub kv: Option<String>,
    /// How long an isolate keeps a document from KV before it asks again, in seconds.
    pub kv_ttl_s: u32,
    /// Name of the binding of the Durable Objects that keep what isolates share: what is spent of budgets, and what is
    /// remembered of conversations. Without one each isolate keeps its own.
    pub store: Option<String>,
    /// How long a request waits for them, in milliseconds; then what its isolate knows by itself counts.
    pub store_timeout_ms: u32,
    /// Whether they remember conversations.
    pub remember: bool,
    /// Name of the Analytics Engine data set that receives one data point a request. Without one there are none.
    pub analytics: Option<String>,
    /// Whether one JSON line a request is logged.
    pub log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "pointsman".to_owned(),
            max_body: 16 * 1024 * 1024,
            first_byte_timeout_ms: 300_000,
            rest_after: 5,
            rest_ms: 30_000,
            kv: None,
            kv_ttl_s: 60,
            store: None,
            store_timeout_ms: 1_000,
            remember: false,
            analytics: None,
            log: true,
        }
    }
}

impl Settings {
    /// The section of a checked document, or the defaults where there is none.
    ///
    /// # Errors
    /// The first key or value that is wrong, by its JSON Pointer.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let Some(section) = config.host_section("worker") else { return Ok(Self::default()) };
        let settings: Self = serde_path_to_error::deserialize(section).map_err(|error| {
            let path = error.path().iter().map(|segment| format!("/{segment}")).collect::<String>();
            ConfigError { pointer: format!("/worker{path}"), message: error.into_inner().to_string() }
        })?;
        let wrong =
            |key: &str, message: String| Err(ConfigError { pointer: format!("/worker/{key}"), message });
        if settings.max_body == 0 || settings.max_body as usize > limits::REQUEST_BODY {
            return wrong("max_body", format!("must be 1 to {} bytes", limits::REQUEST_BODY));
        }
        if settings.first_byte_timeout_ms == 0 {
            return wrong("first_byte_timeout_ms", "must be 1 at least".to_owned());
        }
        let plain = |text: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            (1..=63).contains(&text.len()) && text.bytes().all(known)
        };
        let names = [
            ("name", Some(&settings.name)),
            ("kv", settings.kv.as_ref()),
            ("analytics", settings.analytics.as_ref()),
        ];
        for (key, name) in names {
            if name.is_some_and(|name| !plain(name)) {
                return wrong(key, "must be letters, digits, `-` and `_`, at most 63".to_owned());
            }
        }
        if settings.store_timeout_ms == 0 {
            return wrong("store_timeout_ms", "must be 1 at least".to_owned());
        }
        let named = |text: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=63).contains(&text.len())
                && text.bytes().all(known)
                && !text.starts_with(|c: char| c.is_ascii_digit())
        };
        if settings.store.as_deref().is_some_and(|name| !named(name)) {
            return wrong("store", "must be letters, digits and `_`, no digit first, at most 63".to_owned());
        }
        if settings.remember && settings.store.is_none() {
            return wrong(
                "remember",
                "needs a `store`: name a binding there, like \"POINTSMAN_STORE\"".to_owned(),
            );
        }
        Ok(settings)
    }

    /// What is wrong where the store has no binding of this name.
    pub(crate) fn unbound(&self) -> ConfigError {
        let name = self.store.as_deref().unwrap_or_default();
        let message = format!(
            "there is no binding `{name}` of Durable Objects: write wrangler's files anew with `pointsman worker` and \
             deploy them, or name the binding that there is"
        );
        ConfigError { pointer: "/worker/store".to_owned(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> Result<Settings, ConfigError> {
        let document = format!(
            r#"{{"version":1,
                "providers":{{"own":{{"base_url":"http://127.0.0.1:9/v1","speaks":["chat"],"auth":"none"}}}},
                "models":{{"own/m":{{"context":1000,"max_output":100}}}},
                "ladders":{{"l":{{"tiers":[{{"name":"only","targets":["own/m"]}}]}}}},"aliases":{{"auto":"l"}},
                "worker":{section}}}"#
        );
        Settings::of(&Config::from_json(document.as_bytes()).expect("a document"))
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let settings =
            read(r#"{"max_body":1000,"kv":"0f2ac74b498b48028cb68387c421e279"}"#).expect("settings");
        assert_eq!((settings.max_body, settings.kv_ttl_s, settings.log), (1000, 60, true));
    }

    #[test]
    fn the_schema_knows_the_same_keys() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../schema/config.json")).expect("a schema");
        let section = &schema["properties"]["worker"];
        assert_eq!(section["additionalProperties"], false);
        let message = read(r#"{"?":1}"#).expect_err("an unknown key").message;
        let listed = message.split_once("expected one of ").expect("a list of keys").1;
        let mut listed: Vec<&str> = listed.split(", ").map(|key| key.trim_matches('`')).collect();
        let mut keys: Vec<&str> =
            section["properties"].as_object().expect("keys").keys().map(String::as_str).collect();
        listed.sort_unstable();
        keys.sort_unstable();
        assert_eq!(listed, keys);
    }

    #[test]
    fn mistakes_are_named_by_their_place() {
        for (section, pointer) in [
            (r#"{"max_bodies":1}"#, "/worker/max_bodies"),
            (r#"{"max_body":0}"#, "/worker/max_body"),
            (r#"{"max_body":100000000}"#, "/worker/max_body"),
            (r#"{"log":"yes"}"#, "/worker/log"),
            (r#"{"first_byte_timeout_ms":0}"#, "/worker/first_byte_timeout_ms"),
            (r#"{"name":"a b"}"#, "/worker/name"),
            (r#"{"analytics":""}"#, "/worker/analytics"),
            (r#"{"store":"my-store"}"#, "/worker/store"),
            (r#"{"store":"S","store_timeout_ms":0}"#, "/worker/store_timeout_ms"),
            (r#"{"remember":true}"#, "/worker/remember"),
        ] {
            assert_eq!(read(section).expect_err(section).pointer, pointer);
        }
    }
}
