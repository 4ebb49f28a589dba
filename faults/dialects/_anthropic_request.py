"""What the bodies of Anthropic's messages and token counting have in common: from JSON to an ask.

Messages of refusals are worded as the API words its validation errors: the path of the field, a colon, what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from brownout.faults.dialects._api import Received, compact, parts_text
from brownout.faults.values.ask import Ask, Message, Tool
from brownout.faults.values.fault import Failure

__all__ = ["bad", "member", "read_request"]

_STRICTER = "2026-10-21"
"""The API version that refuses sampling parameters, documents from the assistant and citations from the user."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def member(value: object, name: str) -> object:
    """A member of a JSON object; None where there is no such object or member."""
    return value.get(name) if isinstance(value, dict) else None


def read_request(endpoint: str, received: Received) -> Ask | Failure:
    """The model, conversation, tools and wanted form of the answer; or why the API would refuse the request."""
    body = received.body
    model, messages, thinking = body.get("model"), body.get("messages"), body.get("thinking")
    stricter = received.headers.get("anthropic-version") == _STRICTER
    if stricter and (removed := [p for p in ("temperature", "top_p", "top_k") if p in body]):
        return bad(f"{removed[0]}: Extra inputs are not permitted")
    if not isinstance(model, str) or not model:
        return bad("model: Field required")
    if not isinstance(messages, list):
        return bad("messages: Field required" if messages is None else "messages: Input should be a valid list")
    if not messages:
        return bad("messages: at least one message is required")
    system = parts_text(body.get("system"))
    turns = [Message("system", system)] if system else []
    for i, message in enumerate(messages):
        turn = _turn(message, f"messages.{i}", stricter)
        if isinstance(turn, Failure):
            return turn
        turns.append(turn)
    tools = _tools(body.get("tools"))
    if isinstance(tools, Failure):
        return tools
    choice = _choice(body, tools)
    if isinstance(choice, Failure):
        return choice
    return Ask(
        endpoint,
        model,
        tuple(turns),
        user=str(member(body.get("metadata"), "user_id") or ""),
        body=body,
        tools=tools,
        tool_choice=choice,
        parallel=member(body.get("tool_choice"), "disable_parallel_tool_use") is not True,
        schema=_schema(body),
        reasoning=member(thinking, "type") in ("enabled", "adaptive") and member(thinking, "display") != "omitted",
    )


def _turn(message: object, at: str, stricter: bool) -> Message | Failure:
    """One message. A user's turn that holds results of tools has the role ``tool``, whatever else is in it."""
    role, content = member(message, "role"), member(message, "content")
    if not isinstance(role, str) or role not in ("user", "assistant", "system"):
        return bad(f'messages: Unexpected role "{role or ""}". Allowed roles are "user" or "assistant".')
    if isinstance(content, str):
        return Message(role, content)
    if not isinstance(content, list):
        return bad(f"{at}.content: Field required")
    texts = []
    for i, block in enumerate(content):
        kind = member(block, "type")
        if not isinstance(kind, str):
            return bad(f"{at}.content.{i}.type: Field required")
        if stricter and role == "assistant" and kind == "document":
            return bad(f"{at}.content.{i}.document: Input is not permitted in an assistant message")
        if stricter and role == "user" and kind == "text" and member(block, "citations"):
            return bad(f"{at}.content.{i}.text.citations: Extra inputs are not permitted")
        texts.append(_block_text(kind, block))
    if any(member(block, "type") == "tool_result" for block in content):
        role = "tool"
    return Message(role, "\n".join(filter(None, texts)))


def _block_text(kind: str, block: object) -> str:
    """The text of a block: of a tool's use its arguments, of a tool's result what it returned; an image has none."""
    if kind == "tool_use":
        return compact(member(block, "input") or {})
    if kind == "tool_result":
        return parts_text(member(block, "content"))
    return parts_text([block])


def _tools(given: object) -> tuple[Tool, ...] | Failure:
    """The tools that the caller runs itself; those that Anthropic runs, told by their type, are left out."""
    if given is None:
        return ()
    if not isinstance(given, list):
        return bad("tools: Input should be a valid list")
    read = []
    for i, tool in enumerate(given):
        if member(tool, "type") not in (None, "custom"):
            continue
        name, schema = member(tool, "name"), member(tool, "input_schema")
        if not isinstance(name, str) or not name:
            return bad(f"tools.{i}.custom.name: Field required")
        if not isinstance(schema, dict):
            return bad(f"tools.{i}.custom.input_schema: Field required")
        read.append(Tool(name, schema))
    return tuple(read)


def _choice(body: Mapping[str, object], tools: tuple[Tool, ...]) -> str | Failure:
    """The tool choice in neutral terms. One that only a tool run by Anthropic could satisfy is ``auto``."""
    given = body.get("tool_choice")
    if given is None:
        return "auto"
    kind, name = member(given, "type"), member(given, "name")
    if not isinstance(kind, str) or kind not in (*_CHOICES, "tool"):
        return bad(
            f"tool_choice: Input tag '{kind or ''}' found using 'type' does not match any of the expected tags: "
            "'auto', 'any', 'tool', 'none'"
        )
    offered = body.get("tools")
    offered = offered if isinstance(offered, list) else []
    if kind in ("any", "tool") and not offered:
        return bad("tool_choice may only be specified while providing tools")
    if kind == "tool":
        if not isinstance(name, str) or name not in [member(tool, "name") for tool in offered]:
            return bad(f"Tool '{name or ''}' not found in provided tools")
        return name if name in [tool.name for tool in tools] else "auto"
    return "auto" if kind == "any" and not tools else _CHOICES[kind]


def _schema(body: Mapping[str, object]) -> Mapping[str, object] | None:
    """The JSON Schema that the answer must satisfy: ``output_config.format``, formerly the beta's ``output_format``."""
    schema = member(member(body.get("output_config"), "format") or body.get("output_format"), "schema")
    return schema if isinstance(schema, dict) else None
