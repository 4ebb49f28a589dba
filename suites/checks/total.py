"""Time to the end of the answer."""

from __future__ import annotations

from brownout.harness.check import checks
from brownout.harness.trace import Trace
from brownout.suites.checks._latency import LatencyPercentile


class Total(LatencyPercentile):
    """From the intended start of the request to the end of its answer."""

    name = "total"
    title = "Time until users have the whole answer"
    meaning = "Slow answers are given up half-way, and each holds a connection and a slot meanwhile."
    fix = "Put a deadline on the whole answer, limit its length, or hand over to a smaller model."

    def duration(self, trace: Trace) -> float:
        return trace.total


checks.add("total", Total())
