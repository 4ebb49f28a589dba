"""What does not need the failing backend goes on."""

from __future__ import annotations

from brownout.harness.check import UNPROVEN, View, checks
from brownout.harness.trace import Outcome
from brownout.harness.verdict.measurement import Measurement, NotApplicable, Ratio, Unknown
from brownout.suites.checks._ratio import OutcomeShare


class Isolated(OutcomeShare):
    """The share of whole answers of the model among the requests to routes that need none of the backends at fault.

    Which backends a route needs is what its `needs` says; routes without it are left out.
    """

    name = "isolated"
    title = "Routes that do not need the failing backend go on"
    phases = ("fault", "recovery")
    compares = True
    meaning = "One failing dependency takes down parts of the app that do not need it: a shared pool, queue or worker is full."
    fix = "Give each backend its own connection pool, timeout and breaker, and bound how many requests wait for it."
    source = "Release It!, second edition: bulkheads"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        needs = view.evidence.needs
        if not any(needs.values()):
            return NotApplicable("no route says which backends it needs (routes.NAME.needs)")
        faulted = {c.backend for c in view.evidence.calls if c.injected}
        apart = [t for t in view.settled if (n := needs.get(t.sample.route)) and not n & faulted]
        if not apart:
            return NotApplicable(f"every route needs a backend at fault: {', '.join(sorted(faulted)) or 'none was'}")
        unproven = sum(t.outcome is Outcome.UNPROVEN for t in apart)
        if unproven > 0.02 * len(apart):
            return Unknown(UNPROVEN.format(n=unproven, of=len(apart)))
        misses = tuple(t.sample.request for t in apart if t.outcome is not Outcome.ANSWERED)
        return Ratio(len(apart) - len(misses), len(apart), misses)


checks.add("isolated", Isolated())
