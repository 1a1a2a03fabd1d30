//! Chat Completions.

use pointsman::wire::Dialect::Chat;

use crate::check;

#[test]
fn openai_python_hello() {
    // json.dumps of the SDK: no spaces since 1.x, messages first, UTF-8 as it is.
    check(
        Chat,
        r#"{"messages":[{"role":"developer","content":"You are terse."},{"role":"user","content":"Grüße, 😀"}],"model":"auto"}"#,
        &[
            "auto messages=2",
            "developer_role",
            r#"0 system text "You are terse.""#,
            r#"1 user text "Grüße, 😀""#,
        ],
    );
}

#[test]
fn openai_python_old_and_ascii() {
    // Older SDKs and plain `requests`: ", " and ": ", everything outside ASCII escaped.
    check(
        Chat,
        r#"{"model": "gpt-4o", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Gr\u00fc\u00dfe, \ud83d\ude00\n\"quoted\""}], "temperature": 0.7, "max_tokens": 256, "stream": true, "stream_options": {"include_usage": true}}"#,
        &[
            "gpt-4o stream usage max=256 messages=2",
            "",
            r#"0 system text "Be brief.""#,
            r#"1 user text "Grüße, 😀\n\"quoted\"""#,
        ],
    );
}

#[test]
fn openai_node_with_parts() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"text","text":"What is in these?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"high"}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}],"max_completion_tokens":500,"stream":false}"#,
        &[
            "auto max=500 messages=1",
            "images",
            r#"0 user text "What is in these?""#,
            "0 user image",
            "0 user image",
        ],
    );
}

#[test]
fn audio_and_files() {
    check(
        Chat,
        r#"{"model":"auto","modalities":["text","audio"],"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}},{"type":"text","text":"Summarise."}]}]}"#,
        &[
            "auto messages=1",
            "documents audio",
            "0 user audio",
            "0 user document",
            r#"0 user text "Summarise.""#,
        ],
    );
}

#[test]
fn a_file_that_the_provider_holds() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-abc"}}]}]}"#,
        &["auto messages=1", "documents server_state", "0 user document"],
    );
}

#[test]
fn answers_dumped_by_the_python_sdk_have_nulls() {
    // `message.model_dump()` put back into the history, which is what most agent loops do.
    check(
        Chat,
        r#"{"messages":[{"role":"user","content":"Weather in Rome?"},{"content":null,"refusal":null,"role":"assistant","annotations":[],"audio":null,"function_call":null,"tool_calls":[{"id":"call_1","function":{"arguments":"{\"city\":\"Rome\"}","name":"weather"},"type":"function"}]},{"role":"tool","tool_call_id":"call_1","content":"{\"sky\": \"clear\"}"},{"content":"Clear.","refusal":null,"role":"assistant","annotations":[],"audio":null,"function_call":null,"tool_calls":null},{"role":"user","content":"Thanks"}],"model":"auto","tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}"#,
        &[
            "auto messages=5",
            "tools tool_history reasoning_absent",
            r#"0 user text "Weather in Rome?""#,
            r#"1 assistant call weather "{\"city\":\"Rome\"}""#,
            r#"2 tool result "{\"sky\": \"clear\"}""#,
            r#"3 assistant text "Clear.""#,
            r#"4 user text "Thanks""#,
        ],
    );
}

#[test]
fn parallel_calls_and_results() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"assistant","content":"Looking.","tool_calls":[{"id":"a","type":"function","function":{"name":"ls","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"pwd","arguments":""}}]},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"src"},{"type":"text","text":"tests"}]},{"role":"tool","tool_call_id":"b","content":""}]}"#,
        &[
            "auto messages=3",
            "tool_history reasoning_absent",
            r#"0 assistant text "Looking.""#,
            r#"0 assistant call ls "{}""#,
            r#"0 assistant call pwd """#,
            r#"1 tool result "src""#,
            r#"1 tool result "tests""#,
            r#"2 tool result """#,
        ],
    );
}

#[test]
fn a_result_without_content_is_still_a_result() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"tool","tool_call_id":"a","content":null},{"role":"tool","tool_call_id":"b"},{"role":"tool","tool_call_id":"c","content":[{"type":"image_url","image_url":{"url":"https://example.com/"}}]}]}"#,
        &[
            "auto messages=3",
            "images",
            r#"0 tool result """#,
            r#"1 tool result """#,
            "2 tool image",
            r#"2 tool result """#,
        ],
    );
}

