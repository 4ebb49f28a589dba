"""A sample: what one user got for one request, with times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["End", "Sample"]

End = Literal["complete", "truncated", "error", "refused", "left", "timeout", "unfinished"]
"""How a request ended.

complete    a reply of status 2xx, and its end was seen
truncated   a reply of status 2xx that began and broke off, or ended without the announced end
error       another status (redirects are not followed), or an error event
refused     no HTTP reply: the connection was refused, reset or closed before a status line and headers came
left        the user saw nothing new for as long as patience lasts, and closed the connection
timeout     the longest time that any request may take was over
unfinished  the load was stopped in the meantime

Of a command: its exit status is good (complete) or not (error); it cannot be started (refused).
"""

MAX_ERROR, MAX_TEXT = 500, 64 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One request as its user saw it. Times are seconds since the run's origin, None where it did not happen.

    `intended` is when the user wanted to ask, `sent` when the load began to connect, `head` when status and headers had come,
    `first` and `last` when the first and the last text became visible (for JSON, when the body was whole), `ended` when the
    answer's end was seen or the request was given up. `max_gap` is the longest time between two visible pieces, in seconds; 0
    with fewer than two. `status` is 0 when no reply came, and the exit status of a command; `bytes` counts the body. `good` and `degraded` are the judgement of
    the route's rules on what came. `error` (500 characters at most) says what went wrong, for people; `text` is the answer
    (65,536 at most). `turn` counts the questions of a `conversation` from 1; a turn is intended when the answer before it has
    been read, which may be later than the schedule has it.
    """

    request: int
    prompt: int
    user: str
    phase: str
    route: str
    intended: float
    sent: float | None
    status: int
    head: float | None
    first: float | None
    last: float | None
    ended: float | None
    end: End
    error: str
    text: str
    pieces: int
    max_gap: float
    bytes: int
    good: bool
    degraded: str
    retry_after: float | None
    tenant: str = ""
    conversation: str = ""
    turn: int = 1

    def __post_init__(self) -> None:
        if self.end not in get_args(End):
            raise ValueError(f"{self.end!r} is not how a request ends; known: {', '.join(get_args(End))}")
        object.__setattr__(self, "error", self.error[:MAX_ERROR])
        object.__setattr__(self, "text", self.text[:MAX_TEXT])

    def to_record(self) -> dict[str, Any]:
        """The sample as plain data for the journal."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Sample:
        """Raises TypeError or ValueError for a record of another shape."""
        return cls(**record)
