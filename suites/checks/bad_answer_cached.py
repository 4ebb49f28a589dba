"""What users got during the fault is not served again after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from brownout.harness.check import Check, View, checks
from brownout.harness.trace import Outcome, Trace
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Invariant, Measurement, Unknown, Violation

SETTLE = 1.0
"""Seconds after the first fresh answer of the recovery: from then on the way to the model is open."""


class BadAnswerCached(Check):
    """After the app has reached its model again, a question that got a bad answer during the fault gets a good one.

    A violation is a request of the recovery that got, without the model's help, the same bad answer that its question had been
    given during the fault: it came from a cache. Every such question asked again is an opportunity.
    """

    name = "bad_answer_cached"
    title = "No bad answer is cached"
    kind = "invariant"
    phases = ("recovery",)
    meaning = (
        "The outage lives on in the cache: users get the stopgap or the broken answer long after the provider is back."
    )
    fix = "Cache good answers only: complete, from the model, with its finish reason; never a fallback or an error."

    def measure(self, view: View, percentile: float | None) -> Measurement:
        back = next((t for t in view.traces if t.calls and t.outcome is Outcome.ANSWERED), None)
        if back is None or back.sample.ended is None:
            return Unknown("the app never reached its model again after the fault")
        bad: dict[int, set[str]] = defaultdict(set)
        for t in view.evidence.of("fault"):
            if t.outcome not in (Outcome.ANSWERED, Outcome.UNPROVEN):
                bad[t.sample.prompt].add(t.sample.text.strip())
        open_at = max([back.sample.ended, *_closed(view)]) + SETTLE
        again = [t for t in view.traces if t.sample.prompt in bad and t.sample.intended > open_at]
        found = [t for t in again if _stopgap(t) and t.sample.text.strip() in bad[t.sample.prompt]]
        return Invariant(len(again), tuple(Violation(t.sample.request, None, _tell(t)) for t in found))

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        """Enough that, with half of the questions asked before, well over twenty come back that got a bad answer."""
        return 340

    def lasts(self, limit: Limit | None) -> float:
        return 8.0


def _closed(view: View) -> Iterator[float]:
    """When a question that nobody had asked before got something else than an answer, without a call: no cache can have had it.

    A worker or a breaker may be back later than another: so long the way to the model is not open for all.
    """
    asked = {t.sample.prompt for phase in ("baseline", "fault") for t in view.evidence.of(phase)}
    for t in view.traces:
        if t.sample.prompt not in asked and not t.calls and t.outcome is not Outcome.ANSWERED:
            yield t.sample.intended
        asked.add(t.sample.prompt)


def _stopgap(trace: Trace) -> bool:
    """Whether a request got something else than the model's answer, and no call of its own gave it a text."""
    spoke = any(c.status == 200 and c.end == "complete" for c in trace.calls)
    return trace.outcome is not Outcome.ANSWERED and not spoke


def _tell(trace: Trace) -> str:
    return f"{trace.outcome} without a call, after the same question got a bad answer during the fault ({trace.why})"


checks.add("bad_answer_cached", BadAnswerCached())
