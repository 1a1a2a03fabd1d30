//! Bodies that cannot be read, and the name of the reason.

use std::fmt::Write as _;

use pointsman::{
    limits,
    wire::{Dialect, request::RequestView},
};

use crate::code;

const TABLE: &[(&[u8], &str)] = &[
    // Not an object.
    (b"", "truncated"),
    (b" \r\n\t ", "truncated"),
    (b"[]", "not_an_object"),
    (b"[{\"model\":\"a\"}]", "not_an_object"),
    (b"\"model\"", "not_an_object"),
    (b" 12 ", "not_an_object"),
    (b"-0.5e3", "not_an_object"),
    (b"null", "not_an_object"),
    (b"true", "not_an_object"),
    (b"[", "truncated"),
    (b"[}", "not_json"),
    (b"null null", "not_json"),
    // Not JSON.
    (b"model=a&messages=b", "not_json"),
    (b"<html>", "not_json"),
    (b"{'model':'a'}", "not_json"),
    (b"{model:\"a\"}", "not_json"),
    (b"{\"model\":\"a\",}", "not_json"),
    (b"{\"model\":\"a\"} // why", "not_json"),
    (b"/* why */ {\"model\":\"a\"}", "not_json"),
    (b"{\"model\":\"a\"}{\"model\":\"a\"}", "not_json"),
    (b"{\"model\":\"a\"}\0", "not_json"),
    (b"{\"model\":\"a\"},", "not_json"),
    (b"\0{\"model\":\"a\"}", "not_json"),
    (b"{\"mo\0del\":\"a\"}", "not_json"),
    (b"{\"model\":\"a\0\"}", "not_json"),
    (b"{\"model\":\"a\nb\"}", "not_json"),
    (b"{\"model\":\"a\",\"temperature\":NaN}", "not_json"),
    (b"{\"model\":\"a\",\"temperature\":Infinity}", "not_json"),
    (b"{\"model\":\"a\",\"temperature\":.5}", "not_json"),
    (b"{\"model\":\"a\",\"temperature\":01}", "not_json"),
    (b"{\"model\":\"a\",\"stream\":True}", "not_json"),
    (b"{\"model\":\"a\",\"stop\":undefined}", "not_json"),
    (b"{\"model\":\"a\",\"stop\":\"\\x\"}", "not_json"),
    (b"{\"model\":\"a\" \"stop\":1}", "not_json"),
    (b"{\"model\"=\"a\"}", "not_json"),
    (b"{\xc2\xa0\"model\":\"a\"}", "not_json"),
    (b"\xff\xfe{\0\"\0", "not_json"),
    (b"\x1f\x8b\x08\x00", "not_json"),
    (b"\x28\xb5\x2f\xfd\x04\x00", "not_json"),
    (b"\xef\xbb\xbf{\"model\":\"a\"}", "byte_order_mark"),
    (b"\xef\xbb\xbf", "byte_order_mark"),
    // Not UTF-8.
    (b"{\"model\":\"\xff\"}", "not_utf8"),
    (b"{\"model\":\"a\",\"\xe9\":1}", "not_utf8"),
    (b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\xe9\"}]}", "not_utf8"),
    (b"{\"model\":\"a\",\"metadata\":{\"deep\":[{\"\xc0\xaf\":1}]}}", "not_utf8"),
    (b"{\"model\":\"a\",\"\\ud83d\":1}", "not_utf8"),
    // Twice the same.
    (b"{\"model\":\"a\",\"model\":\"a\"}", "duplicate_member"),
    (b"{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", "duplicate_member"),
    (b"{\"mod\\u0065l\":\"a\",\"\\u006dodel\":\"b\"}", "duplicate_member"),
    (b"{\"model\":\"a\",\"x\":1,\"x\":1}", "duplicate_member"),
    (b"{\"model\":\"a\",\"\":1,\"\":1}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"role\":\"assistant\"}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"rol\\u0065\":\"user\"}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"content\":\"a\",\"content\":\"b\"}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"a\",\"text\":\"b\"}]}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"content\":[{\"source\":{\"type\":\"text\",\"type\":\"url\"}}]}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"messages\":[{\"tool_calls\":[{\"function\":{\"name\":\"a\",\"name\":\"b\"}}]}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"tools\":[{\"type\":\"function\",\"type\":\"custom\"}]}", "duplicate_member"),
    (b"{\"model\":\"a\",\"tool_choice\":{\"type\":\"auto\",\"type\":\"any\"}}", "duplicate_member"),
    (b"{\"model\":\"a\",\"thinking\":{\"type\":\"enabled\",\"type\":\"disabled\"}}", "duplicate_member"),
    // Where the router does not read, two of a name are the provider's business.
    (b"{\"model\":\"a\",\"metadata\":{\"x\":1,\"x\":2}}", "readable"),
    (b"{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"input\":{\"x\":1,\"x\":2}}]}]}", "readable"),
    // No model.
    (b"{}", "no_model"),
    (b"{\"messages\":[]}", "no_model"),
    (b"{\"Model\":\"a\"}", "no_model"),
    (b"{\"model \":\"a\"}", "no_model"),
    (b"{\"metadata\":{\"model\":\"a\"}}", "no_model"),
    (b"{\"model\":null}", "no_model"),
    (b"{\"model\":4}", "no_model"),
    (b"{\"model\":true}", "no_model"),
    (b"{\"model\":[\"a\"]}", "no_model"),
    (b"{\"model\":{\"id\":\"a\"}}", "no_model"),
    (b"{\"model\":\"\"}", "no_model"),
    (b"{\"model\":\"\\ud83d\"}", "no_model"),
    // A lone surrogate elsewhere is what clients send that cut texts; the provider may judge it.
    (b"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"cut \\ud83d\"}]}", "readable"),
];

