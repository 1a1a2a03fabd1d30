//! Anthropic Messages.

use pointsman::wire::Dialect::Messages;

use crate::check;

/// As long as a real one needs to be, and of the same first byte.
const CLAUDE: &str = "EqQBCkYIARgCKkDk3Jm2mHk0b3lQx1Yc9sJ0p7m1t8b2AA==";

#[test]
fn anthropic_python_hello() {
    // The SDK writes members in the order of its own signature: max_tokens, messages, model, then the rest.
    check(
        Messages,
        r#"{"max_tokens":1024,"messages":[{"role":"user","content":"Hello, Claude"}],"model":"claude-opus-5-5","system":"Be kind."}"#,
        &[
            "claude-opus-5-5 max=1024 messages=1",
            "",
            r#"0 system text "Be kind.""#,
            r#"0 user text "Hello, Claude""#,
        ],
    );
}

#[test]
fn anthropic_node_stream() {
    check(
        Messages,
        r#"{"model":"auto","max_tokens":64000,"temperature":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","citations":null},{"type":"text","text":"b"}]}],"stream":true}"#,
        &["auto stream max=64000 messages=1", "", r#"0 user text "a""#, r#"0 user text "b""#],
    );
}

#[test]
fn claude_code() {
    let body = format!(
        r#"{{"model":"claude-opus-5-5","messages":[{{"role":"user","content":[{{"type":"text","text":"<system-reminder>\nToday\n</system-reminder>"}},{{"type":"text","text":"fix the test","cache_control":{{"type":"ephemeral"}}}}]}},{{"role":"assistant","content":[{{"type":"thinking","thinking":"","signature":"{CLAUDE}"}},{{"type":"text","text":"Looking."}},{{"type":"tool_use","id":"toolu_01","name":"Bash","input":{{"command":"cargo test","description":"Run \"tests\""}}}}]}},{{"role":"user","content":[{{"tool_use_id":"toolu_01","type":"tool_result","content":"FAILED","is_error":true,"cache_control":{{"type":"ephemeral"}}}}]}},{{"role":"system","content":"Plan mode is active"}}],"system":[{{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.283; cc_entrypoint=cli;"}},{{"type":"text","text":"You are Claude Code","cache_control":{{"type":"ephemeral","ttl":"1h"}}}}],"tools":[{{"name":"Bash","description":"Runs","input_schema":{{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{{"command":{{"type":"string"}}}}}}}}],"metadata":{{"user_id":"{{\"session_id\":\"5f3c\"}}"}},"max_tokens":32000,"thinking":{{"type":"adaptive"}},"context_management":{{"edits":[{{"type":"clear_thinking_20251015","keep":"all"}}]}},"output_config":{{"effort":"medium"}},"stream":true}}"#
    );
    check(
        Messages,
        &body,
        &[
            "claude-opus-5-5 stream max=32000 effort=medium thinking=adaptive messages=4",
            "tools claude_signature tool_history system_in_messages cache_control billing_block",
            r#"0 system text "x-anthropic-billing-header: cc_version=2.1.283; cc_entrypoint=cli;""#,
            r#"0 system text "You are Claude Code""#,
            r#"0 user text "<system-reminder>\nToday\n</system-reminder>""#,
            r#"0 user text "fix the test""#,
            r#"1 assistant thinking """#,
            r#"1 assistant text "Looking.""#,
            r#"1 assistant call Bash {"command":"cargo test","description":"Run \"tests\""}"#,
            r#"2 tool error "FAILED""#,
            r#"3 system text "Plan mode is active""#,
        ],
    );
}

#[test]
fn claude_code_title_and_count() {
    check(
        Messages,
        r#"{"model":"claude-haiku-5-5","messages":[{"role":"user","content":"fix the test"}],"system":[{"type":"text","text":"Write the title in the predominant language of the session"}],"tools":[],"max_tokens":32000,"temperature":1,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"title":{"type":"string"}}}}},"stream":true}"#,
        &[
            "claude-haiku-5-5 stream max=32000 messages=1",
            "json_schema",
            r#"0 system text "Write the title in the predominant language of the session""#,
            r#"0 user text "fix the test""#,
        ],
    );
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":"count"}],"tools":[{"name":"a","input_schema":{}}]}"#,
        &["auto messages=1", "tools", r#"0 user text "count""#],
    );
}

#[test]
fn results_with_text_and_images() {
    check(
        Messages,
        r#"{"model":"auto","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"before"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUg=="}},{"type":"text","text":"after"}]},{"type":"text","text":"go on"}]}]}"#,
        &[
            "auto max=9 messages=1",
            "images",
            r#"0 tool result "before""#,
            "0 tool image",
            r#"0 tool result "after""#,
            r#"0 user text "go on""#,
        ],
    );
}

#[test]
fn results_in_every_order_of_members() {
    for block in [
        r#"{"type":"tool_result","tool_use_id":"a","is_error":true,"content":"no such file"}"#,
        r#"{"content":"no such file","is_error":true,"tool_use_id":"a","type":"tool_result"}"#,
        r#"{"content":[{"text":"no such file","type":"text"}],"type":"tool_result","is_error":true}"#,
        r#"{"is_error":true,"content":["no such file"],"type":"tool\u005fresult"}"#,
    ] {
        for (before, after) in [(r#""role":"user","#, ""), ("", r#","role":"user""#)] {
            let body = format!(r#"{{"model":"auto","messages":[{{{before}"content":[{block}]{after}}}]}}"#);
            check(Messages, &body, &["auto messages=1", "", r#"0 tool error "no such file""#]);
        }
    }
}

#[test]
fn results_without_text() {
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"},{"type":"tool_result","tool_use_id":"b","is_error":true,"content":[]},{"type":"tool_result","tool_use_id":"c","is_error":null,"content":null},{"type":"tool_result","tool_use_id":"d","content":[{"type":"image","source":{"type":"url","url":"https://example.com/"}}]}]}]}"#,
        &[
            "auto messages=1",
            "images",
            r#"0 tool result """#,
            r#"0 tool error """#,
            r#"0 tool result """#,
            "0 tool image",
            r#"0 tool result """#,
        ],
    );
}

#[test]
fn signatures_tell_their_maker() {
    for (signature, words) in [
        (format!(r#","signature":"{CLAUDE}""#), "claude_signature"),
        (r#","signature":"gAAAAABpVeryLongOpaqueTextOfAnotherVendor==""#.into(), "other_signature"),
        (r#","signature":"d41d8cd98f00b204e9800998ecf8427e""#.into(), "other_signature"),
        (r#","signature":"Eabc""#.into(), "other_signature"),
        (r#","signature":"""#.into(), ""),
        (r#","signature":null"#.into(), ""),
        (String::new(), ""),
    ] {
        let body = format!(
            r#"{{"model":"auto","messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"hm"{signature}}},{{"type":"text","text":"a"}}]}},{{"role":"user","content":"b"}}]}}"#
        );
        check(
            Messages,
            &body,
            &[
                "auto messages=2",
                words,
                r#"0 assistant thinking "hm""#,
                r#"0 assistant text "a""#,
                r#"1 user text "b""#,
            ],
        );
    }
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"EmwKAhgB"}]},{"role":"user","content":"b"}]}"#,
        &["auto messages=2", "redacted_thinking", r#"1 user text "b""#],
    );
}

#[test]
fn prefill() {
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":"List"},{"role":"assistant","content":"1."}]}"#,
        &["auto messages=2", "assistant_last", r#"0 user text "List""#, r#"1 assistant text "1.""#],
    );
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":"List"},{"content":[{"text":"{","type":"text"}],"role":"assistant"}]}"#,
        &["auto messages=2", "assistant_last", r#"0 user text "List""#, r#"1 assistant text "{""#],
    );
}

#[test]
fn documents() {
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"The whole \"text\"."},"title":"T","context":"C","citations":{"enabled":true}},{"type":"document","source":{"data":"Data first.","type":"text"}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQ="}},{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"Chunk"}]}},{"type":"document","source":{"type":"content","content":"Plain"}},{"type":"text","text":"Which?"}]}]}"#,
        &[
            "auto messages=1",
            "documents",
            r#"0 user text "The whole \"text\".""#,
            r#"0 user text "Data first.""#,
            "0 user document",
            "0 user document",
            r#"0 user text "Chunk""#,
            r#"0 user text "Plain""#,
            r#"0 user text "Which?""#,
        ],
    );
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_011"}}]}]}"#,
        &["auto messages=1", "documents server_state", "0 user document"],
    );
    // Nested in a result, a document is the tool's word.
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"document","source":{"type":"text","data":"page"}}]}]}]}"#,
        &["auto messages=1", "documents", r#"0 tool result "page""#],
    );
}

