"""``per_conversation: 30%``: all calls of a share of the conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.values.units import parse_share


@dataclass(frozen=True, slots=True)
class PerConversation:
    """A share of the conversations, told apart by their first user message."""

    name: ClassVar[str] = "per_conversation"
    keyed: ClassVar[bool] = True
    share: float

    @classmethod
    def parse(cls, value: object) -> PerConversation:
        return cls(parse_share(value))

    def picks(self, draw: Draw) -> bool:
        return draw.chance(draw.conversation) < self.share


selectors.add("per_conversation", PerConversation)
