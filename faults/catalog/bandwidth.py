"""A narrow line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Annotated

from brownout.faults.catalog._replies import slices
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step, Wait
from brownout.faults.values.units import Between

_SLICES = 10
"""How many pieces a second a body is sent in."""


@fault("bandwidth")
class Bandwidth(Fault):
    """Send the body at `bytes_per_second`, in pieces of a tenth of a second.

    What the model says meanwhile waits for the line; while it says nothing, the line catches up.
    Example: ``bandwidth: {bytes_per_second: 2000}``.
    """

    bytes_per_second: Annotated[int, Between(1, 1_000_000_000)]

    def on_reply(self, call: Call) -> Step:
        rate, size, behind = self.bytes_per_second, max(1, self.bytes_per_second // _SLICES), 0.0

        def step(action: Action) -> Iterable[Action]:
            nonlocal behind
            if isinstance(action, Wait) and behind:
                left = max(0.0, action.seconds - behind)
                behind = max(0.0, behind - action.seconds)
                return (replace(action, seconds=left),)
            if not isinstance(action, Data) or not action.body:
                return (action,)
            behind += len(action.body) / rate
            return self._sent(slices(action, repeat(size)))

        return step

    def _sent(self, pieces: Iterable[Data]) -> Iterator[Action]:
        for piece in pieces:
            yield Wait(len(piece.body) / self.bytes_per_second, self.name)
            yield piece
