//! Answers in the manner of each provider, one per peculiarity.

use pointsman::meter::BodyKind::{self, EventStream, Json};
use pointsman::meter::FinishReason::{self, Filtered, Length, Other, Paused, Stop, ToolUse};
use pointsman::meter::StreamEnd::{self, Complete, Error, Truncated};
use pointsman::wire::Dialect::{self, Chat, Messages, Responses};

/// One answer of a provider and what is to be read from it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) kind: BodyKind,
    pub(crate) body: &'static str,
    /// Input, cache read, cache write short, cache write long, output, reasoning.
    pub(crate) usage: [Option<u64>; 6],
    pub(crate) end: StreamEnd,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) error: Option<&'static str>,
    pub(crate) model: Option<&'static str>,
}

const NONE: [Option<u64>; 6] = [None; 6];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "OpenAI chat stream: usage in a chunk without choices",
        dialect: Chat,
        kind: EventStream,
        body: r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-6","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}],"usage":null,"obfuscation":"x1"}

data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-6","choices":[{"index":0,"delta":{"content":"say \"usage\":{\"prompt_tokens\":1}"},"finish_reason":null}],"usage":null}

data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-6","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-6","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":70,"total_tokens":1070,"prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":300,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":50}}}

data: [DONE]

"#,
        usage: [Some(100), Some(600), Some(300), None, Some(70), Some(50)],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("gpt-6"),
    },
    Case {
        name: "OpenAI chat: cache writes by lifetime",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"gpt-5.6","choices":[{"message":{"content":"hi"},"finish_reason":"length"}],"usage":{"prompt_tokens":1000,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":900,"cache_write_tokens_details":{"ttl_30m_tokens":200,"ttl_12h_tokens":700}}}}"#,
        usage: [Some(100), Some(0), Some(200), Some(700), Some(5), None],
        end: Complete,
        finish: Some(Length),
        error: None,
        model: Some("gpt-5.6"),
    },
    Case {
        name: "chat stream without [DONE]: a finish reason is enough",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
               data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
        usage: NONE,
        end: Complete,
        finish: Some(ToolUse),
        error: None,
        model: Some("m"),
    },
    Case {
        name: "chat stream that was cut",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n\
               data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_re",
        usage: NONE,
        end: Truncated,
        finish: None,
        error: None,
        model: Some("m"),
    },
    Case {
        name: "chat stream with usage in every chunk: the last one counts, an empty finish reason does not",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"choices\":[{\"finish_reason\":\"\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n\
               data: {\"choices\":[{\"finish_reason\":\"\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n",
        usage: [Some(9), None, None, None, Some(2), None],
        end: Truncated,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "Azure: the first chunk names no model",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[{}]}\n\n\
               data: {\"model\":\"gpt-6\",\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n\
               data: [DONE]\n\n",
        usage: NONE,
        end: Complete,
        finish: Some(Filtered),
        error: None,
        model: Some("gpt-6"),
    },
    Case {
        name: "DeepSeek chat stream: keep-alive comments, hits and misses",
        dialect: Chat,
        kind: EventStream,
        body: ": keep-alive\n\n: keep-alive\n\n\
               data: {\"model\":\"deepseek-flash\",\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\
               \"usage\":{\"prompt_tokens\":120,\"completion_tokens\":8,\"total_tokens\":128,\
               \"prompt_cache_hit_tokens\":100,\"prompt_cache_miss_tokens\":20}}\n\ndata: [DONE]\n\n",
        usage: [Some(20), Some(100), None, None, Some(8), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("deepseek-flash"),
    },
    Case {
        name: "DeepSeek: hits and misses alone make the prompt",
        dialect: Chat,
        kind: Json,
        body: r#"{"choices":[],"usage":{"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":6,"prompt_tokens_details":{"cached_tokens":0}}}"#,
        usage: [Some(6), Some(64), None, None, None, None],
        end: Complete,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "Anthropic's compatible chat endpoint: cached_tokens beside prompt_tokens",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"claude-opus-5-5","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":4,"cached_tokens":30,"prompt_tokens_details":null}}"#,
        usage: [Some(20), Some(30), None, None, Some(4), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("claude-opus-5-5"),
    },
    Case {
        name: "Moonshot: older models report inside the choice",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"moonshot-v1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}\n\n\
               data: {\"model\":\"moonshot-v1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\",\"usage\":{\"prompt_tokens\":13,\"completion_tokens\":32}}]}\n\n\
               data: [DONE]\n\n",
        usage: [Some(13), None, None, None, Some(32), None],
        end: Complete,
        finish: Some(Length),
        error: None,
        model: Some("moonshot-v1"),
    },
    Case {
        name: "Moonshot: cache writes in the prompt details",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"kimi-k3","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":40,"cache_write_tokens":50}}}"#,
        usage: [Some(10), Some(40), Some(50), None, Some(7), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("kimi-k3"),
    },
    Case {
        name: "Alibaba: explicit cache in Anthropic's words",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"qwen3.8-flash","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1700,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":0,"cache_creation_input_tokens":1605,"cache_creation":{"ephemeral_5m_input_tokens":1605},"cache_type":"ephemeral"}}}"#,
        usage: [Some(95), Some(0), Some(1605), None, Some(9), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("qwen3.8-flash"),
    },
    Case {
        name: "xAI: thinking is counted beside the completion, as the total shows",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"grok-4.7","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":100,"total_tokens":152,"completion_tokens_details":{"reasoning_tokens":40}}}"#,
        usage: [Some(12), None, None, None, Some(140), Some(40)],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("grok-4.7"),
    },
    Case {
        name: "thinking larger than the completion cannot be a part of it",
        dialect: Chat,
        kind: Json,
        body: r#"{"usage":{"prompt_tokens":12,"completion_tokens":1,"reasoning_tokens":386}}"#,
        usage: [Some(12), None, None, None, Some(387), Some(386)],
        end: Complete,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "Groq: usage in x_groq",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"l\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\
               \"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}}\n\ndata: [DONE]\n\n",
        usage: [Some(5), None, None, None, Some(6), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("l"),
    },
    Case {
        name: "Groq: an error in x_groq",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"l\",\"choices\":[{\"delta\":{},\"finish_reason\":null}]}\n\n\
               data: {\"model\":\"l\",\"choices\":[],\"x_groq\":{\"id\":\"r\",\"error\":\"over capacity\"}}\n\n",
        usage: NONE,
        end: Error,
        finish: None,
        error: None,
        model: Some("l"),
    },
    Case {
        name: "OpenRouter: comments, then an error in the middle of the stream",
        dialect: Chat,
        kind: EventStream,
        body: ": OPENROUTER PROCESSING\n\n\
               data: {\"model\":\"anthropic/claude-opus-4.6\",\"provider\":\"P\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n\
               data: {\"model\":\"anthropic/claude-opus-4.6\",\"error\":{\"code\":502,\"message\":\"upstream said: secret prompt\"},\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n\
               data: [DONE]\n\n",
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("502"),
        model: Some("anthropic/claude-opus-4.6"),
    },
    Case {
        name: "OpenRouter: usage with a cost",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"z-ai/glm-5.3","provider":"Z.AI","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":3,"cost":0.00014,"is_byok":false,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":null}}}"#,
        usage: [Some(6), Some(4), None, None, Some(3), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("z-ai/glm-5.3"),
    },
    Case {
        name: "OpenAI error body: the code is narrower than the type",
        dialect: Chat,
        kind: Json,
        body: r#"{"error":{"message":"You said: secret","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("context_length_exceeded"),
        model: None,
    },
    Case {
        name: "Gemini error body: in a list, with a status",
        dialect: Chat,
        kind: Json,
        body: r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[]}}]"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("RESOURCE_EXHAUSTED"),
        model: None,
    },
    Case {
        name: "xAI error body: prose is never taken for a code",
        dialect: Chat,
        kind: Json,
        body: r#"{"code":"The caller lacks permission","error":"secret prompt"}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "flat error body",
        dialect: Chat,
        kind: Json,
        body: r#"{"object":"error","message":"secret","type":"invalid_request_error","param":null,"code":"1800"}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("invalid_request_error"),
        model: None,
    },
    Case {
        name: "MiniMax: an error with HTTP 200",
        dialect: Chat,
        kind: Json,
        body: r#"{"id":"x","choices":null,"usage":{"total_tokens":0},"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("1008"),
        model: None,
    },
    Case {
        name: "MiniMax: an error in the middle of a stream, after chunks that say all is well",
        dialect: Chat,
        kind: EventStream,
        body: "data: {\"model\":\"MiniMax-M3\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}\n\n\
               data: {\"model\":\"MiniMax-M3\",\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}\n\n\
               data: {\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}\n\n",
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("1002"),
        model: Some("MiniMax-M3"),
    },
    Case {
        name: "an event named error whose data is no JSON",
        dialect: Chat,
        kind: EventStream,
        body: "event: error\ndata: upstream connect error\n\n",
        usage: NONE,
        end: Error,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "counts of the wrong type cost only themselves",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":7,"choices":[{"finish_reason":{"x":[1]}}],"usage":{"prompt_tokens":"12","completion_tokens":4,"total_tokens":-1,"cached_tokens":1.5,"prompt_tokens_details":"none","completion_tokens_details":{"reasoning_tokens":[3]}}}"#,
        usage: [None, None, None, None, Some(4), None],
        end: Complete,
        finish: None,
        error: None,
        model: Some("7"),
    },
    Case {
        name: "more cached than prompted: no count below zero",
        dialect: Chat,
        kind: Json,
        body: r#"{"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":18446744073709551615,"cache_write_tokens":18446744073709551615}}}"#,
        usage: [Some(0), Some(u64::MAX), Some(u64::MAX), None, None, None],
        end: Complete,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "OpenAI responses stream",
        dialect: Responses,
        kind: EventStream,
        body: r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"r","model":"gpt-6.1-sol","status":"in_progress","error":null,"output":[],"usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":1,"delta":"hi","obfuscation":"q"}

