"""Replies: what goes over the wire, as a lazy sequence of timed actions, and steps that change one.

A reply is an iterator of actions. Nothing in it sleeps or writes: the player of a door does. A *step* is a function fed
one action that returns the actions to take instead; a delivery fault is a step. Steps see the reply from the model
outwards, in the order of the plan, and need no server to be tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

__all__ = [
    "TERMINAL",
    "Acquire",
    "Action",
    "Cut",
    "Data",
    "End",
    "Hang",
    "Head",
    "Raw",
    "Reply",
    "Reset",
    "Step",
    "Wait",
    "apply",
    "whole_tokens",
]


@dataclass(frozen=True, slots=True)
class Wait:
    """Let `seconds` pass. `why` is a word for the journal (``head``, ``token``, the name of a fault)."""

    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take a slot of the simulated model, waiting in its queue; played as `refused` when the queue is full."""

    refused: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers. `length` is the body's size in bytes; None means chunked framing."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the body, framed by the player as the head announced. `tokens` counts the model's tokens in it.

    `part` says what the piece is to the dialect: ``open`` (before any content, or between two parts of it), ``content``,
    ``finish`` (holds the finish reason), ``usage`` (holds the usage alone), ``done`` (the end marker), ``idle`` (keeps the
    connection alive and says nothing) or ``body`` (a whole body that is not streamed).
    """

    body: bytes
    part: str = "body"
    tokens: int = 0

    @property
    def closing(self) -> bool:
        """Whether the piece comes after all content of a stream."""
        return self.part in ("finish", "usage", "done")


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that go to the socket as they are, whatever the framing says: for replies that are no good HTTP.

    The body they stand in has no length that still holds, so a `Cut` or `Reset` should follow, not an `End`.
    """

    body: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The reply is complete: finish the framing and keep the connection for the next request."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection in an orderly way (FIN) without finishing the framing."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Abort the connection (RST)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more and leave the connection open until the client gives up."""


Action = Wait | Acquire | Head | Data | Raw | End | Cut | Reset | Hang
Reply = Iterator[Action]
Step = Callable[[Action], Iterable[Action]]

TERMINAL = (End, Cut, Reset, Hang)
"""Actions after which nothing of a reply is played."""


def apply(reply: Iterable[Action], step: Step, fired: Callable[[], None] | None = None) -> Reply:
    """`reply` changed by `step`. Stops pulling at the first terminal action, so what would follow is never made.

    `fired` is called when the step first returns anything but the action it was fed: the fault was injected.
    """
    for action in reply:
        out = tuple(step(action))
        if fired and not (len(out) == 1 and out[0] is action):
            fired()
            fired = None
        for changed in out:
            yield changed
            if isinstance(changed, TERMINAL):
                return


def whole_tokens(action: Action) -> int:
    """The model's tokens that an action carries: 0 for all but content."""
    return action.tokens if isinstance(action, Data) else 0
