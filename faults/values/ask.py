"""What a call asks for, in provider-neutral terms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Ask", "Message", "WireRequest"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request as a door received it. Header names are lower case; the last of repeated headers counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `role` in the provider's word, `text` the joined text parts."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What a call asks for. A dialect makes it from a WireRequest; the simulated model answers it.

    `endpoint` is the dialect's name for the operation (``chat``, ``models`` …). `max_tokens` is None when the caller
    set no limit. `body` is the parsed request body, for dialects and rules that need a field of their own.
    """

    endpoint: str
    model: str = ""
    messages: tuple[Message, ...] = ()
    stream: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    user: str = ""
    body: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """All text that the caller sent, in order: where watermarks are looked for."""
        return "\n".join(m.text for m in self.messages)

    @property
    def prompt(self) -> str:
        """The text of the last message that is not the assistant's."""
        return next((m.text for m in reversed(self.messages) if m.role != "assistant"), "")

    def digest(self) -> str:
        """Hash of the messages alone: equal for every attempt of one call, whatever the model or the headers."""
        h = hashlib.blake2b(digest_size=8)
        for m in self.messages:
            h.update(f"{len(m.role)}:{m.role}{len(m.text)}:".encode("utf-8", "surrogatepass"))
            h.update(m.text.encode("utf-8", "surrogatepass"))
        return h.hexdigest()
