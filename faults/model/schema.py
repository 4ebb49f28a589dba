"""JSON values that satisfy a JSON Schema: what a model says that was asked for structured output or for a tool's arguments.

Understood is what the providers take (draft 2020-12, with Gemini's upper-case types): references into the schema itself,
``anyOf``, ``oneOf`` (its first branch that is not null, like ``anyOf``), ``allOf``, ``const``, ``enum``, types and their
limits, the usual formats, patterns. What only forbids (``not``, ``if``, ``dependentRequired`` …) is not looked at.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeVar
from uuid import UUID

from brownout.faults.model.keywords import (
    Schema,
    equal,
    is_of,
    kinds,
    mapping,
    mapping_or_none,
    merged,
    sequence,
    target,
    whole,
)
from brownout.faults.model.numbers import integer, number
from brownout.faults.model.pattern import SchemaError, matching
from brownout.faults.values.errors import shown

__all__ = ["SchemaError", "example"]

Write = Callable[[int | None], str]
"""Writes a sentence of at most so many characters, None for any number."""
T = TypeVar("T")
O = TypeVar("O")

_FULL_LEVELS, _FULL_STEPS = 6, 300
"""Down to this level, and as long as so much was made, a value has all it may have; beyond only what it must have."""
_DEEPEST, _MOST_STEPS = 80, 5_000
"""Beyond these no value is looked for: no schema makes an answer endless."""
_LONGEST, _SENTENCE = 10_000, 60
"""Characters: of the longest text, and of the shortest sentence about."""
_MOST_LETTERS = 100_000
"""Characters that all texts of a value must have, together: more would keep other calls waiting."""
_TAKEN = "\0taken"
"""A keyword of our own: what a list of unique items has already."""

_NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron")
_FORMATS: Mapping[str, Callable[[Random], str]] = {
    "date": lambda rng: f"202{rng.randrange(10)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "time": lambda rng: f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}Z",
    "date-time": lambda rng: f"{_FORMATS['date'](rng)}T{_FORMATS['time'](rng)}",
    "duration": lambda rng: f"PT{rng.randint(1, 59)}M",
    "email": lambda rng: f"{rng.choice(_NAMES)}{rng.randrange(1000)}@example.com",
    "hostname": lambda rng: f"{rng.choice(_NAMES)}{rng.randrange(1000)}.example.com",
    "uri": lambda rng: f"https://example.com/{rng.choice(_NAMES)}/{rng.randrange(10**6)}",
    "uuid": lambda rng: str(UUID(int=rng.getrandbits(128), version=4)),
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",  # RFC 5737: addresses for documentation
    "ipv6": lambda rng: f"2001:db8::{rng.randint(1, 0xFFFF):x}",  # RFC 3849
}


def example(schema: Schema, rng: Random, write: Write) -> object:
    """A JSON value that satisfies `schema`. `rng` decides what is open; every free string is written by `write`.

    A free string has no enumeration, format or pattern; `write` is called for them in the order of the value's JSON text.
    An object has all its properties, below some depth the required ones alone. Raises SchemaError.
    """
    return _written(_Maker(schema, rng).make(schema, 0), write)


@dataclass(frozen=True, slots=True, eq=False)
class _Free:
    """A free string that is to be written, with the lengths that it may have. No two are equal, as no two sentences are."""

    least: int
    most: int | None


def _written(value: object, write: Write) -> object:
    """`value` with its free strings. Written last, so that no text is issued for what is tried and given up."""
    if isinstance(value, Mapping):
        return {k: _written(v, write) for k, v in value.items()}
    if isinstance(value, list):
        return [_written(v, write) for v in value]
    if not isinstance(value, _Free):
        return value
    text = write(value.most) if value.most != 0 else ""
    while len(text) < value.least:
        room = None if value.most is None else value.most - len(text) - 1
        text = text.ljust(value.least) if room == 0 else f"{text} {write(room)}"
    return text


class _Maker:
    """Makes one value. Free strings are left as `_Free`."""

    def __init__(self, root: Schema, rng: Random) -> None:
        self._root, self._rng = root, rng
        self._steps = self._depth = self._letters = 0

    def make(self, schema: object, level: int) -> object:
        """A value for a part of the schema, `level` objects and lists deep."""
        self._depth += 1
        try:
            return self._make(mapping(schema), level)
        finally:
            self._depth -= 1

    def _make(self, schema: Schema, level: int) -> object:
        while True:
            self._steps += 1
            if self._depth > _DEEPEST or self._steps > _MOST_STEPS:
                raise SchemaError("the schema has no end, or is too large")
            rest = dict(schema)
            if "$ref" in rest:
                schema = merged(rest, mapping(target(self._root, rest.pop("$ref"))))
            elif key := next((k for k in ("anyOf", "oneOf") if k in rest), ""):
                branches = self._ordered(map(mapping_or_none, sequence(rest.pop(key))), level)
                return _first(branches, partial(self._branch, rest, level))
            elif "allOf" in rest:
                parts = sequence(rest.pop("allOf"))
                if parts[1:]:
                    rest["allOf"] = parts[1:]
                schema = merged(rest, mapping(parts[0])) if parts else rest
            else:
                return self._value(rest, level)

    def _branch(self, rest: Schema, level: int, branch: Schema) -> object:
        return self.make(merged(rest, branch), level)

    def _terse(self, level: int) -> bool:
        return level > _FULL_LEVELS or self._steps > _FULL_STEPS

    def _ordered(self, branches: Iterable[Schema | None], level: int) -> list[Schema]:
        """Branches in the order in which they are tried: null last; where little is wanted, what is small first."""
        known = [b for b in branches if b is not None]
        if self._terse(level):
            return sorted(known, key=lambda b: 0 if _null(b) else 1 + bool(b.keys() & {"$ref", "properties", "items"}))
        return sorted(known, key=_null)

    def _value(self, schema: Schema, level: int) -> object:
        if "const" in schema:
            return schema["const"]
        found = kinds(schema)
        if "enum" in schema:
            return self._listed(schema, sequence(schema["enum"]), found)
        found = sorted(found, key=lambda kind: (kind == "null") != self._terse(level))
        return _first(found, partial(self._typed, schema, level))

    def _typed(self, schema: Schema, level: int, kind: str) -> object:
        match kind:
            case "null":
                return None
            case "boolean":
                return self._listed(schema, (False, True), [kind])
            case "integer":
                return integer(schema, self._rng)
            case "number":
                return number(schema, self._rng)
            case "string":
                return self._string(schema)
            case "array":
                return self._array(schema, level)
            case _:
                return self._object(schema, level)

    def _listed(self, schema: Schema, values: Sequence[object], allowed: Sequence[str]) -> object:
        taken = sequence(schema.get(_TAKEN, ()))
        left = [v for v in values if any(is_of(v, k) for k in allowed) and not any(equal(v, t) for t in taken)]
        if not left:
            raise SchemaError(f"none of the values {shown(list(values))} will do")
        return self._rng.choice([v for v in left if v is not None] or left)

    def _string(self, schema: Schema) -> object:
        least, most = whole(schema, "minLength") or 0, whole(schema, "maxLength")
        if least > _LONGEST or (most is not None and most < least):
            raise SchemaError(f"no text has {least} to {'any number of' if most is None else most} characters")
        pattern, form = schema.get("pattern"), _FORMATS.get(str(schema.get("format")))
        if isinstance(pattern, str):
            # Never matched against a text: there are patterns that this takes for ever with. A format beside it gives way.
            return matching(pattern, self._rng, least, most)
        formatted = form(self._rng) if form else ""
        fits = least <= len(formatted) <= (_LONGEST if most is None else most)
        if not form and _TAKEN in schema and most is not None and most < _SENTENCE:
            # The beginnings of two sentences may be equal.
            return "".join(self._rng.choices(string.ascii_lowercase, k=min(most, max(least, 8))))
        if not form:
            self._letters += least
            if self._letters > _MOST_LETTERS:
                raise SchemaError(f"the texts have more than {_MOST_LETTERS:,} characters in all")
            return _Free(least, most)
        if not fits:
            raise SchemaError(f"a text of the format {schema['format']} has another length")
        return formatted

    def _object(self, schema: Schema, level: int) -> dict[str, object]:
        properties = mapping(schema.get("properties", {}))
        required = dict.fromkeys(n for n in sequence(schema.get("required", ())) if isinstance(n, str))
        other = schema.get("additionalProperties")
        made: dict[str, object] = {}
        for name in dict.fromkeys([*(n for n in properties if not self._terse(level) or n in required), *required]):
            try:
                made[name] = self.make(properties.get(name, True if other is None else other), level + 1)
            except SchemaError:
                if name in required:
                    raise
        return made

    def _array(self, schema: Schema, level: int) -> list[object]:
        least, most = whole(schema, "minItems") or 0, whole(schema, "maxItems")
        items, unique = schema.get("items", True), schema.get("uniqueItems") is True
        first = sequence(schema.get("prefixItems", ()))
        if isinstance(items, list):  # how drafts before 2020-12 write prefixItems
            first, items = items, schema.get("additionalItems", True)
        wanted = least if self._terse(level) else max(least, len(first) or self._rng.randint(1, 3))
        if most is not None:
            wanted = min(wanted, most)
        made: list[object] = []
        while len(made) < max(wanted, least):
            part = first[len(made)] if len(made) < len(first) else items
            try:
                made.append(self._another(part, made, level) if unique else self.make(part, level + 1))
            except SchemaError:
                if len(made) < least:
                    raise
                break
        if most is not None and len(made) > most:
            raise SchemaError(f"no list has at least {least} and at most {most} items")
        return made

    def _another(self, schema: object, made: list[object], level: int) -> object:
        """A value that a list does not have yet."""
        for _ in range(50):
            value = self.make({"allOf": [schema, {_TAKEN: made}]}, level + 1)
            if not any(equal(value, m) for m in made):
                return value
        raise SchemaError("no list has as many different items")


def _first(options: Iterable[O], make: Callable[[O], T]) -> T:
    """What is made of the first option that something can be made of."""
    failed = SchemaError("a schema that nothing satisfies")
    for option in options:
        try:
            return make(option)
        except SchemaError as e:
            failed = e
    raise failed


def _null(schema: Schema) -> bool:
    return str(schema.get("type")).lower() == "null" or ("const" in schema and schema["const"] is None)
