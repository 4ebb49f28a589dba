"""Anthropic models: ``GET /v1/models`` and ``GET /v1/models/{id}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from brownout.faults.dialects._anthropic_request import bad
from brownout.faults.dialects._api import Received, compact, encoded, whole
from brownout.faults.dialects.anthropic import Anthropic
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Reply

__all__ = ["Models"]

_USUAL = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
"""What a backend that accepts any model lists."""


@Anthropic.operation
class Models:
    """One page of the list, or one model. The ask's body holds the parameters of the URL."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models(?:/(?P<id>[^/]+))?$")
    shown: ClassVar[str] = "/v1/models[/{id}]"

    def __init__(self, api: Anthropic) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        limit = received.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit[:6]) <= 1000:
            return bad("limit: Input should be a valid integer from 1 to 1000")
        return Ask(self.name, received.named.get("id", ""), body=received.query)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        made = _model(ask.model) if ask.model else _page(self._api.models or _USUAL, ask.body)
        return whole(answer, encoded(compact(made)), self._api.headers(stamp))


def _page(names: tuple[str, ...], query: Mapping[str, object]) -> dict[str, Any]:
    """At most `limit` models after `after_id`, or before `before_id`; an unknown id gives the first page."""
    limit, after, before = int(str(query.get("limit", 20))), query.get("after_id"), query.get("before_id")
    if before in names:
        left = names[: names.index(str(before))]
        shown, more = left[-limit:], len(left) > limit
    else:
        left = names[names.index(str(after)) + 1 :] if after in names else names
        shown, more = left[:limit], len(left) > limit
    return {
        "data": [_model(name) for name in shown],
        "has_more": more,
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": None,
    }
