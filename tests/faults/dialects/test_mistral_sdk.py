"""The official mistralai client against a served backend, in both its forms."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, ResponseValidationError, SDKError

from .support import PERSON, WEATHER, Served, providers, variables

ASK: dict[str, Any] = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": "Why?"}]}
STATUSES = (400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504, 529)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("mistral", ("mistral-small-latest", "mistral-embed"), STATUSES) as served:
        yield served


def client_of(served: Served, backend: str) -> Mistral:
    return Mistral(api_key="a-key", server_url=served.origins[backend], timeout_ms=5000)


@pytest.fixture
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[Mistral]:
    """A client of the backend that the test is parametrised with, else of the healthy one."""
    with client_of(served, getattr(request, "param", "healthy")) as client:
        yield client


def using(*backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", backends, indirect=True)


def streamed(client: Mistral, **more: Any) -> tuple[list[Any], list[Any]]:
    """The contents of a stream and its finish reasons."""
    with client.chat.stream(**{**ASK, **more}) as stream:
        choices = [event.data.choices[0] for event in stream]
    return [c.delta.content for c in choices], [c.finish_reason for c in choices if c.finish_reason]


def test_chat(client: Mistral, served: Served) -> None:
    reply = client.chat.complete(**ASK)
    (choice,) = reply.choices
    assert choice.message
    assert choice.message.content
    assert choice.finish_reason == "stop"
    assert reply.usage.completion_tokens == served.last("healthy")["completion_tokens"]


def test_a_stream(client: Mistral) -> None:
    said, finish = streamed(client)
    assert len(said) > 5
    assert "".join(said).endswith(".")
    assert finish == ["stop"]


def test_the_usage_of_a_stream_comes_last(client: Mistral) -> None:
    with client.chat.stream(**ASK) as stream:
        usages = [event.data.usage for event in stream]
    assert [u is not None for u in usages] == [False] * (len(usages) - 1) + [True]


def test_thinking(client: Mistral) -> None:
    said, _ = streamed(client, prompt_mode="reasoning")
    thoughts = [part for content in said if isinstance(content, list) for part in content]
    assert {t.type for t in thoughts} == {"thinking"}
    assert any(t.thinking for t in thoughts)
    message = client.chat.complete(prompt_mode="reasoning", **ASK).choices[0].message
    assert message
    assert isinstance(message.content, list)
    assert [part.type for part in message.content] == ["thinking", "text"]


@pytest.mark.parametrize("choice", ["any", {"type": "function", "function": {"name": "get_weather"}}])
def test_forced_tools(client: Mistral, choice: Any) -> None:
    tools: Any = [WEATHER]
    reply: Any = client.chat.complete(tools=tools, tool_choice=choice, **ASK).choices[0]
    assert reply.finish_reason == "tool_calls"
    (call,) = reply.message.tool_calls
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    with client.chat.stream(tools=tools, tool_choice=choice, **ASK) as stream:
        calls = [c for event in stream for c in event.data.choices[0].delta.tool_calls or ()]
    assert [c.function.name for c in calls] == ["get_weather"]


def test_structured_output(client: Mistral) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    message = client.chat.complete(response_format=wanted, **ASK).choices[0].message  # type: ignore[arg-type]
    assert message
    person = json.loads(str(message.content))
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)


def test_several_choices(client: Mistral) -> None:
    replies = client.chat.complete(n=2, **ASK).choices
    assert len({str(c.message.content) for c in replies if c.message}) == 2


def test_embeddings(client: Mistral) -> None:
    reply = client.embeddings.create(model="mistral-embed", inputs=["Why?", "How?"], output_dimension=8)
    assert [len(d.embedding or ()) for d in reply.data] == [8, 8]
    assert reply.data[0].embedding != reply.data[1].embedding


@using("few")
def test_models(client: Mistral) -> None:
    listed: Any = client.models.list()
    assert [m.id for m in listed.data] == ["mistral-small-latest", "mistral-embed"]
    one: Any = client.models.retrieve(model_id="mistral-embed")
    assert one.id == "mistral-embed"
    with pytest.raises(SDKError, match="Invalid model: x") as caught:
        client.chat.complete(model="x", messages=ASK["messages"])
    assert caught.value.status_code == 400


@pytest.mark.parametrize("stream", [True, False])
@using(*map(str, STATUSES))
def test_the_error_of_a_status(client: Mistral, stream: bool, request: Any) -> None:
    status = int(request.node.callspec.params["client"])
    with pytest.raises(HTTPValidationError if status == 422 else SDKError) as caught:
        client.chat.stream(**ASK) if stream else client.chat.complete(**ASK)
    assert caught.value.status_code == status


def test_a_request_that_does_not_fit(client: Mistral) -> None:
    with pytest.raises(HTTPValidationError) as caught:
        client.chat.complete(max_tokens=-1, **ASK)
    assert "max_tokens" in str(caught.value.data.detail)


def test_a_key_is_asked_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with (
        Mistral(server_url=served.origins["healthy"]) as client,
        pytest.raises(SDKError, match="Unauthorized"),
    ):
        client.chat.complete(**ASK)


def test_the_variable_holds_a_key(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables("mistral", served.origins["healthy"]).items():
        monkeypatch.setenv(name, value)
    with Mistral(server_url=served.origins["healthy"]) as client:
        assert client.chat.complete(**ASK).choices


@using("breaks_off")
def test_an_error_in_a_stream(client: Mistral) -> None:
    with pytest.raises(ResponseValidationError):
        streamed(client)


@using("cut")
def test_a_clean_early_end_is_silent(client: Mistral) -> None:
    said, finish = streamed(client)
    assert len(said) == 1 + 6
    assert finish == []


@using("broken")
def test_a_broken_connection(client: Mistral) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        streamed(client)


def test_the_async_client(served: Served) -> None:
    async def run() -> None:
        async with client_of(served, "healthy") as client:
            assert (await client.chat.complete_async(**ASK)).choices
            async with await client.chat.stream_async(**ASK) as stream:
                finish = [event.data.choices[0].finish_reason async for event in stream]
            assert finish[-1] == "stop"
            assert (await client.embeddings.create_async(model="mistral-embed", inputs="Why?")).data
        async with client_of(served, "429") as client:
            with pytest.raises(SDKError, match="Rate limit exceeded"):
                await client.chat.complete_async(**ASK)

    asyncio.run(run())
