//! What budgets do to decisions, how they are charged, and how a wrong one is blamed.

use pointsman::{Account, Config, Ledger, Opened, PicoUsd, Purse, RequestHead, ResponseHead, Routed, Router};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// 2026-11-27 18:48:09 UTC.
const NOW: u64 = 1_795_805_289;

const HOUR: u64 = 3600;

fn digest(token: &str) -> String {
    let hex: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Three tiers; what is asked by `want` goes to the tier of that name.
fn document(budgets: Value) -> Value {
    json!({
        "version": 1,
        "ladders": { "default": { "tiers": [
            { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash"] },
            { "name": "mid", "targets": ["deepseek/deepseek-v4-pro"] },
            { "name": "frontier", "targets": ["anthropic/claude-opus-5-5"] }
        ], "thresholds": [0, 0] } },
        "aliases": { "auto": "default", "other": "default" },
        "override": ["tier", "target"],
        "passthrough": { "messages": "anthropic", "chat": "openai" },
        "callers": { "ada": digest("a"), "bob": digest("b") },
        "budgets": budgets
    })
}

fn router(budgets: Value) -> Router {
    let document = document(budgets).to_string();
    Router::new(Config::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{error}")))
}

fn body(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 900, "messages": [{ "role": "user", "content": "hi" }] })
}

fn dollars(usd: u64) -> PicoUsd {
    PicoUsd::from_pico(usd * 1_000_000_000_000)
}

/// A request of this caller, held against what `spent` says.
fn ask(
    router: &Router,
    token: &str,
    headers: &[(&str, &str)],
    body: &Value,
    now: u64,
    spent: impl FnMut(&Account) -> PicoUsd,
) -> Routed {
    ask_at(router, "/v1/messages", token, headers, body, now, spent)
}

fn ask_at(
    router: &Router,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: &Value,
    now: u64,
    spent: impl FnMut(&Account) -> PicoUsd,
) -> Routed {
    let headers: Vec<(&str, &[u8])> =
        [("x-api-key", token)].iter().chain(headers).map(|(name, value)| (*name, value.as_bytes())).collect();
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers: &headers };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    let body = body.to_string();
    pending.read(body.as_bytes()).afford(router, now, spent).route(router, None, Some(now))
}

/// Tier and reason, or status and code.
fn outcome(routed: &Routed) -> (String, String) {
    match routed {
        Routed::Forward(forward) => {
            let summary = forward.summary();
            (summary.tier.clone().unwrap_or_default(), summary.reason.to_string())
        }
        Routed::Reject(rejection) => (rejection.status.to_string(), rejection.code.to_owned()),
    }
}

/// Closed from here on, so that what budgets close is seen.
const TOP: [(&str, &str); 1] = [("x-pointsman-tier", "frontier")];

#[test]
fn near_the_limit_the_top_is_closed_and_at_the_limit_nothing_is_let_in() {
    let router = router(json!([{ "name": "team", "usd": 20, "window": "day", "near": 0.8 }]));
    for (spent, expected) in [
        (0, ("frontier", "override by x-pointsman-tier")),
        (15, ("frontier", "override by x-pointsman-tier")),
        (16, ("mid", "budget team is nearly spent, the top is closed")),
        (19, ("mid", "budget team is nearly spent, the top is closed")),
        (20, ("429", "budget")),
        (21, ("429", "budget")),
    ] {
        let routed = ask(&router, "a", &TOP, &body("auto"), NOW, |_| dollars(spent));
        assert_eq!(outcome(&routed), (expected.0.to_owned(), expected.1.to_owned()), "{spent}");
    }
    // Who would go lower anyway is not concerned.
    let low = [("x-pointsman-tier", "cheap")];
    let routed = ask(&router, "a", &low, &body("auto"), NOW, |_| dollars(19));
    assert_eq!(outcome(&routed).1, "override by x-pointsman-tier");
    // By difficulty, by a header that names a target: closed is closed.
    for headers in [&[][..], &[("x-pointsman-target", "anthropic/claude-opus-5-5")]] {
        let routed = ask(&router, "a", headers, &body("auto"), NOW, |_| dollars(19));
        assert_eq!(outcome(&routed).0, "mid", "{headers:?}");
    }
}

