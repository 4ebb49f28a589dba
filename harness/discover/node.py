"""What the sources of a Node project tell: how it starts, the route that answers questions, the body, the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brownout.harness.discover.project import Find, Project
from brownout.harness.discover.sources import Source
from brownout.harness.discover.wording import ANSWERS, HEALTH, QUESTIONS, body_of, events_of, likely, likely_route

__all__ = ["ENDINGS", "node_app", "node_command"]

ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx")

_ROUTE = re.compile(r"""\b\w+\.(get|post)\(\s*["'`](/[^"'`:*{]*)["'`]""")
_NEXT_APP = re.compile(r"(?:src/)?app/(.+)/route\.[jt]s")
_NEXT_PAGES = re.compile(r"(?:src/)?pages/(api/.+)\.[jt]s")
_POST = re.compile(r"export\s+(?:async\s+function\s+POST\b|const\s+POST\b|default\b)")
_TAKEN = re.compile(r"\{([^{}]*)\}\s*(?::\s*[^=]+?)?=\s*\(?\s*(?:await\s+)?[\w.]*(?:body\b|json\(\))")
_READ = re.compile(r"\bbody\.(\w+)")
_SAID = re.compile(r"\.json\(\s*\{([^{}]*)")
_VERCEL = ("UIMessageStreamToResponse", "toUIMessageStreamResponse", "DataStreamToResponse", "toDataStreamResponse")
_UI_BODY = {"messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "{prompt}"}]}]}


def node_app(found: list[Source], package: Mapping[str, Any], project: Project) -> None:
    """Write into `project` what package.json and the sources tell of a web app."""
    scripts = package.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    wanted = package.get("dependencies")
    if isinstance(wanted, dict) and "next" in wanted:
        project.start = Find("npx next start -p {port}", "package.json: next; build it first: npx next build")
    elif isinstance(scripts.get("start"), str):
        project.start = Find("npm start", "package.json: scripts.start; the app must read its port from PORT")
    routes = [(path, source, method) for source in found for path, method in _routes(source)]
    healthy = next(((p, s) for p, s, method in routes if method == "get" and HEALTH.fullmatch(p)), None)
    if healthy:
        project.ready = Find(healthy[0], healthy[1].here)
    asked = [(path, source) for path, source, method in routes if method == "post"]
    chosen = next(((p, s) for p, s in asked if likely_route(p)), asked[0] if asked else None)
    if chosen:
        path, source = chosen
        project.path = Find(path, source.here)
        _details(source, project)


def node_command(package: Mapping[str, Any], project: Project) -> None:
    """Write into `project` the command of an app without a server: ``bin`` in package.json."""
    given = package.get("bin")
    file = next(iter(given.values()), None) if isinstance(given, dict) else given
    if isinstance(file, str):
        project.command = Find(["node", file], "package.json: bin")


def _routes(source: Source) -> list[tuple[str, str]]:
    """The routes of a file, with their methods: calls of a router, or the file's own place in a Next.js project."""
    placed = _NEXT_APP.fullmatch(source.here) or _NEXT_PAGES.fullmatch(source.here)
    if placed and _POST.search(source.text):
        parts = [p for p in placed[1].split("/") if not p.startswith("(")]
        return [] if any("[" in p for p in parts) else [("/" + "/".join(parts), "post")]
    return [(path, method) for method, path in _ROUTE.findall(source.text)]


def _details(source: Source, project: Project) -> None:
    text = source.text
    mark = next((v for v in _VERCEL if v in text), None)
    if mark:
        project.answer = Find({"vercel": True}, f"{source.here}: {mark}")
    elif "text/event-stream" in text:
        project.answer = Find(events_of(text), f"{source.here}: text/event-stream")
    elif name := likely(_names(" , ".join(_SAID.findall(text))), ANSWERS):
        project.answer = Find({"json": f"$.{name}"}, source.here)
    read = [*_names(" , ".join(_TAKEN.findall(text))), *_READ.findall(text)]
    field = likely(read, QUESTIONS)
    if field == "messages" and "convertToModelMessages" in text:
        project.body = Find(_UI_BODY, f"{source.here}: convertToModelMessages")
    elif field:
        project.body = Find(body_of(field), source.here)


def _names(pattern: str) -> list[str]:
    """The keys in the inside of an object literal or of a destructuring pattern: ``a, b: c, d = 1`` has a, b and d."""
    return [m[1] for part in pattern.split(",") if (m := re.match(r"\s*[\"']?(\w+)", part))]
