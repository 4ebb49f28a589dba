"""Mistral embeddings: ``POST /embeddings``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from brownout.faults.dialects._api import Received, compact, encoded, limit, whole
from brownout.faults.dialects._mistral_chunks import usage
from brownout.faults.dialects.mistral import Mistral
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embeddings"]


@Mistral.operation
class Embeddings:
    """A vector of numbers for each text."""

    name: ClassVar[str] = "embeddings"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/embeddings$")
    shown: ClassVar[str] = "/embeddings"

    def __init__(self, api: Mistral) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, given = body.get("model"), body.get("input")
        if not isinstance(model, str) or not model:
            return Failure(400, "bad_request", "model: Field required")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            return Failure(400, "bad_request", "input: Input should be a valid string or list of strings")
        size = limit(body.get("output_dimension"), "output_dimension")
        if isinstance(size, Failure):
            return size
        if {body.get("output_dtype") or "float", body.get("encoding_format") or "float"} != {"float"}:
            return Failure(501, "not_served", "This simulated backend gives embeddings as lists of floats only.")
        return Ask(self.name, model, tuple(Message("input", t) for t in texts), body=body, dimensions=size)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        data = [{"object": "embedding", "embedding": v, "index": i} for i, v in enumerate(answer.vectors)]
        body = {
            "id": stamp.id,
            "object": "list",
            "data": data,
            "model": answer.model,
            "usage": usage(answer.usage),
        }
        return whole(answer, encoded(compact(body)), self._api.headers(stamp))
