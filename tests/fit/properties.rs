//! Properties of all fits: against an oracle that does the same edits to a tree, and on their own.

use super::*;
use proptest::{collection::vec, prelude::*, sample::select};

/// Writes a value with white space, an order of members and escapes in names that the bytes choose.
fn render(value: &Value, chance: &mut impl Iterator<Item = u8>, out: &mut String) {
    let mut next = |bound: u8| chance.next().unwrap_or(0) % bound;
    let white = ["", "", "", " ", "\n", "\t ", "\r\n  "];
    out.push_str(white[usize::from(next(7))]);
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            let turn = usize::from(next(16)) % members.len().max(1);
            members.rotate_left(turn);
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let white = white[usize::from(chance.next().unwrap_or(0) % 7)];
                let quoted = if chance.next().unwrap_or(0) % 8 == 7 {
                    let (first, rest) = name.split_at(1);
                    format!("\\u{:04x}{rest}", first.as_bytes()[0])
                } else {
                    name.clone()
                };
                out.push_str(&format!("{comma}{white}\"{quoted}\"{white}:"));
                render(value, chance, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                render(item, chance, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
    out.push_str(white[usize::from(chance.next().unwrap_or(0) % 7)]);
}

fn rendered(value: &Value, chance: &[u8]) -> String {
    let mut text = String::new();
    render(value, &mut chance.iter().copied(), &mut text);
    text
}

fn one(values: Value) -> BoxedStrategy<Value> {
    select(values.as_array().unwrap().clone()).boxed()
}

/// An object with some of these members.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let chosen = members.into_iter().map(|(name, value)| {
        (any::<bool>(), value).prop_map(move |(present, value)| present.then(|| (name.to_owned(), value)))
    });
    chosen
        .collect::<Vec<_>>()
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
        .boxed()
}

fn array(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(item, 0..5).prop_map(Value::Array).boxed()
}

fn signature() -> BoxedStrategy<Value> {
    one(json!(["", "c2ln", "E0123456789012345678901234567890123456789"]))
}

fn block() -> BoxedStrategy<Value> {
    let cache = || one(json!([{ "type": "ephemeral" }, null]));
    let text = object(vec![
        ("text", one(json!(["x-anthropic-billing-header: 1", "Hi", "\"}],"]))),
        ("cache_control", cache()),
    ]);
    let thinking = object(vec![("thinking", one(json!(["Hm", ""]))), ("signature", signature())]);
    let typed = |name: &'static str, block: BoxedStrategy<Value>| {
        block.prop_map(move |mut block| {
            block["type"] = name.into();
            block
        })
    };
    let result =
        object(vec![("content", array(typed("text", text.clone()).boxed())), ("cache_control", cache())]);
    prop_oneof![
        4 => typed("text", text),
        3 => typed("thinking", thinking),
        1 => typed("tool_result", result),
        1 => one(json!([{ "type": "redacted_thinking", "data": "x" }, { "type": "tool_use", "name": "read", "input": {} }, {}])),
    ]
    .boxed()
}

fn message() -> BoxedStrategy<Value> {
    object(vec![
        ("role", one(json!(["user", "assistant", "system", "developer", "tool"]))),
        ("content", prop_oneof![one(json!(["Hi", null])), array(block())].boxed()),
        (
            "tool_calls",
            one(
                json!([[], [{ "type": "function", "function": { "name": "read", "arguments": "{}" } }], null]),
            ),
        ),
        ("reasoning_content", one(json!(["Hm", "", null]))),
        ("cache_control", one(json!([{}]))),
    ])
}

fn tool() -> BoxedStrategy<Value> {
    object(vec![
        ("type", one(json!(["function", "custom", "web_search", 3]))),
        ("name", one(json!(["read", "search"]))),
        ("function", object(vec![("name", one(json!(["read"]))), ("strict", one(json!([true, null])))])),
        ("strict", one(json!([true]))),
        ("cache_control", one(json!([{}]))),
    ])
}

fn efforts() -> BoxedStrategy<Value> {
    one(json!(["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra", null, 3]))
}

