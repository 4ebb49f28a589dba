"""A retry budget: retries help when few requests fail and do harm when all do, so they get a share of the traffic."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RetryBudget"]


class RetryBudget:
    """Over a sliding `window` (seconds): at most `ratio` retries per request, and `floor` in any case, so that an app
    with little traffic may retry too.
    """

    def __init__(
        self,
        *,
        ratio: float = 0.1,
        floor: int = 3,
        window: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio, self._floor, self._window, self._clock = ratio, floor, window, clock
        self._requests: deque[float] = deque()
        self._retries: deque[float] = deque()

    def record_request(self) -> None:
        self._forget()
        self._requests.append(self._clock())

    def take(self) -> bool:
        """Whether one more retry is within the budget; if so, it is spent."""
        self._forget()
        if len(self._retries) >= max(self._floor, int(self._ratio * len(self._requests))):
            return False
        self._retries.append(self._clock())
        return True

    def _forget(self) -> None:
        start = self._clock() - self._window
        for times in (self._requests, self._retries):
            while times and times[0] <= start:
                times.popleft()
