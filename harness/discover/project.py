"""What is found out about a project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from brownout.harness.discover.clients import Way

__all__ = ["Find", "Project", "Used"]

T = TypeVar("T")


@dataclass(frozen=True)
class Find(Generic[T]):
    """Something found, and where."""

    value: T
    source: str


@dataclass(frozen=True)
class Used:
    """A model client that the project uses: its package, and a dialect that it speaks."""

    package: str
    dialect: str
    way: Way = field(default_factory=Way)


@dataclass
class Project:
    """What was found about a project; None, or nothing, for what was not.

    `start` is the command of a web app, with ``{port}`` where its port goes. `path` is where users' questions go, `body` what
    is sent there, with ``{prompt}`` for the question, and `answer` how the reply is read, as `answer:` of a route says it.
    `command` is the command of an app without a server, and `stdin` whether it reads the question from its standard input.
    `url` is where the app runs now. `addresses` are variables in which the sources look for the address of a model API.
    """

    name: str
    start: Find[str] | None = None
    ready: Find[str] | None = None
    path: Find[str] | None = None
    body: Find[Any] | None = None
    answer: Find[dict[str, Any]] | None = None
    command: Find[list[str]] | None = None
    stdin: bool = False
    url: Find[str] | None = None
    clients: list[Find[Used]] = field(default_factory=list)
    addresses: list[Find[str]] = field(default_factory=list)
