//! The providers' keys, from the environment.

use std::{collections::BTreeMap, fmt};

use pointsman::Config;

/// Each provider's key. Printed by no means: `{:?}` shows names alone.
pub(super) struct Keys(BTreeMap<String, String>);

impl Keys {
    /// Reads the variables that the document names.
    pub(super) fn read(config: &Config, environment: impl Fn(&str) -> Option<String>) -> Self {
        let key = |provider: &pointsman::Provider| {
            let key = environment(provider.key_env.as_deref()?)?.trim().to_owned();
            (!key.is_empty()).then(|| (provider.name.clone(), key))
        };
        Self(config.providers().iter().filter_map(key).collect())
    }

    /// A provider's own.
    pub(super) fn of(&self, provider: &str) -> Option<&str> {
        self.0.get(provider).map(String::as_str)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_never_printed() {
        let keys = Keys(BTreeMap::from([("first".to_owned(), "sk-secret".to_owned())]));
        assert_eq!(format!("{keys:?}"), "{\"first\"}");
        assert_eq!(keys.of("first"), Some("sk-secret"));
        assert_eq!(keys.of("second"), None);
    }
}
