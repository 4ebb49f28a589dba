"""What happens in a run, as plain data. The engine yields these; journal, console and reports are handlers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from brownout.harness.verdict.result import ExperimentResult, Result

__all__ = [
    "Event",
    "ExperimentFinished",
    "ExperimentStarted",
    "Handler",
    "PhaseStarted",
    "Progress",
    "RunFinished",
    "RunStarted",
    "StepDone",
    "to_record",
]


@dataclass(frozen=True)
class RunStarted:
    """A run begins. `folder` is its run folder."""

    run: str
    folder: str
    app: str
    seed: int
    experiments: tuple[str, ...]


@dataclass(frozen=True)
class ExperimentStarted:
    """An experiment begins; `attempt` is 2 when it is repeated because its measurement was unsound."""

    experiment: str
    title: str
    question: str
    number: int
    of: int
    attempt: int
    requests: int
    seconds: float


@dataclass(frozen=True)
class StepDone:
    """A step of setting up: ``backend``, ``app``, ``warm-up``, ``load``. `took` in seconds."""

    experiment: str
    step: str
    detail: str
    took: float


@dataclass(frozen=True)
class PhaseStarted:
    """A phase begins. `at` is in seconds since the run's origin; `faults` names the plan's rules."""

    experiment: str
    phase: str
    at: float
    seconds: float
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """Where an experiment stands: seconds of the load gone and left, requests ended, calls made so far."""

    experiment: str
    phase: str
    elapsed: float
    left: float
    requests: int
    ends: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    faults: int = 0


@dataclass(frozen=True)
class ExperimentFinished:
    """An experiment was judged."""

    experiment: str
    result: ExperimentResult
    took: float


@dataclass(frozen=True)
class RunFinished:
    """The run is over."""

    result: Result
    folder: str


Event = RunStarted | ExperimentStarted | StepDone | PhaseStarted | Progress | ExperimentFinished | RunFinished


class Handler(Protocol):
    """Takes every event of a run, in order."""

    def handle(self, event: Event) -> None: ...


def to_record(event: Event) -> dict[str, Any]:
    """An event as plain data for the journal; results are left to result.json."""
    if isinstance(event, ExperimentFinished):
        findings: dict[str, int] = {}
        for f in event.result.findings:
            findings[f.status.value] = findings.get(f.status.value, 0) + 1
        return {"event": "ExperimentFinished", "experiment": event.experiment, "took": event.took, "findings": findings}
    if isinstance(event, RunFinished):
        return {"event": "RunFinished", "folder": event.folder, "verdict": event.result.verdict.word.value}
    return {"event": type(event).__name__, **asdict(event)}
