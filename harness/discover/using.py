"""Which model clients a project uses, in which dialects, and in which variables it looks for their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from brownout.harness.discover.clients import Client, Registry, clients
from brownout.harness.discover.project import Find, Used
from brownout.harness.discover.python import Module
from brownout.harness.discover.sources import Package, Source

__all__ = ["addresses", "used_clients"]

_SPOKEN = {
    "openai": "openai|gpt",
    "anthropic": "anthropic|claude",
    "gemini": "google|gemini",
    "mistral": "mistral",
    "cohere": "cohere",
    "ollama": "ollama",
}
"""How the names of models and classes begin, by which clients that speak several dialects are told which one is meant."""
_ADDRESS = re.compile(
    r"""(?:environ\.get\(|environ\[|getenv\(|process\.env\.)\s*["']?([A-Z][A-Z0-9_]*(?:BASE_URL|API_BASE|LLM_URL|MODEL_URL))\b"""
)


def used_clients(packages: list[Package], parsed: list[Module], texts: list[Source]) -> Iterator[Find[Used]]:
    """The model clients of a project: what it asks for, and what its Python sources import beside that."""
    registries: tuple[Registry, ...] = ("pypi", "npm")
    for registry in registries:
        known = clients(registry)
        asked = {p.name: p for p in packages if p.registry == registry and p.name in known}
        for name, client in known.items():
            source = asked[name].source if name in asked else ""
            if registry == "pypi" and not any(known[other] == client for other in asked):
                source = _importer(name, parsed)
            if source:
                extras = asked[name].extras if name in asked else ()
                for dialect in _spoken(client, extras, texts):
                    yield Find(Used(name, dialect, client.dialects[dialect]), source)


def addresses(texts: list[Source]) -> Iterator[Find[str]]:
    """The variables in which sources look for what may be the address of a model API, once each."""
    found: dict[str, str] = {}
    for source in texts:
        for name in _ADDRESS.findall(source.text):
            found.setdefault(name, source.here)
    return (Find(name, here) for name, here in found.items())


def _importer(package: str, parsed: list[Module]) -> str:
    """The first file that imports a package."""
    names = {package.replace("-", "_"), package.replace("-", "."), package.replace("-", "_", 1).replace("-", ".")}
    return next((m.here for m in parsed if names & m.imports), "")


def _spoken(client: Client, extras: tuple[str, ...], texts: list[Source]) -> list[str]:
    """The dialects that are meant of those that a client speaks: by its extras, and by the names of models and classes."""
    if len(client.dialects) == 1:
        return list(client.dialects)
    found = []
    for dialect in client.dialects:
        words = _SPOKEN.get(dialect, dialect)
        said = re.compile(rf"""["'](?:{words})[\w.]*[-:/]|\b(?:{words})\w*(?:model|provider)\b""", re.IGNORECASE)
        if any(re.match(words, extra) for extra in extras) or any(said.search(s.text) for s in texts):
            found.append(dialect)
    return found or list(client.dialects)[:1]
