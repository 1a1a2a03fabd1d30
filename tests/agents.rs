//! What an operator sees of an agent's work: which model takes which call, and that nothing else moves.

mod conversation;

use conversation::{
    EASY, HARD, Headers, calls, claude, config, gives, joined, messages, router, says, send, stuck, tier,
    user, work,
};
use pointsman::{Effort, Forward, ResponseHead, Router, Step};
use serde_json::{Value, json};

#[test]
fn the_first_words_set_the_tier_and_tools_do_not_move_it() {
    let router = router(&config());
    for (first, expected) in [(HARD, "frontier"), (EASY, "cheap")] {
        for exchanges in [0, 1, 5, 40] {
            let forward = messages(&router, joined(&[vec![user(first)], work(0, exchanges)]));
            assert_eq!(tier(&forward), expected, "{first} after {exchanges}: {}", forward.summary().reason);
        }
    }
}

#[test]
fn a_yes_that_approves_a_hard_plan_stays_up() {
    let router = router(&config());
    let plan = "<system-reminder>Plan mode is active. Do not edit anything yet.</system-reminder>";
    let asked = json!({ "role": "user", "content": [{ "type": "text", "text": plan }, { "type": "text", "text": EASY }] });
    let planning = messages(&router, vec![asked.clone()]);
    assert_eq!((tier(&planning), planning.summary().step), ("frontier", Some(Step::Planning)));
    for yes in ["yes", "Yes, go ahead.", "ok", "lgtm, proceed", "Ja, weiter"] {
        let approved = joined(&[vec![asked.clone(), says("1. Rename. 2. Test."), user(yes)], work(0, 4)]);
        assert_eq!(tier(&messages(&router, approved[..3].to_vec())), "frontier", "{yes}");
        assert_eq!(tier(&messages(&router, approved)), "frontier", "{yes}, at work");
    }
    // The same without a plan, on the strength of the question alone.
    let hard = vec![user(HARD), says("The plan: …"), user("yes")];
    assert_eq!(tier(&messages(&router, hard)), "frontier");
}

#[test]
fn a_yes_in_a_plain_chat_keeps_what_it_agrees_to() {
    let router = router(&config());
    let chat = |list: Value| {
        let body = json!({ "model": "auto", "messages": list });
        send(&router, "/v1/chat/completions", &[], &body).1
    };
    let said = |text: &str| {
        chat(json!([
            { "role": "user", "content": HARD }, { "role": "assistant", "content": "I would start with…" },
            { "role": "user", "content": text }
        ]))
    };
    assert_eq!(tier(&said("Yes, please do.")), "frontier");
    // A prefix that no cache keeps is free to leave: another question is another question.
    let other = "Now something else: please tell me in one short sentence which city is the capital of Portugal, and \
                 which river flows through it on its way to the sea, thank you.";
    assert_eq!(tier(&said(other)), "cheap");
}

#[test]
fn title_calls_go_cheapest_and_leave_the_conversation_alone() {
    let router = router(&config());
    let title = json!({
        "model": "auto", "max_tokens": 512,
        "system": [{ "type": "text", "text": "You are coming up with a succinct title for a coding session based on it." }],
        "messages": [user(HARD)]
    });
    let session = [("x-claude-code-session-id", "s-1"), ("x-api-key", "k")];
    let (_, forward) = send(&router, "/v1/messages", &session, &title);
    assert_eq!((tier(&forward), forward.summary().step), ("cheap", Some(Step::Auxiliary)));
    let classed = [session[0], session[1], ("x-claude-code-request-class", "auxiliary")];
    let (_, classed) = send(&router, "/v1/messages", &classed, &claude(json!([user(HARD)])));
    assert_eq!((tier(&classed), classed.summary().step), ("cheap", Some(Step::Auxiliary)));
    // As Claude Code 2.1.197 asks for it: in another form, by a schema, with the effort of the session.
    let schema =
        json!({ "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"] });
    let newer = json!({
        "model": "auto", "max_tokens": 32000, "tools": [], "stream": true,
        "system": [
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.0;" },
            { "type": "text", "text": "You are an agent." },
            { "type": "text", "text": "Generate a concise, sentence-case title (3-7 words) of this coding session." },
        ],
        "messages": [user(&format!("<session>\n{HARD}\n</session>\n\nWrite the title in the language the user wrote in."))],
        "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": schema } },
    });
    let (_, newer) = send(&router, "/v1/messages", &session, &newer);
    assert_eq!(newer.summary().step, Some(Step::Auxiliary));
    assert_eq!(tier(&newer), "frontier", "no model below takes a schema here");
    // It leaves nothing to remember, so the conversation of the same session is as before.
    for forward in [forward, classed] {
        let mut metering = forward.respond(
            Some("minimax"),
            &ResponseHead { status: 200, content_type: Some(b"application/json"), ..ResponseHead::default() },
        );
        metering.push(br#"{"type":"message","usage":{"input_tokens":9,"output_tokens":3}}"#);
        assert_eq!(metering.finish(&router, Some(1_800_000_000)).remembered, None);
    }
}

