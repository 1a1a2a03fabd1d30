//! The fuzz targets on a stable compiler: a few texts of each kind, and some thousands of mutations of them.
//!
//! The mutations are pseudo-random and the same in every run. `fuzz/` runs the same bodies for longer, and better.

mod fuzz_bodies;

const REQUESTS: &[&str] = &[
    r#"{"model":"auto","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Gr\u00fc\u00dfe \ud83d\ude00"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]},{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","tool_calls":[{"id":"a","type":"function","function":{"name":"ls","arguments":"{\"path\": \"/\"}"}}]},{"role":"tool","tool_call_id":"a","content":"src"}],"tools":[{"type":"function","function":{"name":"ls","strict":true,"parameters":{"type":"object"}}}],"tool_choice":"auto","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":100,"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"a"}}}"#,
    r#"{"model":"claude-opus-5-5","max_tokens":32000,"system":[{"type":"text","text":"x-anthropic-billing-header: a"},{"type":"text","text":"You are","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"},{"content":[{"type":"thinking","thinking":"hm","signature":"EqQBCkYIARgCKkDk3Jm2mHk0b3lQx1Yc9sJ0p7m1t8b2AA=="},{"type":"redacted_thinking","data":"Em"},{"type":"tool_use","id":"t","name":"Bash","input":{"command":"ls"}}],"role":"assistant"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]},{"type":"document","source":{"type":"text","data":"plain"}}]}],"thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"high"},"tools":[{"type":"custom","name":"Bash","input_schema":{}}],"tool_choice":{"type":"any"},"stream":true}"#,
    r#"{"model":"gpt-6.1-sol","instructions":"You are Codex","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"a"}]},{"type":"reasoning","summary":[],"content":null,"encrypted_content":"gA"},{"type":"function_call","name":"f","arguments":"{}","call_id":"c"},{"type":"function_call_output","call_id":"c","output":"ok"},{"type":"mcp_call","name":"g","arguments":"{}","output":"1"},{"type":"item_reference","id":"x"}],"reasoning":{"effort":"high"},"text":{"format":{"type":"json_object"}},"previous_response_id":null,"store":false}"#,
    "{\n  \"mod\\u0065l\" : \"a\\/b\",\n  \"input\" : \"text\",\n  \"temperature\" : -0.5e+3\n}\n",
];

const TEXTS: &[&str] = &[
    "[1, -0.5e+3, 18446744073709551616, true, false, null, \"\"]",
    r#"{"a":{"b":[{},[],{"c":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}]},"":"é😀"}"#,
    "\"a text that is longer than two blocks of sixteen bytes, with one \\\\ escape at its end\\n\"",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
];

/// Each behind two bytes that pick dialect, kind and length of the chunks.
const ANSWERS: &[&str] = &[
    "\0\x06data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"model\":\"m\"}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n",
    "\x01\x03event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":1}}}}\r\n\r\nevent: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\nevent: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":15}}\r\n\r\nevent: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n",
    "\x02\x10event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"model\":\"m\",\"usage\":{\"input_tokens\":7,\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1}}}}\n\n",
    "\x01\x02: comment\nevent: error\ndata: {\"type\":\"error\",\ndata: \"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n",
];

const CONFIGS: &[&str] = &[
    r#"{"version":1,"ladders":{"default":{"tiers":[{"name":"cheap","targets":["minimax/MiniMax-M3.1-Flash"],"effort":"low"},{"name":"frontier","targets":["anthropic/claude-opus-4-6"],"effort":"high"}]}},"aliases":{"auto":"default"}}"#,
    r#"{"version":1,"ladders":{"a":{"tiers":[{"name":"only","targets":["anthropic/claude-opus-4-6"]}]}},"aliases":{"auto":"a","claude-opus-4-6":"a"}}"#,
];

#[test]
fn chat_request() {
    run(REQUESTS, 6000, fuzz_bodies::chat_request);
}

#[test]
fn json_cursor() {
    run(TEXTS, 20_000, fuzz_bodies::json_cursor);
    run(REQUESTS, 4000, fuzz_bodies::json_cursor);
}

#[test]
fn sse_chunks() {
    run(ANSWERS, 6000, fuzz_bodies::sse_chunks);
    // The same answers as if they were one document.
    let documents: Vec<Vec<u8>> =
        REQUESTS.iter().map(|text| [&[0x80, 9], text.as_bytes()].concat()).collect();
    for document in documents {
        fuzz_bodies::sse_chunks(&document);
    }
}

#[test]
fn config() {
    run(CONFIGS, 3000, fuzz_bodies::config);
}

/// Runs a body on every seed, and on mutations of them.
fn run(seeds: &[&str], mutations: usize, body: fn(&[u8])) {
    seeds.iter().for_each(|seed| body(seed.as_bytes()));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..mutations {
        let mut text = seeds[random.below(seeds.len())].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut text, &mut random, seeds);
        }
        body(&text);
    }
}

fn mutate(text: &mut Vec<u8>, random: &mut Random, seeds: &[&str]) {
    const NEAR: &[u8] = b"{}[]\":,\\/ \n\r\t0-1.eE+tfnu\x00\x1f\x7f\x80\xc3\xef\xff";
    if text.is_empty() {
        return;
    }
    let at = random.below(text.len());
    let end = (at + 1 + random.below(12)).min(text.len());
    let near = NEAR[random.below(NEAR.len())];
    match random.below(8) {
        0 => text[at] = near,
        1 => text[at] = random.next() as u8,
        2 => text.insert(at, near),
        3 => drop(text.drain(at..end)),
        4 => text.truncate(at),
        // A piece of it once more, somewhere else: duplicate members, nested blocks.
        5 | 6 => {
            let piece = text[at..(at + 1 + random.below(60)).min(text.len())].to_vec();
            let to = random.below(text.len());
            text.splice(to..to, piece);
        }
        _ => {
            let other = seeds[random.below(seeds.len())].as_bytes();
            let from = random.below(other.len());
            text.splice(at..end, other[from..(from + 40).min(other.len())].iter().copied());
        }
    }
}

/// xorshift64*: small, and good enough to choose bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 24
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
