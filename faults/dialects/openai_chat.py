"""OpenAI chat completions: ``POST /chat/completions``, streaming and not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, base62, encoded, limit, parts_text, stops, whole
from brownout.faults.dialects._openai_chunks import Chunks, call_id, fingerprint, finish_reason, usage
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message, Tool
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["ChatCompletions", "chat_tools"]

_ROLES = {"developer": "system", "function": "tool"}


@OpenAI.operation
class ChatCompletions:
    """Text, tool calls, structured output, several choices."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/chat/completions$")
    shown: ClassVar[str] = "/chat/completions"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not model:
            return _bad("you must provide a model parameter")
        if not isinstance(messages, list):
            return _bad("Missing required parameter: 'messages'.")
        if not messages:
            return _bad("Invalid 'messages': empty array. Expected an array with minimum length 1.")
        read = []
        for i, m in enumerate(messages):
            if not isinstance(m, dict) or not isinstance(m.get("role"), str):
                return _bad(f"Invalid type for 'messages[{i}]': expected an object with a role.")
            role = str(m["role"])
            read.append(Message(_ROLES.get(role, role), _text(m)))
        if "audio" in stops(body.get("modalities")):
            return Failure(501, "not_served", "This simulated backend does not speak audio.")
        named = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
        most = limit(body.get(named), named)
        if isinstance(most, Failure):
            return most
        n = body.get("n")
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 128):
            return _bad("Invalid value for 'n': expected an integer from 1 to 128.")
        tools = chat_tools(body.get("tools"))
        if isinstance(tools, Failure):
            return tools
        choice = _choice(body.get("tool_choice"))
        if choice not in ("auto", "none") and not tools:
            return _bad("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
        if choice not in ("auto", "none", "required") and choice not in {t.name for t in tools}:
            return _bad("Invalid value for 'tool_choice': it names a function that is not in 'tools'.")
        schema, schema_name = _schema(body.get("response_format"))
        return Ask(
            self.name,
            model,
            tuple(read),
            body.get("stream") is True,
            most,
            stops(body.get("stop")),
            str(body.get("user") or body.get("safety_identifier") or ""),
            body,
            tools=tools,
            tool_choice=choice,
            parallel=body.get("parallel_tool_calls") is not False,
            schema=schema,
            schema_name=schema_name,
            choices=n or 1,
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if not ask.stream:
            body = encoded(json.dumps(_completion(answer, stamp), indent=2, ensure_ascii=False))
            return whole(answer, body, self._api.headers(stamp))
        return self._stream(ask, answer, stamp)

    def _stream(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        options = ask.body.get("stream_options")
        options = options if isinstance(options, dict) else {}
        chunks = Chunks(
            answer.model,
            stamp,
            with_usage=options.get("include_usage") is True,
            obfuscated=options.get("include_obfuscation") is not False,
        )
        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), *self._api.headers(stamp)))
        yield Wait(answer.pace.first_token, "first token")
        for index, choice in enumerate((answer, *answer.others)):
            yield from chunks.choice(choice, index)
        if chunks.with_usage:
            yield Data(chunks.usage(answer.usage), "usage")
        yield Data(b"data: [DONE]\n\n", "done")
        yield End()


def chat_tools(given: object) -> tuple[Tool, ...] | Failure:
    """The functions that are offered, in the form of chat completions; other kinds of tools are left out."""
    if given is None:
        return ()
    if not isinstance(given, list):
        return _bad("Invalid type for 'tools': expected an array of objects.")
    read = []
    for i, tool in enumerate(given):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(tool, dict) and tool.get("type") not in (None, "function"):
            continue
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            return _bad(f"Missing required parameter: 'tools[{i}].function.name'.")
        schema = function.get("parameters")
        read.append(Tool(function["name"], schema if isinstance(schema, dict) else {}))
    return tuple(read)


def _bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def _text(message: dict[str, Any]) -> str:
    """What a message says: its content, and the arguments of the calls in it."""
    calls = message.get("tool_calls")
    functions = [c.get("function") for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    arguments = [f.get("arguments") for f in functions if isinstance(f, dict)]
    return "\n".join(text for text in map(parts_text, (message.get("content"), *arguments)) if text)


def _choice(given: object) -> str:
    """The tool choice in neutral terms: ``auto``, ``none``, ``required`` or a name."""
    if isinstance(given, dict):
        function = given.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) and name else "auto"
    return given if given in ("none", "required") and isinstance(given, str) else "auto"


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
        "id": f"chatcmpl-{base62(stamp.id, 29)}",
        "object": "chat.completion",
        "created": stamp.created,
        "model": answer.model,
        "choices": [_whole_choice(c, i, stamp) for i, c in enumerate((answer, *answer.others))],
        "usage": usage(answer.usage),
        "service_tier": "default",
        "system_fingerprint": fingerprint(answer.model),
    }


def _whole_choice(answer: Answer, index: int, stamp: Stamp) -> dict[str, Any]:
    refused = answer.finish == "refusal"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused or (answer.tools and not answer.pieces) else answer.text,
        "refusal": answer.text if refused else None,
        "annotations": [],
    }
    if answer.tools:
        message["tool_calls"] = [
            {
                "id": call_id(stamp, index, i),
                "type": "function",
                "function": {"name": tool.name, "arguments": tool.arguments},
            }
            for i, tool in enumerate(answer.tools)
        ]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason(answer)}
