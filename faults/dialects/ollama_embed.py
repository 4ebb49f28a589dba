"""Ollama's embeddings: ``POST /api/embed``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from brownout.faults.dialects._api import Received, limit, whole
from brownout.faults.dialects._ollama_lines import bad, nanoseconds
from brownout.faults.dialects.ollama import JSON, Ollama, go_json
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embed"]


@Ollama.operation
class Embed:
    """A vector for each text."""

    name: ClassVar[str] = "embeddings"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/api/embed$")
    shown: ClassVar[str] = "/api/embed"

    def __init__(self, api: Ollama) -> None:
        pass

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, given = body.get("model"), body.get("input")
        if not isinstance(model, str) or not model:
            return bad("model is required")
        texts = [given] if isinstance(given, str) and given else given or []
        if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            return bad("invalid input type")
        size = limit(body.get("dimensions") or None, "dimensions")
        if isinstance(size, Failure):
            return size
        messages = tuple(Message("input", t) for t in texts)
        return Ask(self.name, model, messages, body=body, dimensions=size)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        body = {
            "model": answer.model,
            "embeddings": answer.vectors,
            "total_duration": nanoseconds(answer.seconds),
            "load_duration": nanoseconds(answer.pace.head),
            "prompt_eval_count": answer.usage.prompt,
        }
        return whole(answer, go_json(body), (), JSON)