#[test]
fn legacy_functions() {
    check(
        Chat,
        r#"{"model":"auto","functions":[{"name":"weather","parameters":{"type":"object"}}],"function_call":{"name":"weather"},"messages":[{"role":"user","content":"Rome?"},{"role":"assistant","content":null,"function_call":{"name":"weather","arguments":"{\"city\": 1}"}},{"role":"function","name":"weather","content":"clear"}]}"#,
        &[
            "auto messages=3",
            "tools forced_tool tool_history reasoning_absent",
            r#"0 user text "Rome?""#,
            r#"1 assistant call weather "{\"city\": 1}""#,
            r#"2 tool result "clear""#,
        ],
    );
    check(
        Chat,
        r#"{"model":"auto","functions":[],"function_call":"auto","messages":[]}"#,
        &["auto messages=0", ""],
    );
    check(Chat, r#"{"model":"auto","function_call":"none","messages":[]}"#, &["auto messages=0", ""]);
}

#[test]
fn o_series() {
    check(
        Chat,
        r#"{"model":"o4-mini","messages":[{"role":"developer","content":[{"type":"text","text":"Formatting re-enabled"}]},{"role":"user","content":"Prove it."}],"reasoning_effort":"high","max_completion_tokens":25000,"store":true,"metadata":{"role":"x","model":"y"}}"#,
        &[
            "o4-mini max=25000 effort=high messages=2",
            "developer_role",
            r#"0 system text "Formatting re-enabled""#,
            r#"1 user text "Prove it.""#,
        ],
    );
    check(
        Chat,
        r#"{"model":"gpt-5.4","reasoning_effort":"none","verbosity":"low","messages":[]}"#,
        &["gpt-5.4 effort=none messages=0", ""],
    );
    check(Chat, r#"{"model":"gpt-5.4","reasoning_effort":null,"messages":[]}"#, &["gpt-5.4 messages=0", ""]);
    check(
        Chat,
        r#"{"model":"gpt-5.4","reasoning_effort":"HIGH","messages":[]}"#,
        &["gpt-5.4 messages=0", ""],
    );
}

#[test]
fn openrouter_reasoning() {
    check(
        Chat,
        r#"{"model":"anthropic/claude-opus-4.6","reasoning":{"effort":"xhigh","exclude":false},"reasoning_effort":null,"messages":[{"role":"assistant","content":"4","reasoning":"two and two","reasoning_details":[{"type":"reasoning.text","text":"two and two"}]},{"role":"user","content":"5?"}]}"#,
        &[
            "anthropic/claude-opus-4.6 effort=xhigh messages=2",
            "reasoning_text",
            r#"0 assistant text "4""#,
            r#"0 assistant thinking "two and two""#,
            r#"1 user text "5?""#,
        ],
    );
}

#[test]
fn thinking_switches_of_chat_hosts() {
    check(
        Chat,
        r#"{"model":"deepseek-flash","thinking":{"type":"enabled"},"messages":[]}"#,
        &["deepseek-flash thinking=enabled messages=0", ""],
    );
    check(
        Chat,
        r#"{"model":"glm-5.3","thinking":{"type":"disabled","clear_thinking":true},"messages":[]}"#,
        &["glm-5.3 thinking=disabled messages=0", ""],
    );
    check(
        Chat,
        r#"{"model":"x","thinking":{"budget_tokens":2048,"type":"enabled"},"messages":[]}"#,
        &["x thinking=enabled budget=2048 messages=0", ""],
    );
    check(Chat, r#"{"model":"x","thinking":true,"messages":[]}"#, &["x messages=0", ""]);
}

#[test]
fn reasoning_content_on_tool_calls() {
    let call = r#""tool_calls":[{"id":"a","type":"function","function":{"name":"ls","arguments":"{}"}}]"#;
    for (field, words, parts) in [
        (
            r#""reasoning_content":"Look first.""#,
            "tool_history reasoning_text",
            r#"0 assistant thinking "Look first.""#,
        ),
        (r#""reasoning_content":" ""#, "tool_history reasoning_text", r#"0 assistant thinking " ""#),
        (r#""reasoning_content":"""#, "tool_history reasoning_absent", ""),
        (r#""reasoning_content":null"#, "tool_history reasoning_absent", ""),
        (r#""reasoning_details":[{"type":"reasoning.text","text":"x"}]"#, "tool_history reasoning_text", ""),
        (r#""reasoning_details":[]"#, "tool_history reasoning_absent", ""),
        (
            r#""reasoning_content":"a","reasoning_details":null"#,
            "tool_history reasoning_text",
            r#"0 assistant thinking "a""#,
        ),
    ] {
        let body = format!(
            r#"{{"model":"auto","messages":[{{"role":"assistant","content":null,{field},{call}}}]}}"#
        );
        let words = words.replace("tool_history", "assistant_last tool_history");
        let call = r#"0 assistant call ls "{}""#;
        let expected = ["auto messages=1", &words, parts, call];
        let expected: Vec<&str> = expected.into_iter().filter(|line| !line.is_empty()).collect();
        check(Chat, &body, &expected);
    }
    // No calls, nothing missing.
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"assistant","content":"x","tool_calls":[]},{"role":"user","content":"y"}]}"#,
        &["auto messages=2", "", r#"0 assistant text "x""#, r#"1 user text "y""#],
    );
}

#[test]
fn formats() {
    for (format, words) in [
        (
            r#"{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object"}}}"#,
            "json_schema",
        ),
        (r#"{"json_schema":{"type":"object"},"type":"json_schema"}"#, "json_schema"),
        (r#"{"type":"json_object"}"#, "json_object"),
        (r#"{"type":"text"}"#, ""),
        ("null", ""),
    ] {
        check(
            Chat,
            &format!(r#"{{"model":"auto","response_format":{format},"messages":[]}}"#),
            &["auto messages=0", words],
        );
    }
}

#[test]
fn tools_of_every_sort() {
    for (tools, words) in [
        (r#"[{"type":"function","function":{"name":"a","parameters":{}}}]"#, "tools"),
        (
            r#"[{"function":{"name":"a","strict":true,"parameters":{}},"type":"function"}]"#,
            "tools tool_extras",
        ),
        (
            r#"[{"type":"custom","custom":{"name":"apply_patch","format":{"type":"text"}}}]"#,
            "tools hosted_tools",
        ),
        (r#"[{"type":"web_search_preview"}]"#, "tools hosted_tools"),
        (
            r#"[{"type":"function","function":{"name":"a"},"cache_control":{"type":"ephemeral"}}]"#,
            "tools cache_control",
        ),
        (
            r#"[{"type":"function","function":{"name":"strict","parameters":{"properties":{"strict":{"type":"string"}}}}}]"#,
            "tools",
        ),
        ("[]", ""),
        ("null", ""),
    ] {
        check(
            Chat,
            &format!(r#"{{"model":"auto","tools":{tools},"messages":[]}}"#),
            &["auto messages=0", words],
        );
    }
}

#[test]
fn tool_choices() {
    for (choice, forced) in [
        (r#""auto""#, false),
        (r#""none""#, false),
        (r#""required""#, true),
        ("null", false),
        (r#"{"type":"function","function":{"name":"a"}}"#, true),
        (r#"{"function":{"name":"a"},"type":"function"}"#, true),
        (r#"{"type":"custom","custom":{"name":"a"}}"#, true),
        (r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#, false),
        (r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}}"#, true),
        (r#"{"type":"auto"}"#, false),
    ] {
        let body = format!(r#"{{"model":"auto","tool_choice":{choice},"messages":[]}}"#);
        check(Chat, &body, &["auto messages=0", if forced { "forced_tool" } else { "" }]);
    }
}

#[test]
fn output_limits() {
    for (limit, seen) in [
        (r#""max_tokens":10"#, " max=10"),
        (r#""max_tokens":null,"max_completion_tokens":20"#, " max=20"),
        (r#""max_completion_tokens":20,"max_tokens":null"#, " max=20"),
        (r#""max_completion_tokens":20,"max_tokens":10"#, " max=20"),
        (r#""max_tokens":10,"max_completion_tokens":20"#, " max=20"),
        (r#""max_tokens":-1"#, ""),
        (r#""max_tokens":"10""#, ""),
        (r#""max_tokens":1e3"#, ""),
        (r#""max_output_tokens":10"#, ""),
    ] {
        let body = format!(r#"{{"model":"auto",{limit},"messages":[]}}"#);
        check(Chat, &body, &[&format!("auto{seen} messages=0"), ""]);
    }
}

#[test]
fn streams() {
    for (field, seen) in [
        (r#""stream":true"#, " stream"),
        (r#""stream":false"#, ""),
        (r#""stream":null"#, ""),
        (r#""stream":"true""#, ""),
        (r#""stream":1"#, ""),
        (r#""stream":true,"stream_options":{"include_usage":false}"#, " stream"),
        (
            r#""stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}"#,
            " stream usage",
        ),
        (r#""stream":true,"stream_options":null"#, " stream"),
    ] {
        check(
            Chat,
            &format!(r#"{{"model":"auto",{field},"messages":[]}}"#),
            &[&format!("auto{seen} messages=0"), ""],
        );
    }
}

#[test]
fn aider() {
    // --cache-prompts: marks within the content, no session, LiteLLM's member order.
    check(
        Chat,
        r#"{"model":"anthropic/claude-sonnet-5","messages":[{"role":"system","content":[{"type":"text","text":"Act as an expert software developer.","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"I am not sharing any files that you can edit yet."},{"role":"assistant","content":"Ok."},{"role":"user","content":[{"type":"text","text":"Add a flag","cache_control":{"type":"ephemeral"}}]}],"temperature":0,"stream":true}"#,
        &[
            "anthropic/claude-sonnet-5 stream messages=4",
            "cache_control",
            r#"0 system text "Act as an expert software developer.""#,
            r#"1 user text "I am not sharing any files that you can edit yet.""#,
            r#"2 assistant text "Ok.""#,
            r#"3 user text "Add a flag""#,
        ],
    );
}

#[test]
fn opencode() {
    // Vercel's AI SDK: system first, an assistant turn without content, reasoning under its Chat name.
    check(
        Chat,
        r#"{"model":"kimi-k3","max_tokens":32000,"messages":[{"role":"system","content":"You are opencode"},{"role":"user","content":[{"type":"text","text":"Fix it"}]},{"role":"assistant","content":"","reasoning_content":"The test fails","tool_calls":[{"id":"bash:0","type":"function","function":{"name":"bash","arguments":"{\"command\":\"cargo test\"}"}}]},{"role":"tool","tool_call_id":"bash:0","content":"error[E0308]"}],"tools":[{"type":"function","function":{"name":"bash","description":"Runs.","parameters":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}}}],"tool_choice":"auto","stream":true,"stream_options":{"include_usage":true}}"#,
        &[
            "kimi-k3 stream usage max=32000 messages=4",
            "tools tool_history reasoning_text",
            r#"0 system text "You are opencode""#,
            r#"1 user text "Fix it""#,
            r#"2 assistant text """#,
            r#"2 assistant thinking "The test fails""#,
            r#"2 assistant call bash "{\"command\":\"cargo test\"}""#,
            r#"3 tool result "error[E0308]""#,
        ],
    );
}

#[test]
fn openhands() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"content":[{"type":"text","text":"You are OpenHands agent","cache_control":{"type":"ephemeral"}}],"role":"system"},{"content":[{"type":"text","text":"Fix"}],"role":"user"},{"content":[{"type":"text","text":"ok"}],"role":"assistant","tool_calls":[{"id":"t1","type":"function","function":{"name":"terminal","arguments":"{\"command\": \"ls\"}"}}]},{"content":[{"type":"text","text":"src","cache_control":{"type":"ephemeral"}}],"role":"tool","tool_call_id":"t1","name":"terminal"}],"prompt_cache_key":"5f3c"}"#,
        &[
            "auto messages=4",
            "tool_history reasoning_absent cache_control",
            r#"0 system text "You are OpenHands agent""#,
            r#"1 user text "Fix""#,
            r#"2 assistant text "ok""#,
            r#"2 assistant call terminal "{\"command\": \"ls\"}""#,
            r#"3 tool result "src""#,
        ],
    );
}

#[test]
fn roles_after_content_and_unknown_roles() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"content":[{"text":"a","type":"text"}],"role":"assistant"},{"content":"b","role":"tool"},{"content":"c","role":"moderator"},{"content":"d"},{"content":"e","role":"\u0061ssistant"}]}"#,
        &[
            "auto messages=5",
            "assistant_last",
            r#"0 assistant text "a""#,
            r#"1 tool result "b""#,
            r#"2 user text "c""#,
            r#"3 user text "d""#,
            r#"4 assistant text "e""#,
        ],
    );
}

#[test]
fn refusals() {
    check(
        Chat,
        r#"{"model":"auto","messages":[{"role":"assistant","content":null,"refusal":"I can't."},{"role":"assistant","content":[{"type":"refusal","refusal":"No."}]},{"role":"user","content":"Why?"}]}"#,
        &[
            "auto messages=3",
            "",
            r#"0 assistant text "I can't.""#,
            r#"1 assistant text "No.""#,
            r#"2 user text "Why?""#,
        ],
    );
}

#[test]
fn odd_content_is_no_text() {
    check(
        Chat,
        r#"{"model":"auto","messages":["bare",7,null,[],{"role":"user","content":7},{"role":"user","content":["a",{"type":"text","text":7},{"type":"text"},{"type":"unknown","text":"b"}]},{"role":"user","content":{"type":"text","text":"one block"}}]}"#,
        &["auto messages=7", "", r#"5 user text "a""#, r#"6 user text "one block""#],
    );
    check(Chat, r#"{"model":"auto"}"#, &["auto messages=0", ""]);
    check(Chat, r#"{"model":"auto","messages":null}"#, &["auto messages=0", ""]);
}

#[test]
fn the_model_name_is_what_it_reads_as() {
    check(
        Chat,
        r#" { "messages" : [ ] , "\u006dodel" : "moonshotai\/kimi-k3" } "#,
        &["moonshotai/kimi-k3 messages=0", ""],
    );
    check(Chat, r#"{"model":"模型","messages":[]}"#, &["模型 messages=0", ""]);
}

#[test]
fn names_inside_texts_arguments_and_schemas_are_no_members() {
    check(
        Chat,
        r#"{"metadata":{"model":"x","stream":true},"model":"auto","messages":[{"role":"user","content":"{\"model\":\"evil\",\"stream\":true}"},{"role":"user","name":"system","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"custom","properties":{"type":{"type":"string"},"type2":{}}}}}]}"#,
        &[
            "auto messages=2",
            "tools",
            r#"0 user text "{\"model\":\"evil\",\"stream\":true}""#,
            r#"1 user text "x""#,
        ],
    );
}

#[test]
fn a_tau_bench_turn() {
    check(
        Chat,
        r##"{"model": "gpt-4o", "messages": [{"role": "system", "content": "# Airline Agent Policy\n\n- Ask first."}, {"role": "user", "content": "Hi! I need to cancel NQNU5R."}, {"content": "May I have your user id?", "role": "assistant", "tool_calls": null, "function_call": null}, {"role": "user", "content": "noah_1"}, {"content": null, "role": "assistant", "tool_calls": [{"index": 0, "function": {"arguments": "{\"user_id\":\"noah_1\"}", "name": "get_user_details"}, "id": "call_X", "type": "function"}], "function_call": null}, {"role": "tool", "tool_call_id": "call_X", "name": "get_user_details", "content": "Error: user not found"}], "temperature": 0.0}"##,
        &[
            "gpt-4o messages=6",
            "tool_history reasoning_absent",
            r##"0 system text "# Airline Agent Policy\n\n- Ask first.""##,
            r#"1 user text "Hi! I need to cancel NQNU5R.""#,
            r#"2 assistant text "May I have your user id?""#,
            r#"3 user text "noah_1""#,
            r#"4 assistant call get_user_details "{\"user_id\":\"noah_1\"}""#,
            r#"5 tool result "Error: user not found""#,
        ],
    );
}