#[test]
fn a_stuck_agent_is_noticed_at_the_third_time_and_gets_a_better_model() {
    let router = router(&config());
    let after = |exchanges| messages(&router, joined(&[vec![user(EASY)], work(0, 3), stuck(3, exchanges)]));
    assert_eq!(tier(&after(2)), "cheap");
    let noticed = after(3);
    assert_eq!((tier(&noticed), noticed.summary().step), ("mid", Some(Step::FailingLoop)));
    assert_eq!(noticed.summary().reason.code(), "loop");
    assert_eq!(tier(&after(7)), "frontier", "again");
    // Once it works, it stays for a while with the model that made it work.
    let healed = messages(&router, joined(&[vec![user(EASY)], stuck(0, 3), work(3, 5)]));
    assert_eq!((tier(&healed), healed.summary().step), ("mid", Some(Step::ToolResult)));
}

#[test]
fn a_loop_that_is_overcome_lets_go_where_the_price_agrees_and_not_twice() {
    let router = router(&config());
    let calm = joined(&[vec![user(EASY)], stuck(0, 3), work(3, 8)]);
    assert_eq!(tier(&messages(&router, calm.clone())), "cheap", "moving down pays at once at this price");
    let again = joined(&[calm, stuck(11, 3), work(14, 12)]);
    assert_eq!(tier(&messages(&router, again)), "mid", "whoever got lost twice would get lost again");
}

#[test]
fn red_tests_between_edits_are_honest_work() {
    let router = router(&config());
    let list: Vec<Value> = (0..8)
        .flat_map(|n| {
            [
                calls(2 * n, "Bash", json!({ "command": "cargo test" })),
                gives(2 * n, &format!("Exit code 101\ntest result: FAILED. {} failed", 9 - n), true),
                calls(2 * n + 1, "Edit", json!({ "file_path": "src/lib.rs", "new_string": format!("{n}") })),
                gives(2 * n + 1, "The file src/lib.rs has been updated.", false),
            ]
        })
        .collect();
    assert_eq!(tier(&messages(&router, joined(&[vec![user(EASY)], list]))), "cheap");
}

#[test]
fn a_complaint_raises_and_thanks_do_not() {
    let router = router(&config());
    let then = |text: &str| {
        messages(&router, joined(&[vec![user(EASY)], work(0, 2), vec![says("Done."), user(text)]]))
    };
    assert_eq!(tier(&then("Thanks!")), "cheap");
    let complained = then("It still doesn't work.");
    assert_eq!((tier(&complained), complained.summary().reason.code()), ("mid", "complaint"));
    assert_eq!(tier(&then("think harder")), "mid");
}

#[test]
fn a_compaction_goes_cheapest_and_what_follows_is_decided_anew() {
    let router = router(&config());
    let history = joined(&[vec![user(HARD)], work(0, 30)]);
    let ask =
        user("Your task is to create a detailed summary of the conversation so far, paying close attention…");
    let forward = messages(&router, joined(&[history, vec![ask]]));
    assert_eq!((tier(&forward), forward.summary().step), ("cheap", Some(Step::Compaction)));
    let fresh = messages(&router, joined(&[vec![user(EASY)], work(0, 1)]));
    assert_eq!(tier(&fresh), "cheap");
}

