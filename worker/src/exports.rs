//! What the module exports for each request: calls that take and return numbers, and bytes by way of one buffer.

use std::cell::RefCell;

use pointsman::store;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{door::Door, host};

/// Memory that a buffer keeps from one call to the next, in bytes.
const KEPT: usize = 1024 * 1024;

thread_local! {
    // One for the instance. The host calls one thing at a time, and nothing in here calls back.
    static INSTANCE: RefCell<Instance> = RefCell::new(Instance::default());
}

#[derive(Debug, Default)]
struct Instance {
    door: Door,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Instance {
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

/// The door, for what is no call of a request.
pub(crate) fn with_door<T>(with: impl FnOnce(&mut Door) -> T) -> T {
    INSTANCE.with_borrow_mut(|instance| with(&mut instance.door))
}

/// Milliseconds as the host has them. What is no time is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast that saturates is meant")]
pub(crate) const fn millis(now: f64) -> u64 {
    now as u64
}

/// The module's memory. Its buffer is another one after it grew.
#[wasm_bindgen]
pub fn space() -> JsValue {
    wasm_bindgen::memory()
}

/// Makes room for so many bytes and returns where.
#[wasm_bindgen]
pub fn input(length: usize) -> *mut u8 {
    INSTANCE.with_borrow_mut(|instance| {
        if instance.input.len() < length {
            instance.input.resize(length, 0);
        }
        instance.input.as_mut_ptr()
    })
}

/// The configuration document, for a host without bindings: `Settled`, `Wrong`.
#[wasm_bindgen]
pub fn document(length: usize) -> *const u8 {
    call(length, Door::settle)
}

/// Name and value of each secret, a line each, after `document`: `Ready`.
#[wasm_bindgen]
pub fn keys(length: usize) -> *const u8 {
    call(length, Door::keys)
}

/// A request's head of so many bytes, and its body behind it: `Answer`, `Send`.
#[wasm_bindgen]
pub fn ask(head: usize, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| {
        let (head, body) = bytes.split_at_checked(head).unwrap_or_default();
        door.open(head, Some(body), millis(now))
    })
}

/// A request's head: `Answer`, `Body`, `Send`.
#[wasm_bindgen]
pub fn open(length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.open(bytes, None, millis(now)))
}

/// A request's body: `Answer`, `Send`.
#[wasm_bindgen]
pub fn route(number: u32, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.route(number, bytes, millis(now)))
}

/// The body is longer than it may be: `Answer`.
#[wasm_bindgen]
pub fn too_large(number: u32) -> *const u8 {
    call(0, |door, _| door.too_large(number))
}

/// No answer came. Why: 0 no connection, 1 no head in time, 2 cut off before any content. `Send`, `Answer`.
#[wasm_bindgen]
pub fn failed(number: u32, why: u32, now: f64) -> *const u8 {
    call(0, |door, _| door.failed(number, why, millis(now)))
}

/// The head of an answer: `Deliver`, `Explain`.
#[wasm_bindgen]
pub fn answered(number: u32, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.answered(number, bytes, millis(now)))
}

/// The beginning of a refusal's body: `Send`, `Keep`.
#[wasm_bindgen]
pub fn explained(number: u32, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.explained(number, bytes, millis(now)))
}

/// The next bytes of a stream's beginning: `Wait`, `Keep`, `Send`.
#[wasm_bindgen]
pub fn peeked(number: u32, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.peeked(number, bytes, millis(now)))
}

/// The stream ended before any content: `Send`, `Keep`.
#[wasm_bindgen]
pub fn empty(number: u32, now: f64) -> *const u8 {
    call(0, |door, _| door.empty(number, millis(now)))
}

/// The next bytes of an answer that passes.
#[wasm_bindgen]
pub fn push(number: u32, length: usize) {
    INSTANCE.with_borrow_mut(|instance| {
        instance.door.push(number, instance.input.get(..length).unwrap_or_default());
    });
}

/// What the store said, after `Ask`: a line for each question, empty where it did not answer. `Send`, `Answer`, `Tell`, or
/// `Body` where it is to be decided anew.
#[wasm_bindgen]
pub fn told(number: u32, length: usize, now: f64) -> *const u8 {
    call(length, |door, bytes| door.told(number, bytes, millis(now)))
}

/// The store is being told, or a sample begins: `Send`, `Answer`, `Sample`.
#[wasm_bindgen]
pub fn go(number: u32, now: f64) -> *const u8 {
    call(0, |door, _| door.next(number, millis(now)))
}

/// A sample came to its end, with its body: 0 a whole answer, 1 one whose body was handed in by `explained`, 2 it broke off.
/// For the request as a whole: `Wait`, `Sample`, `Chosen`, `Answer`.
#[wasm_bindgen]
pub fn sampled(number: u32, length: usize, how: u32) -> *const u8 {
    call(length, |door, bytes| door.sampled(number, bytes, how))
}

/// The time for samples is over. As `sampled`.
#[wasm_bindgen]
pub fn late(number: u32) -> *const u8 {
    call(0, |door, _| door.late(number))
}

/// The last bytes of the answer, and how the exchange ended: 0 well, 1 the client left, 2 the provider did. Writes the
/// line of the log and the data point, and gives the number back. `Tell`, or no address where there is nothing to tell.
#[wasm_bindgen]
pub fn finish(number: u32, length: usize, how: u32, now: f64) -> *const u8 {
    let ending = INSTANCE.with_borrow_mut(|instance| {
        let last = instance.input.get(..length).unwrap_or_default();
        instance.door.finish(number, last, how, host::counts(), millis(now))
    });
    host::write(ending.line, ending.point);
    let Some(tell) = ending.tell else { return std::ptr::null() };
    INSTANCE.with_borrow_mut(|instance| {
        instance.output = tell;
        instance.output.as_ptr()
    })
}

/// One call on a record of the store, in the object that keeps it: the answer, until when it is worth keeping in
/// milliseconds since 1970, and the record from now on, a line each; the last one is empty where it stays as it is.
///
/// # Errors
/// The question is none, or the record none that this version understands.
#[wasm_bindgen]
pub fn serve(record: &str, question: &str, now: f64) -> Result<String, JsValue> {
    let served = store::serve(record, question, millis(now) / 1000).ok_or("the store does not understand")?;
    let record = served.record.unwrap_or_default();
    Ok(format!("{}\n{}\n{record}", served.answer, served.until.saturating_mul(1000)))
}

/// The answer to a request that an instance before this one died of, head as for `open`: `Answer`.
#[wasm_bindgen]
pub fn died(length: usize) -> *const u8 {
    call(length, |door, bytes| door.died(bytes))
}
