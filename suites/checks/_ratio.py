"""What checks that count outcomes have in common."""

from __future__ import annotations

from collections.abc import Callable

from brownout.harness.check import UNPROVEN, Check, View
from brownout.harness.trace import Trace
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Measurement, Ratio, Unknown
from brownout.harness.verdict.statistics import ratio_interval

__all__ = ["OutcomeShare"]


class OutcomeShare(Check):
    """A share of all requests of a phase. Subclasses say which requests count as hits."""

    kind = "estimate"
    unit = "ratio"
    better = "higher"
    example = ">= 95%"

    counts: Callable[[Trace], bool]

    def measure(self, view: View, percentile: float | None) -> Measurement:
        traces = view.settled
        if view.blind:
            return Unknown(UNPROVEN.format(n=view.unproven, of=len(traces)))
        misses = tuple(t.sample.request for t in traces if not self.counts(t))
        return Ratio(len(traces) - len(misses), len(traces), misses)

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        """Enough that two misses still leave the whole interval within the limit."""
        if limit is None or limit.value >= 1:
            return 200
        return next((n for n in range(20, 5000, 5) if ratio_interval(n - 2, n).low >= limit.value), 5000)
