"""The share of users who get the real thing."""

from __future__ import annotations

from brownout.harness.check import checks
from brownout.harness.trace import Outcome, Trace
from brownout.suites.checks._ratio import OutcomeShare


class Answered(OutcomeShare):
    """Requests with outcome answered, of all scheduled ones: the model's own answer, fresh or validly cached, whole."""

    name = "answered"
    title = "Users who got the model's whole answer"
    meaning = "Everyone else got a stopgap, half an answer, nonsense, an error or nothing."
    fix = "Look at the outcomes beside this: each has its own cause."

    def counts(self, trace: Trace) -> bool:
        return trace.outcome is Outcome.ANSWERED


checks.add("answered", Answered())
