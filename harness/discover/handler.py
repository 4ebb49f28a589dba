"""What a function that answers requests reads and says: the fields of its body, and of its answer."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from brownout.harness.discover.wording import ANSWERS, QUESTIONS, body_of, events_of, json_path, likely

__all__ = ["Function", "answer", "body", "keyword", "name_of", "text_of", "words"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Classes = Mapping[str, ast.ClassDef]

STREAMS = {"StreamingResponse", "EventSourceResponse", "text/event-stream"}


def name_of(node: ast.AST | None) -> str:
    """The last part of a name: ``fastapi.FastAPI`` and ``FastAPI`` alike; '' for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.AST | None) -> str | None:
    """The text that a node is, if it is one."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The argument of that name."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def words(node: ast.AST) -> set[str]:
    """All names and texts in a node; of what is imported, each part."""
    found = set()
    for inner in ast.walk(node):
        found |= {name_of(inner), text_of(inner) or ""}
        if isinstance(inner, ast.alias):
            found |= set(inner.name.split("."))
        elif isinstance(inner, ast.ImportFrom):
            found |= set((inner.module or "").split("."))
    return found - {""}


def body(function: Function, classes: Classes) -> dict[str, Any] | None:
    """The JSON body that a function reads, with the question in it: by the class of an argument, or by the keys it takes."""
    for argument in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]:
        if (cls := classes.get(name_of(argument.annotation))) is not None:
            types = dict(_fields(cls, classes))
            texts = [n for n, (kind, _) in types.items() if "str" in kind or n.lower().endswith("messages")]
            if name := likely(texts, QUESTIONS) or next(iter(texts), None):
                return body_of(name, {n: _sample(k) for n, (k, needed) in types.items() if needed and n != name})
    name = likely(_keys_read(function), QUESTIONS)
    return body_of(name) if name else None


def answer(function: Function, registered: ast.Call, text: str, classes: Classes) -> dict[str, Any] | None:
    """Where the answer is in what a function says, as `answer:` says it; `text` is that of its file."""
    used = words(function)
    if used & STREAMS:
        if "application/x-ndjson" in used:
            return {"ndjson": {"text": events_of(text)["sse"]["text"]}}
        return {"text": True} if "text/plain" in used else events_of(text)
    said = classes.get(name_of(keyword(registered, "response_model"))) or classes.get(name_of(function.returns))
    if said is not None:
        types = dict(_fields(said, classes))
        names = [n for n, (kind, _) in types.items() if "str" in kind]
        name = likely(names, ANSWERS) or next(iter(names), None)
    else:
        name = likely(_keys_said(function), ANSWERS)
    return {"json": json_path(name)} if name else None


def _fields(cls: ast.ClassDef, classes: Classes, depth: int = 5) -> Iterator[tuple[str, tuple[str, bool]]]:
    """The fields of a class: name, type as it is written, whether it must be given."""
    for base in cls.bases:
        if depth and (above := classes.get(name_of(base))):
            yield from _fields(above, classes, depth - 1)
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = node.value
            needed = value is None
            if isinstance(value, ast.Call) and name_of(value.func) == "Field":
                first = value.args[0] if value.args else None
                bare = first is None and not {"default", "default_factory"} & {k.arg for k in value.keywords}
                needed = bare or (isinstance(first, ast.Constant) and first.value is ...)
            yield node.target.id, (ast.unparse(node.annotation), needed)


def _sample(kind: str) -> Any:
    """A value of a type, as it is written."""
    if kind.startswith("Literal['"):
        return kind.split("'")[1]
    samples: dict[str, Any] = {"list": [], "List": [], "dict": {}, "Dict": {}, "bool": True, "int": 1, "float": 1.0}
    return next((value for name, value in samples.items() if kind.startswith(name)), "text")


def _keys_read(function: Function) -> list[str]:
    """The texts by which a function takes values out of its request, as in ``request.json["message"]``, or out of anything."""
    own = {"request", "req"}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and words(node.value) & own:
            own |= {name_of(target) for target in node.targets}
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript):
            found.append((text_of(node.slice), node.value))
        elif isinstance(node, ast.Call) and name_of(node.func) in ("get", "pop") and node.args:
            found.append((text_of(node.args[0]), node.func))
    asked = [key for key, holder in found if key and words(holder) & own]
    return asked or [key for key, _ in found if key]


def _keys_said(function: Function) -> list[str]:
    """The keys of what a function returns: of a dictionary, or of what is put into a response."""
    found: list[str | None] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Dict):
                    found += [text_of(k) for k in inner.keys]
                elif isinstance(inner, ast.Call) and name_of(inner.func) == "jsonify":
                    found += [k.arg for k in inner.keywords]
    return [key for key in found if key]
