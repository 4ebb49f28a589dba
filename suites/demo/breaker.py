"""A circuit breaker: after several failures in a row a model is left alone for a while, then tried with one call."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Breaker", "Permit"]


class Breaker:
    """Closed, it lets every call through. `failures` in a row open it for `open_for` seconds; then it is half-open
    and lets one call at a time through, the probe. A probe that succeeds closes it, one that fails opens it again.
    """

    def __init__(self, *, failures: int = 5, open_for: float = 2.0, clock: Callable[[], float] = time.monotonic):
        self._threshold, self._open_for, self._clock = failures, open_for, clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        return self._opened_at is None

    def remaining(self) -> float:
        """Seconds until the next probe may go; 0.0 when closed or half-open."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_for - self._clock())

    def enter(self) -> Permit | None:
        """Leave to make one call, or None. The permit must be released, whatever becomes of the call."""
        if self._opened_at is None:
            return Permit(self, probe=False)
        if self._probing or self.remaining() > 0:
            return None
        self._probing = True
        return Permit(self, probe=True)

    def _settle(self, permit: Permit, succeeded: bool | None) -> None:
        if permit.probe:
            self._probing = False
        elif not self.closed:
            return  # A call from before it opened says nothing new.
        if succeeded:
            self._failures, self._opened_at = 0, None
        elif succeeded is False:
            self._failures += 1
            if permit.probe or self._failures >= self._threshold:
                self._opened_at = self._clock()


class Permit:
    """Leave to make one call. Say once how it went; `release` without that means that nothing was learnt."""

    def __init__(self, breaker: Breaker, *, probe: bool) -> None:
        self._breaker, self.probe = breaker, probe
        self._settled = False

    def succeeded(self) -> None:
        self._settle(True)

    def failed(self) -> None:
        self._settle(False)

    def release(self) -> None:
        """Give it back. A call that was cancelled, or refused for the caller's own fault, must not block the probe."""
        self._settle(None)

    def _settle(self, succeeded: bool | None) -> None:
        if not self._settled:
            self._settled = True
            self._breaker._settle(self, succeeded)
