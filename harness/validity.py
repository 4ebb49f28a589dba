"""Whether an experiment's measurement was sound, from measured lag: never from a guess about the machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from brownout.faults.values.units import show_seconds
from brownout.harness.config.experiment import Experiment
from brownout.harness.trace import Call, Trace
from brownout.harness.verdict.statistics import percentile

__all__ = ["Validity", "validity"]

FLOOR = 0.020
SHARE = 0.05
SENT = 0.995


@dataclass(frozen=True)
class Validity:
    """Why a measurement is unsound (empty: it is sound), and the numbers that say so. Lags in seconds."""

    reasons: tuple[str, ...]
    send_lag_p99: float
    delivery_lag_p99: float
    allowed: float
    sent: int
    scheduled: int


def validity(experiment: Experiment, traces: Sequence[Trace], calls: Sequence[Call], scheduled: int) -> Validity:
    """Sound when requests were sent and backend actions delivered on time, when every scheduled request was sent, and when the
    simulated backend did not fail itself.

    The lag allowed at p99 is the larger of 20 ms and 5 % of the tightest time limit among the expectations.
    """
    limits = [e.limit.value for e in experiment.expectations if e.limit and e.check.unit == "s"]
    allowed = max(FLOOR, SHARE * min(limits, default=0.0))
    sends = [t.sample.sent - t.sample.intended for t in traces if t.sample.sent is not None]
    lags = [c.lag for c in calls]
    send, delivery = (percentile(v, 0.99) if v else 0.0 for v in (sends, lags))
    reasons = []
    if send > allowed:
        reasons.append(f"requests were sent late: p99 {show_seconds(send)}, {show_seconds(allowed)} allowed{_load()}")
    if delivery > allowed:
        reasons.append(
            f"the simulated backend was late: p99 {show_seconds(delivery)}, {show_seconds(allowed)} allowed{_load()}"
        )
    if len(sends) < SENT * scheduled:
        reasons.append(f"only {len(sends)} of {scheduled} scheduled requests were sent")
    broken = sum(c.end == "broken" for c in calls)
    if broken:
        reasons.append(f"the simulated backend failed on {broken} calls: what came of them is not the app's doing")
    return Validity(tuple(reasons), send, delivery, allowed, len(sends), scheduled)


def _load() -> str:
    """A likely reason, for people: how busy the machine is."""
    try:
        busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    except OSError:
        return ""
    return f" (load average {busy:.1f} on {cores} cores)" if busy > cores else ""
