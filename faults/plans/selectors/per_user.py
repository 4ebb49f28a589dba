"""``per_user: 30%``: all calls of a share of the users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.values.units import parse_share


@dataclass(frozen=True, slots=True)
class PerUser:
    """A share of the users: sticky, as in incidents that hit the same accounts again and again."""

    name: ClassVar[str] = "per_user"
    keyed: ClassVar[bool] = True
    share: float

    @classmethod
    def parse(cls, value: object) -> PerUser:
        return cls(parse_share(value))

    def picks(self, draw: Draw) -> bool:
        return draw.chance(draw.user) < self.share


selectors.add("per_user", PerUser)
