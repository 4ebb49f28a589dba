"""What a project tells about itself: how it starts, which model client it uses, how users ask it. For ``brownout init``.

Reads files only; nothing of the project is imported or run. Every find says where it comes from; what is not found is None.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CLIENTS", "Find", "Project", "discover"]

SKIPPED = {
    ".venv",
    "venv",
    "env",
    "node_modules",
    ".git",
    "build",
    "dist",
    "__pycache__",
    "tests",
    "test",
    "site-packages",
}
MOST_FILES, MOST_BYTES = 400, 200_000

CLIENTS: dict[str, tuple[str, ...]] = {
    # package -> the lines of app.env that point it at a simulated backend
    "openai": ('OPENAI_BASE_URL: "{backend.primary.openai}"', "OPENAI_API_KEY: not-a-real-key"),
    "langchain-openai": ('OPENAI_BASE_URL: "{backend.primary.openai}"', "OPENAI_API_KEY: not-a-real-key"),
    "@ai-sdk/openai": ('OPENAI_BASE_URL: "{backend.primary.openai}"', "OPENAI_API_KEY: not-a-real-key"),
    "litellm": ('OPENAI_BASE_URL: "{backend.primary.openai}"', "OPENAI_API_KEY: not-a-real-key"),
}
"""Model clients whose calls a simulated backend can answer in this version."""
UNSERVED = ("anthropic", "google-genai", "ollama", "mistralai", "cohere", "@anthropic-ai/sdk", "@ai-sdk/anthropic")

_PYTHON_APP = re.compile(r"^(\w+)(?:\s*:\s*\w+)?\s*=\s*(FastAPI|Starlette|Flask|Quart)\(", re.MULTILINE)
_PYTHON_ROUTE = re.compile(r"""@\w+\.(?:post|route)\(\s*["'](/[^"'<{]*)["']""")
_NODE_ROUTE = re.compile(r"""\b\w+\.post\(\s*["'`](/[^"'`:]*)["'`]""")
_LIKELY = re.compile(r"chat|ask|answer|complet|message|query|question|assist|generate|prompt", re.IGNORECASE)
_READY = re.compile(r"""\.(?:get|route)\(\s*["'`](/(?:health|healthz|ready|readyz|livez|ping|status)[^"'`]*)["'`]""")
_ANSWER = re.compile(
    r"""(?:return|json|jsonify|JSONResponse)\W*\{?\s*["']?(answer|reply|response|output|completion|result|text)["']?\s*[:=]"""
)
_FIELD = re.compile(r"\b(message|prompt|question|query|input|text|content)\b")


@dataclass(frozen=True)
class Find:
    """Something found, and where."""

    value: str
    source: str


@dataclass
class Project:
    """What was found. `clients` are package names in `CLIENTS` or `UNSERVED`."""

    name: str
    start: Find | None = None
    route: Find | None = None
    body_field: Find | None = None
    answer_field: Find | None = None
    ready: Find | None = None
    streams: Find | None = None
    clients: list[Find] = field(default_factory=list)


def discover(folder: Path) -> Project:
    """Look at the project in `folder`."""
    project = Project(folder.resolve().name)
    packages = {**_python_packages(folder), **_node_packages(folder)}
    project.clients = [Find(p, packages[p]) for p in (*CLIENTS, *UNSERVED) if p in packages]
    node = _package_json(folder)
    if node:
        _node(folder, node, project)
    _python(folder, project)
    return project


def _python(folder: Path, project: Project) -> None:
    for file, text in _sources(folder, (".py",)):
        here = file.relative_to(folder).as_posix()
        app = _PYTHON_APP.search(text)
        if app and project.start is None:
            module = here.removesuffix(".py").removesuffix("/__init__").replace("/", ".").removeprefix("src.")
            source = "" if not here.startswith("src/") else " --app-dir src"
            target = shlex.quote(f"{module}:{app[1]}")
            command = f"uvicorn {target} --port {{port}}{source}"
            if app[2] == "Flask":
                command = f"flask --app {target} run --port {{port}}"
            project.start = Find(command, f"{here}: {app[1]} = {app[2]}()")
        _ready(here, text, project)
        _routes(_PYTHON_ROUTE, here, text, project)
        if project.route and project.route.source.startswith(here):
            _details(here, text, ("StreamingResponse", "EventSourceResponse", "text/event-stream"), project)


def _node(folder: Path, package: dict[str, Any], project: Project) -> None:
    scripts = package.get("scripts")
    if isinstance(scripts, dict) and isinstance(scripts.get("start"), str):
        project.start = Find("npm start", "package.json: scripts.start; the app must read its port from PORT")
    for file, text in _sources(folder, (".js", ".mjs", ".ts")):
        here = file.relative_to(folder).as_posix()
        _ready(here, text, project)
        _routes(_NODE_ROUTE, here, text, project)
        if project.route and project.route.source.startswith(here):
            _details(
                here, text, ("text/event-stream", "pipeUIMessageStreamToResponse", "pipeDataStreamToResponse"), project
            )


def _routes(pattern: re.Pattern[str], here: str, text: str, project: Project) -> None:
    found = pattern.findall(text)
    likely = [r for r in found if _LIKELY.search(r)]
    if likely and (project.route is None or not _LIKELY.search(project.route.value)):
        project.route = Find(likely[0], here)
    elif found and project.route is None:
        project.route = Find(found[0], here)


def _ready(here: str, text: str, project: Project) -> None:
    if project.ready is None and (found := _READY.search(text)):
        project.ready = Find(found[1], here)


def _details(here: str, text: str, streaming: tuple[str, ...], project: Project) -> None:
    if project.answer_field is None and (name := _ANSWER.search(text)):
        project.answer_field = Find(name[1], here)
    if project.body_field is None and (name := _FIELD.search(text)):
        project.body_field = Find(name[1], here)
    mark = next((s for s in streaming if s in text), None)
    if project.streams is None and mark:
        project.streams = Find("sse", f"{here}: {mark}")


def _sources(folder: Path, endings: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """The project's source files with their texts: the shallow ones first, without what others wrote."""
    count = 0
    for file in sorted(_walk(folder, endings), key=lambda f: (len(f.parts), f)):
        count += 1
        if count > MOST_FILES:
            return
        try:
            yield file, file.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES]
        except OSError:
            continue


def _walk(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() or entry.name in SKIPPED or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, endings)
        elif entry.suffix in endings:
            yield entry


def _python_packages(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        data = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        project = data.get("project", {})
        wanted = list(project.get("dependencies", [])) + list(
            data.get("tool", {}).get("poetry", {}).get("dependencies", {})
        )
        found |= {_bare(str(d)): "pyproject.toml" for d in wanted}
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    try:
        lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        found |= {
            _bare(line): "requirements.txt"
            for line in lines
            if line.strip() and not line.lstrip().startswith(("#", "-"))
        }
    except (OSError, UnicodeDecodeError):
        pass
    return found


def _bare(requirement: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return match[1].lower().replace("_", "-") if match else ""


def _package_json(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _node_packages(folder: Path) -> dict[str, str]:
    wanted = _package_json(folder).get("dependencies", {})
    return {str(name): "package.json" for name in wanted} if isinstance(wanted, dict) else {}
