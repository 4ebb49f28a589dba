"""Events that arrive together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brownout.faults.catalog._fields import Count
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import TERMINAL, Action, Data, Step


@fault("merge_events")
class MergeEvents(Fault):
    """Hold the events of a stream back until there are as many as `events` says, and send them in one write.

    Where it is left out, all of them come at the end, as from a proxy that buffers. A reply that is not streamed is
    left alone.

    Example: ``merge_events: {events: 4}``.
    """

    events: Count | None = None

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        held: list[Data] = []

        def step(action: Action) -> Iterable[Action]:
            if isinstance(action, Data) and action.part != "body":
                held.append(action)
                return _joined(held) if len(held) == self.events else ()
            return (*_joined(held), action) if isinstance(action, TERMINAL) else (action,)

        return step


def _joined(held: list[Data]) -> Sequence[Data]:
    """What was held back, in one piece, and no longer held back."""
    if len(held) < 2:
        pieces = tuple(held)
    else:
        part = next((d.part for d in held if d.part == "content"), held[-1].part)
        pieces = (Data(b"".join(d.body for d in held), part, sum(d.tokens for d in held)),)
    held.clear()
    return pieces
