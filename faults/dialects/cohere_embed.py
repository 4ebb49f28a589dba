"""Cohere embeddings: ``POST /v2/embed``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

from brownout.faults.dialects._api import Received, compact, encoded, limit, parts_text, stops, whole
from brownout.faults.dialects.cohere import Cohere
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embed"]


@Cohere.operation
class Embed:
    """A vector of numbers for each text."""

    name: ClassVar[str] = "embeddings"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/v2/embed$")
    shown: ClassVar[str] = "/v2/embed"

    def __init__(self, api: Cohere) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return Failure(400, "bad_request", "invalid request: model is required")
        if not isinstance(body.get("input_type"), str):
            wrong = "invalid request: valid input_type must be provided with the provided model"
            return Failure(400, "bad_request", wrong)
        inputs = body.get("inputs")
        mixed = (
            [parts_text(i.get("content")) for i in inputs if isinstance(i, dict)] if isinstance(inputs, list) else []
        )
        texts = (*stops(body.get("texts")), *mixed)
        if not texts or not all(texts):
            return Failure(501, "not_served", "this simulated backend embeds texts only.")
        if set(stops(body.get("embedding_types"))) - {"float"}:
            return Failure(501, "not_served", "this simulated backend gives embeddings of the type float only.")
        size = limit(body.get("output_dimension"), "output_dimension")
        if isinstance(size, Failure):
            return size
        return Ask(self.name, model, tuple(Message("input", t) for t in texts), body=body, dimensions=size)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        body = {
            "id": str(UUID(stamp.id)),
            "texts": ask.inputs,
            "embeddings": {"float": answer.vectors},
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": answer.usage.prompt}},
            "response_type": "embeddings_by_type",
        }
        return whole(answer, encoded(compact(body)), self._api.headers(stamp))
