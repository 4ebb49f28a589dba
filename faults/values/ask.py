"""What a call asks for, in provider-neutral terms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Ask", "Message", "Tool", "WireRequest"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request as a door received it. Header names are lower case; the last of repeated headers counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `text` is the joined text parts.

    `role` is ``system``, ``user``, ``assistant``, ``tool`` (what a tool returned) or ``input`` (a text to embed or to
    moderate); a provider's other words stay as they are.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the caller offers. `schema` is the JSON Schema of its arguments."""

    name: str
    schema: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a call asks for. A dialect makes it from a WireRequest; the simulated model answers it.

    `endpoint` is the neutral name of the operation: ``chat``, ``responses``, ``completions``, ``embeddings``,
    ``moderations``, ``count_tokens``, ``models``. `max_tokens` is None when the caller set no limit. `tool_choice` is ``auto``, ``none``,
    ``required`` or the name of a tool. `schema` is the JSON Schema that the answer must satisfy (an empty one: any JSON
    object), None for free text. `choices` is how many answers are wanted, `dimensions` how long a vector. `reasoning` is
    true when the caller asked to see it. `body` is the parsed request body, for dialects and rules that need a field of
    their own.
    """

    endpoint: str
    model: str = ""
    messages: tuple[Message, ...] = ()
    stream: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    user: str = ""
    body: Mapping[str, object] = field(default_factory=dict, repr=False)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel: bool = True
    schema: Mapping[str, object] | None = None
    schema_name: str = ""
    choices: int = 1
    dimensions: int | None = None
    reasoning: bool = False

    @property
    def text(self) -> str:
        """All text that the caller sent, in order: where watermarks are looked for."""
        return "\n".join(m.text for m in self.messages)

    @property
    def prompt(self) -> str:
        """The text of the last message that is neither the assistant's nor a tool's."""
        return next((m.text for m in reversed(self.messages) if m.role not in ("assistant", "tool")), "")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The texts to embed or to moderate."""
        return tuple(m.text for m in self.messages if m.role == "input")

    @property
    def after_tool(self) -> bool:
        """Whether the last message is what a tool returned: a model then says its final answer."""
        return bool(self.messages) and self.messages[-1].role == "tool"

    def digest(self) -> str:
        """Hash of the messages alone: equal for every attempt of one call, whatever the model or the headers."""
        h = hashlib.blake2b(digest_size=8)
        for m in self.messages:
            h.update(f"{len(m.role)}:{m.role}{len(m.text)}:".encode("utf-8", "surrogatepass"))
            h.update(m.text.encode("utf-8", "surrogatepass"))
        return h.hexdigest()
