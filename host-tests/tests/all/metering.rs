//! The bill: any pieces and any end of an answer give the same one, and the answer passes unchanged.

use host_tests::proxy_wasm::{Answer, Envoy, Outcome, Quirks};

use crate::setup::{ANSWER, CHAT, chat, document, envoy};

const STREAM: &str = concat!(
    "data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"H\u{e9}llo\"}}],\"usage\":null}\n\n",
    ": a comment\r\n\r\n",
    "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":50,",
    "\"prompt_tokens_details\":{\"cached_tokens\":400},\"completion_tokens_details\":{\"reasoning_tokens\":30}}}\n\n",
    "data: [DONE]\n\n",
);

fn bill(outcome: &Outcome) -> [Option<&str>; 6] {
    ["target", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "baseline_usd"]
        .map(|name| outcome.noted(name))
}

#[test]
fn an_answer_is_billed_at_the_targets_price_and_at_the_baselines() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat(), |_, _| Answer::json(200, ANSWER));
    // 100 tokens at 1 $ and 20 at 10 $ a million; the baseline is the last tier's: 5 $ and 50 $.
    assert_eq!(outcome.noted("cost_usd"), Some("0.0003"));
    assert_eq!(outcome.noted("baseline_usd"), Some("0.0015"));
    let metrics = envoy.metrics();
    let of = |name: &str| metrics.get(&format!("{name}target=alpha/small")).copied();
    assert_eq!(of("pointsman_tokens.kind=input."), Some(100));
    assert_eq!(of("pointsman_tokens.kind=output."), Some(20));
    assert_eq!(of("pointsman_cost_picodollars."), Some(300_000_000));
    assert_eq!(of("pointsman_baseline_picodollars."), Some(1_500_000_000));
    assert_eq!(of("pointsman_saved_picodollars."), Some(1_200_000_000));
    assert_eq!(of("pointsman_overspent_picodollars."), None);
    assert_eq!(of("pointsman_unreported."), None);
}

#[test]
fn the_dearest_tier_saves_nothing() {
    let mut envoy = envoy();
    envoy.exchange(chat().header("x-pointsman-tier", "best"), |_, _| Answer::json(200, ANSWER));
    let metrics = envoy.metrics();
    let cost = metrics["pointsman_cost_picodollars.target=beta/large"];
    assert_eq!(cost, metrics["pointsman_baseline_picodollars.target=beta/large"]);
    assert!(!metrics.contains_key("pointsman_saved_picodollars.target=beta/large"));
}

#[test]
fn any_pieces_of_a_stream_give_the_same_bill() {
    let mut bills = Vec::new();
    for response_chunk in [usize::MAX, 1, 2, 3, 17, 64] {
        for end_apart in [false, true] {
            let quirks = Quirks { response_chunk, end_apart, ..Quirks::default() };
            let outcome = Envoy::with(&document(), quirks).exchange(chat(), |_, _| Answer::events(STREAM));
            assert_eq!(outcome.body, STREAM.as_bytes());
            bills.push(bill(&outcome).map(|word| word.map(str::to_owned)));
        }
    }
    assert_eq!(bills[0][..4], ["alpha/small", "1000", "400", "50"].map(|word| Some(word.to_owned())));
    assert!(bills.iter().all(|bill| *bill == bills[0]), "{bills:?}");
}

#[test]
fn an_answer_that_ends_with_trailers_or_not_at_all_is_billed() {
    let expected = envoy().exchange(chat(), |_, _| Answer::events(STREAM));
    for answer in [Answer::events(STREAM).with_trailers(), Answer::events(STREAM).cut_off()] {
        let mut envoy = envoy();
        let outcome = envoy.exchange(chat(), |_, _| answer.clone());
        assert_eq!(bill(&outcome), bill(&expected), "{answer:?}");
        assert_eq!(envoy.metrics()["pointsman_tokens.kind=reasoning.target=alpha/small"], 30);
    }
}

#[test]
fn an_answer_without_usage_is_counted_as_unreported_and_not_as_free() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat(), |_, _| Answer::json(200, "{}"));
    assert_eq!(bill(&outcome), [Some("alpha/small"), None, None, None, None, None]);
    assert_eq!(envoy.metrics()["pointsman_unreported.target=alpha/small"], 1);
}

#[test]
fn an_error_is_not_unreported_usage() {
    let mut envoy = envoy();
    let outcome = envoy.exchange(chat(), |_, _| Answer::json(400, "{}"));
    assert_eq!(outcome.status, 400);
    assert!(!envoy.metrics().contains_key("pointsman_unreported.target=alpha/small"));
}

#[test]
fn garbage_for_an_answer_passes_unchanged() {
    let mut envoy = envoy();
    let garbage: Vec<u8> = (0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for answer in [Answer::events(garbage.clone()), Answer::json(200, garbage.clone())] {
        let outcome = envoy.exchange(chat(), |_, _| answer.clone());
        assert_eq!((outcome.status, outcome.body == garbage), (200, true));
    }
    let status =
        vec![(":status".to_owned(), b"\xff".to_vec()), ("content-type".to_owned(), b"\xff".to_vec())];
    let odd = Answer::Full { headers: status, body: garbage.clone(), trailers: false, cut: false };
    assert_eq!(envoy.exchange(chat(), |_, _| odd.clone()).body, garbage);
}

/// A stream whose client asked for no usage can be billed all the same, where the operator wants it.
#[test]
fn a_stream_is_asked_for_its_usage() {
    let mut document = document();
    document["stream_usage"] = serde_json::json!(true);
    let body = CHAT.replace("\"auto\"", "\"auto\",\"stream\":true");
    let request = host_tests::proxy_wasm::Request::post("/v1/chat/completions", body);
    let outcome = Envoy::start(&document).exchange(request, |_, _| Answer::events(STREAM));
    let sent: serde_json::Value = serde_json::from_slice(&outcome.sent[0].body).expect("JSON");
    assert_eq!(sent["stream_options"]["include_usage"], true);
}
