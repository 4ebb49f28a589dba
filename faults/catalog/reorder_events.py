"""Events that arrive in the wrong order."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.catalog._fields import Count, Tokens
from brownout.faults.catalog._replies import Events
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import TERMINAL, Action, Data, Step


@fault("reorder_events")
class ReorderEvents(Fault):
    """Send an event with content, the first after `after_tokens` tokens, only when `by` others have overtaken it.

    At the end of a stream it may come after the end marker. A reply that is not streamed is left alone.
    Example: ``reorder_events: {after_tokens: 5, by: 1}``.
    """

    after_tokens: Tokens = 5
    by: Count = 1

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        events, left = Events(call, self.after_tokens, 1, ("content",)), self.by
        held: tuple[Data, ...] = ()

        def step(action: Action) -> Iterable[Action]:
            nonlocal held, left
            if events.picks(action):
                held = (action,)
                return ()
            late = held
            if late and isinstance(action, TERMINAL):
                return (*late, action)
            if late and isinstance(action, Data) and (left := left - 1) == 0:
                held = ()
                return (action, *late)
            return (action,)

        return step
