"""OpenAI responses: ``POST /responses``, streaming and not.

Words of refusals as the API was seen to say them: an unknown model is 400 here, not 404, and parameters of chat completions that
have another name here are refused with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from brownout.faults.dialects._api import Received, encoded, limit, parts_text, whole
from brownout.faults.dialects._openai_events import events, finished
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message, Tool
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, End, Head, Wait

__all__ = ["Responses"]

_LEAST = 16
"""The smallest `max_output_tokens`."""
_MOVED = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
}
_EARLIER = ("previous_response_id", "conversation", "prompt")
"""Parameters that can stand for the input: they name something that the provider keeps."""


@OpenAI.operation
class Responses:
    """Text, function calls, structured output, summaries of the reasoning.

    No state is kept. `previous_response_id`, `conversation` and `prompt` are accepted, but what they name is not known: the
    model sees only what the request itself holds. A response cannot be fetched later, so background mode is not served.
    """

    name: ClassVar[str] = "responses"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/responses$")
    shown: ClassVar[str] = "/responses"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        if moved := next((name for name in _MOVED if name in body), None):
            return _bad(
                f"Unsupported parameter: '{moved}'. In the Responses API, this parameter has moved to '{_MOVED[moved]}'. "
                "Try again with the new parameter."
            )
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return _bad("Missing required parameter: 'model'.")
        if self._api.models and model not in self._api.models:
            return Failure(400, "model_not_found", f"The requested model '{model}' does not exist.", model)
        if body.get("background") is True:
            return Failure(501, "not_served", "This simulated backend keeps no responses: 'background' is not served.")
        messages = _conversation(body)
        if isinstance(messages, Failure):
            return messages
        most = limit(body.get("max_output_tokens"), "max_output_tokens")
        if isinstance(most, Failure):
            return most
        if most is not None and most < _LEAST:
            below = f"integer below minimum value. Expected a value >= {_LEAST}, but got {most} instead."
            return _bad(f"Invalid 'max_output_tokens': {below}")
        tools = _tools(body.get("tools"))
        if isinstance(tools, Failure):
            return tools
        chosen = _chosen(body.get("tool_choice"), tools, any_kind=bool(body.get("tools")))
        if isinstance(chosen, Failure):
            return chosen
        form = _format(body.get("text"))
        if isinstance(form, Failure):
            return form
        reasoning = body.get("reasoning")
        return Ask(
            self.name,
            model,
            messages,
            body.get("stream") is True,
            most,
            user=str(body.get("user") or body.get("safety_identifier") or ""),
            body=body,
            tools=chosen[1],
            tool_choice=chosen[0],
            parallel=body.get("parallel_tool_calls") is not False,
            schema=form[0],
            schema_name=form[1],
            reasoning=isinstance(reasoning, dict) and bool(reasoning.get("summary")),
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if not ask.stream:
            body = encoded(json.dumps(finished(ask, answer, stamp), indent=2, ensure_ascii=False))
            return whole(answer, body, self._api.headers(stamp))
        return self._stream(ask, answer, stamp)

    def _stream(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), *self._api.headers(stamp)))
        yield from events(ask, answer, stamp)
        yield End()


def _bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def _conversation(body: Mapping[str, object]) -> tuple[Message, ...] | Failure:
    """The instructions and the input: a text, or a list of items of which those that say something are read.

    A call of a function is what the assistant said, its arguments; the output of any call is what a tool returned.
    """
    instructions, given = body.get("instructions"), body.get("input")
    read = [Message("system", instructions)] if isinstance(instructions, str) and instructions else []
    if not given and given != "":
        if any(body.get(name) for name in _EARLIER):
            return tuple(read)
        return _bad("One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.")
    if isinstance(given, str):
        return (*read, Message("user", given))
    if not isinstance(given, list):
        return _bad("Invalid type for 'input': expected one of a string or array of input items.")
    for i, item in enumerate(given):
        if not isinstance(item, dict):
            return _bad(f"Invalid type for 'input[{i}]': expected an input item.")
        kind, role = item.get("type") or "message", item.get("role")
        if kind == "message":
            if not isinstance(role, str) or not role:
                return _bad(f"Missing required parameter: 'input[{i}].role'.")
            read.append(Message("system" if role == "developer" else role, parts_text(item.get("content"))))
        elif kind == "function_call":
            read.append(Message("assistant", parts_text(item.get("arguments"))))
        elif isinstance(kind, str) and kind.endswith("_call_output"):
            read.append(Message("tool", parts_text(item.get("output"))))
    return tuple(read)


def _tools(given: object) -> tuple[Tool, ...] | Failure:
    """The functions that are offered; other kinds of tools, which the provider runs itself, are left out."""
    if given is None:
        return ()
    if not isinstance(given, list):
        return _bad("Invalid type for 'tools': expected an array of objects.")
    read = []
    for i, tool in enumerate(given):
        if not isinstance(tool, dict):
            return _bad(f"Invalid type for 'tools[{i}]': expected an object.")
        if tool.get("type") != "function":
            continue
        name, schema = tool.get("name"), tool.get("parameters")
        if not isinstance(name, str) or not name:
            return _bad(f"Missing required parameter: 'tools[{i}].name'.")
        read.append(Tool(name, schema if isinstance(schema, dict) else {}))
    return tuple(read)


def _chosen(given: object, tools: tuple[Tool, ...], *, any_kind: bool) -> tuple[str, tuple[Tool, ...]] | Failure:
    """The tool choice in neutral terms, and the tools that it leaves.

    `any_kind`: tools were offered, be it of a kind that is left out. What asks for one of those is ``auto``.
    """
    choice = given.get("mode") if isinstance(given, dict) and given.get("type") == "allowed_tools" else given
    if isinstance(choice, dict):
        name = choice.get("name") if choice.get("type") == "function" else None
        if name is None:
            return "auto", tools
        if name not in [t.name for t in tools]:
            return _bad("Tool choice 'function' not found in 'tools' parameter.")
        return str(name), tools
    if isinstance(given, dict):
        allowed = given.get("tools")
        names = [t.get("name") for t in allowed if isinstance(t, dict)] if isinstance(allowed, list) else []
        tools = tuple(t for t in tools if t.name in names)
    if choice == "required" and not any_kind:
        return _bad("Tool choice 'required' must be specified with 'tools' parameter.")
    if choice == "required" and tools:
        return "required", tools
    return "none" if choice == "none" else "auto", tools


def _format(given: object) -> tuple[Mapping[str, object] | None, str] | Failure:
    """The JSON Schema that ``text.format`` asks for and its name; empty for any JSON object, None for text."""
    form = given.get("format") if isinstance(given, dict) else None
    if not isinstance(form, dict) or form.get("type") not in ("json_schema", "json_object"):
        return None, ""
    if form["type"] == "json_object":
        return {}, ""
    name, schema = form.get("name"), form.get("schema")
    if not isinstance(name, str) or not name:
        return _bad("Missing required parameter: 'text.format.name'.")
    if not isinstance(schema, dict):
        return _bad("Missing required parameter: 'text.format.schema'.")
    return schema, name
