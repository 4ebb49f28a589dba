"""The files of a project: its own sources, and the packages that it says it needs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brownout.harness.discover.clients import Registry

__all__ = ["Package", "Source", "node_packages", "package_json", "python_packages", "python_scripts", "sources"]

SKIPPED = frozenset(
    (
        *(".venv", "venv", "env", "node_modules", "site-packages", "__pycache__", ".git"),
        *("build", "dist", "out", "tests", "test", "docs", "examples", "migrations", "vendor"),
    )
)
MOST_FILES, MOST_BYTES = 400, 200_000


@dataclass(frozen=True)
class Source:
    """A source file: its path in the project, with slashes, and its text."""

    here: str
    text: str


@dataclass(frozen=True)
class Package:
    """A package that a project needs: its name, its extras, and the file that says so."""

    registry: Registry
    name: str
    extras: tuple[str, ...]
    source: str


def sources(folder: Path, *endings: str) -> Iterator[Source]:
    """The project's source files: the shallow ones first, without what others wrote."""
    for file in sorted(_walk(folder, endings), key=lambda f: (len(f.parts), f))[:MOST_FILES]:
        if text := _read(file):
            yield Source(file.relative_to(folder).as_posix(), text[:MOST_BYTES])


def _walk(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() or entry.name in SKIPPED or entry.name.startswith(".") or not entry.name.isprintable():
            continue
        if entry.is_dir():
            yield from _walk(entry, endings)
        elif entry.name.endswith(endings):
            yield entry


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _pyproject(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(folder / "pyproject.toml"))
    except ValueError:
        return {}


def package_json(folder: Path) -> dict[str, Any]:
    """The contents of package.json; nothing where there is none that can be read."""
    try:
        data = json.loads(_read(folder / "package.json"))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def python_packages(folder: Path) -> Iterator[Package]:
    """What pyproject.toml and requirements.txt ask for."""
    data = _pyproject(folder)
    project, poetry = _at(data, "project"), _at(data, "tool", "poetry", "dependencies")
    wanted = project.get("dependencies")
    for line in [*(wanted if isinstance(wanted, list) else []), *poetry]:
        yield from _required(str(line), "pyproject.toml")
    for line in _read(folder / "requirements.txt").splitlines():
        if not line.lstrip().startswith(("#", "-")):
            yield from _required(line, "requirements.txt")


def python_scripts(folder: Path) -> dict[str, str]:
    """The commands that pyproject.toml installs: name to ``module:function``."""
    data = _pyproject(folder)
    found = {**_at(data, "tool", "poetry", "scripts"), **_at(data, "project", "scripts")}
    return {name: target for name, target in found.items() if isinstance(target, str)}


def _at(data: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _required(requirement: str, source: str) -> Iterator[Package]:
    match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", requirement)
    if match:
        extras = tuple(e.strip() for e in (match[2] or "").split(",") if e.strip())
        yield Package("pypi", re.sub(r"[-_.]+", "-", match[1]).lower(), extras, source)


def node_packages(folder: Path) -> Iterator[Package]:
    """The dependencies in package.json."""
    for name in _at(package_json(folder), "dependencies"):
        yield Package("npm", name, (), "package.json")
