// The Vercel AI SDK from npm, unmodified, against the router. Usage: vercel_ai.mjs BASE_URL
// Each check prints `ok NAME`, or fails the script.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const base = process.argv[2];
const settings = { baseURL: `${base}/v1`, apiKey: "sk-of-the-client" };
const openai = createOpenAI(settings);
const models = {
  chat: openai.chat("auto"),
  responses: openai.responses("auto"),
  compatible: createOpenAICompatible({ name: "pointsman", ...settings })("auto"),
  messages: createAnthropic(settings)("claude-auto"),
};
const weather = tool({
  description: "The weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => "12 degrees",
});

const checks = {
  async text(model) {
    const answer = await generateText({ model, prompt: "Say hello", maxRetries: 0 });
    assert.ok(answer.text && answer.usage.outputTokens > 0);
  },
  async stream(model) {
    let text = "";
    const answer = streamText({ model, prompt: "Say hello", maxRetries: 0, onError: ({ error }) => { throw error; } });
    for await (const delta of answer.textStream) text += delta;
    assert.ok(text);
    assert.equal(await answer.finishReason, "stop");
  },
  async tools(model) {
    const answer = await generateText({
      model,
      prompt: "TOOL: get_weather in Oslo?",
      tools: { get_weather: weather },
      stopWhen: stepCountIs(2),
      maxRetries: 0,
    });
    assert.equal(answer.steps[0].toolCalls[0].toolName, "get_weather");
    assert.ok(answer.text, "the second step answers");
  },
};

for (const [name, model] of Object.entries(models)) {
  for (const [what, check] of Object.entries(checks)) {
    await check(model);
    console.log(`ok ${name} ${what}`);
  }
}
const schema = z.object({ name: z.string(), inhabitants: z.number() });
const answer = await generateObject({ model: models.chat, schema, prompt: "Describe a city", maxRetries: 0 });
assert.ok(answer.object.name !== undefined);
console.log("ok chat object");
await assert.rejects(generateText({ model: openai.chat("no-such-model"), prompt: "x", maxRetries: 0 }), (error) => error.statusCode === 404);
console.log("ok errors");
