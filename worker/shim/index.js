// Carries requests to the router and its words to the host. It knows no model, no price and no JSON: what is to be done
// stands in the replies, which the documentation of the crate describes (worker/src/lib.rs).

import module from "./pointsman.wasm";

// What the router says is to be done; the numbers of its verbs.
const ANSWER = 0, BODY = 1, SEND = 2, EXPLAIN = 4, WAIT = 5, KEEP = 6, SETTLED = 8;

// Why an attempt brought no answer, and how an exchange ended.
const NO_CONNECTION = 0, NO_HEAD_IN_TIME = 1, CUT_OFF = 2;
const WELL = 0, CLIENT_LEFT = 1, PROVIDER_LEFT = 2;

// Where the parts of a reply stand, in words of four bytes.
const TEXT = 0, REST = 1, VERB = 2, NUMBERS = 3, HEAD = 10;

// A request's body of at most this announced length is read before the router is asked: one call less.
const SMALL_REQUEST = 1024 * 1024;

// An answer of at most this announced length is taken whole before it goes on: its end is on its way already, and if it is
// not, another provider can still be asked.
const SMALL_ANSWER = 64 * 1024;

// Bytes of a longer answer that are handed in at a time, and milliseconds between two times. A read that waits for more
// than one byte would hold back the client's copy, and a read for each event would cost more than all the rest.
const SLICE = 64 * 1024;
const PAUSE = 100;

// Milliseconds until an answer that can no longer be written is laid to the client, and the provider is told.
const DOUBT = 1000;

// After so many bytes an answer passes unread: what the client has not taken yet is kept in memory meanwhile.
const METERED = 8 * 1024 * 1024;

// Bytes of a refused request that are still taken: a client that is cut off while it sends does not see the refusal.
const DRAINED = 64 * 1024 * 1024;

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// The router of this isolate: made for the first request, and again after it died.
let router = null;

export default {
  fetch(request, env, ctx) {
    return new Exchange(request, env, ctx).run();
  },
};

class Router {
  #wasm = new WebAssembly.Instance(module, {}).exports;
  #bytes = null;
  #words = null;
  #text = undefined;
  #asked = 0;
  #loaded = false;
  settings = { kvTtl: 10_000, log: false };

  // Whether nothing has to be asked of KV.
  fresh(env) {
    return this.#loaded && (env.POINTSMAN_KV === undefined || Date.now() - this.#asked < this.settings.kvTtl);
  }