#[test]
fn near_closes_as_many_tiers_as_said_but_never_the_last() {
    for (closes, tier) in [(1, "mid"), (2, "cheap"), (15, "cheap")] {
        let budgets = json!([
            { "name": "team", "usd": 20, "window": "day", "near": 0.5, "near_closes": closes }
        ]);
        let routed = ask(&router(budgets), "a", &TOP, &body("auto"), NOW, |_| dollars(10));
        assert_eq!(outcome(&routed).0, tier, "{closes}");
    }
}

#[test]
fn what_no_lower_tier_can_serve_still_goes_up_near_the_limit() {
    let router =
        router(json!([{ "name": "team", "usd": 20, "window": "day", "near": 0.5, "near_closes": 2 }]));
    let picture =
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } });
    let body = json!({ "model": "auto", "max_tokens": 9, "messages": [
        { "role": "user", "content": [picture, { "type": "text", "text": "what is it?" }] }
    ] });
    let routed = ask(&router, "a", &[], &body, NOW, |_| dollars(10));
    let (tier, reason) = outcome(&routed);
    assert_ne!(tier, "429");
    if tier != "cheap" {
        assert!(reason.contains("cannot"), "{tier}: {reason}");
    }
}

#[test]
fn a_spent_budget_may_leave_the_lowest_tier_open() {
    let mut document =
        document(json!([{ "name": "team", "usd": 20, "window": "day", "at_limit": "cheapest" }]));
    document["models"] = json!({ "minimax/MiniMax-M3.1-Flash": { "context": 2000 } });
    let router = Router::new(Config::from_json(document.to_string().as_bytes()).unwrap());
    let spent = |_: &Account| dollars(20);
    let routed = ask(&router, "a", &TOP, &body("auto"), NOW, spent);
    let expected = ("cheap".to_owned(), "budget team is spent, the lowest tier alone is open".to_owned());
    assert_eq!(outcome(&routed), expected);
    // Its lowest tier takes no such prompt: nothing dearer is used instead.
    let mut long = body("auto");
    long["messages"][0]["content"] = json!("many words ".repeat(2000));
    let routed = ask(&router, "a", &TOP, &long, NOW, |_| dollars(19));
    assert_eq!(outcome(&routed).0, "frontier");
    let Routed::Reject(rejection) = ask(&router, "a", &TOP, &long, NOW, spent) else {
        panic!("served beyond the budget")
    };
    assert_eq!((rejection.status, rejection.code), (429, "budget"));
    assert!(String::from_utf8_lossy(&rejection.body).contains("the lowest tier, which alone is open"));
    // What is not routed has no tiers.
    let routed = ask(&router, "a", &[], &body("claude-opus-4-8"), NOW, spent);
    assert!(matches!(routed, Routed::Forward(_)));
}

#[test]
fn a_refusal_says_when_it_ends_in_each_dialect() {
    let router = router(json!([
        { "name": "team", "usd": 20, "window": "day" },
        { "name": "all", "usd": 0.5, "window": "month" }
    ]));
    for (path, body) in [
        ("/v1/messages", body("auto")),
        ("/v1/chat/completions", body("auto")),
        ("/v1/responses", json!({ "model": "auto", "input": "hi" })),
    ] {
        let Routed::Reject(rejection) = ask_at(&router, path, "a", &[], &body, NOW, |_| dollars(20)) else {
            panic!("{path}")
        };
        assert_eq!((rejection.status, rejection.code), (429, "budget"), "{path}");
        let error: Value = serde_json::from_slice(&rejection.body).unwrap();
        // Both are spent: the one that lasts longest counts.
        let message =
            "the budget `all` of $0.5 a month is spent; it begins anew at 2026-12-01 00:00 UTC, in 3 d 5 h";
        assert_eq!(error["error"]["message"], message, "{path}");
        if path == "/v1/messages" {
            assert_eq!(error["error"]["type"], "rate_limit_error");
        } else {
            assert_eq!(error["error"]["type"], "insufficient_quota");
            assert_eq!(error["error"]["code"], "pointsman_budget");
        }
        let header = |name| rejection.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert_eq!(header("x-should-retry"), "false");
        assert_eq!(header("retry-after").parse::<u64>().unwrap(), 1_796_083_200 - NOW);
        assert_eq!(rejection.about.as_deref(), Some("budget all is spent"));
    }
}

