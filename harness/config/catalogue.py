"""The experiments and suites that can be asked for by name: ``*.experiment.yaml`` and ``*.suite.yaml`` in packages.

The entry points of group ``brownout.suites`` name the packages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from brownout.faults.plans.document import Document
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import show_seconds
from brownout.harness.check import checks
from brownout.harness.config.app import Launch, WaiverSpec
from brownout.harness.config.experiment import Experiment, read_experiment
from brownout.harness.sizing import excess, size

__all__ = ["Suite", "check_waivers", "experiment_files", "select", "suites"]

EXPERIMENT, SUITE = ".experiment.yaml", ".suite.yaml"


@dataclass(frozen=True)
class Suite:
    """A list of experiments, by name."""

    title: str
    experiments: list[str]
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def _files(suffix: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in sorted(entry_points(group="brownout.suites"), key=lambda e: e.value):
        for folder in entry.load().__path__:
            for path in sorted(Path(folder).glob(f"*{suffix}")):
                found.setdefault(path.name.removesuffix(suffix), path)
    return found


def experiment_files() -> Mapping[str, Path]:
    """The files of all experiments that are known by name."""
    return _files(EXPERIMENT)


def suites() -> Mapping[str, Suite]:
    """All suites by name. Raises ConfigError for a broken one."""
    return {name: Document.read(path).validate(Suite) for name, path in _files(SUITE).items()}


def select(
    given: list[str], suite: str | None, launch: Launch, backends: Collection[str] | None = None, least: int = 20
) -> tuple[Experiment, ...]:
    """The experiments named or meant: files or names, or those of a suite (``launch`` when nothing is given).

    `backends` are those of the app, which scopes may name (None: any name will do); `least` is as for `size`. Raises
    ConfigError with every mistake in every file.
    """
    if given and suite:
        raise ConfigError("give experiments or --suite, not both")
    names = given
    if not given:
        known = suites()
        wanted = suite or "launch"
        if wanted not in known:
            raise ConfigError(Problem(f"unknown suite {shown(wanted)}", hint=did_you_mean(wanted, sorted(known))))
        names = known[wanted].experiments
    files, problems, read = experiment_files(), [], []
    for name in names:
        path = files.get(name) or Path(name)
        if name not in files and not _exists(path) and not name.endswith((".yaml", ".yml")):
            problems.append(Problem(f"unknown experiment {shown(name)}", hint=did_you_mean(name, sorted(files))))
            continue
        try:
            made = replace(read_experiment(path, launch, backends), known=name in files)
            problems += _timing(made, launch, least)
            read.append(made)
        except ConfigError as e:
            problems += e.problems
    seen: set[str] = set()
    for experiment in read:
        if experiment.name in seen:
            problems.append(Problem(f"two experiments are called {experiment.name!r}", experiment.file))
        seen.add(experiment.name)
    if problems:
        raise ConfigError(*problems)
    return tuple(read)


def unasked(chosen: Iterable[Experiment], launch: Launch) -> tuple[str, ...]:
    """The questions of the launch suite that a run does not ask, a line each: a GO says nothing of them."""
    asked = {e.name for e in chosen}
    files = experiment_files()
    left = (read_experiment(files[n], launch) for n in suites()["launch"].experiments if n in files and n not in asked)
    return tuple(f"{e.title}: a question of the launch suite that this run did not ask" for e in left)


def _timing(experiment: Experiment, launch: Launch, least: int) -> Iterator[Problem]:
    """What is wrong with how long an experiment takes: no end, or rules that are in force only after their phase."""
    if (too := excess(experiment, launch, least)) is not None:
        yield Document.read(Path(experiment.file)).problem(too.key, too.message, too.hint)
        return
    for phase, span in zip(experiment.phases, size(experiment, launch, least).spans, strict=True):
        lasts = span.end - span.start
        for i, rule in enumerate(phase.plan.rules):
            if rule.window.start >= lasts:
                message = f"begins after the phase has ended: it lasts {show_seconds(lasts)}"
                hint = f"let it begin earlier, or give the {phase.name} phase an at_least"
                at = ("phases", phase.name, "faults", i, "window")
                yield Document.read(Path(experiment.file)).problem(at, message, hint)


def check_waivers(waivers: Iterable[WaiverSpec], chosen: Iterable[Experiment], root: Path) -> None:
    """Raises ConfigError for a waiver of a check or an experiment that nobody knows: it would never waive anything.

    Known experiments are those of this run, those that have a name, and those whose files lie below `root`.
    """
    chosen = tuple(chosen)
    known = {*experiment_files(), *(e.name for e in chosen)}
    problems = []
    for i, waiver in enumerate(waivers):
        name = waiver.experiment
        if waiver.check not in checks:
            hint = did_you_mean(waiver.check, checks.names())
            problems.append(Problem(f"unknown check {shown(waiver.check)}", key=f"waivers[{i}].check", hint=hint))
        if name is not None and name not in known and name not in _below(root, chosen):
            hint = did_you_mean(name, sorted(known))
            problems.append(Problem(f"unknown experiment {shown(name)}", key=f"waivers[{i}].experiment", hint=hint))
    if problems:
        raise ConfigError(*problems)


def _below(root: Path, chosen: Iterable[Experiment]) -> set[str]:
    """The names of experiment files near by: in `root`, in the folders in it, and beside the experiments chosen."""
    folders = {root, *(Path(e.file).parent for e in chosen)}
    files = [
        f for folder in folders for pattern in (f"*{EXPERIMENT}", f"*/*{EXPERIMENT}") for f in folder.glob(pattern)
    ]
    return {file.name.removesuffix(EXPERIMENT) for file in files}


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, for example
        return False