fn request() -> BoxedStrategy<Value> {
    let number = || one(json!([0, 1, -1, 0.5, 1.99, 2, 2.5, 1e-7, 1e9, null, "1"]));
    let thinking = object(vec![
        ("type", one(json!(["adaptive", "enabled", "disabled", "auto"]))),
        ("budget_tokens", one(json!([0, 1024, 5000, 40000]))),
        ("display", one(json!(["omitted"]))),
    ]);
    let format = || object(vec![("type", one(json!(["json_schema", "json_object", "text"])))]);
    let effort = |other: &'static str| object(vec![("effort", efforts()), (other, format())]);
    let parts: Vec<(&'static str, BoxedStrategy<Value>)> = vec![
        ("messages", array(message())),
        ("input", prop_oneof![one(json!(["Hi"])), array(message())].boxed()),
        ("system", prop_oneof![one(json!(["x-anthropic-billing-header", null])), array(block())].boxed()),
        ("tools", prop_oneof![array(tool()), one(json!([null]))].boxed()),
        (
            "tool_choice",
            one(
                json!(["auto", "required", { "type": "any" }, { "type": "tool", "name": "search" }, { "type": "custom", "name": "read" }, null]),
            ),
        ),
        ("parallel_tool_calls", one(json!([true]))),
        ("temperature", number()),
        ("top_p", number()),
        ("top_k", number()),
        ("max_tokens", one(json!([1, 1024, 5000, 1000000, null]))),
        ("max_completion_tokens", one(json!([1, 1000000, 1e3]))),
        ("stream", one(json!([true, false]))),
        (
            "stream_options",
            prop_oneof![one(json!([null])), object(vec![("include_usage", one(json!([true, false])))])]
                .boxed(),
        ),
        ("reasoning_effort", efforts()),
        ("reasoning", prop_oneof![one(json!([null])), effort("summary")].boxed()),
        ("output_config", prop_oneof![one(json!([null])), effort("format")].boxed()),
        ("thinking", prop_oneof![5 => thinking, 1 => one(json!([null]))].boxed()),
        ("enable_thinking", one(json!([true, false, null]))),
        ("thinking_budget", one(json!([100, 5000]))),
        ("n", one(json!([1]))),
        ("user", one(json!(["u"]))),
        ("user_id", one(json!(["v"]))),
        ("cache_control", one(json!([{}]))),
        ("response_format", format()),
    ];
    let whole = |mut request: Value| {
        // Two words for one thing: the reader takes one of them, and which is not said.
        if request.get("reasoning_effort").is_some() {
            request.as_object_mut().unwrap().remove("reasoning");
        }
        with_model(&request, "auto")
    };
    object(parts).prop_map(whole).boxed()
}

/// Edits of all kinds, in the words of `data/rules.json`.
fn ops() -> Vec<Value> {
    let billing = json!({ "text": { "starts": "x-anthropic-billing-header" } });
    let claude = json!({ "type": { "is": ["thinking"] }, "signature": { "signed": "claude_signature" } });
    let calls = json!({ "role": { "is": ["assistant"] }, "tool_calls": "present" });
    vec![
        json!({ "op": "drop", "at": ["temperature", "n", "cache_control", "messages.*.cache_control", "messages.*.content.*.cache_control"] }),
        json!({ "op": "drop", "at": ["tools.*.type"], "is": ["custom"] }),
        json!({ "op": "drop", "at": ["tools.*"], "where": { "type": { "not": ["function", "custom"] } } }),
        json!({ "op": "drop", "at": ["tools.*.function.strict", "tools.*.strict"] }),
        json!({ "op": "drop", "at": ["messages.*.content.*"], "where": claude }),
        json!({ "op": "drop", "at": ["messages.*.content.*"], "where": { "type": { "is": ["text", "redacted_thinking"] } } }),
        json!({ "op": "drop", "at": ["messages.*.content.*.signature"], "where": { "thinking": "present" } }),
        json!({ "op": "drop", "at": ["messages.*.content.*.content.*.cache_control"], "where": { "text": "absent" } }),
        json!({ "op": "drop", "at": ["system.*"], "where": billing }),
        json!({ "op": "drop", "at": ["tool_choice"], "holding": { "type": { "not": ["any"] } } }),
        json!({ "op": "drop", "at": ["output_config.format", "thinking.budget_tokens", "thinking.display", "thinking.type"] }),
        json!({ "op": "rename", "at": "user", "to": "user_id" }),
        json!({ "op": "rename", "at": "max_tokens", "to": "max_completion_tokens" }),
        json!({ "op": "clamp", "at": ["temperature", "top_p"], "above": ["0", "0.01"], "max": "1" }),
        json!({ "op": "clamp", "at": ["top_k"], "min": "0", "below": ["2", "1.99"] }),
        json!({ "op": "cap", "at": ["max_tokens", "max_completion_tokens"] }),
        json!({ "op": "set", "at": ["stream", "output_config.effort"], "to": true }),
        json!({ "op": "set", "at": ["store", "enable_thinking"], "to": { "a": [1] }, "absent": true }),
        json!({ "op": "set", "at": ["messages.*.reasoning_content"], "to": " ", "absent": true, "where": calls }),
        json!({ "op": "map", "at": ["messages.*.role"], "from": ["system", "developer"], "to": "user" }),
        json!({ "op": "map", "at": ["tool_choice", "tools.*.function"], "from": ["required"], "objects": true, "to": "auto" }),
    ]
}

