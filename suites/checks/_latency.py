"""What the latency percentiles have in common."""

from __future__ import annotations

from collections.abc import Callable

from brownout.harness.check import Check, View
from brownout.harness.trace import Trace
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Measurement, Percentile
from brownout.harness.verdict.statistics import needed, percentile_interval

__all__ = ["LatencyPercentile"]


class LatencyPercentile(Check):
    """A percentile of a duration over all requests of a phase, counted from the intended start; failures are infinite."""

    kind = "estimate"
    unit = "s"
    percentile = True
    example = "< 2s"
    # Computing is free in virtual time: what is measured there is a lower bound.
    virtual_pass = False

    duration: Callable[[Trace], float]

    def measure(self, view: View, percentile: float | None) -> Measurement:
        assert percentile is not None
        timed = sorted(((self.duration(t), t.sample.request) for t in view.settled), reverse=True)
        return Percentile(tuple(d for d, _ in timed), percentile, tuple(r for _, r in timed[:10]))

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        """Enough that the interval ends below the slowest two requests."""
        assert percentile is not None
        n = needed(percentile)
        while percentile_interval([*range(n - 2), 1e9, 1e9], percentile).high >= 1e9:
            n += max(1, n // 20)
        return n
