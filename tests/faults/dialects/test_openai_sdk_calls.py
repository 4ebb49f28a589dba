"""What the official openai client makes of chat completions, embeddings, models and moderations of a served backend."""

import asyncio
import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from .support import PERSON, WEATHER, Served, providers

TOOL: Any = WEATHER
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("openai", ("gpt-4o", "text-embedding-3-small")) as served:
        yield served


@pytest.fixture
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    """A client of the backend that the test is parametrised with, else of the healthy one."""
    origin = served.origins[getattr(request, "param", "healthy")]
    with OpenAI(api_key="a-key", base_url=origin + "/v1", max_retries=0, timeout=5) as client:
        yield client


def using(*backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", backends, indirect=True)


def test_a_tool_that_must_be_called(client: OpenAI) -> None:
    choice = client.chat.completions.create(**ASK, tools=[TOOL], tool_choice="required").choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    call = (choice.message.tool_calls or [])[0]
    assert call.id.startswith("call_")
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)


@using("tools")
def test_tools_in_a_stream_are_put_together_by_the_helper(client: OpenAI) -> None:
    other: Any = json.loads(json.dumps(WEATHER).replace("get_weather", "get_time"))
    with client.chat.completions.stream(**ASK, tools=[TOOL, other]) as stream:
        message = stream.get_final_completion().choices[0].message
    call = (message.tool_calls or [])[0]
    assert json.loads(call.function.arguments)


def test_an_agent_ends_when_its_tool_has_returned(client: OpenAI) -> None:
    messages: list[Any] = [*ASK["messages"]]
    first = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL], tool_choice="required")
    called = first.choices[0].message
    assert called.tool_calls
    messages += [called.model_dump(), {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "Sunny."}]
    last = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL]).choices[0]
    assert last.finish_reason == "stop"
    assert last.message.content


def test_structured_output(client: OpenAI) -> None:
    reply = client.chat.completions.parse(**ASK, response_format=Person)
    assert isinstance(reply.choices[0].message.parsed, Person)
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    text = client.chat.completions.create(**ASK, response_format=form).choices[0].message.content
    assert set(json.loads(text or "")) == {"name", "age"}
    text = client.chat.completions.create(**ASK, response_format={"type": "json_object"}).choices[0].message.content
    assert isinstance(json.loads(text or ""), dict)


@pytest.mark.parametrize("stream", [False, True])
def test_several_choices(client: OpenAI, stream: bool) -> None:
    if stream:
        said: dict[int, str] = {0: "", 1: "", 2: ""}
        for chunk in client.chat.completions.create(**ASK, n=3, stream=True):
            for part in chunk.choices:
                said[part.index] += part.delta.content or ""
        texts = list(said.values())
    else:
        reply = client.chat.completions.create(**ASK, n=3)
        texts = [c.message.content or "" for c in reply.choices]
        assert [c.index for c in reply.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert all(texts)


@using("breaks_off")
def test_a_failure_within_a_stream_is_an_api_error(client: OpenAI) -> None:
    with pytest.raises(openai.APIError) as caught:
        for _ in client.chat.completions.create(**ASK, stream=True):
            pass
    assert caught.value.type == "server_error"
    assert not isinstance(caught.value, openai.APIStatusError)


def test_embeddings_in_both_forms(client: OpenAI, served: Served) -> None:
    texts = ["the refund has not come", "the refund did not come", "a weather report"]
    found = client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=64)
    a, b, c = (item.embedding for item in found.data)
    assert len(a) == 64

    def alike(x: list[float], y: list[float]) -> float:
        return sum(p * q for p, q in zip(x, y, strict=True))

    assert alike(a, b) > alike(a, c)
    as_floats = client.embeddings.create(
        model="text-embedding-3-small", input=texts[0], dimensions=64, encoding_format="float"
    )
    assert as_floats.data[0].embedding == pytest.approx(a, abs=1e-6)
    assert as_floats.usage.prompt_tokens > 0
    assert served.last("healthy")["prompt_tokens"] > 0, "an embedding costs its prompt"


def test_embeddings_on_the_wire_are_little_endian_floats(served: Served) -> None:
    body = {"model": "m", "input": [[1, 2], [3]], "encoding_format": "base64", "dimensions": 8}
    reply = httpx2.post(served.origins["healthy"] + "/v1/embeddings", json=body).json()
    assert [item["index"] for item in reply["data"]] == [0, 1]
    values = struct.unpack("<8f", base64.b64decode(reply["data"][0]["embedding"]))
    assert sum(v * v for v in values) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("given", [None, [], [["a"]], [1, "a"], {}, [[]], [True], "", ["a", ""], ["a"] * 2049])
def test_what_is_no_input_is_refused(client: OpenAI, given: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        client.post("/embeddings", body={"model": "m", "input": given}, cast_to=object)


def test_models(client: OpenAI) -> None:
    assert "gpt-4o" in [m.id for m in client.models.list()]
    assert client.models.retrieve("org/a-model").id == "org/a-model"


@using("few")
def test_a_backend_lists_its_own_models_and_knows_no_other(client: OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["gpt-4o", "text-embedding-3-small"]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="gpt-5", input="x")


def test_moderations(client: OpenAI) -> None:
    result = client.moderations.create(input=["one", "two"]).results
    assert [r.flagged for r in result] == [False, False]
    assert result[0].categories.violence is False
    parts: Any = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    assert len(client.moderations.create(input=parts).results) == 1
    nothing: Any
    for nothing in (None, [], [1], ["one", parts[0]]):
        with pytest.raises(openai.BadRequestError, match="'input'"):
            client.post("/moderations", body={"input": nothing}, cast_to=object)


def test_the_asynchronous_client(served: Served) -> None:
    async def run() -> tuple[str, int]:
        async with AsyncOpenAI(api_key="k", base_url=served.origins["healthy"] + "/v1", timeout=5) as client:
            text = ""
            async for chunk in await client.chat.completions.create(**ASK, stream=True):
                text += chunk.choices[0].delta.content or ""
            vectors = await client.embeddings.create(model="text-embedding-3-small", input="x")
            return text, len(vectors.data[0].embedding)

    text, length = asyncio.run(run())
    assert text.endswith(".")
    assert length == 1536