/// What an edit at the end of a path does to a tree; `None`: dropped.
fn act(op: &Value, value: Option<&Value>) -> Option<Value> {
    let listed = |list: &Value, value: &Value| list.as_array().is_some_and(|list| list.contains(value));
    match (op["op"].as_str().unwrap(), value) {
        ("drop", Some(value)) if op["is"].is_array() && !listed(&op["is"], value) => Some(value.clone()),
        ("drop", _) => None,
        ("map", Some(value)) => {
            let hit = listed(&op["from"], value) || (op["objects"] == true && value.is_object());
            Some(if hit { op["to"].clone() } else { value.clone() })
        }
        ("set", Some(value)) if op["absent"] == true && !value.is_null() => Some(value.clone()),
        ("set", _) => Some(op["to"].clone()),
        (_, value) => value.cloned(),
    }
}

fn passes(tests: &Value, object: &Value) -> bool {
    let Some(tests) = tests.as_object() else { return true };
    let Some(object) = object.as_object() else { return false };
    tests.iter().all(|(member, want)| {
        let value = object.get(member).unwrap_or(&Value::Null);
        let text = value.as_str();
        if want == "present" || want == "absent" {
            return value.is_null() == (want == "absent");
        }
        let (kind, operand) = want.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "is" => operand.as_array().unwrap().contains(value),
            "not" => text.is_some() && !operand.as_array().unwrap().contains(value),
            "starts" => text.is_some_and(|text| text.starts_with(operand.as_str().unwrap())),
            "signed" => text.is_some_and(|text| text.starts_with('E') && text.len() > 31),
            other => panic!("{other}"),
        }
    })
}

/// All edits below one member at once. `None`: nothing is left of it.
fn below(value: &Value, edits: &[(Vec<&str>, &Value)]) -> (Option<Value>, bool) {
    let at = |step: &str| -> Vec<(Vec<&str>, &Value)> {
        let taken = edits.iter().filter(|(path, _)| path.first() == Some(&step));
        taken.map(|(path, op)| (path[1..].to_vec(), *op)).collect()
    };
    match value {
        Value::Array(items) => {
            let edits = at("*");
            let left: Vec<Value> = items
                .iter()
                .filter(|item| !edits.iter().any(|(path, op)| path.is_empty() && passes(&op["where"], item)))
                .filter_map(|item| {
                    let (left, hollow) = below(item, &edits);
                    if hollow { None } else { Some(left.unwrap_or_else(|| json!({}))) }
                })
                .collect();
            let emptied = left.is_empty() && !items.is_empty();
            (if emptied { None } else { Some(Value::Array(left)) }, false)
        }
        Value::Object(members) => {
            let mut left = Map::new();
            let mut hollow = false;
            for (name, member) in members {
                let edits = at(name);
                let (inner, _) = below(member, &edits);
                hollow |= inner.is_none() && member.is_array();
                let ending: Vec<_> = edits
                    .iter()
                    .filter(|(path, op)| path.is_empty() && passes(&op["where"], value))
                    .collect();
                let mut result =
                    Some(inner.unwrap_or_else(|| if member.is_array() { json!([]) } else { json!({}) }));
                // The first that changes something decides, and nothing outlives a drop.
                if let Some(changed) =
                    ending.iter().map(|(_, op)| act(op, Some(member))).find(|to| to.as_ref() != Some(member))
                {
                    result = changed;
                }
                if ending.iter().any(|(_, op)| act(op, Some(member)).is_none()) {
                    result = None;
                }
                left.extend(result.map(|result| (name.clone(), result)));
            }
            for (path, op) in edits {
                if let [name] = path[..]
                    && op["op"] == "set"
                    && !members.contains_key(name)
                    && passes(&op["where"], value)
                {
                    left.entry(name).or_insert_with(|| op["to"].clone());
                }
            }
            let emptied = left.is_empty() && !members.is_empty();
            (if emptied { None } else { Some(Value::Object(left)) }, hollow)
        }
        other => (Some(other.clone()), false),
    }
}

