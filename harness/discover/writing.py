"""The files that ``brownout init`` writes: a brownout.yaml that says of each value where it comes from, and an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from brownout.harness.discover.clients import environment, is_address, placeholders
from brownout.harness.discover.project import Find, Project
from brownout.harness.verdict.plain import one_line

__all__ = ["EXPERIMENT", "configuration", "flow"]

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
LAUNCH = """\
launch:                           # guesses: the launch that the app is made ready for
  peak_rps: {peak_rps}
  requests_per_day: 10000
  budget_per_day: 50              # US dollars
  ttft_p95: 2s
  total_p95: 10s
  patience: 8s                    # how long a user waits without seeing anything new
"""


def configuration(project: Project) -> str:
    """The text of a brownout.yaml for a project of which `path` and `body` are known, or `command`."""
    backends = _backends(project)
    parts = [
        f"# brownout: how {one_line(project.name)} is tested. Check every line, then run: brownout doctor",
        "# All that can be written here: brownout schema app, by which editors complete and check it.",
        "app:",
        f"  name: {_quoted(one_line(project.name) or 'app')}",
        *(_command_app(project, backends) if project.command else _web_app(project, backends)),
        "backends:",
        *(f"  {name}: {{dialect: {dialect}}}" for dialect, name in backends.items()),
        "routes:",
        *(_command_route(project, project.command) if project.command else _web_route(project)),
    ]
    return "\n".join(parts) + "\n" + LAUNCH.format(peak_rps=0.5 if project.command else 10)


def _backends(project: Project) -> dict[str, str]:
    """A backend for each dialect that the app's clients speak: dialect to name."""
    spoken = list(dict.fromkeys(c.value.dialect for c in project.clients)) or ["openai"]
    return {dialect: dialect if i else "primary" for i, dialect in enumerate(spoken)}


def _environment(project: Project, backends: dict[str, str]) -> Iterator[str]:
    """The lines of ``env:`` that lead the app's clients to the backends, and what must be changed where none does."""
    written: dict[str, str] = {}
    if not project.clients:
        yield "# a guess: how does the app's model client find its API? See docs/model-clients.md of brownout"
        yield from (_pair(n, placeholders(v, "primary", "openai")) for n, v in environment("openai").items())
        return
    for client in project.clients:
        used, source = client.value, f"{client.value.package}, {one_line(client.source)}"
        if used.way.code:
            yield f"# {source}: reads no variable for its base URL. Change the app: {used.way.code}"
        for name, template in environment(used.dialect, used.way).items():
            value = placeholders(template, backends[used.dialect], used.dialect)
            if name not in written:
                yield _pair(name, value) + (f"    # {source}" if is_address(template) else "")
            elif written[name] != value:
                yield f"# {source}: wants {_pair(name, value)}, and the line above is another client's"
            written.setdefault(name, value)
    for address in project.addresses:
        if address.value not in written:
            first = next(iter(backends))
            value = _pair(address.value, f"{{backend.{backends[first]}.{first}}}")
            yield f"# {value}    # read in {one_line(address.source)}: is it where a model is?"
            written[address.value] = ""


def _web_app(project: Project, backends: dict[str, str]) -> Iterator[str]:
    start, variables = project.start, list(_environment(project, backends))
    if start is None and project.url:
        yield f"  url: {_quoted(project.url.value)}    # {_source(project.url)}"
        yield "  # It runs already: where it is started, these must hold what brownout serve --app brownout.yaml prints:"
        yield from (f"  #   {line}" for line in variables)
    elif start:
        yield f"  start: {_quoted(start.value)}    # {_source(start)}"
        yield "  env:"
        yield from (f"    {line}" for line in variables)
        if "{port}" not in start.value:
            yield '    PORT: "{port}"    # a guess: how is the app told its port?'
    ready = project.ready or Find("/", "a guess: a path that answers below 400 when the app is ready")
    yield f"  ready: {{path: {_quoted(ready.value)}, within: 30s}}    # {_source(ready)}"


def _command_app(project: Project, backends: dict[str, str]) -> Iterator[str]:
    yield "  env:"
    yield from (f"    {line}" for line in _environment(project, backends))


def _web_route(project: Project) -> Iterator[str]:
    assert project.path
    assert project.body
    path, body = project.path, project.body
    last = path.value.rstrip("/").rpartition("/")[2]
    answer = project.answer or Find({"json": "$.answer"}, "a guess: where in the reply is the answer?")
    yield f"  {last if last.isidentifier() and yaml.safe_load(last) == last else 'main'}:"
    yield f"    path: {_quoted(path.value)}    # {_source(path)}"
    yield f"    body: {flow(body.value)}    # {_source(body)}"
    yield f"    answer: {flow(answer.value)}    # {_source(answer)}"
    yield "    # good: [{status: 200}]"
    yield "    # degraded: [{path: $.mode, equals: fallback}]    # stopgaps that say that they are one"


def _command_route(project: Project, command: Find[list[str]]) -> Iterator[str]:
    words = command.value if project.stdin else [*command.value, "{prompt}"]
    yield "  ask:"
    yield f"    run: {flow(words)}    # {_source(command)}"
    if project.stdin:
        yield '    stdin: "{prompt}\\n"    # its source reads standard input'
    else:
        yield '    # stdin: "{prompt}"    # in place of the word {prompt} above, where it reads its standard input'
    yield "    # what it prints is the answer; its exit status is status in rules:"
    yield "    # degraded: [{matches: try again later}]    # stopgaps that say that they are one"


def _source(find: Find[Any]) -> str:
    return one_line(find.source)


def _pair(name: str, value: str) -> str:
    return f"{name}: {_quoted(value) if '{' in value else value}"


def flow(value: Any) -> str:
    """A mapping or a list as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True).strip()


def _quoted(text: str) -> str:
    """A text as YAML in double quotes."""
    return yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True).strip()
