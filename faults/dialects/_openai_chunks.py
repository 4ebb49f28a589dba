"""The events of an OpenAI chat completion stream.

Framing as recorded from api.openai.com: each event is ``data: `` + compact JSON + two line feeds; the first delta has the
role, empty content and a null refusal; the last has an empty delta and the finish reason; with ``include_usage`` every chunk
has ``"usage":null`` and one more chunk has no choices and the usage; ``data: [DONE]`` ends the stream. Each chunk carries
``service_tier``, ``system_fingerprint`` and, unless switched off, ``obfuscation``: beside a text, as many characters as make
it a multiple of 16 long, else of random length. A tool call begins with its id, name and empty arguments, and goes on with
pieces of the arguments; where there is no text before it, the content is null, and a single call begins in the first delta;
before several, the first delta has no refusal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from brownout.faults.dialects._api import base62, compact, encoded, paced
from brownout.faults.values.answer import Answer, Usage
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, Wait

__all__ = ["Chunks", "call_id", "finish_reason", "fingerprint", "usage"]


class Chunks:
    """Makes the events of one stream. What all events share is encoded once."""

    def __init__(self, model: str, stamp: Stamp, *, with_usage: bool, obfuscated: bool) -> None:
        self.with_usage, self._stamp = with_usage, stamp
        self._noise = base62(stamp.id, 64) if obfuscated else ""
        self._at = 0
        head = {
            "id": f"chatcmpl-{base62(stamp.id, 29)}",
            "object": "chat.completion.chunk",
            "created": stamp.created,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": fingerprint(model),
        }
        self._head = "data: " + compact(head)[:-1] + ',"choices":['

    def choice(self, answer: Answer, index: int) -> Iterator[Action]:
        """The events of one choice, from its role to its finish reason."""
        refused, said = answer.finish == "refusal", bool(answer.pieces)
        first: dict[str, Any] = {"role": "assistant", "content": None if refused or (answer.tools and not said) else ""}
        if len(answer.tools) == 1 and not said:
            first["tool_calls"] = [_tool_start(answer, self._stamp, index, 0)]
        if said or len(answer.tools) < 2:
            first["refusal"] = "" if refused else None
        yield Data(self._delta(index, first), "open")
        key = "refusal" if refused else "content"

        def text(piece: str) -> bytes:
            choice = f'{{"index":{index},"delta":{{"{key}":{compact(piece)}}},"logprobs":null,"finish_reason":null}}'
            return self._event(choice, padding=-len(piece) % 16)

        # Further choices come after the first in their stream.
        yield from paced(answer.pieces, answer.pace, text, begun=index > 0)
        for i, tool in enumerate(answer.tools):
            if said or len(answer.tools) > 1:
                yield Data(self._delta(index, {"tool_calls": [_tool_start(answer, self._stamp, index, i)]}), "open")
            for n, piece in enumerate(tool.pieces):
                if n or i or said or index:
                    yield Wait(answer.pace.per_token, "token")
                more = {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}
                yield Data(self._delta(index, more), "content", 1)
        yield Data(self._delta(index, {}, finish_reason(answer)), "finish")

    def usage(self, said: Usage) -> bytes:
        return self._event("", compact(usage(said)))

    def _delta(self, index: int, delta: Mapping[str, object], finish: str | None = None) -> bytes:
        return self._event(compact({"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}))

    def _event(self, choice: str, said: str = "null", *, padding: int | None = None) -> bytes:
        text = self._head + choice + "]"
        if self.with_usage:
            text += ',"usage":' + said
        if self._noise:
            self._at = (self._at * 7 + 5) % 48
            length = 1 + self._at % 16 if padding is None else padding
            text += f',"obfuscation":"{self._noise[self._at : self._at + length]}"'
        return encoded(text + "}\n\n")


def _tool_start(answer: Answer, stamp: Stamp, index: int, tool: int) -> dict[str, Any]:
    function = {"name": answer.tools[tool].name, "arguments": ""}
    return {"index": tool, "id": call_id(stamp, index, tool), "type": "function", "function": function}


def call_id(stamp: Stamp, choice: int, tool: int) -> str:
    """The id of a tool call: 24 letters and digits that are a function of the reply's stamp and the call's place."""
    return "call_" + base62(f"{stamp.id}{choice:02x}{tool:02x}", 24)


def finish_reason(answer: Answer) -> str:
    """OpenAI has no finish reason for a refusal: it ends with ``stop``."""
    return "stop" if answer.finish == "refusal" else answer.finish


def fingerprint(model: str) -> str:
    return "fp_" + hashlib.blake2b(model.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def usage(said: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": said.completion,
        "total_tokens": said.total,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": said.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
