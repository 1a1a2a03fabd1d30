//! Whatever a request holds, the chain it is given is one that was prepared.

use pointsman::{
    Config, Dialect, Remembered, chain_name, chains,
    classify::Difficulty,
    policy::{self, Ask, Forced},
    traits::Traits,
    warm_chains,
    wire::request::Asked,
};
use proptest::prelude::*;

/// Targets that differ in everything that can rule them out.
const CONFIG: &str = r#"{
    "version": 1,
    "models": {
        "small/tiny": { "family": "llama", "context": 8000, "max_output": 2000 },
        "small/odd": { "family": "llama", "context": 9000, "max_output": 6000 }
    },
    "providers": { "small": { "base_url": "http://127.0.0.1:9/v1", "speaks": ["chat", "messages"], "auth": "none" } },
    "ladders": { "default": { "tiers": [
        { "name": "low", "targets": ["novita/minimax/minimax-m2.5", "small/tiny", "small/odd", "openai/gpt-6-luna", "minimax/MiniMax-M3", "deepseek/deepseek-v4-pro"] },
        { "name": "high", "targets": ["anthropic/claude-opus-5-5", "openai/gpt-6.1-sol", "anthropic/claude-opus-4-6", "moonshot/kimi-k3"] }
    ] } },
    "aliases": { "auto": "default" },
    "override": ["target"],
    "passthrough": { "chat": "openai", "other": "deepseek" }
}"#;

fn config() -> Config {
    Config::from_json(CONFIG.as_bytes()).unwrap()
}

fn ask() -> impl Strategy<Value = Ask> {
    let single: Vec<Traits> = [
        "tools",
        "forced_tool",
        "images",
        "documents",
        "audio",
        "json_schema",
        "assistant_last",
        "claude_signature",
        "other_signature",
        "redacted_thinking",
        "encrypted",
        "server_state",
        "hosted_tools",
    ]
    .into_iter()
    .map(|name| Traits::parse(name).unwrap())
    .collect();
    let traits = prop::collection::vec(prop::sample::select(single), 0..5)
        .prop_map(|list| list.into_iter().fold(Traits::NONE, |set, one| set | one));
    let sizes = prop_oneof![0..20_000u64, 100_000..300_000u64, 900_000..2_000_000u64];
    let room = prop_oneof![Just(None), (0..200_000u64).prop_map(Some), (1000..9000u64).prop_map(Some)];
    let choice = prop_oneof![3 => Just(None), 1 => (0..2usize, 0..6usize).prop_map(Some)];
    (prop::sample::select(Dialect::ALL.to_vec()), traits, sizes, room, 0..=1000u16, choice).prop_map(
        |(dialect, traits, prompt_tokens, max_output, difficulty, choice)| Ask {
            step: pointsman::Step::Prompt,
            course: None,
            dialect,
            traits,
            prompt_tokens,
            max_output,
            asked: Asked::default(),
            difficulty: Some(Difficulty::new(difficulty).unwrap()),
            judgement: None,
            forced: Forced { tier: None, choice, effort: None },
        },
    )
}

/// A memory of one of the targets, of any tier, or of none of them.
fn memory() -> impl Strategy<Value = Remembered> {
    let names = [
        "novita/minimax/minimax-m2.5",
        "small/tiny",
        "small/odd",
        "openai/gpt-6-luna",
        "minimax/MiniMax-M3",
        "deepseek/deepseek-v4-pro",
        "anthropic/claude-opus-5-5",
        "openai/gpt-6.1-sol",
        "anthropic/claude-opus-4-6",
        "moonshot/kimi-k3",
        "nobody/nothing",
    ];
    prop::sample::select(names.to_vec()).prop_map(|name| Remembered {
        tier: 0,
        told: 0,
        target: policy::memory::target_hash(name),
        prefix_tokens: 0,
        prefix_bytes: 0,
        seen: 0,
        life: 300,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whoever_answered_last_leads_a_chain_that_was_prepared_for_it((ask, memory) in (ask(), memory())) {
        thread_local! {
            static PREPARED: (Config, Vec<Vec<String>>) = { let config = config(); let list = warm_chains(&config); (config, list) };
        }
        PREPARED.with(|(config, prepared)| {
            let alias = config.alias("auto").unwrap();
            let ladder = config.ladder_of(alias).unwrap();
            if let Ok(mut decision) = policy::decide(config, alias, &ask) {
                policy::warm_first(config, ladder, &mut decision, &memory);
                let tier = &ladder.tiers[decision.tier];
                let chain: Vec<String> = decision.choices.iter().map(|i| tier.choices[*i].upstream.clone()).collect();
                prop_assert!(prepared.contains(&chain), "{chain:?} was not prepared for {ask:?}");
                let able = |index: &usize| config.target_of(&tier.choices[*index]).unwrap();
                let knows = decision.choices.iter().any(|index| policy::memory::target_hash(&able(index).name) == memory.target);
                prop_assert!(!knows || policy::memory::target_hash(&able(&decision.choices[0]).name) == memory.target);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_decision_leads_to_a_prepared_chain(ask in ask()) {
        thread_local! {
            static PREPARED: (Config, Vec<Vec<String>>) = { let config = config(); let list = chains(&config); (config, list) };
        }
        PREPARED.with(|(config, prepared)| {
            let alias = config.alias("auto").unwrap();
            if let Ok(decision) = policy::decide(config, alias, &ask) {
                let tier = &config.ladder_of(alias).unwrap().tiers[decision.tier];
                let chain: Vec<String> = decision.choices.iter().map(|i| tier.choices[*i].upstream.clone()).collect();
                prop_assert!(prepared.contains(&chain), "{chain:?} was not prepared for {ask:?}");
            }
            Ok(())
        })?;
    }
}

#[test]
fn chains_are_few_and_hold_the_passthrough() {
    let list = chains(&config());
    assert!(list.contains(&vec!["openai".to_owned()]));
    assert!(list.contains(&vec!["deepseek".to_owned()]));
    assert!(list.len() < 100, "{} chains", list.len());
    assert!(list.is_sorted());
    let warm = warm_chains(&config());
    assert!(warm.len() < 300, "{} chains", warm.len());
    assert!(list.iter().all(|chain| warm.contains(chain)));
    let names: std::collections::BTreeSet<String> =
        list.iter().map(|chain| chain_name(chain.iter().map(String::as_str))).collect();
    assert_eq!(names.len(), list.len(), "two chains share a name");
}

#[test]
fn a_target_that_a_rule_names_has_a_chain_of_its_own() {
    let of = |rules: &str| {
        let document = format!(
            r#"{{
                "version": 1,
                "providers": {{
                    "one": {{ "base_url": "http://127.0.0.1:9/v1", "speaks": ["chat"], "auth": "none" }},
                    "two": {{ "base_url": "http://127.0.0.1:9/v1", "speaks": ["chat"], "auth": "none" }}
                }},
                "models": {{ "one/m": {{ "context": 9000 }}, "two/m": {{ "context": 9000 }} }},
                "ladders": {{ "d": {{ "tiers": [{{ "name": "only", "targets": ["one/m", "two/m"] }}] }} }},
                "aliases": {{ "auto": "d" }},
                "rules": {rules}
            }}"#
        );
        chains(&Config::from_json(document.as_bytes()).unwrap())
    };
    let (both, alone) = (vec!["one".to_owned(), "two".to_owned()], vec!["two".to_owned()]);
    assert_eq!(of("[]"), std::slice::from_ref(&both));
    assert_eq!(of(r#"[{ "name": "r", "then": { "target": "two/m" } }]"#), [both, alone]);
}
