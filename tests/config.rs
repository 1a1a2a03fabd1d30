//! The configuration document: what good ones resolve to, and what bad ones are told.

use std::{fmt::Write, fs, path::Path, sync::LazyLock};

use jsonschema::Validator;
use pointsman::{
    catalog::Auth,
    classify::Difficulty,
    config::{Aim, Config, Dial, Outlook, Overrides, Warning},
    wire::Dialect,
};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&read("schema/config.json")).expect("the schema is JSON"));

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::meta::validate(&SCHEMA).expect("the schema is a schema");
    jsonschema::validator_for(&SCHEMA).expect("the schema can be used")
});

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&read(&format!("tests/config/{name}.json"))).expect("a golden document is JSON")
}

fn config(document: &Value) -> Config {
    Config::from_json(document.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// What a document resolves to, for reading.
fn shown(config: &Config) -> String {
    let mut out = String::new();
    for provider in config.providers() {
        let key = provider.key_env.as_deref().unwrap_or("no key");
        writeln!(out, "provider {} ({key})", provider.name).unwrap();
        for dialect in Dialect::ALL {
            if let Some(endpoint) = provider.endpoint(dialect) {
                let auth = match endpoint.auth {
                    Auth::Bearer => "bearer",
                    Auth::XApiKey => "x-api-key",
                    Auth::None => "none",
                };
                writeln!(out, "  {}: {endpoint} {auth}", dialect.name()).unwrap();
            }
        }
    }
    for ladder in config.ladders() {
        let baseline = &config.baseline_of(ladder).unwrap().name;
        writeln!(out, "ladder {}: {}, baseline {baseline}", ladder.name, dial(ladder.dial())).unwrap();
        for tier in &ladder.tiers {
            writeln!(out, "  tier {}", tier.name).unwrap();
            for choice in &tier.choices {
                let target = config.target_of(choice).unwrap();
                let model = &target.model;
                assert!(target.name.ends_with(&model.id), "sent under another name: {}", model.id);
                assert!(target.name.starts_with(&config.provider_of(target).unwrap().name));
                let spoken = Dialect::ALL.into_iter().filter(|dialect| target.speaks(*dialect));
                let spoken: Vec<&str> = spoken.map(Dialect::name).collect();
                let effort = choice.effort.map_or("-", |effort| effort.name());
                let price = match &model.rates {
                    Some(rates) => rates.list().input.saturating_mul(1_000_000).to_string(),
                    None => "?".to_owned(),
                };
                writeln!(
                    out,
                    "    {} at {}: effort {effort}, speaks {}, context {}, {price}",
                    target.name,
                    choice.upstream,
                    spoken.join("+"),
                    model.context
                )
                .unwrap();
            }
        }
    }
    for alias in config.aliases() {
        let ladder = &config.ladder_of(alias).unwrap().name;
        writeln!(out, "alias {}: {ladder}, {}", alias.name, dial(alias.dial())).unwrap();
    }
    for dialect in Dialect::ALL.map(Some).into_iter().chain([None]) {
        if let Some(provider) = config.passthrough(dialect) {
            writeln!(out, "passthrough {}: {}", dialect.map_or("other", Dialect::name), provider.name)
                .unwrap();
        }
    }
    for warning in config.warnings() {
        writeln!(out, "warning {}: {}", warning.pointer, warning.message).unwrap();
    }
    out
}

/// Thresholds where the document has them. What is set by anything else moves with the weights.
fn dial(dial: &Dial) -> String {
    let thresholds: Vec<u16> = dial.thresholds().iter().copied().map(Difficulty::permille).collect();
    let set = match dial.aim() {
        Aim::Thresholds => format!("thresholds {thresholds:?}"),
        aim => format!("{aim:?}"),
    };
    format!("{set}, default {}", dial.default_tier())
}

#[test]
fn good_documents_resolve() {
    for name in ["smallest", "complete", "warned"] {
        let document = document(name);
        let errors: Vec<String> = VALIDATOR.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: the schema says {errors:?}");
        let shown = shown(&config(&document));
        let expected = String::from_utf8(read(&format!("tests/config/{name}.txt"))).unwrap();
        assert_eq!(shown, expected, "{name} resolves to:\n{shown}");
    }
}

#[test]
fn sections_are_sorted_and_settings_kept() {
    let complete = config(&document("complete"));
    let names: Vec<&str> = complete.providers().iter().map(|provider| provider.name.as_str()).collect();
    assert!(names.is_sorted());
    assert!(!names.contains(&"unused"), "kept without use");
    assert!(complete.aliases().is_sorted_by_key(|alias| &alias.name));
    assert_eq!(complete.overrides(), Overrides { tier: true, effort: false, target: true });
    assert_eq!(format!("{:?}", complete.on_unreadable()), "Reject");
    assert_eq!(complete.host_section("serve"), Some(&json!({ "listen": "127.0.0.1:8080" })));
    assert_eq!(complete.host_section("worker"), Some(&json!({})));
    assert_eq!(complete.host_section("version"), None);

    let smallest = config(&document("smallest"));
    assert_eq!(smallest.overrides(), Overrides::default());
    assert_eq!(format!("{:?}", smallest.on_unreadable()), "Pass");
    assert_eq!(smallest.host_section("serve"), None);
}

#[test]
fn an_operators_price_wins_and_leaves_the_rest() {
    let complete = config(&document("complete"));
    let choice = &complete.ladders()[0].tiers[0].choices[2];
    let rates = complete.target_of(choice).unwrap().model.rates.as_ref().unwrap();
    assert_eq!(rates.list().input.saturating_mul(1_000_000).to_string(), "$0.25");
    assert_eq!(rates.list().output.saturating_mul(1_000_000).to_string(), "$1.2", "the catalogue's");
    assert!(rates.off_peak().is_none(), "removed by null");
}

#[test]
fn tiers_share_the_stated_mix_unless_told() {
    for (tiers, default_tier) in [(1, 0), (2, 1), (3, 1), (4, 2), (16, 8)] {
        let mut document = document("smallest");
        let tier = |index| json!({ "name": format!("t{index}"), "targets": ["openai/gpt-6.1-sol"] });
        document["ladders"]["default"]["tiers"] = (0..tiers).map(tier).collect();
        let top = |document: &Value| {
            let config = config(document);
            let dial = config.ladders()[0].dial();
            assert_eq!((dial.thresholds().len(), dial.default_tier()), (tiers - 1, default_tier));
            assert!(dial.thresholds().is_sorted());
            dial.thresholds().last().copied()
        };
        let usual = top(&document);
        document["ladders"]["default"]["frontier_share"] = json!(0.2);
        assert_eq!(top(&document), usual);
        document["ladders"]["default"]["frontier_share"] = json!(0.05);
        assert!(tiers == 1 || top(&document) > usual);
    }
}

/// A dial of an alias takes the place of its ladder's, whatever either is set by.
#[test]
fn a_quality_moves_the_last_threshold_and_leaves_the_rest_even() {
    let mut document = document("smallest");
    let tier = |index| json!({ "name": format!("t{index}"), "targets": ["openai/gpt-6.1-sol"] });
    document["ladders"]["default"]["tiers"] = (0..3).map(tier).collect();
    let mut before = Outlook { share: 0, kept: 0 };
    for quality in [0.05, 0.3, 0.5, 0.8, 0.9, 0.95] {
        document["ladders"]["default"]["quality"] = json!(quality);
        let dial = config(&document).ladders()[0].dial().clone();
        let now = dial.outlook();
        let permille = (quality * 1000.0_f64).round() as u16;
        assert_eq!(dial.aim(), Aim::Quality(permille));
        assert!(dial.thresholds().is_sorted() && dial.thresholds().len() == 2, "{dial:?}");
        assert!(now.kept >= permille && now.share > before.share, "{quality}: {now:?} after {before:?}");
        assert!(now.share < permille, "the score is worth something: {quality}: {now:?}");
        before = now;
    }
    for (quality, thresholds) in [(json!(0), [500, 1000]), (json!(1), [0, 0]), (json!(1.0), [0, 0])] {
        document["ladders"]["default"]["quality"] = quality;
        let dial = config(&document).ladders()[0].dial().clone();
        assert_eq!(dial.thresholds()[1].permille(), thresholds[1]);
        assert!(thresholds[1] > 0 || dial.thresholds()[0].permille() == 0);
    }
    document["aliases"] = json!({
        "cheap": { "ladder": "default", "frontier_share": 0.1 },
        "own": { "ladder": "default", "thresholds": [1, 2] },
        "plain": "default",
    });
    let config = config(&document);
    let aims: Vec<Aim> = config.aliases().iter().map(|alias| alias.dial().aim()).collect();
    assert_eq!(aims, [Aim::FrontierShare(100), Aim::Thresholds, Aim::Quality(1000)]);
}

#[test]
fn ends_of_life_are_announced_with_the_successor() {
    let warned = config(&document("warned"));
    let at = |today: &str| -> Vec<(String, String)> {
        let pair = |warning: Warning| (warning.pointer, warning.message);
        warned.lifecycle_warnings(today).into_iter().map(pair).collect()
    };
    let row = |place: &str, target: &str, end: &str, successor: &str| {
        let pointer = format!("/ladders/a~1b~0c/tiers/{place}");
        (pointer, format!("`{target}` {end}; its successor is `{successor}`"))
    };
    let sonnet = |end| row("0/targets/0", "anthropic/claude-sonnet-4-5", end, "anthropic/claude-sonnet-5-5");
    let minimax = |end| row("1/targets/0", "minimax/MiniMax-M2.5", end, "minimax/MiniMax-M3.1-Flash");
    let gpt = |end| row("1/targets/1", "openai/gpt-5", end, "openai/gpt-6.1-sol");
    let chat = |end| row("2/targets/0", "deepseek/deepseek-chat", end, "deepseek/deepseek-flash");
    let minimax_is_gone = minimax("was shut down on 2026-11-18");
    let chat_is_gone = chat("was shut down on 2026-07-24");
    assert_eq!(at("2026-06-23"), [], "31 days before the first end");
    assert_eq!(at("2026-06-24"), [chat("shuts down on 2026-07-24")], "30 days before it");
    let (sonnet_ends, gpt_ends) = (sonnet("shuts down on 2026-11-30"), gpt("shuts down on 2026-12-11"));
    let now = [sonnet_ends, minimax_is_gone.clone(), gpt_ends, chat_is_gone.clone()];
    assert_eq!(at("2026-11-23"), now, "in the order of the ladder");
    let (sonnet_is_gone, gpt_is_gone) =
        (sonnet("was shut down on 2026-11-30"), gpt("was shut down on 2026-12-11"));
    let later = [sonnet_is_gone, minimax_is_gone, gpt_is_gone, chat_is_gone];
    assert_eq!(at("2026-12-11"), later, "the day itself is past");
    assert_eq!(at("today"), [], "no day");
}

/// A malformed document and what its author is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Malformed {
    /// Place at which it differs from `smallest`.
    at: String,
    /// What stands there; absent: nothing, it is removed.
    #[serde(default, deserialize_with = "present")]
    put: Option<Value>,
    /// Place of the error.
    pointer: String,
    /// Words of the message.
    says: String,
    /// `decoder and schema` where the shape is wrong; `decoder` where the shape is right and what it says is not.
    refused_by: String,
}

/// Keeps `null` apart from what is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Malformed {
    fn document(&self) -> Value {
        let mut document = document("smallest");
        let mut steps =
            self.at.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).peekable();
        let mut at = &mut document;
        while let Some(step) = steps.next() {
            let last = steps.peek().is_none();
            at = match at {
                Value::Object(members) if last && self.put.is_none() => {
                    members.remove(&step).expect("a member to remove");
                    break;
                }
                Value::Object(members) => members.entry(step).or_insert_with(|| json!({})),
                other => &mut other[step.parse::<usize>().expect("an index")],
            };
            if last && let Some(value) = &self.put {
                *at = value.clone();
            }
        }
        document
    }

    /// What is wrong with the answer, if anything is.
    fn complaint(&self) -> Option<String> {
        let document = self.document();
        let Err(error) = Config::from_json(document.to_string().as_bytes()) else {
            return Some("accepted".to_owned());
        };
        if error.pointer != self.pointer {
            return Some(format!("blamed at {}: {}", error.pointer, error.message));
        }
        if !error.message.contains(&self.says) {
            return Some(format!("told: {}", error.message));
        }
        if error.message.contains("secret") {
            return Some(format!("a secret is repeated: {}", error.message));
        }
        let refused_by = if VALIDATOR.is_valid(&document) { "decoder" } else { "decoder and schema" };
        (refused_by != self.refused_by).then(|| format!("refused by {refused_by}"))
    }
}