#[test]
fn search_results() {
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"search_result","source":"https://example.com","title":"T","content":[{"type":"text","text":"found"}],"citations":{"enabled":true}}]}]}"#,
        &["auto messages=1", "", r#"0 user text "found""#],
    );
}

#[test]
fn server_tools_in_the_history() {
    check(
        Messages,
        r#"{"model":"auto","tools":[{"type":"web_search_20250305","name":"web_search","max_uses":5}],"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"rust"}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://example.com","title":"T","encrypted_content":"EqgB","page_age":null}]},{"type":"code_execution_tool_result","tool_use_id":"srvtoolu_2","content":{"type":"code_execution_result","stdout":"42\n","stderr":"","return_code":0,"content":[]}},{"type":"web_fetch_tool_result","tool_use_id":"srvtoolu_3","content":{"type":"web_fetch_result","url":"https://example.com","content":{"type":"document","source":{"type":"text","media_type":"text/plain","data":"page"}}}},{"type":"mcp_tool_use","id":"m","name":"echo","server_name":"s","input":{}},{"type":"mcp_tool_result","tool_use_id":"m","is_error":false,"content":[{"type":"text","text":"hi"}]},{"type":"text","text":"Done."}]},{"role":"user","content":"ok"}]}"#,
        &[
            "auto messages=2",
            "tools documents tool_history reasoning_absent hosted_tools",
            r#"0 assistant call web_search {"query":"rust"}"#,
            r#"0 tool result """#,
            r#"0 tool result "42\n""#,
            r#"0 tool result "page""#,
            "0 assistant call echo {}",
            r#"0 tool result "hi""#,
            r#"0 assistant text "Done.""#,
            r#"1 user text "ok""#,
        ],
    );
}

