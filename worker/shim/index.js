// Carries requests to the router and its words to the host. It knows no model, no price and no JSON: what is to be done
// stands in the replies, which the documentation of the crate describes (worker/src/lib.rs).

import module from "./pointsman.wasm";

const NO_CONNECTION = 0, NO_HEAD_IN_TIME = 1;
const WELL = 0, CLIENT_LEFT = 1, PROVIDER_LEFT = 2;

// Bytes of an answer that are handed in at a time. The client's copy does not wait for them.
const SLICE = 16 * 1024;

// After so many bytes an answer passes unread: what the client has not taken yet is kept in memory meanwhile.
const METERED = 8 * 1024 * 1024;

// Up to this announced length an answer is handed in at once.
const WHOLE = 1024 * 1024;

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
  #memory = null;
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
    text ??= typeof env.POINTSMAN_CONFIG === "string" ? env.POINTSMAN_CONFIG : JSON.stringify(env.POINTSMAN_CONFIG);
    this.#loaded = true;
    if (text === this.#text) return;
    this.#text = text;
    if (text === undefined) {
      console.error("pointsman: there is no configuration");
      return;
    }
    const settled = this.#read(this.#wasm.settle(this.#write(text)));
    if (settled.verb !== "settled") {
      console.error(`pointsman: the configuration is not usable: ${settled.lines.join(": ")}`);
      return;
    }
    const [firstByte, kvTtl, log, opening, refusalBytes, refusalTime] = settled.words.map(Number);
    const keys = settled.lines.filter((name) => typeof env[name] === "string").flatMap((name) => [name, env[name].trim()]);
    this.#wasm.keys(this.#write(keys.join("\n")));
    this.settings = { firstByte, kvTtl: kvTtl * 1000, log: log === 1, opening, refusalBytes, refusalTime };
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
  finish(number, how, logged, counted) {
    return this.#read(this.#wasm.finish(number, how, logged, counted, Date.now())).lines;
  }
  died(head) {
    return this.#read(this.#wasm.died(this.#write(head)));
  }
  trace() {
    return this.#read(this.#wasm.trace()).lines[0];
  }

  // Memory moves when it grows.
  #bytes() {
    const { buffer } = this.#wasm.memory;
    if (this.#memory?.buffer !== buffer) this.#memory = new Uint8Array(buffer);
    return this.#memory;
  }
  #write(text) {
    const room = text.length * 3;
    const at = this.#wasm.input(room);
    return encoder.encodeInto(text, this.#bytes().subarray(at, at + room)).written;
  }
  #put(bytes) {
    const at = this.#wasm.input(bytes.byteLength);
    this.#bytes().set(bytes, at);
    return bytes.byteLength;
  }
  #read(at) {
    const memory = this.#bytes();
    const number = (i) => memory[i] + memory[i + 1] * 0x100 + memory[i + 2] * 0x10000 + memory[i + 3] * 0x1000000;
    const start = at + 8, middle = start + number(at), end = middle + number(at + 4);
    const lines = decoder.decode(memory.subarray(start, middle)).split("\n");
    const [verb, ...words] = lines.shift().split(" ");
    // A copy: the next call overwrites it.
    return { verb, words, lines, rest: middle === end ? null : memory.slice(middle, end) };
  }
}

class Exchange {
  #request;
  #env;
  #head;
  #number = 0;
  #body = null;
  #sending = null;
  #left = false;
  #ended;

