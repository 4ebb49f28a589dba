"""``probability: 30%``: each attempt of each call, by itself."""

from __future__ import annotations

from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.plans.selectors._share import ShareOf


class Probability(ShareOf):
    """A share of all attempts, drawn for each attempt."""

    name: ClassVar[str] = "probability"

    @staticmethod
    def thing(draw: Draw) -> tuple[object, ...]:
        return (*draw.key.parts(), draw.attempt)


selectors.add("probability", Probability)
