//! More than one sample of a request: votes, races, cascades, and the bill of all of them, through a host that is asked from
//! outside.

use std::{net::SocketAddr, time::Duration};

use pointsman_sim::{Fault, Provider, Vendor};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Ask},
    stage::{Cast, Script},
    until,
};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

/// A question whose answers can be compared.
pub const QUESTION: &str = "Which one is a prime? A) 4 B) 5 C) 6. Answer with a single letter.";

/// A host with its providers behind it, and its access log.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its providers.
    pub cast: &'a Cast,
    /// The lines of its log so far.
    pub log: &'a dyn Fn() -> Vec<Value>,
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Host<'_> {
    fn provider(&self, name: &str) -> &Provider {
        self.cast.provider(name)
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        Ask::json(path, body).send(self.address).await
    }

    /// How many requests each of both providers of a lane saw.
    pub fn asks(&self, name: &str) -> (usize, usize) {
        let count = |letter: &str| self.provider(&format!("{name}-{letter}")).requests().len();
        (count("a"), count("b"))
    }

    /// The n-th line of the log, from one on.
    ///
    /// # Panics
    /// Where it does not come.
    pub async fn line(&self, number: usize) -> Value {
        let whole = || Some((self.log)()).filter(|lines| lines.len() >= number);
        until(Duration::from_secs(10), whole).await.expect("a line for each").remove(number - 1)
    }
}

