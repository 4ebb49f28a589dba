"""The official anthropic SDK against a served backend: it reads what the model said, and sees faults as Anthropic's.

The model's name decides which fault hits a call, so that one backend process serves all tests.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import BaseModel

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.doors.process import ProcessConfig
from brownout.faults.doors.server import Server
from brownout.faults.model.scribe import text_of
from brownout.faults.model.spec import AnswerRule, BackendSpec, Speed
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_rules
from brownout.faults.plans.plan import FaultPlan, Rule
from brownout.faults.values.answer import Issued
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.fault import Call, Failure, Fault, dialects
from brownout.faults.values.reply import Action, Data, Step
from brownout.faults.values.sink import Memory

STATUSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    408: anthropic.RequestTimeoutError,
    409: anthropic.ConflictError,
    413: anthropic.ContentTooLargeError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    502: anthropic.InternalServerError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError,
    529: anthropic.OverloadedError,
}
PLAN = """
- {rate_limited: {retry_after: 1s}, scope: {model: minute}, first_attempts: 1}
- {rate_limited: {kind: quota}, scope: {model: quota}}
- {hang: {}, scope: {model: hangs}}
- {stall: {after_tokens: 4}, scope: {model: stalls}}
- {stream_cut: {after_tokens: 4, end: clean}, scope: {model: ends}}
- {stream_cut: {after_tokens: 4, end: abrupt}, scope: {model: cut}}
- {reset: {at: body, after_tokens: 4}, scope: {model: reset}}
""" + "".join(f"- {{http_error: {{status: {status}}}, scope: {{model: m{status}}}}}\n" for status in STATUSES)
FAST = Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0))
ANSWERS = (
    AnswerRule(model="counts", text="One, two, three."),
    AnswerRule(model="refuses", refusal="That I will not do."),
)
ASK: dict[str, Any] = {"model": "claude", "max_tokens": 500, "messages": [{"role": "user", "content": "Why?"}]}
WEATHER: dict[str, Any] = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Served:
    def __init__(self, process: subprocess.Popen[bytes], journal: Path) -> None:
        assert process.stdout
        self.origin: str = json.loads(process.stdout.readline())["origins"]["primary"]
        self.journal = journal

    def calls(self, model: str, count: int = 1) -> list[dict[str, Any]]:
        """The journal's records of the calls to `model`, once there are `count`."""
        deadline = time.monotonic() + 3.0
        records: list[dict[str, Any]] = []
        while time.monotonic() < deadline and len(records) < count:
            lines = self.journal.read_text().splitlines() if self.journal.exists() else []
            records = [r for r in map(json.loads, lines) if r["model"] == model]
            time.sleep(0.01)
        assert len(records) == count, records
        return records

    def issued(self, model: str) -> list[str]:
        """The texts of the one call to `model`, made again from the ledger in the journal."""
        return [Codec("test").make(text_of(Issued(**entry))) for entry in self.calls(model)[0]["texts"]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    document = Document.parse(PLAN, "test.plan.yaml")
    config = ProcessConfig(
        seed=1,
        key="test",
        origin_ns=time.monotonic_ns(),
        journal=tmp_path_factory.mktemp("anthropic") / "calls.jsonl",
        backends={"primary": BackendSpec(dialect="anthropic", speed=FAST, answers=ANSWERS)},
        plan=parse_rules(document, document.data, ()),
    )
    command = [sys.executable, "-m", "brownout.faults.doors.process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(config.encode())
        process.stdin.flush()
        running = Served(process, config.journal)
        process.stdin.write(json.dumps({"begin_ns": time.monotonic_ns()}).encode() + b"\n")
        process.stdin.flush()
        time.sleep(0.1)
        yield running
        process.terminate()


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=served.origin, api_key="secret-of-the-user", max_retries=0) as made:
        yield made


def text(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def streamed(events: Iterable[RawMessageStreamEvent]) -> tuple[str, str | None]:
    """The text of a raw stream and its stop reason."""
    said, reason = "", None
    for event in events:
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            said += event.delta.text
        elif event.type == "message_delta":
            reason = event.delta.stop_reason
    return said, reason


def ask(client: anthropic.Anthropic, model: str, *, stream: bool = True, **more: Any) -> tuple[str, str | None]:
    made = {**ASK, "model": model, **more}
    if stream:
        return streamed(client.messages.create(stream=True, **made))
    message = client.messages.create(**made)
    return text(message), message.stop_reason


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_is_read_as_it_was_said(served: Served, client: anthropic.Anthropic, stream: bool) -> None:
    model = f"claude-{stream}"
    assert ask(client, model, stream=stream) == ("".join(served.issued(model)), "end_turn")


def test_the_stream_helper(served: Served, client: anthropic.Anthropic) -> None:
    with client.messages.stream(**{**ASK, "model": "helped"}) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert [said] == [text(final)] == served.issued("helped")
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == served.calls("helped")[0]["completion_tokens"] > 1
    assert stream.request_id
    assert stream.request_id.startswith("req_")


def test_the_base_url_comes_from_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = dialects.get("anthropic")
    assert dialect().base_url(served.origin) == served.origin, "the SDK adds /v1"
    for name, value in dialect.variables.items():
        monkeypatch.setenv(name, value.format(base=dialect().base_url(served.origin)))
    with anthropic.Anthropic() as client:
        assert ask(client, "environment", stream=False)[0]


def test_asynchronously(served: Served) -> None:
    async def run() -> None:
        async with anthropic.AsyncAnthropic(base_url=served.origin, api_key="any", max_retries=0) as client:
            whole = await client.messages.create(**{**ASK, "model": "async-whole"})
            assert [text(whole)] == served.issued("async-whole")
            async with client.messages.stream(**{**ASK, "model": "async-stream"}) as stream:
                assert ["".join([t async for t in stream.text_stream])] == served.issued("async-stream")
            events = await client.messages.create(stream=True, **{**ASK, "model": "async-raw"})
            kinds = [event.type async for event in events]
            assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
            with pytest.raises(anthropic.OverloadedError):
                await client.messages.create(**{**ASK, "model": "m529"})

    asyncio.run(run())


@pytest.mark.parametrize("stream", [True, False])
def test_a_forced_tool(client: anthropic.Anthropic, stream: bool) -> None:
    made = {**ASK, "tools": [WEATHER], "tool_choice": {"type": "tool", "name": "weather"}}
    if stream:
        with client.messages.stream(**made) as events:
            message: Message = events.get_final_message()
    else:
        message = client.messages.create(**made)
    assert message.stop_reason == "tool_use"
    (block,) = message.content
    assert block.type == "tool_use"
    assert block.name == "weather"
    assert isinstance(block.input["city"], str)
    told = [
        *ASK["messages"],
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "Rain."}]},
    ]
    assert ask(client, "claude", tools=[WEATHER], messages=told)[1] == "end_turn"


