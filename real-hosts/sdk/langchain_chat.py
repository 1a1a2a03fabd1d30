"""LangChain's chat models from PyPI, unmodified, against the router. Usage: langchain_chat.py BASE_URL

Each check prints `ok NAME`, or fails the script.
"""

import asyncio
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

BASE = sys.argv[1]


@tool
def get_weather(city: str) -> str:
    """The weather of a city"""
    return "12 degrees"


class City(BaseModel):
    """A city"""

    name: str
    inhabitants: int


MODELS = {
    "chat": lambda: ChatOpenAI(model="auto", base_url=f"{BASE}/v1", api_key="x", max_retries=0, timeout=30),
    "responses": lambda: ChatOpenAI(
        model="auto", base_url=f"{BASE}/v1", api_key="x", max_retries=0, timeout=30, use_responses_api=True
    ),
    "messages": lambda: ChatAnthropic(
        model="claude-auto", base_url=BASE, api_key="x", max_retries=0, timeout=30, max_tokens=300
    ),
}


def text(message):
    return str(message.text)


def invoke(model):
    answer = model.invoke("Say hello")
    assert text(answer) and answer.usage_metadata["output_tokens"] > 0, answer


def stream(model):
    chunks = list(model.stream("Say hello"))
    assert len(chunks) > 2 and "".join(text(chunk) for chunk in chunks)


def tools(model):
    bound = model.bind_tools([get_weather])
    history = [HumanMessage("TOOL: get_weather in Oslo?")]
    answer = bound.invoke(history)
    call = answer.tool_calls[0]
    assert call["name"] == "get_weather" and "city" in call["args"], answer
    answer = bound.invoke(history + [answer, ToolMessage("12 degrees", tool_call_id=call["id"])])
    assert text(answer)
    gathered = None
    for chunk in bound.stream(history):
        gathered = chunk if gathered is None else gathered + chunk
    assert gathered.tool_calls[0]["name"] == "get_weather"


def structured(model):
    assert isinstance(model.with_structured_output(City).invoke("Describe a city"), City)


async def in_parallel():
    """One event loop for all: LangChain keeps its connections between models."""
    for name, make in MODELS.items():
        model = make()
        answers = await asyncio.gather(*(model.ainvoke("Say hello") for _ in range(10)))
        assert all(text(answer) for answer in answers)
        print("ok", name, "in_parallel", flush=True)


for name, make in MODELS.items():
    for check in (invoke, stream, tools, structured):
        check(make())
        print("ok", name, check.__name__, flush=True)
asyncio.run(in_parallel())
