"""Experiment files: hypothesis, load, phases with their faults, and expectations."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

from brownout.faults.plans.document import Document, Location
from brownout.faults.plans.load import parse_rules
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Number, Seconds, Share, parse_number, parse_seconds, parse_share
from brownout.harness.check import Check, Expectation, checks
from brownout.harness.config.app import Launch
from brownout.harness.verdict.finding import Severity
from brownout.harness.verdict.judge import Limit

__all__ = ["LONGEST", "PHASES", "Experiment", "Phase", "read_experiment"]

PHASES = ("baseline", "fault", "recovery")
"""Every experiment has these, in this order."""
LONGEST = 24 * 3600.0
"""Seconds that an experiment takes at most: what is longer was not meant."""

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
    known: bool = False
    """Whether it can be asked for by its name alone."""

    @property
    def named(self) -> str:
        """The file to name on a command line; '' where the name is enough."""
        return "" if self.known else self.file

    @property
    def plan(self) -> FaultPlan:
        """The rules of all phases."""
        return sum((p.plan for p in self.phases), FaultPlan())


@dataclass(frozen=True)
class _Load:
    peak: Number = 1.0
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

    def __post_init__(self) -> None:
        if self.at_least > LONGEST:
            raise ValueError(f"at_least is at most {LONGEST / 3600:g}h, not {self.at_least / 3600:,.0f}h")


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
            raise ValueError(f"the name of an experiment is made of a-z, 0-9 and _, not {shown(self.experiment)}")
        if len(self.experiment) > 64:
            raise ValueError(f"the name of an experiment has at most 64 characters, not {len(self.experiment)}")


def read_experiment(path: Path, launch: Launch, backends: Collection[str] | None = None) -> Experiment:
    """Read an experiment file; limits may refer to `launch`, and scopes to `backends` (None: any name will do).

    Raises ConfigError with every mistake in it.
    """
    document = Document.read(path)
    read = document.validate(_File)
    problems: list[Problem] = []
    phases = []
    for name in PHASES:
        phase: _Phase = getattr(read.phases, name)
        try:
            plan = parse_rules(document, phase.faults, ("phases", name, "faults"), backends)
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
    if not problems and not any(p.plan.rules for p in phases) and any(e.phase != "baseline" for e in expectations):
        problems.append(
            document.problem(("phases",), "no phase has a fault, so nothing after the baseline can be shown")
        )
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
        raise ConfigError(document.problem(at, f"{shown(given.that)} is not an expectation", hint))
    word, op, written = match.groups()
    name, percentile = word, None
    if word not in checks and (p := re.fullmatch(r"(\w+)_p([0-9]+)", word)):
        name, percentile = p[1], _percentile(p[2])
        if name in checks and checks.get(name).percentile and percentile is None:
            hint = f"two digits from 01 to 99, as in {name}_p95, or three from 99, as in {name}_p999 for 99.9 %"
            raise ConfigError(document.problem(at, f"{shown(word)} names no percentile", hint))
    if name not in checks:
        known = [n + "_p95" if c.percentile else n for n, c in checks]
        raise ConfigError(document.problem(at, f"unknown check {shown(word)}", did_you_mean(word, known)))
    check = checks.get(name)
    if check.percentile != (percentile is not None):
        hint = f"write {name}_p95" if check.percentile else f"write {name}"
        raise ConfigError(document.problem(at, f"{shown(word)} is not how this check is asked for", hint))
    if phase not in check.phases:
        raise ConfigError(
            document.problem(
                at, f"{name} says nothing about the {phase} phase", f"it is about: {', '.join(check.phases)}"
            )
        )
    limit = _limit(document, at, check, op, written, launch)
    severity = Severity(given.severity) if given.severity else check.severity
    return Expectation(given.that.strip(), check, phase, limit, percentile, severity)


def _percentile(digits: str) -> float | None:
    """The share that the digits after ``_p`` stand for: 95 is 0.95, and 999 is 0.999. None where they stand for none."""
    if re.fullmatch("[0-9]{2}|99[0-9]", digits) is None or digits == "00":
        return None
    return float(f"0.{digits}")


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
        value = _value(check.unit, str(written), launch)
        if not _meetable(op, value, check):
            raise ValueError(f"nothing can be {op} {written[:40] if written else value}")
        return Limit(op, value)  # type: ignore[arg-type]
    except ValueError as e:
        hint = f"e.g. {check.name}{'_p95' if check.percentile else ''} {check.example}"
        raise ConfigError(document.problem(at, f"the limit of {check.name}: {e}", hint)) from None


def _meetable(op: str, value: float, check: Check) -> bool:
    """Whether any measurement can be within a limit: none is below 0, and no share is above 1."""
    most = 1.0 if check.unit == "ratio" else math.inf
    return {"<": value > 0, "<=": value >= 0, ">": value < most, ">=": value <= most}[op]


_LAUNCH_UNITS = {
    "peak_rps": "requests a second",
    "requests_per_day": "requests a day",
    "budget_per_day": "usd",
    "ttft_p95": "s",
    "total_p95": "s",
    "patience": "s",
}
_UNIT_NAMES = {"s": "a duration", "ratio": "a share", "usd": "US dollars", "calls": "a number of calls"}


def _value(unit: str, written: str, launch: Launch) -> float:
    if written.startswith("launch."):
        name = written.removeprefix("launch.")
        known = [f.name for f in fields(Launch)]
        if name not in known:
            raise ValueError(f"launch has no {shown(name)}; it has {', '.join(known)}")
        its = _LAUNCH_UNITS[name]
        if its != unit:
            given = _UNIT_NAMES.get(its, f"in {its}")
            raise ValueError(f"launch.{name} is {given}, and this takes {_UNIT_NAMES.get(unit, 'a number')}")
        return float(getattr(launch, name))
    if unit == "s":
        return parse_seconds(written)
    if unit == "ratio":
        return parse_share(written)
    try:
        return parse_number(written.removesuffix("x").removesuffix("USD").strip())
    except ValueError:
        raise ValueError(f"{shown(written)} is not a number") from None
