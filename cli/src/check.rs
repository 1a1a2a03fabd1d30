//! `pointsman check`: what is wrong, or what will happen.

use pointsman::{
    Choice, Config, Dialect, Ladder, Tier, Warning,
    config::{AtLimit, Budget},
};
use serde_json::{Value, json};

use crate::{dial, document::Document, envoy, paint, rules, serve};

/// Prints the configuration as it will act. A document that is wrong does not get here: see [`Document::read`].
pub fn run(document: &Document, today: &str, as_json: bool) -> Result<(), Box<dyn std::error::Error>> {
    let config = &document.config;
    let settings = envoy::Settings::of(config).map_err(|error| document.wrong(error))?;
    let local = serve::Settings::of(config).map_err(|error| document.wrong(error))?;
    pointsman_worker::Settings::of(config).map_err(|error| document.wrong(error))?;
    let warnings = warnings(config, today);
    if as_json {
        println!("{:#}", report(config, &settings, &warnings));
        return Ok(());
    }
    for ladder in config.ladders() {
        paint::heading(&format!("ladder {}", ladder.name));
        paint::table(
            &[
                "tier",
                "difficulty",
                "targets, in order",
                "effort",
                "dialects",
                "context",
                "$/M in",
                "$/M out",
            ],
            ladder.tiers.iter().enumerate().flat_map(|(i, tier)| rows(config, ladder, i, tier)).collect(),
        );
        if let Some(baseline) = config.baseline_of(ladder) {
            paint::aside(&format!("the bill is held against {}", baseline.name));
        }
    }
    paint::heading("models that are routed");
    paint::table(
        &["model", "ladder", "difficulty of the tiers", "default tier", "dial", "on the shipped mix"],
        aliases(config),
    );
    if !config.rules().is_empty() {
        paint::heading("rules, of which the first that holds decides");
        paint::table(&["", "rule", "where", "then"], rules::rows(config));
    }
    let sampled = rules::samples(config);
    if !sampled.is_empty() {
        paint::heading("tiers that are asked more than once, where answers can be compared");
        paint::table(&["tier", "how", "answers", "delivered within"], sampled);
    }
    if !config.budgets().is_empty() {
        paint::heading("budgets");
        paint::table(
            &["budget", "sum", "of", "concerns", "tiers closed near it", "once spent"],
            config.budgets().iter().map(budget).collect(),
        );
    }
    paint::heading("everything else");
    paint::table(&["request", "goes to"], others(config));
    paint::aside(&format!(
        "{} chains of upstreams for Envoy, listening on {}; the gateway listens on {}",
        envoy::chains(config, &settings).len(),
        settings.listen,
        local.listen
    ));
    for warning in &warnings {
        paint::warning(&format!("{}: {}", warning.pointer, warning.message));
    }
    paint::done(&format!("{} can be used", document.path.display()));
    Ok(())
}

fn warnings(config: &Config, today: &str) -> Vec<Warning> {
    let mut warnings = config.warnings().to_vec();
    warnings.extend(config.lifecycle_warnings(today));
    warnings
}

fn rows(config: &Config, ladder: &Ladder, index: usize, tier: &Tier) -> Vec<Vec<String>> {
    let cells = |(i, choice): (usize, &Choice)| {
        let target = config.target_of(choice)?;
        let dialects: Vec<&str> =
            Dialect::ALL.into_iter().filter(|d| target.speaks(*d)).map(Dialect::name).collect();
        let rates = target.model.rates.as_ref().map(|rates| rates.at(0, None));
        let price = |per_token: Option<u64>| per_token.map_or_else(|| "?".to_owned(), dollars_per_million);
        let first = |text: String| if i == 0 { text } else { String::new() };
        Some(vec![
            first(tier.name.clone()),
            first(band(ladder.dial().thresholds().iter().map(|t| t.permille()).collect(), index)),
            target.name.clone(),
            choice.effort.map_or_else(|| "as asked".to_owned(), |effort| effort.to_string()),
            dialects.join(" "),
            thousands(target.model.context),
            price(rates.as_ref().map(|rates| rates.input.pico())),
            price(rates.as_ref().map(|rates| rates.output.pico())),
        ])
    };
    tier.choices.iter().enumerate().filter_map(cells).collect()
}

fn aliases(config: &Config) -> Vec<Vec<String>> {
    let row = |alias: &pointsman::Alias| {
        let ladder = config.ladder_of(alias)?;
        let thresholds: Vec<u16> = alias.dial().thresholds().iter().map(|t| t.permille()).collect();
        let bands: Vec<String> = ladder
            .tiers
            .iter()
            .enumerate()
            .map(|(i, tier)| format!("{} {}", tier.name, band(thresholds.clone(), i)))
            .collect();
        let default = ladder.tiers.get(alias.dial().default_tier()).map_or("", |tier| tier.name.as_str());
        Some(vec![
            alias.name.clone(),
            ladder.name.clone(),
            bands.join(", "),
            default.to_owned(),
            dial::aim(alias.dial()),
            if ladder.tiers.len() > 1 { dial::outlook(alias.dial()) } else { String::new() },
        ])
    };
    config.aliases().iter().filter_map(row).collect()
}

