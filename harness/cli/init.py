"""``brownout init``: writes a commented brownout.yaml and a first experiment, asking only for what it cannot find."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from brownout.faults.values.errors import ConfigError
from brownout.harness.discover import CLIENTS, Find, Project, discover
from brownout.harness.verdict.plain import one_line

__all__ = ["init"]

EXPERIMENT = """\
# The first experiment: the provider is down. Run it with: brownout run first.experiment.yaml
experiment: first
title: Every model call fails
question: Do users still get an answer when every call fails with 503?
phases:
  baseline: {}                    # measured on a healthy backend
  fault:
    # at_least: 60s               # longer than the expectations need
    faults:
      - http_error: {status: 503}     # brownout list faults, brownout list incidents
        # probability: 50%
  recovery: {}
expect:
  baseline:
    - answered >= 95%                 # brownout list checks
    - ttft_p95 < launch.ttft_p95
  fault:
    - served >= 90%
    - no_endless_wait
  recovery:
    - recovery_time <= 5s
"""


def init(folder: Path) -> int:
    """Write the two files into `folder`. Raises ConfigError when one is there: nothing is written over."""
    files = (folder / "brownout.yaml", folder / "first.experiment.yaml")
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder")
    for file in files:
        if file.exists():
            raise ConfigError(f"{file} is there already, and nothing is written over: move it away first")
    console = Console(highlight=False, soft_wrap=True)
    project = discover(folder)
    finds = {
        "start": project.start,
        "ready": project.ready,
        "route": project.route,
        "question in": project.body_field,
        "answer in": project.answer_field,
        "streams": project.streams,
    }
    for what, find in finds.items():
        console.print(Text(f"{what:<12} {find.value}  ({find.source})" if find else f"{what:<12} not found"))
    for client in project.clients:
        served = "" if client.value in CLIENTS else ": its wire format is not served in this version"
        console.print(Text(f"model client: {client.value}  ({client.source}){served}"))
    start = project.start or _ask(
        "How is the app started? Put {port} where its port goes", "python app.py --port {port}"
    )
    route = project.route or _ask("Which path do users' questions go to?", "/chat")
    body = project.body_field or _ask("Which field of the JSON body holds the question?", "message")
    files[0].write_text(_configuration(project, start, route, body), encoding="utf-8")
    files[1].write_text(EXPERIMENT, encoding="utf-8")
    console.print(Text(f"written: {files[0]}, {files[1]}"))
    console.print(Text("next: brownout doctor, then brownout run first.experiment.yaml"))
    return 0


def _ask(question: str, default: str) -> Find:
    """Ask a person; without a terminal take the default, and say in the file that it is a guess."""
    if sys.stdin.isatty():
        return Find(str(typer.prompt(question, default=default)), "your answer")
    return Find(default, "a guess: change it")


def _configuration(project: Project, start: Find, route: Find, body: Find) -> str:
    known = [c for c in project.clients if c.value in CLIENTS]
    lines = list(CLIENTS[known[0].value] if known else CLIENTS["openai"])
    why = f"{known[0].value}, {known[0].source}" if known else "a guess: how does the app's model client find its API?"
    if "{port}" not in start.value:
        lines.append('PORT: "{port}"')
    env = "\n".join(f"    {line}" for line in lines)
    ready = project.ready or Find("/", "a guess: a path that answers below 400 when the app is ready")
    answer = Find("json: $.answer", "a guess: where in the reply is the answer?")
    if project.streams:
        answer = Find(
            "sse: {text: $.delta, done: done, error: error}", f"{project.streams.source}; the names are a guess"
        )
    elif project.answer_field:
        answer = Find(f"json: $.{project.answer_field.value}", project.answer_field.source)
    return f"""\
# brownout: how {project.name} is tested. Check every line, then run: brownout doctor
app:
  name: {project.name if project.name.isidentifier() else "app"}
  start: {_quoted(start.value)}    # {_comment(start)}
  env:                            # {why}
{env}
  ready: {{path: {_quoted(ready.value)}, within: 30s}}    # {_comment(ready)}
backends:
  primary:
    dialect: openai
routes:
  main:
    path: {_quoted(route.value)}    # {_comment(route)}
    body: {{{_quoted(body.value)}: "{{prompt}}"}}    # {_comment(body)}
    answer: {{{answer.value}}}    # {_comment(answer)}
    # good: [{{status: 200}}]
    # degraded: [{{path: $.mode, equals: fallback}}]    # stopgaps that say that they are one
launch:                           # guesses: the launch that the app is made ready for
  peak_rps: 10
  requests_per_day: 10000
  budget_per_day: 50              # US dollars
  ttft_p95: 2s
  total_p95: 10s
  patience: 8s                    # how long a user waits without seeing anything new
"""


def _comment(find: Find) -> str:
    return one_line(find.source)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
