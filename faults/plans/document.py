"""YAML files with positions, so that every complaint names file, line, column and key."""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from brownout.faults.values.errors import ConfigError, Problem
from brownout.faults.values.registry import did_you_mean

__all__ = ["Document", "Location"]

T = TypeVar("T")
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: its data, and the line and column (from 1) of every key and item."""

    file: str
    data: Any
    marks: Mapping[Location, tuple[int, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read and parse a file. Raises ConfigError when it is missing, unreadable or not YAML."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
            raise ConfigError(
                Problem("no such file", str(path), hint=did_you_mean(path.name, near) if near else "")
            ) from None
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(Problem(f"cannot be read: {e}", str(path))) from None

    @classmethod
    def parse(cls, text: str, file: str = "<text>") -> Document:
        """Parse a text. Raises ConfigError with the place of the first mistake."""
        loader: yaml.SafeLoader | None = None
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            marks: dict[Location, tuple[int, int]] = {}
            if node is not None:
                _locate(node, (), marks, [], file)
            data = None if node is None else loader.construct_document(node)
        except yaml.MarkedYAMLError as e:
            mark = e.problem_mark or e.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            what = (e.problem or e.context or "cannot be parsed").strip()
            raise ConfigError(Problem(f"not valid YAML: {what}", file, line, column)) from None
        except (yaml.YAMLError, ValueError, RecursionError) as e:
            raise ConfigError(Problem(f"not valid YAML: {str(e).partition(chr(10))[0]}", file)) from None
        finally:
            if loader is not None:
                loader.dispose()
        return cls(file, data, marks)

    def problem(self, at: Location, message: str, hint: str = "") -> Problem:
        """A Problem at the closest known position to `at`."""
        place = at
        while place and place not in self.marks:
            place = place[:-1]
        line, column = self.marks.get(place, (0, 0))
        return Problem(message, self.file, line, column, dotted(at), hint)

    def validate(self, model: type[T], data: Any = None, at: Location = ()) -> T:
        """The data (or the part of it found at `at`) as a `model`: a pydantic model or a dataclass.

        Raises ConfigError with one Problem for each mistake.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(model).validate_python(self.data if data is None and not at else data)
        except ValidationError as e:
            raise ConfigError(*(self._explain(model, error, at) for error in e.errors(include_url=False))) from None

    def _explain(self, model: Any, error: Any, at: Location) -> Problem:
        loc: Location = tuple(error["loc"])
        kind, given, message, hint = error["type"], error.get("input"), str(error["msg"]), ""
        if kind in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _fields(model, loc[:-1])
            message, hint = f"unknown key {loc[-1]!r}", did_you_mean(str(loc[-1]), known)
        elif kind in ("missing", "missing_argument"):
            message = f"{loc[-1]!r} is missing"
        elif kind in ("value_error", "assertion_error"):
            message = str(error["ctx"]["error"])
        elif kind in ("model_type", "model_attributes_type", "dataclass_type", "dict_type"):
            message = f"expected a mapping of keys to values, not {_show(given)}"
        elif kind in ("literal_error", "enum"):
            choices = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            message = f"{_show(given)} is not one of {', '.join(choices)}"
            if isinstance(given, str) and (meant := did_you_mean(given, choices)).startswith("did"):
                hint = meant
        else:
            message = f"{message[0].lower()}{message[1:]}, not {_show(given)}"
        return self.problem((*at, *loc), message, hint)


def dotted(at: Location) -> str:
    """``faults[0].latency.seconds``."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _show(value: object) -> str:
    return repr(value) if len(repr(value)) <= 60 else f"a {type(value).__name__}"


def _locate(node: yaml.Node, at: Location, marks: dict[Location, tuple[int, int]], path: list[int], file: str) -> None:
    if id(node) in path:
        raise ConfigError(Problem("an alias that contains itself", file, node.start_mark.line + 1))
    if len(marks) > 100_000:
        raise ConfigError(Problem("too large, or aliases that multiply", file))
    marks.setdefault(at, (node.start_mark.line + 1, node.start_mark.column + 1))
    path.append(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (
                "tag:yaml.org,2002:str",
                "tag:yaml.org,2002:merge",
            ):
                written = getattr(key, "value", "?")
                raise ConfigError(
                    Problem(f"the key {written} is not a text", file, *place, hint=f'write it in quotes: "{written}"')
                )
            if key.value in seen:
                raise ConfigError(
                    Problem(f"the key {key.value!r} is there twice", file, *place, dotted((*at, key.value)))
                )
            seen.add(key.value)
            marks[(*at, key.value)] = place
            _locate(value, (*at, key.value), marks, path, file)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _locate(item, (*at, i), marks, path, file)
    path.pop()


def _fields(model: Any, loc: Location) -> list[str]:
    """The keys that are known at a place inside a model: for suggestions."""
    here = _bare(model)
    for part in loc:
        if isinstance(part, int):
            here = _bare((typing.get_args(here) or (Any,))[0])
        elif typing.get_origin(here) in (dict, Mapping) or typing.get_origin(here) is Mapping:
            here = _bare(typing.get_args(here)[1])
        else:
            here = _bare(_annotations(here).get(part, Any))
    return sorted(_annotations(here))


def _annotations(model: Any) -> dict[str, Any]:
    fields = getattr(model, "model_fields", None)
    if isinstance(fields, dict):
        return {f.alias or name: f.annotation for name, f in fields.items()}
    fields = getattr(model, "__dataclass_fields__", {})
    return {name: hint for name, hint in typing.get_type_hints(model).items() if name in fields} if fields else {}


def _bare(hint: Any) -> Any:
    """A type without Annotated and without None."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _bare(next((a for a in typing.get_args(hint) if a is not type(None)), Any))
    return hint
