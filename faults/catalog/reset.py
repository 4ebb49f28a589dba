"""The connection is reset (RST)."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Annotated, Literal

from brownout.faults.values.fault import Accept, Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step, whole_tokens
from brownout.faults.values.reply import Reset as Abort
from brownout.faults.values.units import Between


@fault("reset")
class Reset(Fault):
    """Reset the connection: when it is made, when the request was read, or in the body after `after_tokens` tokens.

    Example: ``reset: {at: body, after_tokens: 5}``.
    """

    at: Literal["connection", "request", "body"] = "request"
    after_tokens: Annotated[int, Between(0, 1_000_000)] = 5

    def on_connection(self, rng: Random) -> Accept:
        return Accept.RESET if self.at == "connection" else Accept.SERVE

    def on_reply(self, call: Call) -> Step | None:
        if self.at == "connection":
            return None
        if self.at == "request":
            return lambda action: (Abort(),)
        said = 0

        def step(action: Action) -> Iterable[Action]:
            nonlocal said
            if not isinstance(action, Data) or action.part == "open":
                return (action,)
            if action.part == "body":
                return (Data(action.body[: len(action.body) // 2], "body"), Abort())
            if said >= self.after_tokens or action.closing:
                return (Abort(),)
            said += whole_tokens(action)
            return (action,)

        return step
