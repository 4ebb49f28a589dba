"""Ollama's completions of a single prompt: ``POST /api/generate``, streaming unless told otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received
from brownout.faults.dialects._ollama_lines import Lines, bad, generation
from brownout.faults.dialects.ollama import Ollama
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Generate"]


@Ollama.operation
class Generate:
    """Text, thinking, structured output."""

    name: ClassVar[str] = "completions"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/api/generate$")
    shown: ClassVar[str] = "/api/generate"

    def __init__(self, api: Ollama) -> None:
        pass

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        texts = {role: body.get(field) or "" for role, field in (("system", "system"), ("user", "prompt"))}
        for role, text in texts.items():
            if not isinstance(text, str):
                field = "prompt" if role == "user" else role
                return bad(f"json: cannot unmarshal value into Go struct field GenerateRequest.{field} of type string")
        messages = tuple(Message(role, str(text)) for role, text in texts.items() if text)
        return generation(self.name, body, messages if texts["user"] else ())

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        lines = Lines(answer, stamp, _said)
        if not ask.messages:
            return lines.loaded(ask.body.get("keep_alive"))
        return lines.stream() if ask.stream else lines.whole()


def _said(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {"response": text}
    if thinking:
        said["thinking"] = thinking
    return said
