"""Cohere chat: ``POST /v2/chat``, streaming and not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from brownout.faults.dialects._api import Received, compact, encoded, limit, parts_text, stops, whole
from brownout.faults.dialects._cohere_events import called, events, finish_reason, usage
from brownout.faults.dialects.cohere import Cohere
from brownout.faults.dialects.openai_chat import chat_tools
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, End, Head, Wait

__all__ = ["Chat"]

_CHOICES = {"REQUIRED": "required", "NONE": "none"}


@Cohere.operation
class Chat:
    """Text, thinking, tool calls with a plan, structured output."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/v2/chat$")
    shown: ClassVar[str] = "/v2/chat"

    def __init__(self, api: Cohere) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not model:
            return _bad("model is required")
        if not isinstance(messages, list) or not messages:
            return _bad("message must be at least 1 token long or tool results must be specified.")
        read = []
        for m in messages:
            if not isinstance(m, dict) or not isinstance(m.get("role"), str):
                return _bad("all elements in messages must have a role.")
            read.append(Message(m["role"], _text(m.get("content"))))
        most = limit(body.get("max_tokens"), "max_tokens")
        if isinstance(most, Failure):
            return most
        tools = chat_tools(body.get("tools"))
        if isinstance(tools, Failure):
            return tools
        choice = _CHOICES.get(str(body.get("tool_choice")), "auto")
        if choice == "required" and not tools:
            return _bad("tool_choice REQUIRED needs tools.")
        thinking = body.get("thinking")
        return Ask(
            self.name,
            model,
            tuple(read),
            body.get("stream") is True,
            most,
            stops(body.get("stop_sequences")),
            body=body,
            tools=tools,
            tool_choice=choice,
            schema=_schema(body.get("response_format")),
            reasoning=isinstance(thinking, dict) and thinking.get("type") == "enabled",
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if not ask.stream:
            return whole(answer, encoded(compact(_response(answer, stamp))), self._api.headers(stamp))
        return self._stream(answer, stamp)

    def _stream(self, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream"), *self._api.headers(stamp)))
        yield Wait(answer.pace.first_token, "first token")
        yield from events(answer, stamp)
        yield End()


def _bad(message: str) -> Failure:
    return Failure(400, "bad_request", f"invalid request: {message}")


def _text(content: object) -> str:
    """The text of a message. The result of a tool may be documents, whose data is text or an object."""
    if not isinstance(content, list):
        return parts_text(content)
    documents = [p.get("document") for p in content if isinstance(p, dict) and p.get("type") == "document"]
    data = [d.get("data") for d in documents if isinstance(d, dict)]
    said = [parts_text(content), *(d if isinstance(d, str) else json.dumps(d, ensure_ascii=False) for d in data)]
    return "\n".join(filter(None, said))


def _schema(given: object) -> Mapping[str, object] | None:
    """The JSON Schema that ``response_format`` asks for; empty for any JSON object, None for text."""
    if not isinstance(given, dict) or given.get("type") != "json_object":
        return None
    schema = given.get("json_schema")
    return schema if isinstance(schema, dict) else {}


def _response(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    content = [{"type": "thinking", "thinking": "".join(answer.reasoning)}] if answer.reasoning else []
    if answer.tools:
        if answer.pieces:
            message["tool_plan"] = answer.text
        message["tool_calls"] = [called(tool, stamp, i) for i, tool in enumerate(answer.tools)]
    else:
        content.append({"type": "text", "text": answer.text})
    if content:
        message["content"] = content
    return {
        "id": str(UUID(stamp.id)),
        "message": message,
        "finish_reason": finish_reason(answer),
        "usage": usage(answer.usage),
    }
