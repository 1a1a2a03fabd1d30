// Moves bytes: between a request, the router and a provider. What is to be done stands in the router's replies, which
// worker/src/reply.rs describes; models, prices, settings, keys and JSON are the router's alone.

import {
  ANSWER, ASK, BODY, EXPLAIN, KEEP, SAMPLE, SEND, TELL, WAIT, begin, died, hand, isDeath, life, put, read,
} from "./bridge.js";
import {
  CUT_OFF, LATE, NO_CONNECTION, NO_HEAD_IN_TIME, SLICE, Source, attempt, delivered, headOf, joined,
} from "./passing.js";
import * as router from "./pointsman.js";
import { Samples } from "./samples.js";
import * as store from "./store.js";

export { Store } from "./store.js";

// How an exchange ended.
const WELL = 0, CLIENT_LEFT = 1, PROVIDER_LEFT = 2;

// A request's body of at most this announced length is read before the router is asked: one call less.
const SMALL_REQUEST = 1024 * 1024;

// Milliseconds between two times at which an answer is counted as it passes: a read for each event would cost more than
// all the rest.
const PAUSE = 100;

// Milliseconds until an answer that can no longer be written is laid to the client, and the provider is told.
const DOUBT = 1000;

// After so many bytes an answer passes unread: what the client has not taken yet is kept in memory meanwhile.
const METERED = 8 * 1024 * 1024;

// Bytes of a refused request that are still taken: a client that is cut off while it sends does not see the refusal.
const DRAINED = 64 * 1024 * 1024;

export default {
  fetch(request, env, ctx) {
    return new Exchange(request, env, ctx).run();
  },
};

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
      begin();
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
        case SAMPLE: {
          this.#number = reply.numbers[0];
          this.#stay();
          const samples = (this.#sending = new Samples(this.#request, this.#body));
          reply = await samples.run(reply);
          if (!(reply instanceof Response)) break;
          this.#finish(WELL);
          return reply;
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
  async #send(order) {
    const [number] = order.numbers;
    const sending = (this.#sending = new AbortController());
    let response;
    try {
      response = await attempt(this.#request, this.#body, order, sending.signal);
    } catch (error) {
      return this.#failed(error, NO_CONNECTION);
    }
    if (response === LATE) {
      sending.abort();
      return this.#failed(null, NO_HEAD_IN_TIME);
    }
    this.#live();
    const { head, announced } = headOf(response);
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

  // Until its end it is not over for the host: else who leaves early would take the last word with them. Of who leaves while
  // an answer's head is awaited the host tells late, or not at all.
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

// What comes next where an answer is given up: its provider need not go on.
function given(next, sending) {
  sending.abort();
  return next;
}
