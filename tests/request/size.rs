//! What large things cost: nothing where they are no text.

use pointsman::{
    limits,
    wire::{
        Dialect, Role,
        request::{PartKind, RequestView},
    },
};

fn read(dialect: Dialect, body: &str) -> RequestView {
    RequestView::read(dialect, body.as_bytes()).unwrap()
}

#[test]
fn base64_never_counts_as_text() {
    let tiny = "iVBORw0KGgo=";
    let megabyte = "iVBORw0KGgo+".repeat(1024 * 1024 / 12);
    let shapes = [
        (Dialect::Chat, r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,@"}}"#),
        (Dialect::Chat, r#"{"type":"file","file":{"filename":"a.pdf","file_data":"@"}}"#),
        (Dialect::Chat, r#"{"type":"input_audio","input_audio":{"data":"@","format":"wav"}}"#),
        (
            Dialect::Messages,
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"@"}}"#,
        ),
        (
            Dialect::Messages,
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"@"}}"#,
        ),
        (
            Dialect::Messages,
            r#"{"type":"tool_result","content":[{"type":"image","source":{"data":"@","type":"base64"}}]}"#,
        ),
        (Dialect::Messages, r#"{"type":"redacted_thinking","data":"@"}"#),
        (Dialect::Responses, r#"{"type":"input_image","image_url":"data:image/png;base64,@"}"#),
        (Dialect::Responses, r#"{"type":"input_file","file_data":"data:application/pdf;base64,@"}"#),
    ];
    for (dialect, block) in shapes {
        let list = if dialect == Dialect::Responses { "input" } else { "messages" };
        let body = |data: &str| {
            let block = block.replace('@', data);
            format!(
                r#"{{"model":"auto","{list}":[{{"role":"user","content":[{{"type":"text","text":"See"}},{block}]}}]}}"#
            )
        };
        let (small_body, large_body) = (body(tiny), body(&megabyte));
        let (small, large) = (read(dialect, &small_body), read(dialect, &large_body));
        let (few, many) = (likely(&small, &small_body), likely(&large, &large_body));
        assert_eq!(few, many, "{block}");
        assert!(many < 10_000, "{block}: {many}");
        assert_eq!(small.prompt_bound(), large.prompt_bound(), "{block}");
        assert_eq!(small.parts.len(), large.parts.len(), "{block}");
    }
}

#[test]
fn tokens_grow_with_what_is_said() {
    let tokens = |text: &str| {
        let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{text}"}}]}}"#);
        likely(&read(Dialect::Chat, &body), &body)
    };
    let (one, ten) = (tokens(&"some words ".repeat(1000)), tokens(&"some words ".repeat(10_000)));
    assert!((1000..6000).contains(&one), "{one}");
    assert!((9 * one..11 * one).contains(&ten), "{one} and {ten}");
    let tools = |n: usize| {
        let tools = vec![
            r#"{"type":"function","function":{"name":"a","description":"Reads one file of the project."}}"#;
            n
        ];
        let body = format!(r#"{{"model":"auto","tools":[{}],"messages":[]}}"#, tools.join(","));
        likely(&read(Dialect::Chat, &body), &body)
    };
    assert!(tools(20) > tools(2) + 100, "{} {}", tools(20), tools(2));
}

#[test]
fn a_very_long_conversation_keeps_its_opening_and_its_end() {
    let image = r#"{"type":"image","source":{"type":"url","url":"https://example.com/"}}"#;
    let turns = |n: usize| {
        let turns: Vec<String> = (0..n)
            .map(|n| format!(r#"{{"role":"user","content":[{{"type":"text","text":"This is turn number {n}"}},{image}]}}"#))
            .collect();
        format!(r#"{{"messages":[{}],"model":"auto","system":"The system prompt"}}"#, turns.join(","))
    };
    let count = 20_000;
    let body = turns(count);
    let view = read(Dialect::Messages, &body);
    assert_eq!(view.messages as usize, count);
    assert!(view.parts.len() <= limits::TEXT_PIECES && view.parts.len() > limits::TEXT_PIECES / 2);
    let texts: Vec<(&str, u32)> = view
        .parts
        .iter()
        .filter(|part| part.kind == PartKind::Text)
        .map(|part| (std::str::from_utf8(part.span.of(body.as_bytes())).unwrap(), part.message))
        .collect();
    assert_eq!(texts[0], ("The system prompt", 0));
    assert_eq!(view.parts[0].role, Role::System);
    assert_eq!(texts[1], ("This is turn number 0", 0));
    assert_eq!(*texts.last().unwrap(), ("This is turn number 19999", 19_999));
    assert!(texts[1..].windows(2).all(|pair| pair[0].1 < pair[1].1), "in order");
    // What was left out counts all the same, images too: within a tenth of twice the half.
    let half_body = turns(count / 2);
    let half = likely(&read(Dialect::Messages, &half_body), &half_body);
    let all = likely(&view, &body);
    assert!(all > half * 19 / 10 && all < half * 21 / 10, "{half} and {all}");
}

#[test]
fn one_message_of_many_parts_is_bounded() {
    let blocks = vec![r#"{"type":"text","text":"four words of text"}"#; 10_000].join(",");
    let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":[{blocks}]}}]}}"#);
    let view = read(Dialect::Messages, &body);
    assert_eq!(view.parts.len(), limits::TEXT_PIECES);
    assert!(likely(&view, &body) > 30_000, "{}", likely(&view, &body));
}

#[test]
fn the_estimate_never_exceeds_what_lengths_allow() {
    for text in
        ["", "a", "1 2 3 4 5", "!?!?!?!?", "\\u00e9\\ud83d\\ude00", "日本語のテキスト", "\\n\\n\\n\\n"]
    {
        let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let view = read(Dialect::Chat, &body);
        let tokens = view.estimate(body.as_bytes());
        assert!(
            tokens.likely <= tokens.at_most && tokens.at_most <= view.prompt_bound(),
            "{text}: {tokens:?}"
        );
    }
}

fn likely(view: &RequestView, body: &str) -> u64 {
    view.estimate(body.as_bytes()).likely
}
