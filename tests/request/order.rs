//! The order of members says nothing, wherever they stand.

use pointsman::wire::Dialect;

use crate::shown;

/// Writes a value with the members of every object in reverse.
fn reversed(value: &serde_json::Value) -> String {
    use serde_json::Value::{Array, Object};
    match value {
        Object(members) => {
            let members: Vec<String> =
                members.iter().rev().map(|(name, value)| format!("{name:?}:{}", reversed(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Array(elements) => format!("[{}]", elements.iter().map(reversed).collect::<Vec<_>>().join(",")),
        value => value.to_string(),
    }
}

#[test]
fn a_view_does_not_depend_on_it() {
    let bodies = [
        (
            Dialect::Messages,
            r#"{"model":"auto","system":[{"type":"text","text":"s"}],"max_tokens":5,"stream":true,"thinking":{"type":"enabled","budget_tokens":7},"output_config":{"effort":"low","format":{"type":"json_schema"}},"messages":[{"role":"user","content":[{"type":"tool_result","is_error":true,"content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","data":"AA=="}}]},{"type":"document","source":{"type":"text","data":"d"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"x"},{"type":"tool_use","name":"n","input":[]}]}]}"#,
        ),
        (
            Dialect::Responses,
            r#"{"model":"auto","instructions":"i","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"reasoning","content":[{"type":"reasoning_text","text":"r"}],"encrypted_content":"e"},{"type":"function_call","name":"f","arguments":"{}"},{"type":"mcp_call","name":"g","arguments":"{}","output":"o"},{"type":"function_call_output","output":[{"type":"input_text","text":"b"}]}]}"#,
        ),
        (
            Dialect::Chat,
            r#"{"model":"auto","messages":[{"role":"system","content":"s"},{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":[{"type":"text","text":"r"}]}],"tools":[{"type":"function","function":{"name":"f","strict":true}}],"max_tokens":1,"max_completion_tokens":2}"#,
        ),
    ];
    for (dialect, body) in bodies {
        let turned = reversed(&serde_json::from_str(body).unwrap());
        assert_ne!(turned, body);
        assert_eq!(shown(dialect, turned.as_bytes()), shown(dialect, body.as_bytes()), "{turned}");
    }
}