/// A Chat Completions request.
pub fn chat(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

/// An answer of Chat Completions with so many tokens of each kind: 100 in, 10 out.
fn says(text: &str) -> Fault {
    says_so(text, "stop")
}

fn says_so(text: &str, finish: &str) -> Fault {
    let body = json!({
        "id": "x", "object": "chat.completion", "model": "model",
        "choices": [{ "index": 0, "finish_reason": finish, "message": { "role": "assistant", "content": text } }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 },
    });
    Fault::Raw { status: 200, content_type: "application/json".to_owned(), body: body.to_string() }
}

/// Adds a lane of two tiers to a script: the lower is sampled so, and costs a tenth of the upper.
#[must_use]
pub fn script(script: Script, name: &str, samples: Value) -> Script {
    let (low, high) = (format!("{name}-a/model-a"), format!("{name}-b/model-b"));
    let script = script.lane(name, 2).set(
        &format!("/ladders/{name}"),
        json!({ "tiers": [
            { "name": "low", "targets": [low], "samples": samples },
            { "name": "high", "targets": [high] },
        ], "thresholds": [1000], "default_tier": "low" }),
    );
    let price = |usd: u64| {
        json!({
            "usd_per_mtok": { "input": usd, "output": usd },
            "capabilities": { "json_schema": true },
        })
    };
    script.set("/models", json!({ low: price(1), high: price(10) }))
}

/// Votes on lane `vote` (`min` 3, `max` 7): how many are asked, what is delivered, what the log says. Returns what all cost, in
/// pico-dollars.
///
/// # Panics
/// Where anything is otherwise.
pub async fn votes(host: Host<'_>) -> u64 {
    let cases: [(&[&str], &str, usize, &str); 4] = [
        (&["B", "B", "B"], "B", 3, "vote: 3 of 3 agree"),
        (&["B", "A", "B", "B", "B"], "B", 5, "vote: 4 of 5 agree"),
        (&["it is A", "(B)", "**B**", "The answer is: B."], "(B)", 4, "vote: 3 of 4 agree"),
        (&["A", "B", "C", "A", "B", "C", "B"], "B", 7, "vote: 3 of 7 agree"),
    ];
    let mut sum = 0;
    for (number, (answers, delivered, asked, report)) in cases.into_iter().enumerate() {
        let before = host.asks("vote").0;
        // The first three go out at once: whose answer is whose does not matter to the vote.
        let faults = answers.iter().map(|answer| says(answer)).collect();
        host.provider("vote-a").set_fault(Fault::Sequence(faults));
        let answer = host.ask(CHAT, &chat("vote", QUESTION)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.json()["choices"][0]["message"]["content"].as_str().expect("a text").to_owned();
        if answers.contains(&"it is A") {
            assert!(text.contains('B'), "{text}");
        } else {
            assert_eq!(text, delivered, "{answers:?}");
        }
        assert_eq!(answer.json()["usage"]["prompt_tokens"], 100, "the delivered one's bytes");
        assert_eq!(answer.header("x-pointsman-samples"), report, "{answers:?}");
        assert_eq!(host.asks("vote").0 - before, asked, "{answers:?}");
        // 110 tokens at a dollar a million, each.
        let cost = format!("{:.6}", 110e-6 * asked as f64);
        assert_eq!(answer.header("x-pointsman-samples-cost"), format!("${}", cost.trim_end_matches('0')));
        let line = host.line(number + 1).await;
        assert_eq!(line["cost_usd"], cost.trim_end_matches('0'));
        assert_eq!((&line["attempts"], &line["details"]), (&json!(asked), &json!(report)));
        assert_eq!(line["input_tokens"], 100 * asked);
        sum += 110_000_000 * asked as u64;
    }
    sum
}

/// What is asked once on lane `once`: streams, tools, several answers, no sampling, and nothing to compare.
///
/// # Panics
/// Where anything is otherwise.
pub async fn asked_once(host: Host<'_>) {
    let base = || chat("once", QUESTION);
    let with = |key: &str, value: Value| {
        let mut body = base();
        body[key] = value;
        body
    };
    let tool =
        json!([{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]);
    for (count, body) in [
        with("stream", json!(true)),
        with("tools", tool),
        with("n", json!(2)),
        with("temperature", json!(0)),
        chat("once", "Tell me a story."),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = host.ask(CHAT, &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(host.asks("once").0, count + 1, "{body}");
        assert!(answer.headers.get("x-pointsman-samples").is_none(), "{body}");
    }
}

/// A race on lane `race` (`max` 3) with one that hangs and one that says nothing. Returns how many were cancelled.
///
/// # Panics
/// Where anything is otherwise.
pub async fn race(host: Host<'_>) -> usize {
    host.provider("race-a").set_fault(Fault::Sequence(vec![Fault::Hang, says("no idea"), says("C")]));
    let answer = host.ask(CHAT, &chat("race", QUESTION)).await;
    assert_eq!((answer.status, answer.header("x-pointsman-samples")), (200, "race: the first of 3"));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "C", "{}", answer.text());
    assert_eq!(host.asks("race"), (3, 0));
    let line = host.line(1).await;
    // What is cancelled may have cost something, and that is said beside what is known. "no idea" wins nothing: it is known
    // where it came before the answer, and else cancelled too.
    let (known, cancelled) = match line["cost_usd"].as_str() {
        Some("0.00022") => ("0.00022", 1),
        Some("0.00011") => ("0.00011", 2),
        _ => panic!("{line}"),
    };
    let cost = answer.header("x-pointsman-samples-cost");
    assert!(cost.starts_with(&format!("${known} and about $")), "{cost}");
    assert!(cost.ends_with(&format!(" for {cancelled} cancelled")), "{cost}");
    cancelled
}

/// A cascade on lane `cascade`: what holds is delivered, the rest goes up.
///
/// # Panics
/// Where anything is otherwise.
pub async fn cascade(host: Host<'_>) {
    let schema = json!({ "type": "object", "required": ["prime"], "additionalProperties": false,
        "properties": { "prime": { "type": "integer" } } });
    let mut body = chat("cascade", "Which of 4, 5 and 6 is a prime?");
    body["response_format"] =
        json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } });
    let good = "{\"prime\": 5}";
    let mut above = 0;
    for (number, (fault, report)) in [
        (says(good), "cascade: the answer holds"),
        (says("{\"prime\": \"five\"}"), "cascade: up, not valid"),
        (says("It is five."), "cascade: up, not valid"),
        (says_so("{\"prime\"", "length"), "cascade: up, cut off"),
        (says_so("", "content_filter"), "cascade: up, refused"),
        (Fault::Status(503), "cascade: up, failed"),
    ]
    .into_iter()
    .enumerate()
    {
        host.provider("cascade-a").set_fault(fault);
        host.provider("cascade-b").set_fault(says("{\"prime\": 5 }"));
        let answer = host.ask(CHAT, &body).await;
        assert_eq!((answer.status, answer.header("x-pointsman-samples")), (200, report), "{}", answer.text());
        let raised = report.contains("up");
        above += usize::from(raised);
        let text = answer.json()["choices"][0]["message"]["content"].clone();
        assert_eq!(text, if raised { "{\"prime\": 5 }" } else { good });
        assert_eq!(host.asks("cascade"), (number + 1, above), "{report}");
        let (tier, model) = if raised { ("high", "cascade-b/model-b") } else { ("low", "cascade-a/model-a") };
        assert_eq!(answer.header("x-pointsman-model"), model);
        assert_eq!(answer.header("x-pointsman-tier"), tier);
        let cost = match report {
            "cascade: the answer holds" => "0.00011",
            "cascade: up, failed" => "0.0011",
            // Both are paid: 110 tokens at one dollar, 110 at ten.
            _ => "0.00121",
        };
        assert_eq!(host.line(number + 1).await["cost_usd"], cost, "{report}");
    }
}

