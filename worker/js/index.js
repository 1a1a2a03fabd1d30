// Moves bytes: between a request, the router and a provider. What is to be done stands in the router's replies, which
// worker/src/reply.rs describes; models, prices, settings, keys and JSON are the router's alone.

import * as router from "./pointsman.js";
import * as store from "./store.js";

export { Store } from "./store.js";

// What the router says is to be done; the numbers of its verbs.
const ANSWER = 0, BODY = 1, SEND = 2, EXPLAIN = 4, WAIT = 5, KEEP = 6, ASK = 7, TELL = 11;

// Why an attempt brought no answer, and how an exchange ended.
const NO_CONNECTION = 0, NO_HEAD_IN_TIME = 1, CUT_OFF = 2;
const WELL = 0, CLIENT_LEFT = 1, PROVIDER_LEFT = 2;

// Where the parts of a reply stand, in words of four bytes.
const TEXT = 0, REST = 1, VERB = 2, NUMBERS = 3, HEAD = 10;

// A request's body of at most this announced length is read before the router is asked: one call less.
const SMALL_REQUEST = 1024 * 1024;

// Most bytes of an answer that are taken at a time, and milliseconds between two times for one that is counted as it
// passes. A read that waits for more than one byte would hold back the client's copy, and a read for each event would cost
// more than all the rest.
const SLICE = 64 * 1024;
const PAUSE = 100;

// Milliseconds until an answer that can no longer be written is laid to the client, and the provider is told.
const DOUBT = 1000;

// After so many bytes an answer passes unread: what the client has not taken yet is kept in memory meanwhile.
const METERED = 8 * 1024 * 1024;

// Bytes of a refused request that are still taken: a client that is cut off while it sends does not see the refusal.
const DRAINED = 64 * 1024 * 1024;

const EMPTY = new Uint8Array(0);
const LATE = Symbol("late");
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Counts the lives of the router: one that dies on a request is made anew, and knows nothing of those before.
let life = 0;
let begun = false;

// The router's memory, as long as it has not moved.
let bytes = EMPTY, words = null;

export default {
  fetch(request, env, ctx) {
    return new Exchange(request, env, ctx).run();
  },
};

function view() {
  if (bytes.byteLength === 0) {
    const { buffer } = router.space();
    bytes = new Uint8Array(buffer);
    words = new Uint32Array(buffer);
  }
  return bytes;
}

// Hands text in, and bytes behind it; returns the length of the text.
function hand(text, body = EMPTY) {
  const room = text.length * 3, at = router.input(room + body.byteLength), into = view();
  const { written } = encoder.encodeInto(text, into.subarray(at, at + room));
  if (body.byteLength > 0) into.set(body, at + written);
  return written;
}

function put(body) {
  if (body.byteLength === 0) return 0;
  const at = router.input(body.byteLength);
  view().set(body, at);
  return body.byteLength;
}

// What is kept of a reply is copied: the next call overwrites it.
function read(at) {
  const from = view(), w = at >> 2;
  const verb = words[w + VERB], text = words[w + TEXT], size = words[w + REST];
  const numbers = words.slice(w + NUMBERS, w + HEAD);
  const splices = verb === SEND && numbers[1] > 0 ? words.slice(w + HEAD, w + HEAD + 3 * numbers[1]) : null;
  const start = at + 4 * (HEAD + (splices?.length ?? 0)), middle = start + text;
  const lines = text === 0 ? [] : decoder.decode(from.subarray(start, middle)).split("\n");
  return { verb, numbers, splices, lines, rest: size === 0 ? null : from.slice(middle, middle + size) };
}

class Exchange {
  #request;
  #env;
  #ctx;
  #head;
  #announced = null;
  #life = life;
  #number = 0;
  #body = null;
  #left = false;
  #sending = null;
  #ended = null;

  constructor(request, env, ctx) {
    this.#request = request;
    this.#env = env;
    this.#ctx = ctx;
    let head = `${request.method}\n${request.url}`;
    for (const [name, value] of request.headers) {
      head += `\n${name}\n${value}`;
      if (name === "content-length") this.#announced = Number(value);
    }
    this.#head = head;
  }

