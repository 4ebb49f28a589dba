"""Ollama's chat: ``POST /api/chat``, streaming unless told otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received
from brownout.faults.dialects._ollama_lines import Lines, bad, generation
from brownout.faults.dialects.ollama import Ollama
from brownout.faults.dialects.openai_chat import chat_tools
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Chat"]


@Ollama.operation
class Chat:
    """Text, thinking, tool calls, structured output. There is no tool choice: the model decides."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/api/chat$")
    shown: ClassVar[str] = "/api/chat"

    def __init__(self, api: Ollama) -> None:
        pass

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        messages = body.get("messages") or []
        if not isinstance(messages, list):
            return _unfit("messages", "[]api.Message")
        read = []
        for m in messages:
            if not isinstance(m, dict) or not isinstance(m.get("role"), str):
                return _unfit("messages", "api.Message")
            content = m.get("content") or ""
            if not isinstance(content, str):
                return _unfit("messages.content", "string")
            read.append(Message(m["role"], content))
        tools = chat_tools(body.get("tools"))
        if isinstance(tools, Failure):
            return _unfit("tools", "api.Tools")
        return generation(self.name, body, tuple(read), tools)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        lines = Lines(answer, stamp, _said)
        if not ask.messages:
            return lines.loaded(ask.body.get("keep_alive"))
        return lines.stream() if ask.stream else lines.whole()


def _said(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def _unfit(field: str, kind: str) -> Failure:
    """What Go's JSON reader says of a value that its type cannot hold."""
    return bad(f"json: cannot unmarshal value into Go struct field ChatRequest.{field} of type {kind}")
