"""Which app is tested: one that ships with brownout, by name, or the one that a brownout.yaml describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.registry import Registry, did_you_mean
from brownout.harness.config.app import AppConfig

__all__ = ["BundledApp", "Target", "apps", "target"]


class BundledApp(Protocol):
    """An app that ships in a package, in variants."""

    variants: tuple[str, ...]
    default: str

    def config(self, variant: str) -> AppConfig:
        """The configuration of a variant. Raises ConfigError for an unknown one."""
        ...


apps: Registry[BundledApp] = Registry("app", "brownout.apps")


@dataclass(frozen=True)
class Target:
    """An app to test. `given` names it in reports and commands; `root` is what its relative paths count from."""

    given: str
    config: AppConfig
    root: Path
    note: str = ""
    """What a person should know of the choice."""


def target(given: str | None) -> Target:
    """The app meant by ``demo:naive``, ``demo``, a path to a brownout.yaml, or nothing.

    Nothing means the brownout.yaml of the current folder, or the demo app where there is none. Raises ConfigError.
    """
    note = ""
    if given is None:
        given = "brownout.yaml" if Path("brownout.yaml").is_file() else "demo"
        note = "" if given == "brownout.yaml" else "there is no brownout.yaml here: this tests the demo app, not yours"
    name, _, variant = given.partition(":")
    if name in apps:
        app = apps.get(name)
        variant = variant or app.default
        return Target(f"{name}:{variant}", app.config(variant), Path.cwd(), note)
    path = Path(given)
    try:
        path = path / "brownout.yaml" if path.is_dir() else path
        there = path.exists()
    except OSError as e:
        raise ConfigError(Problem(f"no app {shown(given)}: {e.strerror}")) from None
    if not there and path.suffix not in (".yaml", ".yml"):
        hint = did_you_mean(name, apps.names()) or "give a brownout.yaml"
        raise ConfigError(Problem(f"no app {shown(given)}", hint=f"{hint}; or give the path of a brownout.yaml"))
    return Target(given, AppConfig.read(path), path.resolve().parent)
