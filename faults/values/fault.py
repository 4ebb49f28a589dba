"""Faults: the ways in which a backend goes wrong, and the context in which a fault decides what to do.

A fault is a frozen dataclass whose fields are its parameters. It has up to three hooks, each pure: no I/O, no clock, and
randomness only from the keyed generator that it is handed. A fault overrides the hooks that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from random import Random
from typing import Any, ClassVar, Literal, Protocol, TypeVar, dataclass_transform

from brownout.faults.values.answer import Answer, Issued
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.keys import CallKey
from brownout.faults.values.registry import Registry
from brownout.faults.values.reply import Action, Reply, Step

__all__ = [
    "Accept",
    "Call",
    "Dialect",
    "Failure",
    "Fault",
    "Scribe",
    "Stamp",
    "dialects",
    "fault",
    "faults",
    "replace_with",
]


class Accept(StrEnum):
    """What a listener does with a new connection."""

    SERVE = "serve"
    RESET = "reset"  # accepted and aborted at once


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that a dialect can put in its provider's own words.

    `kind` is neutral: ``overloaded``, ``server_error``, ``rate_limit``, ``quota``, ``bad_request``, ``context_length``,
    ``content_filter``, ``model_not_found``, ``not_served``, ``auth``. An empty `message` means the provider's usual text for
    the kind or the status. `headers` are added as they are. `model` is the model asked for, where the provider's message
    names it. `mark` is a watermark that goes into the message.
    """

    status: int
    kind: str = ""
    message: str = ""
    model: str = ""
    mark: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a reply one of its own: `id`, 32 hexadecimal digits, and `created` in Unix seconds."""

    id: str
    created: int


class Dialect(Protocol):
    """One provider's wire format. Pure: bytes in, values out, and back.

    `served` lists what it serves, as ``METHOD path``; `endpoints` are the neutral names of that. `overloaded` is the status
    by which the provider says that it has no capacity left. `variables` are the environment variables by which the provider's
    clients find their API and their key: name to value, in which ``{base}`` stands for the base URL and ``{origin}`` for
    ``http://host:port``. `framing` is how its streams are cut into events.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    variables: ClassVar[Mapping[str, str]]
    framing: ClassVar[Literal["sse", "ndjson"]]
    overloaded: ClassVar[int]

    @property
    def endpoints(self) -> tuple[str, ...]: ...

    @property
    def served(self) -> tuple[str, ...]: ...

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        """A backend's dialect. `models` are those that the backend has; none means any."""
        ...

    def base_url(self, origin: str) -> str:
        """What a client of this provider is given as its base URL, from ``http://host:port``."""
        ...

    def parse(self, request: WireRequest) -> Ask | Failure:
        """What the request asks for, or the failure that the provider would answer it with."""
        ...

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        """The healthy reply: head, pieces at the answer's pace, end."""
        ...

    def failure(self, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        """An error reply in the provider's words, complete with head and end."""
        ...

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        """What the provider sends when it fails in the middle of a stream, with how it ends the stream then."""
        ...


class Scribe(Protocol):
    """Makes watermarked text and keeps the ledger of what was issued."""

    def nonsense(self, sentences: int) -> tuple[str, Issued]:
        """Text that looks like language and is none."""
        ...

    def error(self) -> tuple[str, Issued]:
        """One sentence for the text of an error body, so that a leaked error is recognised."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault may know of the call that it hits. `rng` is keyed by seed, rule and call: its draws are repeatable."""

    ask: Ask
    key: CallKey
    attempt: int
    rng: Random
    dialect: Dialect
    scribe: Scribe
    stamp: Stamp

    def fail(self, failure: Failure) -> Sequence[Action]:
        """The actions of an error reply in the provider's words, marked so that it is recognised where it leaks."""
        mark, _ = self.scribe.error()
        return self.dialect.failure(replace(failure, mark=mark), self.stamp)


@dataclass(frozen=True)
class Fault:
    """Base of all faults. The hooks here change nothing."""

    name: ClassVar[str] = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    def __str__(self) -> str:
        """The parameters that are not the usual ones: ``status: 503, retry_after: 2.0``."""
        given = ((f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default)
        return ", ".join(f"{name}: {value}" for name, value in given)

    def on_connection(self, rng: Random) -> Accept:
        """What the listener does with a new connection. The scope is the whole backend: nothing was asked yet."""
        return Accept.SERVE

    def on_answer(self, answer: Answer, call: Call) -> Answer:
        """Change what the model says."""
        return answer

    def on_reply(self, call: Call) -> Step | None:
        """A step that changes how the reply is delivered, or None to leave it alone."""
        return None


faults: Registry[type[Fault]] = Registry("fault", "brownout.faults")
dialects: Registry[type[Dialect]] = Registry("dialect", "brownout.dialects")


F = TypeVar("F", bound=Fault)


@dataclass_transform(frozen_default=True)
def fault(name: str) -> Callable[[type[F]], type[F]]:
    """Class decorator: make a Fault a frozen dataclass called `name` and register it."""

    def decorate(cls: type[F]) -> type[F]:
        cls.name = name
        made: type[F] = dataclass(frozen=True)(cls)
        faults.add(name, made)
        return made

    return decorate


def replace_with(actions: Iterable[Action]) -> Step:
    """A step that plays `actions`, which must end with a terminal action, in place of the whole reply."""
    return lambda _: actions
