"""Gemini models: ``GET /models`` and ``GET /models/{model}``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, encoded, whole
from brownout.faults.dialects.gemini import JSON, Gemini
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Models"]

_USUAL = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-embedding-001")
"""What a backend lists that accepts any model."""


@Gemini.operation
class Models:
    """The backend's models on a single page, or one of them."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models(?:/(?P<model>[^/:]+))?$")
    shown: ClassVar[str] = "/models, /models/{model}"

    def __init__(self, api: Gemini) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, received.named.get("model", ""))

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        made = _model(ask.model) if ask.model else {"models": [_model(m) for m in self._api.models or _USUAL]}
        body = encoded(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        return whole(answer, body, self._api.headers(stamp), JSON)


def _model(name: str) -> dict[str, Any]:
    embeds = "embedding" in name
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 2048 if embeds else 1048576,
        "outputTokenLimit": 1 if embeds else 65536,
        "supportedGenerationMethods": ["embedContent"] if embeds else ["generateContent", "countTokens"],
    }
