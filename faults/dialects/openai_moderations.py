"""OpenAI moderations: ``POST /moderations``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, parts_text, whole
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Moderations"]

# The categories of omni-moderation, in the order of OpenAI's specification.
_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "sexual",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm/intent",
    "self-harm/instructions",
    "self-harm",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
_SCORE = 1e-5


@OpenAI.operation
class Moderations:
    """Nothing is ever flagged: the simulated model has no opinion of a text."""

    name: ClassVar[str] = "moderations"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/moderations$")
    shown: ClassVar[str] = "/moderations"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        given = received.body.get("input")
        listed: list[Any] = given if isinstance(given, list) else [given]
        if listed and all(isinstance(item, str) for item in listed):
            read = listed
        elif listed and all(isinstance(item, dict) for item in listed):
            # A list of parts (text, image) is one input; a list of texts is several.
            read = [parts_text(listed)]
        else:
            return Failure(400, "bad_request", "'input' must be a text, or a list of texts or of parts.")
        model = received.body.get("model")
        name = model if isinstance(model, str) and model else "omni-moderation-latest"
        return Ask(self.name, name, tuple(Message("input", text) for text in read), body=received.body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        result: dict[str, Any] = {
            "flagged": False,
            "categories": dict.fromkeys(_CATEGORIES, False),
            "category_scores": dict.fromkeys(_CATEGORIES, _SCORE),
            "category_applied_input_types": {c: ["text"] for c in _CATEGORIES},
        }
        body = {"id": f"modr-{stamp.id}", "model": answer.model, "results": [result for _ in ask.inputs]}
        return whole(answer, json.dumps(body, indent=2).encode(), self._api.headers(stamp))
