//! What isolates share, by the doors' own calls: several of them with one store, which hears and answers when it is told to.

use std::collections::BTreeMap;

use pointsman::store;
use serde_json::{Value, json};

use crate::{
    door::Door,
    reply::Verb,
    spending::{ANSWER, CHAT, DAY, HEAD, MIDNIGHT, document, start, word},
};

/// A store of records, each with its name.
#[derive(Default)]
struct Store(BTreeMap<String, String>);

impl Store {
    /// Answers to names and questions in turn, the binding first; a line each.
    fn hear(&mut self, lines: &[String], now: u64) -> String {
        assert_eq!(lines[0], "STORE");
        let answer = |pair: &[String]| {
            let record = self.0.entry(pair[0].clone()).or_default();
            let served = store::serve(record, &pair[1], now / 1000).expect("a question");
            if let Some(text) = served.record {
                *record = text;
            }
            served.answer
        };
        lines[1..].chunks(2).map(answer).collect::<Vec<_>>().join("\n")
    }
}

fn isolate(budget: Value, worker: Value, seed: u64) -> Door {
    let mut document = document(budget);
    document["worker"] = json!({ "store": "STORE" });
    for (key, value) in worker.as_object().expect("settings") {
        document["worker"][key] = value.clone();
    }
    let mut door = start(document);
    door.seed(0, seed);
    door
}

/// What becomes of a reply, to the attempt or the answer: `None` for a store that does not answer.
fn follow(door: &mut Door, mut store: Option<&mut Store>, mut reply: Vec<u8>, now: u64) -> (u32, u32) {
    let number = word(&reply, 3);
    loop {
        let (verb, lines) = (word(&reply, 2), Verb::read(&reply).1);
        if verb == Verb::Ask as u32 {
            let answers = store.as_mut().map(|store| store.hear(&lines, now)).unwrap_or_default();
            reply = door.told(number, answers.as_bytes(), now);
        } else if verb == Verb::Body as u32 {
            reply = door.route(number, CHAT, now);
        } else if verb == Verb::Tell as u32 {
            store.as_mut().expect("somebody to tell").hear(&lines, now);
            reply = door.next(number, now);
        } else {
            return (verb, number);
        }
    }
}

/// A request; its number, where it is sent on.
fn begin(door: &mut Door, store: Option<&mut Store>, now: u64) -> Result<u32, u16> {
    let answers = store.is_some();
    let reply = door.open(HEAD, Some(CHAT), now);
    match follow(door, store, reply, now) {
        (verb, number) if verb == Verb::Send as u32 => Ok(number),
        (_, number) => {
            let status = door.said().expect("an answer").status;
            let tell = door.finish(number, b"", 0, false, now).tell;
            assert_eq!(tell.is_none(), answers, "where it answered, nothing was promised");
            Err(status)
        }
    }
}

/// The end of one; its line of the log.
fn end(door: &mut Door, store: Option<&mut Store>, number: u32, now: u64) -> Value {
    door.answered(number, b"200\ncontent-type\napplication/json", now);
    let ending = door.finish(number, ANSWER, 0, false, now);
    let tell = ending.tell.expect("the store is told");
    if let Some(store) = store {
        store.hear(&Verb::read(&tell).1, now);
    }
    serde_json::from_str(&ending.line.expect("a line")).expect("JSON")
}

#[test]
fn what_one_isolate_holds_and_spends_counts_in_the_other() {
    // One is expected to cost some 0.0009 dollars, and costs 0.0003.
    let budget = json!({ "usd": 0.0005 });
    let (mut store, mut one, mut other) =
        (Store::default(), isolate(budget.clone(), json!({}), 1), isolate(budget, json!({}), 1000));
    for now in [MIDNIGHT, MIDNIGHT + DAY] {
        let first = begin(&mut one, Some(&mut store), now).expect("there is money");
        assert_eq!(begin(&mut other, Some(&mut store), now), Err(429));
        end(&mut one, Some(&mut store), first, now);
        let second = begin(&mut other, Some(&mut store), now).expect("0.0003 of 0.0005");
        assert_eq!(begin(&mut one, Some(&mut store), now), Err(429));
        end(&mut other, Some(&mut store), second, now);
        assert_eq!(begin(&mut one, Some(&mut store), now), Err(429));
        let purses: Vec<&String> = store.0.values().collect();
        assert_eq!(purses, [&format!("1 {} 600000000", now / 1000)]);
    }
}

