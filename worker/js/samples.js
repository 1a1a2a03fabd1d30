// One request asked more than once: how often, and which answer is delivered, is the router's to say. This makes the requests
// at the same time, and takes back those that are not needed any more.

import { CHOSEN, EXPLAIN, KEEP, SAMPLE, SEND, WAIT, hand, isDeath, life, put, read } from "./bridge.js";
import { LATE, NO_CONNECTION, NO_HEAD_IN_TIME, attempt, delivered, headOf, joined } from "./passing.js";
import * as router from "./pointsman.js";

// How a sample ended.
const WHOLE = 0, HANDED_IN = 1, BROKEN = 2;

// Most bytes of its answer, as in src/limits.rs.
const SAMPLE_BODY = 4 * 1024 * 1024;

export class Samples {
  #request;
  #body;
  #life = life;
  // By the sample's number: its end to come, and what takes it back.
  #running = new Map();
  // What came of those that were answered.
  #answers = new Map();
  #leave;
  #left = new Promise((_, reject) => (this.#leave = reject));

  constructor(request, body) {
    this.#request = request;
    this.#body = body;
    this.#left.catch(() => {});
  }

  // The client is gone.
  abort() {
    this.#cancel();
    this.#leave(new Error("the client left"));
  }

  // Takes back all that run.
  #cancel() {
    for (const { sending } of this.#running.values()) sending.abort();
    this.#running.clear();
  }

  // Follows the router to the answer for the client, or to what it says instead.
  async run(reply) {
    const [number, patience] = reply.numbers, over = new AbortController();
    let late = scheduler.wait(patience, { signal: over.signal }).then(() => LATE, () => new Promise(() => {}));
    try {
      for (;;) {
        if (reply.verb === SAMPLE) {
          if (reply.numbers[2] === 1) this.#cancel();
          for (const line of reply.lines) this.#launch(Number(line));
        } else if (reply.verb === CHOSEN) {
          const { body, response } = this.#answers.get(reply.numbers[1]);
          return delivered(body, response, reply);
        } else if (reply.verb !== WAIT) {
          return reply;
        }
        const ends = [...this.#running.values()].map(({ end }) => end);
        const next = await Promise.race([...ends, late, this.#left]);
        this.#live();
        if (next === LATE) {
          late = new Promise(() => {});
          reply = read(router.late(number));
        } else {
          this.#running.delete(next.sample);
          reply = next.reply;
        }
      }
    } finally {
      over.abort();
      this.#cancel();
    }
  }

  #launch(sample) {
    const sending = new AbortController();
    const end = this.#ask(sample, sending).then((reply) => ({ sample, reply }));
    // One that was taken back has no end that anybody waits for.
    end.catch(() => {});
    this.#running.set(sample, { end, sending });
  }

  // One sample to the end of its answer; what the router says then is for all of them.
  async #ask(sample, sending) {
    let reply = read(router.go(sample, Date.now()));
    while (reply.verb === SEND) reply = await this.#attempt(sample, reply, sending);
    return reply;
  }

  async #attempt(sample, order, sending) {
    const own = new AbortController();
    const signal = AbortSignal.any([own.signal, sending.signal]);
    let response;
    try {
      response = await attempt(this.#request, this.#body, order, signal);
    } catch (error) {
      this.#live(sample, sending, error);
      return read(router.failed(sample, NO_CONNECTION, Date.now()));
    }
    this.#live(sample, sending);
    if (response === LATE) {
      own.abort();
      return read(router.failed(sample, NO_HEAD_IN_TIME, Date.now()));
    }
    const reply = read(router.answered(sample, hand(headOf(response).head), Date.now()));
    const body = await whole(response);
    this.#live(sample, sending);
    if (body === null) {
      own.abort();
      return read(router.sampled(sample, 0, BROKEN));
    }
    this.#answers.set(sample, { body, response });
    if (reply.verb !== EXPLAIN) return read(router.sampled(sample, put(body), WHOLE));
    const next = read(router.explained(sample, put(body), Date.now()));
    return next.verb === KEEP ? read(router.sampled(sample, put(body), HANDED_IN)) : next;
  }

  // Goes no further for a sample that was taken back, or with a router that was made anew.
  #live(sample, sending, error) {
    if (isDeath(error) || sending?.signal.aborted) throw error ?? new Error("it was taken back");
    if (this.#life !== life) throw new Error("the router was made anew meanwhile");
  }
}

// The whole of an answer's body; `null` where it breaks off, or is longer than it may be.
async function whole(response) {
  const pieces = [];
  let length = 0;
  try {
    for await (const piece of response.body ?? []) {
      length += piece.byteLength;
      if (length > SAMPLE_BODY) return null;
      pieces.push(piece);
    }
  } catch {
    return null;
  }
  return joined(pieces);
}
