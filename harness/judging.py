"""From evidence to findings: every expectation of an experiment is measured and judged."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import cast

from brownout.harness.check import Evidence, Expectation, View
from brownout.harness.config.experiment import Experiment
from brownout.harness.trace import Trace
from brownout.harness.verdict.finding import Finding, Phase, Severity, Status, show
from brownout.harness.verdict.judge import Clock, Judgement, judge, under_clock
from brownout.harness.verdict.measurement import Invariant, Measurement, Percentile, Ratio
from brownout.harness.verdict.plain import one_line

__all__ = ["findings"]

_NEEDED = re.compile(r"(?:about|at least|,) ([\d,]+) needed")
"""How the judge says that more samples would decide."""


def findings(experiment: Experiment, evidence: Evidence, clock: Clock = "live") -> tuple[Finding, ...]:
    """One finding for each expectation, in the order of the file.

    Never in vain: where the plan injected no fault, nothing passes in the fault and recovery phases. Where the app fails its
    hypothesis on a healthy backend, nothing is known that compares with that baseline.
    """
    fired = any(c.injected for c in evidence.calls)
    judged = [(e, *_judge(e, evidence, clock)) for e in experiment.expectations]
    broken = any(
        e.phase == "baseline" and e.severity is Severity.BLOCKS and j.status is Status.FAIL for e, _, j in judged
    )
    made = []
    for expectation, measurement, judgement in judged:
        vain = experiment.plan.rules and not fired and expectation.phase != "baseline"
        if vain and judgement.status is Status.PASS:
            reason = "no fault was injected: no call in its scope reached the backend"
            judgement = replace(judgement, status=Status.UNKNOWN, reason=reason)
        elif broken and expectation.check.compares and judgement.status in (Status.PASS, Status.FAIL):
            reason = "the baseline that it compares with failed on a healthy backend"
            judgement = replace(judgement, status=Status.UNKNOWN, reason=reason)
        made.append(_finding(experiment, expectation, measurement, judgement, evidence))
    return tuple(made)


def _judge(expectation: Expectation, evidence: Evidence, clock: Clock) -> tuple[Measurement, Judgement]:
    check = expectation.check
    measurement = check.measure(View(evidence, expectation.phase), expectation.percentile)
    least = evidence.least if isinstance(measurement, Invariant) else 20
    judgement = judge(measurement, expectation.limit, least=least)
    if clock == "virtual":
        judgement = under_clock(judgement, clock, pass_valid=check.virtual_pass, fail_valid=check.virtual_fail)
    return measurement, judgement


def _finding(experiment: Experiment, e: Expectation, measurement: Measurement, j: Judgement, seen: Evidence) -> Finding:
    traces, span = seen.of(e.phase), seen.spans[e.phase]
    check, limit = e.check, e.limit
    requests: tuple[int, ...] = ()
    evidence: tuple[str, ...] = ()
    if isinstance(measurement, Invariant):
        evidence = tuple(v.what for v in measurement.violations[:10])
        requests = tuple(v.request for v in measurement.violations[:10] if v.request is not None)
    elif isinstance(measurement, Percentile):
        requests = measurement.worst[:10]
    elif isinstance(measurement, Ratio):
        requests = measurement.misses[:10]
        evidence = _misses(measurement, traces)
    return Finding(
        experiment=experiment.name,
        phase=cast(Phase, e.phase),
        check=check.name,
        expectation=e.text,
        severity=e.severity,
        status=j.status,
        value=j.value,
        unit=check.unit,
        op=limit.op if limit else None,
        limit=limit.value if limit else None,
        low=j.low,
        high=j.high,
        n=j.n,
        message=_message(e, j, len(traces) / lasts if (lasts := span.end - span.start) else 0.0),
        meaning=check.meaning,
        fix=check.fix,
        evidence=evidence,
        requests=requests,
    )


def _misses(measurement: Ratio, traces: tuple[Trace, ...]) -> tuple[str, ...]:
    """What the users who count against the app got, the commonest first."""
    why = {t.sample.request: f"{t.outcome}: {t.why}" for t in traces}
    found = Counter(one_line(why[r]) for r in measurement.misses if r in why)
    return tuple(f"{count} × {what}" for what, count in found.most_common(5))


def _message(e: Expectation, j: Judgement, rps: float) -> str:
    """What was found, in one sentence for people who did not write the app."""
    title, limit = e.check.title, e.limit
    if j.status is Status.UNKNOWN and (more := _NEEDED.search(j.reason)) and rps:
        seconds = math.ceil(int(more[1].replace(",", "")) / rps)
        return f"{title}: {j.reason}. With at_least: {seconds}s in the {e.phase} phase it has them"
    if limit is None or j.value is None or j.status not in (Status.PASS, Status.FAIL):
        return f"{title}: {j.reason}"
    return f"{title}: {show(j.value, e.check.unit)}, where {limit.op} {show(limit.value, e.check.unit)} is asked"
