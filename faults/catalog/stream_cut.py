"""A stream that ends too early."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, Data, End, Step, whole_tokens
from brownout.faults.values.units import Between


@fault("stream_cut")
class StreamCut(Fault):
    """End a stream after `after_tokens` tokens, before the finish reason and the end marker.

    ``clean`` finishes the HTTP framing, so that most SDKs see a normal end; ``abrupt`` closes the connection in the
    middle of it. A reply that is not streamed has no clean early end and is left alone by ``clean``; ``abrupt`` sends
    half of it.
    Example: ``stream_cut: {after_tokens: 12, end: clean}``.
    """

    after_tokens: Annotated[int, Between(0, 1_000_000)] = 10
    end: Literal["clean", "abrupt"] = "clean"

    def on_reply(self, call: Call) -> Step | None:
        close = End() if self.end == "clean" else Cut()
        said = 0

        def step(action: Action) -> Iterable[Action]:
            nonlocal said
            if not isinstance(action, Data) or action.part == "open":
                return (action,)
            if action.part == "body":
                half = Data(action.body[: len(action.body) // 2], "body")
                return (action,) if self.end == "clean" else (half, close)
            if said >= self.after_tokens or action.closing:
                return (close,)
            said += whole_tokens(action)
            return (action,)

        return step
