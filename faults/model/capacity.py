"""Capacity: slots and a queue. Without it retries would cost a backend nothing, and no storm could be seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from brownout.faults.model.spec import Capacity

__all__ = ["Slots", "Ticket"]


class Ticket:
    """A place in the queue or a slot. Give it back with `Slots.release`, whichever it is by then."""

    __slots__ = ("granted", "notify", "released")

    def __init__(self, notify: Callable[[], None]) -> None:
        self.notify, self.granted, self.released = notify, False, False


class Slots:
    """First come, first served. Knows no clock and no event loop, so it serves every door."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._free = capacity.slots
        self._waiting: deque[Ticket] = deque()
        self.queued = 0
        """How many wait now."""

    def acquire(self, notify: Callable[[], None]) -> Ticket | None:
        """A ticket, or None when the queue is full. `notify` is called once the ticket holds a slot, if not at once."""
        ticket = Ticket(notify)
        if self._free is None:
            ticket.granted = True
        elif self._free > 0:
            self._free -= 1
            ticket.granted = True
        elif self.queued < self._capacity.queue:
            self._waiting.append(ticket)
            self.queued += 1
        else:
            return None
        return ticket

    def release(self, ticket: Ticket) -> None:
        """Give up a slot or a place in the queue. The first in the queue gets a freed slot."""
        if ticket.released:
            return
        ticket.released = True
        if not ticket.granted:
            self.queued -= 1
            return
        if self._free is None:
            return
        while self._waiting:
            following = self._waiting.popleft()
            if not following.released:
                following.granted = True
                self.queued -= 1
                following.notify()
                return
        self._free += 1
