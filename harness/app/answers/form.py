"""What every format of an answer has in common: what is read of a reply, within which bounds, and by what steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["LIMIT", "MAX_EVENT", "MAX_EVENTS", "AnswerForm", "Body", "Kept", "ReadAnswer"]

LIMIT = 256 * 1024
"""Bytes of a body, of a line and of an event that are kept, and characters of an answer."""
MAX_EVENTS, MAX_EVENT = 50, 4096


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What was read of a reply.

    `ended`: the answer's end was announced, or, where the format announces none, the body ended cleanly; for JSON, the whole
    body came and the path found something. `cut`: it broke off instead: an interrupted body, a stream without the announced
    end, JSON that begins and does not close. `error` is the text of an error that the stream tells, `problem` what is wrong
    with the reply's form. `events` are the first 50 named events or parts, as name and data (4096 characters at most).
    """

    text: str
    ended: bool
    error: str = ""
    events: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    cut: bool = False


class AnswerForm(Protocol):
    """Reads a reply of one format."""

    @property
    def accept(self) -> str:
        """What a request says that it accepts (the header), when this format is expected."""
        ...

    @property
    def over(self) -> bool:
        """Whether an end or an error was announced: users expect no more."""
        ...

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes of the body. Returns the pieces of answer text that became visible."""
        ...

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The reply as a whole, when no more bytes come. `complete`: the body ended as its framing says."""
        ...


class Body:
    """A body as far as it came, 256 kB at most; `size` is how many bytes it had."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take in bytes."""
        self.size += len(data)
        self._kept += data[: LIMIT - len(self._kept)]

    @property
    def text(self) -> str:
        """What was kept as text; what is not UTF-8 becomes U+FFFD."""
        return self._kept.decode("utf-8-sig", "replace")


class Kept:
    """A text that is put together from pieces, 262,144 characters at most."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def add(self, piece: str) -> str:
        """Append a piece; returns it."""
        if piece and self._length < LIMIT:
            self._pieces.append(piece[: LIMIT - self._length])
            self._length += len(self._pieces[-1])
        return piece

    def __str__(self) -> str:
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return self._length > 0
