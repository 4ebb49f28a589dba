"""The events of a Mistral chat completion stream.

Framing as recorded from api.mistral.ai: each event is ``data: `` + compact JSON + two line feeds; the first delta has the
role and empty content, the last empty content, the finish reason and beside the choices the usage; ``data: [DONE]`` ends the
stream. A thought is a list with a part of type ``thinking``, and an empty one ends thinking. The calls of tools come whole,
all in one event. A model of Mistral's was recorded to send them with the finish reason; here it follows in an event of its
own, as recorded of another model that Mistral serves, so that a stream can end between the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brownout.faults.dialects._api import base62, compact, encoded, paced
from brownout.faults.values.answer import Answer, ToolCall, Usage
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, Wait

__all__ = ["Chunks", "called", "finish_reason", "thought", "usage"]


class Chunks:
    """Makes the events of one stream. What all events share is encoded once."""

    def __init__(self, model: str, stamp: Stamp) -> None:
        self._stamp = stamp
        head = {"id": stamp.id, "object": "chat.completion.chunk", "created": stamp.created, "model": model}
        self._head = "data: " + compact(head)[:-1] + ',"choices":['

    def choice(self, answer: Answer, index: int, said: Usage | None) -> Iterator[Action]:
        """The events of one choice, from its role to its finish reason. `said` is the usage, with the last choice."""
        pace = answer.pace

        def delta(content: object) -> bytes:
            return self._event(index, {"content": content})

        yield Data(self._event(index, {"role": "assistant", "content": ""}), "open")
        yield from paced(answer.reasoning, pace, lambda piece: delta([thought(piece)]))
        if answer.reasoning:
            yield Data(delta([thought("")]), "open")
        yield from paced(answer.pieces, pace, delta, begun=bool(answer.reasoning))
        if answer.tools:
            count = sum(len(tool.pieces) for tool in answer.tools)
            begun = bool(answer.reasoning or answer.pieces)
            yield Wait(pace.per_token * max(count - (not begun), 0), "token")
            calls = [called(tool, self._stamp, index, i) for i, tool in enumerate(answer.tools)]
            yield Data(self._event(index, {"content": "", "tool_calls": calls}), "content", count)
        yield Data(self._event(index, {"content": ""}, finish_reason(answer), said), "finish")

    def _event(self, index: int, delta: dict[str, Any], finish: str | None = None, said: Usage | None = None) -> bytes:
        text = self._head + compact({"index": index, "delta": delta, "finish_reason": finish}) + "]"
        if said is not None:
            text += ',"usage":' + compact(usage(said))
        return encoded(text + "}\n\n")


def called(tool: ToolCall, stamp: Stamp, choice: int, index: int) -> dict[str, Any]:
    """A call of a tool. Its id has 9 letters and digits."""
    made = base62(f"{stamp.id}{choice:02x}{index:02x}", 9)
    return {"id": made, "function": {"name": tool.name, "arguments": tool.arguments}, "index": index}


def thought(text: str) -> dict[str, Any]:
    """A part of the content that is thinking."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}] if text else []}


def finish_reason(answer: Answer) -> str:
    """Mistral has none for a refusal or a filter: it ends with ``stop``."""
    return answer.finish if answer.finish in ("length", "tool_calls") else "stop"


def usage(said: Usage) -> dict[str, Any]:
    """Where nothing was cached it does not say so."""
    counts: dict[str, Any] = {
        "prompt_tokens": said.prompt,
        "total_tokens": said.total,
        "completion_tokens": said.completion,
    }
    return {**counts, "prompt_tokens_details": {"cached_tokens": said.cached}} if said.cached else counts
