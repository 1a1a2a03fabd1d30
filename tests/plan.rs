//! A plan carries each attempt's edits to where the attempt is made, and nothing is lost on the way.

use pointsman::{
    BodySplice, Config, Forward, Opened, RequestHead, Routed, Router, edit,
    plan::{self, BodyLength},
};
use proptest::prelude::*;

const CONFIG: &str = r#"{
    "version": 1,
    "ladders": { "default": { "tiers": [
        { "name": "only", "effort": "high", "targets": [
            "minimax/MiniMax-M3.1-Flash",
            "anthropic/claude-opus-4-6",
            { "target": "deepseek/deepseek-v4-pro", "effort": "max" },
            "anthropic/claude-opus-5-5"
        ] }
    ] } },
    "aliases": { "auto": "default" }
}"#;

fn forward(router: &Router, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Forward {
    let head = RequestHead { method: b"POST", path: path.as_bytes(), headers };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    match pending.route(router, body) {
        Routed::Forward(forward) => forward,
        Routed::Reject(rejection) => panic!("{}", String::from_utf8_lossy(&rejection.body)),
    }
}

#[test]
fn every_attempt_is_found_again_as_it_was_decided() {
    let router = Router::new(Config::from_json(CONFIG.as_bytes()).unwrap());
    let body = br#"{"max_tokens":3000,"temperature":0.5,"model":"auto","messages":[{"role":"user","content":"hi"}]}"#;
    let headers: &[(&str, &[u8])] = &[("anthropic-beta", b"some-beta-1")];
    let forward = forward(&router, "/v1/messages?beta=true", headers, body);
    assert_eq!(forward.chain(), "chain:minimax+anthropic+deepseek+anthropic.2");
    let plan = plan::write(forward.attempts(), Some(body), false);
    let first = edit::apply(body, &forward.attempts()[0].splices);

    for attempt in forward.attempts() {
        let planned = plan::find(&plan, &attempt.upstream).expect("an entry for each upstream");
        assert_eq!(planned.provider, attempt.provider);
        assert_eq!(planned.path, attempt.path);
        assert_eq!(planned.auth, attempt.auth);
        assert_eq!(planned.edits, attempt.edits);
        let sent = edit::apply(&first, &planned.splices);
        assert_eq!(
            String::from_utf8_lossy(&sent),
            String::from_utf8_lossy(&edit::apply(body, &attempt.splices)),
            "{}",
            attempt.target
        );
        assert_eq!(planned.length, BodyLength::Set(sent.len() as u64), "{}", attempt.target);
    }
    assert!(
        plan::find(&plan, "minimax").unwrap().splices.is_empty(),
        "nothing is left to do for the first target"
    );
    assert_eq!(plan::find(&plan, "openai"), None);
    assert_eq!(plan::find(&plan, "anthropic.3"), None);
}

#[test]
fn trailers_forbid_a_stated_length_and_an_unread_body_keeps_it() {
    let router = Router::new(Config::from_json(CONFIG.as_bytes()).unwrap());
    let body = br#"{"max_tokens":3000,"model":"auto","messages":[{"role":"user","content":"hi"}]}"#;
    let forward = forward(&router, "/v1/messages", &[], body);
    let length = |body, trailers| {
        plan::find(&plan::write(forward.attempts(), body, trailers), "minimax").unwrap().length
    };
    assert_eq!(length(Some(&body[..]), true), BodyLength::Remove);
    assert_eq!(length(None, false), BodyLength::Keep);
}

/// A body and two lists of splices over it, each sorted and free of overlaps.
fn body_and_splices() -> impl Strategy<Value = (Vec<u8>, Vec<BodySplice>, Vec<BodySplice>)> {
    (prop::collection::vec(any::<u8>(), 0..60)).prop_flat_map(|body| {
        let length = body.len();
        (Just(body), splices(length), splices(length))
    })
}

fn splices(length: usize) -> impl Strategy<Value = Vec<BodySplice>> {
    prop::collection::vec((0..=length, 0..4usize, prop::collection::vec(b'a'..b'd', 0..4)), 0..6).prop_map(
        move |mut raw| {
            raw.sort_by_key(|(start, ..)| *start);
            let mut made: Vec<BodySplice> = Vec::new();
            for (start, cut, with) in raw {
                let end = (start + cut).min(length);
                // Two splices at the same place would have no order.
                if made.last().is_none_or(|last| {
                    start > last.end || (start == last.end && end > start && last.start < last.end)
                }) {
                    made.push(BodySplice { start, end, with });
                }
            }
            made
        },
    )
}

proptest! {
    #[test]
    fn a_rebased_edit_gives_what_the_edit_itself_gives((body, first, wanted) in body_and_splices()) {
        let sent = edit::apply(&body, &first);
        let difference = plan::rebase(&body, &first, &wanted);
        prop_assert_eq!(edit::apply(&sent, &difference), edit::apply(&body, &wanted));
        prop_assert_eq!(plan::edited_length(body.len(), &first), sent.len() as u64);
        prop_assert!(plan::rebase(&body, &wanted, &wanted).is_empty());
        for pair in difference.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
    }

    #[test]
    fn any_bytes_can_be_searched(bytes in prop::collection::vec(any::<u8>(), 0..200), name in "[a-z]{1,8}") {
        let _ = plan::find(&bytes, &name);
        let mut versioned = vec![1];
        versioned.extend_from_slice(&bytes);
        let _ = plan::find(&versioned, &name);
    }
}
