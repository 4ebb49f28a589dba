"""Events that arrive twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.catalog._fields import Count, Tokens
from brownout.faults.catalog._replies import Events
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Step


@fault("duplicate_events")
class DuplicateEvents(Fault):
    """Send `count` events of a stream twice, from `after_tokens` tokens on; all from there on where it is left out.

    A reply that is not streamed is left alone.
    Example: ``duplicate_events: {after_tokens: 5, count: 1}``.
    """

    after_tokens: Tokens = 0
    count: Count | None = None

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        events = Events(call, self.after_tokens, self.count)

        def step(action: Action) -> Iterable[Action]:
            # The model said it once.
            return (action, replace(action, tokens=0)) if events.picks(action) else (action,)

        return step
