//! The cursor against `serde_json`: what one accepts the other accepts, apart from the differences listed here and in
//! [`fuzz_bodies::json_cursor`].

mod fuzz_bodies;

use pointsman::{
    limits,
    wire::json::{Cursor, JsonErrorKind, unescape},
};
use proptest::prelude::*;
use serde::de::IgnoredAny;

use crate::fuzz_bodies::{accepts, depth, json_cursor, visit};

/// What is expected of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// Everybody accepts.
    Json,
    /// The cursor accepts; `Value` refuses a lone surrogate.
    Lone,
    /// The cursor accepts; `Value` refuses a number beyond `f64`.
    Huge,
    /// Everybody refuses; the cursor with this kind of error.
    Not(JsonErrorKind),
    /// Only `IgnoredAny` accepts; the cursor refuses with this kind of error.
    Strict(JsonErrorKind),
}

use Expect::{Huge, Json, Lone, Not, Strict};
use JsonErrorKind::{Byte, Depth, Duplicate, End, Utf8};

const TABLE: &[(&[u8], Expect)] = &[
    // Words and white space.
    (b"null", Json),
    (b" \t\r\n true \n", Json),
    (b"false", Json),
    (b"True", Not(Byte)),
    (b"nul", Not(End)),
    (b"nulL", Not(Byte)),
    (b"nullx", Not(Byte)),
    (b"tru e", Not(Byte)),
    (b"falsefalse", Not(Byte)),
    (b"undefined", Not(Byte)),
    (b"NaN", Not(Byte)),
    (b"nan", Not(Byte)),
    (b"Infinity", Not(Byte)),
    (b"-Infinity", Not(Byte)),
    (b"", Not(End)),
    (b" ", Not(End)),
    (b"\n\n", Not(End)),
    (b"\0", Not(Byte)),
    (b"null\0", Not(Byte)),
    (b"\0null", Not(Byte)),
    (b"\x0bnull", Not(Byte)),
    (b"\x0cnull", Not(Byte)),
    (b"\xc2\xa0null", Not(Byte)),
    (b"null\xc2\xa0", Not(Byte)),
    (b"[1,\xc2\xa02]", Not(Byte)),
    (b"\xe2\x80\xa8null", Not(Byte)),
    (b"\xe3\x80\x80null", Not(Byte)),
    (b"\xef\xbb\xbf{}", Not(Byte)),
    (b"\xfe\xff\x00{", Not(Byte)),
    (b"{\x00}\x00", Not(Byte)),
    // Numbers.
    (b"0", Json),
    (b"-0", Json),
    (b"-", Not(End)),
    (b"--1", Not(Byte)),
    (b"+1", Not(Byte)),
    (b"-+1", Not(Byte)),
    (b"00", Not(Byte)),
    (b"01", Not(Byte)),
    (b"-01", Not(Byte)),
    (b"0x10", Not(Byte)),
    (b"1_000", Not(Byte)),
    (b"0.0", Json),
    (b"-0.0e-0", Json),
    (b"0.", Not(End)),
    (b"0.,", Not(Byte)),
    (b".5", Not(Byte)),
    (b"-.5", Not(Byte)),
    (b"1.5.2", Not(Byte)),
    (b"1e5", Json),
    (b"1E5", Json),
    (b"1e+5", Json),
    (b"1e-5", Json),
    (b"0e00", Json),
    (b"1e05", Json),
    (b"1e", Not(End)),
    (b"1e+", Not(End)),
    (b"1e+-5", Not(Byte)),
    (b"1e5.5", Not(Byte)),
    (b"1 2", Not(Byte)),
    (b"18446744073709551615", Json),
    (b"18446744073709551616", Json),
    (b"-9223372036854775809", Json),
    (b"123456789012345678901234567890123456789012345678901234567890", Json),
    (b"1e308", Json),
    (b"1e309", Huge),
    (b"-1e309", Huge),
    (b"1e-400", Json),
    (b"1e999", Huge),
    (b"0e999", Json),
    (b"1e99999999999999999999", Huge),
    (b"[1e-99999999999999999999]", Json),
    (b"1.7976931348623159e308", Huge),
    ("\u{0661}".as_bytes(), Not(Byte)),
    // Strings.
    (b"\"\"", Json),
    (b"\"a\"", Json),
    (b"\"a", Not(End)),
    (b"\"", Not(End)),
    (b"'a'", Not(Byte)),
    (b"\"a\"b\"", Not(Byte)),
    (b"\"a\nb\"", Not(Byte)),
    (b"\"a\tb\"", Not(Byte)),
    (b"\"\0\"", Not(Byte)),
    (b"\"\x1f\"", Not(Byte)),
    (b"\"\x20\x7f\"", Json),
    (b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", Json),
    (b"\"\\", Not(End)),
    (b"\"\\\"", Not(End)),
    (b"\"\\a\"", Not(Byte)),
    (b"\"\\'\"", Not(Byte)),
    (b"\"\\v\"", Not(Byte)),
    (b"\"\\0\"", Not(Byte)),
    (b"\"\\x41\"", Not(Byte)),
    (b"\"\\N\"", Not(Byte)),
    (b"\"\\\n\"", Not(Byte)),
    (b"\"\\u0041\"", Json),
    (b"\"\\u0000\"", Json),
    (b"\"\\uFFFF\\uffff\\uFdD0\"", Json),
    (b"\"\\U0041\"", Not(Byte)),
    (b"\"\\u\"", Not(Byte)),
    (b"\"\\u", Not(End)),
    (b"\"\\u004", Not(End)),
    (b"\"\\u004\"", Not(Byte)),
    (b"\"\\u004g\"", Not(Byte)),
    (b"\"\\u+041\"", Not(Byte)),
    (b"\"\\u 041\"", Not(Byte)),
    (b"\"\\u00\xc3\xa9\"", Not(Byte)),
    (b"\"\\ud83d\\ude00\"", Json),
    (b"\"\\uD83D\\uDE00\"", Json),
    (b"\"\\ud83d\"", Lone),
    (b"\"\\ude00\"", Lone),
    (b"\"\\ude00\\ud83d\"", Lone),
    (b"\"\\ud83d\\ud83d\"", Lone),
    (b"\"\\ud83dx\"", Lone),
    (b"\"\\ud83d\\n\"", Lone),
    (b"\"\\ud83d\\u0041\"", Lone),
    (b"\"\\ud83d\\u004\"", Not(Byte)),
    (b"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", Json),
    (b"\"\xe9\"", Strict(Utf8)),
    (b"\"\x80\"", Strict(Utf8)),
    (b"\"\xc0\x80\"", Strict(Utf8)),
    (b"\"\xed\xa0\xbd\"", Strict(Utf8)),
    (b"\"\xf4\x90\x80\x80\"", Strict(Utf8)),
    (b"\"\xe2\x82\"", Strict(Utf8)),
    (b"\"\xff\xfe\"", Strict(Utf8)),
    (b"{\"\xe9\":1}", Strict(Utf8)),
    (b"\"plain text that is longer than one block of thirty-two bytes, then \xff\"", Strict(Utf8)),
    (b"\"plain text that is longer than one block of thirty-two bytes, then \x01\"", Not(Byte)),
    // Arrays and objects.
    (b"[]", Json),
    (b"[ ]", Json),
    (b"[1]", Json),
    (b"[1,]", Not(Byte)),
    (b"[,1]", Not(Byte)),
    (b"[,]", Not(Byte)),
    (b"[1,,2]", Not(Byte)),
    (b"[1 2]", Not(Byte)),
    (b"[1;2]", Not(Byte)),
    (b"[", Not(End)),
    (b"[1", Not(End)),
    (b"[1,", Not(End)),
    (b"]", Not(Byte)),
    (b"[}", Not(Byte)),
    (b"[1}", Not(Byte)),
    (b"[]]", Not(Byte)),
    (b"[][]", Not(Byte)),
    (b"{}", Json),
    (b"{ }", Json),
    (b"{\"a\":1}", Json),
    (b" { \"a\" : 1 , \"b\" : [ { } ] } ", Json),
    (b"{\"a\":1,\"a\":2}", Json), // the syntax allows it; who reads the members must look
    (b"{\"\":{\"\":[]}}", Json),
    (b"{\"a\":1,}", Not(Byte)),
    (b"{,\"a\":1}", Not(Byte)),
    (b"{\"a\"}", Not(Byte)),
    (b"{\"a\":}", Not(Byte)),
    (b"{\"a\" 1}", Not(Byte)),
    (b"{\"a\"::1}", Not(Byte)),
    (b"{\"a\",1}", Not(Byte)),
    (b"{a:1}", Not(Byte)),
    (b"{'a':1}", Not(Byte)),
    (b"{1:1}", Not(Byte)),
    (b"{null:1}", Not(Byte)),
    (b"{\"a\":1]", Not(Byte)),
    (b"[{\"a\":1]]", Not(Byte)),
    (b"{", Not(End)),
    (b"{\"a", Not(End)),
    (b"{\"a\"", Not(End)),
    (b"{\"a\":", Not(End)),
    (b"{\"a\":1", Not(End)),
    (b"{\"a\":1,", Not(End)),
    (b"{\"a\":1}}", Not(Byte)),
    (b"{\"a\":1}{", Not(Byte)),
    (b"{\"a\":1},", Not(Byte)),
    (b"{\"a\":1} // done", Not(Byte)),
    (b"/* first */ {}", Not(Byte)),
    (b"{\"a\":1 /* one */}", Not(Byte)),
    (b"# yaml\n{}", Not(Byte)),
    (b"{\"a\":1}\0", Not(Byte)),
    (b"data: {}", Not(Byte)),
];

#[test]
fn table() {
    for (text, expect) in TABLE {
        let shown = String::from_utf8_lossy(text);
        let verdict = accepts(text).map_err(|error| error.kind);
        let expected = match expect {
            Json | Lone | Huge => Ok(()),
            Not(kind) | Strict(kind) => Err(*kind),
        };
        assert_eq!(verdict, expected, "{shown:?}");
        assert_eq!(ignored(text), !matches!(expect, Not(_)), "IgnoredAny: {shown:?}");
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(text).is_ok(),
            *expect == Json,
            "Value: {shown:?}"
        );
    }
}

