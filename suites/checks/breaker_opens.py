"""A backend that fails every call is left alone."""

from __future__ import annotations

from brownout.harness.check import Check, View, checks
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Mean, Measurement, Unknown

GRACE = 3.0
"""Seconds in which an app may find out that its backend is down."""


class BreakerOpens(Check):
    """Calls a request once the fault has lasted three seconds: an app that has noticed only sends a probe now and then.

    Meant for faults that hit every call.
    """

    name = "breaker_opens"
    title = "Calls per request to a backend that has been down for three seconds"
    kind = "estimate"
    unit = "calls"
    phases = ("fault",)
    example = "<= 0.5"
    meaning = "Every user waits for the same failure again, and the backend is hammered while it tries to come back."
    fix = "Add a circuit breaker: after a few failures in a row answer at once without calling, and probe now and then."
    source = "Release It!, Circuit Breaker"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        late = [t for t in view.traces if t.sample.intended >= view.span.start + GRACE]
        if not late:
            return Unknown(f"the fault phase is shorter than {GRACE:g} s")
        since = view.span.start + GRACE
        shared = sum(c.arrived >= since for c in view.untied) / len(late)
        callers = [t for t in late if t.calls][:10]
        return Mean(tuple(len(t.calls) + shared for t in late), tuple(t.sample.request for t in callers), self.unit)

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        return 60

    def lasts(self, limit: Limit | None) -> float:
        return GRACE + 4.0


checks.add("breaker_opens", BreakerOpens())
