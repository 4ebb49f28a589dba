"""Nobody waits until they give up."""

from __future__ import annotations

from brownout.faults.values.units import show_seconds
from brownout.harness.check import Check, View, checks
from brownout.harness.trace import Outcome
from brownout.harness.verdict.measurement import Invariant, Measurement, Violation


class NoEndlessWait(Check):
    """Every request ends, or shows something new, within the launch's `patience`; those that do not are violations."""

    name = "no_endless_wait"
    title = "No user waits in vain"
    kind = "invariant"
    meaning = "The spinner never stops: the user leaves, and the app goes on paying for an answer that nobody reads."
    fix = "Put a deadline on the first token and on every gap between tokens; the SDK's own default is ten minutes."
    source = "Site Reliability Engineering, chapter 22: deadlines"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        violations = []
        for t in view.traces:
            if t.outcome in (Outcome.ABANDONED, Outcome.TIMEOUT):
                waited = show_seconds((t.sample.ended or view.span.end) - (t.sample.last or t.sample.intended))
                seen = "after some text" if t.sample.first is not None else "with nothing to see"
                violations.append(Violation(t.sample.request, None, f"the user left after {waited} {seen}"))
        return Invariant(len(view.traces), tuple(violations))


checks.add("no_endless_wait", NoEndlessWait())