/// Claude Code 2.1.197: `/compact` while the results of tools are still unanswered.
#[test]
fn a_compaction_behind_the_results_of_tools_is_one() {
    let router = router(&config());
    let asked = format!(
        "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n{}\n\nYour task is to create a detailed summary. {}\n\n\
         REMINDER: Do NOT call any tools. Respond with plain text only \u{2014} an <analysis> block followed by a <summary> \
         block. Tool calls will be rejected.",
        "- Do NOT use any tool, since they are all rejected.\n".repeat(8),
        "Say what was asked and what was done. ".repeat(40),
    );
    let mut history = joined(&[vec![user(HARD)], work(0, 3)]);
    let results = history.last_mut().expect("results");
    results["content"].as_array_mut().expect("blocks").push(json!({ "type": "text", "text": asked }));
    let compacting = messages(&router, history);
    assert_eq!(compacting.summary().step, Some(Step::Compaction));
}

/// Claude Code 2.1.197: what it has to say stands in a system entry behind the person's words, plan mode at its end.
#[test]
fn plan_mode_is_noticed_behind_the_persons_words() {
    let router = router(&config());
    let told = |mode: &str| {
        let skills = "- a-skill: does something that is told of at length.\n".repeat(100);
        json!({ "role": "system", "content": format!("The following skills are available:\n\n{skills}\n{mode}") })
    };
    let step = |list: Vec<Value>| messages(&router, list).summary().step;
    let plan = "\nPlan mode is active. The user does not want you to execute yet.";
    assert_eq!(step(vec![user(EASY), told(plan)]), Some(Step::Planning));
    assert_eq!(step(vec![user(EASY), told("")]), Some(Step::Prompt));
    let later = |mode| {
        joined(&[vec![user(EASY), told("")], work(0, 2), vec![says("Done."), user("And now?"), told(mode)]])
    };
    assert_eq!((step(later(plan)), step(later(""))), (Some(Step::Planning), Some(Step::Prompt)));
    let over = joined(&[later(plan), vec![says("The plan."), user("Do it."), told("")]]);
    assert_eq!(step(over), Some(Step::Prompt), "it was told of an earlier turn");
    let page = "It is about a lamp. ".repeat(20);
    let pasted = user(&format!("What does this page mean? {page}\n\nPlan mode is active while it is on."));
    assert_eq!(
        step(vec![user(EASY), says("Yes?"), pasted]),
        Some(Step::Prompt),
        "a person's words are no word of the client's"
    );
}

#[test]
fn sub_agents_that_search_are_cheap_and_a_review_is_named() {
    let router = router(&config());
    let body = claude(json!([user(HARD)]));
    let explore = [
        ("x-claude-code-agent-type", "Explore"),
        ("x-claude-code-session-id", "s"),
        ("x-claude-code-agent-id", "a"),
    ];
    let (searching, forward) = send(&router, "/v1/messages", &explore, &body);
    assert_eq!((tier(&forward), forward.summary().step), ("cheap", Some(Step::Explore)));
    let (main, _) = send(&router, "/v1/messages", &[("x-claude-code-session-id", "s")], &body);
    assert_ne!(searching, main, "a sub-agent has a conversation of its own");
    // Claude Code 2.1.197 says it in the system prompt alone.
    for (opening, step) in [
        ("You are a file search specialist for Claude Code.", Step::Explore),
        ("You are a software architect and planning specialist for Claude Code.", Step::Planning),
        ("You are an agent for Claude Code.", Step::Subagent),
    ] {
        let mut body = body.clone();
        body["system"] = json!([
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.1; cc_is_subagent=true;" },
            { "type": "text", "text": opening },
        ]);
        let (_, forward) = send(&router, "/v1/messages", &explore[1..], &body);
        assert_eq!(forward.summary().step, Some(step), "{opening}");
    }
    let review = json!({ "model": "auto", "input": HARD });
    let (_, forward) = send(
        &router,
        "/v1/responses",
        &[("x-openai-subagent", "review")],
        &json!({ "model": "auto", "messages": review }),
    );
    assert_eq!(forward.summary().step, Some(Step::Review));
}

