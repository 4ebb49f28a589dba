"""JSON values in replies: parsing, JSONPath, and how they read as text."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery

__all__ = ["ABSENT", "parsed", "same", "shown", "values"]

ABSENT: Any = object()
"""Stands for a JSON value where there is none."""


def parsed(text: str) -> Any:
    """The JSON value of `text`; ABSENT when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ABSENT


def shown(value: Any) -> str:
    """A JSON value as people see it: a string is itself, null is nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def same(value: Any, wanted: Any) -> bool:
    """Whether two JSON values are equal. In Python True == 1; in JSON they differ."""
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def values(path: str, document: Any) -> list[Any]:
    """What a JSONPath selects."""
    from jsonpath_rfc9535 import JSONPathError

    try:
        return list(_compiled(path).find(document).values())
    except JSONPathError:  # `..` in a document that is nested too deeply
        return []


@lru_cache(maxsize=256)
def _compiled(path: str) -> JSONPathQuery:
    import jsonpath_rfc9535

    return jsonpath_rfc9535.compile(path)
