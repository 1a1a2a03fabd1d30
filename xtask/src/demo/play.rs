//! Sends the bundled requests through a stage, one after the other, and looks at every answer.

use std::collections::BTreeMap;

use live::Failure;
use pointsman::{Dialect, Opened, RequestHead, Routed};
use pointsman_sim::Seen;

use super::{
    answer,
    client::{Answer, Client},
    requests::Bundle,
    stage::{Stage, key_of},
};

/// Most requests of one conversation.
const STEPS: usize = 8;

/// What is sent, and what happens meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    pub(crate) bundles: &'a [Bundle],
    /// Before the bundle of this number, the provider of this name dies.
    pub(crate) death: Option<(usize, &'a str)>,
    /// A tier for each bundle, by the header that the operator allows.
    pub(crate) tiers: Option<&'a [String]>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// Name of the bundle, with the number of the step in a conversation.
    pub(crate) id: String,
    pub(crate) bundle: usize,
    pub(crate) dialect: Dialect,
    pub(crate) stream: bool,
    pub(crate) answer: Answer,
    /// What the core says in this process, without the host.
    pub(crate) plan: Plan,
    /// It was sent after the death.
    pub(crate) orphaned: bool,
}

/// What ought to happen to a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) tier: String,
    pub(crate) reason: String,
    /// Targets in order, and the model's name on the wire.
    pub(crate) targets: Vec<(String, String)>,
}

/// Exchanges in order, and what was wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) faults: Vec<String>,
}

/// Sends everything.
///
/// # Errors
/// Where the host itself does not answer. What is wrong with an answer is among the faults.
pub(crate) async fn play(
    stage: &Stage,
    script: Script<'_>,
    mut tell: impl FnMut(usize, &str),
) -> Result<Played, Failure> {
    let mut played = Played::default();
    let mut client = Client::new(stage.host.address());
    for (i, bundle) in script.bundles.iter().enumerate() {
        if let Some((at, name)) = script.death
            && at == i
            && let Some(provider) = stage.providers.get(name)
        {
            provider.stop().await;
        }
        tell(i, &bundle.id);
        let death = script.death.filter(|(at, _)| i >= *at).map(|(_, name)| name);
        let tier = script.tiers.and_then(|tiers| tiers.get(i));
        converse(stage, &mut client, (i, bundle), death, tier, &mut played).await?;
    }
    Ok(played)
}

/// One request; where it offers tools that answer, the whole conversation.
async fn converse(
    stage: &Stage,
    client: &mut Client,
    (number, bundle): (usize, &Bundle),
    dead: Option<&str>,
    tier: Option<&String>,
    played: &mut Played,
) -> Result<(), Failure> {
    let (dialect, stream) = (bundle.dialect(), bundle.streams());
    let mut headers: Vec<(String, String)> = bundle.headers.clone().into_iter().collect();
    headers.extend(tier.map(|tier| ("x-pointsman-tier".to_owned(), tier.clone())));
    let mut body = bundle.body.clone();
    let mut called: BTreeMap<String, usize> = BTreeMap::new();
    for step in 1..=STEPS {
        let bytes = body.to_string().into_bytes();
        let plan = plan(stage, &bundle.path, &headers, &bytes);
        let answer = client.post(&bundle.path, &headers, &bytes).await?;
        let loops = !bundle.results.is_empty();
        let id = if loops { format!("{} {step}", bundle.id) } else { bundle.id.clone() };
        let exchange =
            Exchange { id, bundle: number, dialect, stream, answer, plan, orphaned: dead.is_some() };
        let said = examine(stage, &exchange, dead).await;
        played.exchanges.push(exchange.clone());
        let said = match said {
            Ok(said) => said,
            Err(fault) => {
                played.faults.push(format!("{}: {fault}", exchange.id));
                return Ok(());
            }
        };
        if !loops || said.calls.is_empty() {
            return Ok(());
        }
        body = answer::next(dialect, &body, &said, |tool| {
            let turn = called.entry(tool.to_owned()).or_default();
            *turn += 1;
            let results = bundle.results.get(tool).map_or(&[][..], Vec::as_slice);
            results
                .get(*turn - 1)
                .or_else(|| results.last())
                .cloned()
                .unwrap_or_else(|| format!("no tool {tool}"))
        });
    }
    played.faults.push(format!("{}: the conversation has no end", bundle.id));
    Ok(())
}

/// The answer must be in the client's dialect, from the target whose turn it was, with that one's key and model, and
/// byte for byte what was sent.
async fn examine(stage: &Stage, exchange: &Exchange, dead: Option<&str>) -> Result<answer::Said, String> {
    let answer = &exchange.answer;
    if answer.status != 200 {
        let text = String::from_utf8_lossy(&answer.body);
        return Err(format!("status {}: {}", answer.status, text.chars().take(400).collect::<String>()));
    }
    let kind = if exchange.stream { "text/event-stream" } else { "application/json" };
    if !answer.header("content-type").starts_with(kind) {
        return Err(format!("content-type is {}, not {kind}", answer.header("content-type")));
    }
    let said = answer::read(exchange.dialect, exchange.stream, &answer.body)?;
    if exchange.stream && answer.pieces < 3 {
        return Err(format!("a stream came in {} pieces: somebody held it back", answer.pieces));
    }
    if stage.providers.is_empty() {
        return Ok(said);
    }
    let alive = |target: &str| dead.is_none_or(|dead| target.split('/').next() != Some(dead));
    let expected = exchange.plan.targets.iter().find(|(target, _)| alive(target));
    let (target, model) = expected.ok_or("the core has no target for it")?;
    for (header, wanted) in [
        ("x-pointsman-model", target),
        ("x-pointsman-tier", &exchange.plan.tier),
        ("x-pointsman-reason", &exchange.plan.reason),
    ] {
        if answer.header(header) != wanted {
            return Err(format!("{header} is `{}`, the core says `{wanted}`", answer.header(header)));
        }
    }
    let provider = stage.provider_of(target).ok_or("its provider is not on the stage")?;
    let seen = finished(provider).await.ok_or("its provider has not answered it")?;
    if seen.model() != *model {
        return Err(format!("{target} was asked for the model `{}`, not `{model}`", seen.model()));
    }
    let key = key_of(provider.name());
    let bearer = format!("Bearer {key}");
    if seen.header("authorization") != Some(&bearer) && seen.header("x-api-key") != Some(&key) {
        return Err(format!("{target} was not shown its own key"));
    }
    if seen.sent != answer.body {
        return Err(format!("{} bytes were sent, {} others arrived", seen.sent.len(), answer.body.len()));
    }
    Ok(said)
}

/// The provider's newest request, once its answer is out. The end of an answer reaches the client before it is noted.
async fn finished(provider: &pointsman_sim::Provider) -> Option<Seen> {
    for _ in 0..200 {
        if let Some(seen) = provider.last().filter(|seen| seen.finished) {
            return Some(seen);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    None
}

/// Asks the core in this process.
fn plan(stage: &Stage, path: &str, headers: &[(String, String)], body: &[u8]) -> Plan {
    let pairs: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &pairs };
    let Opened::NeedBody(pending) = stage.router.open(&head) else { return Plan::default() };
    let Routed::Forward(forward) = pending.route(&stage.router, body) else { return Plan::default() };
    let targets = forward.attempts().iter();
    Plan {
        tier: forward.summary().tier.clone().unwrap_or_default(),
        reason: forward.summary().reason.to_string(),
        targets: targets
            .map(|attempt| (attempt.target.clone(), attempt.model.clone().unwrap_or_default()))
            .collect(),
    }
}
