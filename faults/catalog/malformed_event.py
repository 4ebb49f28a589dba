"""An event whose JSON is broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.catalog._fields import Count, Tokens
from brownout.faults.catalog._replies import Events, json_span
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Step


@fault("malformed_event")
class MalformedEvent(Fault):
    """Cut the JSON of `count` events of a stream in half, from `after_tokens` tokens on; of all where it is null.

    The framing of the events stays whole. A reply that is not streamed is left alone: see ``truncated_body``.
    Example: ``malformed_event: {after_tokens: 5}``.
    """

    after_tokens: Tokens = 5
    count: Count | None = 1

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        events = Events(call, self.after_tokens, self.count, ("content", "finish", "usage"))

        def step(action: Action) -> Iterable[Action]:
            if not events.picks(action):
                return (action,)
            start, end = json_span(action.body)
            if start == end:
                return (action,)
            return (replace(action, body=action.body[: (start + end) // 2] + action.body[end:]),)

        return step
