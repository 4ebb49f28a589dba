"""A cool-down: a model that said when to come back is left alone until then, by all requests of the process."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Cooldown"]

LONGEST = 600.0
"""Seconds. A mistyped header must not switch a model off for good."""


class Cooldown:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")

    def start(self, seconds: float) -> None:
        """Rest for `seconds`; a longer rest that is already running stays as it is."""
        self._until = max(self._until, self._clock() + min(seconds, LONGEST))

    def remaining(self) -> float:
        """Seconds of rest that are left, 0.0 when there are none."""
        return max(0.0, self._until - self._clock())
