// What passes: bodies that are read piece by piece, headers and bodies with the router's changes.

// Most bytes of an answer that are taken at a time. A read that waits for more than one byte would hold back the client's copy.
export const SLICE = 64 * 1024;
export const LATE = Symbol("late");

// Why an attempt brought no answer.
export const NO_CONNECTION = 0, NO_HEAD_IN_TIME = 1, CUT_OFF = 2;

// One attempt as the router wants it: the answer, or `LATE`.
export function attempt(request, body, { numbers: [, , removed, patience], splices, lines, rest }, signal) {
  const pending = fetch(lines[1], {
    method: lines[0],
    headers: changed(new Headers(request.headers), lines, 2, removed),
    body: body === null ? request.body : splice(body, splices, rest),
    redirect: "manual",
    signal,
  });
  return within(pending, patience);
}

// An answer's head as the router reads it, and the length of its body where that is known.
export function headOf(response) {
  let head = `${response.status}`, announced = null;
  for (const [name, value] of response.headers) {
    head += `\n${name}\n${value}`;
    if (name === "content-length") announced = Number(value);
    // What the host unpacks has another length.
    else if (name === "content-encoding") announced = NaN;
  }
  return { head, announced };
}

// A body that is read piece by piece, each as soon as there is one.
export class Source {
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

export function joined(pieces) {
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

// A provider's answer.
export function delivered(body, answer, { lines, numbers }) {
  const response = new Response(body, answer);
  changed(response.headers, lines, 0, numbers[2]);
  return response;
}
