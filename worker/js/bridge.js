// The way into the router's memory and back: bytes and text in, replies out, which worker/src/reply.rs describes.

import * as router from "./pointsman.js";

// What the router says is to be done; the numbers of its verbs.
export const ANSWER = 0, BODY = 1, SEND = 2, EXPLAIN = 4, WAIT = 5, KEEP = 6, ASK = 7, TELL = 11;
export const SAMPLE = 12, CHOSEN = 13;

// Where the parts of a reply stand, in words of four bytes.
const TEXT = 0, REST = 1, VERB = 2, NUMBERS = 3, HEAD = 10;

export const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Counts the lives of the router: one that dies on a request is made anew, and knows nothing of those before.
export let life = 0;
let begun = false;

// The router's memory, as long as it has not moved.
let bytes = EMPTY, words = null;

// Before all else, once a life.
export function begin() {
  if (begun) return;
  router.begin();
  begun = true;
}

function view() {
  if (bytes.byteLength === 0) {
    const { buffer } = router.space();
    bytes = new Uint8Array(buffer);
    words = new Uint32Array(buffer);
  }
  return bytes;
}

// Hands text in, and bytes behind it; returns the length of the text.
export function hand(text, body = EMPTY) {
  const room = text.length * 3, at = router.input(room + body.byteLength), into = view();
  const { written } = encoder.encodeInto(text, into.subarray(at, at + room));
  if (body.byteLength > 0) into.set(body, at + written);
  return written;
}

export function put(body) {
  if (body.byteLength === 0) return 0;
  const at = router.input(body.byteLength);
  view().set(body, at);
  return body.byteLength;
}

// What is kept of a reply is copied: the next call overwrites it.
export function read(at) {
  const from = view(), w = at >> 2;
  const verb = words[w + VERB], text = words[w + TEXT], size = words[w + REST];
  const numbers = words.slice(w + NUMBERS, w + HEAD);
  const splices = verb === SEND && numbers[1] > 0 ? words.slice(w + HEAD, w + HEAD + 3 * numbers[1]) : null;
  const start = at + 4 * (HEAD + (splices?.length ?? 0)), middle = start + text;
  const lines = text === 0 ? [] : decoder.decode(from.subarray(start, middle)).split("\n");
  return { verb, numbers, splices, lines, rest: size === 0 ? null : from.slice(middle, middle + size) };
}

// Whether the router itself failed: whatever it was doing, its memory is in no known state.
export function isDeath(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

// Makes it anew, once for each death.
export function died(error, of) {
  if (!isDeath(error)) return false;
  if (of === life) {
    life += 1;
    bytes = EMPTY;
    begun = false;
    router.__wbg_reset_state();
    console.error(`pointsman: the router failed: ${error}`);
  }
  return true;
}