#[test]
fn table() {
    for (body, expected) in TABLE {
        for dialect in Dialect::ALL {
            // `messages` is nothing to Responses, which reads `input`.
            let named = String::from_utf8_lossy(body).into_owned();
            if dialect == Dialect::Responses && named.contains("messages") && *expected == "duplicate_member"
            {
                continue;
            }
            assert_eq!(code(dialect, body), *expected, "{} as {}", named, dialect.name());
        }
    }
    let twice = br#"{"model":"a","reasoning":{"effort":"low","effort":"high"}}"#;
    assert_eq!(code(Dialect::Chat, twice), "duplicate_member");
    assert_eq!(code(Dialect::Responses, twice), "duplicate_member");
    assert_eq!(code(Dialect::Messages, twice), "readable", "nothing to Messages");
    let twice = br#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#;
    assert_eq!(code(Dialect::Chat, twice), "duplicate_member");
}

#[test]
fn every_prefix_is_truncated() {
    let bodies: [(Dialect, &[u8]); 3] = [
        (Dialect::Chat, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Gr\\u00fc\u{df}e \u{1f600}\\n\"}]},{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}],\"temperature\":-0.5e+3,\"stream\":true,\"stop\":null,\"tools\":[{\"type\":\"function\"}]}".as_bytes()),
        (Dialect::Messages, br#" {"system":[{"type":"text","text":"s"}],"thinking":{"type":"enabled","budget_tokens":5},"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"data":"AA=="}}]}]}],"model":"a"}"#),
        (Dialect::Responses, br#"{"input":[{"type":"reasoning","summary":[],"encrypted_content":"x"}],"text":{"format":{"type":"json_schema"}},"model":"a"}"#),
    ];
    for (dialect, body) in bodies {
        assert_eq!(code(dialect, body), "readable");
        for end in 0..body.len() {
            assert_eq!(code(dialect, &body[..end]), "truncated", "{}", String::from_utf8_lossy(&body[..end]));
        }
    }
}

#[test]
fn nesting() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = |n: usize| format!("{{\"model\":\"a\",\"x\":{}1{}}}", open.repeat(n), close.repeat(n));
        // The body itself is the first level.
        assert_eq!(code(Dialect::Chat, body(limits::JSON_DEPTH - 1).as_bytes()), "readable");
        assert_eq!(code(Dialect::Chat, body(limits::JSON_DEPTH).as_bytes()), "too_deep");
        assert_eq!(code(Dialect::Chat, body(1_000_000).as_bytes()), "too_deep");
    }
    // Content within content within content, which the reader enters.
    let content = |n: usize| {
        let (open, close) = (r#"[{"type":"tool_result","content":"#.repeat(n), "}]".repeat(n));
        format!(r#"{{"model":"a","messages":[{{"role":"user","content":{open}"x"{close}}}]}}"#)
    };
    assert_eq!(code(Dialect::Messages, content(60).as_bytes()), "readable");
    assert_eq!(code(Dialect::Messages, content(63).as_bytes()), "too_deep");
    assert_eq!(code(Dialect::Messages, content(100_000).as_bytes()), "too_deep");
    assert_eq!(code(Dialect::Messages, "[".repeat(1_000_000).as_bytes()), "too_deep");
}

#[test]
fn model_names_are_bounded_after_their_escapes() {
    let body = |name: &str| format!("{{\"model\":\"{name}\"}}");
    assert_eq!(code(Dialect::Chat, body(&"m".repeat(limits::MODEL_NAME)).as_bytes()), "readable");
    assert_eq!(code(Dialect::Chat, body(&"m".repeat(limits::MODEL_NAME + 1)).as_bytes()), "no_model");
    assert_eq!(code(Dialect::Chat, body(&"m".repeat(300)).as_bytes()), "no_model");
    assert_eq!(code(Dialect::Chat, body(&"\\u006d".repeat(limits::MODEL_NAME)).as_bytes()), "readable");
    assert_eq!(code(Dialect::Chat, body(&"\\u006d".repeat(limits::MODEL_NAME + 1)).as_bytes()), "no_model");
}

#[test]
fn size() {
    let body = |bytes: usize| {
        let (open, close) = ("{\"model\":\"a\",\"x\":\"", "\"}");
        let mut body = Vec::with_capacity(bytes);
        body.extend_from_slice(open.as_bytes());
        body.resize(bytes - close.len(), b'x');
        body.extend_from_slice(close.as_bytes());
        body
    };
    assert_eq!(code(Dialect::Chat, &body(limits::REQUEST_BODY)), "readable");
    assert_eq!(code(Dialect::Chat, &body(limits::REQUEST_BODY + 1)), "too_large");
}

#[test]
fn members() {
    let body = |n: usize, tail: &str| {
        let mut body = String::from("{\"model\":\"a\"");
        for i in 1..n {
            write!(body, ",\"member{i}\":{i}").unwrap();
        }
        body + tail
    };
    let full = body(limits::TOP_LEVEL_MEMBERS, "}");
    assert_eq!(code(Dialect::Chat, full.as_bytes()), "readable");
    let view = RequestView::read(Dialect::Chat, full.as_bytes()).unwrap();
    assert_eq!(view.members.len(), limits::TOP_LEVEL_MEMBERS);
    let member = view.member(full.as_bytes(), b"member255").unwrap();
    assert_eq!(member.value.unsigned(full.as_bytes()), Some(255));
    assert!(view.member(full.as_bytes(), b"member256").is_none());

    assert_eq!(code(Dialect::Chat, body(limits::TOP_LEVEL_MEMBERS + 1, "}").as_bytes()), "too_large");
    assert_eq!(code(Dialect::Chat, body(300, "}").as_bytes()), "too_large");
    assert_eq!(code(Dialect::Chat, body(300, ",}").as_bytes()), "not_json", "broken is broken");
    // A million members would take minutes if each were compared with all the others.
    assert_eq!(code(Dialect::Chat, body(1_000_000, "}").as_bytes()), "too_large");
}

#[test]
fn reasons_are_readable() {
    for (body, shown) in [
        (&b"{\"model\":\"a\",\"x\":tru}"[..], "the body is not readable JSON: unexpected byte at byte 20"),
        (b"{\"model\":\"a\",\"model\":\"b\"}", "the body is not readable JSON: duplicate member at byte 13"),
        (b"{\"model\":", "the body is not readable JSON: ends too early at byte 9"),
        (b"[]", "the body is not a JSON object"),
        (b"{}", "the body names no model"),
    ] {
        assert_eq!(RequestView::read(Dialect::Chat, body).unwrap_err().to_string(), shown);
    }
}
