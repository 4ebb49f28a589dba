"""The player: the only thing that sleeps and writes. It plays a reply on a wire and notes when each action was due and done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from brownout.faults.model.capacity import Slots, Ticket
from brownout.faults.values.clock import NS, Clock
from brownout.faults.values.reply import Acquire, Action, Cut, Data, End, Hang, Head, Raw, Reply, Reset, Wait

__all__ = ["Gone", "Played", "Timeline", "Wire", "play"]


class Gone(Exception):  # noqa: N818 - an event, not an error
    """The client left while a reply was played."""


class Played(NamedTuple):
    """One action as it was played. Times in nanoseconds of the door's clock; `size` in bytes handed to the kernel."""

    kind: str
    due_ns: int
    done_ns: int
    size: int


class Wire(Protocol):
    """What a door lets a player do. Writing raises Gone when the client has left."""

    async def head(self, head: Head) -> int: ...
    async def data(self, body: bytes) -> int: ...
    async def raw(self, body: bytes) -> int: ...
    async def end(self) -> int: ...
    async def sleep_until(self, due_ns: int) -> None: ...
    async def gone(self) -> None:
        """Returns (by raising Gone) only when the client leaves."""
        ...

    def cut(self) -> None: ...
    def reset(self) -> None: ...


class Timeline:
    """What was played so far, kept outside of `play` so that an interrupted reply is recorded too."""

    def __init__(self, start_ns: int) -> None:
        self.due_ns = start_ns
        self.played: list[Played] = []
        self.status = 0
        self.queued_ns = 0
        self.end = "unfinished"


async def play(
    reply: Reply, wire: Wire, clock: Clock, slots: Slots, timeline: Timeline, said: Callable[[int], None]
) -> str:
    """Play `reply` to its end. Returns how it ended: ``complete``, ``cut``, ``reset`` or ``client_left``.

    Due times are counted from the start of the reply, not from the action before: a late action makes no later one late.
    Time in the model's queue is not due in advance, so it moves what follows. `said` is told the tokens handed over.
    """
    ticket: Ticket | None = None
    pending: list[Action] = []
    try:
        while True:
            action = pending.pop(0) if pending else next(reply, End())
            if isinstance(action, Acquire):
                before = clock.now_ns()
                ticket, waited = await _slot(slots, wire)
                if waited:
                    timeline.queued_ns += clock.now_ns() - before
                    timeline.due_ns += clock.now_ns() - before
                if ticket is None:
                    reply, pending = iter(()), list(action.refused)
                continue
            if isinstance(action, Wait):
                timeline.due_ns += round(action.seconds * NS)
                if timeline.due_ns > clock.now_ns():
                    await wire.sleep_until(timeline.due_ns)
                continue
            if isinstance(action, Hang):
                timeline.played.append(Played("hang", timeline.due_ns, clock.now_ns(), 0))
                await wire.gone()
            size = await _do(action, wire)
            timeline.played.append(Played(_KIND[type(action)], timeline.due_ns, clock.now_ns(), size))
            if isinstance(action, Head):
                timeline.status = action.status
            elif isinstance(action, Data) and action.tokens:
                said(action.tokens)
            elif isinstance(action, End | Cut | Reset):
                timeline.end = _END[type(action)]
                return timeline.end
    except Gone:
        timeline.end = "client_left"
        return timeline.end
    finally:
        if ticket is not None:
            slots.release(ticket)


_KIND: dict[type, str] = {Head: "head", Data: "data", Raw: "raw", End: "end", Cut: "cut", Reset: "reset"}
_END: dict[type, str] = {End: "complete", Cut: "cut", Reset: "reset"}


async def _do(action: Action, wire: Wire) -> int:
    if isinstance(action, Head):
        return await wire.head(action)
    if isinstance(action, Data):
        return await wire.data(action.body)
    if isinstance(action, Raw):
        return await wire.raw(action.body)
    if isinstance(action, End):
        return await wire.end()
    if isinstance(action, Cut):
        wire.cut()
    elif isinstance(action, Reset):
        wire.reset()
    return 0


async def _slot(slots: Slots, wire: Wire) -> tuple[Ticket | None, bool]:
    """A granted ticket (None when the queue is full), and whether it was waited for.

    A client that leaves gives up its place.
    """
    granted = asyncio.Event()
    ticket = slots.acquire(granted.set)
    if ticket is None or ticket.granted:
        return ticket, False
    waiting = asyncio.ensure_future(granted.wait())
    leaving = asyncio.ensure_future(wire.gone())
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            slots.release(ticket)
            leaving.result()
        return ticket, True
    except asyncio.CancelledError:
        slots.release(ticket)
        raise
    finally:
        waiting.cancel()
        leaving.cancel()
