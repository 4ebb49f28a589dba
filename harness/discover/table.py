"""docs/model-clients.md, made from the dialects and from clients.yaml: ``python -m brownout.harness.discover.table``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from brownout.faults.values.fault import dialects
from brownout.harness.discover.clients import Way, environment, is_address, placeholders, ways

__all__ = ["document"]

COMMAND = "python -m brownout.harness.discover.table > docs/model-clients.md"
HEAD = f"""\
# Model clients

<!-- Made from the dialects and harness/discover/clients.yaml: {COMMAND} -->

How a model client is led to a simulated backend: by a variable in `app.env` where it reads one, else by a line in the app.
`brownout init` writes this for the clients that it finds. *Holds* is what the variable must hold, with or without `/v1`;
*write* is what that is called in `brownout.yaml`, for a backend that is named `primary`. Keys may hold anything. Versions are
those whose source was read.

## Clients that read a variable

"""
BY_CODE = """\

## Clients that need a line in the app

They read no variable for their base URL. The name is a suggestion: the code and `app.env` must agree on it.

"""
TAIL = """\

## Other clients

* **Anything with an OpenAI-compatible API**: the dialect `openai`. Give the client `{backend.primary.openai}` as its base URL,
  in whatever variable the app reads; `{backend.primary.origin}` is the same without `/v1`.
* **A client with a base URL in the code**, such as `OpenAI(base_url="https://api.groq.com/openai/v1")`, heeds no variable:
  read it from one. Until then brownout refuses the call and names its host, see [no-escape.md](no-escape.md).
* **Several backends in one host**: give them a `prefix`, and the app `{backends.origin}`, see [brownout-yaml.md](brownout-yaml.md).
"""
ORIGIN = "http://host:port"


def document() -> str:
    """The whole page."""
    read = [(clients, *_cells(dialect, way)) for clients, dialect, way in _groups() if not way.code]
    coded = [(clients, f"`{way.code}`", *_cells(dialect, way)) for clients, dialect, way in _groups() if way.code]
    variables = ("dialect", "variable", "holds", "write", "key")
    return HEAD + _table(("client", *variables), read) + BY_CODE + _table(("client", "line", *variables), coded) + TAIL


def _groups() -> Iterator[tuple[str, str, Way]]:
    """The clients that are led alike, with the dialect and the way; a dialect without a client for itself."""
    groups: dict[tuple[str, str], tuple[list[str], Way]] = {}
    for registry, package, client, dialect, way in ways():
        alike = str((environment(dialect, way), way.code))
        names, _ = groups.setdefault((dialect, alike), ([], way))
        names.append(f"{package} {client.read}" + (" (npm)" if registry == "npm" else ""))
    for (dialect, _), (names, way) in sorted(groups.items(), key=lambda group: group[0][0]):
        yield ", ".join(names), dialect, way
    for dialect in dialects.names():
        if not any(dialect == spoken for spoken, _ in groups):
            yield "any", dialect, Way()


def _cells(dialect: str, way: Way) -> tuple[str, ...]:
    """Dialect, variable, what it holds, what to write, and the variable of the key."""
    variables = environment(dialect, way)
    base = dialects.get(dialect)().base_url(ORIGIN)
    address = {name: value for name, value in variables.items() if is_address(value)}
    holds = [value.replace("{base}", base).replace("{origin}", ORIGIN) for value in address.values()]
    write = [placeholders(value, "primary", dialect) for value in address.values()]
    return (
        f"`{dialect}`",
        _listed(address),
        _listed(holds),
        _listed(write),
        _listed(n for n in variables if n not in address),
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(f"`{t}`" for t in texts) or "none"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    print(document(), end="")
