"""OpenAI embeddings: ``POST /embeddings``.

The SDK asks for ``base64`` by itself: little-endian float32, as recorded from its requests.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from typing import ClassVar

from brownout.faults.dialects._api import Received, limit, whole
from brownout.faults.dialects._openai_inputs import read_inputs
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Embeddings"]

MOST = 2048
"""How many inputs one request may hold."""


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
        model, inputs = body.get("model"), read_inputs(body.get("input"))
        if not isinstance(model, str) or not model:
            return Failure(400, "bad_request", "you must provide a model parameter")
        if not inputs:
            return Failure(400, "bad_request", "'input' must be a text, or a list of texts or of token numbers.")
        if "" in inputs:
            return Failure(400, "bad_request", "Invalid 'input': input cannot be an empty string.")
        if len(inputs) > MOST:
            expected = (
                f"Expected an array with maximum length {MOST}, but got an array with length {len(inputs)} instead."
            )
            return Failure(400, "bad_request", f"Invalid 'input': array too long. {expected}")
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


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
