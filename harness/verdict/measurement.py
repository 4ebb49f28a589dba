"""Measurements: what a check returns. They say what was seen, not whether it is good; `judge` holds them to a limit.

`unit` is "s", "ratio", "calls", "usd" or "count", '' for a bare number. Requests and calls are named by their numbers in
the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "Invariant",
    "Mean",
    "Measurement",
    "NotApplicable",
    "Percentile",
    "Ratio",
    "Unknown",
    "Value",
    "Violation",
]


@dataclass(frozen=True, slots=True)
class Percentile:
    """The percentile `p` (p95 is 0.95) of durations in seconds, one for every scheduled request.

    A request that ended in error, in timeout or was abandoned is +∞. `worst` names the slowest requests.
    """

    values: tuple[float, ...]
    p: float
    worst: tuple[int, ...] = ()
    unit: ClassVar[str] = "s"

    def __post_init__(self) -> None:
        if not 0 < self.p < 1:
            raise ValueError(f"a percentile is a share between 0 and 1, not {self.p}; p95 is 0.95")


@dataclass(frozen=True, slots=True)
class Ratio:
    """`hits` out of `n`. `misses` names the requests that count against the app."""

    hits: int
    n: int
    misses: tuple[int, ...] = ()
    unit: ClassVar[str] = "ratio"

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.n:
            raise ValueError(f"{self.hits} of {self.n} is not a ratio")


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of `values`, one for each request or call. `requests` names the ones to look at."""

    values: tuple[float, ...]
    requests: tuple[int, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """One number that was measured directly, known to lie from `low` to `high`; e.g. a recovery time.

    The two ends are the resolution of the measurement. `n` is the number of samples behind it.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str = ""

    def __post_init__(self) -> None:
        if self.low > self.value or self.value > self.high:
            raise ValueError(f"{self.value} does not lie between {self.low} and {self.high}")


@dataclass(frozen=True, slots=True)
class Violation:
    """One counter-example to an invariant: the request and the call it was seen at, where known, and what it was."""

    request: int | None
    call: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must never happen: how often it could have, and every time it did."""

    opportunities: int
    violations: tuple[Violation, ...] = ()
    unit: ClassVar[str] = "count"

    def __post_init__(self) -> None:
        if self.opportunities < 0:
            raise ValueError(f"{self.opportunities} opportunities cannot be")


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The check has no meaning here; e.g. a streaming check for an app that does not stream."""

    reason: str
    unit: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The check has a meaning but could not measure; e.g. no fault fired, or the baseline it compares with failed."""

    reason: str
    unit: ClassVar[str] = ""


Measurement = Percentile | Ratio | Mean | Value | Invariant | NotApplicable | Unknown
