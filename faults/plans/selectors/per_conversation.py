"""``per_conversation: 30%``: all calls of a share of the conversations."""

from __future__ import annotations

from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.plans.selectors._share import ShareOf


class PerConversation(ShareOf):
    """A share of the conversations, told apart by how they began."""

    name: ClassVar[str] = "per_conversation"

    @staticmethod
    def thing(draw: Draw) -> tuple[object, ...]:
        return (draw.conversation,)


selectors.add("per_conversation", PerConversation)
