"""Mistral models: ``GET /models`` and ``GET /models/{model}``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, compact, encoded, whole
from brownout.faults.dialects.mistral import Mistral
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Models"]

_USUAL = ("mistral-large-latest", "mistral-small-latest", "mistral-embed")
"""What a backend lists that accepts any model."""
_CREATED = 1_764_547_200


@Mistral.operation
class Models:
    """The backend's models, or one of them."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models(?:/(?P<model>[^/]+))?$")
    shown: ClassVar[str] = "/models, /models/{model}"

    def __init__(self, api: Mistral) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, received.named.get("model", ""))

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        listed = {"object": "list", "data": [_card(m) for m in self._api.models or _USUAL]}
        body = _card(ask.model) if ask.model else listed
        return whole(answer, encoded(compact(body)), self._api.headers(stamp))


def _card(name: str) -> dict[str, Any]:
    chats = "embed" not in name
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": "mistralai",
        "capabilities": {
            "completion_chat": chats,
            "function_calling": chats,
            "completion_fim": False,
            "fine_tuning": False,
            "vision": False,
        },
        "name": name,
        "description": None,
        "max_context_length": 131072,
        "aliases": [],
        "deprecation": None,
        "default_model_temperature": 0.3 if chats else None,
        "type": "base",
    }
