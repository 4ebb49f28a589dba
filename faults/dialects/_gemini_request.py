"""What a Gemini request says, in neutral terms: its conversation, its tools, the schema of the answer.

The API takes field names in camelCase and in snake_case, and a single object where it declares a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brownout.faults.dialects._api import compact, stops
from brownout.faults.values.ask import Message, Tool
from brownout.faults.values.fault import Failure

__all__ = ["bad", "content_text", "conversation", "declared", "field", "member", "schema", "tool_choice"]

_ROLES = {"": "user", "user": "user", "model": "assistant", "function": "tool", "tool": "tool"}
_CAPITAL = re.compile(r"[A-Z]")
_UNDERSCORE = re.compile(r"_([a-z])")
_COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}


def bad(message: str) -> Failure:
    """A refusal of a request that is not what the API expects."""
    return Failure(400, "bad_request", message)


def field(owner: Mapping[str, object], name: str) -> object:
    """The field `name` (in camelCase) of `owner`, under either spelling; None where it was left out."""
    found = owner.get(name)
    return owner.get(_CAPITAL.sub(lambda m: "_" + m[0].lower(), name)) if found is None else found


def member(owner: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A field that is an object; an empty one where it was left out or is none."""
    found = field(owner, name)
    return found if isinstance(found, dict) else {}


def conversation(body: Mapping[str, object]) -> tuple[Message, ...] | Failure:
    """The system instruction and the turns.

    What the model said in turns that follow each other is one message: clients keep a stream as a turn for every chunk.
    """
    system, contents = field(body, "systemInstruction"), body.get("contents")
    if system is not None and not isinstance(system, dict):
        return bad(
            "Invalid value at 'system_instruction' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)."
        )
    read = [Message("system", content_text(system))] if system else []
    turns = [contents] if isinstance(contents, dict) else contents
    if not isinstance(turns, list) or not turns:
        return bad("* GenerateContentRequest.contents: contents is not specified\n")
    for i, turn in enumerate(turns):
        if not isinstance(turn, dict):
            return bad(
                f"Invalid value at 'contents[{i}]' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)."
            )
        role = _ROLES.get(str(turn.get("role") or ""))
        if role is None:
            return bad("Please use a valid role: user, model.")
        if any(field(part, "functionResponse") is not None for part in _parts(turn)):
            role = "tool"
        text = content_text(turn, "" if role == "assistant" else "\n")
        if role == "assistant" and read and read[-1].role == role:
            read[-1] = Message(role, read[-1].text + text)
        else:
            read.append(Message(role, text))
    return tuple(read)


def content_text(content: Mapping[str, object], between: str = "\n") -> str:
    """The text of a turn, and what tools returned, without thoughts and media."""
    said = []
    for part in _parts(content):
        text, returned = part.get("text"), member(part, "functionResponse").get("response")
        if isinstance(text, str) and part.get("thought") is not True:
            said.append(text)
        if returned is not None:
            said.append(_leaves(returned))
    return between.join(said)


def _parts(content: Mapping[str, object]) -> list[dict[str, Any]]:
    parts = content.get("parts")
    return [p for p in (parts if isinstance(parts, list) else [parts]) if isinstance(p, dict)]


def _leaves(value: object) -> str:
    """The values in a JSON value on lines of their own: text stays as it was said, not escaped."""
    if isinstance(value, dict | list):
        return "\n".join(map(_leaves, value.values() if isinstance(value, dict) else value))
    return value if isinstance(value, str) else compact(value)


def declared(body: Mapping[str, object]) -> tuple[Tool, ...] | Failure:
    """The functions that are offered; Google's own tools are left out."""
    given = body.get("tools")
    read = []
    for i, tool in enumerate(given if isinstance(given, list) else [given]):
        functions = field(tool, "functionDeclarations") if isinstance(tool, dict) else None
        for n, function in enumerate(functions if isinstance(functions, list) else []):
            if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
                return bad(
                    f"* GenerateContentRequest.tools[{i}].function_declarations[{n}].name: [FIELD_INVALID] Invalid function "
                    "name. Must start with a letter or an underscore.\n"
                )
            arguments = member(function, "parametersJsonSchema") or _json_schema(member(function, "parameters"))
            read.append(Tool(function["name"], arguments))
    return tuple(read)


def tool_choice(body: Mapping[str, object], tools: tuple[Tool, ...]) -> tuple[str, tuple[Tool, ...]] | Failure:
    """The tool choice in neutral terms, and those of the tools that may be called."""
    calling = member(member(body, "toolConfig"), "functionCallingConfig")
    mode, names = str(calling.get("mode") or "AUTO").upper(), stops(field(calling, "allowedFunctionNames"))
    if calling and not tools:
        return bad("Function calling config is set without function_declarations.")
    if unknown := next((n for n in names if n not in {t.name for t in tools}), ""):
        return bad(f"Allowed function name {unknown} is not in function_declarations.")
    if mode == "NONE":
        return "none", tools
    allowed = tuple(t for t in tools if t.name in names) if names else tools
    if mode != "ANY":
        return "auto", allowed
    return (names[0] if len(names) == 1 else "required"), allowed


def schema(config: Mapping[str, object]) -> Mapping[str, object] | None:
    """The JSON Schema that a ``generationConfig`` asks for; empty for any JSON value, None for text."""
    if field(config, "responseMimeType") != "application/json":
        return None
    return member(config, "responseJsonSchema") or _json_schema(member(config, "responseSchema"))


def _json_schema(given: Mapping[str, object]) -> dict[str, object]:
    """JSON Schema out of Google's Schema: types in capitals, ``nullable``, counts that may be texts, either spelling."""
    made: dict[str, object] = {}
    for given_key, value in given.items():
        key = _UNDERSCORE.sub(lambda m: m[1].upper(), given_key)
        if key == "type" and isinstance(value, str):
            made[key] = value.lower()
        elif key == "properties" and isinstance(value, dict):
            made[key] = {name: _json_schema(s) if isinstance(s, dict) else s for name, s in value.items()}
        elif key in _COUNTS and isinstance(value, str) and value.isdecimal():
            made[key] = int(value)
        elif isinstance(value, dict) and key in ("items", "additionalProperties"):
            made[key] = _json_schema(value)
        elif isinstance(value, list) and key == "anyOf":
            made[key] = [_json_schema(s) if isinstance(s, dict) else s for s in value]
        elif key not in ("nullable", "propertyOrdering"):
            made[key] = value
    if given.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made