/// The edits of one rule, on a tree.
fn oracle(request: &Value, ops: &[Value], max_output: u64) -> Value {
    let before = request.as_object().unwrap();
    let mut after = before.clone();
    let mut replaced: BTreeSet<String> = BTreeSet::new();
    let places = |op: &Value| -> Vec<String> {
        let at = &op["at"];
        at.as_array().map_or_else(
            || vec![at.as_str().unwrap().into()],
            |list| list.iter().map(|p| p.as_str().unwrap().into()).collect(),
        )
    };
    for op in ops {
        for name in places(op).into_iter().filter(|place| !place.contains('.')) {
            let Some(value) = after.get(&name).cloned() else {
                if op["op"] == "set" {
                    after.insert(name.clone(), op["to"].clone());
                    replaced.insert(name);
                }
                continue;
            };
            let number = value.as_f64();
            let bound = |key: &str| {
                op[key].as_str().map(|text| (text.parse::<f64>().unwrap(), text.parse::<Value>().unwrap()))
            };
            let exclusive = |key: &str| {
                let pair = op[key].as_array()?;
                Some((
                    pair[0].as_str().unwrap().parse::<f64>().unwrap(),
                    pair[1].as_str().unwrap().parse::<Value>().unwrap(),
                ))
            };
            let to = match op["op"].as_str().unwrap() {
                "rename" => {
                    after.remove(&name);
                    after.entry(op["to"].as_str().unwrap()).or_insert(value);
                    continue;
                }
                "clamp" => {
                    let low = bound("min").filter(|(at, _)| number.is_some_and(|n| n < *at));
                    let high = bound("max").filter(|(at, _)| number.is_some_and(|n| n > *at));
                    let above = exclusive("above").filter(|(at, _)| number.is_some_and(|n| n <= *at));
                    let below = exclusive("below").filter(|(at, _)| number.is_some_and(|n| n >= *at));
                    low.or(high).or(above).or(below).map_or(value, |(_, to)| to)
                }
                "cap" if number.is_some_and(|n| n > max_output as f64) => max_output.into(),
                "drop" if !passes(&op["holding"], &value) => value,
                "drop" => {
                    after.remove(&name);
                    continue;
                }
                "cap" => value,
                _ => act(op, Some(&value)).unwrap(),
            };
            if Some(&to) != after.get(&name) {
                replaced.insert(name.clone());
                after.insert(name, to);
            }
        }
    }
    let mut roots: Vec<String> = Vec::new();
    for op in ops {
        roots.extend(places(op).iter().filter_map(|place| Some(place.split_once('.')?.0.to_owned())));
    }
    roots.dedup();
    let all: Vec<(String, &Value)> =
        ops.iter().flat_map(|op| places(op).into_iter().map(move |place| (place, op))).collect();
    for root in roots.into_iter().collect::<BTreeSet<_>>() {
        let edits: Vec<(Vec<&str>, &Value)> = all
            .iter()
            .filter_map(|(place, op)| {
                let (name, rest) = place.split_once('.')?;
                (name == root).then(|| (rest.split('.').collect(), *op))
            })
            .collect();
        let Some(value) = after.get(&root).filter(|_| !replaced.contains(&root)).cloned() else { continue };
        let (left, hollow) = below(&value, &edits);
        let gone = left.is_none() || hollow;
        if root == "tools" {
            untie(&mut after, &value, &edits, gone);
        }
        match left.filter(|_| !hollow) {
            Some(left) => after.insert(root, left),
            None => after.remove(&root),
        };
    }
    Value::Object(after)
}

