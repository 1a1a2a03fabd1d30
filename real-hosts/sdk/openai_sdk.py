"""The official `openai` SDK, unmodified, against the router. Usage: openai_sdk.py BASE_URL

Each check prints `ok NAME`, or fails the script. What the providers saw is checked by the test that starts this.
"""

import asyncio
import json
import sys

import openai
from pydantic import BaseModel

BASE = sys.argv[1]


def client(**settings):
    return openai.OpenAI(base_url=f"{BASE}/v1", api_key="sk-of-the-client", **{"max_retries": 0, "timeout": 30, **settings})


def raises(kind, status, call):
    try:
        call()
    except openai.APIStatusError as error:
        assert type(error) is kind, f"{type(error)} instead of {kind}: {error}"
        assert error.status_code == status, error
        assert isinstance(error.body, dict) and error.body.get("message"), error.body
        return error
    raise AssertionError(f"no {kind.__name__}")


HI = [{"role": "user", "content": "Say hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    },
}


def create():
    answer = client().chat.completions.create(model="auto", messages=HI)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    raw = client().chat.completions.with_raw_response.create(model="auto", messages=HI)
    assert raw.headers["x-pointsman-model"] == "openai/gpt-5.4-mini" and raw.headers["x-pointsman-tier"] == "only"


def stream():
    for usage in (False, True):
        options = {"stream_options": {"include_usage": True}} if usage else {}
        chunks = list(client().chat.completions.create(model="auto", messages=HI, stream=True, **options))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert len(chunks) > 3 and text
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        if usage:
            assert chunks[-1].usage.completion_tokens > 0
    with client().chat.completions.stream(model="auto", messages=HI) as events:
        final = events.get_final_completion()
    assert final.choices[0].message.content


def stream_by_hand():
    """Only half of a stream is read: leaving must not hurt."""
    for number, _ in enumerate(client().chat.completions.create(model="auto", messages=HI, stream=True)):
        if number == 2:
            break
    create()


async def in_parallel():
    async with openai.AsyncOpenAI(base_url=f"{BASE}/v1", api_key="x", max_retries=0, timeout=30) as many:
        answers = await asyncio.gather(*(many.chat.completions.create(model="auto", messages=HI) for _ in range(20)))
    assert all(answer.choices[0].message.content for answer in answers)


def tools():
    messages = [{"role": "user", "content": "TOOL: get_weather in Oslo?"}]
    answer = client().chat.completions.create(model="auto", messages=messages, tools=[WEATHER])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls" and call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "12 degrees, rain"}]
    answer = client().chat.completions.create(model="auto", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop"
    forced = {"type": "function", "function": {"name": "get_weather"}}
    answer = client().chat.completions.create(model="auto", messages=HI, tools=[WEATHER], tool_choice=forced)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    chunks = client().chat.completions.create(model="auto", messages=HI, tools=[WEATHER], tool_choice="required", stream=True)
    deltas = [call for chunk in chunks if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]
    json.loads("".join(delta.function.arguments or "" for delta in deltas))


class City(BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]


def structured():
    answer = client().chat.completions.parse(model="auto", messages=HI, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    answer = client().responses.parse(model="auto", input="Describe a city", text_format=City)
    assert isinstance(answer.output_parsed, City)


def responses():
    answer = client().responses.create(model="auto", input="Say hello", instructions="Be brief")
    assert answer.output_text and answer.status == "completed" and answer.usage.output_tokens > 0
    events = list(client().responses.create(model="auto", input="Say hello", stream=True))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    with client().responses.stream(model="auto", input="Say hello") as stream:
        assert stream.get_final_response().output_text
    tool = {"type": "function", "strict": True, **WEATHER["function"]}
    answer = client().responses.create(model="auto", input="TOOL: get_weather in Oslo?", tools=[tool])
    call = next(item for item in answer.output if item.type == "function_call")
    history = [{"role": "user", "content": "TOOL: get_weather in Oslo?"}]
    history += [item.model_dump(exclude_none=True) for item in answer.output]
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"})
    answer = client().responses.create(model="auto", input=history, tools=[tool])
    assert answer.output_text


def lists():
    assert "auto" in [model.id for model in client().models.list()]
    assert client().models.retrieve("auto").id == "auto"


def errors():
    error = raises(openai.NotFoundError, 404, lambda: client().chat.completions.create(model="no-such-model", messages=HI))
    assert error.code == "pointsman_model_not_found" and "auto" in error.message, error
    raises(openai.NotFoundError, 404, lambda: client().responses.create(model="no-such-model", input="hi"))
    bad = {"x-pointsman-tier": "no-such-tier"}
    error = raises(openai.BadRequestError, 400, lambda: client().chat.completions.create(model="auto", messages=HI, extra_headers=bad))
    assert error.code == "pointsman_bad_override" and "only" in error.message, error
    large = [{"role": "user", "content": "x" * 300_000}]
    raises(openai.APIStatusError, 413, lambda: client().chat.completions.create(model="auto", messages=large))
    raises(openai.AuthenticationError, 401, lambda: client().chat.completions.create(model="unauthorized", messages=HI))
    raises(openai.RateLimitError, 429, lambda: client().chat.completions.create(model="limited", messages=HI))
    raises(openai.InternalServerError, 503, lambda: client().chat.completions.create(model="down", messages=HI))
    raises(openai.BadRequestError, 400, lambda: client().chat.completions.create(model="auto", messages=[]))


def failover():
    answer = client().chat.completions.with_raw_response.create(model="chain", messages=HI)
    assert answer.headers["x-pointsman-model"] == "chain-b/model-b", answer.headers


def retries():
    """The SDK's own retries go through all targets once each time."""
    raises(openai.InternalServerError, 503, lambda: client(max_retries=2).chat.completions.create(model="retried", messages=HI))
    answer = client(max_retries=2).chat.completions.create(model="recovers", messages=HI)
    assert answer.choices[0].message.content


def timeouts():
    try:
        client(timeout=0.5).chat.completions.create(model="hangs", messages=HI)
    except openai.APITimeoutError:
        return
    raise AssertionError("no timeout")


CHECKS = [create, stream, stream_by_hand, tools, structured, responses, lists, errors, failover, retries, timeouts]
for check in CHECKS:
    check()
    print("ok", check.__name__, flush=True)
asyncio.run(in_parallel())
print("ok in_parallel", flush=True)
