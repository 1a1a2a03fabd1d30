//! What a door's memory of a conversation adds: sharper with it, right without it.

mod conversation;

use conversation::{
    EASY, HARD, answered, claude, config, joined, remembering, remembers, router, says, stuck, tier, user,
    work,
};
use pointsman::{Conversations, Opened, Remembered, RequestHead, Router, Shelf, limits};
use serde_json::{Value, json};

#[test]
fn memory_changes_nothing_while_the_cache_is_warm_and_may_be_lost_at_any_call() {
    let router = router(&config());
    let history = joined(&[
        vec![user(EASY)],
        work(0, 3),
        stuck(3, 3),
        work(6, 4),
        vec![says("Done."), user(HARD)],
        work(10, 3),
    ]);
    let mut memory: Option<Remembered> = None;
    for sent in (1..=history.len()).step_by(2) {
        let body = claude(json!(history[..sent].to_vec()));
        let now = 1_800_000_000 + sent as u64;
        let (_, without) = remembering(&router, "/v1/messages", &[], &body, None, None);
        let (_, with) = remembering(&router, "/v1/messages", &[], &body, memory.as_ref(), Some(now));
        assert_eq!(tier(&without), tier(&with), "{sent}");
        // Lost every other time.
        memory = (sent % 4 == 1).then(|| answered(&router, &with, now, 9000));
    }
}

#[test]
fn a_conversation_that_was_silent_longer_than_its_cache_lives_may_move() {
    let router = router(&config());
    let list = joined(&[vec![user(EASY)], stuck(0, 3), work(3, 2)]);
    let body = claude(json!(list));
    let start = 1_800_000_000;
    let (_, raised) = remembering(&router, "/v1/messages", &[], &body, None, Some(start));
    assert_eq!(tier(&raised), "mid");
    let memory = answered(&router, &raised, start, 9000);
    let after = |seconds| {
        let longer = claude(json!(joined(&[list.clone(), work(5, 1)])));
        remembering(&router, "/v1/messages", &[], &longer, Some(&memory), Some(start + seconds)).1
    };
    assert_eq!(tier(&after(60)), "mid");
    assert_eq!(tier(&after(100_000)), "cheap", "its cache is gone, and so is the trouble");
}

#[test]
fn a_process_remembers_a_bounded_number_of_conversations_the_newest_ones() {
    let router = router(&config());
    let remembered =
        Remembered { tier: 1, told: 1, target: 2, prefix_tokens: 3, prefix_bytes: 9, seen: 4, life: 5 };
    let text = json!({ "model": "auto", "messages": [{ "role": "user", "content": "hi" }] }).to_string();
    let id = |n: usize| {
        let key = format!("key-{n}");
        let headers = [("x-api-key", key.as_bytes())];
        let head = RequestHead { method: b"POST", path: b"/v1/messages", headers: &headers };
        let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
        pending.read(text.as_bytes()).identity().unwrap()
    };
    let mut conversations = Conversations::default();
    assert!(conversations.is_empty());
    let many = pointsman::limits::CONVERSATIONS + 10;
    for n in 0..many {
        conversations.keep(id(n), remembered);
    }
    assert!(conversations.len() <= pointsman::limits::CONVERSATIONS);
    assert_eq!(conversations.get(id(many - 1)), Some(remembered));
    assert_eq!(conversations.get(id(0)), None);
}

/// A ladder whose step down pays while a conversation is short, and does not for many turns when it is long.
fn near() -> Value {
    let mut config = config();
    config["ladders"]["default"]["tiers"] = json!([
        { "name": "mid", "targets": ["deepseek/deepseek-v4-pro"] },
        { "name": "high", "targets": ["anthropic/claude-sonnet-5-5"] }
    ]);
    config["ladders"]["default"]["thresholds"] = json!([250]);
    config
}