#[test]
fn tools_of_every_sort() {
    for (tool, words) in [
        (r#"{"name":"a","input_schema":{"type":"object"}}"#, "tools"),
        (r#"{"type":"custom","name":"a","input_schema":{}}"#, "tools tool_type_custom"),
        (r#"{"type":null,"name":"a","input_schema":{}}"#, "tools"),
        (r#"{"type":"bash_20250124","name":"bash"}"#, "tools hosted_tools"),
        (r#"{"type":"web_search_20250305","name":"web_search"}"#, "tools hosted_tools"),
        (r#"{"name":"a","input_schema":{},"defer_loading":true}"#, "tools tool_extras"),
        (r#"{"name":"a","input_schema":{},"strict":true}"#, "tools tool_extras"),
        (r#"{"name":"a","input_schema":{},"eager_input_streaming":true}"#, "tools tool_extras"),
        (r#"{"name":"a","input_schema":{},"cache_control":{"type":"ephemeral"}}"#, "tools cache_control"),
        (r#"{"name":"a","input_schema":{},"cache_control":null}"#, "tools"),
    ] {
        check(
            Messages,
            &format!(r#"{{"model":"auto","tools":[{tool}],"messages":[]}}"#),
            &["auto messages=0", words],
        );
    }
}

#[test]
fn tool_choices() {
    for (choice, forced) in [
        (r#"{"type":"auto"}"#, false),
        (r#"{"type":"auto","disable_parallel_tool_use":true}"#, false),
        (r#"{"type":"none"}"#, false),
        (r#"{"type":"any"}"#, true),
        (r#"{"type":"tool","name":"a"}"#, true),
        (r#"{"name":"a","type":"tool"}"#, true),
        ("null", false),
        ("{}", false),
    ] {
        let body = format!(r#"{{"model":"auto","tool_choice":{choice},"messages":[]}}"#);
        check(Messages, &body, &["auto messages=0", if forced { "forced_tool" } else { "" }]);
    }
}

#[test]
fn thinking_and_effort() {
    for (fields, seen) in [
        (r#""thinking":{"type":"enabled","budget_tokens":10000}"#, " thinking=enabled budget=10000"),
        (r#""thinking":{"type":"adaptive","display":"summarized"}"#, " thinking=adaptive"),
        (r#""thinking":{"type":"disabled"}"#, " thinking=disabled"),
        (r#""output_config":{"effort":"max"}"#, " effort=max"),
        (r#""output_config":{"format":{"schema":{"effort":"low"}},"effort":"low"}"#, " effort=low"),
        (r#""output_config":null"#, ""),
        (r#""reasoning_effort":"high""#, ""),
    ] {
        check(
            Messages,
            &format!(r#"{{"model":"auto",{fields},"messages":[]}}"#),
            &[&format!("auto{seen} messages=0"), ""],
        );
    }
    check(
        Messages,
        r#"{"model":"auto","output_format":{"type":"json_schema","schema":{}},"messages":[]}"#,
        &["auto messages=0", "json_schema"],
    );
}

#[test]
fn automatic_caching_at_the_top() {
    check(
        Messages,
        r#"{"model":"auto","cache_control":{"type":"ephemeral"},"messages":[]}"#,
        &["auto messages=0", "cache_control"],
    );
    check(Messages, r#"{"model":"auto","cache_control":null,"messages":[]}"#, &["auto messages=0", ""]);
}

#[test]
fn compaction_of_the_messages_api_is_text() {
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"assistant","content":[{"type":"compaction","content":"So far: nothing."}]},{"role":"user","content":"go"}]}"#,
        &["auto messages=2", "", r#"0 assistant text "So far: nothing.""#, r#"1 user text "go""#],
    );
}

#[test]
fn the_billing_line_counts_only_where_it_opens_the_system_prompt() {
    check(
        Messages,
        r#"{"model":"auto","system":"x-anthropic-billing-header: a","messages":[]}"#,
        &["auto messages=0", "billing_block", r#"0 system text "x-anthropic-billing-header: a""#],
    );
    check(
        Messages,
        r#"{"model":"auto","messages":[{"role":"user","content":"x-anthropic-billing-header: a"}],"system":[{"type":"text","text":"b"},{"type":"text","text":"x-anthropic-billing-header: a"}]}"#,
        &[
            "auto messages=1",
            "",
            r#"0 system text "b""#,
            r#"0 system text "x-anthropic-billing-header: a""#,
            r#"0 user text "x-anthropic-billing-header: a""#,
        ],
    );
}
