"""Conditions on an app's replies (`good:` and `degraded:` of a route)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from brownout.harness.config.answer import check_path

if TYPE_CHECKING:
    from referencing import Resource

__all__ = ["ReplyRule", "schema_mistakes", "schema_validator"]

_LATEST = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class ReplyRule:
    """A condition on a reply; what is given must all hold.

    `status` is a number or a class (``2xx``); of a command it is the exit status. `event` names a server-sent event, or a part of a Vercel AI SDK stream, whose
    data is looked at instead of the body or answer. `path` picks a value by JSONPath, and `matches` (regex, searched),
    `equals` or `schema` (a JSON Schema) says what it must be; a path alone must exist. Without a path, `matches` is searched
    in the answer's text, and `schema` is what the body must satisfy. For newline-delimited JSON, `path` and `schema` look at
    each line, and one that holds is enough.
    """

    status: int | str | None = None
    header: dict[str, str] = field(default_factory=dict)
    event: str | None = None
    path: str | None = None
    matches: str | None = None
    equals: str | int | float | bool | None = None
    schema: dict[str, Any] | bool | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if isinstance(self.status, str) and not re.fullmatch(r"[1-5](xx|\d\d)", self.status):
            raise ValueError(f"status is a number such as 200 or a class such as 2xx, not {self.status!r}")
        if isinstance(self.status, int) and not 0 <= self.status <= 999:
            raise ValueError(f"status is a number from 100 to 999 (of a command, from 0 to 255), not {self.status}")
        if self.path is not None:
            check_path(self.path)
        try:
            re.compile(self.matches or "")
            for pattern in self.header.values():
                re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as e:
            raise ValueError(f"not a regular expression: {e}") from None
        conditions = ("status", "event", "path", "matches", "equals", "schema")
        if not self.header and all(getattr(self, n) is None for n in conditions):
            raise ValueError(
                "an empty rule would match every reply; give status, header, event, path, matches or schema"
            )

    @property
    def looks_inside(self) -> bool:
        """Whether the rule looks at what the reply says, and not only at its status and headers."""
        return any(v is not None for v in (self.event, self.path, self.matches, self.schema))


def schema_validator(schema: dict[str, Any] | bool) -> Any:
    """A jsonschema validator of the draft that ``$schema`` names (default: 2020-12). It fetches nothing."""
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    # Without a registry of our own, jsonschema would look up unknown references on the network.
    return validator_for(schema, default=Draft202012Validator)(schema, registry=EMPTY_REGISTRY)


def schema_mistakes(schema: dict[str, Any] | bool) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a JSON Schema, as the place inside it and a sentence: nothing for a valid one.

    References are resolved within the schema, never over the network.
    """
    from jsonschema import SchemaError

    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError) as e:  # a date, for example, which YAML knows and JSON does not
        yield (), f"holds what JSON does not have ({e}); write it in quotes"
        return
    draft = schema.get("$schema") if isinstance(schema, dict) else None
    if draft is not None and not _is_draft(draft):
        yield ("$schema",), f"{draft!r} is not a draft of JSON Schema; the latest is {_LATEST}"
        return
    try:
        schema_validator(schema).check_schema(schema)
    except SchemaError as e:
        # Where there are several ways to be right, the first tells more than that none of them was met.
        yield tuple(e.absolute_path), f"not a JSON Schema: {e.context[0].message if e.context else e.message}"
        return
    for reference in _dangling(schema):
        yield (), f"the reference {reference!r} leads nowhere; only references within the schema are followed"


def _is_draft(name: Any) -> bool:
    from referencing.jsonschema import UnknownDialect, specification_with

    try:
        return isinstance(name, str) and bool(specification_with(name))
    except UnknownDialect:
        return False


def _dangling(schema: dict[str, Any] | bool) -> list[str]:
    """References of a schema that cannot be resolved."""
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

    found = []

    def walk(resource: Resource[Any], resolver: Any) -> None:
        reference = resource.contents.get("$ref") if isinstance(resource.contents, dict) else None
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except (Unresolvable, LookupError, TypeError, ValueError):  # such as #/allOf/x, an index that is none
                found.append(reference)
        for inner in resource.subresources():
            walk(inner, resolver.in_subresource(inner))

    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    walk(root, EMPTY_REGISTRY.resolver_with_root(root))
    return found
