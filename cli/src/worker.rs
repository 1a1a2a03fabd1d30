//! `pointsman worker`: what wrangler needs, from the one configuration document.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use pointsman::ConfigError;
use pointsman_worker::Settings;
use serde_json::Value;

use crate::document::Document;

/// The largest text binding that Cloudflare takes, in bytes. A larger document goes into KV.
const TEXT_BINDING: usize = 5 * 1024;

/// The files of one Worker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// `wrangler.toml`: name, entry, bindings. The document is in it, unless it lies in KV.
    pub wrangler: String,
    /// `config.json`: the document as the Worker reads it; what is put into KV.
    pub config: String,
    /// `.dev.vars.example`: the secrets, without their values.
    pub secrets: String,
    /// Names of the secrets.
    pub names: Vec<String>,
    /// The document is larger than a text binding may be, and no KV namespace is named.
    pub too_large: bool,
}

impl Files {
    /// Makes the files. `root` is the project's folder, where the built Worker lies.
    ///
    /// # Errors
    /// A wrong `worker` section of the document.
    pub fn new(document: &Document, root: &Path) -> Result<Self, ConfigError> {
        let settings = Settings::of(&document.config)?;
        let config = document.json.to_string();
        let mut names: Vec<String> =
            document.config.providers().iter().filter_map(|provider| provider.key_env.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let mut secrets = String::from(
            "# Copy to .dev.vars for `wrangler dev`. Deployed, each is a secret: wrangler secret put NAME\n",
        );
        for name in &names {
            let _ = writeln!(secrets, "{name}=");
        }
        let too_large = settings.kv.is_none() && config.len() > TEXT_BINDING;
        Ok(Self {
            wrangler: wrangler(&settings, &config, root),
            config: config + "\n",
            secrets,
            names,
            too_large,
        })
    }

    /// Writes them, each by a rename.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::create_dir_all(folder)?;
        let files = [
            ("config.json", &self.config),
            (".dev.vars.example", &self.secrets),
            ("wrangler.toml", &self.wrangler),
        ];
        let mut written = Vec::new();
        for (name, text) in files {
            let path = folder.join(name);
            let fresh = folder.join(format!("{name}.new"));
            fs::write(&fresh, text)?;
            fs::rename(&fresh, &path)?;
            written.push(path);
        }
        Ok(written)
    }
}

fn wrangler(settings: &Settings, config: &str, root: &Path) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let path = |inner: &str| quoted(&root.join(inner).display().to_string());
    let mut text = format!(
        "# Written by `pointsman worker`; change the configuration document and run it again.\n\
         name = {}\nmain = {}\ncompatibility_date = \"2026-04-01\"\ncompatibility_flags = [\"enable_request_signal\"]\n\
         send_metrics = false\n\n[build]\ncommand = \"cargo xtask worker\"\ncwd = {}\n",
        quoted(&settings.name),
        path("target/worker/index.js"),
        quoted(&root.display().to_string()),
    );
    match &settings.kv {
        Some(id) => {
            let _ = write!(text, "\n[[kv_namespaces]]\nbinding = \"POINTSMAN_KV\"\nid = {}\n", quoted(id));
        }
        // A basic string of TOML has the escapes of JSON.
        None => {
            let _ = write!(text, "\n[vars]\nPOINTSMAN_CONFIG = {}\n", quoted(config));
        }
    }
    if let Some(store) = &settings.store {
        let _ = write!(
            text,
            "\n[[durable_objects.bindings]]\nname = {}\nclass_name = \"Store\"\n\n\
             [[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = [\"Store\"]\n",
            quoted(store)
        );
    }
    if let Some(dataset) = &settings.analytics {
        let _ = write!(
            text,
            "\n[[analytics_engine_datasets]]\nbinding = \"POINTSMAN_ANALYTICS\"\ndataset = {}\n",
            quoted(dataset)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(section: &str) -> Files {
        let json = format!(
            r#"{{"version":1,
                "providers":{{"own":{{"base_url":"http://127.0.0.1:9/v1","speaks":["chat"],"key_env":"OWN_KEY"}}}},
                "models":{{"own/m":{{"context":1000,"max_output":100}}}},
                "ladders":{{"l":{{"tiers":[{{"name":"only","targets":["own/m"]}}]}}}},"aliases":{{"auto":"l"}},
                "worker":{section}}}"#
        );
        let config = pointsman::Config::from_json(json.as_bytes()).expect("a document");
        let json = serde_json::from_str(&json).expect("JSON");
        let document = Document { path: PathBuf::from("pointsman.json"), json, config };
        Files::new(&document, Path::new("/project")).expect("files")
    }

    #[test]
    fn the_document_is_a_text_binding_and_the_keys_are_secrets() {
        let files = files(r#"{"name":"gw","analytics":"llm"}"#);
        assert_eq!(files.names, ["OWN_KEY"]);
        assert!(files.secrets.ends_with("\nOWN_KEY=\n"), "{}", files.secrets);
        for line in ["name = \"gw\"", "main = \"/project/target/worker/index.js\"", "dataset = \"llm\""] {
            assert!(files.wrangler.lines().any(|found| found == line), "{line} in\n{}", files.wrangler);
        }
        let line = files.wrangler.lines().find_map(|line| line.strip_prefix("POINTSMAN_CONFIG = "));
        let text: String = serde_json::from_str(line.expect("a binding")).expect("a string");
        assert_eq!(text + "\n", files.config);
    }

    #[test]
    fn a_store_is_a_binding_and_a_class_that_is_new() {
        let without = files("{}");
        assert!(!without.wrangler.contains("durable_objects"), "{}", without.wrangler);
        let files = files(r#"{"store":"POINTSMAN_STORE"}"#);
        for lines in [
            "\n[[durable_objects.bindings]]\nname = \"POINTSMAN_STORE\"\nclass_name = \"Store\"\n",
            "\n[[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = [\"Store\"]\n",
        ] {
            assert!(files.wrangler.contains(lines), "{lines} in\n{}", files.wrangler);
        }
    }

    #[test]
    fn in_kv_it_is_no_binding() {
        let files = files(r#"{"kv":"0f2ac74b498b48028cb68387c421e279"}"#);
        assert!(files.wrangler.contains("id = \"0f2ac74b498b48028cb68387c421e279\""), "{}", files.wrangler);
        assert!(!files.wrangler.contains("POINTSMAN_CONFIG"), "{}", files.wrangler);
    }
}
