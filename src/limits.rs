//! Every bound the core keeps, each with its reason.
//!
//! A value from outside is compared with one of these before it can make the core allocate, recurse or loop.

/// Request body, in bytes. Anthropic documents 32 MB as the largest request it takes; nothing larger can be answered.
pub const REQUEST_BODY: usize = 32 * 1024 * 1024;

/// Nesting of JSON arrays and objects in a request body. The same bound as `serde_json`, so that both readers agree.
pub const JSON_DEPTH: usize = 127;

/// Top-level members kept of one request body. Real requests have fewer than 30.
pub const TOP_LEVEL_MEMBERS: usize = 256;

/// Pieces of text remembered of one request. Later pieces are counted, not remembered.
pub const TEXT_PIECES: usize = 4096;

/// Bytes of prompt text that the token estimate looks at. The rest is counted by length.
pub const TEXT_SAMPLE: usize = 4 * 1024;

/// Bytes of prompt text that the classifier looks at: the beginning and the end of what the person said last.
pub const JUDGED_TEXT: usize = 4 * 1024;

/// Bytes of the text of an agent's task that are counted. Nine of ten reports have fewer than 5,000.
pub const BRIEF_TEXT: usize = 16 * 1024;

/// Length of a model name, in bytes.
pub const MODEL_NAME: usize = 256;

/// Length of one line of an event stream, in bytes. A longer line is skipped, not kept.
pub const SSE_LINE: usize = 1024 * 1024;

/// Body of an unstreamed answer that is kept to read its usage, in bytes.
pub const RESPONSE_BODY: usize = 32 * 1024 * 1024;

/// Tiers of one ladder.
pub const TIERS: usize = 16;

/// Targets of one tier.
pub const TARGETS_PER_TIER: usize = 8;

/// Splices of one request.
pub const SPLICES: usize = 8192;

/// Length of a header value that the core reads, in bytes.
pub const HEADER_VALUE: usize = 1024;

/// Room left for the error of the token estimate when a prompt is held against a context window, in permille of it.
pub const CONTEXT_MARGIN_PERMILLE: u64 = 50;

/// Attempts in one plan.
pub const ATTEMPTS: usize = TARGETS_PER_TIER;

/// Price tiers of one model. Providers have at most four.
pub const PRICE_TIERS: usize = 8;

/// Windows of cheap hours of one model.
pub const PRICE_WINDOWS: usize = 16;

/// Name of an event in an event stream, in bytes. The longest that a provider sends has about 50.
pub const EVENT_NAME: usize = 64;

/// Error type or code taken from a provider's answer, in bytes. Longer ones are prose, and prose may quote a prompt.
pub const ERROR_CODE: usize = 64;

/// Configuration document, in bytes. One with every provider and hundreds of aliases has some ten kilobytes.
pub const CONFIG_DOCUMENT: usize = 1024 * 1024;

/// Providers that a configuration may state. Each in use costs the host a cluster and a credential.
pub const PROVIDERS: usize = 256;

/// Model entries of a configuration.
pub const MODELS: usize = 4096;

/// Ladders of a configuration.
pub const LADDERS: usize = 64;

/// Aliases of a configuration.
pub const ALIASES: usize = 1024;

/// Callers that a configuration may state.
pub const CALLERS: usize = 1024;

/// Tokens of one caller: the old and the new one while they are exchanged, and one for each of a few machines.
pub const TOKENS_PER_CALLER: usize = 16;

/// Beginning of an event stream that is looked at before it goes to the client, in bytes. What stands before the first
/// content is at most one event that repeats the request's settings.
pub const OPENING_BYTES: usize = 64 * 1024;

/// How long a door keeps the beginning of an event stream back while nothing but its announcement has come, in
/// milliseconds. A person does not notice; a client's own timeouts are minutes.
pub const OPENING_MS: u64 = 2_000;

/// Body of a refusal that is read to learn why and kept to be delivered, in bytes.
pub const REFUSAL_BODY: usize = 64 * 1024;

/// How long a door waits for the body of a refusal, in milliseconds.
pub const REFUSAL_MS: u64 = 2_000;

/// Upstreams and targets whose failures one process remembers.
pub const CIRCUITS: usize = 1024;

/// Longest rest of an upstream, in milliseconds. After it one request finds out whether it is well again.
pub const REST_MS: u64 = 300_000;

/// Name of a conversation that a client may choose, in bytes. UUIDs have 36.
pub const SESSION_ID: usize = 256;

/// Bytes of one part of a history that are hashed to tell it from others: its beginning and its end.
pub const HASHED_TEXT: usize = 512;

/// Bytes of an answer in which the command of an agent without tool calls is looked for.
pub const FENCED_TEXT: usize = 16 * 1024;

/// A person's turns kept of one history: the first and the newest.
pub const TURNS: usize = 32;

/// Loops and ends of loops kept of one turn. Each loop asks for a better model; there are not more.
pub const LOOPS: usize = 2 * TIERS;

/// Rules of a configuration. Each costs a look at every request.
pub const RULES: usize = 256;

/// Bytes of what the person said last in which a rule's keyword is looked for.
pub const KEYWORD_TEXT: usize = 4 * 1024;

/// A regular expression of a rule, in bytes.
pub const REGEX: usize = 256;

/// Groups within groups of a regular expression.
pub const REGEX_DEPTH: u32 = 16;

/// A regular expression compiled, in bytes: some 600 states, each looked at once for each byte of the text at most.
pub const REGEX_COMPILED: usize = 16 * 1024;

/// Regular expressions in all rules together.
pub const REGEXES: usize = 64;

/// Conversations that a process or isolate remembers, some 60 bytes each. Losing one costs nothing but sharpness.
pub const CONVERSATIONS: usize = 16 * 1024;

/// How long a store that cannot forget is believed, in seconds: a day, the longest that a provider keeps a prompt cache.
pub const REMEMBERED_SECONDS: u32 = 24 * 60 * 60;

/// Samples of one request, the one of the next tier not counted. More votes help easy questions and hurt hard ones (arXiv
/// 2403.02419): a small bound costs nothing.
pub const SAMPLES: u16 = 15;

/// Body of an answer that is one of several samples, in bytes. Answers that can be compared are short; with their thinking
/// they stay far below.
pub const SAMPLE_BODY: usize = 4 * 1024 * 1024;

/// Label that is compared, in bytes.
pub const LABEL: usize = 64;

/// References and members of a JSON schema within each other. What is deeper counts as valid.
pub const SCHEMA_DEPTH: u32 = 64;

/// Steps of one look through a JSON schema and a value. What is not reached counts as valid.
pub const SCHEMA_STEPS: u32 = 100_000;

/// Budgets of a configuration. Each costs a look at every request.
pub const BUDGETS: usize = 64;

/// Purses that a process keeps, some 40 bytes each: more than callers and aliases that a budget may be stated for. Beyond
/// it the one whose window began first is forgotten.
pub const PURSES: usize = 64 * 1024;

/// Seconds after which a promise out of a shared purse is given back where nobody settled it: who made it has died.
pub const HOLD_S: u64 = 3_600;

/// Promises that a shared purse keeps apart, some 40 bytes each: requests of one account under way at a time. Beyond it the
/// oldest is given back.
pub const HOLDS: usize = 2_048;

/// Seconds that a shared store keeps what it remembers of a conversation after its last call.
pub const NOTE_S: u64 = 86_400;

/// Tokens that an answer is taken to have where a budget is charged before it is known, if the client allows as many.
/// Agents' answers have some hundred, with thinking a few thousand.
pub const EXPECTED_OUTPUT: u64 = 2_000;