#[test]
fn steps_are_told_from_bodies_of_every_dialect() {
    let config = json!({
        "version": 1,
        "ladders": { "d": { "tiers": [{ "name": "one", "targets": ["openai/gpt-5.4"] }] } },
        "aliases": { "auto": "d" }
    });
    let router = router(&config);
    let image = json!([{ "type": "text", "text": "what is this?" }, { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }]);
    let function =
        json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
    let called = json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }] });
    for (path, body, step) in [
        ("/v1/chat/completions", json!({ "messages": [{ "role": "user", "content": "hi" }] }), Step::Prompt),
        ("/v1/chat/completions", json!({ "messages": [{ "role": "user", "content": image }] }), Step::Vision),
        (
            "/v1/chat/completions",
            json!({ "messages": [{ "role": "user", "content": "hi" }], "response_format": { "type": "json_object" } }),
            Step::Structured,
        ),
        (
            "/v1/responses",
            json!({ "input": [
                { "role": "user", "content": "hi" },
                { "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c", "output": "1" }
            ] }),
            Step::ToolResult,
        ),
        (
            "/v1/chat/completions",
            json!({ "max_tokens": 1, "messages": [{ "role": "user", "content": "quota" }] }),
            Step::Auxiliary,
        ),
        (
            "/v1/responses",
            json!({ "input": "Generate a title for this conversation: hello" }),
            Step::Auxiliary,
        ),
        (
            "/v1/chat/completions",
            json!({ "tools": [function], "messages": [{ "role": "user", "content": "hi" }, called, { "role": "tool", "tool_call_id": "c", "content": "1" }] }),
            Step::ToolResult,
        ),
    ] {
        let mut body = body;
        body["model"] = json!("auto");
        assert_eq!(send(&router, path, &[], &body).1.summary().step, Some(step), "{body}");
    }
}

#[test]
fn an_agent_without_tool_calls_is_read_by_its_code_blocks() {
    let router = router(&config());
    let turn = |n: usize, command: &str, output: &str| {
        [
            json!({ "role": "assistant", "content": format!("THOUGHT: again ({n}).\n\n```bash\n{command}\n```") }),
            json!({ "role": "user", "content": output }),
        ]
    };
    let ask = |turns: Vec<[Value; 2]>| {
        let mut list = vec![
            json!({ "role": "system", "content": "One command at a time." }),
            json!({ "role": "user", "content": EASY }),
        ];
        list.extend(turns.into_iter().flatten());
        send(&router, "/v1/chat/completions", &[], &json!({ "model": "auto", "messages": list })).1
    };
    let failed = "<returncode>1</returncode>\n<output>\nsed: can't read nowhere.py: No such file or directory\n</output>";
    let stuck = ask((0..3).map(|n| turn(n, "sed -n 1,9p nowhere.py", failed)).collect());
    assert_eq!((tier(&stuck), stuck.summary().step), ("mid", Some(Step::FailingLoop)));
    let fine = ask((0..3)
        .map(|n| {
            turn(n, &format!("cat f{n}.py"), &format!("<returncode>0</returncode>\n<output>\n{n}\n</output>"))
        })
        .collect());
    assert_eq!((tier(&fine), fine.summary().step), ("cheap", Some(Step::ToolResult)));
}

#[test]
fn a_system_entry_among_the_messages_changes_nothing() {
    let router = router(&config());
    let reminder = json!({ "role": "system", "content": "Remember to be brief." });
    let with = messages(&router, joined(&[vec![user(HARD)], work(0, 2), vec![reminder]]));
    assert_eq!((tier(&with), with.summary().step), ("frontier", Some(Step::ToolResult)));
}