  async run() {
    try {
      if (!begun) {
        router.begin();
        begun = true;
      }
      if (!router.fresh(Date.now())) {
        await router.load(this.#env, Date.now());
        this.#life = life;
      }
      this.#request.signal.addEventListener("abort", () => this.#leave());
      // Without a body the length is not announced either.
      if (this.#announced === null || this.#announced > SMALL_REQUEST) {
        return await this.#follow(read(router.open(hand(this.#head), Date.now())));
      }
      this.#body = new Uint8Array(await this.#request.arrayBuffer());
      this.#live();
      const head = hand(this.#head, this.#body);
      return await this.#follow(read(router.ask(head, head + this.#body.byteLength, Date.now())));
    } catch (error) {
      if (!this.#left) console.error(`pointsman: ${error}`);
      if (died(error, this.#life)) this.#number = 0;
      else this.#finish(this.#left ? CLIENT_LEFT : PROVIDER_LEFT);
      this.#ended?.();
      return this.#last();
    }
  }

  // The router's word to a request that it failed on.
  #last() {
    try {
      router.died(hand(this.#head));
      return router.answer();
    } catch (error) {
      died(error, life);
      return new Response(null, { status: 500 });
    }
  }

  // A number of a former life stands for nothing in this one.
  #live() {
    if (this.#life !== life) throw new Error("the router was made anew meanwhile");
  }

  // Does what the router says until there is an answer.
  async #follow(reply) {
    for (;;) {
      switch (reply.verb) {
        case SEND:
          this.#number = reply.numbers[0];
          reply = await this.#send(reply);
          if (reply instanceof Response) return reply;
          break;
        case BODY:
          this.#number = reply.numbers[0];
          reply = await this.#read(reply.numbers[1]);
          break;
        case ASK: {
          const [number, patience] = reply.numbers;
          this.#number = number;
          this.#stay();
          const answers = await store.ask(this.#env, reply.lines, patience);
          this.#live();
          reply = read(router.told(number, hand(answers), Date.now()));
          break;
        }
        case TELL:
          this.#tell(reply);
          reply = read(router.go(this.#number, Date.now()));
          break;
        case ANSWER: {
          this.#number = reply.numbers[0];
          const answer = router.answer();
          await this.#drain();
          this.#finish(WELL);
          return answer;
        }
        default:
          throw new Error(`the router said ${reply.verb}`);
      }
    }
  }

  // The request's body, so long as it is no longer than it may be.
  async #read(limit) {
    if (this.#body !== null) return read(router.route(this.#number, put(this.#body), Date.now()));
    const pieces = [];
    let length = 0;
    for await (const piece of this.#request.body ?? []) {
      length += piece.byteLength;
      if (length <= limit) pieces.push(piece);
      else if (length > DRAINED) break;
    }
    this.#live();
    if (length > limit) return read(router.too_large(this.#number));
    this.#body = joined(pieces);
    return read(router.route(this.#number, put(this.#body), Date.now()));
  }

  // Takes what is left of a request that is refused.
  async #drain() {
    const { body, bodyUsed } = this.#request;
    if (body === null || bodyUsed) return;
    let length = 0;
    for await (const piece of body) if ((length += piece.byteLength) > DRAINED) break;
  }

  // The client is gone: the receipt is written, and what was asked is taken back.
  #leave() {
    this.#left = true;
    this.#sending?.abort();
    try {
      if (this.#life === life) this.#finish(CLIENT_LEFT);
    } catch (error) {
      died(error, this.#life);
    }
  }

  // One attempt: the answer for the client, or what the router says instead.
  async #send({ numbers: [number, , removed, patience], splices, lines, rest }) {
    const sending = (this.#sending = new AbortController());
    const headers = changed(new Headers(this.#request.headers), lines, 2, removed);
    let response;
    try {
      const pending = fetch(lines[1], {
        method: lines[0],
        headers,
        body: this.#body === null ? this.#request.body : splice(this.#body, splices, rest),
        redirect: "manual",
        signal: sending.signal,
      });
      response = await within(pending, patience);
    } catch (error) {
      return this.#failed(error, NO_CONNECTION);
    }
    if (response === LATE) {
      sending.abort();
      return this.#failed(null, NO_HEAD_IN_TIME);
    }
    this.#live();
    let head = `${response.status}`, announced = null;
    for (const [name, value] of response.headers) {
      head += `\n${name}\n${value}`;
      if (name === "content-length") announced = Number(value);
      // What the host unpacks has another length.
      else if (name === "content-encoding") announced = NaN;
    }
    const reply = read(router.answered(number, hand(head), Date.now()));
    const explain = reply.verb === EXPLAIN, metered = reply.numbers[0] === 1, peek = reply.numbers[1] === 1;
    const { body } = response;
    if (body === null || !(metered || explain || peek)) {
      if (explain) {
        const next = read(router.explained(number, 0, Date.now()));
        if (next.verb !== KEEP) return next;
      }
      this.#finish(WELL);
      return delivered(body, response, reply);
    }
    // An event stream goes on in a copy that the host itself makes.
    const [clients, ours] = peek && !explain ? body.tee() : [null, body];
    const source = new Source(ours, announced);
    try {
      if (explain) {
        const next = await this.#explain(source, reply.numbers[3], reply.numbers[4]);
        if (next.verb !== KEEP) return given(next, sending);
      } else if (peek) {
        const next = await this.#peek(source, reply.numbers[3]);
        if (next.verb !== KEEP) return given(next, sending);
      } else {
        await source.next();
        this.#live();
        if (source.newest !== null) router.push(number, put(source.newest));
      }
    } catch (error) {
      return this.#failed(error, CUT_OFF);
    }
    if (source.ended) {
      this.#finish(WELL);
      clients?.cancel();
      return delivered(joined(source.pieces), response, reply);
    }
    if (clients !== null) {
      this.#count(source);
      return delivered(this.#carry(clients, [], -1, sending), response, reply);
    }
    const [behind, counted] = source.rest().tee();
    this.#count(new Source(counted));
    return delivered(this.#carry(behind, source.pieces, source.announced, sending), response, reply);
  }

  #failed(error, why) {
    if (this.#left || isDeath(error)) throw error;
    this.#live();
    return read(router.failed(this.#number, why, Date.now()));
  }

  // Reads what a refusal says.
  async #explain(source, patience, most) {
    const end = Date.now() + patience;
    try {
      while (!source.ended && source.length < most && (await source.next(end - Date.now())) !== LATE);
    } catch (error) {
      // What came before it broke off is enough.
      source.broke(error);
    }
    this.#live();
    return read(router.explained(this.#number, put(joined(source.pieces)), Date.now()));
  }

  // Looks at the beginning of an event stream before it goes to the client. One that ends before any content is no answer.
  async #peek(source, patience) {
    const end = Date.now() + patience;
    for (;;) {
      if ((await source.next(end - Date.now())) === LATE) return { verb: KEEP };
      this.#live();
      if (source.newest !== null) {
        const reply = read(router.peeked(this.#number, put(source.newest), Date.now()));
        if (reply.verb !== WAIT) return reply;
      }
      if (source.ended) return read(router.empty(this.#number, Date.now()));
    }
  }

  // What the client reads: pieces that came before, and the rest, which the host itself carries.
  #carry(stream, pieces, announced, sending) {
    const { readable, writable } =
      announced >= 0 ? new FixedLengthStream(announced) : new IdentityTransformStream();
    const carry = async () => {
      const writer = writable.getWriter();
      for (const piece of pieces) await writer.write(piece);
      writer.releaseLock();
      await stream.pipeTo(writable);
    };
    (pieces.length > 0 ? carry() : stream.pipeTo(writable)).catch(async () => {
      // A client that leaves is noticed by what can no longer be written. Where it was the provider that broke off, this
      // side's copy ends by itself.
      await scheduler.wait(DOUBT);
      if (this.#number === 0) return;
      this.#left = true;
      sending.abort();
    });
    return readable;
  }

  // Reads a copy of what passes, in its own time.
  #count(source) {
    this.#stay();
    this.#meter(source);
  }

  // Until its end it is not over for the host: else who leaves early would take the last word with them.
  #stay() {
    if (this.#ended === null) this.#ctx.waitUntil(new Promise((resolve) => (this.#ended = resolve)));
  }

  async #meter(source) {
    let how = WELL;
    try {
      while (source.length <= METERED) {
        await source.next();
        if (source.newest === null || this.#life !== life || this.#number === 0) break;
        router.push(this.#number, put(source.newest));
        if (source.newest.byteLength < SLICE) await scheduler.wait(PAUSE);
        source.forget();
      }
      source.cancel();
    } catch (error) {
      died(error, this.#life);
      how = this.#left ? CLIENT_LEFT : PROVIDER_LEFT;
    }
    try {
      if (this.#life === life) this.#finish(how);
    } catch (error) {
      died(error, this.#life);
    }
    this.#ended?.();
  }

  // The last word on it.
  #finish(how) {
    const number = this.#number;
    this.#number = 0;
    if (number !== 0) {
      const told = router.finish(number, 0, how, Date.now());
      if (told !== 0) this.#tell(read(told));
    }
    this.#ended?.();
  }

  #tell({ lines }) {
    this.#ctx.waitUntil(store.tell(this.#env, lines));
  }
}

// A body that is read piece by piece, each as soon as there is one.
class Source {
  #stream;
  #reader;
  #reading = null;
  #error = null;
  announced;
  pieces = [];
  newest = null;
  length = 0;
  ended = false;

  constructor(stream, announced = null) {
    this.#stream = stream;
    this.#reader = stream.getReader({ mode: "byob" });
    this.announced = announced ?? -1;
  }

  // Takes the next piece, or returns `LATE` after `patience` milliseconds; it then is the next to be taken.
  async next(patience) {
    this.newest = null;
    const size = this.announced > 0 && this.announced < SLICE ? this.announced : SLICE;
    this.#reading ??= this.#reader.read(new Uint8Array(size));
    const result = await (patience === undefined ? this.#reading : within(this.#reading, patience));
    if (result === LATE) return LATE;
    this.#reading = null;
    const { value, done } = result;
    if (value?.byteLength > 0) {
      this.newest = value;
      this.pieces.push(value);
      this.length += value.byteLength;
    }
    // The end of what was announced need not be waited for.
    this.ended = done || this.length === this.announced;
    return null;
  }

  forget() {
    this.pieces.length = 0;
  }

  broke(error) {
    this.#error = error;
  }

  // What was not read yet.
  rest() {
    if (this.#error !== null || this.#reading !== null) {
      const { readable, writable } = new IdentityTransformStream();
      this.#carry(writable).catch(() => {});
      return readable;
    }
    this.#reader.releaseLock();
    return this.#stream;
  }

  // A read that is under way cannot be taken back.
  async #carry(writable) {
    const writer = writable.getWriter();
    try {
      if (this.#error !== null) throw this.#error;
      const { value, done } = await this.#reading;
      if (value?.byteLength > 0) await writer.write(value);
      this.#reader.releaseLock();
      writer.releaseLock();
      if (done) await writable.close();
      else await this.#stream.pipeTo(writable);
    } catch (error) {
      await writable.abort(error);
    }
  }

  // Reads no more of it.
  cancel() {
    this.#reader.cancel().catch(() => {});
  }
}

// The promise's value, or `LATE` after so many milliseconds.
function within(promise, patience) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.max(patience, 0), LATE);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function joined(pieces) {
  if (pieces.length === 1) return pieces[0];
  let length = 0;
  for (const piece of pieces) length += piece.byteLength;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

// Headers with what the lines from there on say: so many names to be removed, then names and values to be set.
function changed(headers, lines, from, removed) {
  let i = from;
  for (; i < from + removed; i += 1) headers.delete(lines[i]);
  for (; i + 1 < lines.length; i += 2) headers.set(lines[i], lines[i + 1]);
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

// What comes next where an answer is given up: its provider need not go on.
function given(next, sending) {
  sending.abort();
  return next;
}

// A provider's answer.
function delivered(body, answer, { lines, numbers }) {
  const response = new Response(body, answer);
  changed(response.headers, lines, 0, numbers[2]);
  return response;
}

// Whether the router itself failed: whatever it was doing, its memory is in no known state.
function isDeath(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

// Makes it anew, once for each death.
function died(error, of) {
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