#[test]
fn who_is_not_answered_counts_alone_says_so_and_tells_it_when_it_is_over() {
    let mut store = Store::default();
    let mut door = isolate(json!({ "usd": 0.0005 }), json!({}), 1);
    let number = begin(&mut door, None, MIDNIGHT).expect("there is money");
    assert_eq!(begin(&mut door, None, MIDNIGHT), Err(429));
    let line = end(&mut door, Some(&mut store), number, MIDNIGHT);
    assert_eq!(line["details"], "store_unreachable");
    assert_eq!(store.0.into_values().collect::<Vec<_>>(), ["1 1767225600 300000000"]);
}

#[test]
fn near_its_end_the_decision_is_made_anew_and_what_is_held_is_put_right() {
    let budget = json!({ "usd": 1, "near": 0.5 });
    let mut store = Store::default();
    let mut door = isolate(budget, json!({}), 1);
    let top = [HEAD, b"\nx-pointsman-tier\ntop"].concat();
    let ask = |door: &mut Door, store: &mut Store| {
        let reply = door.open(&top, Some(CHAT), MIDNIGHT);
        assert_eq!(word(&reply, 2), Verb::Ask as u32);
        let (verb, number) = follow(door, Some(store), reply, MIDNIGHT);
        assert_eq!(verb, Verb::Send as u32);
        let held: u64 =
            store.0.values().next().and_then(|purse| purse.rsplit(' ').next()?.parse().ok()).expect("a hold");
        let line = end(door, Some(store), number, MIDNIGHT);
        (line["tier"].as_str().map(str::to_owned), held)
    };
    let (tier, dear) = ask(&mut door, &mut store);
    assert_eq!(tier.as_deref(), Some("top"));
    // Another isolate has spent the half of it.
    for purse in store.0.values_mut() {
        *purse = "1 1767225600 600000000000".to_owned();
    }
    let (tier, cheap) = ask(&mut door, &mut store);
    assert_eq!(tier.as_deref(), Some("low"));
    assert_eq!(dear, 10 * cheap, "ten times as dear");
    // The isolate knows it now, and need not decide twice.
    let reply = door.open(&top, Some(CHAT), MIDNIGHT);
    let answers = store.hear(&Verb::read(&reply).1, MIDNIGHT);
    let reply = door.told(word(&reply, 3), answers.as_bytes(), MIDNIGHT);
    assert_eq!(word(&reply, 2), Verb::Send as u32);
}

#[test]
fn what_is_sent_on_unread_is_held_against_the_store_too() {
    let mut store = Store::default();
    let mut door = isolate(json!({}), json!({}), 1);
    let packed = [HEAD, b"\ncontent-encoding\nbr"].concat();
    for (purse, expected) in [("1 1767225600 1", Verb::Send), ("1 1767225600 900000000", Verb::Answer)] {
        let reply = door.open(&packed, None, MIDNIGHT);
        let name = Verb::read(&reply).1[1].clone();
        store.0.insert(name, purse.to_owned());
        let (verb, number) = follow(&mut door, Some(&mut store), reply, MIDNIGHT);
        assert_eq!(verb, expected as u32, "{purse}");
        assert!(door.finish(number, b"", 0, false, MIDNIGHT).tell.is_none());
    }
}

#[test]
fn without_budgets_nobody_is_asked() {
    let mut document = document(json!({}));
    document["budgets"] = json!([]);
    document["worker"] = json!({ "store": "STORE" });
    let mut door = start(document);
    let reply = door.open(HEAD, Some(CHAT), MIDNIGHT);
    assert_eq!(word(&reply, 2), Verb::Send as u32);
    door.answered(word(&reply, 3), b"200\ncontent-type\napplication/json", MIDNIGHT);
    assert!(door.finish(word(&reply, 3), ANSWER, 0, false, MIDNIGHT).tell.is_none());
}
