"""Events that never arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from brownout.faults.catalog._fields import Count, Tokens
from brownout.faults.catalog._replies import Events
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Step


@fault("drop_events")
class DropEvents(Fault):
    """Leave out `count` events of a stream from `after_tokens` tokens on; all of them where it is null.

    The `part` is ``content``, the event with the reason why the model ended (``finish``), the one that holds nothing
    but the ``usage``, or the end marker (``done``), as far as the dialect has such an event. A reply that is not
    streamed is left alone.
    Example: ``drop_events: {part: finish}`` or ``drop_events: {part: content, after_tokens: 5, count: 2}``.
    """

    part: Literal["content", "finish", "usage", "done"] = "content"
    after_tokens: Tokens = 5
    count: Count | None = 1

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        events = Events(call, self.after_tokens, self.count, (self.part,))

        def step(action: Action) -> Iterable[Action]:
            return () if events.picks(action) else (action,)

        return step
