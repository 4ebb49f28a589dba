"""``probability: 30%``: each attempt of each call, by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.values.units import parse_share


@dataclass(frozen=True, slots=True)
class Probability:
    """A share of all attempts, drawn for each attempt."""

    name: ClassVar[str] = "probability"
    keyed: ClassVar[bool] = True
    share: float

    @classmethod
    def parse(cls, value: object) -> Probability:
        return cls(parse_share(value))

    def picks(self, draw: Draw) -> bool:
        return draw.chance(*draw.key.parts(), draw.attempt) < self.share


selectors.add("probability", Probability)
