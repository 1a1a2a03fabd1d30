//! OpenAI Responses.

use pointsman::wire::Dialect::Responses;

use crate::check;

#[test]
fn openai_python_hello() {
    check(
        Responses,
        r#"{"input":"Hello","model":"auto","instructions":"Be brief."}"#,
        &["auto messages=1", "", r#"0 system text "Be brief.""#, r#"0 user text "Hello""#],
    );
}

#[test]
fn messages_with_and_without_a_type() {
    check(
        Responses,
        r#"{"model":"auto","max_output_tokens":100,"input":[{"role":"developer","content":"Terse."},{"role":"user","content":[{"type":"input_text","text":"See"},{"type":"input_image","image_url":"data:image/png;base64,iVBOR","detail":"auto"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBER"}]},{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"Yes","annotations":[]},{"type":"refusal","refusal":"no"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"And?"}]}]}"#,
        &[
            "auto max=100 messages=4",
            "images documents developer_role",
            r#"0 system text "Terse.""#,
            r#"1 user text "See""#,
            "1 user image",
            "1 user document",
            r#"2 assistant text "Yes""#,
            r#"2 assistant text "no""#,
            r#"3 user text "And?""#,
        ],
    );
}

#[test]
fn codex() {
    check(
        Responses,
        r#"{"model":"gpt-6.1-sol","instructions":"You are Codex","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"<permissions>"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context>"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"Fix the test"}]},{"type":"reasoning","summary":[{"type":"summary_text","text":"**Looking**"}],"content":null,"encrypted_content":"gAAAAABpX"},{"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"cargo test\"}","call_id":"call_1"},{"type":"function_call_output","call_id":"call_1","output":"Exit code: 101"},{"type":"custom_tool_call","status":"completed","call_id":"call_2","name":"apply_patch","input":"*** Begin Patch\n*** End Patch"},{"type":"custom_tool_call_output","call_id":"call_2","output":"Success."}],"tools":[{"type":"function","name":"exec_command","description":"Runs","strict":false,"parameters":{"type":"object"}},{"type":"custom","name":"apply_patch","description":"Edits","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},{"type":"web_search"}],"tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"effort":"high","summary":"auto"},"store":false,"stream":true,"include":["reasoning.encrypted_content"],"prompt_cache_key":"0199","text":{"verbosity":"low"},"client_metadata":{"x":"y"}}"#,
        &[
            "gpt-6.1-sol stream effort=high messages=8",
            "tools encrypted tool_history developer_role hosted_tools tool_extras",
            r#"0 system text "You are Codex""#,
            r#"0 system text "<permissions>""#,
            r#"1 user text "<environment_context>""#,
            r#"2 user text "Fix the test""#,
            r#"4 assistant call exec_command "{\"cmd\":\"cargo test\"}""#,
            r#"5 tool result "Exit code: 101""#,
            r#"6 assistant call apply_patch "*** Begin Patch\n*** End Patch""#,
            r#"7 tool result "Success.""#,
        ],
    );
}

#[test]
fn codex_compaction() {
    check(
        Responses,
        r#"{"model":"auto","input":[{"type":"compaction","encrypted_content":"gAAAAAB"},{"role":"user","content":"go on"}]}"#,
        &["auto messages=2", "encrypted", r#"1 user text "go on""#],
    );
    check(
        Responses,
        r#"{"model":"auto","input":[{"role":"user","content":"go on"},{"type":"compaction_trigger"}]}"#,
        &["auto messages=2", "encrypted", r#"0 user text "go on""#],
    );
}

#[test]
fn outputs_made_of_blocks() {
    check(
        Responses,
        r#"{"model":"auto","input":[{"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"shot:"},{"type":"input_image","image_url":"data:image/png;base64,iVBOR"}]},{"type":"computer_call_output","call_id":"b","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,iVBOR"}},{"type":"function_call_output","call_id":"c","output":""}]}"#,
        &[
            "auto messages=3",
            "images",
            r#"0 tool result "shot:""#,
            "0 tool image",
            "1 tool image",
            r#"1 tool result """#,
            r#"2 tool result """#,
        ],
    );
}

#[test]
fn calls_of_hosted_tools() {
    check(
        Responses,
        r#"{"model":"auto","input":[{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"rust"}},{"type":"mcp_call","id":"m","server_label":"s","name":"echo","arguments":"{\"a\":1}","output":"1","error":null},{"type":"local_shell_call","call_id":"l","status":"completed","action":{"type":"exec","command":["ls"]}},{"type":"local_shell_call_output","call_id":"l","output":"src"},{"type":"apply_patch_call","call_id":"p","operation":{"type":"update_file","path":"a","diff":"+x"}},{"type":"image_generation_call","id":"i","result":"iVBORw0KGgo="},{"role":"user","content":"ok"}]}"#,
        &[
            "auto messages=7",
            "tool_history",
            r#"0 assistant call web_search_call {"type":"search","query":"rust"}"#,
            r#"1 assistant call echo "{\"a\":1}""#,
            r#"1 tool result "1""#,
            r#"2 assistant call local_shell_call {"type":"exec","command":["ls"]}"#,
            r#"3 tool result "src""#,
            r#"4 assistant call apply_patch_call {"type":"update_file","path":"a","diff":"+x"}"#,
            "5 assistant call image_generation_call ",
            r#"6 user text "ok""#,
        ],
    );
}

#[test]
fn open_reasoning_is_thinking() {
    check(
        Responses,
        r#"{"model":"gpt-oss-120b","input":[{"type":"reasoning","id":"rs","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"encrypted_content":null},{"role":"user","content":"a"}]}"#,
        &["gpt-oss-120b messages=2", "", r#"0 assistant thinking "hm""#, r#"1 user text "a""#],
    );
}

#[test]
fn state_at_the_provider() {
    for (fields, stays) in [
        (r#""previous_response_id":"resp_1""#, true),
        (r#""previous_response_id":null"#, false),
        (r#""conversation":"conv_1""#, true),
        (r#""conversation":{"id":"conv_1"}"#, true),
        (r#""conversation":null"#, false),
        (r#""prompt":{"id":"pmpt_1"}"#, true),
        (r#""prompt":null"#, false),
        (r#""store":true"#, false),
    ] {
        let body = format!(r#"{{"model":"auto",{fields},"input":[]}}"#);
        check(Responses, &body, &["auto messages=0", if stays { "server_state" } else { "" }]);
    }
    check(
        Responses,
        r#"{"model":"auto","input":[{"type":"item_reference","id":"msg_1"},{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]}"#,
        &["auto messages=2", "images server_state", "1 user image"],
    );
}

#[test]
fn efforts_and_formats() {
    for (fields, seen, words) in [
        (r#""reasoning":{"effort":"minimal"}"#, " effort=minimal", ""),
        (r#""reasoning":{"summary":"auto","effort":"none"}"#, " effort=none", ""),
        (r#""reasoning":{"effort":null}"#, "", ""),
        (r#""reasoning":null"#, "", ""),
        (
            r#""text":{"format":{"type":"json_schema","name":"a","schema":{"type":"object"}}}"#,
            "",
            "json_schema",
        ),
        (r#""text":{"format":{"name":"a","type":"json_object"},"verbosity":"low"}"#, "", "json_object"),
        (r#""text":{"format":{"type":"text"}}"#, "", ""),
        (r#""response_format":{"type":"json_object"}"#, "", ""),
    ] {
        let body = format!(r#"{{"model":"auto",{fields},"input":[]}}"#);
        check(Responses, &body, &[&format!("auto{seen} messages=0"), words]);
    }
}

#[test]
fn tools_and_choices() {
    for (fields, words) in [
        (r#""tools":[{"type":"function","name":"a","parameters":{}}]"#, "tools"),
        (r#""tools":[{"type":"function","name":"a","strict":null,"parameters":{}}]"#, "tools tool_extras"),
        (r#""tools":[{"type":"namespace","name":"a","tools":[]}]"#, "tools hosted_tools"),
        (r#""tools":[{"type":"mcp","server_label":"a"}]"#, "tools hosted_tools"),
        (r#""tool_choice":"required""#, "forced_tool"),
        (r#""tool_choice":"auto""#, ""),
        (r#""tool_choice":{"type":"function","name":"a"}"#, "forced_tool"),
        (r#""tool_choice":{"type":"web_search_preview"}"#, "forced_tool"),
        (r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}"#, ""),
        (r#""tool_choice":{"type":"allowed_tools","mode":"required","tools":[]}"#, "forced_tool"),
    ] {
        check(Responses, &format!(r#"{{"model":"auto",{fields},"input":[]}}"#), &["auto messages=0", words]);
    }
}

#[test]
fn only_a_message_can_be_continued() {
    for (item, words) in [
        (r#"{"role":"assistant","content":"1."}"#, "assistant_last"),
        (r#"{"type":"message","role":"assistant","content":[]}"#, "assistant_last"),
        (r#"{"type":"reasoning","summary":[]}"#, ""),
        (r#"{"type":"compaction","encrypted_content":null}"#, ""),
    ] {
        let body = format!(r#"{{"model":"auto","input":[{item}]}}"#);
        let seen = crate::shown(Responses, body.as_bytes());
        assert_eq!(seen.lines().nth(1), Some(words), "{item}");
    }
}
