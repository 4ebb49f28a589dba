"""How long after the fault the app is itself again."""

from __future__ import annotations

import math

from brownout.harness.check import UNPROVEN, Check, View, checks
from brownout.harness.trace import Outcome
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Measurement, Unknown, Value

SHARE = 0.95
WINDOW = 40
"""Requests that must follow the moment of recovery, so that a lucky few do not count as one."""


class RecoveryTime(Check):
    """From the end of the fault to the first request from which on the share of answered requests is 95 % of the baseline's.

    Never, if that does not happen while the phase lasts.
    """

    name = "recovery_time"
    title = "Time until the app is itself again after the fault"
    kind = "estimate"
    unit = "s"
    phases = ("recovery",)
    compares = True
    example = "<= 5s"
    meaning = "The provider is back, but users still get stopgaps or errors."
    fix = "Let the breaker probe every few seconds, cap backoff, and never cache a bad answer."
    source = "Bronson et al., Metastable failures in distributed systems (HotOS 2021)"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        before, after = view.baseline.settled, view.traces
        if not before:
            return Unknown("there is no baseline to return to")
        good = sum(t.outcome is Outcome.ANSWERED for t in before) / len(before)
        if view.blind or view.baseline.blind:
            return Unknown(UNPROVEN.format(n=view.unproven, of=len(after)))
        if len(after) < WINDOW:
            return Unknown(f"only {len(after)} requests after the fault, {WINDOW} needed")
        answered = [t.outcome is Outcome.ANSWERED for t in after]
        start, hits, first = view.span.start, 0, None
        for i in range(len(after) - 1, -1, -1):
            hits += answered[i]
            if answered[i] and len(after) - i >= WINDOW and hits / (len(after) - i) >= SHARE * good:
                first = i
        if first is None:
            return Value(math.inf, view.span.end - start, math.inf, len(after), self.unit)
        at = after[first].sample.intended - start
        low = after[first - 1].sample.intended - start if first else 0.0
        return Value(at, low, at, len(after), self.unit)

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        return WINDOW

    def lasts(self, limit: Limit | None) -> float:
        return (limit.value if limit else 5.0) + 3.0


checks.add("recovery_time", RecoveryTime())