  async load(env) {
    // First of all: while it is fetched, others go on with what there is.
    this.#asked = Date.now();
    let text = null;
    if (env.POINTSMAN_KV !== undefined) {
      try {
        text = await env.POINTSMAN_KV.get("config");
      } catch (error) {
        console.error(`pointsman: KV did not answer: ${error}`);
        if (this.#text !== undefined) return;
      }
    }
    const bound = env.POINTSMAN_CONFIG;
    text ??= typeof bound === "string" ? bound : JSON.stringify(bound);
    this.#loaded = true;
    if (text === this.#text) return;
    this.#text = text;
    if (text === undefined) {
      console.error("pointsman: there is no configuration");
      return;
    }
    const { verb, numbers, lines } = this.#read(this.#wasm.settle(this.#write(text)));
    if (verb !== SETTLED) {
      console.error(`pointsman: the configuration is not usable: ${lines.join(": ")}`);
      return;
    }
    const [firstByte, kvTtl, log, opening, refusalBytes, refusalTime] = numbers;
    const keys = lines.filter((name) => typeof env[name] === "string").flatMap((name) => [name, env[name].trim()]);
    this.#wasm.keys(this.#write(keys.join("\n")));
    this.settings = { firstByte, kvTtl: kvTtl * 1000, log: log === 1, opening, refusalBytes, refusalTime };
  }

  // Head and body at once.
  ask(head, body) {
    const room = head.length * 3, at = this.#wasm.input(room + body.byteLength), bytes = this.#view();
    const { written } = encoder.encodeInto(head, bytes.subarray(at, at + room));
    bytes.set(body, at + written);
    return this.#read(this.#wasm.ask(written, written + body.byteLength, Date.now()));
  }
  open(head) {
    return this.#read(this.#wasm.open(this.#write(head), Date.now()));
  }
  route(number, body) {
    return this.#read(this.#wasm.route(number, this.#put(body), Date.now()));
  }
  tooLarge(number) {
    return this.#read(this.#wasm.too_large(number));
  }
  failed(number, why) {
    return this.#read(this.#wasm.failed(number, why, Date.now()));
  }
  answered(number, head) {
    return this.#read(this.#wasm.answered(number, this.#write(head), Date.now()));
  }
  explained(number, bytes) {
    return this.#read(this.#wasm.explained(number, this.#put(bytes), Date.now()));
  }
  peeked(number, bytes) {
    return this.#read(this.#wasm.peeked(number, this.#put(bytes), Date.now()));
  }
  push(number, bytes) {
    this.#wasm.push(number, this.#put(bytes));
  }
  finish(number, last, how, logged, counted) {
    return this.#read(this.#wasm.finish(number, this.#put(last), how, logged, counted, Date.now())).lines;
  }
  died(head) {
    return this.#read(this.#wasm.died(this.#write(head)));
  }
  trace() {
    return this.#read(this.#wasm.trace()).lines[0];
  }

  // Memory moves when it grows.
  #view() {
    const { buffer } = this.#wasm.memory;
    if (this.#bytes?.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer);
      this.#words = new Uint32Array(buffer);
    }
    return this.#bytes;
  }
  #write(text) {
    const room = text.length * 3;
    const at = this.#wasm.input(room);
    return encoder.encodeInto(text, this.#view().subarray(at, at + room)).written;
  }
  #put(bytes) {
    if (bytes.byteLength === 0) return 0;
    const at = this.#wasm.input(bytes.byteLength);
    this.#view().set(bytes, at);
    return bytes.byteLength;
  }
  // What is kept of a reply is copied: the next call overwrites it.
  #read(at) {
    const bytes = this.#view(), words = this.#words, w = at >> 2;
    const verb = words[w + VERB], text = words[w + TEXT], size = words[w + REST];
    const first = words[w + NUMBERS], second = words[w + NUMBERS + 1], third = words[w + NUMBERS + 2];
    const splices = verb === SEND && second > 0 ? words.slice(w + HEAD, w + HEAD + 3 * second) : null;
    const numbers = verb === SETTLED ? words.slice(w + NUMBERS, w + HEAD) : null;
    const start = at + 4 * (HEAD + (splices?.length ?? 0)), middle = start + text;
    const lines = text === 0 ? [] : decoder.decode(bytes.subarray(start, middle)).split("\n");
    return { verb, first, second, third, numbers, splices, lines, rest: size === 0 ? null : bytes.slice(middle, middle + size) };
  }
}

class Exchange {
  #request;
  #env;
  #ctx;
  #head;
  #number = 0;
  #body = null;
  #sending = null;
  #left = false;
  #ended = null;

  constructor(request, env, ctx) {
    this.#request = request;
    this.#env = env;
    this.#ctx = ctx;
    let head = `${request.method}\n${request.url}`;
    for (const [name, value] of request.headers) head += `\n${name}\n${value}`;
    this.#head = head;
  }