fn budget(budget: &Budget) -> Vec<String> {
    let whose = match (budget.per_caller, budget.per_alias) {
        (false, false) => "all together",
        (true, false) => "each caller",
        (false, true) => "each alias",
        (true, true) => "each caller and alias",
    };
    let list = |what: &str, names: &[String]| match names {
        [] => format!("all {what}"),
        names => names.join(", "),
    };
    let near = budget.near.map_or_else(
        || "none".to_owned(),
        |near| format!("{} from {}.{} %", budget.near_closes, near / 10, near % 10),
    );
    let spent = match budget.at_limit {
        AtLimit::Reject => "refused with 429",
        AtLimit::Cheapest => "the lowest tier alone",
    };
    vec![
        budget.name.clone(),
        format!("{} a {}", budget.limit, budget.window.name()),
        whose.to_owned(),
        format!("{}; {}", list("callers", &budget.callers), list("aliases", &budget.aliases)),
        near,
        spent.to_owned(),
    ]
}

fn others(config: &Config) -> Vec<Vec<String>> {
    let refused = || "refused with 404".to_owned();
    let mut rows: Vec<Vec<String>> = Dialect::ALL
        .into_iter()
        .map(|dialect| {
            let goes =
                config.passthrough(Some(dialect)).map_or_else(refused, |provider| provider.name.clone());
            vec![format!("{}, another model", dialect.name()), goes]
        })
        .collect();
    let goes = config.passthrough(None).map_or_else(refused, |provider| provider.name.clone());
    rows.push(vec!["another path".to_owned(), goes]);
    rows
}

fn report(config: &Config, settings: &envoy::Settings, warnings: &[Warning]) -> Value {
    let target = |choice: &Choice| {
        let target = config.target_of(choice)?;
        Some(json!({
            "target": target.name,
            "upstream": choice.upstream,
            "effort": choice.effort.map(pointsman::Effort::name),
            "context": target.model.context,
            "dialects": Dialect::ALL.into_iter().filter(|d| target.speaks(*d)).map(Dialect::name).collect::<Vec<_>>(),
        }))
    };
    let ladder = |ladder: &Ladder| {
        json!({
            "name": ladder.name,
            "thresholds": ladder.dial().thresholds().iter().map(|t| t.permille()).collect::<Vec<_>>(),
            "dial": dial::report(ladder.dial()),
            "baseline": config.baseline_of(ladder).map(|target| &target.name),
            "tiers": ladder.tiers.iter().map(|tier| json!({
                "name": tier.name,
                "targets": tier.choices.iter().filter_map(target).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "ladders": config.ladders().iter().map(ladder).collect::<Vec<_>>(),
        "aliases": config.aliases().iter().map(|alias| json!({
            "model": alias.name,
            "ladder": config.ladder_of(alias).map(|ladder| &ladder.name),
            "thresholds": alias.dial().thresholds().iter().map(|t| t.permille()).collect::<Vec<_>>(),
            "dial": dial::report(alias.dial()),
        })).collect::<Vec<_>>(),
        "rules": rules::rows(config).into_iter().map(|row| json!({
            "name": row[1], "where": row[2], "then": row[3],
        })).collect::<Vec<_>>(),
        "samples": rules::samples(config).into_iter().map(|row| json!({
            "tier": row[0], "mode": row[1], "answers": row[2],
        })).collect::<Vec<_>>(),
        "budgets": config.budgets().iter().map(|budget| json!({
            "name": budget.name,
            "picodollars": budget.limit.pico(),
            "window": budget.window.name(),
            "per_caller": budget.per_caller,
            "per_alias": budget.per_alias,
            "callers": budget.callers,
            "aliases": budget.aliases,
            "near_permille": budget.near,
            "at_limit": if budget.at_limit == AtLimit::Reject { "reject" } else { "cheapest" },
        })).collect::<Vec<_>>(),
        "chains": envoy::chains(config, settings),
        "warnings": warnings.iter().map(|w| json!({ "pointer": w.pointer, "message": w.message })).collect::<Vec<_>>(),
    })
}

/// `350–649` for the tier between two thresholds.
fn band(thresholds: Vec<u16>, tier: usize) -> String {
    let from = tier.checked_sub(1).and_then(|i| thresholds.get(i)).copied().unwrap_or(0);
    match thresholds.get(tier) {
        Some(&next) if next <= from && tier > 0 => "never".to_owned(),
        Some(&next) => format!("{from}–{}", next.saturating_sub(1)),
        None => format!("{from}–1000"),
    }
}

/// Pico-dollars a token are micro-dollars a million tokens.
fn dollars_per_million(pico_per_token: u64) -> String {
    let text = format!("{}.{:06}", pico_per_token / 1_000_000, pico_per_token % 1_000_000);
    let trimmed = text.trim_end_matches('0');
    let digits = trimmed.len() - trimmed.find('.').map_or(0, |dot| dot + 1);
    format!("{trimmed}{}", "0".repeat(2usize.saturating_sub(digits)))
}

fn thousands(n: u64) -> String {
    if n >= 1_000_000 && n.is_multiple_of(1000) {
        format!("{}.{:02}M", n / 1_000_000, n % 1_000_000 / 10_000)
    } else {
        format!("{}k", n / 1000)
    }
}

/// Days since 1970 as a civil date, by the algorithm of the proleptic Gregorian calendar's 400-year cycle.
pub fn date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_392_000, "2026-11-23"),
            (4_107_542_399, "2100-02-28"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn prices() {
        assert_eq!(dollars_per_million(300_000), "0.30");
        assert_eq!(dollars_per_million(25_000_000), "25.00");
        assert_eq!(dollars_per_million(60_500), "0.0605");
    }

    #[test]
    fn bands() {
        assert_eq!(band(vec![350, 650], 0), "0–349");
        assert_eq!(band(vec![350, 650], 1), "350–649");
        assert_eq!(band(vec![350, 650], 2), "650–1000");
        assert_eq!(band(vec![350, 350], 1), "never");
        assert_eq!(band(vec![], 0), "0–1000");
    }
}
