// A host of the component in Node: it decides one request and bills one answer, with no network.
//
//   cargo xtask dist
//   npx --package=@bytecodealliance/jco jco transpile target/dist/pointsman.component.wasm -o target/jco
//   cd examples/data
//   node ../node/route.mjs ../../target/jco/pointsman.component.js config.json request.json answer.json

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [component, config, request, answer] = process.argv.slice(2);
if (!answer) throw new Error('usage: route.mjs COMPONENT.js CONFIG REQUEST ANSWER');

const { routing } = await import(pathToFileURL(resolve(component)));
const text = (bytes) => new TextDecoder().decode(bytes);

let router;
try {
  router = routing.Router.configure(await readFile(config));
} catch ({ payload }) {
  throw new Error(`${config} at ${payload.pointer}: ${payload.message}`);
}

const fields = new TextEncoder().encode('content-type: application/json\n');
const head = { method: 'POST', path: '/v1/chat/completions', fields };
const outcome = router.route(head, await readFile(request));
if (outcome.tag !== 'forward') throw new Error(text(outcome.val.body));
const exchange = outcome.val;
const summary = exchange.summary();
console.log(`tier ${summary.tier}: ${summary.reason}`);

// What a host with a network would send, to one after the other until one answers.
for (const [index, target] of exchange.targets().entries()) {
  const attempt = exchange.attempt(index, 'a-key');
  console.log(`${target.name} at ${attempt.url}`);
  for (const [name, value] of attempt.headers) console.log(`  ${name}: ${text(value)}`);
  console.log(`  ${text(exchange.body(index)).trimEnd()}`);
}

// Suppose that the first one answered: its answer goes to the client, and a copy through the meter.
const meter = exchange.meter(0, { status: 200, fields });
meter.push(await readFile(answer));
const receipt = routing.Meter.finish(meter, undefined);
console.log(`${receipt.usage.output} tokens out, ${receipt.cost} pico-dollars instead of ${receipt.baseline}`);
