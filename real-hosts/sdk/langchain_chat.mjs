// LangChain's chat models from npm, unmodified, against the router. Usage: langchain_chat.mjs BASE_URL
// Each check prints `ok NAME`, or fails the script.

import assert from "node:assert/strict";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const base = process.argv[2];
const settings = { apiKey: "sk-of-the-client", maxRetries: 0 };
const models = {
  chat: () => new ChatOpenAI({ ...settings, model: "auto", configuration: { baseURL: `${base}/v1` } }),
  responses: () => new ChatOpenAI({ ...settings, model: "auto", useResponsesApi: true, configuration: { baseURL: `${base}/v1` } }),
  messages: () => new ChatAnthropic({ ...settings, model: "claude-auto", anthropicApiUrl: base, maxTokens: 300 }),
};
const weather = tool(async () => "12 degrees", {
  name: "get_weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() }),
});

const checks = {
  async invoke(model) {
    const answer = await model.invoke("Say hello");
    assert.ok(answer.text && answer.usage_metadata.output_tokens > 0);
  },
  async stream(model) {
    let [text, chunks] = ["", 0];
    for await (const chunk of await model.stream("Say hello")) {
      text += chunk.text;
      chunks += 1;
    }
    assert.ok(text && chunks > 2);
  },
  async tools(model) {
    const bound = model.bindTools([weather]);
    const history = [new HumanMessage("TOOL: get_weather in Oslo?")];
    const answer = await bound.invoke(history);
    assert.equal(answer.tool_calls[0].name, "get_weather");
    const result = new ToolMessage({ content: "12 degrees", tool_call_id: answer.tool_calls[0].id });
    assert.ok((await bound.invoke([...history, answer, result])).text);
  },
};

for (const [name, make] of Object.entries(models)) {
  for (const [what, check] of Object.entries(checks)) {
    await check(make());
    console.log(`ok ${name} ${what}`);
  }
}