  constructor(request, env, ctx) {
    this.#request = request;
    this.#env = env;
    // The receipt is written when the answer has passed, or the client is gone.
    ctx.waitUntil(new Promise((resolve) => (this.#ended = resolve)));
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
        this.#sending?.abort();
      });
      return await this.#follow(router.open(this.#head));
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return this.#died(error);
      const how = this.#left ? CLIENT_LEFT : PROVIDER_LEFT;
      if (!this.#left) console.error(`pointsman: ${error}`);
      this.#finish(how);
      return answer(router.died(this.#head));
    }
  }

  // Does what the router says until there is an answer.
  async #follow(reply) {
    for (;;) {
      switch (reply.verb) {
        case "answer":
          this.#number = Number(reply.words[0]);
          this.#finish(WELL);
          return answer(reply);
        case "body":
          this.#number = Number(reply.words[0]);
          reply = await this.#read(Number(reply.words[1]));
          break;
        case "send":
          this.#number = Number(reply.words[0]);
          reply = await this.#send(reply);
          break;
        case "done":
          return reply.response;
        default:
          throw new Error(`an unknown word: ${reply.verb}`);
      }
    }
  }

  // The request's body, so long as it is no longer than it may be.
  async #read(limit) {
    if (this.#request.headers.has("content-length") || this.#request.body === null) {
      this.#body = new Uint8Array(await this.#request.arrayBuffer());
    } else {
      const pieces = [];
      let length = 0;
      for await (const piece of this.#request.body) {
        length += piece.byteLength;
        if (length > limit) return router.tooLarge(this.#number);
        pieces.push(piece);
      }
      this.#body = new Uint8Array(length);
      let at = 0;
      for (const piece of pieces) {
        this.#body.set(piece, at);
        at += piece.byteLength;
      }
    }
    return router.route(this.#number, this.#body);
  }

  // One attempt.
  async #send({ lines, rest }) {
    const number = this.#number, current = router, { settings } = current;
    const sending = new AbortController();
    this.#sending = sending;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      sending.abort();
    }, settings.firstByte);
    let response;
    try {
      response = await fetch(lines[1], {
        method: lines[0],
        headers: headers(lines, 3),
        body: this.#body === null ? this.#request.body : splice(this.#body, lines[2], rest),
        redirect: "manual",
        signal: sending.signal,
      });
    } catch (error) {
      if (this.#left) throw error;
      return current.failed(number, late ? NO_HEAD_IN_TIME : NO_CONNECTION);
    } finally {
      clearTimeout(timer);
    }
    let head = `${response.status}`;
    for (const [name, value] of response.headers) head += `\n${name}\n${value}`;
    const reply = current.answered(number, head);
    const metered = reply.words[1] === "1", peek = reply.words[2] === "1", explain = reply.verb === "explain";
    if (response.body === null || !(metered || explain)) {
      if (explain) {
        const next = current.explained(number, new Uint8Array(0));
        if (next.verb !== "keep") return next;
      }
      this.#finish(WELL);
      return deliver(response.body, reply);
    }
    // The host copies the answer by itself; this side's copy is read in its own time.
    const [clients, ours] = response.body.tee();
    const length = Number(response.headers.get("content-length") ?? Infinity);
    if (length <= WHOLE && !explain && !peek) {
      this.#meter(current, new Whole(ours));
      return deliver(clients, reply);
    }
    const copy = new Copy(ours);
    if (explain || peek) {
      const next = explain
        ? current.explained(number, await copy.beginning(settings.refusalBytes, settings.refusalTime))
        : await this.#peek(copy, settings.opening);
      if (next.verb !== "keep") {
        sending.abort();
        return next;
      }
    }
    this.#meter(current, copy);
    return deliver(clients, reply);
  }

  // Looks at the beginning of an event stream before it goes to the client.
  async #peek(copy, patience) {
    const current = router, end = Date.now() + patience;
    for (;;) {
      const bytes = await copy.next(1, end - Date.now());
      if (bytes === null) return { verb: "keep" };
      const reply = current.peeked(this.#number, bytes);
      if (reply.verb !== "wait") return reply;
    }
  }

  async #meter(current, copy) {
    let how = WELL;
    try {
      for (let taken = 0; ; ) {
        const bytes = await copy.next(SLICE);
        if (bytes === null) break;
        current.push(this.#number, bytes);
        taken += bytes.byteLength;
        if (taken > METERED) {
          await copy.cancel();
          break;
        }
      }
    } catch {
      how = this.#left ? CLIENT_LEFT : PROVIDER_LEFT;
    }
    try {
      this.#finish(how, current);
    } catch (error) {
      dead(current, error);
      this.#ended();
    }
  }

  // The last word on it: a line for the log, and a data point.
  #finish(how, current = router) {
    const number = this.#number;
    this.#number = 0;
    if (number !== 0) {
      const { log } = current.settings, { POINTSMAN_ANALYTICS: analytics } = this.#env;
      const [line, point] = current.finish(number, how, log, analytics !== undefined);
      if (log) console.log(line);
      analytics?.writeDataPoint(JSON.parse(point));
    }
    this.#ended();
  }

  #died(error) {
    dead(router, error);
    this.#ended();
    try {
      return answer(new Router().died(this.#head));
    } catch (again) {
      console.error(`pointsman: ${again}`);
      return new Response(null, { status: 500 });
    }
  }
}

// A branch of a short answer's body, read at once.
class Whole {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  async next() {
    if (this.#stream === null) return null;
    const bytes = new Uint8Array(await new Response(this.#stream).arrayBuffer());
    this.#stream = null;
    return bytes;
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

  // At least so many bytes, fewer at the end, `null` behind it or after `patience` milliseconds. What came later than
  // that is the next to be returned.
  async next(least, patience) {
    this.#reading ??= this.#reader.readAtLeast(least, new Uint8Array(this.#room));
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
        const bytes = await this.next(SLICE, end - Date.now());
        if (bytes === null) break;
        pieces.push(bytes.slice());
        length += bytes.byteLength;
      }
    } catch {
      // What came before it broke off is enough.
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
  }

  cancel() {
    return this.#reader.cancel();
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

// Headers from lines, names and values in turn: an object, which the host takes six times as fast as pairs.
function headers(lines, from) {
  const headers = {};
  for (let i = from; i + 1 < lines.length; i += 2) headers[lines[i]] = lines[i + 1];
  return headers;
}

// The body with its splices: start, end and length of each, and what they put in, piece by piece.
function splice(body, words, rest) {
  if (words === "") return body;
  const numbers = words.split(" ").map(Number);
  let length = body.byteLength + (rest?.byteLength ?? 0);
  for (let i = 0; i < numbers.length; i += 3) length -= numbers[i + 1] - numbers[i];
  const spliced = new Uint8Array(length);
  let from = 0, to = 0, used = 0;
  for (let i = 0; i < numbers.length; i += 3) {
    const start = numbers[i], size = numbers[i + 2];
    spliced.set(body.subarray(from, start), to);
    to += start - from;
    if (size > 0) spliced.set(rest.subarray(used, used + size), to);
    to += size;
    used += size;
    from = numbers[i + 1];
  }
  spliced.set(body.subarray(from), to);
  return spliced;
}

// `answer NUMBER STATUS`
function answer({ words, lines, rest }) {
  return new Response(rest, { status: Number(words[1]), headers: headers(lines, 0) });
}

// `deliver STATUS …`
function deliver(body, { words, lines }) {
  const response = new Response(body, { status: Number(words[0]), headers: headers(lines, 0) });
  // The one header that stands more than once, and may not be joined.
  const cookies = lines.filter((_, i) => i % 2 === 1 && lines[i - 1] === "set-cookie");
  if (cookies.length > 1) {
    response.headers.delete("set-cookie");
    cookies.forEach((cookie) => response.headers.append("set-cookie", cookie));
  }
  return { verb: "done", response };
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