@pytest.mark.parametrize("stream", [True, False])
def test_thinking(client: anthropic.Anthropic, stream: bool) -> None:
    made = {**ASK, "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if stream:
        with client.messages.stream(**made) as events:
            message: Message = events.get_final_message()
    else:
        message = client.messages.create(**made)
    thought, said = message.content
    assert thought.type == "thinking"
    assert thought.thinking
    assert thought.signature
    assert said.type == "text"
    assert message.usage.output_tokens_details
    assert 0 < message.usage.output_tokens_details.thinking_tokens < message.usage.output_tokens


class Person(BaseModel):
    name: str
    age: int


def test_structured_output(client: anthropic.Anthropic) -> None:
    assert isinstance(client.messages.parse(output_format=Person, **ASK).parsed_output, Person)


@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal(client: anthropic.Anthropic, stream: bool) -> None:
    made = {**ASK, "model": "refuses"}
    if stream:
        with client.messages.stream(**made) as events:
            message: Message = events.get_final_message()
    else:
        message = client.messages.create(**made)
    assert message.stop_reason == "refusal"
    assert message.content == []
    assert message.stop_details
    assert message.stop_details.explanation == "That I will not do."


def test_a_stop_sequence(client: anthropic.Anthropic) -> None:
    message = client.messages.create(**{**ASK, "model": "counts", "stop_sequences": ["six", ", three"]})
    assert (text(message), message.stop_reason, message.stop_sequence) == ("One, two", "stop_sequence", ", three")


@pytest.mark.parametrize("stream", [True, False])
def test_the_token_limit(client: anthropic.Anthropic, stream: bool) -> None:
    said, reason = ask(client, "claude", stream=stream, max_tokens=3)
    assert said
    assert reason == "max_tokens"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "Why is the sky blue?"}], "tools": [WEATHER]}
    counted = client.messages.count_tokens(model="claude", **asked).input_tokens
    assert client.messages.create(**{**ASK, **asked}).usage.input_tokens == counted > 5


