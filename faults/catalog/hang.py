"""The request is read and never answered."""

from __future__ import annotations

from brownout.faults.values.fault import Call, Fault, fault, replace_with
from brownout.faults.values.reply import Hang as Silence
from brownout.faults.values.reply import Step


@fault("hang")
class Hang(Fault):
    """Send nothing at all and leave the connection open. For silence after the head or later, see ``stall``.

    Example: ``hang: {}``.
    """

    def on_reply(self, call: Call) -> Step:
        return replace_with((Silence(),))