/// The tier of a call after a loop that is overcome, where the call before it had so many tokens; `None`: nobody
/// remembers.
fn after_a_loop(router: &Router, filler: &str, counted: Option<u64>) -> String {
    let now = 1_800_000_000;
    let ask = |text: &str| user(&format!("{text} {filler}"));
    let list = joined(&[vec![ask(EASY)], stuck(0, 3), work(3, 5)]);
    let (_, raised) = remembering(router, "/v1/messages", &[], &claude(json!(list)), None, Some(now));
    assert_eq!(tier(&raised), "high", "{}", raised.summary().reason);
    let memory = counted.map(|tokens| answered(router, &raised, now, tokens));
    let body = claude(json!(joined(&[list, work(8, 1)])));
    tier(&remembering(router, "/v1/messages", &[], &body, memory.as_ref(), Some(now + 20)).1).to_owned()
}

#[test]
fn what_the_provider_counted_goes_before_the_estimate_by_length() {
    let router = router(&near());
    // A short text, but tools and images that no text shows.
    assert_eq!(after_a_loop(&router, "", None), "mid", "short as it looks, moving pays");
    assert_eq!(after_a_loop(&router, "", Some(2_000)), "mid");
    assert_eq!(after_a_loop(&router, "", Some(150_000)), "high", "it is long, and warm where it is");
    // A long text of which a tokenizer makes little.
    let line = "=".repeat(600_000);
    assert_eq!(after_a_loop(&router, &line, None), "high");
    assert_eq!(after_a_loop(&router, &line, Some(6_000)), "mid");
}

#[test]
fn a_history_that_became_shorter_is_estimated() {
    let router = router(&near());
    let now = 1_800_000_000;
    let long = joined(&[vec![user(&format!("{EASY} {}", "=".repeat(600_000)))], stuck(0, 3), work(3, 5)]);
    let (_, raised) = remembering(&router, "/v1/messages", &[], &claude(json!(long)), None, Some(now));
    let memory = answered(&router, &raised, now, 150_000);
    let short = claude(json!(joined(&[vec![user(EASY)], stuck(0, 3), work(3, 6)])));
    let (_, with) = remembering(&router, "/v1/messages", &[], &short, Some(&memory), Some(now + 20));
    let (_, without) = remembering(&router, "/v1/messages", &[], &short, None, None);
    assert_eq!((tier(&with), tier(&without)), ("mid", "mid"));
}

#[test]
fn a_summary_is_made_where_the_conversation_is_as_long_as_it_is_warm_there() {
    let mut config = near();
    // Reading 30,000 warm tokens is cheaper than buying them anew at the lower tier; buying them there twice is not.
    config["ladders"]["default"]["tiers"][1]["targets"] = json!(["anthropic/claude-opus-5-5"]);
    let router = router(&config);
    let now = 1_800_000_000;
    let list = joined(&[vec![user(HARD)], work(0, 4)]);
    let (_, hard) = remembering(&router, "/v1/messages", &[], &claude(json!(list)), None, Some(now));
    assert_eq!(tier(&hard), "high");
    let memory = answered(&router, &hard, now, 150_000);
    let compaction = |memory: Option<&Remembered>, after: u64| {
        let headers = [("x-claude-code-request-class", "compaction")];
        let body = claude(json!(joined(&[list.clone(), vec![user("Summarise the conversation.")]])));
        tier(&remembering(&router, "/v1/messages", &headers, &body, memory, Some(now + after)).1).to_owned()
    };
    assert_eq!(compaction(None, 20), "mid", "it looks short");
    assert_eq!(compaction(Some(&memory), 20), "high", "150,000 tokens are warm there");
    assert_eq!(compaction(Some(&memory), 100_000), "mid", "they were");
}