#[test]
fn accounts_are_kept_apart_as_said() {
    let router = router(json!([
        { "name": "all", "usd": 1, "window": "day" },
        { "name": "each", "usd": 1, "window": "day", "per": "caller" },
        { "name": "pair", "usd": 1, "window": "month", "per": ["caller", "alias"] },
        { "name": "ada", "usd": 1, "window": "day", "caller": "ada" },
        { "name": "auto", "usd": 1, "window": "day", "alias": ["auto"] }
    ]));
    let accounts = |token: &str, model: &str| {
        let mut seen = Vec::new();
        ask(&router, token, &[], &body(model), NOW, |account| {
            seen.push((account.budget, account.key));
            PicoUsd::ZERO
        });
        seen
    };
    let budgets = |token: &str, model: &str| -> Vec<usize> {
        accounts(token, model).into_iter().map(|(budget, _)| budget).collect()
    };
    assert_eq!(budgets("a", "auto"), [0, 1, 2, 3, 4]);
    assert_eq!(budgets("b", "auto"), [0, 1, 2, 4]);
    assert_eq!(budgets("b", "other"), [0, 1, 2]);
    assert_eq!(budgets("a", "not-routed"), [0, 1, 3]);
    let key = |token: &str, model: &str, budget: usize| {
        accounts(token, model).into_iter().find(|(known, _)| *known == budget).unwrap().1
    };
    assert_eq!(key("a", "auto", 0), key("b", "other", 0));
    assert_eq!(key("a", "auto", 1), key("a", "other", 1));
    assert_ne!(key("a", "auto", 1), key("b", "auto", 1));
    assert_ne!(key("a", "auto", 2), key("a", "other", 2));
    // Counting tokens is free.
    let count = ask_at(&router, "/v1/messages/count_tokens", "a", &[], &body("auto"), NOW, |_| dollars(9));
    assert!(matches!(count, Routed::Forward(forward) if forward.tab().is_none()));
}

#[test]
fn a_spent_budget_of_all_refuses_what_is_not_routed_or_not_read() {
    let router = router(json!([{ "name": "all", "usd": 1, "window": "day" }]));
    let routed = ask(&router, "a", &[], &body("claude-opus-4-8"), NOW, |_| dollars(1));
    assert_eq!(outcome(&routed), ("429".to_owned(), "budget".to_owned()));
    let headers: [(&str, &[u8]); 2] = [("content-encoding", b"gzip"), ("x-api-key", b"a")];
    let head = RequestHead { method: b"POST", path: b"/v1/messages", headers: &headers };
    let open = |spent| {
        let Opened::Forward(forward) = router.open(&head) else { panic!("it cannot be read") };
        outcome(&forward.afford(&router, NOW, |_| dollars(spent))).0
    };
    assert_eq!((open(0).as_str(), open(1).as_str()), ("", "429"));
}

/// Sends a request and answers it.
fn exchange(router: &Router, ledger: &mut Ledger, now: u64, answer: Option<&str>) -> Option<PicoUsd> {
    let routed = ask(router, "a", &[], &body("auto"), now, |account| ledger.weight(account));
    let Routed::Forward(forward) = routed else { return None };
    let tab = forward.tab().expect("a budget concerns it").clone();
    assert!(tab.estimate > PicoUsd::ZERO);
    ledger.hold(&tab);
    assert!(ledger.weight(&tab.accounts[0]) >= tab.estimate, "promised");
    let head =
        ResponseHead { status: 200, content_type: Some(b"application/json"), ..ResponseHead::default() };
    let charge = match answer {
        Some(answer) => {
            let mut metering = forward.respond(Some(&forward.attempts()[0].upstream), &head);
            metering.push(answer.as_bytes());
            metering.finish(router, Some(now)).charge()
        }
        None => PicoUsd::ZERO,
    };
    ledger.settle(&tab, charge);
    Some(charge)
}

fn usage(input: u64, output: u64) -> String {
    json!({ "type": "message", "usage": { "input_tokens": input, "output_tokens": output } }).to_string()
}

