"""Reading a JSON Schema: its keywords, its references, and two schemas as one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from brownout.faults.model.pattern import SchemaError
from brownout.faults.values.errors import shown

__all__ = ["Schema", "equal", "is_of", "kinds", "mapping", "mapping_or_none", "merged", "sequence", "target", "whole"]

Schema = Mapping[str, object]

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_SIGNS = {
    "object": ("properties", "required"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def merged(one: Schema, other: Schema) -> dict[str, object]:
    """A schema for what satisfies both. `one` has no ``$ref``. Choices that cannot be merged are left as ``allOf``.

    Raises SchemaError where nothing can satisfy both, or where no schema without ``allOf`` says it.
    """
    out = dict(one)
    for key, value in other.items():
        had = out.get(key)
        if key not in out or had == value:
            out[key] = value
        elif key == "properties":
            mine, theirs = mapping(had), mapping(value)
            out[key] = {**mine, **{k: {"allOf": [mine[k], v]} if k in mine else v for k, v in theirs.items()}}
        elif key in ("items", "additionalProperties"):
            out[key] = {"allOf": [had, value]}
        elif key in ("required", "allOf"):
            out[key] = [*sequence(had), *sequence(value)]
        elif key == "enum":
            out[key] = [v for v in sequence(had) if any(equal(v, w) for w in sequence(value))]
        elif key == "type":
            out[key] = [k for k in kinds({key: value}) if any(_within(k, h) for h in kinds({key: had}))] or [
                k for k in kinds({key: had}) if any(_within(k, v) for v in kinds({key: value}))
            ]
        elif key in _LARGER + _SMALLER and isinstance(had, int | float) and isinstance(value, int | float):
            out[key] = max(had, value) if key in _LARGER else min(had, value)
        elif key in ("anyOf", "oneOf"):
            out["allOf"] = [*sequence(out.get("allOf", ())), {key: value}]
        elif key in ("const", "pattern", "multipleOf", "prefixItems"):
            raise SchemaError(f"allOf asks for two different values of {key}")
    return out


def target(root: Schema, reference: object) -> object:
    """What a reference points at: a JSON pointer (RFC 6901) into the schema. Raises SchemaError where there is nothing."""
    here: object = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise SchemaError(f"the reference {shown(reference)} does not point into the schema")
    for part in unquote(reference[1:]).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            raise SchemaError(f"the reference {shown(reference)} points at nothing")
    return here


def kinds(schema: Schema) -> list[str]:
    """The types that a value may have, in lower case. A schema without any has the type that its other keywords are about."""
    given = schema.get("type")
    if given is None:
        if "enum" in schema:
            return list(_TYPES)
        return [next((kind for kind, signs in _SIGNS.items() if any(s in schema for s in signs)), "string")]
    found = [str(k).lower() for k in (sequence(given) if isinstance(given, list) else [given])]
    if unknown := [k for k in found if k not in _TYPES]:
        raise SchemaError(f"{shown(unknown[0])} is no type of JSON Schema")
    return found


def is_of(value: object, kind: str) -> bool:
    """Whether a value is of a type of JSON Schema."""
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and (isinstance(value, int) or value.is_integer()))
    return kind == ("string" if isinstance(value, str) else "array" if isinstance(value, list) else "object")


def _within(kind: str, other: str) -> bool:
    return kind == other or (kind == "integer" and other == "number")


def equal(one: object, other: object) -> bool:
    """Whether two values are equal in JSON, where true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def whole(schema: Schema, key: str) -> int | None:
    """A whole number; Gemini's 64-bit ones are written as texts."""
    value = schema.get(key)
    if isinstance(value, str):
        return int(value) if value.isdecimal() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or math.isfinite(value) else None


def mapping_or_none(schema: object) -> Schema | None:
    """A schema as a mapping: true stands for an empty one. None for false, which nothing satisfies."""
    return {} if schema is True else schema if isinstance(schema, Mapping) else None


def mapping(schema: object) -> Schema:
    """A schema as a mapping. Raises SchemaError for what is none, and for false."""
    known = mapping_or_none(schema)
    if known is None:
        raise SchemaError(f"{shown(schema)} is no schema that anything satisfies")
    return known


def sequence(value: object) -> Sequence[object]:
    """What stands where a schema has a list. Raises SchemaError where it is none."""
    if not isinstance(value, list | tuple):
        raise SchemaError(f"{shown(value)} stands where a schema has a list")
    return value
