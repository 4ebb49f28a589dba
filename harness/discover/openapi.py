"""What an OpenAPI document says about how an app is asked: the likeliest route, its body, its answer, a health path.

Reads OpenAPI 3.0 and 3.1, and Swagger 2.0. Whatever the document does not say, or says in a way that makes no sense, is None.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from brownout.harness.discover.wording import ANSWERS, HEALTH, QUESTIONS, body_of, likely, likely_route

__all__ = ["Described", "described"]

DEEPEST, MOST = 5, 500
"""How deep references and objects are followed, and how many parts of a schema are looked at: more is no usual reply."""


@dataclass(frozen=True)
class Described:
    """What was found: `path` takes POST requests with `body`, which holds ``{prompt}``; `answer` as `answer:` of a route."""

    path: str
    body: dict[str, Any]
    answer: dict[str, Any] | None
    health: str | None


def described(document: object) -> Described | None:
    """The route of an OpenAPI document that most likely answers questions; None where none takes a text in a JSON body."""
    root = _Root(_mapping(document))
    found = [(path, method, operation) for path, method, operation in root.operations() if "{" not in path]
    health = next((p for p, method, _ in found if method == "get" and HEALTH.fullmatch(p)), None)
    candidates = []
    for order, (path, method, operation) in enumerate(found):
        body = root.body(operation) if method == "post" else None
        if body is not None:
            said = f"{path} {operation.get('operationId')} {operation.get('summary')}"
            candidates.append(((not likely_route(path), not likely_route(said), order), path, operation, body))
    if not candidates:
        return None
    _, path, operation, body = min(candidates, key=lambda c: c[0])
    return Described(root.prefix + path, body, root.answer(operation), health and root.prefix + health)


class _Root:
    """A document, and the ways through it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    @property
    def prefix(self) -> str:
        """The path below which the paths of the document are."""
        servers = self.document.get("servers")
        first = _mapping(servers[0]).get("url") if isinstance(servers, list) and servers else None
        base = first or self.document.get("basePath")
        try:
            path = urlsplit(base).path.rstrip("/") if isinstance(base, str) else ""
        except ValueError:
            return ""
        return path if path.startswith("/") and "{" not in path else ""

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for path, item in _mapping(self.document.get("paths")).items():
            for method, operation in _mapping(item).items():
                if isinstance(operation, Mapping) and path.startswith("/"):
                    yield path, method.lower(), operation

    def body(self, operation: Mapping[str, Any]) -> dict[str, Any] | None:
        """A JSON body for an operation, with the question where it most likely goes; None where it takes no text."""
        given = self.content(self.follow(operation.get("requestBody")), "application/json")
        if given is None:  # Swagger 2.0
            parameters = [self.follow(p) for p in _list(operation.get("parameters"))]
            given = next((p.get("schema") for p in parameters if p.get("in") == "body"), None)
        schema = self.follow(given)
        fields = {name: self.follow(value) for name, value in _mapping(schema.get("properties")).items()}
        fields = {name: value for name, value in fields.items() if name.isprintable()}
        texts = [n for n, v in fields.items() if _kind(v) == "string" or (n == "messages" and _kind(v) == "array")]
        name = likely(texts, QUESTIONS) or next(iter(texts), None)
        if name is None:
            return None
        needed = [n for n in _list(schema.get("required")) if isinstance(n, str) and n in fields and n != name]
        return body_of(name, {n: self.sample(fields[n]) for n in needed})

    def answer(self, operation: Mapping[str, Any]) -> dict[str, Any] | None:
        """Where the answer is in the reply to an operation."""
        responses = _mapping(operation.get("responses"))
        response = self.follow(next((responses[s] for s in ("200", "201", "default") if s in responses), None))
        kinds = [str(kind).partition(";")[0] for kind in _mapping(response.get("content"))]
        if "text/event-stream" in kinds:
            return {"sse": {"text": "$.delta"}}
        if "application/x-ndjson" in kinds:
            return {"ndjson": {"text": "$.delta"}}
        given = self.content(response, "application/json") or response.get("schema")
        if given is None:
            return {"text": True} if "text/plain" in kinds else None
        found = list(self.texts(self.follow(given), "$"))
        names = [path.rpartition(".")[2] for path in found]
        name = likely(names, ANSWERS) or next(iter(names), None)
        return None if name is None else {"json": found[names.index(name)]}

    def content(self, holder: Mapping[str, Any], kind: str) -> object:
        """The schema of what a request or a response holds in a media type."""
        content = _mapping(holder.get("content"))
        at = next((c for c in content if c.partition(";")[0] == kind), None)
        return None if at is None else _mapping(content[at]).get("schema")

    def texts(self, schema: Mapping[str, Any], path: str) -> Iterator[str]:
        """The JSONPaths of the texts in what a schema describes: those near the top first."""
        waiting = deque([(schema, path)])
        for _ in range(MOST):
            if not waiting:
                return
            here, path = waiting.popleft()
            if _kind(here) == "string":
                yield path
            elif _kind(here) == "array":
                waiting.append((self.follow(here.get("items")), f"{path}[0]"))
            for name, value in _mapping(here.get("properties")).items():
                if name.isidentifier():
                    waiting.append((self.follow(value), f"{path}.{name}"))

    def sample(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that a schema takes."""
        for key in ("example", "default", "const"):
            if schema.get(key) is not None:
                return _plain(schema[key])
        for key in ("examples", "enum"):
            if isinstance(schema.get(key), list) and schema[key]:
                return _plain(schema[key][0])
        kind = _kind(schema)
        if kind == "object" and depth < DEEPEST:
            fields = _mapping(schema.get("properties"))
            needed = [n for n in _list(schema.get("required")) if isinstance(n, str) and n.isprintable()]
            return {n: self.sample(self.follow(fields.get(n)), depth + 1) for n in needed}
        samples = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}, "null": None}
        return samples.get(kind, "text")

    def follow(self, value: object, depth: int = 0) -> Mapping[str, Any]:
        """What a value is when its reference is followed, its parts are put together and its first choice is taken."""
        here: Mapping[str, Any] = _mapping(value)
        choices = [c for key in ("anyOf", "oneOf") for c in _list(here.get(key)) if _kind(_mapping(c)) != "null"]
        if depth > DEEPEST:
            return {}
        if isinstance(here.get("$ref"), str):
            return self.follow(self.at(here["$ref"]), depth + 1)
        if _list(here.get("allOf")):
            return self.together(here, depth + 1)
        return self.follow(choices[0], depth + 1) if choices else here

    def together(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        """A schema with all that its ``allOf`` says."""
        parts = [{k: v for k, v in schema.items() if k != "allOf"}]
        parts += [dict(self.follow(part, depth)) for part in _list(schema["allOf"])]
        made = {k: v for part in reversed(parts) for k, v in part.items()}
        properties = {k: v for part in parts for k, v in _mapping(part.get("properties")).items()}
        required = [n for part in parts for n in _list(part.get("required"))]
        return {**made, **({"properties": properties, "required": required} if properties else {})}

    def at(self, reference: str) -> Mapping[str, Any]:
        """What a reference within the document leads to; nothing for any other."""
        here: Any = self.document
        for part in reference.removeprefix("#/").split("/") if reference.startswith("#/") else ("",):
            here = _mapping(here).get(part.replace("~1", "/").replace("~0", "~"))
        return _mapping(here)


def _mapping(value: object) -> Mapping[str, Any]:
    """A value that is an object with texts as keys, as JSON's are; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    """A value that is a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def _plain(value: Any) -> Any:
    """An example without what would mean something in brownout.yaml, or could not stand there."""
    if isinstance(value, str):
        return value if value.isprintable() and "{" not in value else "text"
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {name: _plain(v) for name, v in value.items() if name.isprintable()}
    return 1.0 if isinstance(value, float) and not math.isfinite(value) else value


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a schema; of several, the first that is not null."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    return kind if isinstance(kind, str) else "object" if "properties" in schema else ""
