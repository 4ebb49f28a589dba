"""The body is right, what is said of it is not."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.catalog._fields import Line
from brownout.faults.catalog._replies import changed
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Head, Step


@fault("wrong_content_type")
class WrongContentType(Fault):
    """Send the reply with another content `type`; without one, where it is empty.

    Example: ``wrong_content_type: {type: text/plain}``.
    """

    type: Line = "text/plain"

    def on_reply(self, call: Call) -> Step:
        def step(action: Action) -> Iterable[Action]:
            if not isinstance(action, Head) or dict(action.headers).get("content-type", "") == self.type:
                return (action,)
            return (changed(action, {"content-type": self.type}),)

        return step
