"""``per_request: 30%``: all calls of a share of the user requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.values.units import parse_share


@dataclass(frozen=True, slots=True)
class PerRequest:
    """A share of the user requests: all calls of one are hit, or none (by body where the request is not known)."""

    name: ClassVar[str] = "per_request"
    keyed: ClassVar[bool] = True
    share: float

    @classmethod
    def parse(cls, value: object) -> PerRequest:
        return cls(parse_share(value))

    def picks(self, draw: Draw) -> bool:
        return draw.chance(draw.key.request or draw.key.messages) < self.share


selectors.add("per_request", PerRequest)
