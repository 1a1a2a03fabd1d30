"""litellm's own client, unmodified, against the router in both of its dialects. Usage: litellm_client.py BASE_URL

Each check prints `ok NAME`, or fails the script.
"""

import asyncio
import json
import os
import sys

# The price list that it would fetch is beside it already.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

litellm.suppress_debug_info = True
BASE = sys.argv[1]
HI = [{"role": "user", "content": "Say hello"}]
TOOL = [{"role": "user", "content": "TOOL: get_weather in Oslo?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
WAYS = {
    "chat": {"model": "openai/auto", "api_base": f"{BASE}/v1"},
    "messages": {"model": "anthropic/claude-auto", "api_base": BASE},
}
SETTINGS = {"api_key": "sk-of-the-client", "timeout": 30, "num_retries": 0, "max_tokens": 200}


def create(way):
    answer = litellm.completion(messages=HI, **way, **SETTINGS)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.completion_tokens > 0


def stream(way):
    chunks = list(litellm.completion(messages=HI, stream=True, **way, **SETTINGS))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert litellm.stream_chunk_builder(chunks, messages=HI).choices[0].message.content


def tools(way):
    answer = litellm.completion(messages=TOOL, tools=[WEATHER], **way, **SETTINGS)
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls" and call.function.name == "get_weather", answer
    assert "city" in json.loads(call.function.arguments)
    history = TOOL + [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    answer = litellm.completion(messages=history, tools=[WEATHER], **way, **SETTINGS)
    assert answer.choices[0].message.content


def errors(way):
    model = way["model"].split("/")[0] + "/claude-no-such-model"
    try:
        litellm.completion(messages=HI, **{**way, "model": model}, **SETTINGS)
    except litellm.NotFoundError as error:
        assert "auto" in str(error), error
        return
    raise AssertionError("no NotFoundError")


async def in_parallel(way):
    answers = await asyncio.gather(*(litellm.acompletion(messages=HI, **way, **SETTINGS) for _ in range(10)))
    assert all(answer.choices[0].message.content for answer in answers)


for name, way in WAYS.items():
    for check in (create, stream, tools, errors):
        check(way)
        print("ok", name, check.__name__, flush=True)


async def all_in_parallel():
    for name, way in WAYS.items():
        await in_parallel(way)
        print("ok", name, "in_parallel", flush=True)


asyncio.run(all_in_parallel())