  async run() {
    try {
      router ??= new Router();
      if (!router.fresh(this.#env)) await router.load(this.#env);
      this.#request.signal.addEventListener("abort", () => {
        this.#left = true;
        this.#outlive();
        this.#sending?.abort();
      });
      // Without a body the length is not announced either.
      const announced = this.#request.headers.get("content-length");
      if (announced === null || Number(announced) > SMALL_REQUEST) return await this.#follow(router.open(this.#head));
      this.#body = new Uint8Array(await this.#request.arrayBuffer());
      return await this.#follow(router.ask(this.#head, this.#body));
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return this.#died(error);
      if (!this.#left) console.error(`pointsman: ${error}`);
      this.#finish(this.#left ? CLIENT_LEFT : PROVIDER_LEFT);
      return answer((router ?? new Router()).died(this.#head));
    }
  }

  // Does what the router says until there is an answer.
  async #follow(reply) {
    for (;;) {
      switch (reply.verb) {
        case SEND:
          this.#number = reply.first;
          reply = await this.#send(reply);
          if (reply instanceof Response) return reply;
          break;
        case BODY:
          this.#number = reply.first;
          reply = await this.#read(reply.second);
          break;
        case ANSWER:
          this.#number = reply.first;
          await this.#drain();
          this.#finish(WELL);
          return answer(reply);
        default:
          throw new Error(`the router said ${reply.verb}`);
      }
    }
  }

  // The request's body, so long as it is no longer than it may be.
  async #read(limit) {
    const pieces = [];
    let length = 0;
    for await (const piece of this.#request.body ?? []) {
      length += piece.byteLength;
      if (length <= limit) pieces.push(piece);
      else if (length > DRAINED) break;
    }
    if (length > limit) return router.tooLarge(this.#number);
    this.#body = joined(pieces, length);
    return router.route(this.#number, this.#body);
  }

  // The receipt is written when the answer has passed, or the client is gone.
  #outlive() {
    if (this.#ended === null) this.#ctx.waitUntil(new Promise((resolve) => (this.#ended = resolve)));
  }

  // Takes what is left of a request that is refused.
  async #drain() {
    const { body, bodyUsed } = this.#request;
    if (body === null || bodyUsed) return;
    let length = 0;
    for await (const piece of body) if ((length += piece.byteLength) > DRAINED) break;
  }

  // One attempt: the answer for the client, or what the router says instead.
  async #send({ splices, lines, rest }) {
    const number = this.#number, current = router, { settings } = current;
    const sending = new AbortController();
    this.#sending = sending;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      sending.abort();
    }, settings.firstByte);
    let response, whole = null;
    try {
      response = await fetch(lines[1], {
        method: lines[0],
        headers: headers(lines, 2),
        body: this.#body === null ? this.#request.body : splice(this.#body, splices, rest),
        redirect: "manual",
        signal: sending.signal,
      });
      const announced = response.headers.get("content-length");
      if (announced !== null && Number(announced) <= SMALL_ANSWER) {
        whole = EMPTY;
        if (response.body !== null) whole = new Uint8Array(await response.arrayBuffer());
      }
    } catch (error) {
      if (this.#left) throw error;
      return current.failed(number, late ? NO_HEAD_IN_TIME : whole === null ? NO_CONNECTION : CUT_OFF);
    } finally {
      clearTimeout(timer);
    }
    let head = `${response.status}`;
    for (const [name, value] of response.headers) head += `\n${name}\n${value}`;
    const reply = current.answered(number, head), explain = reply.verb === EXPLAIN;
    const metered = reply.second === 1, peek = reply.third === 1;
    if (whole !== null) {
      if (explain || peek) {
        const next = explain ? current.explained(number, whole) : current.peeked(number, whole);
        if (next.verb === SEND || next.verb === ANSWER) return next;
      }
      this.#finish(WELL, explain || peek ? EMPTY : whole);
      return deliver(response.body === null ? null : whole, reply);
    }
    if (response.body === null || !(metered || explain)) {
      this.#finish(WELL);
      return deliver(response.body, reply);
    }
    // The host copies the answer by itself; this side's copy is read in its own time.
    const [clients, ours] = response.body.tee();
    const copy = new Copy(ours);
    if (explain || peek) {
      const next = explain
        ? current.explained(number, await copy.beginning(settings.refusalBytes, settings.refusalTime))
        : await this.#peek(current, copy, settings.opening);
      if (next.verb === SEND || next.verb === ANSWER) {
        sending.abort();
        return next;
      }
    }
    this.#outlive();
    this.#meter(current, copy);
    // A client that leaves is noticed by what can no longer be written; the host does the writing.
    const { readable, writable } = new IdentityTransformStream();
    clients.pipeTo(writable).catch(async () => {
      // Where it was the provider that broke off, this side's copy ends by itself.
      await scheduler.wait(DOUBT);
      if (this.#number === 0) return;
      this.#left = true;
      sending.abort();
    });
    return deliver(readable, reply);
  }

  // Looks at the beginning of an event stream before it goes to the client.
  async #peek(current, copy, patience) {
    const end = Date.now() + patience;
    for (;;) {
      const bytes = await copy.next(end - Date.now());
      if (bytes === null) return { verb: KEEP };
      const reply = current.peeked(this.#number, bytes);
      if (reply.verb !== WAIT) return reply;
    }
  }

  async #meter(current, copy) {
    let how = WELL;
    try {
      for (let taken = 0; taken <= METERED; ) {
        const bytes = await copy.next();
        if (bytes === null) break;
        current.push(this.#number, bytes);
        taken += bytes.byteLength;
        if (bytes.byteLength < SLICE) await scheduler.wait(PAUSE);
      }
      copy.cancel();
    } catch {
      how = this.#left ? CLIENT_LEFT : PROVIDER_LEFT;
    }
    try {
      this.#finish(how, EMPTY, current);
    } catch (error) {
      dead(current, error);
      this.#ended?.();
    }
  }

  // The last word on it: a line for the log, and a data point.
  #finish(how, last = EMPTY, current = router) {
    const number = this.#number;
    this.#number = 0;
    if (number !== 0) {
      const { log } = current.settings, { POINTSMAN_ANALYTICS: analytics } = this.#env;
      const [line, point] = current.finish(number, last, how, log, analytics !== undefined);
      if (log) console.log(line);
      analytics?.writeDataPoint(JSON.parse(point));
    }
    this.#ended?.();
  }