event: response.completed
data: {"type":"response.completed","sequence_number":2,"response":{"id":"r","model":"gpt-6.1-sol","status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]}],"usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":500,"cache_write_tokens":450,"cache_write_tokens_details":{"ttl_30m_tokens":400,"ttl_12h_tokens":50}},"output_tokens":90,"output_tokens_details":{"reasoning_tokens":80},"total_tokens":1090}}}

"#,
        usage: [Some(50), Some(500), Some(400), Some(50), Some(90), Some(80)],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("gpt-6.1-sol"),
    },
    Case {
        name: "responses stream without event names, keys in alphabetic order, ended by a limit",
        dialect: Responses,
        kind: EventStream,
        body: "data: {\"response\":{\"model\":\"m\",\"status\":\"in_progress\",\"usage\":null},\"type\":\"response.created\"}\n\n\
               data: {\"delta\":\"x\",\"type\":\"response.output_text.delta\"}\n\n\
               data: {\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":\"m\",\"status\":\"incomplete\",\"usage\":{\"input_tokens\":7,\"output_tokens\":16}},\"type\":\"response.incomplete\"}\n\n",
        usage: [Some(7), None, None, None, Some(16), None],
        end: Complete,
        finish: Some(Length),
        error: None,
        model: Some("m"),
    },
    Case {
        name: "responses stream that failed",
        dialect: Responses,
        kind: EventStream,
        body: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"m\",\"status\":\"in_progress\"}}\n\n\
               event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"model\":\"m\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"secret\"},\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
        usage: [Some(3), None, None, None, Some(1), None],
        end: Error,
        finish: None,
        error: Some("server_error"),
        model: Some("m"),
    },
    Case {
        name: "responses stream with a flat error event",
        dialect: Responses,
        kind: EventStream,
        body: "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"secret\",\"param\":null,\"sequence_number\":1}\n\n",
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("rate_limit_exceeded"),
        model: None,
    },
    Case {
        name: "responses stream cut inside its last event",
        dialect: Responses,
        kind: EventStream,
        body: "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}",
        usage: NONE,
        end: Truncated,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "responses body with a tool call",
        dialect: Responses,
        kind: Json,
        body: r#"{"object":"response","model":"MiniMax-M3","status":"completed","error":null,"incomplete_details":null,"output":[{"type":"reasoning","summary":[]},{"type":"function_call","name":"f","arguments":"{}"}],"usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":10},"output_tokens":5}}"#,
        usage: [Some(20), Some(10), None, None, Some(5), None],
        end: Complete,
        finish: Some(ToolUse),
        error: None,
        model: Some("MiniMax-M3"),
    },
    Case {
        name: "responses body that failed",
        dialect: Responses,
        kind: Json,
        body: r#"{"model":"m","status":"failed","error":{"code":"server_error","message":"secret"},"output":null,"usage":null}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("server_error"),
        model: Some("m"),
    },
    Case {
        name: "Anthropic stream: the prompt at the start, the output at the end",
        dialect: Messages,
        kind: EventStream,
        body: r#"event: message_start
data: {"type":"message_start","message":{"id":"msg","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":500,"cache_read_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":300},"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hé \"usage\": {"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":40,"output_tokens_details":{"thinking_tokens":25}}}

event: message_stop
data: {"type":"message_stop"}

"#,
        usage: [Some(12), Some(2000), Some(200), Some(300), Some(40), Some(25)],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("claude-opus-5-5"),
    },
    Case {
        name: "Anthropic stream: the last report repeats the prompt, grown by a server tool, without lifetimes",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-5-5\",\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":500,\"cache_read_input_tokens\":0,\"cache_creation\":{\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_tokens\":300},\"output_tokens\":1}}}\n\n\
               event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\"},\"usage\":{\"input_tokens\":30,\"cache_creation_input_tokens\":620,\"cache_read_input_tokens\":90,\"output_tokens\":40}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        usage: [Some(30), Some(90), Some(320), Some(300), Some(40), None],
        end: Complete,
        finish: Some(Paused),
        error: None,
        model: Some("claude-sonnet-5-5"),
    },
    Case {
        name: "messages stream: fields that the last report lacks stay as they were",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":12,\"cache_read_input_tokens\":60,\"cache_creation\":{\"ephemeral_5m_input_tokens\":7},\"output_tokens\":1,\"output_tokens_details\":{\"thinking_tokens\":1}}}}\n\n\
               event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":13,\"output_tokens\":null}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        usage: [Some(13), Some(60), Some(7), None, Some(1), Some(1)],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("m"),
    },
    Case {
        name: "MiniMax messages stream: the zero prompt of the start is a placeholder",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"MiniMax-M3\",\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n\
               event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"input_tokens\":321,\"cache_read_input_tokens\":100,\"output_tokens\":9}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        usage: [Some(321), Some(100), None, None, Some(9), None],
        end: Complete,
        finish: Some(ToolUse),
        error: None,
        model: Some("MiniMax-M3"),
    },
    Case {
        name: "MiniMax messages stream cut after the start: the prompt is unknown, not free",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"MiniMax-M3\",\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
        usage: [None, None, None, None, Some(0), None],
        end: Truncated,
        finish: None,
        error: None,
        model: Some("MiniMax-M3"),
    },
    Case {
        name: "messages stream: a last report with a zero or null prompt does not erase the first",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":77,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n\
               event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":null,\"output_tokens\":8}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        usage: [Some(77), Some(5), None, None, Some(8), None],
        end: Complete,
        finish: Some(Length),
        error: None,
        model: Some("m"),
    },
    Case {
        name: "messages stream: an estimate at the start, then a prompt that came from the cache entirely",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"kimi-k3\",\"usage\":{\"input_tokens\":100,\"output_tokens\":0}}}\n\n\
               event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":100,\"output_tokens\":8}}\n\n\
               event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        usage: [Some(0), Some(100), None, None, Some(8), None],
        end: Complete,
        finish: Some(Filtered),
        error: None,
        model: Some("kimi-k3"),
    },
    Case {
        name: "messages stream without event names, keys in alphabetic order",
        dialect: Messages,
        kind: EventStream,
        body: "data: {\"message\":{\"content\":[],\"model\":\"glm-5.3\",\"type\":\"message\",\"usage\":{\"input_tokens\":4,\"output_tokens\":0}},\"type\":\"message_start\"}\n\n\
               data: {\"delta\":{\"text\":\"x\",\"type\":\"text_delta\"},\"index\":0,\"type\":\"content_block_delta\"}\n\n\
               data: {\"delta\":{\"stop_reason\":\"magic\"},\"type\":\"message_delta\"}\n\n\
               data: {\"type\": \"message_stop\"}\n\n",
        usage: [Some(4), None, None, None, Some(0), None],
        end: Complete,
        finish: Some(Other),
        error: None,
        model: Some("glm-5.3"),
    },
    Case {
        name: "Anthropic: overloaded in the middle of a stream",
        dialect: Messages,
        kind: EventStream,
        body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":4,\"output_tokens\":1}}}\n\n\
               event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        usage: [Some(4), None, None, None, Some(1), None],
        end: Error,
        finish: None,
        error: Some("overloaded_error"),
        model: Some("m"),
    },
    Case {
        name: "Anthropic error body",
        dialect: Messages,
        kind: Json,
        body: r#"{"type":"error","error":{"type":"rate_limit_error","message":"secret"},"request_id":"req"}"#,
        usage: NONE,
        end: Error,
        finish: None,
        error: Some("rate_limit_error"),
        model: None,
    },
    Case {
        name: "Anthropic body",
        dialect: Messages,
        kind: Json,
        body: r#"{"id":"msg","type":"message","model":"claude-haiku-5-5","content":[{"type":"text","text":"hi"}],"stop_reason":"stop_sequence","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":0,"output_tokens":3,"service_tier":"standard","server_tool_use":{"web_search_requests":1}}}"#,
        usage: [Some(10), Some(0), Some(20), None, Some(3), None],
        end: Complete,
        finish: Some(Stop),
        error: None,
        model: Some("claude-haiku-5-5"),
    },
    Case {
        name: "Anthropic body: only a 1 hour write",
        dialect: Messages,
        kind: Json,
        body: r#"{"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":20},"output_tokens":3}}"#,
        usage: [Some(10), None, Some(0), Some(20), Some(3), None],
        end: Complete,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "count_tokens bills nothing",
        dialect: Messages,
        kind: Json,
        body: r#"{"input_tokens":2095}"#,
        usage: NONE,
        end: Complete,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "a JSON body that was cut",
        dialect: Chat,
        kind: Json,
        body: r#"{"model":"m","usage":{"prompt_tokens":5,"completion_tokens":1}"#,
        usage: NONE,
        end: Truncated,
        finish: None,
        error: None,
        model: None,
    },
    Case {
        name: "data in several lines, spaces around colons, an empty id",
        dialect: Chat,
        kind: EventStream,
        body: "id\nretry: 3000\ndata: {\"model\" : \"m\"}\n\ndata: {\"choices\" : [],\ndata:   \"usage\" :\ndata:  {\"prompt_tokens\" : 8,\ndata: \"completion_tokens\": 2}}\n\ndata:[DONE]\n\n",
        usage: [Some(8), None, None, None, Some(2), None],
        end: Complete,
        finish: None,
        error: None,
        model: Some("m"),
    },
];
