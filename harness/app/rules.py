"""Judging a reply by the rules of its route: whether it is a good one, and whether it says that it is a stopgap."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from brownout.harness.app.answers.form import ReadAnswer
from brownout.harness.app.answers.values import ABSENT, parsed, same, shown, values
from brownout.harness.config.app import RouteSpec
from brownout.harness.config.rule import ReplyRule, schema_validator

__all__ = ["judge_reply", "means_status"]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a rule looks at: a text for `matches`, and a document for `path` and `schema`."""

    text: str
    document: str


def judge_reply(
    route: RouteSpec, status: int, headers: Mapping[str, str], body_text: str, read: ReadAnswer
) -> tuple[bool, str]:
    """Whether a reply is a good one, and which rule says that it is degraded ('' when none does).

    Good: any rule of `good` holds; without rules, the status is 2xx. `status` is 0 where no reply came. Of a command it is the
    exit status, which is good when it is 0.
    """
    lowered = {k.lower(): v for k, v in headers.items()}
    # A body of newline-delimited JSON is not one document but many.
    documents = body_text.split("\n") if route.read.ndjson is not None else [body_text]

    def holds(rule: ReplyRule) -> bool:
        return _holds(rule, status, lowered, documents, read)

    usual = 200 <= status <= 299 if route.run is None else status == 0
    good = any(map(holds, route.good)) if route.good else usual
    return good, next((_describe(rule) for rule in route.degraded if holds(rule)), "")


def means_status(route: RouteSpec, status: int) -> bool:
    """Whether a rule of `good` names this status: there are commands whose answer is in it (1: something was found)."""
    return any(rule.status is not None and _is_status(rule.status, status) for rule in route.good)


def _holds(rule: ReplyRule, status: int, headers: Mapping[str, str], documents: list[str], read: ReadAnswer) -> bool:
    if rule.status is not None and not _is_status(rule.status, status):
        return False
    for name, pattern in rule.header.items():
        value = headers.get(name.lower())
        if value is None or not re.search(pattern, value):
            return False
    if rule.event is not None:
        places = [_Place(data, data) for name, data in read.events if name == rule.event]
    else:
        places = [_Place(read.text, document) for document in documents]
    return any(_place_holds(rule, place) for place in places)


def _place_holds(rule: ReplyRule, place: _Place) -> bool:
    if rule.path is None and rule.schema is None:
        return _value_holds(rule, place.text)
    document = parsed(place.document)
    if document is ABSENT:
        return False
    if rule.path is None:
        return _satisfies(rule, document) and _value_holds(rule, place.text)
    return any(_satisfies(rule, value) and _value_holds(rule, value) for value in values(rule.path, document))


def _value_holds(rule: ReplyRule, value: Any) -> bool:
    if rule.matches is not None and not re.search(rule.matches, shown(value)):
        return False
    return rule.equals is None or same(value, rule.equals)


def _satisfies(rule: ReplyRule, value: Any) -> bool:
    if rule.schema is None:
        return True
    try:
        return bool(_validator(json.dumps(rule.schema)).is_valid(value))
    except RecursionError:  # a value that is nested too deeply, or a schema that refers to itself without an end
        return False


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    return schema_validator(json.loads(schema))


def _is_status(wanted: int | str, status: int) -> bool:
    wanted = str(wanted)
    return str(status)[:1] == wanted[0] if wanted.endswith("xx") else str(status) == wanted


def _describe(rule: ReplyRule) -> str:
    """A rule in a few words, such as ``header x-fallback`` or ``event meta, $.source = "cache"``."""
    parts = [f"status {rule.status}"] if rule.status is not None else []
    parts += [f"header {name}: {pattern}" if pattern else f"header {name}" for name, pattern in rule.header.items()]
    if rule.event is not None:
        parts.append(f"event {rule.event}")
    what = rule.path or ("data" if rule.event else "text")
    if rule.equals is not None:
        parts.append(f"{what} = {json.dumps(rule.equals, ensure_ascii=False)}")
    if rule.matches is not None:
        parts.append(f"{what} matches {rule.matches}")
    if rule.schema is not None:
        title = rule.schema.get("title") if isinstance(rule.schema, dict) else None
        where = rule.path or ("data" if rule.event else "body")
        parts.append(f"{where} satisfies the schema" + (f" {title}" if isinstance(title, str) else ""))
    elif rule.path is not None and rule.equals is None and rule.matches is None:
        parts.append(what)
    return ", ".join(parts)[:200]