#[test]
fn nesting_is_bounded_like_serde_json_bounds_it() {
    let shapes: [(&str, &str, &str); 4] =
        [("[", "", "]"), ("{\"a\":", "1", "}"), ("[1,{\"b\":", "[]", "},2]"), ("[ [ ", "null", " ] ] ")];
    for (open, inner, close) in shapes {
        for n in [1, 31, 32, 62, 63, 64, 65, 125, 126, 127, 128, 129, 200, 100_000] {
            let text = format!("{}{inner}{}", open.repeat(n), close.repeat(n));
            let deep = depth(text.as_bytes());
            let accepted = accepts(text.as_bytes());
            assert_eq!(accepted.is_ok(), deep <= limits::JSON_DEPTH, "{n} times {open}: {accepted:?}");
            assert_eq!(
                accepted.is_ok(),
                serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "{n} times {open}"
            );
            if let Err(error) = accepted {
                assert_eq!(error.kind, Depth);
            }
        }
    }
}

#[test]
fn error_offsets_name_the_byte() {
    for (text, kind, offset) in [
        (&b"{\"a\":1,\"b\":x}"[..], Byte, 11),
        (b"{\"a\":\"b\x01\"}", Byte, 7),
        (b"{\"a\":\"bc\xffd\"}", Utf8, 8),
        (b"[1,2", End, 4),
        (b"\"\\u00zz\"", Byte, 5),
        (b"\"\\u00", End, 5),
        (b"{} x", Byte, 3),
    ] {
        let error = accepts(text).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{}", String::from_utf8_lossy(text));
        let shown = error.to_string();
        assert!(shown.ends_with(&format!("at byte {offset}")), "{shown}");
    }
}

