"""Checks: rules over the journal. An expectation is a check with its limit in an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from brownout.faults.values.registry import Registry
from brownout.harness.config.app import Launch
from brownout.harness.load.schedule import PhaseSpan
from brownout.harness.trace import Call, Outcome, Trace
from brownout.harness.verdict.finding import Severity
from brownout.harness.verdict.judge import Limit
from brownout.harness.verdict.measurement import Measurement
from brownout.harness.watch import Probe

__all__ = ["UNPROVEN", "Check", "Evidence", "Expectation", "View", "checks"]


BLIND = 0.02
"""The share of unproven answers above which a check of outcomes is unknown."""
UNPROVEN = (
    "{n} of {of} answers are unproven: no words of the model in them, and no rule that says what they are. "
    "Say with good: and degraded: in brownout.yaml what a good answer and a stopgap look like"
)


@dataclass(frozen=True)
class Evidence:
    """All that was recorded of one experiment, joined.

    `needs` is which backends each route calls, by its configuration (empty: not said). `health` is what was seen of the
    app's health, None where it was not watched. `least` is how many opportunities an invariant needs to be able to pass.
    """

    traces: tuple[Trace, ...]
    calls: tuple[Call, ...]
    spans: Mapping[str, PhaseSpan]
    launch: Launch
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    health: tuple[Probe, ...] | None = None
    least: int = 20

    def of(self, phase: str) -> tuple[Trace, ...]:
        """The traces whose intended start lies in `phase`."""
        return tuple(t for t in self.traces if t.sample.phase == phase)


@dataclass(frozen=True)
class View:
    """What a check looks at: one phase of an experiment. Times are seconds since the load began."""

    evidence: Evidence
    phase: str

    @cached_property
    def traces(self) -> tuple[Trace, ...]:
        """Every request of the phase: for outcomes."""
        return self.evidence.of(self.phase)

    @cached_property
    def settled(self) -> tuple[Trace, ...]:
        """The requests that estimates are made of: in baseline and recovery, those that overlap no change of phase."""
        if self.phase == "fault":
            return self.traces
        return tuple(t for t in self.traces if not t.transitional)

    @cached_property
    def untied(self) -> tuple[Call, ...]:
        """The calls of the phase's time that belong to no request."""
        tied = {c.number for t in self.evidence.traces for c in t.calls}
        span = self.span
        return tuple(c for c in self.evidence.calls if span.start <= c.arrived < span.end and c.number not in tied)

    @cached_property
    def unproven(self) -> int:
        """How many requests of the phase got an answer of which it is not known what it is."""
        return sum(t.outcome is Outcome.UNPROVEN for t in self.settled)

    @property
    def blind(self) -> bool:
        """Whether so many answers are unproven that nothing can be said of them all."""
        return self.unproven > BLIND * len(self.settled)

    @property
    def span(self) -> PhaseSpan:
        return self.evidence.spans[self.phase]

    @property
    def baseline(self) -> View:
        return View(self.evidence, "baseline")


class Check:
    """Base of all checks: what a check declares, and the measurement that it makes of a view.

    `unit` is ``s``, ``ratio``, ``calls`` or ``usd``; `better` says which direction is good. `compares` is true when the
    measurement means nothing beside a broken baseline. `virtual_pass` and `virtual_fail` say which of its verdicts hold in
    virtual time, where computing costs nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["estimate", "invariant"]]
    unit: ClassVar[str] = "count"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    percentile: ClassVar[bool] = False
    phases: ClassVar[tuple[str, ...]] = ("baseline", "fault", "recovery")
    compares: ClassVar[bool] = False
    virtual_pass: ClassVar[bool] = True
    virtual_fail: ClassVar[bool] = True
    severity: ClassVar[Severity] = Severity.BLOCKS
    example: ClassVar[str] = ""
    meaning: ClassVar[str]
    fix: ClassVar[str]
    source: ClassVar[str] = ""

    def measure(self, view: View, percentile: float | None) -> Measurement:
        """Measure one phase. `percentile` is given exactly to checks that declare it."""
        raise NotImplementedError

    def needs(self, limit: Limit | None, percentile: float | None) -> int:
        """How many requests the phase must hold for this check to be able to pass."""
        return 30

    def lasts(self, limit: Limit | None) -> float:
        """How many seconds the phase must last for this check to be able to pass."""
        return 0.0


@dataclass(frozen=True)
class Expectation:
    """A check with its limit in a phase of an experiment. `text` is what the file says."""

    text: str
    check: Check
    phase: str
    limit: Limit | None
    percentile: float | None
    severity: Severity


checks: Registry[Check] = Registry("check", "brownout.checks")