#[test]
fn what_is_not_reported_is_charged_by_estimate_and_an_error_is_not() {
    let router = router(json!([{ "name": "all", "usd": 1, "window": "day" }]));
    let Routed::Forward(forward) = ask(&router, "a", &[], &body("auto"), NOW, |_| PicoUsd::ZERO) else {
        panic!("served")
    };
    let upstream = forward.attempts()[0].upstream.clone();
    for (status, answer, estimated) in
        [(200, "{}", true), (200, "not JSON", true), (529, "{}", false), (200, &usage(9, 3), false)]
    {
        let head =
            ResponseHead { status, content_type: Some(b"application/json"), ..ResponseHead::default() };
        let mut metering = forward.respond(Some(&upstream), &head);
        metering.push(answer.as_bytes());
        let receipt = metering.finish(&router, Some(NOW));
        assert_eq!(receipt.estimated.is_some(), estimated, "{status} {answer}");
        let charged = receipt.charge() > PicoUsd::ZERO;
        assert_eq!(charged, status == 200, "{status} {answer}");
        if estimated {
            assert_eq!(receipt.charge(), forward.tab().unwrap().estimate, "the only target");
            assert_eq!(receipt.cost, None, "an estimate is no cost");
        }
    }
    // 900 tokens that the client allows, a handful in the prompt, at 5 and 25 dollars a million.
    let estimate = forward.tab().unwrap().estimate.pico();
    assert!((900 * 25_000_000 / 2..900 * 50_000_000).contains(&estimate), "{estimate}");
}

#[test]
fn windows_roll() {
    let router = router(json!([{ "name": "day", "usd": 0.001, "window": "day" }]));
    let mut ledger = Ledger::default();
    let charged = exchange(&router, &mut ledger, NOW, Some(&usage(1000, 1000)));
    assert!(charged > Some(PicoUsd::from_pico(1_000_000_000)));
    let (today, tomorrow) = (NOW + 5 * HOUR, NOW + 6 * HOUR);
    assert_eq!(exchange(&router, &mut ledger, today, Some(&usage(1, 1))), None, "still the same day");
    assert!(exchange(&router, &mut ledger, tomorrow, Some(&usage(1, 1))).is_some(), "a new one");
}

#[test]
fn a_request_of_yesterday_is_not_charged_to_today() {
    let account = |from| Account { budget: 0, key: 7, from, until: from + 24 * HOUR };
    let (yesterday, today) = (account(0), account(24 * HOUR));
    let mut purse = Purse::default();
    purse.hold(&yesterday, dollars(2));
    purse.hold(&today, dollars(1));
    purse.settle(&yesterday, dollars(2), dollars(3));
    assert_eq!((purse.weight(&today), purse.spent()), (dollars(1), PicoUsd::ZERO));
    assert_eq!(purse.weight(&yesterday), PicoUsd::ZERO, "over");
    purse.settle(&today, dollars(1), dollars(4));
    assert_eq!((purse.weight(&today), purse.spent()), (dollars(4), dollars(4)));
    assert_eq!(Purse::from_bytes(&purse.to_bytes()), Some(purse));
    assert_eq!(Purse::from_bytes(&purse.to_bytes()[1..]), None);
    assert_eq!(Purse::from_bytes(b""), None);
}

/// One of: a request begins, or the oldest one under way ends with this usage.
#[derive(Clone, Debug)]
enum Event {
    Begin,
    End(u64),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![Just(Event::Begin), (0..3_000_000_000u64).prop_map(Event::End)];
    prop::collection::vec((0..8 * HOUR, event), 1..60)
}