  #died(error) {
    dead(router, error);
    this.#ended?.();
    try {
      return answer(new Router().died(this.#head));
    } catch (again) {
      console.error(`pointsman: ${again}`);
      return new Response(null, { status: 500 });
    }
  }
}

// A branch of an answer's body, read in slices.
class Copy {
  #reader;
  #room = new ArrayBuffer(SLICE);
  #reading = null;

  constructor(stream) {
    this.#reader = stream.getReader({ mode: "byob" });
  }

  // What has come, at least a byte; `null` at the end, or after `patience` milliseconds. What came later than that is the
  // next to be returned.
  async next(patience) {
    this.#reading ??= this.#reader.read(new Uint8Array(this.#room));
    const { value } = patience === undefined ? await this.#reading : await within(this.#reading, patience);
    if (value === undefined) return null;
    this.#reading = null;
    this.#room = value.buffer;
    return value.byteLength === 0 ? null : value;
  }

  // The beginning of it, as much as comes in time.
  async beginning(most, patience) {
    const end = Date.now() + patience, pieces = [];
    let length = 0;
    try {
      while (length < most) {
        const bytes = await this.next(end - Date.now());
        if (bytes === null) break;
        // Its memory is read into again.
        pieces.push(bytes.slice());
        length += bytes.byteLength;
      }
    } catch {
      // What came before it broke off is enough.
    }
    return joined(pieces, length);
  }

  // Reads no more of it.
  cancel() {
    this.#reader.cancel().catch(() => {});
  }
}

// The promise's value, or nothing after so many milliseconds.
async function within(promise, patience) {
  let timer;
  const silence = new Promise((resolve) => (timer = setTimeout(resolve, Math.max(patience, 0), {})));
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function joined(pieces, length) {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

// Headers from lines, names and values in turn: an object, which the host takes six times as fast as pairs.
function headers(lines, from) {
  const headers = {};
  for (let i = from; i + 1 < lines.length; i += 2) headers[lines[i]] = lines[i + 1];
  return headers;
}

// The body with its splices: start, end and length of each, and what they put in, piece by piece.
function splice(body, splices, rest) {
  if (splices === null) return body;
  let length = body.byteLength + (rest?.byteLength ?? 0);
  for (let i = 0; i < splices.length; i += 3) length -= splices[i + 1] - splices[i];
  const spliced = new Uint8Array(length);
  let from = 0, to = 0, used = 0;
  for (let i = 0; i < splices.length; i += 3) {
    const start = splices[i], size = splices[i + 2];
    spliced.set(body.subarray(from, start), to);
    to += start - from;
    if (size > 0) spliced.set(rest.subarray(used, used + size), to);
    to += size;
    used += size;
    from = splices[i + 1];
  }
  spliced.set(body.subarray(from), to);
  return spliced;
}

// An answer of the router's own.
function answer({ second, lines, rest }) {
  return new Response(rest, { status: second, headers: headers(lines, 0) });
}

// A provider's answer.
function deliver(body, { first, lines }) {
  const response = new Response(body, { status: first, headers: headers(lines, 0) });
  // The one header that stands more than once, and may not be joined.
  if (lines.includes("set-cookie")) {
    response.headers.delete("set-cookie");
    for (let i = 0; i < lines.length; i += 2) if (lines[i] === "set-cookie") response.headers.append(lines[i], lines[i + 1]);
  }
  return response;
}

// Says where the router died and lets the next request make a new one.
function dead(dying, error) {
  let place = "";
  try {
    place = dying?.trace() ?? "";
  } catch {
    // It says nothing any more.
  }
  console.error(`pointsman: the router failed: ${error} ${place}`);
  if (router === dying) router = null;
}
