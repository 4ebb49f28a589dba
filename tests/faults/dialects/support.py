"""What the tests of dialects share: replies without a server, backends on sockets for SDKs, recorded bytes."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.doors.server import Server
from brownout.faults.model.spec import AnswerRule, BackendSpec, ScriptedTool, Speed
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_rules
from brownout.faults.plans.plan import FaultPlan, Rule
from brownout.faults.values.answer import Answer, Pace, ToolCall, Usage, tokens
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.fault import Call, Dialect, Failure, Fault, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End, Head, Step, Wait, whole_tokens
from brownout.faults.values.sink import Memory

STAMP = Stamp("0123456789abcdef" * 2, 1_764_547_200)
PACE = Pace(0.25, 0.5, 0.125)
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def asked(dialect: Dialect, path: str, body: object = None, method: str = "POST", **headers: str) -> Ask | Failure:
    """What a dialect makes of a request."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return dialect.parse(WireRequest(method, path, {"authorization": "Bearer key", **headers}, data))


def ask(dialect: Dialect, path: str, body: object = None, method: str = "POST") -> Ask:
    """The ask of a request that is not refused."""
    made = asked(dialect, path, body, method)
    assert isinstance(made, Ask), made
    return made


def answer(
    text: str = "",
    *calls: tuple[str, str],
    thinking: str = "",
    finish: str = "",
    pace: Pace = PACE,
    **more: Any,
) -> Answer:
    """An answer with a text, thinking, and calls of tools as pairs of name and arguments."""
    tools = tuple(ToolCall(name, tokens(arguments)) for name, arguments in calls)
    said = Answer(tokens(text), "m", "stop", pace=pace, tools=tools, reasoning=tokens(thinking))
    usage = Usage(7, said.tokens, reasoning=len(said.reasoning))
    finish = finish or ("tool_calls" if tools else "stop")
    return Answer(said.pieces, "m", finish, usage, pace, tools=tools, reasoning=said.reasoning, **more)


@dataclass(frozen=True)
class Played:
    """A reply as it would be played."""

    actions: tuple[Action, ...]

    @property
    def head(self) -> Head:
        return next(a for a in self.actions if isinstance(a, Head))

    @property
    def content_type(self) -> str:
        return dict(self.head.headers)["content-type"]

    @property
    def body(self) -> bytes:
        return b"".join(a.body for a in self.actions if isinstance(a, Data))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> list[str]:
        """The parts of the body in their order, each named once for a run of them."""
        return [part for part, _ in groupby(a.part for a in self.actions if isinstance(a, Data))]

    @property
    def tokens(self) -> int:
        return sum(whole_tokens(a) for a in self.actions)

    @property
    def seconds(self) -> float:
        return sum(a.seconds for a in self.actions if isinstance(a, Wait))

    @property
    def ended(self) -> bool:
        return isinstance(self.actions[-1], End)


def played(dialect: Dialect, asked: Ask, said: Answer) -> Played:
    return Played(tuple(dialect.reply(asked, said, STAMP)))


def refusal(dialect: Dialect, failure: Failure) -> Played:
    return Played(tuple(dialect.failure(failure, STAMP)))


def sse(body: bytes) -> list[tuple[str, str]]:
    """The events of a stream: name and data."""
    assert body.endswith(b"\n\n")
    events = []
    for block in body.decode()[:-2].split("\n\n"):
        name, data = "", ""
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            assert field in ("event", "data"), line
            name, data = (value, data) if field == "event" else (name, value)
        events.append((name, data))
    return events


