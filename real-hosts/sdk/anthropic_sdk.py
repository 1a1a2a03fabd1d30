"""The official `anthropic` SDK, unmodified, against the router. Usage: anthropic_sdk.py BASE_URL

Each check prints `ok NAME`, or fails the script. What the providers saw is checked by the test that starts this.
"""

import asyncio
import sys

import anthropic
from pydantic import BaseModel

BASE = sys.argv[1]


def client(**settings):
    return anthropic.Anthropic(base_url=BASE, api_key="sk-of-the-client", **{"max_retries": 0, "timeout": 30, **settings})


def raises(kind, status, call):
    try:
        call()
    except anthropic.APIStatusError as error:
        assert type(error) is kind, f"{type(error)} instead of {kind}: {error}"
        assert error.status_code == status, error
        assert error.body["type"] == "error" and error.body["error"]["message"], error.body
        return error
    raise AssertionError(f"no {kind.__name__}")


HI = [{"role": "user", "content": "Say hello"}]
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(model="auto", **more):
    settings = {"max_tokens": 4096, "messages": HI, **more}
    return settings | {"model": model}


def create():
    answer = client().messages.create(**ask())
    assert answer.type == "message" and answer.stop_reason == "end_turn"
    assert any(block.type == "text" and block.text for block in answer.content)
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    raw = client().messages.with_raw_response.create(**ask())
    assert raw.headers["x-pointsman-model"] == "anthropic/claude-opus-4-6"


def stream():
    events = list(client().messages.create(**ask(), stream=True))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"
    with client().messages.stream(**ask()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.usage.output_tokens > 0 and final.stop_reason == "end_turn"


def stream_by_hand():
    """Only half of a stream is read: leaving must not hurt."""
    with client().messages.stream(**ask()) as stream:
        for _ in zip(range(2), stream.text_stream):
            pass
    create()


async def in_parallel():
    async with anthropic.AsyncAnthropic(base_url=BASE, api_key="x", max_retries=0, timeout=30) as many:
        answers = await asyncio.gather(*(many.messages.create(**ask()) for _ in range(20)))
    assert all(answer.content for answer in answers)


def tools():
    messages = [{"role": "user", "content": "TOOL: get_weather in Oslo?"}]
    answer = client().messages.create(**ask(messages=messages, tools=[WEATHER]))
    call = next(block for block in answer.content if block.type == "tool_use")
    assert answer.stop_reason == "tool_use" and call.name == "get_weather" and "city" in call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees, rain"}
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    answer = client().messages.create(**ask(messages=messages, tools=[WEATHER]))
    assert answer.stop_reason == "end_turn"
    forced = {"type": "tool", "name": "get_weather"}
    answer = client().messages.create(**ask(tools=[WEATHER], tool_choice=forced))
    assert any(block.type == "tool_use" for block in answer.content)
    with client().messages.stream(**ask(messages=messages[:1], tools=[WEATHER])) as stream:
        final = stream.get_final_message()
    assert any(block.type == "tool_use" and "city" in block.input for block in final.content)


def thinking():
    answer = client().messages.create(**ask(thinking={"type": "enabled", "budget_tokens": 2048}))
    block = next(block for block in answer.content if block.type == "thinking")
    assert block.signature
    messages = HI + [{"role": "assistant", "content": answer.content}, {"role": "user", "content": "And now?"}]
    answer = client().messages.create(**ask(messages=messages, thinking={"type": "enabled", "budget_tokens": 2048}))
    assert answer.stop_reason == "end_turn"


class City(BaseModel):
    name: str
    inhabitants: int


def structured():
    answer = client().messages.parse(**ask(output_format=City))
    assert isinstance(answer.parsed_output, City)


def beta():
    answer = client().beta.messages.create(**ask(betas=["interleaved-thinking-2025-05-14"]))
    assert answer.content


def count_tokens():
    counted = client().messages.count_tokens(model="auto", messages=HI)
    assert counted.input_tokens > 0
    longer = client().messages.count_tokens(model="auto", messages=[{"role": "user", "content": "word " * 500}])
    assert longer.input_tokens > counted.input_tokens


def errors():
    error = raises(anthropic.NotFoundError, 404, lambda: client().messages.create(**ask("no-such-model")))
    assert "auto" in error.message and error.body["error"]["type"] == "not_found_error", error
    bad = {"x-pointsman-tier": "no-such-tier"}
    error = raises(anthropic.BadRequestError, 400, lambda: client().messages.create(**ask(), extra_headers=bad))
    assert error.body["code"] == "pointsman_bad_override" and "only" in error.message, error
    large = [{"role": "user", "content": "x" * 300_000}]
    too_large = getattr(anthropic, "RequestTooLargeError", None)
    try:
        client().messages.create(**ask(messages=large))
        raise AssertionError("taken")
    except anthropic.APIStatusError as error:
        assert error.status_code == 413 and error.body["error"]["type"] == "request_too_large", error
        assert too_large is None or isinstance(error, too_large)
    raises(anthropic.AuthenticationError, 401, lambda: client().messages.create(**ask("unauthorized")))
    raises(anthropic.RateLimitError, 429, lambda: client().messages.create(**ask("limited")))
    try:
        client().messages.create(**ask("down"))
        raise AssertionError("answered")
    except anthropic.InternalServerError as error:
        assert error.status_code == 529 and error.body["error"]["type"] == "overloaded_error", error
    raises(anthropic.BadRequestError, 400, lambda: client().messages.create(**ask(messages=[])))


def failover():
    answer = client().messages.with_raw_response.create(**ask("chain"))
    assert answer.headers["x-pointsman-model"] == "chain-b/MiniMax-M3", answer.headers


def retries():
    """The SDK's own retries go through all targets once each time."""
    try:
        client(max_retries=2).messages.create(**ask("retried"))
        raise AssertionError("answered")
    except anthropic.InternalServerError as error:
        assert error.status_code == 529, error
    assert client(max_retries=2).messages.create(**ask("recovers")).content


def timeouts():
    try:
        client(timeout=0.5).messages.create(**ask("hangs"))
    except anthropic.APITimeoutError:
        return
    raise AssertionError("no timeout")


CHECKS = [create, stream, stream_by_hand, tools, thinking, structured, beta, count_tokens, errors, failover, retries, timeouts]
for check in CHECKS:
    check()
    print("ok", check.__name__, flush=True)
asyncio.run(in_parallel())
print("ok in_parallel", flush=True)
