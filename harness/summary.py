"""Numbers of each phase for people: outcomes, latencies, calls, faults, cost."""

from __future__ import annotations

from collections.abc import Sequence

from brownout.harness.check import Evidence
from brownout.harness.outcome import counts
from brownout.harness.verdict.result import PhaseSummary
from brownout.harness.verdict.statistics import percentile

__all__ = ["summarise"]


def summarise(evidence: Evidence) -> tuple[PhaseSummary, ...]:
    """One summary a phase. Times are in seconds since the load began; percentiles count failures as infinite."""
    if not evidence.spans:
        return ()
    begins = min(s.start for s in evidence.spans.values())
    made = []
    for name, span in evidence.spans.items():
        traces = evidence.of(name)
        calls = [c for c in evidence.calls if span.start <= c.arrived < span.end]
        made.append(
            PhaseSummary(
                name=name,
                start=span.start - begins,
                end=span.end - begins,
                requests=len(traces),
                outcomes=dict(counts(traces)),
                ttft_p50=_percentile([t.ttft for t in traces], 0.5),
                ttft_p95=_percentile([t.ttft for t in traces], 0.95),
                total_p50=_percentile([t.total for t in traces], 0.5),
                total_p95=_percentile([t.total for t in traces], 0.95),
                calls=len(calls),
                faults=sum(bool(c.injected) for c in calls),
                cost_usd=sum(c.cost_usd or 0.0 for c in calls),
            )
        )
    return tuple(made)


def _percentile(values: Sequence[float], p: float) -> float | None:
    return percentile(values, p) if values else None
