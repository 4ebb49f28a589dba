"""The connection is closed in place of a reply."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.catalog._pages import phrase
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, Head, Raw, Step
from brownout.faults.values.units import Share


@fault("empty_reply")
class EmptyReply(Fault):
    """Close the connection in place of a reply: without a byte, or after a share of its `head`.

    Not even 100 % is a whole head: the empty line that ends it is missing.
    Example: ``empty_reply: {head: 50%}``.
    """

    head: Share = 0.0

    def on_reply(self, call: Call) -> Step:
        def step(action: Action) -> Iterable[Action]:
            if not isinstance(action, Head):
                return (action,)
            lines = [f"HTTP/1.1 {action.status} {phrase(action.status)}", *(f"{n}: {v}" for n, v in action.headers), ""]
            sent = "\r\n".join(lines).encode("latin-1", "replace")
            sent = sent[: round(len(sent) * self.head)]
            return (Raw(sent), Cut()) if sent else (Cut(),)

        return step
