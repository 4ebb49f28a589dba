"""The official cohere client (v2) against a served backend, in both its forms."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from .support import PERSON, WEATHER, Served, providers, variables

ASK: dict[str, Any] = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Why?"}]}
ERRORS = {
    400: cohere.BadRequestError,
    401: cohere.UnauthorizedError,
    403: cohere.ForbiddenError,
    404: cohere.NotFoundError,
    413: ApiError,
    422: cohere.UnprocessableEntityError,
    429: cohere.TooManyRequestsError,
    499: cohere.ClientClosedRequestError,
    500: cohere.InternalServerError,
    501: cohere.NotImplementedError,
    502: ApiError,
    503: cohere.ServiceUnavailableError,
    504: cohere.GatewayTimeoutError,
    529: ApiError,
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("cohere", ("command-a-03-2025", "embed-v4.0"), tuple(ERRORS)) as served:
        yield served


@pytest.fixture
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[cohere.ClientV2]:
    """A client of the backend that the test is parametrised with, else of the healthy one."""
    origin = served.origins[getattr(request, "param", "healthy")]
    with cohere.ClientV2("a-key", base_url=origin, timeout=5, max_retries=0) as client:
        yield client


def using(*backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", backends, indirect=True)


def test_chat(client: cohere.ClientV2, served: Served) -> None:
    reply: Any = client.chat(**ASK)
    (content,) = reply.message.content
    assert content.type == "text"
    assert content.text
    assert reply.finish_reason == "COMPLETE"
    assert reply.usage.tokens.output_tokens == served.last("healthy")["completion_tokens"]


def test_a_stream(client: cohere.ClientV2) -> None:
    events: list[Any] = list(client.chat_stream(**ASK))
    assert events[0].type == "message-start"
    text = "".join(e.delta.message.content.text for e in events if e.type == "content-delta")
    assert text.endswith(".")
    assert events[-1].type == "message-end"
    assert events[-1].delta.finish_reason == "COMPLETE"
    assert events[-1].delta.usage.tokens.output_tokens > 5


def test_thinking(client: cohere.ClientV2) -> None:
    events: list[Any] = list(client.chat_stream(thinking={"type": "enabled"}, **ASK))  # type: ignore[arg-type]
    starts = [e.delta.message.content.type for e in events if e.type == "content-start"]
    assert starts == ["thinking", "text"]
    assert "".join(e.delta.message.content.thinking or "" for e in events if e.type == "content-delta")


def test_forced_tools(client: cohere.ClientV2) -> None:
    tools: Any = [WEATHER]
    reply: Any = client.chat(tools=tools, tool_choice="REQUIRED", **ASK)
    assert reply.finish_reason == "TOOL_CALL"
    (call,) = reply.message.tool_calls
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    events: list[Any] = list(client.chat_stream(tools=tools, tool_choice="REQUIRED", **ASK))
    (start,) = (e.delta.message.tool_calls for e in events if e.type == "tool-call-start")
    assert start.function.name == "get_weather"
    said = "".join(e.delta.message.tool_calls.function.arguments for e in events if e.type == "tool-call-delta")
    assert isinstance(json.loads(said)["city"], str)
    assert events[-1].delta.finish_reason == "TOOL_CALL"


def test_structured_output(client: cohere.ClientV2) -> None:
    wanted: Any = {"type": "json_object", "json_schema": PERSON}
    reply: Any = client.chat(response_format=wanted, **ASK)
    person = json.loads(reply.message.content[0].text)
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)


def test_embeddings(client: cohere.ClientV2) -> None:
    reply = client.embed(
        model="embed-v4.0",
        input_type="search_query",
        texts=["Why?", "How?"],
        output_dimension=8,
        embedding_types=["float"],
    )
    vectors = reply.embeddings.float_ or []
    assert [len(v) for v in vectors] == [8, 8]
    assert vectors[0] != vectors[1]
    assert reply.texts == ["Why?", "How?"]


@using("few")
def test_models(client: cohere.ClientV2) -> None:
    assert [m.name for m in client.models.list().models] == ["command-a-03-2025", "embed-v4.0"]
    assert client.models.get("embed-v4.0").endpoints == ["embed"]
    with pytest.raises(cohere.NotFoundError, match="model 'x' not found"):
        client.chat(model="x", messages=ASK["messages"])


@pytest.mark.parametrize("stream", [True, False])
@using(*map(str, ERRORS))
def test_the_error_of_a_status(client: cohere.ClientV2, stream: bool, request: Any) -> None:
    status = int(request.node.callspec.params["client"])
    with pytest.raises(ApiError) as caught:
        list(client.chat_stream(**ASK)) if stream else client.chat(**ASK)
    assert type(caught.value) is ERRORS[status]
    assert caught.value.status_code == status
    assert caught.value.body.keys() == {"id", "message"}


@using("breaks_off")
def test_an_error_in_a_stream_is_how_the_message_ended(client: cohere.ClientV2) -> None:
    events: list[Any] = list(client.chat_stream(**ASK))
    assert [e.type for e in events].count("content-delta") == 3
    assert events[-1].type == "message-end"
    assert events[-1].delta.finish_reason == "ERROR"
    assert "internal server error" in events[-1].delta.error


@using("cut")
def test_a_clean_early_end_is_silent(client: cohere.ClientV2) -> None:
    types = [e.type for e in client.chat_stream(**ASK)]
    assert types == ["message-start", "content-start", *["content-delta"] * 6]


@using("broken")
def test_a_broken_connection(client: cohere.ClientV2) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        list(client.chat_stream(**ASK))


def test_the_variables_lead_to_the_backend(served: Served) -> None:
    """In a process of its own, since the client reads one of them when it is imported."""
    script = "import cohere; print(*(m.name for m in cohere.ClientV2().models.list().models))"
    environment = {**os.environ, **variables("cohere", served.origins["few"])}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["command-a-03-2025", "embed-v4.0"], done.stderr


def test_the_async_client(served: Served) -> None:
    async def run() -> None:
        async with cohere.AsyncClientV2("a-key", base_url=served.origins["healthy"]) as client:
            assert (await client.chat(**ASK)).message.content
            events: list[Any] = [e async for e in client.chat_stream(**ASK)]
            assert events[-1].delta.finish_reason == "COMPLETE"
            reply = await client.embed(model="m", input_type="search_query", texts=["Why?"])
            assert reply.embeddings.float_
        async with cohere.AsyncClientV2("a-key", base_url=served.origins["429"], max_retries=0) as client:
            with pytest.raises(cohere.TooManyRequestsError, match="20 API calls / minute"):
                await client.chat(**ASK)

    asyncio.run(run())
