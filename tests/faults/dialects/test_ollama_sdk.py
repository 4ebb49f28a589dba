"""The official ollama client against a served backend, in both its forms."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from .support import PERSON, WEATHER, Served, providers, variables

ASK: dict[str, Any] = {"model": "llama3.2", "messages": [{"role": "user", "content": "Why?"}]}
STATUSES = (400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 529)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("ollama", ("llama3.2",), STATUSES) as served:
        yield served


@pytest.fixture
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[ollama.Client]:
    """A client of the backend that the test is parametrised with, else of the healthy one."""
    with ollama.Client(served.origins[getattr(request, "param", "healthy")], timeout=5) as client:
        yield client


def using(*backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", backends, indirect=True)


def test_chat(client: ollama.Client, served: Served) -> None:
    reply = client.chat(**ASK)
    assert reply.message.content
    assert reply.done_reason == "stop"
    record = served.last("healthy")
    assert reply.eval_count == record["completion_tokens"] > 5
    assert reply.prompt_eval_count == record["prompt_tokens"]
    assert record["finish"] == "stop"


def test_a_stream(client: ollama.Client) -> None:
    *content, last = client.chat(stream=True, **ASK)
    assert len(content) > 5
    assert "".join(c.message.content or "" for c in content).endswith(".")
    assert (last.done, last.done_reason, last.eval_count) == (True, "stop", len(content))


def test_a_completion_and_thinking(client: ollama.Client) -> None:
    *content, last = client.generate("llama3.2", "Why?", think=True, stream=True)
    assert "".join(c.thinking or "" for c in content)
    assert "".join(c.response or "" for c in content)
    assert last.done
    limited = client.generate("llama3.2", "Why?", options={"num_predict": 3})
    assert (limited.done_reason, limited.eval_count) == ("length", 3)


@using("tools")
def test_tools(client: ollama.Client) -> None:
    reply: Any = client.chat(tools=[WEATHER], **ASK)
    (call,) = reply.message.tool_calls
    assert call.function.name == "get_weather"
    assert isinstance(call.function.arguments["city"], str)
    first, last = client.chat(tools=[WEATHER], stream=True, **ASK)
    assert first.message.tool_calls
    assert last.done_reason == "stop"


def test_structured_output(client: ollama.Client) -> None:
    person = json.loads(client.chat(format=PERSON, **ASK).message.content or "")
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)
    assert isinstance(json.loads(client.chat(format="json", **ASK).message.content or ""), dict)


def test_loading(client: ollama.Client) -> None:
    assert client.chat("llama3.2").done_reason == "load"
    assert client.generate("llama3.2", keep_alive=0).done_reason == "unload"


def test_embeddings(client: ollama.Client) -> None:
    vectors = client.embed("nomic-embed-text", ["Why?", "How?"], dimensions=8).embeddings
    assert [len(v) for v in vectors] == [8, 8]
    assert vectors[0] != vectors[1]


@using("few")
def test_models(client: ollama.Client) -> None:
    assert [m.model for m in client.list().models] == ["llama3.2:latest"]
    assert "completion" in (client.show("llama3.2").capabilities or [])
    with pytest.raises(ollama.ResponseError, match="model 'llama3' not found") as caught:
        client.chat("llama3", ASK["messages"])
    assert caught.value.status_code == 404


@pytest.mark.parametrize("stream", [True, False])
@using(*map(str, STATUSES))
def test_every_status_is_the_clients_one_error(client: Any, stream: bool, request: Any) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        list(client.chat(stream=stream, **ASK))
    assert str(caught.value.status_code) == request.node.callspec.params["client"]
    assert caught.value.error
    assert "{" not in caught.value.error, "the text alone: the client found the field"


@using("breaks_off")
def test_an_error_in_a_stream(client: ollama.Client) -> None:
    parts = iter(client.chat(stream=True, **ASK))
    assert [next(parts).done for _ in range(3)] == [False] * 3
    with pytest.raises(ollama.ResponseError, match="an error was encountered while running the model"):
        next(parts)


@using("cut")
def test_a_clean_early_end_is_silent(client: ollama.Client) -> None:
    parts = list(client.chat(stream=True, **ASK))
    assert len(parts) == 6
    assert not any(p.done for p in parts)


@using("broken")
def test_a_broken_connection(client: ollama.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        list(client.chat(stream=True, **ASK))


def test_the_async_client(served: Served) -> None:
    async def run() -> None:
        async with ollama.AsyncClient(served.origins["healthy"]) as client:
            assert (await client.chat(**ASK)).message.content
            parts = [p async for p in await client.chat(stream=True, **ASK)]
            assert parts[-1].done_reason == "stop"
            assert (await client.embed("m", "Why?")).embeddings
        async with ollama.AsyncClient(served.origins["503"]) as client:
            with pytest.raises(ollama.ResponseError, match="server busy") as caught:
                await client.chat(**ASK)
            assert caught.value.status_code == 503

    asyncio.run(run())


def test_the_variable_leads_to_the_backend(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables("ollama", served.origins["few"]).items():
        monkeypatch.setenv(name, value)
    with ollama.Client() as client:
        assert [m.model for m in client.list().models] == ["llama3.2:latest"]
