"""Gemini token counts: ``POST /models/{model}:countTokens``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import ClassVar

from brownout.faults.dialects._api import Received, encoded, whole
from brownout.faults.dialects._gemini_chunks import text_tokens
from brownout.faults.dialects._gemini_request import conversation, member
from brownout.faults.dialects.gemini import JSON, Gemini
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["CountTokens"]


@Gemini.operation
class CountTokens:
    """How many tokens a prompt has: of ``contents``, or of a whole ``generateContentRequest``."""

    name: ClassVar[str] = "count_tokens"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/models/(?P<model>[^/:]+):countTokens$")
    shown: ClassVar[str] = "/models/{model}:countTokens"

    def __init__(self, api: Gemini) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        messages = conversation(member(body, "generateContentRequest") or body)
        if isinstance(messages, Failure):
            return messages
        return Ask(self.name, received.named["model"], messages, body=body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        count = answer.usage.prompt
        made = {"totalTokens": count, "promptTokensDetails": text_tokens(count)}
        return whole(answer, encoded(json.dumps(made, indent=2) + "\n"), self._api.headers(stamp), JSON)
