//! Rules and samples of a configuration, in words.

use pointsman::{
    Config, Effort,
    config::{Mode, Rule, Sampling, Then, When},
};

/// Name, conditions and consequence of each rule.
pub fn rows(config: &Config) -> Vec<Vec<String>> {
    let row = |(n, rule): (usize, &Rule)| {
        vec![(n + 1).to_string(), rule.name.clone(), when(&rule.when), then(&rule.then)]
    };
    config.rules().iter().enumerate().map(row).collect()
}

/// What a rule asks for.
fn when(when: &When) -> String {
    let list = |name: &str, values: Vec<String>| {
        if values.is_empty() { None } else { Some(format!("{name} {}", values.join(" or "))) }
    };
    let names = |values: &[String]| values.to_vec();
    let quoted = |values: &[String]| values.iter().map(|value| format!("\"{value}\"")).collect();
    let tokens = match when.tokens {
        (None, None) => None,
        (Some(least), None) => Some(format!("{least} tokens or more")),
        (None, Some(most)) => Some(format!("{most} tokens or fewer")),
        (Some(least), Some(most)) => Some(format!("{least} to {most} tokens")),
    };
    let header = when.header.iter().map(|(name, value)| Some(format!("{name}: {}", value.as_str())));
    let parts = [
        list("path", when.path.iter().map(|path| path.as_str().to_owned()).collect()),
        list("model", names(&when.alias)),
        list("caller", names(&when.caller)),
        list("dialect", when.dialect.iter().map(|dialect| dialect.name().to_owned()).collect()),
        list("step", when.step.iter().map(|step| step.name().to_owned()).collect()),
        list("client", when.client.iter().map(|client| client.name().to_owned()).collect()),
        when.tools.map(|tools| if tools { "with tools".to_owned() } else { "without tools".to_owned() }),
        tokens,
        list("task", when.task.iter().map(|task| task.name().to_owned()).collect()),
        list("says", quoted(&when.keyword)),
        list("matches", when.regex.iter().map(|regex| format!("/{}/", regex.as_str())).collect()),
        list("in", when.language.iter().map(|language| language.name().to_owned()).collect()),
    ];
    let all: Vec<String> = header.chain(parts).flatten().collect();
    if all.is_empty() { "always".to_owned() } else { all.join(", ") }
}

/// What a rule does.
fn then(then: &Then) -> String {
    let parts = [
        then.reject.as_ref().map(|message| format!("refused with 403: {message}")),
        then.floor.as_ref().map(|tier| format!("{tier} or above")),
        then.ceiling.as_ref().map(|tier| format!("{tier} or below")),
        then.target.as_ref().map(|target| format!("to {target}")),
        then.effort.map(|effort| format!("effort {}", Effort::name(effort))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What came of each rule for one request.
pub fn outcomes(config: &Config, unmet: &[(String, Option<&'static str>)]) -> Vec<Vec<String>> {
    let first = unmet.iter().position(|(_, unmet)| unmet.is_none());
    let outcome = |(n, (rule, (_, unmet))): (usize, (&Rule, &(String, Option<&'static str>)))| {
        let outcome = match unmet {
            Some(condition) => format!("no, by {condition}"),
            None if Some(n) == first => format!("yes: {}", then(&rule.then)),
            None => "yes, but an earlier one decides".to_owned(),
        };
        vec![(n + 1).to_string(), rule.name.clone(), when(&rule.when), outcome]
    };
    config.rules().iter().zip(unmet).enumerate().map(outcome).collect()
}

/// Tiers that are asked more than once.
pub fn samples(config: &Config) -> Vec<Vec<String>> {
    let ladders = config.ladders().iter();
    let tiers = ladders.flat_map(|ladder| ladder.tiers.iter().map(move |tier| (ladder, tier)));
    let row = |(ladder, tier): (&pointsman::Ladder, &pointsman::Tier)| {
        let samples = tier.samples.as_ref()?;
        Some(vec![
            format!("{} / {}", ladder.name, tier.name),
            samples.mode.name().to_owned(),
            sampled(samples),
            format!("{} s", f64::from(samples.deadline_ms) / 1000.0),
        ])
    };
    tiers.filter_map(row).collect()
}

fn sampled(samples: &Sampling) -> String {
    let Sampling { mode, min, max, .. } = *samples;
    match mode {
        Mode::Vote => format!("{min} at once, more until one leads by {min}, at most {max}"),
        Mode::Race => format!("{max} at once, the first good one wins"),
        Mode::Cascade => format!("{min} must agree and hold, or the next tier is asked"),
        Mode::Auto => format!("vote, race or one, by the model's class; at most {max}"),
    }
}