/// A report with the marks of those that a cheap model gets wrong, and one without.
const REPORT: &str = "Cache is not invalidated after a rename\n\n**Describe the bug**\nAfter `store.rename()` the old entry is \
                      served.\n\n**To reproduce**\n```python\ns = Store()\ns.put('a', 1)\ns.rename('a', 'b')\nprint(s.get('a'))\n```\n\n\
                      **Expected behavior**\nNone\n\n**Environment**\n- src/store.py at 4.2\n- Python 3.11\n- Linux\n\n```\n1\n```\n";
const ERRAND: &str = "Use the new name of the setting\nThe setting was renamed in the last release and the old name is an error \
                      now.\nEvery error message that names it should use the new one, and so should the exception that is raised \
                      where it is missing. Is there an error that names both?";

#[test]
fn a_report_is_placed_among_agents_tasks_whatever_the_client_wraps_around_it() {
    let router = router(&config());
    let difficulty = |text: &str, tools: bool| {
        let mut body = claude(json!([user(text)]));
        if !tools {
            body.as_object_mut().unwrap().remove("tools");
        }
        send(&router, "/v1/messages", &[], &body).1.summary().difficulty.unwrap().permille()
    };
    assert!(difficulty(REPORT, true) > difficulty(ERRAND, true));
    let wrapped = |text: &str| {
        ["<pr_description>", text, "</pr_description>\n\n1. Reproduce the error?\n2. Fix it."].concat()
    };
    assert_eq!(difficulty(&wrapped(REPORT), true), difficulty(REPORT, true));
    // An agent without tool calls is known by the wrapping.
    assert_eq!(difficulty(&wrapped(REPORT), false), difficulty(REPORT, true));
}

#[test]
fn codex_compacts_where_its_conversation_is() {
    let router = router_of_responses();
    let turn = |kind: &str, text: &str| json!({ "type": "message", "role": kind, "content": [{ "type": "input_text", "text": text }] });
    let body = json!({ "model": "auto", "instructions": "You are an agent.", "input": [turn("user", HARD)] });
    let (_, asked) = send(&router, "/v1/responses", &[], &body);
    let (_, compacted) = send(&router, "/v1/responses/compact", &[], &body);
    assert_eq!(compacted.summary().step, Some(Step::Compaction));
    assert_eq!(tier(&compacted), tier(&asked));
    let attempt = &compacted.attempts()[0];
    assert!(attempt.path.ends_with("/responses/compact"), "{}", attempt.path);
}

#[test]
fn an_identity_is_scoped_stable_and_not_a_header_alone() {
    let router = router(&config());
    let body = |n| claude(json!(joined(&[vec![user(EASY)], work(0, n)])));
    let id = |headers: Headers<'_>, n| send(&router, "/v1/messages", headers, &body(n)).0.unwrap();
    let key = ("x-api-key", "mine");
    let named = [("x-claude-code-session-id", "s-1"), key];
    assert_eq!(id(&named, 0), id(&named, 7), "the history grows");
    assert_ne!(
        id(&named, 0),
        id(&[("x-claude-code-session-id", "s-1"), ("x-api-key", "yours")], 0),
        "another caller"
    );
    assert_ne!(id(&named, 0), id(&[("x-claude-code-session-id", "s-2"), key], 0), "another session");
    assert_eq!(id(&[key], 0), id(&[key], 9), "derived from the head");
    let anonymous = [("x-claude-code-session-id", "s-1")];
    let other = claude(json!([user(HARD)]));
    assert_ne!(
        id(&anonymous, 0),
        send(&router, "/v1/messages", &anonymous, &other).0.unwrap(),
        "an id without a credential is anybody's"
    );
    let keyed = |key: &str| {
        let mut body = json!({ "model": "auto", "input": "hi", "prompt_cache_key": key });
        body["instructions"] = json!("Work.");
        send(&router_of_responses(), "/v1/responses", &[("authorization", "Bearer k")], &body).0.unwrap()
    };
    assert_eq!(keyed("a"), keyed("a"));
    assert_ne!(keyed("a"), keyed("b"));
}

