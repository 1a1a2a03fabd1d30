//! The Workers door: one WebAssembly module without a single import, and `shim/index.js`, which carries its words to
//! the host and the host's to it.
//!
//! # How the host talks to it
//!
//! Bytes go in by way of one buffer: `input(length)` makes room and returns where; the host writes, and hands the length
//! to the call. Each call returns the address of its reply, good until the next call: a [verb](reply::Verb), numbers, lines
//! of text and bytes, laid out as [`reply`] says. `now` is in milliseconds since 1970, as a float.
//!
//! | call | bytes handed in | replies |
//! | --- | --- | --- |
//! | `settle(length)` | the configuration document, JSON | `Settled`, `Wrong` |
//! | `keys(length)` | name and value of each secret, a line each | `Ready` |
//! | `ask(head, length, now)` | a head of so many bytes as for `open`, then the body | `Answer`, `Send` |
//! | `open(length, now)` | method, URL, then name and value of each header, a line each | `Answer`, `Body`, `Send` |
//! | `route(number, length, now)` | the body | `Answer`, `Send` |
//! | `too_large(number)` | | `Answer` |
//! | `failed(number, why, now)` | | `Send`, `Answer`; why: 0 no connection, 1 no head in time, 2 cut off |
//! | `answered(number, length, now)` | status, then name and value of each header, a line each | `Deliver`, `Explain` |
//! | `explained(number, length, now)` | the beginning of the body | `Send`, `Keep` |
//! | `peeked(number, length, now)` | the next bytes of the body | `Wait`, `Keep`, `Send` |
//! | `push(number, length)` | the next bytes of the body | none |
//! | `finish(number, length, how, logged, counted, now)` | the last bytes of the body | `Over`; how: 0 well, 1 the client left, 2 the provider did; line and data point are empty where not asked for |
//! | `died(length)` | as `open` | `Answer` |
//! | `trace()` | | `Trace` |
//!
//! Splices in `Send` are of the client's body. An exchange begins with `ask` or `open` and ends with `finish`, which gives
//! its number back; number 0 needs no end.
//!
//! # Why it is so
//!
//! Glue that makes each header and each object of the host a call of its own cost more than the decision itself. Here a
//! request crosses the boundary four times, whatever it holds. The module imports nothing, so that the very file that
//! ships runs in any WebAssembly runtime, in tests too.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "elsewhere only the settings are used; what is exported is for the host")
)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod door;
mod exchange;
mod head;
mod point;
mod reply;
mod settings;

pub use settings::Settings;

use std::{cell::RefCell, panic};

use crate::door::Door;

/// Memory that a buffer keeps from one call to the next, in bytes.
const KEPT: usize = 1024 * 1024;

thread_local! {
    // One for the instance. The host calls one thing at a time and nothing in here calls back.
    static INSTANCE: RefCell<Instance> = RefCell::new(Instance::new());
    // Apart: it is written while the instance is borrowed.
    static TRACE: RefCell<String> = const { RefCell::new(String::new()) };
}

#[derive(Debug)]
struct Instance {
    door: Door,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Instance {
    fn new() -> Self {
        // Where, not what: a message may quote the text that it stumbled over.
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            TRACE.with(|trace| *trace.borrow_mut() = place);
        }));
        Self { door: Door::default(), input: Vec::new(), output: Vec::new() }
    }

    fn call(&mut self, length: usize, call: impl FnOnce(&mut Door, &[u8]) -> Vec<u8>) -> *const u8 {
        self.door.reuse(std::mem::take(&mut self.output));
        self.output = call(&mut self.door, self.input.get(..length).unwrap_or_default());
        if self.input.capacity() > KEPT {
            self.input = Vec::new();
        }
        self.output.as_ptr()
    }
}

/// Calls the door with the first bytes of the input.
fn call(length: usize, call: impl FnOnce(&mut Door, &[u8]) -> Vec<u8>) -> *const u8 {
    INSTANCE.with_borrow_mut(|instance| instance.call(length, call))
}

/// Milliseconds as the host has them. What is no time is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast that saturates is meant")]
const fn millis(now: f64) -> u64 {
    now as u64
}

/// What the module exports; see the crate's documentation.
#[allow(unsafe_code, reason = "a name that is exported is unsafe by the letter; nothing else in here is")]
mod exports {
    use super::{INSTANCE, TRACE, call, millis};
    use crate::reply::{Reply, Verb};

    macro_rules! export {
        ($($name:ident($($argument:ident: $type:ty),*) -> $returned:ty $body:block)*) => {$(
            #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
            pub(super) extern "C" fn $name($($argument: $type),*) -> $returned $body
        )*};
    }

    export! {
        input(length: usize) -> *mut u8 {
            INSTANCE.with_borrow_mut(|instance| {
                if instance.input.len() < length {
                    instance.input.resize(length, 0);
                }
                instance.input.as_mut_ptr()
            })
        }
        settle(length: usize) -> *const u8 { call(length, |door, bytes| door.settle(bytes)) }
        keys(length: usize) -> *const u8 { call(length, |door, bytes| door.keys(bytes)) }
        open(length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| door.open(bytes, None, millis(now)))
        }
        ask(head: usize, length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| {
                let (head, body) = bytes.split_at_checked(head).unwrap_or_default();
                door.open(head, Some(body), millis(now))
            })
        }
        route(number: u32, length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| door.route(number, bytes, millis(now)))
        }
        too_large(number: u32) -> *const u8 { call(0, |door, _| door.too_large(number)) }
        failed(number: u32, why: u32, now: f64) -> *const u8 {
            call(0, |door, _| door.failed(number, why, millis(now)))
        }
        answered(number: u32, length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| door.answered(number, bytes, millis(now)))
        }
        explained(number: u32, length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| door.explained(number, bytes, millis(now)))
        }
        peeked(number: u32, length: usize, now: f64) -> *const u8 {
            call(length, |door, bytes| door.peeked(number, bytes, millis(now)))
        }
        push(number: u32, length: usize) -> () {
            INSTANCE.with_borrow_mut(|instance| {
                instance.door.push(number, instance.input.get(..length).unwrap_or_default());
            });
        }
        finish(number: u32, length: usize, how: u32, logged: u32, counted: u32, now: f64) -> *const u8 {
            call(length, |door, bytes| {
                door.finish(number, bytes, how, (logged != 0, counted != 0), millis(now))
            })
        }
        died(length: usize) -> *const u8 { call(length, |door, bytes| door.died(bytes)) }
        trace() -> *const u8 {
            // The door may be in any state: it is not touched.
            let place = TRACE.with(|trace| trace.try_borrow().map(|place| place.clone()).unwrap_or_default());
            let reply = Reply::new(Vec::new(), Verb::Trace, &[]).line(place).end();
            Box::leak(reply.into_boxed_slice()).as_ptr()
        }
    }
}
