"""Calls on every dialect for faults to act on, and what comes of them, without a server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.faults.conftest import STAMP, PlainScribe, healthy, make_answer

from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Call, Fault, dialects
from brownout.faults.values.keys import CallKey
from brownout.faults.values.reply import TERMINAL, Action, Data, Head, Raw, Reply, Wait, apply

Asked = tuple[str, dict[str, Any]]
MESSAGES = [{"role": "user", "content": "Why?"}]


def _gemini(stream: bool) -> Asked:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/m:{method}", {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


def _chat(path: str, **more: Any) -> Callable[[bool], Asked]:
    return lambda stream: (path, {"model": "m", "messages": MESSAGES, "stream": stream, **more})


CHAT: dict[str, Callable[[bool], Asked]] = {
    "openai": _chat("/v1/chat/completions"),
    "anthropic": _chat("/v1/messages", max_tokens=1000),
    "gemini": _gemini,
    "ollama": _chat("/api/chat"),
    "mistral": _chat("/v1/chat/completions"),
    "cohere": _chat("/v2/chat"),
}
"""A chat request of each dialect, streamed or not."""


@dataclass(frozen=True)
class On:
    """One way to ask: a dialect, and a path and body that it understands."""

    name: str
    dialect: str
    path: str
    body: dict[str, Any] = field(repr=False, hash=False)

    def call(self) -> Call:
        headers = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}
        dialect = dialects.get(self.dialect)()
        ask = dialect.parse(WireRequest("POST", self.path, headers, json.dumps(self.body).encode()))
        assert isinstance(ask, Ask), ask
        key = CallKey("prompt-1", "primary", ask.endpoint, ask.model, ask.digest())
        return Call(ask, key, 1, Random(1), dialect, PlainScribe(), STAMP)

    def play(self, fault: Fault | None = None, *, answer: Answer | None = None) -> "Played":
        """The healthy reply under a fault, up to its terminal action."""
        call, fired = self.call(), False
        said = answer or make_answer()
        changed = said if fault is None else fault.on_answer(said, call)
        fired |= changed is not said
        reply: Reply = healthy(call, changed)
        step = None if fault is None else fault.on_reply(self.call())

        def fire() -> None:
            nonlocal fired
            fired = True

        if step is not None:
            reply = apply(reply, step, fire)
        return Played(tuple(_until_terminal(reply)), fired, step is not None)


def _until_terminal(reply: Reply) -> Iterator[Action]:
    for action in reply:
        yield action
        if isinstance(action, TERMINAL):
            return


@dataclass(frozen=True)
class Played:
    """What was played; whether the fault says that it did something; whether it had a step."""

    actions: tuple[Action, ...]
    injected: bool
    stepped: bool

    @property
    def head(self) -> Head:
        (head,) = (a for a in self.actions if isinstance(a, Head))
        return head

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.head.headers)

    @property
    def data(self) -> list[Data]:
        return [a for a in self.actions if isinstance(a, Data)]

    @property
    def body(self) -> bytes:
        return b"".join(a.body for a in self.actions if isinstance(a, Data | Raw))

    @property
    def end(self) -> Action:
        return self.actions[-1]

    @property
    def seconds(self) -> float:
        return sum(a.seconds for a in self.actions if isinstance(a, Wait))

    def waits(self, why: str) -> list[float]:
        return [a.seconds for a in self.actions if isinstance(a, Wait) and a.why == why]

    def parts(self, part: str) -> list[bytes]:
        return [a.body for a in self.data if a.part == part]


def chat(dialect: str, *, stream: bool) -> On:
    """A chat on a dialect."""
    path, body = CHAT[dialect](stream)
    return On(f"{dialect}-{'stream' if stream else 'whole'}", dialect, path, body)


def everywhere() -> list[On]:
    """Chats of every registered dialect, and the operations that reply in other ways."""
    made = [chat(name, stream=stream) for name in dialects.names() for stream in (True, False)]
    answers = {"model": "m", "input": "Why?"}
    return [
        *made,
        On("openai-usage", "openai", *_chat("/v1/chat/completions", stream_options={"include_usage": True})(True)),
        On("openai-responses-stream", "openai", "/v1/responses", {**answers, "stream": True}),
        On("openai-responses-whole", "openai", "/v1/responses", answers),
        On("openai-completions", "openai", "/v1/completions", {"model": "m", "prompt": "Why?", "stream": True}),
        On("openai-embeddings", "openai", "/v1/embeddings", answers),
        On("gemini-array", "gemini", "/v1beta/models/m:streamGenerateContent", _gemini(False)[1]),
        On("ollama-generate", "ollama", "/api/generate", {"model": "m", "prompt": "Why?"}),
    ]