fn untie(after: &mut Map<String, Value>, tools: &Value, edits: &[(Vec<&str>, &Value)], gone: bool) {
    if gone {
        after.remove("tool_choice");
        after.remove("parallel_tool_calls");
        return;
    }
    let dropped = |tool: &&Value| edits.iter().any(|(path, op)| path == &["*"] && passes(&op["where"], tool));
    let names: Vec<&Value> =
        tools.as_array().into_iter().flatten().filter(dropped).filter_map(|tool| tool.get("name")).collect();
    if after
        .get("tool_choice")
        .and_then(|choice| choice.get("name"))
        .is_some_and(|name| names.contains(&name))
    {
        after.remove("tool_choice");
    }
}

fn wanteds() -> impl Strategy<Value = Wanted> {
    (proptest::option::of(select(Effort::ALL.to_vec())), any::<bool>(), any::<bool>()).prop_map(
        |(effort, stream_usage, drop_foreign_thinking)| Wanted {
            effort,
            stream_usage,
            drop_foreign_thinking,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_do_to_bytes_what_they_do_to_a_tree(
        request in request(),
        chance in vec(any::<u8>(), 0..400),
        chosen in proptest::sample::subsequence(ops(), 0..8).prop_shuffle(),
    ) {
        let every = ["tools", "tool_history", "images", "claude_signature", "other_signature", "redacted_thinking",
            "cache_control", "billing_block", "developer_role", "system_in_messages", "hosted_tools", "tool_extras",
            "tool_type_custom", "assistant_last", "reasoning_text", "reasoning_absent", "forced_tool"];
        let rule = json!({ "id": "all", "when": {}, "if": every, "edit": chosen, "source": "s", "verified": false });
        let budgets = json!({ "minimal": 1, "low": 2, "medium": 3, "high": 4, "xhigh": 5, "max": 6 });
        let rules = if chosen.is_empty() { json!([]) } else { json!([rule]) };
        let document = json!({ "version": 1, "as_of": "2026-11-23", "budgets": budgets, "rules": rules });
        let rules = Rules::from_json(document.to_string().as_bytes()).unwrap();
        let (provider, model) = model("anthropic/claude-haiku-4-5", None);
        let fit = Fit::resolve(&rules, Dialect::Messages, &provider, &model);
        let text = rendered(&request, &chance);
        let view = RequestView::read(Dialect::Messages, text.as_bytes()).unwrap();
        let met = every.iter().any(|name| view.traits.meets(Traits::parse(name).unwrap()));
        let want = with_model(&oracle(&request, if met { &chosen } else { &[] }, model.max_output), &model.id);
        let (out, fitted) = fitted(&fit, Dialect::Messages, text.as_bytes(), Wanted::default());
        let out: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&out, &want, "{}", text);
        prop_assert_eq!(fitted.applied.is_empty(), with_model(&request, &model.id) == want, "{}", text);
    }

    #[test]
    fn a_fitted_request_fits(
        request in request(),
        chance in vec(any::<u8>(), 0..400),
        dialect in select(Dialect::ALL.to_vec()),
        model in select(CATALOG.models().cloned().collect::<Vec<_>>()),
        wanted in wanteds(),
    ) {
        let fit = Fit::resolve(&RULES, dialect, &model.provider, &model);
        let text = rendered(&request, &chance);
        let (once, first) = fitted(&fit, dialect, text.as_bytes(), wanted);
        let out: Value = serde_json::from_slice(&once).unwrap();
        prop_assert_eq!(&out["model"], &json!(model.id));
        let (twice, second) = fitted(&fit, dialect, &once, wanted);
        prop_assert_eq!(
            String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once),
            "{}/{} {:?} then {:?}", model.provider, model.id, first.applied, second.applied
        );
        prop_assert_eq!(second.effort, first.effort, "{}/{} {}", model.provider, model.id, String::from_utf8_lossy(&once));
    }
}

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::built_in().unwrap());
