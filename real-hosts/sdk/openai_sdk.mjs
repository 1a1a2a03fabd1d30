// The official `openai` package from npm, unmodified, against the router. Usage: openai_sdk.mjs BASE_URL
// Each check prints `ok NAME`, or fails the script.

import assert from "node:assert/strict";
import OpenAI from "openai";

const base = process.argv[2];
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "sk-of-the-client", maxRetries: 0, timeout: 30_000 });
const hi = [{ role: "user", content: "Say hello" }];
const ask = [{ role: "user", content: "TOOL: get_weather in Oslo?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const weather = { type: "function", function: { name: "get_weather", description: "The weather of a city", parameters } };

const checks = {
  async create() {
    const answer = await client.chat.completions.create({ model: "auto", messages: hi });
    assert.ok(answer.choices[0].message.content);
    assert.ok(answer.usage.completion_tokens > 0);
    const { response } = await client.chat.completions.create({ model: "auto", messages: hi }).withResponse();
    assert.equal(response.headers.get("x-pointsman-tier"), "only");
  },
  async stream() {
    let [text, chunks] = ["", 0];
    for await (const chunk of await client.chat.completions.create({ model: "auto", messages: hi, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      chunks += 1;
    }
    assert.ok(text && chunks > 3);
  },
  async abort() {
    const stream = await client.chat.completions.create({ model: "auto", messages: hi, stream: true });
    for await (const _ of stream) break;
    await checks.create();
  },
  async tools() {
    const answer = await client.chat.completions.create({ model: "auto", messages: ask, tools: [weather] });
    const message = answer.choices[0].message;
    assert.equal(message.tool_calls[0].function.name, "get_weather");
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "12 degrees" };
    const next = await client.chat.completions.create({ model: "auto", messages: [...ask, message, result], tools: [weather] });
    assert.ok(next.choices[0].message.content);
  },
  async responses() {
    const answer = await client.responses.create({ model: "auto", input: "Say hello" });
    assert.ok(answer.output_text && answer.status === "completed");
    const types = [];
    for await (const event of await client.responses.create({ model: "auto", input: "Say hello", stream: true })) types.push(event.type);
    assert.equal(types[0], "response.created");
    assert.equal(types.at(-1), "response.completed");
  },
  async lists() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes("auto"));
  },
  async errors() {
    await assert.rejects(client.chat.completions.create({ model: "no-such-model", messages: hi }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "pointsman_model_not_found");
      return true;
    });
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok ${name}`);
}
