"""JSON Schemas of models, for editors: closed objects, described by the docstrings of the models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from brownout.faults.values.distribution import Duration
from brownout.faults.values.units import Number, Seconds, Share

__all__ = ["Schema", "closed", "described", "of_models", "reference", "referred", "whole"]

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def of_models(**models: Any) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schemas of models by name, and the definitions that they refer to."""
    wanted: Any = [(name, "validation", TypeAdapter(model)) for name, model in models.items()]
    found, rest = TypeAdapter.json_schemas(wanted, schema_generator=_Generator)
    made, parts = {name: value for (name, _), value in found.items()}, rest.get("$defs", {})
    _name_common((made, parts))
    return made, parts


def whole(title: str, top: Schema, parts: dict[str, Schema]) -> Schema:
    """A schema (draft 2020-12) with those of `parts` that it needs. Its top is no reference: editors read keys there."""
    parts = {**_COMMON, **parts}
    if name := referred(top):
        top = parts[name]
    kept, unseen = set(), list(_references(top))
    while unseen:
        if (name := unseen.pop()) not in kept:
            kept.add(name)
            unseen += _references(parts[name])
    definitions = {"$defs": {name: parts[name] for name in sorted(kept)}} if kept else {}
    return {"$schema": DRAFT, "title": title, **top, **definitions}


def reference(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def referred(value: Schema) -> str:
    """The name of the definition that a schema is a reference to; '' where it is none."""
    return str(value.get("$ref", "")).rpartition("/")[2]


def closed(properties: Schema, *required: str, **more: Any) -> Schema:
    """An object with these keys and no others."""
    needs = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needs, "additionalProperties": False, **more}


def described(cls: Any) -> str:
    """The docstring of a class in Markdown, a line for each paragraph; nothing for the one that dataclasses make."""
    text = (cls.__doc__ or "").strip()
    if text.startswith(f"{cls.__name__}("):
        return ""
    paragraphs = (" ".join(p.split()) for p in text.split("\n\n"))
    return "\n".join(paragraphs).replace("``", "`")


class _Generator(GenerateJsonSchema):
    """Describes a class by its whole docstring, and a field by the sentences in it that name the field."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).lstrip("_")

    def dataclass_schema(self, schema: Any) -> Schema:
        made = super().dataclass_schema(schema)
        del made["title"]
        text = described(schema["cls"])
        if text:
            made["description"] = text
        for name, value in made.get("properties", {}).items():
            if said := " ".join(s for s in re.split(r"(?<=\.)\s+", text) if f"`{name}`" in s):
                value["description"] = said
        return made


def _name_common(value: Any) -> None:
    """Refer to the common definitions wherever they are meant."""
    if isinstance(value, dict):
        for name, keys in _MEANT.items():
            if all(value.get(k) == v for k, v in keys.items()):
                for key in keys:
                    del value[key]
                value |= reference(name)
        for inner in value.values():
            _name_common(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _name_common(inner)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield referred(value)
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


_KINDS: dict[str, Any] = {"seconds": Seconds, "share": Share, "number": Number, "duration": Duration}
_MEANT: dict[str, Schema] = {name: TypeAdapter(kind).json_schema() for name, kind in _KINDS.items()}
_SIGMA = {"type": "number", "minimum": 0, "maximum": 5}
_TWO: Schema = {"type": "array", "items": reference("seconds"), "minItems": 2, "maxItems": 2}
_LOGNORMAL = closed({"median": reference("seconds"), "sigma": _SIGMA, "max": reference("seconds")}, "median", "sigma")
_COMMON: dict[str, Schema] = {
    "seconds": {**_MEANT["seconds"], "description": "A duration: 250ms, 1.5s, 2m, 1h or a number of seconds."},
    "share": {**_MEANT["share"], "description": "A share: 95% or a number from 0 to 1."},
    "number": _MEANT["number"],
    "duration": {
        "description": "A duration, or a distribution of durations: `{uniform: [1s, 3s]}`, `{lognormal: {median: 2s, sigma: 0.5}}`.",
        "anyOf": [
            reference("seconds"),
            closed({"fixed": reference("seconds")}, "fixed"),
            closed({"uniform": _TWO}, "uniform"),
            closed({"lognormal": _LOGNORMAL}, "lognormal"),
        ],
    },
}
"""What many fields hold; see `Seconds`, `Share`, `Number` and `Duration`."""
