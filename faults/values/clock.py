"""Clocks. Everything that needs the time gets one: the real clock here, a virtual one elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "RealClock"]

NS = 1_000_000_000


class Clock(Protocol):
    """Monotonic time in integer nanoseconds; the origin means nothing by itself."""

    def now_ns(self) -> int: ...


class RealClock:
    """The machine's monotonic clock: one origin for all processes of a machine (Linux and macOS)."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


def since(origin_ns: int, at_ns: int) -> float:
    """Seconds from `origin_ns` to `at_ns`, to the microsecond: the form in which journals keep time."""
    return round((at_ns - origin_ns) / NS, 6)
