//! The core in a module without a door: what a decision costs by itself, in the same runtime as the component.
//!
//! `input(length)` makes room and says where; `configure(length)` reads a document from it; `decide(length, times)` decides
//! on the body in it, so many times, and returns how many attempts there were. `read` only reads it, and `judge` reads it and judges
//! what was said in it; they return how often that succeeded.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "exported to a host, and on other targets there is none")
)]

pub mod workload;

use std::cell::RefCell;

use pointsman::{
    Config, Dialect, Opened, RequestHead, Routed, Router, classify::Classifier, exchange,
    wire::request::RequestView,
};

/// The headers of a request, as a client's library sends them. The component is measured with the same.
pub const HEADERS: [(&str, &[u8]); 10] = [
    ("host", b"gateway.test"),
    ("user-agent", b"OpenAI/Python 2.8.0"),
    ("accept", b"application/json"),
    ("accept-encoding", b"gzip, deflate"),
    ("connection", b"keep-alive"),
    ("content-type", b"application/json"),
    ("authorization", b"Bearer of-the-client"),
    ("x-stainless-lang", b"python"),
    ("x-stainless-runtime", b"CPython"),
    ("x-stainless-retry-count", b"0"),
];

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ROUTER: RefCell<Option<Router>> = const { RefCell::new(None) };
    static CLASSIFIER: Classifier = Classifier::shipped();
}

/// Whether a body can be read.
pub fn read(body: &[u8]) -> bool {
    RequestView::read(Dialect::Chat, body).is_ok()
}

/// Reads a body and judges what was said in it, as routing does: whether there was something to judge.
pub fn judge(classifier: &Classifier, body: &[u8]) -> bool {
    exchange::judge_body(classifier, Dialect::Chat, body).is_ok_and(|found| found.is_some())
}

/// How often a call on the input succeeds.
fn repeat(length: usize, times: u32, call: impl Fn(&[u8]) -> bool) -> u32 {
    INPUT.with_borrow(|input| {
        let body = input.get(..length).unwrap_or_default();
        (0..times).map(|_| u32::from(call(std::hint::black_box(body)))).sum()
    })
}

fn route(router: &Router, body: &[u8]) -> u32 {
    let head = RequestHead { method: b"POST", path: b"/v1/chat/completions", headers: &HEADERS };
    match router.open(&head) {
        Opened::NeedBody(pending) => match pending.route(router, body) {
            Routed::Forward(forward) => u32::try_from(forward.attempts().len()).unwrap_or(0),
            Routed::Reject(_) => 0,
        },
        _ => 0,
    }
}

#[allow(unsafe_code, reason = "a name that is exported is unsafe by the letter; nothing else in here is")]
mod exports {
    use super::{
        CLASSIFIER, Config, INPUT, ROUTER, Router, judge as judged, read as readable, repeat, route,
    };

    #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
    pub(super) extern "C" fn input(length: usize) -> *mut u8 {
        INPUT.with_borrow_mut(|input| {
            input.resize(length, 0);
            input.as_mut_ptr()
        })
    }

    #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
    pub(super) extern "C" fn configure(length: usize) -> u32 {
        let config = INPUT.with_borrow(|input| Config::from_json(input.get(..length).unwrap_or_default()));
        ROUTER.set(config.ok().map(Router::new));
        u32::from(ROUTER.with_borrow(Option::is_some))
    }

    #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
    pub(super) extern "C" fn decide(length: usize, times: u32) -> u32 {
        ROUTER.with_borrow(|router| {
            INPUT.with_borrow(|input| {
                let Some(router) = router else { return 0 };
                let body = input.get(..length).unwrap_or_default();
                (0..times).map(|_| route(router, std::hint::black_box(body))).sum()
            })
        })
    }

    #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
    pub(super) extern "C" fn read(length: usize, times: u32) -> u32 {
        repeat(length, times, readable)
    }

    #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
    pub(super) extern "C" fn judge(length: usize, times: u32) -> u32 {
        CLASSIFIER.with(|classifier| repeat(length, times, |body| judged(classifier, body)))
    }
}
