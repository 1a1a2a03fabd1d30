// The official `@anthropic-ai/sdk` package from npm, unmodified, against the router. Usage: anthropic_sdk.mjs BASE_URL
// Each check prints `ok NAME`, or fails the script.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.argv[2], apiKey: "sk-of-the-client", maxRetries: 0, timeout: 30_000 });
const model = "claude-auto";
const hi = [{ role: "user", content: "Say hello" }];
const ask = [{ role: "user", content: "TOOL: get_weather in Oslo?" }];
const input_schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "The weather of a city", input_schema };

const checks = {
  async create() {
    const answer = await client.messages.create({ model, max_tokens: 200, messages: hi });
    assert.ok(answer.content.some((block) => block.type === "text" && block.text));
    assert.ok(answer.usage.output_tokens > 0);
    const { response } = await client.messages.create({ model, max_tokens: 200, messages: hi }).withResponse();
    assert.equal(response.headers.get("x-pointsman-tier"), "only");
  },
  async stream() {
    const stream = client.messages.stream({ model, max_tokens: 200, messages: hi });
    let events = 0;
    for await (const _ of stream) events += 1;
    const final = await stream.finalMessage();
    assert.ok(events > 5 && final.usage.output_tokens > 0);
  },
  async abort() {
    const stream = client.messages.stream({ model, max_tokens: 200, messages: hi });
    for await (const _ of stream) break;
    await checks.create();
  },
  async tools() {
    const answer = await client.messages.create({ model, max_tokens: 200, messages: ask, tools: [weather] });
    assert.equal(answer.stop_reason, "tool_use");
    const call = answer.content.find((block) => block.type === "tool_use");
    const result = { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "12 degrees" }] };
    const messages = [...ask, { role: "assistant", content: answer.content }, result];
    const next = await client.messages.create({ model, max_tokens: 200, messages, tools: [weather] });
    assert.ok(next.content.some((block) => block.type === "text" && block.text));
  },
  async counts() {
    const count = await client.messages.countTokens({ model, messages: hi });
    assert.ok(count.input_tokens > 0);
  },
  async lists() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    assert.ok(ids.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async errors() {
    const wrong = client.messages.create({ model: "no-such-model", max_tokens: 9, messages: hi });
    await assert.rejects(wrong, (error) => error instanceof Anthropic.NotFoundError && error.error.type === "error");
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok ${name}`);
}
