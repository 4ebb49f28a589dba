"""Mistral chat completions: ``POST /chat/completions``, streaming and not. Like OpenAI's, with differences of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, compact, encoded, limit, parts_text, stops, whole
from brownout.faults.dialects._mistral_chunks import Chunks, called, finish_reason, thought, usage
from brownout.faults.dialects.mistral import Mistral
from brownout.faults.dialects.openai_chat import chat_tools
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["ChatCompletions"]


@Mistral.operation
class ChatCompletions:
    """Text, thinking, tool calls, structured output, several choices."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/chat/completions$")
    shown: ClassVar[str] = "/chat/completions"

    def __init__(self, api: Mistral) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not model:
            return _bad("model: Field required")
        if not isinstance(messages, list) or not messages:
            return _bad("messages: Input should be a valid list with at least one message")
        read = []
        for i, m in enumerate(messages):
            if not isinstance(m, dict) or not isinstance(m.get("role"), str):
                return _bad(f"messages.{i}.role: Field required")
            read.append(Message(m["role"], parts_text(m.get("content"))))
        most = limit(body.get("max_tokens"), "max_tokens")
        if isinstance(most, Failure):
            return most
        n = body.get("n")
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 128):
            return _bad("n: Input should be an integer from 1 to 128")
        tools = chat_tools(body.get("tools"))
        if isinstance(tools, Failure):
            return tools
        choice = _choice(body.get("tool_choice"))
        if choice not in ("auto", "none") and (not tools or choice not in {"required", *(t.name for t in tools)}):
            return _bad("tool_choice: Input should ask for a function that is in tools")
        schema, schema_name = _schema(body.get("response_format"))
        return Ask(
            self.name,
            model,
            tuple(read),
            body.get("stream") is True,
            most,
            stops(body.get("stop")),
            body=body,
            tools=tools,
            tool_choice=choice,
            parallel=body.get("parallel_tool_calls") is not False,
            schema=schema,
            schema_name=schema_name,
            choices=n or 1,
            reasoning=body.get("prompt_mode") == "reasoning" or body.get("reasoning_effort") not in (None, "none"),
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if not ask.stream:
            return whole(answer, encoded(compact(_completion(answer, stamp))), self._api.headers(stamp))
        return self._stream(answer, stamp)

    def _stream(self, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        chunks = Chunks(answer.model, stamp)
        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), *self._api.headers(stamp)))
        yield Wait(answer.pace.first_token, "first token")
        for index, choice in enumerate((answer, *answer.others)):
            yield from chunks.choice(choice, index, answer.usage if index == len(answer.others) else None)
        yield Data(b"data: [DONE]\n\n", "done")
        yield End()


def _bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def _choice(given: object) -> str:
    """The tool choice in neutral terms. Mistral's ``any`` means that one must be called."""
    if isinstance(given, dict):
        function = given.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) and name else "auto"
    words = {"any": "required", "required": "required", "none": "none"}
    return words.get(given, "auto") if isinstance(given, str) else "auto"


def _schema(given: object) -> tuple[Mapping[str, object] | None, str]:
    """The JSON Schema that ``response_format`` asks for and its name; empty for any JSON object, None for text."""
    if not isinstance(given, dict):
        return None, ""
    if given.get("type") == "json_object":
        return {}, ""
    named = given.get("json_schema") if given.get("type") == "json_schema" else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return (schema, str(named.get("name", ""))) if isinstance(named, dict) and isinstance(schema, dict) else (None, "")


def _completion(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    return {
        "id": stamp.id,
        "created": stamp.created,
        "model": answer.model,
        "usage": usage(answer.usage),
        "object": "chat.completion",
        "choices": [_whole_choice(c, i, stamp) for i, c in enumerate((answer, *answer.others))],
    }


def _whole_choice(answer: Answer, index: int, stamp: Stamp) -> dict[str, Any]:
    content: object = answer.text
    if answer.reasoning:
        said = [{"type": "text", "text": answer.text}] if answer.pieces else []
        content = [thought("".join(answer.reasoning)), *said]
    calls = [called(tool, stamp, index, i) for i, tool in enumerate(answer.tools)]
    message = {"role": "assistant", "tool_calls": calls or None, "content": content}
    return {"index": index, "finish_reason": finish_reason(answer), "message": message}