fn router_of_responses() -> Router {
    router(&json!({
        "version": 1,
        "ladders": { "d": { "tiers": [{ "name": "one", "targets": ["openai/gpt-6.1-sol"] }] } },
        "aliases": { "auto": "d" }
    }))
}

#[test]
fn effort_of_claude_does_not_change_inside_a_conversation() {
    let mut config = config();
    config["ladders"]["default"]["steps"] =
        json!({ "prompt": { "effort": "medium" }, "tool_result": { "effort": "low" } });
    config["ladders"]["default"]["efforts"] =
        json!([{ "from": 0, "effort": "low" }, { "from": 500, "effort": "high" }]);
    let router = router(&config);
    let effort = |forward: &Forward| forward.attempts()[0].effort;
    let hard = messages(&router, vec![user(HARD)]);
    assert_eq!((tier(&hard), effort(&hard)), ("frontier", Some(Effort::Medium)));
    let working = messages(&router, joined(&[vec![user(HARD)], work(0, 6)]));
    assert_eq!(
        (tier(&working), effort(&working)),
        ("frontier", Some(Effort::Medium)),
        "Claude's cache would be emptied"
    );
    // Another model has no such qualms.
    let easy = messages(&router, vec![user(EASY)]);
    let easy_work = messages(&router, joined(&[vec![user(EASY)], work(0, 6)]));
    assert_eq!((effort(&easy), effort(&easy_work)), (Some(Effort::Medium), Some(Effort::Low)));
}

#[test]
fn a_model_whose_default_is_its_maximum_is_told_an_effort() {
    let router = router(&config());
    let easy = messages(&router, vec![user(EASY)]);
    assert_eq!(easy.attempts()[0].target, "minimax/MiniMax-M3.1-Flash");
    assert_eq!(easy.attempts()[0].effort, Some(Effort::Medium));
    // What the client says itself stays.
    let mut body = claude(json!([user(EASY)]));
    body["output_config"] = json!({ "effort": "low" });
    let (_, own) = send(&router, "/v1/messages", &[], &body);
    assert_eq!(own.attempts()[0].effort, Some(Effort::Low));
}

#[test]
fn max_tokens_is_not_lowered_in_silence() {
    let router = router(&config());
    let forward = messages(&router, joined(&[vec![user(HARD)], work(0, 2)]));
    for attempt in forward.attempts() {
        let text = claude(json!(joined(&[vec![user(HARD)], work(0, 2)]))).to_string();
        let sent = pointsman::edit::apply(text.as_bytes(), &attempt.splices);
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent["max_tokens"], 32000);
    }
}

#[test]
fn newer_gpt_with_tools_on_chat_thinks_not_or_is_no_target() {
    let config = json!({
        "version": 1,
        "ladders": { "d": { "tiers": [{ "name": "one", "effort": "high", "targets": ["openai/gpt-6.1-sol", "openai/gpt-5.4"] }] } },
        "aliases": { "auto": "d" }
    });
    let router = router(&config);
    let body = json!({
        "model": "auto", "messages": [{ "role": "user", "content": "hi" }],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]
    });
    let (_, forward) = send(&router, "/v1/chat/completions", &[], &body);
    let targets: Vec<(&str, Option<Effort>)> =
        forward.attempts().iter().map(|attempt| (attempt.target.as_str(), attempt.effort)).collect();
    assert_eq!(targets, [("openai/gpt-5.4", Some(Effort::None))], "gpt-6.1-sol always thinks");
}

#[test]
fn thinking_that_claude_signed_keeps_the_conversation_there() {
    let router = router(&config());
    let signed = json!({ "role": "assistant", "content": [
        { "type": "thinking", "thinking": "…", "signature": format!("E{}", "a".repeat(60)) },
        { "type": "tool_use", "id": "toolu_0", "name": "Read", "input": {} }
    ] });
    let forward = messages(&router, vec![user(EASY), signed, gives(0, "x", false)]);
    assert_ne!(tier(&forward), "cheap");
    assert_eq!(forward.summary().reason.code(), "history");
}
