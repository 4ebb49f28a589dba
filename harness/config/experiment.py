"""Experiment files: hypothesis, load, phases with their faults, and expectations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from brownout.faults.plans.document import Document, Location
from brownout.faults.plans.load import parse_rules
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.errors import ConfigError, Problem
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Seconds, Share, parse_seconds, parse_share
from brownout.harness.check import Check, Expectation, checks
from brownout.harness.config.app import Launch
from brownout.harness.verdict.finding import Severity
from brownout.harness.verdict.judge import Limit

__all__ = ["PHASES", "Experiment", "Phase", "read_experiment"]

PHASES = ("baseline", "fault", "recovery")
"""Every experiment has these, in this order."""

_FORBID: dict[str, Any] = {"extra": "forbid"}
_EXPECTATION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:(<=|>=|<|>)\s*(\S.*?)\s*)?")


@dataclass(frozen=True)
class Phase:
    """One phase: `at_least` seconds long (the expectations may need more), with its fault plan."""

    name: str
    at_least: float
    plan: FaultPlan


@dataclass(frozen=True)
class Experiment:
    """An experiment as it was read. `load` is a multiple of the launch's peak rate; `repeat` the share of questions that
    were asked before."""

    name: str
    title: str
    question: str
    load: float
    repeat: float
    phases: tuple[Phase, ...]
    expectations: tuple[Expectation, ...]
    file: str = ""

    @property
    def plan(self) -> FaultPlan:
        """The rules of all phases."""
        return sum((p.plan for p in self.phases), FaultPlan())


@dataclass(frozen=True)
class _Load:
    peak: float = 1.0
    repeat: Share = 0.35
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if not 0 < self.peak <= 1000:
            raise ValueError("peak is a multiple of launch.peak_rps above 0, e.g. 1.0")


@dataclass(frozen=True)
class _Phase:
    at_least: Seconds = 0.0
    faults: list[Any] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _Phases:
    baseline: _Phase = field(default_factory=_Phase)
    fault: _Phase = field(default_factory=_Phase)
    recovery: _Phase = field(default_factory=_Phase)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _Expect:
    baseline: list[Any] = field(default_factory=list)
    fault: list[Any] = field(default_factory=list)
    recovery: list[Any] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _Expected:
    that: str
    severity: Literal["blocks", "condition", "note"] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _File:
    experiment: str
    phases: _Phases
    expect: _Expect
    title: str = ""
    question: str = ""
    load: _Load = field(default_factory=_Load)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.experiment):
            raise ValueError(f"the name of an experiment is made of a-z, 0-9 and _, not {self.experiment!r}")


def read_experiment(path: Path, launch: Launch) -> Experiment:
    """Read an experiment file; limits may refer to `launch`. Raises ConfigError with every mistake in it."""
    document = Document.read(path)
    read = document.validate(_File)
    problems: list[Problem] = []
    phases = []
    for name in PHASES:
        phase: _Phase = getattr(read.phases, name)
        try:
            plan = parse_rules(document, phase.faults, ("phases", name, "faults"))
        except ConfigError as e:
            problems += e.problems
            continue
        if plan.rules and name == "baseline":
            problems.append(
                document.problem(("phases", name, "faults"), "the baseline is measured on a healthy backend")
            )
        phases.append(Phase(name, phase.at_least, plan))
    expectations = []
    for name in PHASES:
        for i, item in enumerate(getattr(read.expect, name)):
            try:
                expectations.append(_expectation(document, item, ("expect", name, i), name, launch))
            except ConfigError as e:
                problems += e.problems
    if not expectations and not problems:
        problems.append(document.problem(("expect",), "an experiment that expects nothing proves nothing"))
    if problems:
        raise ConfigError(*problems)
    title = read.title or read.experiment.replace("_", " ").capitalize()
    load = read.load
    return Experiment(
        read.experiment, title, read.question, load.peak, load.repeat, tuple(phases), tuple(expectations), str(path)
    )


def _expectation(document: Document, item: object, at: Location, phase: str, launch: Launch) -> Expectation:
    given = document.validate(_Expected, {"that": item} if isinstance(item, str) else item, at)
    match = _EXPECTATION.fullmatch(given.that)
    if match is None:
        hint = "write a check and its limit, e.g. ttft_p95 < 2s"
        raise ConfigError(document.problem(at, f"{given.that!r} is not an expectation", hint))
    word, op, written = match.groups()
    name, percentile = word, None
    if word not in checks and (p := re.fullmatch(r"(\w+)_p(\d{2,3})", word)):
        # p999 is the 99.9th percentile.
        name, percentile = p[1], float(f"0.{p[2]}")
    if name not in checks:
        known = [n + "_p95" if c.percentile else n for n, c in checks]
        raise ConfigError(document.problem(at, f"unknown check {word!r}", did_you_mean(word, known)))
    check = checks.get(name)
    if check.percentile != (percentile is not None):
        hint = f"write {name}_p95" if check.percentile else f"write {name}"
        raise ConfigError(document.problem(at, f"{word!r} is not how this check is asked for", hint))
    if phase not in check.phases:
        raise ConfigError(
            document.problem(
                at, f"{name} says nothing about the {phase} phase", f"it is about: {', '.join(check.phases)}"
            )
        )
    limit = _limit(document, at, check, op, written, launch)
    severity = Severity(given.severity) if given.severity else check.severity
    return Expectation(given.that.strip(), check, phase, limit, percentile, severity)


def _limit(
    document: Document, at: Location, check: Check, op: str | None, written: str | None, launch: Launch
) -> Limit | None:
    if check.kind == "invariant":
        if op is not None:
            raise ConfigError(
                document.problem(at, f"{check.name} must never be broken and takes no limit", f"write {check.name}")
            )
        return None
    if op is None:
        hint = f"e.g. {check.name}{'_p95' if check.percentile else ''} {check.example}"
        raise ConfigError(document.problem(at, f"{check.name} needs a limit", hint))
    if (op[0] == "<") != (check.better == "lower"):
        raise ConfigError(
            document.problem(
                at,
                f"{check.name} is better when {check.better}, so {op} would ask for the worse",
                f"e.g. {check.name} {check.example}",
            )
        )
    try:
        return Limit(op, _value(check.unit, str(written), launch))  # type: ignore[arg-type]
    except ValueError as e:
        raise ConfigError(document.problem(at, f"the limit of {check.name}: {e}")) from None


def _value(unit: str, written: str, launch: Launch) -> float:
    if written.startswith("launch."):
        name = written.removeprefix("launch.")
        if name not in Launch.__dataclass_fields__:
            raise ValueError(f"launch has no {name!r}; it has {', '.join(Launch.__dataclass_fields__)}")
        return float(getattr(launch, name))
    if unit == "s":
        return parse_seconds(written)
    if unit == "ratio":
        return parse_share(written)
    try:
        return float(written.removesuffix("x").removesuffix("USD").strip())
    except ValueError:
        raise ValueError(f"{written!r} is not a number") from None
