"""What the official openai client makes of the Responses API of a served backend."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from brownout.faults.values.fault import dialects

from .support import PERSON, WEATHER, Served, answer, ask, played, providers, sse

DIALECT = dialects.get("openai")()
TOOL: Any = {"type": "function", "strict": True, **WEATHER["function"]}
OTHER: Any = {
    "type": "function",
    "name": "get_time",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
FORM = {"type": "json_schema", "name": "person", "schema": PERSON}
ASK: Any = {"model": "gpt-4o", "input": "Why?"}
SAID = {
    "refuses": answer("I will not.", finish="refusal"),
    "cut": answer('{"name":"Bo', finish="length"),
    "thinks": answer("Hi.", thinking="Hm, well."),
    "calls": answer("I look.", ("get_weather", '{"city":"Rome"}'), ("get_time", "{}")),
}
"""What models say that no backend is scripted to say, by the name of the model."""


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("openai", ("gpt-4o",)) as served:
        yield served


@pytest.fixture
def client(served: Served, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    """A client of the backend that the test is parametrised with, else of the healthy one."""
    origin = served.origins[getattr(request, "param", "healthy")]
    with OpenAI(api_key="a-key", base_url=origin + "/v1", max_retries=0, timeout=5) as client:
        yield client


def using(*backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", backends, indirect=True)


@pytest.fixture
def scripted() -> Iterator[OpenAI]:
    """A client without a server, of a model that says what its name names in `SAID`."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        wanted = ask(DIALECT, request.url.path, request.content)
        made = played(DIALECT, wanted, SAID[wanted.model])
        return httpx2.Response(made.head.status, headers=list(made.head.headers), content=made.body)

    with (
        httpx2.Client(transport=httpx2.MockTransport(handle)) as http,
        OpenAI(api_key="a-key", base_url="http://localhost/v1", max_retries=0, http_client=http) as client,
    ):
        yield client


def test_create(client: OpenAI, served: Served) -> None:
    reply = client.responses.create(**ASK)
    assert reply.status == "completed"
    assert reply.output_text
    assert reply.usage
    assert reply.usage.output_tokens > 0
    record = served.last("healthy")
    assert (record["endpoint"], record["completion_tokens"]) == ("responses", reply.usage.output_tokens)


def test_stream(client: OpenAI) -> None:
    found = list(client.responses.create(**ASK, stream=True))
    assert [event.type for event in found[:2]] == ["response.created", "response.in_progress"]
    end = found[-1]
    assert end.type == "response.completed"
    assert end.response.output_text
    assert "".join(e.delta for e in found if e.type == "response.output_text.delta") == end.response.output_text


def test_the_stream_helper(client: OpenAI) -> None:
    with client.responses.stream(**ASK, text_format=Person) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, Person)
    assert final.output_parsed == Person.model_validate_json(text)


def test_parse(client: OpenAI) -> None:
    assert isinstance(client.responses.parse(**ASK, text_format=Person).output_parsed, Person)


def test_a_summary_of_reasoning(client: OpenAI) -> None:
    reply = client.responses.create(**ASK, reasoning={"effort": "low", "summary": "auto"})
    thought = reply.output[0]
    assert thought.type == "reasoning"
    assert thought.summary[0].text
    assert reply.output_text
    assert reply.usage
    assert reply.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_limit(client: OpenAI, stream: bool) -> None:
    if stream:
        end = list(client.responses.create(**ASK, max_output_tokens=16, stream=True))[-1]
        assert end.type == "response.incomplete"
        reply = end.response
    else:
        reply = client.responses.create(**ASK, max_output_tokens=16)
    assert reply.status == "incomplete"
    assert reply.incomplete_details
    assert reply.incomplete_details.reason == "max_output_tokens"
    assert reply.usage
    assert reply.usage.output_tokens == 16


def test_an_agent_ends_when_its_tool_has_returned(client: OpenAI) -> None:
    items: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = client.responses.create(model="gpt-4o", input=items, tools=[TOOL], tool_choice="required")
    (call,) = first.output
    assert call.type == "function_call"
    assert isinstance(json.loads(call.arguments)["city"], str)
    items += [
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."},
    ]
    assert client.responses.create(model="gpt-4o", input=items, tools=[TOOL]).output_text


@using("tools")
def test_calls_in_a_stream(client: OpenAI) -> None:
    with client.responses.stream(**ASK, tools=[TOOL, OTHER]) as stream:
        call = stream.get_final_response().output[-1]
    assert call.type == "function_call"
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments)["city"], str)


@using("few")
def test_an_unknown_model_is_a_bad_request(client: OpenAI) -> None:
    assert client.responses.create(**ASK).output_text
    with pytest.raises(openai.BadRequestError, match="'gpt-9' does not exist") as caught:
        client.responses.create(model="gpt-9", input="Why?")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@using("breaks_off")
def test_a_failure_within_a_stream_is_an_api_error(client: OpenAI) -> None:
    said: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        said.extend(event.type for event in client.responses.create(**ASK, stream=True))
    assert (caught.value.type, caught.value.code) == ("server_error", "server_error")
    assert not isinstance(caught.value, openai.APIStatusError)
    with client.responses.stream(**ASK) as stream, pytest.raises(openai.APIError, match="had an error"):
        stream.until_done()


@using("cut")
def test_a_stream_that_ends_early_never_completes(client: OpenAI) -> None:
    with client.responses.stream(**ASK) as stream, pytest.raises(RuntimeError, match=r"response\.completed"):
        stream.get_final_response()


def test_a_refusal(scripted: OpenAI) -> None:
    for reply in (
        scripted.responses.create(model="refuses", input="Why?"),
        scripted.responses.parse(model="refuses", input="Why?", text_format=Person),
    ):
        (message,) = reply.output
        assert message.type == "message"
        assert message.content[0].type == "refusal"
        assert message.content[0].refusal == "I will not."
        assert reply.output_text == ""
    with scripted.responses.stream(model="refuses", input="Why?") as stream:
        kinds = {event.type for event in stream}
        assert stream.get_final_response().output_text == ""
    assert {"response.refusal.delta", "response.refusal.done"} <= kinds


def test_several_calls_are_put_together_by_the_helper(scripted: OpenAI) -> None:
    with scripted.responses.stream(model="calls", input="Why?", tools=[TOOL, OTHER]) as stream:
        message, *calls = stream.get_final_response().output
    assert message.type == "message"
    said = [(call.name, call.arguments) for call in calls if call.type == "function_call"]
    assert said == [("get_weather", '{"city":"Rome"}'), ("get_time", "{}")]


@pytest.mark.parametrize("model", SAID)
def test_everything_is_of_the_declared_types(model: str) -> None:
    body = {**ASK, "tools": [TOOL, OTHER], "metadata": {"a": "b"}, "text": {"format": FORM}, "user": "u-1"}
    Response.model_validate_json(played(DIALECT, ask(DIALECT, "/v1/responses", body), SAID[model]).body)
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for name, data in sse(played(DIALECT, ask(DIALECT, "/v1/responses", {**body, "stream": True}), SAID[model]).body):
        assert adapter.validate_json(data).type == name
