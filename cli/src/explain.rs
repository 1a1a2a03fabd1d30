//! `pointsman explain`: one request, the decision, every reason, the exact changes.

use std::{io::Read, path::Path};

use pointsman::{
    Attempt, BodySplice, Config, Examined, Forward, HeaderEdit, Opened, PicoUsd, Rejection, RequestHead,
    Routed, Router,
    config::{Aim, Budget, Dial},
    edit,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{dial, document::Document, paint, rules};

/// Reads a request's body from a file, or from standard input where the path is `-`.
pub fn read_body(path: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    if path == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Decides one request and prints how. `path` is the endpoint; without it the body's shape is taken for a hint.
pub fn run(
    document: &Document,
    body: &[u8],
    path: Option<&str>,
    headers: &[String],
    spent: &[String],
    as_json: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let path = path.unwrap_or_else(|| likely_path(body));
    let headers = parse_headers(headers)?;
    let spent = parse_spent(spent, &document.config)?;
    let borrowed: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &borrowed };
    let router = Router::new(document.config.clone().without_callers());
    let (examined, routed) = match router.open(&head) {
        Opened::Forward(forward) => (None, Routed::Forward(forward)),
        Opened::Answer(answer) => {
            println!("{}", String::from_utf8_lossy(&answer.body));
            return Ok(());
        }
        Opened::Reject(rejection) => (None, Routed::Reject(rejection)),
        Opened::NeedBody(pending) => {
            let examined = pending.examine(&router, body).ok();
            let now = now();
            let heard = pending.read(body).afford(&router, now, |account| {
                let name = router.config().budgets().get(account.budget).map(|budget| &budget.name);
                let said = spent.iter().rfind(|(budget, _)| Some(budget) == name);
                said.map_or(PicoUsd::ZERO, |(_, sum)| *sum)
            });
            (examined, heard.route(&router, None, Some(now)))
        }
    };
    if as_json {
        println!("{:#}", report(&document.config, path, body, examined.as_ref(), &routed));
        return Ok(());
    }
    paint::heading("request");
    paint::fact("endpoint", path);
    if let Some(examined) = &examined {
        request(examined);
    }
    for budget in budgets(&router, &routed) {
        let said = spent.iter().rfind(|(name, _)| *name == budget.name);
        let sum = said.map_or(PicoUsd::ZERO, |(_, sum)| *sum);
        let (limit, window) = (budget.limit, budget.window.name());
        paint::fact("budget", &format!("{}: {sum} of {limit} a {window}", budget.name));
    }
    if let Some(examined) = examined.as_ref().filter(|examined| !examined.rules.is_empty()) {
        paint::heading("rules, of which the first that holds decides");
        paint::table(&["", "rule", "where", "holds"], rules::outcomes(&document.config, &examined.rules));
    }
    match &routed {
        Routed::Reject(rejection) => rejected(rejection),
        Routed::Forward(forward) => decision(&document.config, body, examined.as_ref(), forward),
    }
    Ok(())
}

fn parse_headers(headers: &[String]) -> Result<Vec<(String, String)>, String> {
    let parse = |header: &String| {
        let (name, value) =
            header.split_once(':').ok_or_else(|| format!("`{header}` is no header; write `name: value`"))?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    headers.iter().map(parse).collect()
}

/// Amounts by budget: `team=19.5`.
fn parse_spent(spent: &[String], config: &Config) -> Result<Vec<(String, PicoUsd)>, String> {
    let parse = |text: &String| {
        let (name, usd) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}`: write `BUDGET=DOLLARS`, such as `team=19.5`"))?;
        if !config.budgets().iter().any(|budget| budget.name == name) {
            return Err(format!("the configuration has no budget `{name}`"));
        }
        // The price of a million tokens at so many dollars a million.
        let token = PicoUsd::per_token_from_usd_per_mtok(usd)
            .map_err(|_| format!("`{usd}` is no amount in dollars"))?;
        Ok((name.to_owned(), token.saturating_mul(1_000_000)))
    };
    spent.iter().map(parse).collect()
}

/// The budgets that the request is charged to; where one refused it, all.
fn budgets<'c>(router: &'c Router, routed: &Routed) -> Vec<&'c Budget> {
    let all = router.config().budgets();
    match routed {
        Routed::Forward(forward) => {
            let accounts = forward.tab().map_or(&[][..], |tab| &tab.accounts);
            accounts.iter().filter_map(|account| all.get(account.budget)).collect()
        }
        Routed::Reject(rejection) if rejection.code == "budget" => all.iter().collect(),
        Routed::Reject(_) => Vec::new(),
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the core has no clock; the command tells it the time")]
fn now() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}

/// The endpoint that a body of this shape is usually sent to. A hint for this command only: routing never guesses.
pub(crate) fn likely_path(body: &[u8]) -> &'static str {
    match serde_json::from_slice(body) {
        Ok(Hints { input: Some(_), .. }) => "/v1/responses",
        Ok(Hints { system, thinking, output_config, .. })
            if system.or(thinking).or(output_config).is_some() =>
        {
            "/v1/messages"
        }
        _ => "/v1/chat/completions",
    }
}

/// Members by which dialects are told apart.
#[derive(serde::Deserialize)]
struct Hints {
    input: Option<IgnoredAny>,
    system: Option<IgnoredAny>,
    thinking: Option<IgnoredAny>,
    output_config: Option<IgnoredAny>,
}

fn request(examined: &Examined) {
    let ask = &examined.ask;
    paint::fact("model", &examined.model);
    paint::fact("messages", &examined.messages.to_string());
    paint::fact("client", examined.client.name());
    paint::fact("step", ask.step.name());
    paint::fact("tokens", &format!("about {} in the prompt", examined.prompt_tokens.likely));
    let traits = ask.traits.names();
    paint::fact("holds", &if traits.is_empty() { "text only".to_owned() } else { traits.join(", ") });
    if let Some(effort) = ask.asked.effort {
        paint::fact("asks for", &format!("effort {effort}"));
    }
    match ask.judgement {
        Some(judgement) => {
            let difficulty = format!(
                "{} of 1000 (confidence {} of 1000)",
                judgement.difficulty.permille(),
                judgement.confidence
            );
            paint::fact("difficulty", &difficulty);
            paint::fact("task", judgement.task.name());
        }
        None => paint::fact("difficulty", "nothing to judge"),
    }
}

fn rejected(rejection: &Rejection) {
    paint::heading("decision");
    paint::fact("status", &rejection.status.to_string());
    paint::fact("body", &String::from_utf8_lossy(&rejection.body));
}

fn decision(config: &Config, body: &[u8], examined: Option<&Examined>, forward: &Forward) {
    let summary = forward.summary();
    paint::heading("decision");
    if let Some(alias) = &summary.alias {
        paint::fact("alias", alias);
        if let Some(alias) = config.alias(alias).filter(|alias| !alias.dial().thresholds().is_empty()) {
            paint::fact("dial", &bounds(alias.dial()));
        }
    }
    if let Some(tier) = &summary.tier {
        paint::fact("tier", tier);
    }
    paint::fact("reason", &summary.reason.to_string());
    if let Some(plan) = forward.sampling() {
        paint::fact("samples", &plan.to_string());
    }
    if let Some(unfit) = forward.not_sampled() {
        paint::fact("samples", &format!("asked once: {unfit}"));
    }
    if let Some(up) = forward.up() {
        paint::fact("next tier", up.summary().tier.as_deref().unwrap_or_default());
    }
    if let Some(examined) = examined.filter(|examined| !examined.obstacles.is_empty()) {
        let row = |(tier, target, obstacle): &(String, String, Option<pointsman::Obstacle>)| {
            let able = obstacle.map_or_else(|| "can".to_owned(), |obstacle| obstacle.to_string());
            vec![tier.clone(), target.clone(), able]
        };
        paint::table(&["tier", "target", "this request"], examined.obstacles.iter().map(row).collect());
    }
    for edit in forward.edits() {
        header(edit);
    }
    for (i, attempt) in forward.attempts().iter().enumerate() {
        let title = if i == 0 { "first".to_owned() } else { format!("if that fails ({})", i + 1) };
        paint::heading(&format!("{title}: {}", attempt.target));
        paint::fact("upstream", &format!("{}{}", attempt.upstream, attempt.path));
        if let Some(effort) = attempt.effort {
            paint::fact("effort", effort.name());
        }
        if !attempt.applied.is_empty() {
            paint::fact("fit rules", &attempt.applied.join(", "));
        }
        for edit in &attempt.edits {
            header(edit);
        }
        paint::fact("body", &body_line(body, attempt));
        for splice in &attempt.splices {
            let (before, after) = context(body, splice);
            let removed = String::from_utf8_lossy(body.get(splice.start..splice.end).unwrap_or_default());
            let added = String::from_utf8_lossy(&splice.with);
            paint::change(&format!("{before}[{removed}]{after}"), &format!("{before}[{added}]{after}"));
        }
    }
}

fn header(edit: &HeaderEdit) {
    match edit {
        HeaderEdit::Remove(name) => paint::fact("header", &format!("- {name}")),
        HeaderEdit::Set(name, value) => paint::fact("header", &format!("+ {name}: {value}")),
    }
}

fn body_line(body: &[u8], attempt: &Attempt) -> String {
    let changed: usize = attempt.splices.iter().map(|splice| splice.end - splice.start).sum();
    format!(
        "{} splices; {} of {} bytes stay as they are",
        attempt.splices.len(),
        body.len().saturating_sub(changed),
        body.len()
    )
}

/// A few bytes on both sides of a change, cut at character boundaries.
fn context(body: &[u8], splice: &BodySplice) -> (String, String) {
    const SIDE: usize = 24;
    let before = body.get(splice.start.saturating_sub(SIDE)..splice.start).unwrap_or_default();
    let after = body.get(splice.end..body.len().min(splice.end.saturating_add(SIDE))).unwrap_or_default();
    let clean = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\u{fffd}', "").replace('\n', "⏎");
    (clean(before), clean(after))
}

/// What a dial is set by, and the thresholds that come of it.
fn bounds(of: &Dial) -> String {
    let thresholds: Vec<u16> = of.thresholds().iter().map(|threshold| threshold.permille()).collect();
    match of.aim() {
        Aim::Thresholds => format!("thresholds {thresholds:?}"),
        _ => format!("{}, which is thresholds {thresholds:?}", dial::aim(of)),
    }
}

fn report(config: &Config, path: &str, body: &[u8], examined: Option<&Examined>, routed: &Routed) -> Value {
    let request = examined.map(|examined| {
        json!({
            "model": examined.model,
            "messages": examined.messages,
            "client": examined.client.name(),
            "step": examined.ask.step.name(),
            "prompt_tokens": examined.prompt_tokens.likely,
            "traits": examined.ask.traits.names(),
            "difficulty": examined.ask.judgement.map(|judgement| judgement.difficulty.permille()),
            "task": examined.ask.judgement.map(|judgement| judgement.task.name()),
            "confidence": examined.ask.judgement.map(|judgement| judgement.confidence),
            "rules": examined.rules.iter().map(|(name, unmet)| json!({
                "name": name, "holds": unmet.is_none(), "unmet": unmet,
            })).collect::<Vec<_>>(),
            "targets": examined.obstacles.iter().map(|(tier, target, obstacle)| json!({
                "tier": tier, "target": target, "obstacle": obstacle.map(|obstacle| obstacle.to_string()),
            })).collect::<Vec<_>>(),
        })
    });
    match routed {
        Routed::Reject(rejection) => json!({
            "path": path,
            "request": request,
            "reject": {
                "status": rejection.status,
                "code": rejection.code,
                "body": String::from_utf8_lossy(&rejection.body),
            },
        }),
        Routed::Forward(forward) => json!({
            "path": path,
            "request": request,
            "alias": forward.summary().alias,
            "dial": forward.summary().alias.as_deref().and_then(|alias| config.alias(alias)).map(|alias| {
                let thresholds = alias.dial().thresholds().iter().map(|threshold| threshold.permille());
                let mut report = dial::report(alias.dial());
                report["thresholds"] = json!(thresholds.collect::<Vec<_>>());
                report
            }),
            "tier": forward.summary().tier,
            "reason": forward.summary().reason.to_string(),
            "reason_code": forward.summary().reason.code(),
            "samples": forward.sampling().map(ToString::to_string),
            "asked_once": forward.not_sampled().map(|unfit| unfit.to_string()),
            "chain": forward.chain(),
            "attempts": forward.attempts().iter().map(|attempt| attempt_report(body, attempt)).collect::<Vec<_>>(),
        }),
    }
}

fn attempt_report(body: &[u8], attempt: &Attempt) -> Value {
    json!({
        "target": attempt.target,
        "upstream": attempt.upstream,
        "path": attempt.path,
        "effort": attempt.effort.map(pointsman::Effort::name),
        "rules": attempt.applied,
        "splices": attempt.splices.iter().map(|splice| json!({
            "start": splice.start,
            "end": splice.end,
            "removed": String::from_utf8_lossy(body.get(splice.start..splice.end).unwrap_or_default()),
            "with": String::from_utf8_lossy(&splice.with),
        })).collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&edit::apply(body, &attempt.splices)),
    })
}
