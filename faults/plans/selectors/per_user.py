"""``per_user: 30%``: all calls of a share of the users."""

from __future__ import annotations

from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.plans.selectors._share import ShareOf


class PerUser(ShareOf):
    """A share of the users: sticky, as in incidents that hit the same accounts again and again.

    Where the user is not known, a request stands for its user."""

    name: ClassVar[str] = "per_user"

    @staticmethod
    def thing(draw: Draw) -> tuple[object, ...]:
        return (draw.user or draw.key.request or draw.key.messages,)


selectors.add("per_user", PerUser)
