//! `--live`: the same gateway in front of the real providers, as far as there are keys.

use std::io::{IsTerminal, Write};

use live::Failure;
use pointsman::{Config, Dialect, PicoUsd};
use pointsman_cli::{document::Document, paint};
use serde_json::{Value, json};

use super::{
    Options, baseline, keep, ledger,
    play::{self, Script},
    report::Report,
    requests::Bundle,
    stage::{self, Stage},
};
use crate::progress::Progress;

/// The requests that are sent: some of each API, streamed and not, easy and hard. No pictures, no pages of text.
const SENT: [&str; 9] = [
    "greeting",
    "translate",
    "title",
    "classify-ticket",
    "python-function",
    "review-diff",
    "follow-up",
    "translate-again",
    "regex",
];

/// Most tokens of one answer, thinking included.
const ANSWER: u64 = 600;

pub(super) async fn run(options: &Options) -> Result<(), Failure> {
    let example = stage::example()?;
    let variable = |name: &str| std::env::var(name).ok().filter(|key| !key.is_empty());
    let json = reduced(&example, |name| variable(name).is_some())?;
    let config =
        Config::from_json(json.to_string().as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
    let keys: Vec<(String, String)> = config
        .providers()
        .iter()
        .filter_map(|provider| provider.key_env.clone())
        .filter_map(|name| Some((name.clone(), variable(&name)?)))
        .collect();

    let speaks = |dialect: Dialect| targets(&config).any(|target| target.speaks(dialect));
    let mut bundles = Bundle::all()?;
    bundles.retain(|bundle| SENT.contains(&bundle.id.as_str()) && speaks(bundle.dialect()));
    bundles.iter_mut().for_each(shorten);
    let most = at_most(&config, &bundles);
    let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    eprintln!(
        "{} requests go to the real providers ({}); they cost at most ${:.4}",
        bundles.len(),
        names.join(", "),
        ledger::dollars(most)
    );
    if !options.yes {
        confirm()?;
    }

    let name = options.host.name();
    let progress = Progress::begin(&format!("getting and building {name}"));
    let program = options.host.prepare()?;
    progress.step(&format!("starting {name}"));
    let stage = Stage::real(&json, keys, &program).await?;
    progress.step("asking");
    let script = Script { bundles: &bundles, death: None, tiers: None };
    let played = play::play(&stage, script, |_, id| progress.detail(id)).await?;
    let rows = ledger::rows(&stage, &played).await?;
    drop(progress);
    let report = Report {
        rows: &rows,
        death: None,
        rescued: 0,
        controls: &[],
        ladder: config.ladders().first(),
        baseline: baseline(&config),
    };
    if options.json {
        report.print_json()?;
    } else {
        report.print();
    }
    if !played.faults.is_empty() {
        let list: String = played.faults.iter().map(|fault| format!("\n  - {fault}")).collect();
        return Err(Failure::new(format!("not every request was answered:{list}")));
    }
    if options.keep {
        keep(&stage, name, options.json).await?;
    }
    Ok(())
}

/// The document with only those targets whose provider's key is there.
fn reduced(document: &Document, has: impl Fn(&str) -> bool) -> Result<Value, Failure> {
    let providers = document.config.providers();
    let usable = |provider: &str| {
        let known = providers.iter().find(|known| known.name == provider);
        known.is_some_and(|known| known.key_env.as_deref().is_none_or(&has))
    };
    let target =
        |choice: &Value| choice.as_str().or_else(|| choice["target"].as_str()).unwrap_or_default().to_owned();
    let reachable = |choice: &Value| usable(target(choice).split('/').next().unwrap_or_default());
    let mut json = document.json.clone();
    let mut empty = Vec::new();
    for (name, ladder) in json["ladders"].as_object_mut().into_iter().flatten() {
        let Some(tiers) = ladder["tiers"].as_array_mut() else { continue };
        for targets in tiers.iter_mut().filter_map(|tier| tier["targets"].as_array_mut()) {
            targets.retain(reachable);
        }
        let before = tiers.len();
        tiers.retain(|tier| tier["targets"].as_array().is_some_and(|targets| !targets.is_empty()));
        let (after, settings) = (tiers.len(), ladder.as_object_mut());
        // A dial of three tiers does not fit two.
        if let Some(settings) = settings.filter(|_| after < before) {
            settings.remove("thresholds");
            settings.remove("default_tier");
        }
        if after == 0 {
            empty.push(name.clone());
        }
    }
    if !empty.is_empty() {
        let names: Vec<&str> = providers.iter().filter_map(|provider| provider.key_env.as_deref()).collect();
        return Err(Failure::new(format!(
            "no key of a real provider is in the environment. The cure: set at least one of {}",
            names.join(", ")
        )));
    }
    let (before, after) = (document.json["ladders"].clone(), json["ladders"].clone());
    for alias in json["aliases"].as_object_mut().into_iter().flat_map(|aliases| aliases.values_mut()) {
        let Some(ladder) = alias["ladder"].as_str().map(str::to_owned) else { continue };
        let tiers = |ladders: &Value| ladders[&ladder]["tiers"].as_array().map(Vec::len);
        if tiers(&before) != tiers(&after) {
            *alias = json!(ladder);
        }
    }
    if let Some(passthrough) = json["passthrough"].as_object_mut() {
        passthrough.retain(|_, provider| provider.as_str().is_some_and(usable));
    }
    Ok(json)
}

/// A small answer is enough.
fn shorten(bundle: &mut Bundle) {
    let field = match bundle.dialect() {
        Dialect::Chat => "max_completion_tokens",
        Dialect::Messages => "max_tokens",
        Dialect::Responses => "max_output_tokens",
    };
    if let Some(body) = bundle.body.as_object_mut() {
        body.remove("max_tokens");
        body.insert(field.to_owned(), json!(ANSWER));
    }
}

fn targets(config: &Config) -> impl Iterator<Item = &pointsman::Target> {
    let tiers = config.ladders().iter().flat_map(|ladder| &ladder.tiers);
    tiers.flat_map(|tier| &tier.choices).filter_map(|choice| config.target_of(choice))
}

/// Every request at the dearest target that it could go to, its prompt taken for as many tokens as bytes, its answer as long as allowed.
fn at_most(config: &Config, bundles: &[Bundle]) -> PicoUsd {
    let most = |bundle: &Bundle| {
        // A token is never shorter than a byte.
        let prompt = bundle.body.to_string().len() as u64;
        let price = |target: &pointsman::Target| {
            let rates = target.model.rates.as_ref()?.list().flat();
            let input = rates.input.max(rates.cache_write_short).max(rates.cache_write_long);
            Some(input.saturating_mul(prompt).saturating_add(rates.output.saturating_mul(ANSWER)))
        };
        targets(config).filter_map(price).max().unwrap_or_default()
    };
    bundles.iter().map(most).fold(PicoUsd::ZERO, PicoUsd::saturating_add)
}

fn confirm() -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("nobody is there to agree to that. The cure: add --yes"));
    }
    eprint!("go on? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    paint::aside("nothing was sent");
    std::process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers(json: &Value) -> Vec<String> {
        let tiers = json["ladders"]["default"]["tiers"].as_array().unwrap();
        tiers.iter().map(|tier| tier["name"].as_str().unwrap().to_owned()).collect()
    }

    fn with(keys: &[&str]) -> Result<Value, Failure> {
        reduced(&stage::example().unwrap(), |name| keys.contains(&name))
    }

    #[test]
    fn the_ladder_shrinks_to_the_keys_that_are_there() {
        for (keys, left) in [
            (&["ANTHROPIC_API_KEY"][..], &["mid", "frontier"][..]),
            (&["MINIMAX_API_KEY"], &["cheap"]),
            (&["OPENAI_API_KEY"], &["cheap", "mid", "frontier"]),
            (&["DEEPSEEK_API_KEY", "NOVITA_API_KEY"], &["cheap", "mid"]),
        ] {
            let json = with(keys).unwrap();
            assert_eq!(tiers(&json), left, "{keys:?}");
            let config =
                Config::from_json(json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
            assert!(targets(&config).count() > 0);
        }
    }

    #[test]
    fn without_any_key_the_cure_names_the_variables() {
        let failure = with(&[]).unwrap_err().to_string();
        assert!(failure.contains("ANTHROPIC_API_KEY") && failure.contains("NOVITA_API_KEY"), "{failure}");
    }

    #[test]
    fn the_most_it_can_cost_is_a_few_cents() {
        let json = with(&["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MINIMAX_API_KEY"]).unwrap();
        let config = Config::from_json(json.to_string().as_bytes()).unwrap();
        let mut bundles = Bundle::all().unwrap();
        bundles.retain(|bundle| SENT.contains(&bundle.id.as_str()));
        assert_eq!(bundles.len(), SENT.len());
        bundles.iter_mut().for_each(shorten);
        let most = ledger::dollars(at_most(&config, &bundles));
        // Nine answers of 600 tokens at 20 dollars a million are 11 cents.
        assert!((0.10..0.20).contains(&most), "{most}");
    }
}
