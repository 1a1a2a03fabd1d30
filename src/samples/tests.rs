use alloc::{format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

fn plan(mode: Mode, min: usize, max: usize) -> Plan {
    Plan { mode, kind: Kind::Letter, min, max, deadline_ms: 1000, dialect: Dialect::Messages }
}

fn answer(text: &str) -> String {
    format!(r#"{{"type":"message","stop_reason":"end_turn","content":[{{"type":"text","text":"{text}"}}]}}"#)
}

/// Plays answers in the order of their numbers; `!` is no answer. Returns what came and how many were asked.
fn play(plan: Plan, can_raise: bool, answers: &[&str]) -> (Next, usize, String) {
    let (mut samples, first) = Samples::begin(plan, can_raise);
    let Next::Launch(mut asked) = first else { panic!("{first:?}") };
    let mut given = 0;
    loop {
        assert!(given < asked, "it waits for nothing");
        let text = answers.get(given).copied().unwrap_or("!");
        let body = answer(text);
        let next = samples.finished(given, (text != "!").then_some((200, body.as_bytes())));
        given += 1;
        match next {
            Next::Wait => {}
            Next::Launch(more) => asked += more,
            Next::Raise => (given, asked) = (samples.fates.len() - 1, samples.fates.len()),
            Next::Deliver(_) => return (next, asked, samples.report()),
        }
    }
}

#[test]
fn a_vote_ends_when_it_is_settled() {
    for (answers, delivered, asked, report) in [
        (vec!["A", "A", "A"], 0, 3, "vote: 3 of 3 agree"),
        (vec!["A", "B", "A", "A"], 0, 6, "vote: 3 of 6 agree"),
        (vec!["A", "B", "A", "A", "A"], 0, 5, "vote: 4 of 5 agree"),
        (vec!["B", "A", "A", "A", "B", "A"], 1, 6, "vote: 4 of 6 agree"),
        (vec!["A", "B", "C", "D", "E", "F", "G"], 0, 7, "vote: 1 of 7 agree"),
        (vec!["A", "B", "B", "A", "C", "B", "A"], 0, 7, "vote: 3 of 7 agree"),
        // What has no letter does not vote.
        (vec!["no idea", "C", "C", "C"], 1, 4, "vote: 3 of 4 agree"),
        (vec!["!", "!", "!"], 0, 3, "vote: 0 of 3 agree"),
        (vec!["none of it", "!", "!", "!", "!", "!", "!"], 0, 7, "vote: 0 of 7 agree"),
    ] {
        let expected = (Next::Deliver(delivered), asked, String::from(report));
        assert_eq!(play(plan(Mode::Vote, 3, 7), false, &answers), expected, "{answers:?}");
    }
}

#[test]
fn a_race_is_won_by_the_first_good_answer() {
    let (mut samples, first) = Samples::begin(plan(Mode::Race, 3, 3), false);
    assert_eq!(first, Next::Launch(3));
    assert_eq!(samples.finished(1, None), Next::Wait);
    assert_eq!(samples.finished(2, Some((200, answer("C").as_bytes()))), Next::Deliver(2));
    let (mut samples, _) = Samples::begin(plan(Mode::Race, 2, 2), false);
    assert_eq!(samples.finished(1, Some((429, b"{}"))), Next::Wait);
    assert_eq!(samples.finished(0, None), Next::Deliver(0), "something is delivered in any case");
}

#[test]
fn a_cascade_goes_up_where_the_answer_does_not_hold() {
    let cascade = |min| plan(Mode::Cascade, min, min);
    let up = |report: &str, asked| (Next::Deliver(asked - 1), asked, String::from(report));
    assert_eq!(play(cascade(1), true, &["A"]), (Next::Deliver(0), 1, "cascade: the answer holds".into()));
    assert_eq!(play(cascade(2), true, &["A", "A"]).0, Next::Deliver(0));
    assert_eq!(play(cascade(1), true, &["who knows", "B"]), up("cascade: up, not comparable", 2));
    assert_eq!(play(cascade(1), true, &["!", "B"]), up("cascade: up, failed", 2));
    assert_eq!(play(cascade(2), true, &["A", "B", "B"]), up("cascade: up, in disagreement", 3));
    // Nobody above, or nobody there: what there is, is delivered.
    assert_eq!(play(cascade(1), false, &["who knows"]).0, Next::Deliver(0));
    assert_eq!(play(cascade(1), true, &["who knows", "!"]).0, Next::Deliver(0));
}

#[test]
fn out_of_time_the_best_so_far_is_delivered() {
    let (mut samples, _) = Samples::begin(plan(Mode::Vote, 3, 7), false);
    assert_eq!(samples.finished(1, Some((200, answer("B").as_bytes()))), Next::Wait);
    assert_eq!(samples.out_of_time(), Next::Deliver(1));
    let (mut samples, _) = Samples::begin(plan(Mode::Vote, 3, 7), false);
    assert_eq!(samples.out_of_time(), Next::Wait);
    assert_eq!(samples.finished(2, Some((200, answer("B").as_bytes()))), Next::Deliver(2));
}

#[test]
fn what_is_wrong_with_an_answer_is_told_in_each_dialect() {
    for (dialect, body, fault) in [
        (
            Dialect::Chat,
            r#"{"choices":[{"finish_reason":"length","message":{"content":"A"}}]}"#,
            Some(Fault::Cut),
        ),
        (
            Dialect::Chat,
            r#"{"choices":[{"finish_reason":"content_filter","message":{"content":""}}]}"#,
            Some(Fault::Refused),
        ),
        (
            Dialect::Chat,
            r#"{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"no"}}]}"#,
            Some(Fault::Refused),
        ),
        (
            Dialect::Chat,
            r#"{"choices":[{"finish_reason":"stop","message":{"content":"<think>A?</think>\n\nB"}}]}"#,
            None,
        ),
        (
            Dialect::Chat,
            r#"{"choices":[{"finish_reason":"stop","message":{"content":[{"type":"text","text":"B"}]}}]}"#,
            None,
        ),
        (Dialect::Chat, r#"{"choices":[]}"#, Some(Fault::Unreadable)),
        (Dialect::Messages, r#"{"stop_reason":"max_tokens","content":[]}"#, Some(Fault::Cut)),
        (Dialect::Messages, r#"{"stop_reason":"refusal","content":[]}"#, Some(Fault::Refused)),
        (Dialect::Messages, r#"{"stop_reason":"end_turn","content":[]}"#, Some(Fault::Empty)),
        (
            Dialect::Messages,
            r#"{"content":[{"type":"thinking","thinking":"A"},{"type":"text","text":"B"}]}"#,
            None,
        ),
        (
            Dialect::Responses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
            Some(Fault::Cut),
        ),
        (
            Dialect::Responses,
            r#"{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}"#,
            Some(Fault::Refused),
        ),
        (
            Dialect::Responses,
            r#"{"status":"completed","output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"B"}]}]}"#,
            None,
        ),
        (Dialect::Responses, "not JSON", Some(Fault::Unreadable)),
    ] {
        let found = text::text(dialect, body.as_bytes());
        assert_eq!(found.as_deref().err(), fault.as_ref(), "{body}");
        if fault.is_none() {
            assert_eq!(found.as_deref(), Ok("B"), "{body}");
        }
    }
}

#[test]
fn any_order_of_any_answers_comes_to_an_end_within_the_bounds() {
    // Every sequence of three letters and nothing over seven places, in two orders of arrival.
    for number in 0..4usize.pow(7) {
        let letter = |at: usize| ["A", "B", "C", "!"][number / 4usize.pow(at as u32) % 4];
        let answers: Vec<&str> = (0..7).map(letter).collect();
        let (next, asked, _) = play(plan(Mode::Vote, 3, 7), false, &answers);
        assert!(asked <= 7, "{answers:?}");
        let Next::Deliver(index) = next else { panic!("{answers:?}") };
        let count = |wanted: &str| answers[..asked].iter().filter(|one| **one == wanted).count();
        let delivered = answers[index];
        if delivered != "!" {
            // Whatever is not asked any more could not have changed it, or the lead was as large as said.
            let second = ["A", "B", "C"].iter().filter(|one| **one != delivered).map(|one| count(one)).max();
            assert!(count(delivered) >= second.unwrap(), "{answers:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_a_fault(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        for dialect in Dialect::ALL {
            let _ = text::text(dialect, &body);
        }
        let kinds = [Kind::Object, Kind::Boxed, Kind::Letter, Kind::Number, Kind::Label];
        for vote in kinds.iter().filter_map(|kind| kind.vote(&text).ok()) {
            prop_assert!(!vote.is_empty());
        }
        if let Some(form) = kind::number(&text) {
            prop_assert_eq!(kind::number(&form), Some(form.clone()), "one form");
        }
    }
}
