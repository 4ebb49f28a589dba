"""Anthropic messages: ``POST /v1/messages``, streaming and not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

from brownout.faults.dialects._anthropic_events import message, stream
from brownout.faults.dialects._anthropic_request import bad, member, read_request
from brownout.faults.dialects._api import Received, compact, encoded, stops, whole
from brownout.faults.dialects.anthropic import Anthropic
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Reply

__all__ = ["Messages"]


@Anthropic.operation
class Messages:
    """Text, thinking, tool use, structured output."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/messages$")
    shown: ClassVar[str] = "/v1/messages"

    def __init__(self, api: Anthropic) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        most, ends = body.get("max_tokens"), stops(body.get("stop_sequences"))
        if most is None:
            return bad("max_tokens: Field required")
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            return bad("max_tokens: Input should be a valid integer greater than or equal to 0")
        if any(not s.strip() for s in ends):
            return bad("stop_sequences: each stop sequence must contain non-whitespace")
        ask = read_request(self.name, received)
        if isinstance(ask, Failure):
            return ask
        return _thinking(ask, most) or replace(ask, max_tokens=most, stop=ends, stream=body.get("stream") is True)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        headers = self._api.headers(stamp)
        if ask.stream:
            return stream(ask, answer, stamp, headers)
        return whole(answer, encoded(compact(message(ask, answer, stamp))), headers)


def _thinking(ask: Ask, most: int) -> Failure | None:
    """What is wrong with a thinking budget, if one is set."""
    thinking = ask.body.get("thinking")
    if member(thinking, "type") != "enabled":
        return None
    budget = member(thinking, "budget_tokens")
    if isinstance(budget, bool) or not isinstance(budget, int):
        return bad("thinking.enabled.budget_tokens: Field required")
    if budget < 1024:
        return bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if most <= budget:
        return bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if ask.tool_choice not in ("auto", "none"):
        return bad("Thinking may not be enabled when tool_choice forces tool use.")
    return None