/// Three answers of one opinion on lane `paid`, 330 micro-dollars in all.
///
/// # Panics
/// Where anything is otherwise.
pub async fn agreed(host: Host<'_>) {
    host.provider("paid-a").set_fault(says("A"));
    let answer = host.ask(CHAT, &chat("paid", QUESTION)).await;
    assert_eq!(answer.header("x-pointsman-samples"), "vote: 3 of 3 agree", "{}", answer.text());
    host.line(1).await;
}

/// Adds a provider of all APIs to a script, raced by two.
#[must_use]
pub fn script_of_apis(script: Script) -> Script {
    script
        .provider("minimax", Vendor::MiniMax)
        .alias("auto", &["minimax/MiniMax-M3"])
        .set("/ladders/auto/tiers/0/samples", json!({ "mode": "race", "max": 2 }))
}

/// Races by Messages and Responses.
///
/// # Panics
/// Where anything is otherwise.
pub async fn other_apis(host: Host<'_>) {
    let messages = json!({ "model": "auto", "max_tokens": 256,
        "messages": [{ "role": "user", "content": QUESTION }] });
    for (path, body) in [(MESSAGES, messages), (RESPONSES, json!({ "model": "auto", "input": QUESTION }))] {
        let (status, body_of) = match path {
            MESSAGES => (
                200,
                json!({ "type": "message", "role": "assistant", "stop_reason": "end_turn",
                "content": [{ "type": "text", "text": "B" }], "usage": { "input_tokens": 9, "output_tokens": 1 } }),
            ),
            _ => (
                200,
                json!({ "object": "response", "status": "completed", "output": [{ "type": "message",
                "content": [{ "type": "output_text", "text": "B" }] }],
                "usage": { "input_tokens": 9, "output_tokens": 1 } }),
            ),
        };
        let content_type = "application/json".to_owned();
        host.provider("minimax").set_fault(Fault::Raw { status, content_type, body: body_of.to_string() });
        let answer = host.ask(path, &body).await;
        assert_eq!(answer.header("x-pointsman-samples"), "race: the first of 2", "{path}: {}", answer.text());
        assert_eq!(answer.json(), body_of, "{path}");
    }
}

/// A vote on lane `late` of which two hang beyond its time.
///
/// # Panics
/// Where anything is otherwise.
pub async fn out_of_time(host: Host<'_>) {
    host.provider("late-a").set_fault(Fault::Sequence(vec![says("B"), Fault::Hang, Fault::Hang]));
    let answer = host.ask(CHAT, &chat("late", QUESTION)).await;
    assert_eq!((answer.status, answer.header("x-pointsman-samples")), (200, "vote: 1 of 3 agree"));
    assert!(answer.header("x-pointsman-samples-cost").ends_with(" for 2 cancelled"));
}
