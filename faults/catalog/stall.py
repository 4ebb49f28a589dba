"""A stream that stops moving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Hang, Step, Wait, whole_tokens
from brownout.faults.values.units import Between


@fault("stall")
class Stall(Fault):
    """After `after_tokens` tokens (0: after the head) send nothing for `seconds`, or for ever when that is left out.

    A reply that is not streamed stalls between its head and its body.
    Example: ``stall: {after_tokens: 8, seconds: 20s}``.
    """

    after_tokens: Annotated[int, Between(0, 1_000_000)] = 0
    seconds: Duration | None = None

    def on_reply(self, call: Call) -> Step:
        pause: Action = Hang() if self.seconds is None else Wait(self.seconds.draw(call.rng), self.name)
        said, done = 0, False

        def step(action: Action) -> Iterable[Action]:
            nonlocal said, done
            if done or not isinstance(action, Data):
                return (action,)
            if said >= self.after_tokens or action.closing or action.part == "body":
                done = True
                return (pause, action)
            said += whole_tokens(action)
            return (action,)

        return step
