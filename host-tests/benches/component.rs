//! What a call of the component costs beyond the core's own time: `cargo xtask bench component`.
//!
//! Side by side in one run: the core natively, the core in a module without a door, and the component. The bar: a call costs
//! at most 3 µs and 0.1 µs for each KB of body more than the module without a door.

#![allow(clippy::disallowed_methods, reason = "a benchmark has a clock")]

use std::time::{Duration, Instant};

use host_tests::{
    bare::Bare,
    component::{
        Embedded,
        routing::{Outcome, RequestHead, ResponseHead},
    },
};
use pointsman::{Config, Opened, Routed, Router};

const HEADERS: [(&str, &str); 10] = [
    ("host", "gateway.test"),
    ("user-agent", "OpenAI/Python 2.8.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("connection", "keep-alive"),
    ("content-type", "application/json"),
    ("authorization", "Bearer of-the-client"),
    ("x-stainless-lang", "python"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-retry-count", "0"),
];

const DOCUMENT: &str = r#"{
    "version": 1,
    "ladders": { "default": { "tiers": [
        { "name": "cheap", "effort": "low", "targets": ["minimax/MiniMax-M3.1-Flash", "deepseek/deepseek-flash"] },
        { "name": "frontier", "effort": "high", "targets": ["openai/gpt-6.1-sol", "anthropic/claude-opus-5-5"] }
    ], "thresholds": [1000] } },
    "aliases": { "auto": "default" }
}"#;

const ROUNDS: usize = 41;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let (mut bare, mut component) = (Bare::start(), Door::start());
    bare.configure(DOCUMENT.as_bytes());
    let native = Router::new(Config::from_json(DOCUMENT.as_bytes()).expect("a document"));
    let mut rows = Vec::new();
    for kb in [1, 20, 200] {
        let body = body(kb * 1000);
        bare.take(&body);
        let times = 4000 / (kb + 3) + 4;
        let mut samples: [Vec<Duration>; 6] = Default::default();
        for _ in 0..ROUNDS {
            // Side by side: what else the machine does meets all of them.
            samples[0].push(each(times, || natively(&native, &body)));
            samples[1].push(bare.call("decide", body.len(), times));
            samples[2].push(each(times, || component.route(&body)));
            samples[3].push(each(times, || component.attempt()));
            samples[4].push(each(times, || component.body()));
            samples[5].push(each(times, || component.meter(&body)));
        }
        rows.push((kb, samples.map(median)));
    }
    let bar = |kb: usize| 3.0 + 0.1 * kb as f64;
    if json {
        let rows: Vec<serde_json::Value> = rows
            .iter()
            .map(|(kb, us)| {
                serde_json::json!({
                    "kb": kb, "native_us": us[0], "module_us": us[1], "route_us": us[2], "overhead_us": us[2] - us[1],
                    "bar_us": bar(*kb), "attempt_us": us[3], "body_us": us[4], "push_us": us[5],
                })
            })
            .collect();
        println!("{}", serde_json::json!({ "rows": rows }));
        return;
    }
    println!("microseconds a call, medians of {ROUNDS} rounds side by side\n");
    println!(
        "  body   core, native   core, wasm   component.route   more than the core   bar      attempt   body   meter.push"
    );
    for (kb, [native, module, route, attempt, taken, push]) in &rows {
        let more = route - module;
        let verdict = if more <= bar(*kb) { "ok" } else { "over" };
        println!(
            "{kb:>4} KB {native:>14.2} {module:>12.2} {route:>17.2} {more:>20.2}  {:>4.1} {verdict:<4} {attempt:>8.2} {taken:>6.2} {push:>12.2}",
            bar(*kb)
        );
    }
}

/// A request that is easy to decide, of about this size.
fn body(bytes: usize) -> Vec<u8> {
    let sentence = "The quick brown fox jumps over the lazy dog, and \\\"nobody\\\" minds.\\n";
    let text: String = sentence.chars().cycle().take(bytes.saturating_sub(80)).collect();
    let text = text.trim_end_matches('\\');
    format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes()
}

fn each(times: usize, mut call: impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        call();
    }
    began.elapsed() / u32::try_from(times).unwrap_or(1)
}

/// In microseconds.
fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort();
    samples[samples.len() / 2].as_secs_f64() * 1e6
}

fn natively(router: &Router, body: &[u8]) {
    let headers = HEADERS.map(|(name, value)| (name, value.as_bytes()));
    let head = pointsman::RequestHead { method: b"POST", path: b"/v1/chat/completions", headers: &headers };
    let Opened::NeedBody(pending) = router.open(&head) else { panic!("a completion request") };
    let Routed::Forward(forward) = pending.route(router, std::hint::black_box(body)) else {
        panic!("routed")
    };
    assert!(!forward.attempts().is_empty());
}

/// The component, with one exchange kept for the calls after `route`.
struct Door {
    host: Embedded,
    head: RequestHead,
    answer: ResponseHead,
    kept: Option<wasmtime::component::ResourceAny>,
}

impl Door {
    fn start() -> Self {
        let line = |(name, value): (&str, &str)| format!("{name}: {value}\n");
        let head = RequestHead {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            fields: HEADERS.map(line).concat().into_bytes(),
        };
        let answer = ResponseHead { status: 200, fields: b"content-type: application/json\n".to_vec() };
        let host =
            Embedded::unmetered(DOCUMENT.as_bytes()).unwrap_or_else(|error| panic!("{}", error.message));
        Self { host, head, answer, kept: None }
    }

    fn route(&mut self, body: &[u8]) {
        let Embedded { store, router, api } = &mut self.host;
        let routers = api.pointsman_router_routing().router();
        let outcome = routers.call_route(&mut *store, *router, &self.head, body).expect("no trap");
        let Outcome::Forward(exchange) = outcome else { panic!("routed") };
        if let Some(before) = self.kept.replace(exchange) {
            before.resource_drop(&mut *store).expect("no trap");
        }
    }

    fn attempt(&mut self) {
        let (Embedded { store, api, .. }, Some(exchange)) = (&mut self.host, self.kept) else { return };
        let calls = api.pointsman_router_routing().exchange();
        let attempt = calls.call_attempt(&mut *store, exchange, 0, Some("key")).expect("no trap");
        assert!(attempt.is_ok());
    }

    fn body(&mut self) {
        let (Embedded { store, api, .. }, Some(exchange)) = (&mut self.host, self.kept) else { return };
        let calls = api.pointsman_router_routing().exchange();
        assert!(!calls.call_body(&mut *store, exchange, 0).expect("no trap").is_empty());
    }

    /// A meter from its beginning to its receipt, with one chunk of this size.
    fn meter(&mut self, chunk: &[u8]) {
        let (Embedded { store, api, .. }, Some(exchange)) = (&mut self.host, self.kept) else { return };
        let api = api.pointsman_router_routing();
        let meter = api.exchange().call_meter(&mut *store, exchange, Some(0), &self.answer).expect("no trap");
        api.meter().call_push(&mut *store, meter, chunk).expect("no trap");
        api.meter().call_finish(&mut *store, meter, None).expect("no trap");
    }
}
