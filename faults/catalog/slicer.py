"""Bodies in small pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from brownout.faults.catalog._replies import slices
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step, Wait
from brownout.faults.values.units import Between, Seconds


@fault("slicer")
class Slicer(Fault):
    """Send all in pieces of `size` bytes on average with `seconds` between them, cut anywhere, in characters too.

    Pieces have from 1 to 2 `size` - 1 bytes. A good parser does not notice. With a `size` of 1 and long waits a reply
    hardly ever ends, and no read timeout fires.
    Example: ``slicer: {size: 5, seconds: 2ms}``.
    """

    size: Annotated[int, Between(1, 65536)] = 8
    seconds: Seconds = 0.001

    def on_reply(self, call: Call) -> Step:
        wait = Wait(self.seconds, self.name)

        def sizes() -> Iterator[int]:
            while True:
                yield call.rng.randint(1, 2 * self.size - 1)

        def step(action: Action) -> Iterable[Action]:
            if not isinstance(action, Data):
                return (action,)
            first, *others = slices(action, sizes())
            return (first, *(a for piece in others for a in (wait, piece)))

        return step
