"""``brownout init``: writes a commented brownout.yaml and a first experiment, asking only for what it cannot find."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from brownout.faults.values.errors import ConfigError
from brownout.harness.cli.schema import Files
from brownout.harness.cli.schema import text as schema_text
from brownout.harness.discover import Find, Project, discover
from brownout.harness.discover.writing import EXPERIMENT, configuration, flow
from brownout.harness.verdict.plain import one_line

__all__ = ["init"]

EDITORS = "# yaml-language-server: $schema=.brownout/{}.schema.json\n"


def init(folder: Path, url: str | None = None) -> int:
    """Write the files into `folder`. Raises ConfigError when one is there: nothing is written over.

    `url` is where the app runs now, on this machine. The schemas for editors go into ``.brownout``; old ones are renewed.
    """
    files = (folder / "brownout.yaml", folder / "first.experiment.yaml")
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder")
    for file in files:
        if file.exists():
            raise ConfigError(f"{file} is there already, and nothing is written over: move it away first")
    console = Console(highlight=False, soft_wrap=True)
    project = discover(folder, url)
    for line in _told(project):
        console.print(Text(line))
    if not project.command:
        _complete(project)
    schemas = {sort: folder / ".brownout" / f"{sort.value}.schema.json" for sort in (Files.APP, Files.EXPERIMENT)}
    _write({path: schema_text(sort) for sort, path in schemas.items()})
    _write(
        {files[0]: EDITORS.format("app") + configuration(project), files[1]: EDITORS.format("experiment") + EXPERIMENT}
    )
    console.print(Text(f"written: {files[0]}, {files[1]}, and the schemas for editors in {folder / '.brownout'}"))
    console.print(Text("next: brownout doctor, then brownout run first.experiment.yaml"))
    return 0


def _complete(project: Project) -> None:
    """Ask for what must be known of a web app and was not found."""
    if project.start is None and project.url is None:
        project.start = _ask("How is the app started? Put {port} where its port goes", "python app.py --port {port}")
    project.path = project.path or _ask("Which path do users' questions go to?", "/chat")
    if project.body is None:
        field = _ask("Which field of the JSON body holds the question?", "message")
        project.body = Find({field.value: "{prompt}"}, field.source)


def _write(texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as e:
            raise ConfigError(f"{path} cannot be written: {e.strerror}") from None


def _told(project: Project) -> Iterator[str]:
    """What was found, a line each."""
    finds: dict[str, Find[Any] | None] = {"runs at": project.url}
    if project.command:
        finds = {"command": project.command}
    else:
        finds |= {"start": project.start, "ready": project.ready, "route": project.path}
        finds |= {"body": project.body, "answer": project.answer}
    for what, find in finds.items():
        if find:
            value = find.value if isinstance(find.value, str) else flow(find.value)
            yield f"{what:<8} {one_line(value)}  ({one_line(find.source)})"
        elif what != "runs at":
            yield f"{what:<8} not found"
    if project.url and not (project.path and project.path.source.startswith(project.url.value)):
        yield f"no OpenAPI document of {project.url.value} says how the app is asked"
    for client in project.clients:
        yield f"client   {client.value.package}, which speaks {client.value.dialect}  ({one_line(client.source)})"
        if client.value.way.code:
            yield f"         it reads no variable for its base URL; change the app: {client.value.way.code}"


def _ask(question: str, default: str) -> Find[str]:
    """Ask a person; without a terminal take the default, and say in the file that it is a guess."""
    if sys.stdin.isatty():
        return Find(str(typer.prompt(question, default=default)), "your answer")
    return Find(default, "a guess: change it")
