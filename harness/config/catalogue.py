"""The experiments and suites that can be asked for by name: ``*.experiment.yaml`` and ``*.suite.yaml`` in packages.

The entry points of group ``brownout.suites`` name the packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from brownout.faults.plans.document import Document
from brownout.faults.values.errors import ConfigError, Problem
from brownout.faults.values.registry import did_you_mean
from brownout.harness.config.app import Launch
from brownout.harness.config.experiment import Experiment, read_experiment

__all__ = ["Suite", "experiment_files", "select", "suites"]

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


def select(given: list[str], suite: str | None, launch: Launch) -> tuple[Experiment, ...]:
    """The experiments named or meant: files or names, or those of a suite (``launch`` when nothing is given).

    Raises ConfigError with every mistake in every file.
    """
    if given and suite:
        raise ConfigError("give experiments or --suite, not both")
    names = given
    if not given:
        known = suites()
        wanted = suite or "launch"
        if wanted not in known:
            raise ConfigError(Problem(f"unknown suite {wanted!r}", hint=did_you_mean(wanted, sorted(known))))
        names = known[wanted].experiments
    files, problems, read = experiment_files(), [], []
    for name in names:
        path = files.get(name) or Path(name)
        if name not in files and not path.exists() and not name.endswith((".yaml", ".yml")):
            problems.append(Problem(f"unknown experiment {name!r}", hint=did_you_mean(name, sorted(files))))
            continue
        try:
            read.append(read_experiment(path, launch))
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
