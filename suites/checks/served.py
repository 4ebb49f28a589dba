"""The share of users who are left with something to read."""

from __future__ import annotations

from brownout.harness.check import checks
from brownout.harness.trace import Trace
from brownout.suites.checks._ratio import OutcomeShare


class Served(OutcomeShare):
    """Requests with outcome answered, degraded or refused, of all scheduled ones."""

    name = "served"
    title = "Users who got an answer, the real one or a declared stopgap"
    meaning = "Everyone else saw an error page, a broken-off answer, nonsense, or a spinner that never stopped."
    fix = (
        "Add a fallback: a rule-based or stored answer that says that it is one, when the model cannot answer in time."
    )
    source = "Site Reliability Engineering, launch checklist: continue serving in degraded mode"

    def counts(self, trace: Trace) -> bool:
        return trace.served


checks.add("served", Served())
