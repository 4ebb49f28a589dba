"""The packages by which apps call models (clients.yaml), and which variables lead their calls to a simulated backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from brownout.faults.plans.document import Document
from brownout.faults.values.fault import dialects

__all__ = ["Client", "Registry", "Way", "clients", "environment", "is_address", "placeholders", "ways"]

Registry = Literal["pypi", "npm"]

_FORBID: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True)
class Way:
    """How the calls of a client in one dialect are led elsewhere. What the fields mean stands at the head of clients.yaml."""

    env: dict[str, str] = field(default_factory=dict)
    code: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class Client:
    """A package that calls models. `dialects` maps the name of each dialect that it speaks to how it is led elsewhere."""

    read: str
    dialects: dict[str, Way]
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _File:
    pypi: dict[str, Client]
    npm: dict[str, Client]
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@cache
def clients(registry: Registry) -> Mapping[str, Client]:
    """The clients of a registry, by package."""
    file = Document.read(Path(__file__).with_name("clients.yaml")).validate(_File)
    return {"pypi": file.pypi, "npm": file.npm}[registry]


def ways() -> Iterator[tuple[Registry, str, Client, str, Way]]:
    """All that is known: registry, package, client, dialect, way."""
    registries: tuple[Registry, ...] = ("pypi", "npm")
    for registry in registries:
        for package, client in clients(registry).items():
            for dialect, way in client.dialects.items():
                yield registry, package, client, dialect, way


def environment(dialect: str, way: Way | None = None) -> Mapping[str, str]:
    """The variables for a client, with ``{base}`` and ``{origin}`` in their values: its own, or those of the dialect."""
    return way.env if way and way.env else dict(dialects.get(dialect).variables)


def is_address(value: str) -> bool:
    """Whether the value of a variable is the address of a backend, and not a key."""
    return "{base}" in value or "{origin}" in value


def placeholders(value: str, backend: str, dialect: str) -> str:
    """The value of a variable as brownout.yaml writes it, for a backend of that name and dialect."""
    at = f"{{backend.{backend}.{dialect}}}"
    return value.replace("{base}", at).replace("{origin}", f"{{backend.{backend}.origin}}")
