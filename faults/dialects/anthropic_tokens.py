"""Anthropic token counting: ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

import re
from typing import ClassVar

from brownout.faults.dialects._anthropic_request import read_request
from brownout.faults.dialects._api import Received, compact, encoded, whole
from brownout.faults.dialects.anthropic import Anthropic
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Reply

__all__ = ["CountTokens"]


@Anthropic.operation
class CountTokens:
    """The number that the usage of a message with the same request would show."""

    name: ClassVar[str] = "count_tokens"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/messages/count_tokens$")
    shown: ClassVar[str] = "/v1/messages/count_tokens"

    def __init__(self, api: Anthropic) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return read_request(self.name, received)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        return whole(answer, encoded(compact({"input_tokens": answer.usage.prompt})), self._api.headers(stamp))
