"""What a run would do and could prove, without running it: for ``--dry-run``, and for fitting a run into a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brownout.harness.check import Expectation
from brownout.harness.config.app import Launch
from brownout.harness.config.experiment import Experiment
from brownout.harness.sizing import Size, needs, size
from brownout.harness.verdict.finding import show
from brownout.harness.verdict.statistics import zero_bound

__all__ = ["OVERHEAD", "Planned", "Provable", "fit", "plan"]

OVERHEAD = 8.0
"""Seconds an experiment takes beside its load: starting backend, app and Locust, and stopping them."""


@dataclass(frozen=True)
class Provable:
    """An expectation, the requests of its phase, how many it needs to be able to pass, and what a pass would show."""

    expectation: Expectation
    requests: int
    needed: int
    shows: str


@dataclass(frozen=True)
class Planned:
    """An experiment as it would be run. `seconds` is its whole time, with the users who wait longest at its end."""

    experiment: Experiment
    size: Size
    seconds: float
    provable: tuple[Provable, ...]


def plan(experiments: Iterable[Experiment], launch: Launch, least: int = 20) -> tuple[Planned, ...]:
    """What each experiment would take and could prove; `least` as for `size`."""
    return tuple(_plan(e, launch, least) for e in experiments)


def _plan(experiment: Experiment, launch: Launch, least: int) -> Planned:
    shape = size(experiment, launch, least)
    requests = {s.name: round(shape.rps * (s.end - s.start)) for s in shape.spans}
    provable = tuple(
        Provable(e, requests[e.phase], needs(e, least), _shows(e, requests[e.phase])) for e in experiment.expectations
    )
    return Planned(experiment, shape, shape.seconds + launch.patience + OVERHEAD, provable)


def _shows(e: Expectation, requests: int) -> str:
    if e.limit is None:
        return f"under {show(zero_bound(requests), 'ratio')}, if every request is an occasion"
    return f"{e.limit.op} {show(e.limit.value, e.check.unit)}, 95 % sure"


def fit(planned: Iterable[Planned], minutes: float) -> tuple[tuple[Planned, ...], tuple[Planned, ...]]:
    """The experiments, in their order, that fit into `minutes`, and those that do not and so stay untested."""
    kept: list[Planned] = []
    dropped: list[Planned] = []
    left = minutes * 60
    for p in planned:
        if p.seconds <= left:
            left -= p.seconds
            kept.append(p)
        else:
            dropped.append(p)
    return tuple(kept), tuple(dropped)
