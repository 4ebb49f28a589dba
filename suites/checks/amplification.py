"""How many calls the app makes of one request while its backend fails."""

from __future__ import annotations

from brownout.harness.check import Check, View, checks
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Mean, Measurement, Unknown


class Amplification(Check):
    """(calls / requests) in the phase, over the same in the baseline: 1 means that no failure makes more traffic.

    Calls of no known request count evenly for all.
    """

    name = "amplification"
    title = "Calls that the app makes of one request, against normal"
    kind = "estimate"
    unit = "calls"
    phases = ("fault", "recovery")
    compares = True
    example = "<= 1.5"
    meaning = "Retries multiply traffic just when the provider can carry least; stacked layers multiply each other."
    fix = "One layer of retries, with a budget (10 % of requests) and backoff with jitter."
    source = "Site Reliability Engineering, chapter 21; AWS Builders' Library: timeouts, retries and backoff"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        baseline = view.baseline
        of_nobody = len(baseline.untied) / max(1, len(baseline.traces))
        normal = of_nobody + sum(len(t.calls) for t in baseline.settled) / max(1, len(baseline.settled))
        if not normal:
            return Unknown("no call was made in the baseline to compare with")
        traces = view.traces
        shared = len(view.untied) / max(1, len(traces))
        most = sorted(traces, key=lambda t: -len(t.calls))[:10]
        return Mean(
            tuple((len(t.calls) + shared) / normal for t in traces), tuple(t.sample.request for t in most), self.unit
        )

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        return 80


checks.add("amplification", Amplification())