def shape(value: Any) -> Any:
    """Keys and types of JSON data, for comparing forms."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return type(value).__name__


answers = st.builds(
    answer,
    st.text(max_size=40),
    thinking=st.text(max_size=20),
    finish=st.sampled_from(("stop", "length")),
) | st.builds(
    lambda text, calls: answer(text, *(("get_weather", json.dumps({"city": c})) for c in calls)),
    st.text(max_size=20),
    st.lists(st.text(max_size=10), min_size=1, max_size=3),
)
"""Answers with text, thinking or calls of tools."""


def reference(name: str) -> Path:
    """A file of recorded bytes or a specification; skips the test where there is none."""
    folder = Path(os.environ.get("BROWNOUT_SPECS", Path(__file__).parents[4] / "shared" / "specs"))
    if not (folder / name).exists():
        assert not os.environ.get("BROWNOUT_REQUIRE_SPECS")
        pytest.skip(f"the reference data is not here ({folder / name}); set BROWNOUT_SPECS to its folder")
    return folder / name


@dataclass(frozen=True)
class BreaksOff(Fault):
    """Fail in a stream as the provider does, after some tokens."""

    name: ClassVar[str] = "breaks_off"
    after_tokens: int = 3

    def on_reply(self, call: Call) -> Step:
        said = 0

        def step(action: Action) -> tuple[Action, ...]:
            nonlocal said
            if isinstance(action, Data) and action.part == "content" and said >= self.after_tokens:
                return call.dialect.stream_failure(call.ask, Failure(500, "server_error"), call.stamp)
            said += whole_tokens(action)
            return (action,)

        return step


FAULTY = {
    "cut": "- stream_cut: {after_tokens: 6, end: clean}",
    "broken": "- stream_cut: {after_tokens: 6, end: abrupt}",
    "limited": "- rate_limited: {retry_after: 1s}",
    "busy": "- http_error: {status: 503}",
}
"""Backends that go wrong, by name: the plans that `providers` gives them."""


@dataclass(frozen=True)
class Served:
    """Backends of one dialect that are served. `origins` are where, by name."""

    origins: Mapping[str, str]
    journal: Memory

    def last(self, backend: str) -> Mapping[str, Any]:
        """The record of the last call to a backend, once it is written."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            found = [r for r in self.journal.records if r["backend"] == backend]
            if found:
                return found[-1]
            time.sleep(0.005)
        raise AssertionError(f"no call to {backend}")


def variables(dialect: str, origin: str) -> dict[str, str]:
    """The environment variables that lead a provider's clients to a backend."""
    made = dialects.get(dialect)()
    return {k: v.format(base=made.base_url(origin), origin=origin) for k, v in made.variables.items()}


@contextmanager
def providers(dialect: str, models: tuple[str, ...], statuses: tuple[int, ...] = ()) -> Iterator[Served]:
    """Backends of one dialect on sockets: ``healthy``, ``tools`` (always calls), ``few`` (knows only `models`), those of
    `FAULTY`, ``breaks_off``, and one for each status."""
    speed = Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0))
    calls = AnswerRule(tools=(ScriptedTool("any"),))
    specs = {
        "tools": BackendSpec(dialect, speed=speed, answers=(calls,)),
        "few": BackendSpec(dialect, models=models, speed=speed),
    }
    plans = {**FAULTY, **{str(status): f"- http_error: {{status: {status}}}" for status in statuses}}
    shared, healthy = Shared(1, Codec("test")), BackendSpec(dialect, speed=speed)
    backends = {name: Backend(name, specs.get(name, healthy), FaultPlan(), shared) for name in ("healthy", *specs)}
    for name, text in plans.items():
        document = Document.parse(text, "test.plan.yaml")
        backends[name] = Backend(name, healthy, parse_rules(document, document.data, ()), shared)
    breaking = FaultPlan((Rule("1", "breaks_off", BreaksOff()),))
    backends["breaks_off"] = Backend("breaks_off", healthy, breaking, shared)

    journal, loop = Memory(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(backends, journal, time.monotonic_ns())
    try:
        origins = asyncio.run_coroutine_threadsafe(server.listen(), loop).result(10)
        server.begin(time.monotonic_ns())
        yield Served(origins, journal)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
