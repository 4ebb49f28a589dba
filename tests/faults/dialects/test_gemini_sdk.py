"""The official google-genai SDK against a served backend: it reads what the model said, and sees faults as Google's.

The model's name decides which fault hits a call, so that one backend process serves all tests.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.scribe import text_of
from brownout.faults.model.spec import BackendSpec, Speed
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_rules
from brownout.faults.values.answer import Answer, Issued
from brownout.faults.values.ask import Ask
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Data

PLAN = """
- {http_error: {status: 400}, scope: {model: m400}}
- {http_error: {status: 404}, scope: {model: m404}}
- {http_error: {status: 503}, scope: {model: m503}}
- {rate_limited: {retry_after: 7s}, scope: {model: minute}}
- {rate_limited: {kind: quota}, scope: {model: day}}
- {latency: {seconds: 20s}, scope: {model: slow}}
- {stall: {after_tokens: 4}, scope: {model: stalls}}
- {stream_cut: {after_tokens: 4, end: clean}, scope: {model: ends}}
- {stream_cut: {after_tokens: 4, end: abrupt}, scope: {model: cut}}
- {reset: {at: body, after_tokens: 4}, scope: {model: reset}}
"""


class Served:
    def __init__(self, process: subprocess.Popen[bytes], journal: Path) -> None:
        assert process.stdout
        self.origin: str = json.loads(process.stdout.readline())["origins"]["primary"]
        self.journal = journal

    def issued(self, model: str) -> str:
        """The text of the call to `model`, made again from the ledger in the journal."""
        deadline = time.monotonic() + 3.0
        while time.monotonic() < deadline:
            records = [json.loads(line) for line in self.journal.read_text().splitlines()]
            if found := [r for r in records if r["model"] == model]:
                (entry,) = found[0]["texts"]
                return Codec("test").make(text_of(Issued(**entry)))
            time.sleep(0.01)
        raise AssertionError(f"no call to {model} was recorded")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    document = Document.parse(PLAN, "test.plan.yaml")
    config = ProcessConfig(
        seed=1,
        key="test",
        origin_ns=time.monotonic_ns(),
        journal=tmp_path_factory.mktemp("gemini") / "calls.jsonl",
        backends={"primary": BackendSpec(dialect="gemini", speed=Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0)))},
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
def client(served: Served) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=served.origin, timeout=10_000)
    with genai.Client(api_key="secret-of-the-user", http_options=options) as made:
        yield made


class Person(BaseModel):
    name: str
    age: int
    email: str | None


WEATHER = types.FunctionDeclaration(
    name="weather",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    ),
)


def streamed(
    client: genai.Client, model: str = "gemini-2.5-flash", **config: Any
) -> tuple[str, types.FinishReason | None]:
    """The text of a stream and its finish reason."""
    text, finish = "", None
    made = types.GenerateContentConfig(**config)
    for chunk in client.models.generate_content_stream(model=model, contents="Why?", config=made):
        text += chunk.text or ""
        finish = (chunk.candidates or [types.Candidate()])[0].finish_reason or finish
    return text, finish


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_an_answer_is_read(served: Served, client: genai.Client, version: str) -> None:
    config = types.GenerateContentConfig(http_options=types.HttpOptions(api_version=version))
    response = client.models.generate_content(model=f"whole-{version}", contents="Why?", config=config)
    assert response.text == served.issued(f"whole-{version}")
    assert response.candidates
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    assert response.model_version == f"whole-{version}"
    assert response.response_id
    usage = response.usage_metadata
    assert usage
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.candidates_token_count or 0)


def test_the_base_url_comes_from_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = dialects.get("gemini")
    for name, value in dialect.variables.items():
        monkeypatch.setenv(name, value.format(base=dialect().base_url(served.origin)))
    with genai.Client() as client:
        assert client.models.generate_content(model="gemini-2.5-flash", contents="Why?").text


def test_a_stream_is_read(served: Served, client: genai.Client) -> None:
    text, finish = streamed(client, "stream")
    assert text == served.issued("stream")
    assert finish == types.FinishReason.STOP


def test_a_chat_keeps_its_stream_and_goes_on(client: genai.Client) -> None:
    chat = client.chats.create(model="gemini-2.5-flash")
    first = "".join(chunk.text or "" for chunk in chat.send_message_stream("Why?"))
    assert len(chat.get_history(curated=True)) > 5, "a turn for every chunk"
    assert chat.send_message("And then?").text
    assert first


def test_asynchronously(served: Served) -> None:
    async def run() -> None:
        options = types.HttpOptions(base_url=served.origin)
        async with genai.Client(api_key="any", http_options=options).aio as client:
            whole = await client.models.generate_content(model="async-whole", contents="Why?")
            assert whole.text == served.issued("async-whole")
            stream = await client.models.generate_content_stream(model="async-stream", contents="Why?")
            assert "".join([c.text or "" async for c in stream]) == served.issued("async-stream")
            with pytest.raises(errors.ServerError):
                await client.models.generate_content(model="m503", contents="Why?")
            failing = await client.models.generate_content_stream(model="m503", contents="Why?")
            with pytest.raises(errors.ServerError):
                await anext(failing)

    asyncio.run(run())


def test_the_token_limit(client: genai.Client) -> None:
    text, finish = streamed(client, max_output_tokens=3)
    assert finish == types.FinishReason.MAX_TOKENS
    assert text


@pytest.mark.parametrize("stream", [True, False])
def test_a_forced_function_call(client: genai.Client, stream: bool) -> None:
    mode = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"])
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[WEATHER])], tool_config=types.ToolConfig(function_calling_config=mode)
    )
    models = client.models
    if stream:
        chunks = list(models.generate_content_stream(model="gemini-2.5-flash", contents="Why?", config=config))
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
    else:
        calls = models.generate_content(model="gemini-2.5-flash", contents="Why?", config=config).function_calls or []
    (call,) = calls
    assert call.name == "weather"
    assert isinstance((call.args or {})["city"], str)
    assert call.id


@pytest.mark.parametrize("given", [{"response_schema": Person}, {"response_json_schema": Person.model_json_schema()}])
def test_structured_output(client: genai.Client, given: dict[str, Any]) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", **given)
    response = client.models.generate_content(model="gemini-2.5-flash", contents="Who?", config=config)
    assert Person.model_validate_json(response.text or "")
    if "response_schema" in given:
        assert isinstance(response.parsed, Person)


def test_thoughts(client: genai.Client) -> None:
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    response = client.models.generate_content(model="gemini-2.5-pro", contents="Why?", config=config)
    parts = response.parts or []
    assert [bool(p.thought) for p in parts] == [True, False]
    assert response.usage_metadata
    assert response.usage_metadata.thoughts_token_count


@pytest.mark.parametrize("contents", ["one", ["one", "two", "three"]])
def test_embeddings(client: genai.Client, contents: Any) -> None:
    config = types.EmbedContentConfig(output_dimensionality=16)
    response = client.models.embed_content(model="gemini-embedding-001", contents=contents, config=config)
    vectors = [e.values or [] for e in response.embeddings or []]
    assert [len(v) for v in vectors] == [16] * (1 if contents == "one" else 3)
    assert len({tuple(v) for v in vectors}) == len(vectors)


def test_tokens_are_counted(client: genai.Client) -> None:
    models = client.models
    few, many = (models.count_tokens(model="gemini-2.5-flash", contents="word " * n).total_tokens or 0 for n in (1, 40))
    assert 0 < few < many


def test_models_are_listed_and_found(client: genai.Client) -> None:
    models = client.models
    names = [m.name for m in models.list()]
    assert "models/gemini-2.5-flash" in names
    assert models.get(model="gemini-2.5-pro").name == "models/gemini-2.5-pro"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "error", "status", "said"),
    [
        ("m400", errors.ClientError, "INVALID_ARGUMENT", "invalid argument"),
        ("m404", errors.ClientError, "NOT_FOUND", "not found"),
        ("m503", errors.ServerError, "UNAVAILABLE", "overloaded"),
        ("minute", errors.ClientError, "RESOURCE_EXHAUSTED", "Please retry in 7s."),
        ("day", errors.ClientError, "RESOURCE_EXHAUSTED", "exceeded your current quota"),
    ],
)
def test_an_error_by_its_status(
    client: genai.Client, model: str, error: type[errors.APIError], status: str, said: str, stream: bool
) -> None:
    def ask() -> None:
        if stream:
            list(client.models.generate_content_stream(model=model, contents="Why?"))
        else:
            client.models.generate_content(model=model, contents="Why?")

    with pytest.raises(error) as raised:
        ask()
    assert raised.value.status == status
    assert said in (raised.value.message or "")


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("stalls", httpx2.ReadTimeout),
        ("slow", httpx2.ReadTimeout),
        ("cut", httpx2.RemoteProtocolError),
        ("reset", httpx2.ReadError),
    ],
)
def test_a_stream_that_breaks(client: genai.Client, model: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        streamed(client, model, http_options=types.HttpOptions(timeout=400))


def test_a_clean_cut_is_silent(served: Served, client: genai.Client) -> None:
    """The stream ends, there is no error, and no finish reason either."""
    text, finish = streamed(client, "ends")
    assert text
    assert served.issued("ends").startswith(text)
    assert finish is None


@pytest.mark.parametrize(("status", "error"), [(503, errors.ServerError), (429, errors.ClientError)])
def test_an_error_in_a_stream(status: int, error: type[errors.APIError]) -> None:
    dialect, stamp = dialects.get("gemini")(), Stamp("0" * 32, 1)
    ask = Ask("chat", "m", stream=True, body={"alt": "sse"})
    said = [a for a in dialect.reply(ask, Answer(("One", " two"), "m"), stamp) if isinstance(a, Data) and a.tokens]
    sent = [a.body for a in (*said, *dialect.stream_failure(ask, Failure(status), stamp)) if isinstance(a, Data)]
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=iter(sent)))
    options = types.HttpOptions(base_url="http://gemini.test", client_args={"transport": transport})
    with genai.Client(api_key="any", http_options=options) as client:
        chunks = client.models.generate_content_stream(model="m", contents="Why?")
        assert [next(chunks).text, next(chunks).text] == ["One", " two"]
        with pytest.raises(error) as raised:
            next(chunks)
    assert raised.value.code == status


def test_the_key_is_nowhere_in_the_journal(served: Served, client: genai.Client) -> None:
    client.models.generate_content(model="gemini-2.5-flash", contents="Why?")
    assert served.journal.stat().st_size
    assert "secret-of-the-user" not in served.journal.read_text()
