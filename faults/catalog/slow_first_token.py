"""The head comes in time, the first token late."""

from __future__ import annotations

from collections.abc import Iterable

from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Head, Step, Wait


@fault("slow_first_token")
class SlowFirstToken(Fault):
    """Wait between the response head and the first token; before the head where the reply is not streamed.

    Example: ``slow_first_token: {seconds: 6s}``.
    """

    seconds: Duration

    def on_reply(self, call: Call) -> Step:
        wait = Wait(self.seconds.draw(call.rng), self.name)
        waited = False

        def step(action: Action) -> Iterable[Action]:
            nonlocal waited
            here = (
                isinstance(action, Data) and action.part == "content" if call.ask.stream else isinstance(action, Head)
            )
            if waited or not here:
                return (action,)
            waited = True
            return (wait, action)

        return step