#[test]
fn calls_beside_a_conversation_are_not_remembered_and_do_not_move_it() {
    let router = router(&config());
    let now = 1_800_000_000;
    let list = joined(&[vec![user(HARD)], work(0, 4)]);
    let (identity, hard) = remembering(&router, "/v1/messages", &[], &claude(json!(list)), None, Some(now));
    let memory = answered(&router, &hard, now, 40_000);
    for class in ["auxiliary", "compaction"] {
        let headers = [("x-claude-code-request-class", class)];
        let body = claude(json!(joined(&[list.clone(), vec![user("Name this session.")]])));
        let (own, aside) =
            remembering(&router, "/v1/messages", &headers, &body, Some(&memory), Some(now + 5));
        assert_eq!(own, identity, "{class}");
        assert_eq!(remembers(&router, &aside, now + 5, 41_000), None, "{class}");
    }
    let next = claude(json!(joined(&[list, work(4, 1)])));
    let (_, with) = remembering(&router, "/v1/messages", &[], &next, Some(&memory), Some(now + 10));
    assert_eq!(tier(&with), "frontier");
}

#[test]
fn any_memory_of_any_call_leaves_a_run_standing() {
    let router = router(&config());
    let history =
        joined(&[vec![user(HARD)], stuck(0, 4), work(4, 7), vec![says("Done."), user(EASY)], work(11, 2)]);
    let mut seed = 0x9E37_79B9_u32;
    let mut number = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    for sent in (1..=history.len()).step_by(2) {
        let body = claude(json!(history[..sent].to_vec()));
        let (_, plain) = remembering(&router, "/v1/messages", &[], &body, None, None);
        let now = 1_800_000_000 + sent as u64;
        let (_, empty) = remembering(&router, "/v1/messages", &[], &body, None, Some(now));
        assert_eq!(plain.summary(), empty.summary(), "{sent}");
        assert_eq!(plain.attempts(), empty.attempts(), "{sent}");
        for _ in 0..20 {
            let memory = Remembered {
                tier: (number() % 5) as u8,
                told: (number() % 5) as u8,
                target: number(),
                prefix_tokens: number() * 64,
                prefix_bytes: number(),
                seen: 1_800_000_000 - number() % 2000,
                life: number() % 4000,
            };
            let (_, with) = remembering(&router, "/v1/messages", &[], &body, Some(&memory), Some(now));
            assert!(["cheap", "mid", "frontier"].contains(&tier(&with)));
            assert!(!with.attempts().is_empty());
        }
    }
}

#[test]
fn a_shelf_has_a_fixed_number_of_places_and_gives_nobody_anothers_memory() {
    let router = router(&config());
    let identity = |text: &str| {
        remembering(&router, "/v1/messages", &[], &claude(json!([user(text)])), None, None).0.unwrap()
    };
    let shelf = Shelf::new(b"a document");
    let now = 1_800_000_000;
    let memory = Remembered {
        tier: 1,
        told: 1,
        target: 2,
        prefix_tokens: 3,
        prefix_bytes: 9,
        seen: 1_800_000_000,
        life: 300,
    };
    let (one, other) = (identity("one"), identity("other"));
    let place = shelf.write(one, memory, b"").unwrap();
    assert_eq!(shelf.read(one, &place, now), Some(memory));
    assert_eq!(shelf.read(other, &place, now), None);
    assert_eq!(Shelf::new(b"another document").read(one, &place, now), None);
    assert_eq!(shelf.read(one, b"", now), None);
    let day = u64::from(limits::REMEMBERED_SECONDS);
    assert_eq!(shelf.read(one, &place, now + day - 1), Some(memory));
    assert_eq!(shelf.read(one, &place, now + day), None);
    // A call that ended earlier says nothing new; another conversation takes the place.
    assert_eq!(shelf.write(one, Remembered { seen: memory.seen - 1, ..memory }, &place), None);
    assert!(shelf.write(one, Remembered { seen: memory.seen + 1, ..memory }, &place).is_some());
    assert!(shelf.write(other, Remembered { seen: 1, ..memory }, &place).is_some());
    for n in 0..500 {
        assert!(shelf.place(identity(&format!("number {n}"))) < limits::CONVERSATIONS as u64);
    }
}