#[test]
fn fields_finds_names_however_they_are_spelt_and_refuses_the_second() {
    let read = |text: &'static [u8]| {
        let mut found = Vec::new();
        let mut cursor = Cursor::new(text);
        let walked = cursor.fields(&[b"role", b"type"], |cursor, name| {
            found.push((String::from_utf8(name.to_vec()).unwrap(), cursor.skip()?.span.of(text).to_vec()));
            Ok(())
        });
        walked.and_then(|_| cursor.end()).map(|()| found)
    };
    let found =
        read(br#"{"other": [1, 2], "\u0072ole" : "user", "Role": 1, "role ": 2, "ty\u0070e":null}"#).unwrap();
    let expected = [("role".to_owned(), b"\"user\"".to_vec()), ("type".to_owned(), b"null".to_vec())];
    assert_eq!(found, expected);
    assert_eq!(read(b"[1, 2]").unwrap(), []);
    assert_eq!(read(b"{}").unwrap(), []);
    let text = br#"{"role":1,"x":2,"x":3,"\u0072ole":4}"#;
    let error = read(text).unwrap_err();
    assert_eq!((error.kind, error.offset), (Duplicate, 22));
}

#[test]
fn a_name_with_a_lone_surrogate_is_refused_where_names_are_read() {
    let text = br#"{"a\ud83d":1}"#;
    assert_eq!(accepts(text), Ok(()));
    assert_eq!(visit(&mut Cursor::new(text)).unwrap_err().kind, Utf8);
}

