"""What a project tells about itself: how it starts, which model clients it uses, how users ask it. For ``brownout init``.

Of files only the text is read; nothing of the project is imported or run. Every find says where it comes from. What a running
app says of itself in its OpenAPI document counts for more than what was read from its sources.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from brownout.harness.discover.asking import loopback, openapi_document
from brownout.harness.discover.listening import Listener, listeners
from brownout.harness.discover.node import ENDINGS, node_app, node_command
from brownout.harness.discover.openapi import described
from brownout.harness.discover.project import Find, Project, Used
from brownout.harness.discover.python import command_line, modules, web_app
from brownout.harness.discover.sources import node_packages, package_json, python_packages, python_scripts, sources
from brownout.harness.discover.using import addresses, used_clients

__all__ = ["Find", "Project", "Used", "discover"]

WEB = {
    "fastapi", "flask", "starlette", "django", "quart", "litestar", "aiohttp", "sanic", "tornado", "bottle", "falcon",
    "streamlit", "gradio", "chainlit",
    "express", "fastify", "hono", "koa", "next", "nuxt", "@nestjs/core", "@sveltejs/kit",
}  # fmt: skip
"""Packages of apps with a server."""


def discover(folder: Path, url: str | None = None) -> Project:
    """Look at the project in `folder`, and at the app itself: at `url`, or where a process of the project listens.

    Raises ConfigError for a `url` that is not on this machine.
    """
    origin = loopback(url) if url else None
    project = Project(folder.resolve().name)
    python, node = list(sources(folder, ".py")), list(sources(folder, *ENDINGS))
    parsed, package = modules(python), package_json(folder)
    packages = [*python_packages(folder), *node_packages(folder)]
    web_app(parsed, project)
    if not project.start and not project.path and package:
        node_app(node, package, project)
    project.clients = list(used_clients(packages, parsed, [*python, *node]))
    project.addresses = list(addresses([*python, *node]))
    if project.clients and not project.start and not project.path and not WEB & {p.name for p in packages}:
        command_line(parsed, python_scripts(folder), project)
        if not project.command and package:
            node_command(package, project)
    for listener in [] if origin else listeners(folder):
        if _ask(listener.url, project):
            _started(listener, project)
            break
    if origin:
        project.url = Find(origin, "--url")
        _ask(origin, project)
    if project.path and not project.path.value.isprintable():
        project.path = None
    return project


def _ask(origin: str, project: Project) -> bool:
    """Write into `project` what the app at an address says of itself, if it does."""
    found = openapi_document(origin)
    route = described(found[1]) if found else None
    if found is None or route is None:
        return False
    source = f"{origin}{found[0]}"
    if project.path is None or project.path.value != route.path:
        project.answer = None  # it was that of another route
    project.url = project.url or Find(origin, "a process of this project listens there")
    project.path, project.body = Find(route.path, source), Find(route.body, source)
    streams = {"sse", "ndjson"} & set(route.answer or {})
    if streams and not (project.answer and streams & set(project.answer.value)):
        project.answer = Find(route.answer or {}, f"{source}: a stream; the names in it are a guess")
    elif route.answer and not streams:
        project.answer = Find(route.answer, source)
    if route.health:
        project.ready = Find(route.health, source)
    project.ready = project.ready or Find(found[0], f"{source}: it answers")
    project.command = None
    return True


def _started(listener: Listener, project: Project) -> None:
    """Take the command of a running process, if nothing else tells how the app is started and its port stands in it."""
    words = [re.sub(rf"(^|[:=]){listener.port}$", r"\1{port}", word) for word in listener.words]
    secret = re.compile("key|token|secret|password", re.IGNORECASE)
    if project.start is None and words != list(listener.words) and not any(map(secret.search, words)):
        command = " ".join(map(_quoted, words))
        project.start = Find(command, f"the process that listens on port {listener.port}")


def _quoted(word: str) -> str:
    """A word of a command, in quotes if it needs them; braces alone need none, since no shell runs the command."""
    return word if re.fullmatch(r"[\w@%+=:,./{}-]+", word, re.ASCII) else shlex.quote(word)
