"""OpenAI embeddings: ``POST /embeddings``.

The SDK asks for ``base64`` by itself: little-endian float32, as recorded from its requests.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, limit, whole
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embeddings"]


@OpenAI.operation
class Embeddings:
    """One vector for each text. Inputs of token numbers are taken for texts of these numbers: there is no tokenizer."""

    name: ClassVar[str] = "embeddings"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/embeddings$")
    shown: ClassVar[str] = "/embeddings"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, inputs = body.get("model"), _inputs(body.get("input"))
        if not isinstance(model, str) or not model:
            return Failure(400, "bad_request", "you must provide a model parameter")
        if not inputs:
            return Failure(400, "bad_request", "'input' must be a text, or a list of texts or of token numbers.")
        if body.get("encoding_format") not in (None, "float", "base64"):
            return Failure(400, "bad_request", "Invalid value for 'encoding_format': expected 'float' or 'base64'.")
        dimensions = limit(body.get("dimensions"), "dimensions")
        if isinstance(dimensions, Failure):
            return dimensions
        messages = tuple(Message("input", text) for text in inputs)
        return Ask(self.name, model, messages, user=str(body.get("user") or ""), body=body, dimensions=dimensions)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        form = _base64 if ask.body.get("encoding_format") == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": form(v)} for i, v in enumerate(answer.vectors)]
        usage = {"prompt_tokens": answer.usage.prompt, "total_tokens": answer.usage.prompt}
        body = {"object": "list", "data": data, "model": answer.model, "usage": usage}
        return whole(answer, json.dumps(body).encode(), self._api.headers(stamp))


def _inputs(given: object) -> list[str]:
    """The texts of ``input``; none where it is no input."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        return []
    if all(isinstance(item, int) for item in given):
        return [_numbers(given)]
    if all(isinstance(item, str) for item in given):
        return given
    lists = [item for item in given if isinstance(item, list) and item and all(isinstance(n, int) for n in item)]
    return [_numbers(item) for item in lists] if len(lists) == len(given) else []


def _numbers(tokens: list[Any]) -> str:
    return " ".join(map(str, tokens))


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
