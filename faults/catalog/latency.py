"""The response head comes late."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Head, Step, Wait


@fault("latency")
class Latency(Fault):
    """Wait before the response head: fixed, uniform or lognormal. The model's slot stays taken meanwhile.

    Example: ``latency: {seconds: 15s}`` or ``latency: {seconds: {lognormal: {median: 4s, sigma: 0.6}}}``.
    """

    seconds: Duration

    def on_reply(self, call: Call) -> Step:
        wait = Wait(self.seconds.draw(call.rng), self.name)

        def step(action: Action) -> Iterable[Action]:
            return (wait, action) if isinstance(action, Head) else (action,)

        return step
