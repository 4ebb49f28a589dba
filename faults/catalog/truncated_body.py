"""A body that is not streamed ends too early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from brownout.faults.catalog._fields import Count
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, Data, Head, Step
from brownout.faults.values.units import Share


@fault("truncated_body")
class TruncatedBody(Fault):
    """Send a `share` of a body that is not streamed, or its first `size` bytes; its last two are never sent.

    ``clean`` announces only what comes, so that HTTP is right and the JSON is not; ``abrupt`` announces all of it and
    closes the connection. Streams are left alone: see ``stream_cut``.
    Example: ``truncated_body: {share: 95%, end: clean}``.
    """

    share: Share = 0.5
    size: Count | None = None
    end: Literal["clean", "abrupt"] = "clean"

    def on_reply(self, call: Call) -> Step | None:
        if call.ask.stream:
            return None
        kept: int | None = None

        def step(action: Action) -> Iterable[Action]:
            nonlocal kept
            if isinstance(action, Head) and action.length:
                wanted = int(action.length * self.share) if self.size is None else self.size
                kept = min(wanted, max(action.length - 2, 0))  # the last byte may be a line feed, which is not missed
                return (replace(action, length=kept),) if self.end == "clean" else (action,)
            if kept is None or not isinstance(action, Data):
                return (action,)
            said = action.tokens * kept // len(action.body)
            part = Data(action.body[:kept], action.part, said)
            return (part,) if self.end == "clean" else (part, Cut())

        return step
