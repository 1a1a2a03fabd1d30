//! Budgets by the door's own calls: what is held, charged and given back, and what a refusal says.

use serde_json::{Value, json};

use crate::{door::Door, reply::Verb};

/// Midnight, in milliseconds since 1970.
pub(crate) const MIDNIGHT: u64 = 1_767_225_600_000;
pub(crate) const DAY: u64 = 86_400_000;

pub(crate) const HEAD: &[u8] =
    b"POST\nhttp://gateway.test/v1/chat/completions\ncontent-type\napplication/json";
pub(crate) const CHAT: &[u8] = include_bytes!("../../examples/data/request.json");
pub(crate) const ANSWER: &[u8] = br#"{"choices":[{"message":{"role":"assistant","content":"Hello."}}],
    "usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}"#;

/// One answer costs 0.0003 dollars on the lower tier, ten times as much on the upper one.
fn door(budget: Value) -> Door {
    start(document(budget))
}

pub(crate) fn document(budget: Value) -> Value {
    let mut document = json!({
        "version": 1,
        "providers": { "own": { "base_url": "http://127.0.0.1:9/v1", "speaks": ["chat"], "auth": "none" } },
        "models": {
            "own/small": { "usd_per_mtok": { "input": 1, "output": 10 } },
            "own/large": { "usd_per_mtok": { "input": 10, "output": 100 } },
        },
        "ladders": { "l": {
            "tiers": [{ "name": "low", "targets": ["own/small"] }, { "name": "top", "targets": ["own/large"] }],
            "thresholds": [1000], "default_tier": "low",
        } },
        "aliases": { "auto": "l" },
        "override": ["tier"],
        "passthrough": { "chat": "own" },
        "budgets": [{ "name": "team", "usd": 0.0009, "window": "day" }],
    });
    for (key, value) in budget.as_object().expect("settings") {
        document["budgets"][0][key] = value.clone();
    }
    document
}

pub(crate) fn start(document: Value) -> Door {
    let mut door = Door::default();
    let (verb, lines) = Verb::read(&door.settle(document.to_string().as_bytes()));
    assert_eq!(verb, Some(Verb::Settled), "{lines:?}");
    door.keys(b"");
    door
}

/// A number of a reply's beginning.
pub(crate) fn word(reply: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(reply.as_chunks::<4>().0[at])
}

/// The verb, the exchange's number and the lines of what the door says to a request.
fn ask(door: &mut Door, head: &[u8], now: u64) -> (u32, u32, Vec<String>) {
    let reply = door.open(head, Some(CHAT), now);
    (word(&reply, 2), word(&reply, 3), Verb::read(&reply).1)
}

/// A request that is let in; its number.
fn begin(door: &mut Door, now: u64) -> u32 {
    let (verb, number, lines) = ask(door, HEAD, now);
    assert_eq!(verb, Verb::Send as u32, "{lines:?}");
    number
}

fn end(door: &mut Door, number: u32, answer: &[u8], how: u32) -> Value {
    if !answer.is_empty() {
        door.answered(number, b"200\ncontent-type\napplication/json", MIDNIGHT);
    }
    let ending = door.finish(number, answer, how, false, MIDNIGHT);
    serde_json::from_str(&ending.line.expect("a line")).expect("JSON")
}

fn refused(door: &mut Door, now: u64) -> Vec<String> {
    let (verb, number, lines) = ask(door, HEAD, now);
    assert_eq!(verb, Verb::Answer as u32, "{lines:?}");
    let said = door.said().expect("an answer");
    assert_eq!(said.status, 429);
    let body: Value = serde_json::from_slice(&said.body).expect("JSON");
    assert_eq!(body["error"]["code"], "pointsman_budget");
    assert_eq!(end(door, number, b"", 0)["reason"], "budget team is spent");
    lines
}

#[test]
fn a_spent_budget_is_a_429_until_the_next_day() {
    let mut door = door(json!({}));
    for _ in 0..3 {
        let number = begin(&mut door, MIDNIGHT);
        assert_eq!(end(&mut door, number, ANSWER, 0)["cost_usd"], "0.0003");
    }
    let headers = ["content-type", "application/json", "retry-after", "86400", "x-should-retry", "false"];
    assert_eq!(refused(&mut door, MIDNIGHT), headers);
    assert_eq!(refused(&mut door, MIDNIGHT + DAY - 1)[3], "1");
    begin(&mut door, MIDNIGHT + DAY);
}

#[test]
fn what_is_under_way_is_held_and_given_back() {
    // What is expected of one, the 64 tokens that the client allows, is more than there is.
    let mut door = door(json!({ "usd": 0.0005 }));
    let number = begin(&mut door, MIDNIGHT);
    refused(&mut door, MIDNIGHT);
    // No connection was made: nothing is charged.
    let reply = door.failed(number, 0, MIDNIGHT);
    assert_eq!(word(&reply, 2), Verb::Answer as u32);
    end(&mut door, number, b"", 1);
    let number = begin(&mut door, MIDNIGHT);
    end(&mut door, number, ANSWER, 0);
    // Left while the provider was at work: it is charged as expected.
    let number = begin(&mut door, MIDNIGHT);
    end(&mut door, number, b"", 1);
    refused(&mut door, MIDNIGHT);
}

#[test]
fn near_its_end_the_top_is_closed_and_what_is_not_routed_is_refused_with_the_rest() {
    let mut door = door(json!({ "near": 0.3 }));
    let top = [HEAD, b"\nx-pointsman-tier\ntop"].concat();
    let number = begin(&mut door, MIDNIGHT);
    end(&mut door, number, ANSWER, 0);
    let (verb, number, _) = ask(&mut door, &top, MIDNIGHT);
    assert_eq!(verb, Verb::Send as u32);
    let line = end(&mut door, number, ANSWER, 0);
    assert_eq!((&line["tier"], &line["target"]), (&json!("low"), &json!("own/small")));
    assert_eq!(line["reason"], "budget team is nearly spent, the top is closed");
    let number = begin(&mut door, MIDNIGHT);
    end(&mut door, number, ANSWER, 0);
    let packed = [HEAD, b"\ncontent-encoding\nbr"].concat();
    let (verb, ..) = ask(&mut door, &packed, MIDNIGHT);
    assert_eq!(verb, Verb::Answer as u32);
    assert_eq!(door.said().expect("an answer").status, 429);
}
