"""Cohere models: ``GET /v1/models`` and ``GET /v1/models/{model}``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, compact, encoded, whole
from brownout.faults.dialects.cohere import Cohere
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Models"]

_USUAL = ("command-a-03-2025", "command-r7b-12-2024", "embed-v4.0")
"""What a backend lists that accepts any model."""


@Cohere.operation
class Models:
    """The backend's models on a single page, or one of them."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/v1/models(?:/(?P<model>[^/]+))?$")
    shown: ClassVar[str] = "/v1/models, /v1/models/{model}"

    def __init__(self, api: Cohere) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, received.named.get("model", ""))

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        listed = {"models": [_model(m) for m in self._api.models or _USUAL]}
        body = _model(ask.model) if ask.model else listed
        return whole(answer, encoded(compact(body)), self._api.headers(stamp))


def _model(name: str) -> dict[str, Any]:
    embeds = "embed" in name
    return {
        "name": name,
        "is_deprecated": False,
        "endpoints": ["embed"] if embeds else ["chat"],
        "finetuned": False,
        "context_length": 128000,
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": [] if embeds else ["json_mode", "json_schema", "tools"],
    }
