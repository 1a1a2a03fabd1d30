//! The built-in catalogue and overlays, as an operator sees them.

use std::collections::BTreeSet;

use pointsman::{
    catalog::{
        Auth, Capabilities, Catalog, ChatTools, Family, LifecycleState, Model, ModelEntry, Problem, Provider,
        ProviderEntry, Window,
    },
    effort::Effort,
    price::PicoUsd,
    wire::{Dialect, usage::Usage},
};

const TODAY: &str = "2026-11-23";

fn built_in() -> Catalog {
    Catalog::built_in().unwrap()
}

fn model<'a>(catalog: &'a Catalog, provider: &str, id: &str) -> &'a Model {
    catalog.model(provider, id).unwrap_or_else(|| panic!("{provider}/{id} is not in the catalogue"))
}

/// Dollars per million tokens: list, cached read, short write, long write, output.
fn list(model: &Model, prompt_tokens: u64, unix_seconds: Option<u64>) -> [f64; 5] {
    let flat = model.rates.as_ref().unwrap().at(prompt_tokens, unix_seconds);
    [flat.input, flat.cache_read, flat.cache_write_short, flat.cache_write_long, flat.output]
        .map(|price| price.pico() as f64 / 1e6)
}

fn entry(json: &str) -> ModelEntry {
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_named_systems_have_their_list_prices() {
    let catalog = built_in();
    for (provider, id, prices) in [
        ("anthropic", "claude-opus-4-6", [5.0, 0.5, 6.25, 10.0, 25.0]),
        ("anthropic", "claude-opus-5-5", [4.0, 0.2, 5.0, 8.0, 20.0]),
        ("anthropic", "claude-haiku-5-5", [0.1, 0.01, 0.125, 0.2, 0.5]),
        ("openai", "gpt-5", [1.25, 0.125, 1.25, 1.25, 10.0]),
        ("openai", "gpt-6.1-sol", [2.0, 0.1, 2.5, 5.0, 10.0]),
        ("openai", "gpt-6-luna", [0.1, 0.01, 0.125, 0.25, 0.5]),
        ("minimax", "MiniMax-M2.5", [0.3, 0.03, 0.375, 0.375, 1.2]),
        ("minimax", "MiniMax-M3.1-Flash", [0.15, 0.015, 0.15, 0.15, 0.6]),
        ("deepseek", "deepseek-flash", [0.3, 0.006, 0.3, 0.3, 1.2]),
        ("deepseek", "deepseek-v4-pro", [1.32, 0.044, 1.32, 1.32, 3.96]),
        ("openrouter", "minimax/minimax-m2.5", [0.295, 0.06, 0.295, 0.295, 1.2]),
        ("cloudflare", "@cf/zai-org/glm-4.7-flash", [0.0605, 0.0605, 0.0605, 0.0605, 0.4]),
    ] {
        assert_eq!(list(model(&catalog, provider, id), 1000, None), prices, "{provider}/{id}");
    }
}

#[test]
fn deepseek_is_half_price_off_peak() {
    let catalog = built_in();
    let flash = model(&catalog, "deepseek", "deepseek-v4-flash");
    assert_eq!(flash.id, "deepseek-flash");
    let peak = [0.3, 0.006, 0.3, 0.3, 1.2];
    let half = [0.15, 0.003, 0.15, 0.15, 0.6];
    for (unix_seconds, prices, when) in [
        (1_795_348_800, half, "Sunday 2026-11-22 12:00"),
        (1_795_399_200, peak, "Monday 2026-11-23 02:00"),
        (1_795_395_540, half, "Monday 00:59"),
        (1_795_395_600, peak, "Monday 01:00"),
        (1_795_406_400, half, "Monday 04:00"),
        (1_795_413_600, peak, "Monday 06:00"),
        (1_795_428_000, half, "Monday 10:00"),
    ] {
        assert_eq!(list(flash, 1000, Some(unix_seconds)), prices, "{when}");
    }
    let usage = Usage { input: Some(1_000_000), output: Some(1_000_000), ..Usage::default() };
    let bill = |at| flash.rates.as_ref().unwrap().cost(&usage, at).unwrap().to_string();
    assert_eq!(bill(Some(1_795_399_200)), "$1.5");
    assert_eq!(bill(Some(1_795_348_800)), "$0.75");
}

#[test]
fn haiku_is_five_times_dearer_for_long_prompts() {
    let catalog = built_in();
    let haiku = model(&catalog, "anthropic", "claude-haiku-5-5");
    assert_eq!(list(haiku, 100_000, None), [0.1, 0.01, 0.125, 0.2, 0.5]);
    assert_eq!(list(haiku, 100_001, None), [0.5, 0.05, 0.625, 1.0, 2.5]);
}

#[test]
fn minimax_m2_5_is_found_at_many_hosts() {
    let catalog = built_in();
    let hosts: Vec<_> = catalog.hosts("minimax-m2.5").collect();
    let open: BTreeSet<_> = hosts
        .iter()
        .filter(|host| !host.lifecycle.as_ref().is_some_and(|life| life.past(TODAY)))
        .map(|host| host.provider.as_str())
        .collect();
    for provider in
        ["novita", "nebius", "friendli", "openrouter", "bedrock", "azure_ai", "tensormesh", "siliconflow"]
    {
        assert!(open.contains(provider), "{provider}");
    }
    assert!(!open.contains("minimax"), "MiniMax itself retired it");
    for host in hosts {
        assert!(host.context >= 190_000 && host.context <= 204_800, "{}", host.provider);
        assert!(host.reasoning.thinks && !host.reasoning.can_disable, "{}", host.provider);
        assert!(!host.capabilities.holds(Capabilities::IMAGES), "{}", host.provider);
    }
}

#[test]
fn every_successor_exists_and_is_not_gone() {
    let catalog = built_in();
    let mut ended = 0;
    for old in catalog.models() {
        let Some(life) = &old.lifecycle else { continue };
        if let Some(successor) = &life.successor {
            let new = model(&catalog, &old.provider, successor);
            assert_ne!(new.id, old.id);
            assert!(
                !new.lifecycle.as_ref().is_some_and(|life| life.past(TODAY)),
                "{} for {}",
                new.id,
                old.id
            );
        } else {
            assert!(!life.past(TODAY), "{} is gone and nothing follows", old.id);
        }
        ended += usize::from(life.past(TODAY));
    }
    assert!(ended >= 5);
    for (provider, old, new) in [
        ("openai", "gpt-5", "gpt-6.1-sol"),
        ("openai", "gpt-5-mini", "gpt-6-luna"),
        ("minimax", "MiniMax-M2.5", "MiniMax-M3.1-Flash"),
        ("anthropic", "claude-opus-4-6", "claude-opus-5-5"),
        ("deepseek", "deepseek-chat", "deepseek-flash"),
        ("moonshot", "kimi-k2.5", "kimi-k2.6"),
    ] {
        let life = model(&catalog, provider, old).lifecycle.as_ref().unwrap();
        assert_eq!(life.successor.as_deref(), Some(new));
    }
}

#[test]
fn retirements_are_known_by_their_day() {
    let catalog = built_in();
    let past = |provider, id, today| model(&catalog, provider, id).lifecycle.as_ref().unwrap().past(today);
    assert!(past("minimax", "MiniMax-M2.5", TODAY));
    assert!(!past("minimax", "MiniMax-M2.5", "2026-11-17"));
    assert!(!past("openai", "gpt-5", TODAY));
    assert!(past("openai", "gpt-5", "2026-12-11"));
    // "Not sooner than" is no end.
    assert!(!past("anthropic", "claude-haiku-4-5", TODAY));
    assert!(!past("siliconflow", "MiniMaxAI/MiniMax-M2.5", TODAY));
}

#[test]
fn every_entry_is_dated_and_sourced_and_priced() {
    let catalog = built_in();
    let document: serde_json::Value = serde_json::from_slice(include_bytes!("../data/catalog.json")).unwrap();
    let known = document["sources"].as_object().unwrap();
    for model in catalog.models() {
        assert!(model.as_of.is_some() && !model.sources.is_empty(), "{}", model.id);
        for source in &model.sources {
            assert!(source.starts_with("https://") || known.contains_key(source), "{source}");
        }
        let rates = model.rates.as_ref().unwrap();
        let flat = rates.at(0, None);
        assert!(flat.input > PicoUsd::ZERO && flat.output > PicoUsd::ZERO, "{}", model.id);
        assert!(flat.cache_read <= flat.input && flat.input <= flat.output, "{}", model.id);
        for tier in rates.tiers() {
            assert!(tier.prices.input > flat.input && tier.prices.output > flat.output, "{}", model.id);
            assert!(tier.prices.flat().cache_write_long >= tier.prices.flat().cache_write_short);
            assert!(tier.above_prompt_tokens < model.context, "{}", model.id);
        }
    }
}

#[test]
fn the_document_is_sorted_and_families_are_as_the_names_say() {
    let document: serde_json::Value = serde_json::from_slice(include_bytes!("../data/catalog.json")).unwrap();
    let names = |list: &str, fields: [&str; 2]| -> Vec<String> {
        let entries = document[list].as_array().unwrap();
        entries
            .iter()
            .map(|entry| fields.map(|field| entry[field].as_str().unwrap_or("")).join("\0"))
            .collect()
    };
    assert!(names("models", ["provider", "id"]).is_sorted());
    assert!(names("providers", ["name", ""]).is_sorted());
    for model in built_in().models() {
        assert_eq!(model.family, Family::of(&model.canonical), "{}", model.id);
        assert_ne!(model.family, Family::Other, "{}", model.id);
    }
}

#[test]
fn every_model_can_be_reached_or_its_provider_says_how() {
    let catalog = built_in();
    for model in catalog.models() {
        let provider = catalog.provider(&model.provider).unwrap();
        let reached = Dialect::ALL.into_iter().any(|dialect| catalog.endpoint(model, dialect).is_some());
        assert_ne!(reached, provider.base_url_hint.is_some(), "{}/{}", model.provider, model.id);
    }
}

#[test]
fn endpoints_stand_where_the_makers_put_them() {
    let catalog = built_in();
    let endpoint = |provider, dialect| catalog.provider(provider).unwrap().endpoint(dialect);
    let messages = endpoint("minimax", Dialect::Messages).unwrap();
    assert_eq!(messages.url(), "https://api.minimax.io/anthropic/v1/messages");
    assert_eq!((messages.origin().host(), messages.origin().port()), ("api.minimax.io", 443));
    assert_eq!(messages.path(), "/anthropic/v1/messages");
    assert_eq!(messages.auth, Auth::Bearer);
    assert_eq!(endpoint("anthropic", Dialect::Messages).unwrap().auth, Auth::XApiKey);
    assert_eq!(endpoint("anthropic", Dialect::Responses), None);
    assert_eq!(catalog.provider("deepseek").unwrap().key_env.as_deref(), Some("DEEPSEEK_API_KEY"));
    // Responses only, though OpenAI speaks Chat Completions too.
    let pro = model(&catalog, "openai", "gpt-5-pro");
    assert_eq!(catalog.endpoint(pro, Dialect::Chat), None);
    assert!(catalog.endpoint(pro, Dialect::Responses).is_some());
}

#[test]
fn capabilities_follow_the_generation() {
    let catalog = built_in();
    let holds = |provider, id, what| model(&catalog, provider, id).capabilities.holds(what);
    assert!(holds("anthropic", "claude-opus-4-6", Capabilities::SAMPLING_PARAMS));
    assert!(!holds("anthropic", "claude-opus-4-7", Capabilities::SAMPLING_PARAMS));
    assert!(holds("anthropic", "claude-opus-4-5", Capabilities::PREFILL));
    assert!(!holds("anthropic", "claude-opus-4-6", Capabilities::PREFILL));
    assert!(!holds("anthropic", "claude-opus-5-5", Capabilities::FORCED_TOOL_CHOICE));
    assert!(holds("anthropic", "claude-haiku-5-5", Capabilities::FORCED_TOOL_CHOICE));
    assert!(!holds("deepseek", "deepseek-reasoner", Capabilities::TOOLS));
    assert!(holds("deepseek", "deepseek-flash", Capabilities::IMAGES));
    assert!(!holds("deepseek", "deepseek-v4-pro", Capabilities::IMAGES));
    for model in catalog.models().filter(|model| model.family == Family::Gpt) {
        let version = model.canonical.trim_start_matches("gpt-");
        let refuses =
            version.starts_with('6') || ["5.4", "5.5", "5.6"].iter().any(|v| version.starts_with(v));
        let none = model.reasoning.efforts.contains(&Effort::None);
        let expected = match (refuses && model.speaks(Dialect::Chat), none) {
            (false, _) => ChatTools::Any,
            (true, true) => ChatTools::EffortNone,
            (true, false) => ChatTools::Never,
        };
        assert_eq!(model.chat_tools, expected, "{}", model.id);
    }
    assert_eq!(model(&catalog, "openai", "gpt-6.1-sol").chat_tools, ChatTools::Never);
    assert_eq!(model(&catalog, "openai", "gpt-6-luna").chat_tools, ChatTools::EffortNone);
}

#[test]
fn a_window_counts_the_prompt_alone_or_all() {
    let catalog = built_in();
    let gpt = model(&catalog, "openai", "gpt-5");
    assert_eq!((gpt.window, gpt.context), (Window::Input, 272_000));
    assert!(gpt.fits(272_000, 128_000) && !gpt.fits(272_001, 0));
    let opus = model(&catalog, "anthropic", "claude-opus-4-6");
    assert_eq!(opus.window, Window::Shared);
    assert!(opus.fits(900_000, 100_000) && !opus.fits(900_000, 100_001));
    // More than the model can say is not counted.
    assert!(opus.fits(872_000, 1_000_000) && !opus.fits(872_001, 1_000_000));
}

#[test]
fn reasoning_is_read_for_each_model() {
    let catalog = built_in();
    let reasoning = |provider, id| &model(&catalog, provider, id).reasoning;
    assert!(!reasoning("openai", "gpt-4.1").thinks);
    let opus = reasoning("anthropic", "claude-opus-5-5");
    assert_eq!(opus.efforts, [Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max]);
    assert_eq!((opus.default, opus.can_disable, opus.budget_min), (Some(Effort::Medium), false, None));
    assert_eq!(reasoning("anthropic", "claude-opus-4-6").budget_min, Some(1024));
    assert_eq!(reasoning("anthropic", "claude-opus-5").disable_max_effort, Some(Effort::High));
    assert!(reasoning("openai", "gpt-6-luna").can_disable);
    assert!(!reasoning("openai", "gpt-5").can_disable);
    assert_eq!(reasoning("openai", "gpt-6-luna").chat_max_effort, Some(Effort::Xhigh));
}

#[test]
fn an_overlay_of_one_price_keeps_the_rest() {
    let mut catalog = built_in();
    let known = model(&catalog, "anthropic", "claude-haiku-5-5").clone();
    let overlay = r#"{"provider": "anthropic", "id": "claude-haiku-5-5", "usd_per_mtok": {"input": 0.08}}"#;
    let changed = Model::from_entry(entry(overlay), Some(&known)).unwrap();
    assert_eq!(list(&changed, 1, None), [0.08, 0.01, 0.125, 0.2, 0.5]);
    assert_eq!(list(&changed, 100_001, None), list(&known, 100_001, None));
    let mut rest = changed.clone();
    rest.rates = known.rates.clone();
    assert_eq!(rest, known);

    let count = catalog.models().count();
    catalog.insert_model(changed.clone()).unwrap();
    assert_eq!(catalog.models().count(), count);
    assert_eq!(model(&catalog, "anthropic", "claude-haiku-5-5"), &changed);
}

#[test]
fn an_overlay_can_take_away() {
    let catalog = built_in();
    let known = model(&catalog, "deepseek", "deepseek-flash");
    let overlay = r#"{"provider": "deepseek", "id": "deepseek-flash", "usd_per_mtok": {"off_peak": null},
        "aliases": [], "capabilities": {"images": false}, "lifecycle": {"state": "active"}}"#;
    let changed = Model::from_entry(entry(overlay), Some(known)).unwrap();
    let sunday = Some(1_795_348_800);
    assert_eq!(list(&changed, 1, sunday), list(known, 1, None));
    assert!(changed.aliases.is_empty());
    assert!(!changed.capabilities.holds(Capabilities::IMAGES));
    assert!(changed.capabilities.holds(Capabilities::TOOLS | Capabilities::JSON_SCHEMA));
    assert_eq!(changed.lifecycle.unwrap().state, LifecycleState::Active);

    let known = model(&catalog, "anthropic", "claude-haiku-5-5");
    let overlay = r#"{"provider": "anthropic", "id": "claude-haiku-5-5", "usd_per_mtok": {"tiers": []}}"#;
    let changed = Model::from_entry(entry(overlay), Some(known)).unwrap();
    assert_eq!(list(&changed, 500_000, None), [0.1, 0.01, 0.125, 0.2, 0.5]);
}

