"""Turns of conversations under load: each waits for the answer to the one before it.

Works with threads, and in the Locust child, whose `threading` is gevent's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Event
from types import TracebackType
from typing import Self

from brownout.faults.values.clock import NS
from brownout.harness.app.talk import Talk
from brownout.harness.load.schedule import Arrival

__all__ = ["Turn", "Turns"]


class Turn:
    """One turn, a context while it goes on. `talk` is what the conversation's turns share.

    `ended_ns` is to be set to the monotonic time at which the user had the answer, or gave up; it is the end of the context
    where nobody sets it.
    """

    def __init__(self, talk: Talk, think: float, before: Turn | None) -> None:
        self.talk = talk
        self.ended_ns = 0
        self._think, self._before = round(think * NS), before
        self._over, self._over_ns = Event(), 0

    def wait(self, planned_ns: int) -> int:
        """Wait for the turn before. Returns when this one is intended: as planned, or later, as soon as its user can ask.

        A user thinks after the end of an answer; a connection that stays open after that keeps the next turn back, too.
        """
        before, self._before = self._before, None  # not kept, or each turn would keep all before it
        if before is None:
            return planned_ns
        before._over.wait()
        return max(planned_ns, before.ended_ns + self._think, before._over_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over_ns = time.monotonic_ns()
        self.ended_ns = self.ended_ns or self._over_ns
        self._over.set()


class Turns:
    """The conversations of a schedule. Of one that has ended nothing is kept."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self._last = {a.conversation: a.turn for a in arrivals if a.conversation}
        self._going: dict[str, Turn] = {}

    def next(self, arrival: Arrival) -> Turn | None:
        """The turn of an arrival, None where it has no conversation. To be asked for in the order of the schedule."""
        name = arrival.conversation
        if not name:
            return None
        before = self._going.pop(name, None)
        turn = Turn(before.talk if before else Talk(name), arrival.think, before)
        if arrival.turn < self._last[name]:
            self._going[name] = turn
        return turn
