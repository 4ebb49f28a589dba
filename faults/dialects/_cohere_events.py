"""The events of a Cohere v2 chat stream.

Order and fields as in the official client and in public captures: ``message-start``; for thinking and for text a block of
``content-start``, ``content-delta`` …, ``content-end``, numbered from 0; text before calls of tools is their plan, in
``tool-plan-delta`` events without a block; each call is ``tool-call-start``, ``tool-call-delta`` …, ``tool-call-end``, numbered
from 0; ``message-end`` has the finish reason and the usage; ``data: [DONE]`` ends the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from brownout.faults.dialects._api import base62, paced
from brownout.faults.dialects.cohere import event
from brownout.faults.values.answer import Answer, ToolCall, Usage
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, Wait

__all__ = ["called", "events", "finish_reason", "usage"]

_FINISH = {"length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}


def events(answer: Answer, stamp: Stamp) -> Iterator[Action]:
    """The events of one answer, after the wait for its first token."""
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    begin = {"id": str(UUID(stamp.id)), "delta": {"message": start}}
    yield Data(event("message-start", begin), "open")
    begun, index = bool(answer.reasoning), 0
    if answer.reasoning:
        yield from _block(answer, index, "thinking", answer.reasoning, begun=False)
        index += 1
    if answer.tools:
        yield from paced(answer.pieces, answer.pace, _plan, begun=begun)
    elif answer.pieces:
        yield from _block(answer, index, "text", answer.pieces, begun=begun)
    begun |= bool(answer.pieces)
    for i, tool in enumerate(answer.tools):
        call = {"delta": {"message": {"tool_calls": called(ToolCall(tool.name, ()), stamp, i)}}}
        yield Data(event("tool-call-start", {"index": i, **call}), "open")
        for piece in tool.pieces:
            if begun:
                yield Wait(answer.pace.per_token, "token")
            more = {"delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}}}
            yield Data(event("tool-call-delta", {"index": i, **more}), "content", 1)
            begun = True
        yield Data(event("tool-call-end", {"index": i}), "open")
    end = {"finish_reason": finish_reason(answer), "usage": usage(answer.usage)}
    yield Data(event("message-end", {"delta": end}), "finish")
    yield Data(b"data: [DONE]\n\n", "done")


def _block(answer: Answer, index: int, kind: str, pieces: Sequence[str], *, begun: bool) -> Iterator[Action]:
    """A block of thinking or of text."""

    def content(part: dict[str, str]) -> dict[str, Any]:
        return {"index": index, "delta": {"message": {"content": part}}}

    yield Data(event("content-start", content({"type": kind, kind: ""})), "open")
    yield from paced(pieces, answer.pace, lambda piece: event("content-delta", content({kind: piece})), begun=begun)
    yield Data(event("content-end", {"index": index}), "open")


def _plan(piece: str) -> bytes:
    return event("tool-plan-delta", {"delta": {"message": {"tool_plan": piece}}})


def called(tool: ToolCall, stamp: Stamp, index: int) -> dict[str, Any]:
    """A call of a tool. Its id is the tool's name and twelve letters and digits."""
    made = f"{tool.name}_{base62(f'{stamp.id}{index:02x}', 12).lower()}"
    return {"id": made, "type": "function", "function": {"name": tool.name, "arguments": tool.arguments}}


def finish_reason(answer: Answer) -> str:
    """Cohere has none for a refusal: it is complete."""
    return _FINISH.get(answer.finish, "COMPLETE")


def usage(said: Usage) -> dict[str, Any]:
    counts = {"input_tokens": said.prompt, "output_tokens": said.completion}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": said.cached}
