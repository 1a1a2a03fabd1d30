//! Failover and outgoing headers, as a door drives them.

use pointsman::{
    Config, Forward, Opened, RequestHead, Routed, Router,
    failover::{AnswerHead, Circuits, Failover, Failure, Rest, Verdict},
    limits, outgoing,
};

const CONFIG: &str = r#"{
    "version": 1,
    "ladders": { "default": { "tiers": [
        { "name": "cheap", "targets": ["minimax/MiniMax-M3.1-Flash", "deepseek/deepseek-flash", "minimax/MiniMax-M3"] },
        { "name": "frontier", "targets": ["anthropic/claude-opus-4-6"] }
    ] } },
    "aliases": { "auto": "default" }
}"#;

const NOW: u64 = 1_795_794_089_000;

fn decided(headers: &[(&str, &[u8])]) -> (Router, Forward) {
    let router = Router::new(Config::from_json(CONFIG.as_bytes()).unwrap());
    let head = RequestHead { method: b"POST", path: b"/v1/messages?beta=true", headers };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    let body = br#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let Routed::Forward(forward) = pending.route(&router, body) else { panic!("a routable request") };
    assert_eq!(forward.attempts().len(), 3);
    (router, forward)
}

fn circuits() -> Circuits {
    Circuits::new(Rest { after: 3, ms: 30_000 })
}

fn status(status: u16) -> AnswerHead<'static> {
    AnswerHead { status, ..AnswerHead::default() }
}

#[test]
fn each_target_is_asked_once_in_order_and_the_last_answer_is_delivered() {
    let (_, forward) = decided(&[]);
    let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
    assert_eq!(failover.next(&circuits, NOW), Some(0));
    assert_eq!(failover.answered(&mut circuits, NOW, &status(500)), Verdict::Next);
    assert_eq!(failover.next(&circuits, NOW), Some(1));
    failover.failed(&mut circuits, NOW, Failure::Connect);
    assert_eq!(failover.next(&circuits, NOW), Some(2));
    assert_eq!(failover.answered(&mut circuits, NOW, &status(529)), Verdict::Deliver);
    assert_eq!(failover.next(&circuits, NOW), None);
    assert_eq!(failover.attempts(), 3);
}

#[test]
fn a_clients_own_mistakes_are_delivered_and_an_operators_are_not() {
    let (_, forward) = decided(&[]);
    for (code, verdict) in [
        (200, Verdict::Deliver),
        (400, Verdict::Deliver),
        (401, Verdict::Next),
        (402, Verdict::Next),
        (404, Verdict::Next),
        (408, Verdict::Next),
        (413, Verdict::Deliver),
        (422, Verdict::Deliver),
        (429, Verdict::Next),
        (503, Verdict::Next),
        (529, Verdict::Next),
    ] {
        let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
        failover.next(&circuits, NOW);
        assert_eq!(failover.answered(&mut circuits, NOW, &status(code)), verdict, "{code}");
    }
}

#[test]
fn a_key_without_money_is_not_used_again() {
    let (_, forward) = decided(&[]);
    // By its status.
    let (mut remembered, mut failover) = (circuits(), Failover::new(&forward));
    failover.next(&remembered, NOW);
    failover.answered(&mut remembered, NOW, &status(402));
    assert_eq!(failover.next(&remembered, NOW), Some(1));
    failover.answered(&mut remembered, NOW, &status(500));
    assert_eq!(failover.next(&remembered, NOW), None, "the third target has the first one's key");
    // The next request asks the other provider first, until the rest is over.
    assert_eq!(Failover::new(&forward).next(&remembered, NOW + 1000), Some(1));
    assert_eq!(Failover::new(&forward).next(&remembered, NOW + limits::REST_MS + 1), Some(0));
    // By what its body says.
    for body in [
        &br#"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#[..],
        br#"{"type":"error","error":{"type":"workspace_spend_limit_reached","message":"x"}}"#,
    ] {
        let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
        failover.next(&circuits, NOW);
        assert_eq!(failover.answered(&mut circuits, NOW, &status(429)), Verdict::Next);
        failover.explained(&mut circuits, NOW, body);
        assert_eq!(failover.next(&circuits, NOW), Some(1));
        assert_eq!(failover.answered(&mut circuits, NOW, &status(500)), Verdict::Deliver);
    }
    // A plain limit of the rate is another matter.
    let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
    failover.next(&circuits, NOW);
    failover.answered(&mut circuits, NOW, &status(429));
    failover.explained(&mut circuits, NOW, br#"{"error":{"code":"rate_limit_exceeded"}}"#);
    failover.next(&circuits, NOW);
    assert_eq!(failover.answered(&mut circuits, NOW, &status(500)), Verdict::Next);
    assert_eq!(failover.next(&circuits, NOW), Some(2));
}

#[test]
fn what_a_provider_says_of_itself_is_obeyed() {
    let (_, forward) = decided(&[]);
    let asked = |head: AnswerHead<'_>| {
        let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
        failover.next(&circuits, NOW);
        let verdict = failover.answered(&mut circuits, NOW, &head);
        (verdict, circuits, failover)
    };
    let (verdict, ..) = asked(AnswerHead { should_retry: Some(b"true"), ..status(400) });
    assert_eq!(verdict, Verdict::Next);
    let (verdict, circuits, mut failover) = asked(AnswerHead { should_retry: Some(b"false"), ..status(503) });
    assert_eq!(verdict, Verdict::Next);
    failover.next(&circuits, NOW);
    assert_eq!(failover.next(&circuits, NOW), None, "the third target is the first one's provider");
    for (after, ms, rests) in [
        (Some(&b"7"[..]), None, 7_000),
        (Some(b"0.5"), None, 500),
        (Some(b"99999999"), None, limits::REST_MS),
        (Some(b"7"), Some(&b"1500"[..]), 1_500),
        (Some(b"Fri, 27 Nov 2026 15:41:49 GMT"), None, 20_000),
        (Some(b"soon"), None, 0),
        (None, None, 0),
    ] {
        let head = AnswerHead { retry_after: after, retry_after_ms: ms, ..status(429) };
        let (_, circuits, _) = asked(head);
        let first = &forward.attempts()[0];
        if rests > 0 {
            assert!(circuits.rests(first, NOW + rests - 1), "{after:?}");
        }
        assert!(!circuits.rests(first, NOW + rests), "{after:?}");
        assert!(!circuits.rests(&forward.attempts()[2], NOW), "another model of the provider may be asked");
    }
}

