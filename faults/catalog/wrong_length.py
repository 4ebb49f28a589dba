"""A Content-Length that is not the body's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from brownout.faults.catalog._fields import Count
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, End, Hang, Head, Step


@fault("wrong_length")
class WrongLength(Fault):
    """Announce a body that is `by` bytes longer or shorter than what comes. Streams are left alone.

    `announced` is ``more`` or ``less``. After the body the connection is closed, or, with `then` ``hang``, left open
    for the bytes that never come. It is closed in any case after a body that is longer than it was said to be: its
    rest would be taken for the next reply.
    Example: ``wrong_length: {announced: more, by: 100}``.
    """

    announced: Literal["more", "less"] = "more"
    by: Count = 100
    then: Literal["close", "hang"] = "close"

    def on_reply(self, call: Call) -> Step | None:
        if call.ask.stream:
            return None
        end = Hang() if self.then == "hang" and self.announced == "more" else Cut()
        wrong = False

        def step(action: Action) -> Iterable[Action]:
            nonlocal wrong
            if isinstance(action, Head) and action.length:
                wrong = True
                by = self.by if self.announced == "more" else -min(self.by, action.length)
                return (replace(action, length=action.length + by),)
            return (end,) if wrong and isinstance(action, End) else (action,)

        return step