def test_models_are_listed_and_found(client: anthropic.Anthropic) -> None:
    every = [m.id for m in client.models.list()]
    assert [m.id for m in client.models.list(limit=1)] == every, "page by page"
    assert client.models.retrieve("claude-x").id == "claude-x"
    assert client.models.retrieve("claude-x").created_at.year == 2026


def test_the_sdk_upgrade_that_breaks_production(client: anthropic.Anthropic) -> None:
    hot = {"extra_body": {"temperature": 0.2}}
    with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"):
        ask(client, "claude", stream=False, **hot)
    assert ask(client, "claude", stream=False, extra_headers={"anthropic-version": "2023-06-01"}, **hot)[0]


def test_no_key_at_all(served: Served) -> None:
    omitted: dict[str, Any] = {"authorization": anthropic.Omit()}
    with (
        anthropic.Anthropic(base_url=served.origin, api_key="x", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError, match="x-api-key header is required"),
    ):
        ask(client, "claude", stream=False, extra_headers=omitted)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_by_its_status(client: anthropic.Anthropic, status: int, stream: bool) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask(client, f"m{status}", stream=stream)
    error = raised.value
    assert type(error) is STATUSES[status]
    assert error.status_code == status
    assert error.type
    assert error.request_id == error.body["request_id"]  # type: ignore[index]


def test_a_rate_limit_is_waited_for(served: Served) -> None:
    with anthropic.Anthropic(base_url=served.origin, api_key="any", max_retries=1) as client:
        assert ask(client, "minute", stream=False)[0]
    first, second = served.calls("minute", 2)
    assert (first["status"], second["status"]) == (429, 200)
    assert second["arrived"] - first["ended"] >= 0.99


def test_no_credit(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError, match="Your credit balance is too low"):
        ask(client, "quota")


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("hangs", anthropic.APITimeoutError),
        ("stalls", httpx2.ReadTimeout),
        ("cut", httpx2.RemoteProtocolError),
        ("reset", httpx2.ReadError),
    ],
)
def test_a_stream_that_breaks(client: anthropic.Anthropic, model: str, error: type[Exception]) -> None:
    """Once a stream has begun, what breaks it is not even an exception of the SDK."""
    with pytest.raises(error):
        ask(client, model, timeout=0.4)


def test_a_clean_cut_is_silent(served: Served, client: anthropic.Anthropic) -> None:
    """The stream ends, there is no error, and no stop reason either."""
    said, reason = ask(client, "ends")
    assert said
    assert served.issued("ends")[0].startswith(said)
    assert reason is None


@dataclass(frozen=True)
class FailsInStream(Fault):
    """Sends the provider's failure in the place of the fifth token."""

    def on_reply(self, call: Call) -> Step:
        said = 0

        def step(action: Action) -> Sequence[Action]:
            nonlocal said
            said += isinstance(action, Data) and action.tokens
            failure = Failure(529, "overloaded")
            return call.dialect.stream_failure(call.ask, failure, call.stamp) if said == 5 else (action,)

        return step


def test_an_overloaded_error_in_a_stream_has_the_status_200() -> None:
    async def run() -> tuple[str, anthropic.APIStatusError]:
        plan = FaultPlan((Rule("r", "fails_in_stream", FailsInStream()),))
        backend = Backend("primary", BackendSpec(dialect="anthropic", speed=FAST), plan, Shared(1, Codec("test")))
        server = Server({"primary": backend}, Memory(), time.monotonic_ns())
        origin, said = (await server.listen())["primary"], ""
        server.begin(time.monotonic_ns())
        try:
            async with (
                anthropic.AsyncAnthropic(base_url=origin, api_key="any") as client,
                client.messages.stream(**ASK) as stream,
            ):
                async for piece in stream.text_stream:
                    said += piece
        except anthropic.APIStatusError as e:
            return said, e
        finally:
            await server.stop()
        raise AssertionError("the stream ended without an error")

    said, error = asyncio.run(run())
    assert said
    assert type(error) is anthropic.APIStatusError
    assert (error.status_code, error.type) == (200, "overloaded_error")


def test_the_key_is_nowhere_in_the_journal(served: Served, client: anthropic.Anthropic) -> None:
    ask(client, "keyed")
    assert served.calls("keyed")
    assert "secret-of-the-user" not in served.journal.read_text()
