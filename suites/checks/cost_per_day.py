"""What a day of the launch costs."""

from __future__ import annotations

from brownout.harness.check import Check, View, checks
from brownout.harness.verdict.finding import Severity
from brownout.harness.verdict.measurement import Mean, Measurement, Unknown


class CostPerDay(Check):
    """Cost of a request, from the tokens of its calls and the price table, times the launch's requests a day."""

    name = "cost_per_day"
    title = "What a day at launch costs"
    kind = "estimate"
    unit = "usd"
    example = "<= launch.budget_per_day"
    severity = Severity.CONDITION
    meaning = "The first bill."
    fix = "Cache, shorten prompts and answers, route easy questions to a smaller model, and cap tokens a request."
    source = "What I Learned Shipping LLMs to Production: $12k for one day"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        calls = [*(c for t in view.traces for c in t.calls), *view.untied]
        unpriced = sorted({c.model for c in calls if c.cost_usd is None})
        if unpriced:
            return Unknown(f"no price is known for {', '.join(unpriced)}: add prices: to the backend")
        day = view.evidence.launch.requests_per_day
        shared = sum(c.cost_usd or 0.0 for c in view.untied) / max(1, len(view.traces))
        costs = [((shared + sum(c.cost_usd or 0.0 for c in t.calls)) * day, t.sample.request) for t in view.traces]
        worst = tuple(r for _, r in sorted(costs, reverse=True)[:10])
        return Mean(tuple(c for c, _ in costs), worst, self.unit)


checks.add("cost_per_day", CostPerDay())
