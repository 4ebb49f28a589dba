"""Gemini embeddings: ``POST /models/{model}:embedContent`` for one text and ``:batchEmbedContents`` for several."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, encoded, limit, whole
from brownout.faults.dialects._gemini_request import bad, content_text, field
from brownout.faults.dialects.gemini import JSON, Gemini
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embed"]


@Gemini.operation
class Embed:
    """Vectors of texts. All requests of a batch get vectors of the length that the first asks for."""

    name: ClassVar[str] = "embeddings"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(
        r"/models/(?P<model>[^/:]+):(?P<method>embedContent|batchEmbedContents)$"
    )
    shown: ClassVar[str] = "/models/{model}:embedContent, :batchEmbedContents"

    def __init__(self, api: Gemini) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        batch = received.named["method"] == "batchEmbedContents"
        requests = received.body.get("requests") if batch else [received.body]
        if not isinstance(requests, list) or not requests:
            return bad("* BatchEmbedContentsRequest.requests: at least one request is required\n")
        read: list[dict[str, Any]] = [r for r in requests if isinstance(r, dict) and isinstance(r.get("content"), dict)]
        if len(read) < len(requests):
            return bad("* EmbedContentRequest.content: contents is not specified\n")
        length = limit(field(read[0], "outputDimensionality"), "output_dimensionality")
        if isinstance(length, Failure):
            return length
        messages = tuple(Message("input", content_text(r["content"])) for r in read)
        return Ask(self.name, received.named["model"], messages, body=received.body, dimensions=length)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        vectors = [{"values": list(v)} for v in answer.vectors]
        made = {"embeddings": vectors} if "requests" in ask.body else {"embedding": vectors[0] if vectors else {}}
        return whole(answer, encoded(json.dumps(made, indent=2) + "\n"), self._api.headers(stamp), JSON)