#[test]
fn scalars_read_as_what_they_are() {
    let value = |text: &'static [u8]| Cursor::new(text).skip().unwrap();
    for (text, number) in [
        (&b"0"[..], Some(0)),
        (b"4096", Some(4096)),
        (b"18446744073709551615", Some(u64::MAX)),
        (b"99999999999999999999999", Some(u64::MAX)),
        (b"-1", None),
        (b"-0", None),
        (b"1.0", None),
        (b"1e3", None),
        (b"\"7\"", None),
        (b"null", None),
        (b"[7]", None),
    ] {
        assert_eq!(value(text).unsigned(text), number, "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(value(b"true").boolean(), Some(true));
    assert_eq!(value(b"false").boolean(), Some(false));
    assert_eq!(value(b"1").boolean(), None);
    assert_eq!(value(b"\"true\"").boolean(), None);
    for text in [&b"null"[..], b"1234", b"[\"a\"]", b"{\"a\":\"b\"}", b"true"] {
        assert!(
            value(text).content().is_empty() && value(text).raw(text).is_empty(),
            "only strings have content"
        );
        assert!(value(text).word(text).is_empty() && value(text).text(text).is_none());
    }
    assert_eq!(&*value(br#""us\u0065r""#).word(br#""us\u0065r""#), b"user");
    assert_eq!(&*value(br#""\ud800""#).word(br#""\ud800""#), b"");
    assert_eq!(value(br#""\ud800""#).text(br#""\ud800""#), None);
}

#[test]
fn unescape_refuses_what_the_cursor_would_never_hand_it() {
    for raw in [
        &b"\\"[..],
        b"\\u",
        b"\\u12",
        b"\\u+123",
        b"\\u12\xc3\xa9",
        b"\\x",
        b"\xff",
        b"a\\n\xff",
        b"\\ud83d\\u+e00",
    ] {
        assert_eq!(unescape(raw), None, "{}", String::from_utf8_lossy(raw));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn agrees_on_json(text in json_text()) {
        prop_assert!(accepts(text.as_bytes()).is_ok() || depth(text.as_bytes()) > limits::JSON_DEPTH);
        json_cursor(text.as_bytes());
    }

    #[test]
    fn agrees_on_broken_json(text in json_text(), edits in prop::collection::vec(mutation(), 1..4)) {
        json_cursor(&mutate(text.into_bytes(), &edits));
    }

    #[test]
    fn agrees_on_json_like_noise(text in prop::collection::vec(json_byte(), 0..40)) {
        json_cursor(&text);
    }

    #[test]
    fn agrees_on_noise(text in prop::collection::vec(any::<u8>(), 0..40)) {
        json_cursor(&text);
        // Most noise dies at its first byte; within quotes it gets further.
        json_cursor(&[b"\"", &*text, b"\""].concat());
        json_cursor(&[b"{\"", &*text, b"\":0}"].concat());
    }

    #[test]
    fn strings_read_like_serde_json(inner in string_inner()) {
        let text = format!("\"{inner}\"");
        let oracle: Option<String> = serde_json::from_str(&text).ok();
        prop_assert_eq!(unescape(inner.as_bytes()), oracle.clone());
        let value = Cursor::new(text.as_bytes()).skip().unwrap();
        prop_assert_eq!(value.escaped, inner.contains('\\'));
        prop_assert_eq!(value.text(text.as_bytes()).map(|text| text.into_owned()), oracle);
        prop_assert_eq!(value.content().of(text.as_bytes()), inner.as_bytes());
    }

    #[test]
    fn members_are_the_members_that_serde_json_sees(
        members in prop::collection::vec((string_inner(), json_text()), 0..6)
    ) {
        let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", text.join(" , "));
        let Ok(oracle) = serde_json::from_str::<serde_json::Map<_, _>>(&text) else { return Ok(()) };
        let mut seen = serde_json::Map::new();
        Cursor::new(text.as_bytes()).object(|cursor, key| {
            let name = String::from_utf8(key.name().to_vec()).unwrap();
            let value = cursor.skip()?;
            seen.insert(name, serde_json::from_slice(value.span.of(text.as_bytes())).unwrap());
            Ok(())
        }).unwrap();
        prop_assert_eq!(seen, oracle);
    }
}

fn ignored(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn white() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", "", " ", "\n", "\t", "\r\n  "])
}

/// The inside of a string: any text, with any choice of escapes, lone surrogates included.
fn string_inner() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ !#-\\[\\]-~]{0,40}".prop_map(|text: String| text),
        2 => any::<char>().prop_map(|c| if c < ' ' || c == '"' || c == '\\' { "x".to_owned() } else { c.to_string() }),
        2 => prop::sample::select(vec!["\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t"]).prop_map(str::to_owned),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        1 => any::<char>().prop_map(|c| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()),
        1 => (0xD800u16..0xE000).prop_map(|unit| format!("\\u{unit:04x}")),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| serde_json::to_string(&n).unwrap()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
        string_inner().prop_map(|inner| format!("\"{inner}\"")),
    ];
    leaf.prop_recursive(7, 60, 6, |inner| {
        let member = (white(), string_inner(), white(), inner.clone());
        prop_oneof![
            (white(), prop::collection::vec((inner, white()), 0..6)).prop_map(|(white, elements)| {
                let elements: Vec<String> =
                    elements.iter().map(|(value, white)| format!("{white}{value}{white}")).collect();
                format!("[{white}{}]", elements.join(","))
            }),
            (white(), prop::collection::vec(member, 0..6)).prop_map(|(white, members)| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(a, name, b, value)| format!("{a}\"{name}\"{b}:{a}{value}{b}"))
                    .collect();
                format!("{{{}{white}}}", members.join(","))
            }),
        ]
    })
}

/// A byte that JSON is made of, or nearly.
fn json_byte() -> impl Strategy<Value = u8> {
    prop::sample::select(b"{}[]\"\":,,  \\/\n01e.-+ntfalsru\x00\x1f\x7f\xc3\xa9\xef".to_vec())
}

/// Where, what to do, with which byte.
fn mutation() -> impl Strategy<Value = (prop::sample::Index, u8, u8)> {
    (any::<prop::sample::Index>(), 0u8..4, prop_oneof![3 => json_byte(), 1 => any::<u8>()])
}

fn mutate(mut text: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (index, what, byte) in edits {
        if text.is_empty() {
            return text;
        }
        let at = index.index(text.len());
        match what {
            0 => text[at] = *byte,
            1 => text.insert(at, *byte),
            2 => drop(text.remove(at)),
            _ => text.truncate(at),
        }
    }
    text
}
