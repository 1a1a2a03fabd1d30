//! Promises about edits and views that hold for any body.

mod fuzz_bodies;

use pointsman::{
    edit::{self, BodySplice},
    wire::{Dialect, request::RequestView},
};
use proptest::prelude::*;
use serde_json::{Value, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn bytes_outside_splices_are_the_clients(body in bytes(80), cuts in cuts()) {
        let splices = splices(&body, &cuts);
        let edited = edit::apply(&body, &splices);
        prop_assert_eq!(&edited, &naive(&body, &splices));

        // And as the promise is worded: walk both, and see the client's bytes between the replacements.
        let (mut old, mut new) = (0, 0);
        for splice in &splices {
            let kept = splice.start - old;
            prop_assert_eq!(&edited[new..new + kept], &body[old..splice.start]);
            new += kept;
            prop_assert_eq!(&edited[new..new + splice.with.len()], &splice.with[..]);
            new += splice.with.len();
            old = splice.end;
        }
        prop_assert_eq!(&edited[new..], &body[old..]);
    }

    #[test]
    fn splices_that_cannot_be_are_left_out(body in bytes(20), wild in prop::collection::vec((0usize..30, 0usize..30, bytes(4)), 0..5)) {
        let splices: Vec<BodySplice> =
            wild.into_iter().map(|(start, end, with)| BodySplice { start, end, with }).collect();
        let mut at = 0;
        let mut possible = Vec::new();
        for splice in &splices {
            if at <= splice.start && splice.start <= splice.end && splice.end <= body.len() {
                at = splice.end;
                possible.push(splice.clone());
            }
        }
        prop_assert_eq!(edit::apply(&body, &splices), naive(&body, &possible));
    }

    #[test]
    fn a_model_splice_changes_the_model_only(request in request(), pretty in any::<bool>(), dialect in dialect()) {
        let body = written(&request, pretty);
        let view = RequestView::read(dialect, body.as_bytes()).unwrap();
        prop_assert_eq!(&request["model"], view.model.as_str());
        fuzz_bodies::chat_request(body.as_bytes());
    }

    #[test]
    fn any_member_can_be_cut_to_its_value(request in request(), dialect in dialect()) {
        let body = written(&request, false);
        let view = RequestView::read(dialect, body.as_bytes()).unwrap();
        for (name, value) in request.as_object().unwrap() {
            let member = view.member(body.as_bytes(), name.as_bytes()).unwrap();
            let splice = BodySplice {
                start: member.value.span.start as usize,
                end: member.value.span.end as usize,
                with: b"null".to_vec(),
            };
            let edited = edit::apply(body.as_bytes(), &[splice]);
            let mut expected = request.clone();
            expected[name] = Value::Null;
            prop_assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap(), expected, "{} was {}", name, value);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(body in bytes(120)) {
        fuzz_bodies::chat_request(&body);
    }

    #[test]
    fn no_broken_request_makes_the_reader_panic(
        request in request(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, any::<u8>()), 1..4),
    ) {
        let mut body = written(&request, false).into_bytes();
        for (index, what, byte) in edits {
            let at = index.index(body.len());
            match what {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        fuzz_bodies::chat_request(&body);
    }
}

#[test]
fn splices_at_the_edges() {
    let splice = |start, end, with: &str| BodySplice { start, end, with: with.into() };
    assert_eq!(edit::apply(b"abc", &[]), b"abc");
    assert_eq!(edit::apply(b"", &[splice(0, 0, "x")]), b"x");
    assert_eq!(edit::apply(b"abc", &[splice(0, 0, "<"), splice(3, 3, ">")]), b"<abc>");
    assert_eq!(edit::apply(b"abc", &[splice(1, 1, "x"), splice(1, 2, "y"), splice(2, 2, "z")]), b"axyzc");
    assert_eq!(edit::apply(b"abc", &[splice(0, 3, "")]), b"");
    for wrong in [splice(2, 1, "x"), splice(4, 4, "x"), splice(0, 4, "x"), splice(usize::MAX, 0, "x")] {
        assert_eq!(edit::apply(b"abc", &[wrong, splice(1, 2, "B")]), b"aBc");
    }
    assert_eq!(
        edit::apply(b"abcd", &[splice(1, 3, "x"), splice(2, 4, "y"), splice(3, 4, "z")]),
        b"axz",
        "overlap"
    );
}

/// The obvious way: from the last splice to the first, so that no offset moves.
fn naive(body: &[u8], splices: &[BodySplice]) -> Vec<u8> {
    let mut out = body.to_vec();
    for splice in splices.iter().rev() {
        out.splice(splice.start..splice.end, splice.with.iter().copied());
    }
    out
}

/// Sorted splices without overlap, from any list of cuts.
fn splices(body: &[u8], cuts: &[(prop::sample::Index, Vec<u8>)]) -> Vec<BodySplice> {
    let mut places: Vec<usize> = cuts.iter().map(|(index, _)| index.index(body.len() + 1)).collect();
    places.sort_unstable();
    let pairs = places.chunks_exact(2).zip(cuts);
    pairs.map(|(pair, (_, with))| BodySplice { start: pair[0], end: pair[1], with: with.clone() }).collect()
}

fn cuts() -> impl Strategy<Value = Vec<(prop::sample::Index, Vec<u8>)>> {
    prop::collection::vec((any::<prop::sample::Index>(), bytes(8)), 0..12)
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

fn written(request: &Value, pretty: bool) -> String {
    if pretty { serde_json::to_string_pretty(request).unwrap() } else { request.to_string() }
}

/// A word of some wire format, so that generated objects look like blocks, items and tools; or any text.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "role",
        "type",
        "content",
        "text",
        "user",
        "assistant",
        "system",
        "developer",
        "tool",
        "tool_result",
        "tool_use",
        "function_call",
        "function_call_output",
        "mcp_call",
        "reasoning",
        "thinking",
        "signature",
        "redacted_thinking",
        "image",
        "image_url",
        "document",
        "source",
        "data",
        "base64",
        "input_text",
        "output",
        "input",
        "arguments",
        "name",
        "is_error",
        "tool_calls",
        "function",
        "refusal",
        "encrypted_content",
        "reasoning_content",
        "cache_control",
        "message",
        "item_reference",
        "compaction",
        "file_id",
        "custom",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..6).prop_map(|members| json!(members)),
        ]
    })
}

/// A request with a model, and anything in the members that the reader looks at.
fn request() -> impl Strategy<Value = Value> {
    let members = [
        "messages",
        "input",
        "system",
        "instructions",
        "tools",
        "functions",
        "tool_choice",
        "thinking",
        "stream",
        "reasoning",
        "reasoning_effort",
        "output_config",
        "text",
        "response_format",
        "max_tokens",
        "metadata",
        "stream_options",
        "previous_response_id",
        "cache_control",
    ];
    let member = (
        prop_oneof![5 => prop::sample::select(members.to_vec()).prop_map(str::to_owned), 1 => word()],
        any_json(),
    );
    let list =
        (prop::sample::select(vec!["messages", "input", "tools"]), prop::collection::vec(any_json(), 0..5));
    let model = "[a-z/\"\\\\é😀.-]{1,20}";
    (model, list, prop::collection::vec(member, 0..6)).prop_map(|(model, (name, list), members)| {
        let mut request = json!({ name: list });
        for (name, value) in members {
            request[name] = value;
        }
        request["model"] = model.into();
        request
    })
}
