"""``per_request: 30%``: all calls of a share of the user requests."""

from __future__ import annotations

from typing import ClassVar

from brownout.faults.plans.selector import Draw, selectors
from brownout.faults.plans.selectors._share import ShareOf


class PerRequest(ShareOf):
    """A share of the user requests: all calls of one are hit, or none (by body where the request is not known)."""

    name: ClassVar[str] = "per_request"

    @staticmethod
    def thing(draw: Draw) -> tuple[object, ...]:
        return (draw.key.request or draw.key.messages,)


selectors.add("per_request", PerRequest)