proptest! {
    /// Whatever happens in whatever order: a purse holds what the requests of its window cost, and what is promised to
    /// those under way; nothing is left promised at the end; no sum is ever below what it was in its window.
    #[test]
    fn the_sum_of_charges_is_that_of_the_receipts(events in events(), estimate in 0..3_000_000_000u64) {
        let window = |now: u64| now / (24 * HOUR) * 24 * HOUR;
        let account = |from| Account { budget: 0, key: 1, from, until: from + 24 * HOUR };
        let tab = |from| pointsman::Tab { accounts: vec![account(from)], estimate: PicoUsd::from_pico(estimate) };
        let mut ledger = Ledger::default();
        let (mut now, mut open, mut newest) = (0, std::collections::VecDeque::new(), None);
        let mut spent = std::collections::BTreeMap::<u64, u64>::new();
        for (pause, event) in events {
            now += pause;
            match event {
                Event::Begin => {
                    ledger.hold(&tab(window(now)));
                    open.push_back(window(now));
                    newest = Some(window(now));
                }
                Event::End(cost) => {
                    let Some(from) = open.pop_front() else { continue };
                    ledger.settle(&tab(from), PicoUsd::from_pico(cost));
                    *spent.entry(from).or_default() += cost;
                }
            }
            let Some(newest) = newest else { continue };
            let under_way = open.iter().filter(|from| **from == newest).count() as u64;
            let expected = spent.get(&newest).copied().unwrap_or_default() + under_way * estimate;
            prop_assert_eq!(ledger.weight(&account(newest)).pico(), expected);
        }
        for from in open {
            ledger.settle(&tab(from), PicoUsd::ZERO);
        }
        let kept: Vec<_> = ledger.purses().collect();
        prop_assert!(kept.len() <= 1);
        for (key, from, money) in kept {
            prop_assert_eq!(money.pico(), spent.get(&from).copied().unwrap_or_default());
            let mut again = Ledger::default();
            again.restore(key, from, money);
            prop_assert_eq!(again.weight(&account(from)), ledger.weight(&account(from)));
        }
    }

    #[test]
    fn any_bytes_of_a_store_are_a_purse_or_none(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Some(purse) = Purse::from_bytes(&bytes) {
            prop_assert_eq!(purse.to_bytes().to_vec(), bytes);
        }
    }
}

#[test]
fn wrong_budgets_are_blamed_by_their_place() {
    let error = |budgets: Value| {
        let text = document(budgets).to_string();
        let error = Config::from_json(text.as_bytes()).expect_err("it is wrong");
        format!("{}: {}", error.pointer, error.message)
    };
    let with = |key: &str, value: Value| {
        let mut budget = json!({ "name": "team", "usd": 20, "window": "day" });
        budget[key] = value;
        error(json!([budget]))
    };
    for (message, expected) in [
        (with("usd", json!(0)), "/budgets/0/usd: expected an amount in dollars above zero"),
        (with("usd", json!("20")), "/budgets/0/usd: expected an amount in dollars"),
        (with("usd", json!(0.0000001)), "/budgets/0/usd: expected an amount in dollars"),
        (with("usd", json!(1e12)), "/budgets/0/usd: expected an amount in dollars"),
        (with("window", json!("week")), "/budgets/0/window: unknown word `week`"),
        (with("per", json!("team")), "/budgets/0/per: unknown word `team`"),
        (with("caller", json!("eve")), "/budgets/0/caller: unknown caller `eve`"),
        (
            with("alias", json!(["auto", "atuo"])),
            "/budgets/0/alias/1: unknown alias `atuo`; did you mean `auto`?",
        ),
        (with("near", json!(1.2)), "/budgets/0/near: expected a share from 0 to 1"),
        (with("near_closes", json!(1)), "/budgets/0/near_closes: it does nothing without `near`"),
        (with("at_limit", json!("stop")), "/budgets/0/at_limit: unknown word `stop`"),
        (with("usdd", json!(1)), "/budgets/0/usdd: unknown key `usdd`; did you mean `usd`?"),
        (error(json!([{ "name": "a", "window": "day" }])), "/budgets/0: the key `usd` is missing"),
        (
            error(json!([
                { "name": "a", "usd": 1, "window": "day" },
                { "name": "a", "usd": 2, "window": "day" }
            ])),
            "/budgets/1: another budget is called `a` already",
        ),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
    let mut document = document(json!([{ "name": "a", "usd": 1, "window": "day", "per": "caller" }]));
    document.as_object_mut().unwrap().remove("callers");
    let error = Config::from_json(document.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.pointer, "/budgets/0/per");
}

#[test]
fn a_target_without_a_price_is_warned_of() {
    let mut document = document(json!([{ "name": "a", "usd": 1, "window": "day" }]));
    document["providers"] = json!({ "own": { "base_url": "http://127.0.0.1:1/v1", "speaks": ["chat"] } });
    document["models"] = json!({ "own/model": {} });
    document["ladders"]["default"]["tiers"][0]["targets"] = json!(["own/model"]);
    let config = Config::from_json(document.to_string().as_bytes()).unwrap();
    let warning = config.warnings().iter().find(|warning| warning.pointer == "/budgets").expect("a warning");
    assert!(warning.message.contains("`own/model`"), "{}", warning.message);
}