#[test]
fn bad_documents_are_told_where_and_why() {
    let cases: Vec<Malformed> = serde_json::from_slice(&read("tests/config/malformed.json")).unwrap();
    assert!(cases.len() >= 100, "cases are missing");
    let mut complaints = String::new();
    for case in &cases {
        if let Some(complaint) = case.complaint() {
            writeln!(complaints, "{case:?}\n  {complaint}").unwrap();
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn a_model_that_its_provider_cannot_be_asked_for_is_refused() {
    // gpt-5-pro answers in Responses only, which this provider is told not to speak.
    let mut document = document("smallest");
    document["providers"]["openai"]["speaks"] = json!(["chat"]);
    document["ladders"]["default"]["tiers"][0]["targets"][0] = json!("openai/gpt-5-pro");
    let error = Config::from_json(document.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.pointer, "/ladders/default/tiers/0/targets/0");
    assert!(error.message.contains("`openai/gpt-5-pro` takes responses only"), "{error}");
}

#[test]
fn text_that_is_no_document_is_refused() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let large = format!("\"{}\"", "x".repeat(pointsman::limits::CONFIG_DOCUMENT));
    for (text, pointer, words) in [
        ("", "", "not JSON"),
        ("version: 1", "", "not JSON: expected value at line 1 column 1"),
        ("{} {}", "", "trailing characters"),
        ("[]", "", "expected an object, found an array"),
        (&deep, "", "recursion limit"),
        (&large, "", "at most 1048576 are read"),
        (r#"{"version": 1, "version": 1}"#, "/version", "the key `version` stands twice"),
        (r#"{"a/b": [0, {"x": 1, "y": {}, "x": {}}]}"#, "/a~1b/1/x", "the key `x` stands twice"),
        ("{\"a\": \"\\ud800\"}", "", "not JSON"),
    ] {
        let error = Config::from_json(text.as_bytes()).expect_err(words);
        assert_eq!(error.pointer, pointer, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    assert_eq!(Config::from_json(b"\xff").unwrap_err().pointer, "");
}

#[test]
fn the_place_stands_before_the_message() {
    let error = Config::from_json(br#"{"version": 3}"#).unwrap_err();
    assert_eq!(error.to_string(), format!("/version: {}", error.message));
    let error = Config::from_json(b"[]").unwrap_err();
    assert_eq!(error.to_string(), format!("the document: {}", error.message));
}

/// Every object of the document, with the keys that the schema allows there.
fn schema_objects(schema: &Value, place: &str, document: &Value, found: &mut Vec<(String, Vec<String>)>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return schema_objects(SCHEMA.pointer(&name[1..]).expect("a definition"), place, document, found);
    }
    for branch in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        schema_objects(branch, place, document, found);
    }
    match document {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            if schema.get("additionalProperties") == Some(&json!(false)) {
                found.push((place.to_owned(), properties.unwrap().keys().cloned().collect()));
            }
            for (key, member) in members {
                let own = properties.and_then(|properties| properties.get(key));
                if let Some(schema) = own.or_else(|| schema.get("additionalProperties")) {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    schema_objects(schema, &format!("{place}/{key}"), member, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(schema) = schema.get("items") {
                    schema_objects(schema, &format!("{place}/{index}"), item, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn decoder_and_schema_know_the_same_keys() {
    let complete = document("complete");
    let mut objects = Vec::new();
    schema_objects(&SCHEMA, "", &complete, &mut objects);
    assert!(objects.len() > 20, "{objects:?}");
    // A door reads its section itself: the Worker's own tests hold its keys to the schema.
    objects.retain(|(place, _)| place != "/worker");
    for (place, mut keys) in objects {
        let mut document = complete.clone();
        let object = document.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        object.insert("¿".to_owned(), json!(1));
        let error = Config::from_json(document.to_string().as_bytes()).expect_err(&place);
        assert_eq!(error.pointer, format!("{place}/¿"), "{error}");
        let listed = error.message.split_once("known: ").expect("a list of keys").1;
        let mut listed: Vec<&str> = listed.split(", ").map(|key| key.trim_matches('`')).collect();
        listed.sort_unstable();
        keys.sort_unstable();
        assert_eq!(listed, keys, "{place}");
    }
}

#[test]
fn the_bounds_of_the_schema_are_those_of_the_core() {
    use pointsman::limits;
    for (place, bound) in [
        ("/$defs/ladder/properties/tiers/maxItems", limits::TIERS),
        ("/$defs/thresholds/maxItems", limits::TIERS - 1),
        ("/$defs/tier/properties/targets/maxItems", limits::TARGETS_PER_TIER),
        ("/$defs/target/maxLength", limits::MODEL_NAME),
        ("/$defs/url/maxLength", limits::HEADER_VALUE),
        ("/properties/providers/maxProperties", limits::PROVIDERS),
        ("/properties/models/maxProperties", limits::MODELS),
        ("/properties/ladders/maxProperties", limits::LADDERS),
        ("/properties/aliases/maxProperties", limits::ALIASES),
        ("/properties/aliases/propertyNames/maxLength", limits::MODEL_NAME),
    ] {
        assert_eq!(SCHEMA.pointer(place), Some(&json!(bound)), "{place}");
    }
}

/// Any JSON, with the words of the document often enough to get past the first check.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "version",
        "providers",
        "models",
        "ladders",
        "aliases",
        "override",
        "passthrough",
        "envoy",
        "default",
        "auto",
        "tiers",
        "thresholds",
        "default_tier",
        "baseline",
        "name",
        "effort",
        "targets",
        "target",
        "ladder",
        "chat",
        "messages",
        "base_url",
        "speaks",
        "endpoints",
        "auth",
        "key_env",
        "low",
        "openai",
        "openai/gpt-5",
        "x/y",
        "/",
        "usd_per_mtok",
        "input",
        "output",
        "https://h/v1",
        "http://h",
        "none",
        "reasoning",
        "lifecycle",
        "~",
        "",
    ]);
    let text = prop_oneof![4 => words.prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u16..1100).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pointers of all values of a document.
fn places(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                places(member, format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(place);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_json_is_a_configuration_or_an_error(value in any_json()) {
        if let Err(error) = Config::from_json(value.to_string().as_bytes()) {
            prop_assert!(error.pointer.is_empty() || error.pointer.starts_with('/'));
            prop_assert!(!error.message.is_empty());
        }
    }

    /// A good document with any one value replaced: no panic, and what the decoder takes the schema takes.
    #[test]
    fn what_the_decoder_takes_the_schema_takes(
        name in prop::sample::select(vec!["smallest", "complete", "warned"]),
        place in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut document = document(name);
        let mut found = Vec::new();
        places(&document, String::new(), &mut found);
        // The sections of the doors are theirs to read.
        found.retain(|place| !["/envoy", "/worker", "/serve"].iter().any(|door| place.starts_with(door)));
        let place: &String = place.get(&found);
        *document.pointer_mut(place).unwrap() = value;
        match Config::from_json(document.to_string().as_bytes()) {
            Ok(config) => {
                let errors: Vec<String> = VALIDATOR.iter_errors(&document).map(|error| error.to_string()).collect();
                prop_assert!(errors.is_empty(), "the schema alone refuses it: {:?}", errors);
                for alias in config.aliases() {
                    let ladder = config.ladder_of(alias).unwrap();
                    prop_assert_eq!(alias.dial().thresholds().len() + 1, ladder.tiers.len());
                    prop_assert!(alias.dial().default_tier() < ladder.tiers.len());
                    for choice in ladder.tiers.iter().flat_map(|tier| &tier.choices) {
                        let target = config.target_of(choice).unwrap();
                        prop_assert!(Dialect::ALL.into_iter().any(|dialect| target.speaks(dialect)));
                        prop_assert!(config.provider_of(target).is_some());
                    }
                }
            }
            Err(error) => prop_assert!(error.pointer.is_empty() || error.pointer.starts_with('/')),
        }
    }

    #[test]
    fn any_bytes_are_a_configuration_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Config::from_json(&bytes).is_err(), "nobody writes a configuration by chance");
    }
}
