"""A reply that is no HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.catalog._fields import Count
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, Head, Raw, Step


@fault("garbage")
class Garbage(Fault):
    """Send `size` random bytes and a line feed in place of the reply, and close the connection.

    Example: ``garbage: {size: 64}``.
    """

    size: Count = 64

    def on_reply(self, call: Call) -> Step:
        def step(action: Action) -> Iterable[Action]:
            return (Raw(call.rng.randbytes(self.size) + b"\n"), Cut()) if isinstance(action, Head) else (action,)

        return step
