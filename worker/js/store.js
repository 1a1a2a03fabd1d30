// What isolates share: a Durable Object for each name, which keeps one record. What is asked, and what a question does to a
// record, is the router's to say: src/store.rs.

import { DurableObject } from "cloudflare:workers";

import * as router from "./pointsman.js";

// How often somebody is told who does not answer, and milliseconds before each time.
const PAUSES = [0, 200, 1000];

export class Store extends DurableObject {
  #record = "";
  #until = 0;

  constructor(state, env) {
    super(state, env);
    state.blockConcurrencyWhile(async () => {
      [this.#record, this.#until] = (await state.storage.get("record")) ?? ["", 0];
    });
  }

  // Nothing is awaited between the look at a record and the new one, and the host holds the answer back until that is on
  // disk: one question after the other.
  ask(question) {
    const [answer, until, record] = router.serve(this.#record, question, Date.now()).split("\n");
    if (record !== "") {
      // An alarm costs a write: it is set once, and looks for itself whether its time has come.
      if (this.#until === 0) this.ctx.storage.setAlarm(Number(until));
      this.#record = record;
      this.#until = Number(until);
      this.ctx.storage.put("record", [record, this.#until]);
    }
    return answer;
  }

  async alarm() {
    if (Date.now() < this.#until) return this.ctx.storage.setAlarm(this.#until);
    [this.#record, this.#until] = ["", 0];
    await this.ctx.storage.deleteAll();
  }
}

// Asks all at once, for so many milliseconds. Lines: a binding, then names and questions in turn. Returns a line for each,
// empty where there is no answer.
export async function ask(env, [binding, ...lines], patience) {
  const over = new AbortController();
  const late = scheduler.wait(patience, { signal: over.signal }).then(() => "", () => "");
  const answers = questions(lines).map(([name, question]) => {
    return Promise.race([put(env[binding], name, question).catch(() => ""), late]);
  });
  const all = await Promise.all(answers);
  over.abort();
  return all.join("\n");
}

// Tells all, in their own time. Lines as for `ask`.
export function tell(env, [binding, ...lines]) {
  return Promise.all(
    questions(lines).map(async ([name, question]) => {
      for (const pause of PAUSES) {
        if (pause > 0) await scheduler.wait(pause);
        try {
          return await put(env[binding], name, question);
        } catch (error) {
          console.error(`pointsman: the store did not hear: ${error}`);
        }
      }
    }),
  );
}

async function put(namespace, name, question) {
  return await namespace.get(namespace.idFromName(name)).ask(question);
}

function questions(lines) {
  const pairs = [];
  for (let i = 0; i + 1 < lines.length; i += 2) pairs.push([lines[i], lines[i + 1]]);
  return pairs;
}
