"""How long each phase must last: as many requests as the expectations need to be able to pass, at the load's rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from brownout.harness.config.app import Launch
from brownout.harness.config.experiment import Experiment
from brownout.harness.load.schedule import PhaseSpan

__all__ = ["Size", "size"]

SPARE = 1.25
"""Requests per request needed: room for those that overlap a change of phase, and for a few that go badly."""


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


def size(experiment: Experiment, launch: Launch) -> Size:
    """Rate and phases for an experiment. Baseline and recovery last longer by what users may wait at their borders."""
    rps = experiment.load * launch.peak_rps
    spans, start = [], 0.0
    for phase in experiment.phases:
        asked = [e for e in experiment.expectations if e.phase == phase.name]
        needed = max((e.check.needs(e.limit, e.percentile) for e in asked), default=20)
        lasting = max((e.check.lasts(e.limit) for e in asked), default=0.0)
        seconds = max(needed * SPARE / rps, lasting, phase.at_least, 2.0)
        seconds = math.ceil(seconds * 2) / 2
        spans.append(PhaseSpan(phase.name, start, start + seconds))
        start += seconds
    return Size(rps, tuple(spans))
