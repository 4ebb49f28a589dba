"""OpenAI models: ``GET /models`` and ``GET /models/{model}``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, whole
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Model", "Models"]

USUAL = ("gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small")
"""What a backend that accepts any model lists."""
CREATED = 1_715_367_049


@OpenAI.operation
class Models:
    """The list of models."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models$")
    shown: ClassVar[str] = "/models"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, body=received.body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        listed = {"object": "list", "data": [_model(name) for name in self._api.models or USUAL]}
        return whole(answer, json.dumps(listed, indent=2).encode(), self._api.headers(stamp))


@OpenAI.operation
class Model:
    """One model. The name may hold slashes, as those of some services do."""

    name: ClassVar[str] = "model"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models/(?P<model>.+)$")
    shown: ClassVar[str] = "/models/{model}"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, received.named["model"], body=received.body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        return whole(answer, json.dumps(_model(ask.model), indent=2).encode(), self._api.headers(stamp))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "system"}
