"""What selectors of a share have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from brownout.faults.plans.selector import Draw
from brownout.faults.values.units import parse_share

__all__ = ["ShareOf"]


@dataclass(frozen=True, slots=True)
class ShareOf:
    """Picks a share of things; a subclass says which thing a call belongs to. One thing is picked whole, or not at all."""

    keyed: ClassVar[bool] = True
    share: float

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises ValueError for what is no share."""
        return cls(parse_share(value))

    @property
    def said(self) -> object:
        return self.share

    def picks(self, draw: Draw) -> bool:
        return draw.chance(*self.thing(draw)) < self.share

    @staticmethod
    def thing(draw: Draw) -> tuple[object, ...]:
        """What the call belongs to."""
        raise NotImplementedError
