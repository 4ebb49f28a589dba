"""Registries: everything that can be named in a file or on the command line is found through one of these.

A registry is fed by an entry-point group. Each entry point names a package (or module); all modules below it are
imported, and each registers what it holds. So one new file in such a package is one new thing, for us and for others.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import Generic, TypeVar

from brownout.faults.values.errors import ConfigError, Problem, shown

__all__ = ["Registry", "did_you_mean"]

T = TypeVar("T")


def did_you_mean(name: str, known: list[str]) -> str:
    """A hint naming the closest known names, or all of them when none is close and they are few."""
    close = difflib.get_close_matches(name[:100].lower().replace("-", "_").replace(" ", "_"), known, n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "known: " + ", ".join(known) if len(known) <= 20 else ""


class Registry(Generic[T]):
    """Named things of one sort, e.g. ``Registry("fault", "brownout.faults")``.

    `sort` is the word used in messages; `group` the entry-point group whose packages are imported at first use.
    """

    def __init__(self, sort: str, group: str) -> None:
        self.sort, self.group = sort, group
        self._things: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, thing: T) -> T:
        """Register `thing`. A second, different thing under one name is a programming error: ValueError."""
        if self._things.get(name, thing) is not thing:
            raise ValueError(f"two {self.sort}s are called {name!r}: {self._things[name]!r} and {thing!r}")
        self._things[name] = thing
        return thing

    def load(self) -> None:
        """Import every module that the entry points of the group name. Idempotent."""
        if self._loaded:
            return
        self._loaded = True
        for entry in sorted(entry_points(group=self.group), key=lambda e: (e.name, e.value)):
            import_all(entry.load())

    def get(self, name: str) -> T:
        """The thing called `name`. Raises ConfigError with a suggestion when there is none."""
        self.load()
        try:
            return self._things[name]
        except KeyError:
            raise ConfigError(
                Problem(f"unknown {self.sort} {shown(name)}", hint=did_you_mean(name, self.names()))
            ) from None

    def names(self) -> list[str]:
        """All names, sorted."""
        self.load()
        return sorted(self._things)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        self.load()
        return iter(sorted(self._things.items()))

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._things


def import_all(package: ModuleType) -> None:
    """Import every module directly below a package (a plain module is already imported); skips ``_private`` ones."""
    for info in pkgutil.iter_modules(getattr(package, "__path__", [])):
        if not info.name.startswith("_"):
            importlib.import_module(f"{package.__name__}.{info.name}")