#[test]
fn who_keeps_failing_rests_longer_each_time_and_is_still_better_than_nobody() {
    let (_, forward) = decided(&[]);
    let mut circuits = circuits();
    let fail = |circuits: &mut Circuits, now| {
        let mut failover = Failover::new(&forward);
        failover.next(circuits, now);
        failover.failed(circuits, now, Failure::Reset);
    };
    for _ in 0..2 {
        fail(&mut circuits, NOW);
    }
    assert!(!circuits.rests(&forward.attempts()[0], NOW));
    fail(&mut circuits, NOW);
    assert!(circuits.rests(&forward.attempts()[0], NOW + 29_999));
    let later = NOW + 30_001;
    for _ in 0..3 {
        fail(&mut circuits, later);
    }
    assert!(circuits.rests(&forward.attempts()[0], later + 59_999));
    assert!(!circuits.rests(&forward.attempts()[0], later + 60_001));
    // All rest: the order of the decision holds.
    for _ in 0..3 {
        fail(&mut circuits, later);
    }
    let mut failover = Failover::new(&forward);
    let order: Vec<_> = std::iter::from_fn(|| failover.next(&circuits, later)).collect();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn nobody_answered_is_told_in_the_clients_dialect() {
    let (_, forward) = decided(&[]);
    for (failure, code) in
        [(Failure::Connect, 502), (Failure::Reset, 502), (Failure::Timeout, 504), (Failure::Opening, 502)]
    {
        let (mut circuits, mut failover) = (circuits(), Failover::new(&forward));
        while failover.next(&circuits, NOW).is_some() {
            failover.failed(&mut circuits, NOW, failure);
        }
        let rejection = failover.rejection();
        assert_eq!(rejection.status, code);
        let body = String::from_utf8(rejection.body).unwrap();
        assert!(body.starts_with(r#"{"type":"error","error":{"type":"api_error""#), "{body}");
    }
}

#[test]
fn an_attempt_has_the_providers_key_and_nothing_of_the_clients_own() {
    let client: [(&str, &[u8]); 12] = [
        ("authorization", b"Bearer client"),
        ("x-api-key", b"client"),
        ("connection", b"keep-alive, X-Hop"),
        ("x-hop", b"1"),
        ("content-length", b"99"),
        ("content-type", b"application/json"),
        ("anthropic-version", b"2023-06-01"),
        ("x-forwarded-for", b"10.1.2.3"),
        ("cf-connecting-ip", b"10.1.2.3"),
        ("x-pointsman-tier", b"frontier"),
        ("accept-encoding", b"gzip"),
        ("x-odd", b"\xff\xfe"),
    ];
    let (router, forward) = decided(&client);
    let attempt = &forward.attempts()[0];
    let headers = outgoing::request_headers(&forward, attempt, &client, Some(" secret\n")).unwrap();
    let mut shown: Vec<(&str, &[u8])> = headers.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
    shown.sort_unstable();
    assert_eq!(
        shown,
        [
            ("accept-encoding", &b"identity"[..]),
            ("anthropic-version", b"2023-06-01"),
            ("authorization", b"Bearer secret"),
            ("content-type", b"application/json"),
            ("x-odd", b"\xff\xfe"),
        ]
    );
    assert_eq!(router.url(attempt).unwrap(), "https://api.minimax.io/anthropic/v1/messages?beta=true");
    assert_eq!(router.key_variable(attempt), Some("MINIMAX_API_KEY"));
    let refused = outgoing::request_headers(&forward, attempt, &client, None).unwrap_err();
    assert_eq!((refused.status, refused.code), (503, "no_credential"));
    let answer: [(&str, &[u8]); 3] =
        [("transfer-encoding", b"chunked"), ("x-pointsman-tier", b"forged"), ("request-id", b"1")];
    let headers = outgoing::response_headers(&forward, Some(attempt), &answer);
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref());
    assert_eq!(value("x-pointsman-tier"), Some(&b"cheap"[..]));
    assert_eq!(value("request-id"), Some(&b"1"[..]));
    assert_eq!(value("transfer-encoding"), None);
}
