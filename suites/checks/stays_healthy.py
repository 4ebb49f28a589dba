"""The app's own health check does not fail with its backend."""

from __future__ import annotations

from brownout.harness.check import Check, View, checks
from brownout.harness.verdict.finding import Severity
from brownout.harness.verdict.measurement import Invariant, Measurement, NotApplicable, Violation


class StaysHealthy(Check):
    """`app.health` answers below 400 each time that it is read; a time when it does not is a violation."""

    name = "stays_healthy"
    title = "The app's health check stays green"
    kind = "invariant"
    severity = Severity.CONDITION
    meaning = (
        "The health check fails while only the model fails: the platform restarts every instance at once, and what could "
        "still be served, such as fallbacks and cached answers, is gone too."
    )
    fix = "Let liveness tell whether the process works, and report the state of the model elsewhere."
    source = "Kubernetes documentation: liveness probes and cascading failures"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        seen = view.evidence.health
        if seen is None:
            return NotApplicable("app.health says no URL to read")
        inside = [p for p in seen if view.span.start <= p.at < view.span.end]
        failed = tuple(
            Violation(None, None, f"{p.error or f'status {p.status}'} after {p.seconds:.1f} s")
            for p in inside
            if not p.ok
        )
        return Invariant(len(inside), failed)


checks.add("stays_healthy", StaysHealthy())
