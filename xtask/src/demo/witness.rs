//! What the providers saw: a death, and nothing that they should not have seen.

use pointsman::Dialect;

use super::{
    ledger::Row,
    play::{Exchange, Played},
    stage::{Stage, key_of},
};

/// The key that the bundled requests carry. It is meant for the gateway, and no provider ever sees it.
const CLIENT_KEY: &str = "sk-demo-client";

/// Requests whose first target was dead.
pub(crate) fn rescued<'a>(played: &'a Played, dead: &str) -> Vec<&'a Exchange> {
    let orphaned = |exchange: &&Exchange| {
        let first = exchange.plan.targets.first().and_then(|(target, _)| target.split('/').next());
        exchange.orphaned && first == Some(dead)
    };
    played.exchanges.iter().filter(orphaned).collect()
}

/// The dead provider must have had its share before, and its requests must have been answered by others since. Which
/// one, with which key and model, was looked at when the answer came.
pub(crate) fn outage(stage: &Stage, played: &Played, rows: &[Row], dead: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let prefix = format!("{dead}/");
    let before = played.exchanges.iter().filter(|exchange| !exchange.orphaned).count();
    let (early, late) = rows.split_at(before);
    if !early.iter().any(|row| row.model.starts_with(&prefix)) {
        faults.push(format!("{dead} answered nothing while it was alive"));
    }
    if let Some(row) = late.iter().find(|row| row.model.starts_with(&prefix)) {
        faults.push(format!("{}: answered by {dead}, which is dead", row.id));
    }
    let rescued = rescued(played, dead);
    for dialect in Dialect::ALL {
        if !rescued.iter().any(|exchange| exchange.dialect == dialect) {
            faults.push(format!("no {} request had to go round the dead {dead}", dialect.name()));
        }
    }
    if !late.iter().any(|row| row.attempts > 1) {
        faults.push("no request needed a second attempt".to_owned());
    }
    // The dead one's last request is older than its death.
    let answered = early.iter().filter(|row| row.model.starts_with(&prefix)).count();
    let seen = stage.providers.get(dead).map_or(0, |provider| provider.requests().len());
    if seen != answered {
        faults.push(format!("{dead} saw {seen} requests and answered {answered}"));
    }
    faults
}

/// No key goes astray, and every provider is reached by HTTP/2 over TLS under its name.
pub(crate) fn wire(stage: &Stage) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, seen) in stage.seen() {
        for (header, value) in &seen.headers {
            let value = String::from_utf8_lossy(value);
            if value.contains(CLIENT_KEY) {
                faults.push(format!("{name} saw the client's key in {header}"));
            }
            let others = stage.providers.keys().filter(|other| other.as_str() != name);
            for other in others.filter(|other| value.contains(&key_of(other))) {
                faults.push(format!("{name} saw the key of {other} in {header}"));
            }
            if header.starts_with("x-pointsman-") || header.starts_with("x-envoy-") {
                faults.push(format!("{name} saw {header}"));
            }
        }
        if stage.host.asks_by_http2() && !format!("{:?}", seen.version).contains("HTTP/2") {
            faults.push(format!("{name} was asked by {:?}", seen.version));
        }
        if seen.sni.as_deref() != Some("localhost") {
            faults.push(format!("{name} was called {:?} in the TLS handshake", seen.sni));
        }
    }
    faults.sort();
    faults.dedup();
    faults
}