#[test]
fn a_new_model_needs_no_more_than_a_name() {
    let mut catalog = built_in();
    let bare = Model::from_entry(entry(r#"{"provider": "local", "id": "Org/Llama-9"}"#), None).unwrap();
    assert_eq!((bare.canonical.as_str(), bare.family), ("llama-9", Family::Llama));
    assert_eq!((bare.context, bare.max_output, bare.rates.is_none()), (128_000, 32_000, true));
    assert_eq!(bare.capabilities, Capabilities::ASSUMED);
    assert!(!bare.reasoning.thinks && bare.speaks(Dialect::Messages));

    let error = catalog.insert_model(bare.clone()).unwrap_err();
    assert_eq!((error.pointer(), error.problem()), ("/provider", &Problem::Unknown("local".into())));

    let local = r#"{"name": "local", "endpoints": {"chat": {"url": "http://127.0.0.1:8080/v1/chat/completions"}},
        "auth": "none"}"#;
    let local: ProviderEntry = serde_json::from_str(local).unwrap();
    catalog.insert_provider(Provider::from_entry(local, None).unwrap());
    catalog.insert_model(bare).unwrap();
    let endpoint = catalog.endpoint(model(&catalog, "local", "Org/Llama-9"), Dialect::Chat).unwrap();
    assert_eq!((endpoint.origin().port(), endpoint.auth), (8080, Auth::None));
}

#[test]
fn an_overlaid_provider_keeps_its_key_but_no_old_address() {
    let catalog = built_in();
    let base = catalog.provider("anthropic");
    let proxy =
        r#"{"name": "anthropic", "endpoints": {"messages": {"url": "http://127.0.0.1:9/v1/messages"}}}"#;
    let proxy = Provider::from_entry(serde_json::from_str(proxy).unwrap(), base).unwrap();
    assert_eq!(proxy.key_env.as_deref(), Some("ANTHROPIC_API_KEY"));
    assert_eq!(proxy.dialects().collect::<Vec<_>>(), [Dialect::Messages]);
    let renamed =
        Provider::from_entry(serde_json::from_str(r#"{"name": "anthropic"}"#).unwrap(), base).unwrap();
    assert_eq!(Some(&renamed), base);
}

#[test]
fn an_error_names_its_place() {
    let document = |models: &str| {
        let providers = r#"[{"name": "p", "endpoints": {"chat": {"url": "https://p.example/v1"}}}]"#;
        format!(r#"{{"as_of": "2026-11-23", "providers": {providers}, "models": [{models}]}}"#)
    };
    let good = r#"{"provider": "p", "id": "a", "usd_per_mtok": {"input": 1, "output": 2}}"#;
    assert!(Catalog::from_json(document(good).as_bytes()).is_ok());
    for (second, pointer, words) in [
        (r#""id": "b", "colour": 1"#, "/models/1/colour", "unknown field `colour`"),
        (
            r#""id": "b", "usd_per_mtok": {"input": 1, "output": 2, "tiers": [{"above": 1}]}"#,
            "/models/1/usd_per_mtok/tiers/0/above",
            "unknown field `above`",
        ),
        (r#""id": "b", "family": "cloud""#, "/models/1/family", "unknown variant `cloud`"),
        (r#""id": "b", "context": "big""#, "/models/1/context", "invalid type"),
        (r#""name": "b""#, "/models/1/name", "unknown field `name`"),
        (r#""context": 1"#, "/models/1", "missing field `id`"),
        (r#""id": """#, "/models/1/id", "visible ASCII"),
        (r#""id": "b\u0007""#, "/models/1/id", "visible ASCII"),
        (r#""id": "a""#, "/models/1/id", "taken"),
        (r#""id": "b", "aliases": ["a"]"#, "/models/1/id", "taken"),
        (r#""id": "b", "context": 0"#, "/models/1/context", "not zero"),
        (r#""id": "b", "usd_per_mtok": {"input": 1}"#, "/models/1/usd_per_mtok/output", "required"),
        (
            r#""id": "b", "usd_per_mtok": {"input": 0.0000001, "output": 2}"#,
            "/models/1/usd_per_mtok/input",
            "six decimals",
        ),
        (
            r#""id": "b", "usd_per_mtok": {"input": 1, "output": 2, "tiers": [
                {"above_prompt_tokens": 5, "input": -1, "output": 2}]}"#,
            "/models/1/usd_per_mtok/tiers/0/input",
            "not negative",
        ),
        (
            r#""id": "b", "usd_per_mtok": {"input": 1, "output": 2, "off_peak": {"input": 1, "output": 1,
                "windows_utc": [{"weekdays": [1], "hours": ["01:00-02:00", "5-6"]}]}}"#,
            "/models/1/usd_per_mtok/off_peak/windows_utc/0/hours/1",
            "HH:MM",
        ),
        (
            r#""id": "b", "usd_per_mtok": {"input": 1, "output": 2, "tiers": [
                {"above_prompt_tokens": 5, "input": 2, "output": 3},
                {"above_prompt_tokens": 5, "input": 3, "output": 4}]}"#,
            "/models/1/usd_per_mtok/tiers",
            "ascending",
        ),
        (r#""id": "b", "dialects": ["chat", "smoke"]"#, "/models/1/dialects/1", "`smoke` is not known"),
        (
            r#""id": "b", "reasoning": {"efforts": ["low", "lots"]}"#,
            "/models/1/reasoning/efforts/1",
            "`lots`",
        ),
        (
            r#""id": "b", "reasoning": {"efforts": ["low"], "default": "high"}"#,
            "/models/1/reasoning/default",
            "not among",
        ),
        (
            r#""id": "b", "lifecycle": {"state": "retired", "date": "2026-11-31"}"#,
            "/models/1/lifecycle/date",
            "YYYY-MM-DD",
        ),
        (r#""id": "b", "as_of": "today""#, "/models/1/as_of", "YYYY-MM-DD"),
    ] {
        let text = document(&format!(r#"{good}, {{"provider": "p", {second}}}"#));
        let error = Catalog::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error.pointer(), pointer, "{error}");
        assert!(error.to_string().starts_with(pointer) && error.to_string().contains(words), "{error}");
    }
    let orphan = document(r#"{"provider": "q", "id": "a"}"#);
    assert_eq!(Catalog::from_json(orphan.as_bytes()).unwrap_err().pointer(), "/models/0/provider");
    for (provider, pointer) in [
        (r#"{"name": "p", "endpoints": {"chat": {"url": "p.example"}}}"#, "/providers/0/endpoints/chat/url"),
        (r#"{"name": "p", "endpoints": {"a/b": {"url": "http://p"}}}"#, "/providers/0/endpoints/a~1b"),
        (r#"{"name": "p"}, {"name": "p"}"#, "/providers/1/name"),
        (r#"{"name": "p", "auth": "basic"}"#, "/providers/0/auth"),
    ] {
        let text = format!(r#"{{"as_of": "2026-11-23", "providers": [{provider}], "models": []}}"#);
        assert_eq!(Catalog::from_json(text.as_bytes()).unwrap_err().pointer(), pointer);
    }
    assert_eq!(Catalog::from_json(b"[]").unwrap_err().to_string().split(':').next(), Some("document"));
}
