"""YAML files with positions, so that every complaint names file, line, column and key."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.registry import did_you_mean

__all__ = ["Document", "Location"]

T = TypeVar("T")
Location = tuple[str | int, ...]

MOST_BYTES, MOST_NODES = 2_000_000, 20_000
"""No configuration is larger; a file that is was given by mistake, and would take seconds to read."""
_TOO_LARGE = f"too large, or aliases that multiply: a configuration has at most {MOST_NODES:,} keys and values"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which counts nodes while it reads and says where a value is that it cannot make sense of."""

    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise yaml.composer.ComposerError(None, None, _TOO_LARGE, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # What PyYAML's own constructors let through, such as 2027-02-30 or !!bool perhaps.
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            what = shown(node.value) if isinstance(node, yaml.ScalarNode) else "this"
            said = f"{what} is not a valid {kind[:40]}; write a text in quotes"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from None


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
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise ConfigError(Problem(f"too large: a configuration has at most {MOST_BYTES:,} bytes", str(path)))
            return cls.parse(data.decode("utf-8"), str(path))
        except FileNotFoundError:
            near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
            raise ConfigError(
                Problem("no such file", str(path), hint=did_you_mean(path.name, near) if near else "")
            ) from None
        except UnicodeDecodeError as e:
            raise ConfigError(Problem(f"cannot be read: not UTF-8 at byte {e.start}", str(path))) from None
        except (OSError, ValueError) as e:
            why = (e.strerror if isinstance(e, OSError) else None) or e
            raise ConfigError(Problem(f"cannot be read: {why}", str(path))) from None

    @classmethod
    def parse(cls, text: str, file: str = "<text>") -> Document:
        """Parse a text. Raises ConfigError with the place of the first mistake."""
        loader: _Loader | None = None
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            marks: dict[Location, tuple[int, int]] = {}
            if node is not None:
                _locate(node, (), marks, [], file)
            data = None if node is None else loader.construct_document(node)
        except yaml.MarkedYAMLError as e:
            mark = e.problem_mark or e.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            what = (e.problem or e.context or "cannot be parsed").strip()[:200]
            raise ConfigError(Problem(f"not valid YAML: {what}", file, line, column)) from None
        except RecursionError:
            raise ConfigError(Problem("not valid YAML: nested too deeply", file)) from None
        except (yaml.YAMLError, ValueError) as e:
            raise ConfigError(Problem(f"not valid YAML: {str(e).partition(chr(10))[0][:200]}", file)) from None
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

        whole = data is None and not at
        keys = _fields(model, ())
        if whole and keys and isinstance(self.data, Mapping) and self.data and not set(keys) & set(self.data):
            # Another sort of file, given by mistake: what stands in it is nobody's business.
            raise ConfigError(
                Problem(f"none of its keys is one of {', '.join(keys)}: is it the right file?", self.file)
            )
        try:
            return TypeAdapter(model).validate_python(self.data if whole else data)
        except ValidationError as e:
            problems = (self._explain(model, error, at) for error in e.errors(include_url=False))
            # Each way of being right that a value misses is an error to pydantic, and one problem to people.
            raise ConfigError(*dict.fromkeys(problems)) from None

    def _at(self, at: Location, default: Any) -> Any:
        """What stands at a place of the document, or `default` where the data validated were not the document's."""
        here = self.data
        try:
            for part in at:
                here = here[part]
        except (LookupError, TypeError):
            return default
        return here

    def _explain(self, model: Any, error: Any, at: Location) -> Problem:
        loc: Location = tuple(error["loc"])
        kind, given, message, hint = error["type"], error.get("input"), str(error["msg"]), ""
        if (choice := _choice(model, loc)) is not None:
            loc, kinds = choice
            message = f"expected {' or '.join(kinds)}, not {_show(self._at((*at, *loc), given))}"
        elif kind in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _fields(model, loc[:-1])
            message, hint = f"unknown key {shown(loc[-1])}", did_you_mean(str(loc[-1]), known)
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
        name = "".join(c if c.isprintable() else "?" for c in str(part))
        name = name if len(name) <= 40 else f"{name[:39]}…"
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else name
    return text


def _show(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    return repr(value) if len(repr(value)) <= 40 else f"a {_KINDS.get(type(value), type(value).__name__)}"


_KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    list: "list",
    tuple: "list",
    dict: "mapping",
}


def _choice(model: Any, loc: Location) -> tuple[Location, list[str]] | None:
    """For an error inside a value that may be of several kinds: where the value is, and the kinds.

    Pydantic puts the kind that it tried into the location, where no key of the file is.
    """
    here = model
    for depth, part in enumerate(loc):
        kinds = _alternatives(here)
        if len(kinds) > 1:
            names = [_KINDS.get(typing.get_origin(k) or k, getattr(k, "__name__", "a value")) for k in kinds]
            return loc[:depth], [n if n == "true or false" else f"a {n}" for n in names]
        here = _inside(here, part)
    return None


def _alternatives(hint: Any) -> list[Any]:
    """The types of a union, None left out; nothing for any other type."""
    if typing.get_origin(hint) is typing.Annotated:
        return _alternatives(typing.get_args(hint)[0])
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return []
    return [a for a in typing.get_args(hint) if a is not type(None)]


def _locate(node: yaml.Node, at: Location, marks: dict[Location, tuple[int, int]], path: list[int], file: str) -> None:
    place = (node.start_mark.line + 1, node.start_mark.column + 1)
    if id(node) in path:
        raise ConfigError(Problem("an alias that contains itself", file, *place, dotted(at)))
    if len(marks) > MOST_NODES:
        raise ConfigError(Problem(_TOO_LARGE, file))
    marks.setdefault(at, place)
    path.append(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            _check_key(key, seen, at, place, file)
            seen.add(key.value)
            marks[(*at, key.value)] = place
            _locate(value, (*at, key.value), marks, path, file)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _locate(item, (*at, i), marks, path, file)
    else:
        _check_text(node.value, at, place, file)
    path.pop()


def _check_key(key: yaml.Node, seen: set[Hashable], at: Location, place: tuple[int, int], file: str) -> None:
    if not isinstance(key, yaml.ScalarNode):
        kind = "mapping" if isinstance(key, yaml.MappingNode) else "list"
        raise ConfigError(Problem(f"a {kind} is not a text, which every key is", file, *place, dotted(at)))
    if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
        written = str(key.value)[:40]
        raise ConfigError(
            Problem(f"the key {written} is not a text", file, *place, hint=f'write it in quotes: "{written}"')
        )
    _check_text(key.value, at, place, file)
    if key.value in seen:
        raise ConfigError(Problem(f"the key {shown(key.value)} is there twice", file, *place, dotted((*at, key.value))))


def _check_text(text: str, at: Location, place: tuple[int, int], file: str) -> None:
    """No text of a configuration holds what can be neither sent, nor written to a file, nor given to a process."""
    odd = next((c for c in text if c == "\0" or "\ud800" <= c <= "\udfff"), None)
    if odd is not None:
        what = "the character NUL" if odd == "\0" else f"half a character (\\u{ord(odd):x}, a lone surrogate)"
        raise ConfigError(Problem(f"holds {what}, which cannot be used", file, *place, dotted(at)))


def _inside(hint: Any, part: str | int) -> Any:
    """The type of what is at `part` inside a value of a type."""
    here = _bare(hint)
    if isinstance(part, int):
        return (typing.get_args(here) or (Any,))[0]
    if typing.get_origin(here) is dict or typing.get_origin(here) is Mapping:
        return typing.get_args(here)[1]
    return _annotations(here).get(part, Any)


def _fields(model: Any, loc: Location) -> list[str]:
    """The keys that are known at a place inside a model: for suggestions."""
    here = model
    for part in loc:
        here = _inside(here, part)
    return sorted(_annotations(_bare(here)))


def _annotations(model: Any) -> dict[str, Any]:
    fields = getattr(model, "model_fields", None)
    if isinstance(fields, dict):
        return {f.alias or name: f.annotation for name, f in fields.items()}
    if not isinstance(model, type) or not dataclasses.is_dataclass(model):
        return {}
    # What is declared beside the fields, such as a ClassVar, is no key.
    hints = typing.get_type_hints(model, include_extras=True)
    return {f.name: hints[f.name] for f in dataclasses.fields(model) if not f.name.startswith("_")}


def _bare(hint: Any) -> Any:
    """A type without Annotated and without None."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _bare(next((a for a in typing.get_args(hint) if a is not type(None)), Any))
    return hint
