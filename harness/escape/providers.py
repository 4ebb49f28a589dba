"""The model APIs that are known by their hosts: providers.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from brownout.faults.plans.document import Document
from brownout.harness.escape.hosts import HostPattern

__all__ = ["Provider", "provider_of", "providers"]

_FORBID: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True)
class Provider:
    """One model API. What the fields mean stands at the head of providers.yaml."""

    hosts: list[HostPattern]
    keys: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    base_url: str = ""
    dialect: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class _File:
    providers: dict[str, Provider]
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@cache
def providers() -> dict[str, Provider]:
    """All providers that are known, by name."""
    return Document.read(Path(__file__).with_name("providers.yaml")).validate(_File).providers


def provider_of(host: str) -> tuple[str, Provider] | None:
    """Name and description of the provider whose API is at `host`; None for a host that is no model API's."""
    for name, provider in providers().items():
        if any(p.matches(host, 443) for p in provider.hosts):
            return name, provider
    return None
