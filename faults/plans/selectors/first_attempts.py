"""``first_attempts: 2``: the first attempts of every call; later ones pass, so a retry succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors


@dataclass(frozen=True, slots=True)
class FirstAttempts:
    """The first `count` attempts of each call key."""

    name: ClassVar[str] = "first_attempts"
    keyed: ClassVar[bool] = True
    count: int

    @classmethod
    def parse(cls, value: object) -> FirstAttempts:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"first_attempts is a whole number from 1, not {value!r}")
        return cls(value)

    @property
    def said(self) -> object:
        return self.count

    def picks(self, draw: Draw) -> bool:
        return draw.attempt <= self.count


selectors.add("first_attempts", FirstAttempts)
