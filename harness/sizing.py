"""How long each phase must last: as many requests as the expectations need to be able to pass, at the load's rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from brownout.harness.check import Expectation
from brownout.harness.config.app import Launch
from brownout.harness.config.experiment import LONGEST, Experiment, Phase
from brownout.harness.load.schedule import PhaseSpan

__all__ = ["MOST_REQUESTS", "Excess", "Size", "border", "excess", "needs", "size"]

SPARE = 1.1
"""Requests per request needed: room for a few that go badly."""
MOST_REQUESTS = 10_000_000
"""Requests that an experiment makes at most: what is more was not meant."""


@dataclass(frozen=True)
class Size:
    """The load of an experiment: requests a second, and the phases in seconds since it begins."""

    rps: float
    spans: tuple[PhaseSpan, ...]

    @property
    def seconds(self) -> float:
        return self.spans[-1].end

    @property
    def requests(self) -> int:
        return sum(round(self.rps * (s.end - s.start)) for s in self.spans)


def border(launch: Launch) -> float:
    """How long a request that is as it should be may take, in seconds: one intended that long before the fault is over by then."""
    return min(launch.total_p95, launch.patience)


def size(experiment: Experiment, launch: Launch, least: int = 20) -> Size:
    """Rate and phases for an experiment. The baseline lasts longer by its border, whose requests may live to see the fault.

    `least` is how many opportunities an invariant needs to be able to pass (`AppConfig.least`).
    """
    rps = experiment.load * launch.peak_rps
    spans, start = [], 0.0
    for phase in experiment.phases:
        seconds = max(*_reasons(experiment, phase, rps, least).values(), 2.0)
        if phase.name == "baseline":
            seconds += border(launch)
        seconds = math.ceil(seconds * 2) / 2
        spans.append(PhaseSpan(phase.name, start, start + seconds))
        start += seconds
    return Size(rps, tuple(spans))


def needs(expectation: Expectation, least: int) -> int:
    """How many requests a phase must hold for an expectation to be able to pass."""
    asked = expectation.check.needs(expectation.limit, expectation.percentile)
    return math.ceil(asked * least / 20) if expectation.check.kind == "invariant" else asked


def _reasons(experiment: Experiment, phase: Phase, rps: float, least: int) -> dict[str, float]:
    """For how many seconds a phase must last, for each reason: its load, its expectations, and what its file says."""
    asked = [e for e in experiment.expectations if e.phase == phase.name]
    needed = max((needs(e, least) for e in asked), default=least)
    lasting = max((e.check.lasts(e.limit) for e in asked), default=0.0)
    return {"load": needed * SPARE / rps, "expect": lasting, "at_least": phase.at_least}


@dataclass(frozen=True)
class Excess:
    """Why an experiment is too large: the place in its file that makes it so, what is wrong, and what to change."""

    key: tuple[str, ...]
    message: str
    hint: str


def excess(experiment: Experiment, launch: Launch, least: int = 20) -> Excess | None:
    """What makes an experiment longer than `LONGEST` or larger than `MOST_REQUESTS`; None when it is neither."""
    made = size(experiment, launch, least)
    longest = max(experiment.phases, key=lambda p: max(_reasons(experiment, p, made.rps, least).values()))
    reasons = _reasons(experiment, longest, made.rps, least)
    reason = max(reasons, key=reasons.__getitem__)
    at_least = ("phases", longest.name, "at_least")
    keys = {"load": ("load", "peak"), "expect": ("expect", longest.name), "at_least": at_least}
    rate = f"load.peak ({experiment.load:g}) times launch.peak_rps ({launch.peak_rps:g})"
    if made.seconds > LONGEST:
        message = f"the experiment would take {made.seconds / 3600:,.0f} hours; at most {LONGEST / 3600:g} are allowed"
        hints = {"load": f"raise {rate}", "expect": "give a shorter limit", "at_least": "give a shorter at_least"}
        return Excess(keys[reason], message, hints[reason])
    if made.requests > MOST_REQUESTS:
        message = f"the experiment would make {made.requests:,} requests; at most {MOST_REQUESTS:,} are allowed"
        key = at_least if reason == "at_least" else ("load", "peak")
        return Excess(key, message, f"lower {rate}" + (", or at_least" if reason == "at_least" else ""))
    return None
