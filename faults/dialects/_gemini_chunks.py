"""What Gemini says: candidates, usage, and the chunks of a stream.

Framing as recorded from generativelanguage.googleapis.com: an event is ``data: `` + JSON with a space after colons and none
after commas + CR LF CR LF; there are no event names and no end marker. Without ``alt=sse`` a stream is one JSON array, its
elements pretty-printed, with ``,`` CR LF between them. Each chunk carries the usage so far; only the last has a finish
reason, and, as Gemini 3 sends it, an empty text. A function call is whole in one chunk. Real chunks hold several tokens,
these hold one, so that a fault can act after any number of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from brownout.faults.dialects._api import base62, encoded, paced, read_json
from brownout.faults.values.answer import Answer, ToolCall, Usage
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, Wait

__all__ = ["Chunks", "framed", "response", "text_tokens"]

_FINISH = {"stop": "STOP", "tool_calls": "STOP", "refusal": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_WITHOUT_CONTENT = ("SAFETY", "MALFORMED_FUNCTION_CALL")


def framed(value: object, *, sse: bool, last: bool) -> bytes:
    """A chunk as an event, or as an element of the array with the comma that follows all but the `last`."""
    if sse:
        return encoded(f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ': '))}\r\n\r\n")
    return encoded(json.dumps(value, indent=2, ensure_ascii=False) + ("\n" if last else "\n,\r\n"))


def response(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    """The whole response, of one candidate for each choice."""
    candidates = [_candidate(choice, index, stamp) for index, choice in enumerate((answer, *answer.others))]
    return _around(candidates, answer.usage, answer.model, stamp)


class Chunks:
    """Makes the chunks of one stream, and counts what was said for their usage."""

    def __init__(self, answer: Answer, stamp: Stamp, *, sse: bool) -> None:
        self._answer, self._stamp, self._sse = answer, stamp, sse
        self._thoughts, self._said = 0, 0

    def all(self) -> Iterator[Action]:
        """The chunks of all candidates, one candidate after another."""
        choices = (self._answer, *self._answer.others)
        for index, choice in enumerate(choices):
            yield from self._choice(choice, index, last=index == len(choices) - 1)

    def _choice(self, choice: Answer, index: int, *, last: bool) -> Iterator[Action]:
        pace = choice.pace

        def thought(piece: str) -> bytes:
            self._thoughts += 1
            return self._part({"text": piece, "thought": True}, index)

        def text(piece: str) -> bytes:
            self._said += 1
            return self._part({"text": piece}, index)

        yield from paced(choice.reasoning, pace, thought, begun=self._begun)
        yield from paced(choice.pieces, pace, text, begun=self._begun)
        unsent = 0
        for place, tool in enumerate(choice.tools):
            count = len(tool.pieces)
            yield Wait(pace.per_token * max(count - (not self._begun), 0), "token")
            self._said += count
            arguments = _arguments(tool)
            if arguments is None:
                unsent += count
            else:
                call = _call(tool, arguments, self._stamp, index, place)
                yield Data(self._part({"functionCall": call}, index), "content", count)
        end = _end(choice, index)
        if end["finishReason"] not in _WITHOUT_CONTENT:
            end = {"content": {"parts": [{"text": ""}], "role": "model"}, **end}
        yield Data(self._chunk(end, self._answer.usage if last else self._usage(), last=last), "finish", unsent)

    @property
    def _begun(self) -> bool:
        return self._thoughts + self._said > 0

    def _usage(self) -> Usage:
        """The usage so far. Thoughts that are not shown were had before the first chunk."""
        whole = self._answer.usage
        thoughts = whole.reasoning if self._said or not self._thoughts else self._thoughts
        return replace(whole, completion=self._said + thoughts, reasoning=thoughts)

    def _part(self, part: dict[str, Any], index: int) -> bytes:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": index}
        return self._chunk(candidate, self._usage(), last=False)

    def _chunk(self, candidate: dict[str, Any], usage: Usage, *, last: bool) -> bytes:
        return framed(_around([candidate], usage, self._answer.model, self._stamp), sse=self._sse, last=last)


def _around(candidates: list[dict[str, Any]], usage: Usage, model: str, stamp: Stamp) -> dict[str, Any]:
    return {
        "candidates": candidates,
        "usageMetadata": _usage(usage),
        "modelVersion": model,
        "responseId": base62(stamp.id, 23),
    }


def _usage(said: Usage) -> dict[str, Any]:
    made: dict[str, Any] = {"promptTokenCount": said.prompt}
    if shown := said.completion - said.reasoning:
        made["candidatesTokenCount"] = shown
    made |= {"totalTokenCount": said.total, "promptTokensDetails": text_tokens(said.prompt)}
    if said.cached:
        made |= {"cachedContentTokenCount": said.cached, "cacheTokensDetails": text_tokens(said.cached)}
    if said.reasoning:
        made["thoughtsTokenCount"] = said.reasoning
    return made


def text_tokens(count: int) -> list[dict[str, Any]]:
    """A number of tokens by modality; here all are of text."""
    return [{"modality": "TEXT", "tokenCount": count}]


def _candidate(answer: Answer, index: int, stamp: Stamp) -> dict[str, Any]:
    """A whole candidate. What the safety filter stopped is not shown, though its tokens were said."""
    parts: list[dict[str, Any]] = []
    if answer.reasoning:
        parts.append({"text": "".join(answer.reasoning), "thought": True})
    if answer.pieces:
        parts.append({"text": answer.text})
    for place, tool in enumerate(answer.tools):
        if (arguments := _arguments(tool)) is not None:
            parts.append({"functionCall": _call(tool, arguments, stamp, index, place)})
    end = _end(answer, index)
    if end["finishReason"] in _WITHOUT_CONTENT:
        return end
    return {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}, **end}


def _end(answer: Answer, index: int) -> dict[str, Any]:
    """How a candidate ends. Arguments that are no JSON object cannot be sent: Gemini then says that the call is malformed."""
    broken = next((t for t in answer.tools if _arguments(t) is None), None)
    if broken is None or answer.finish in ("length", "content_filter"):
        return {"finishReason": _FINISH.get(answer.finish, "OTHER"), "index": index}
    message = f"Malformed function call: {broken.name}({broken.arguments}"
    return {"finishReason": "MALFORMED_FUNCTION_CALL", "index": index, "finishMessage": message}


def _call(tool: ToolCall, arguments: dict[str, Any], stamp: Stamp, choice: int, place: int) -> dict[str, Any]:
    return {"name": tool.name, "args": arguments, "id": base62(f"{stamp.id}{choice:02x}{place:02x}", 8)}


def _arguments(tool: ToolCall) -> dict[str, Any] | None:
    """The arguments as an object, None where they are none. No text at all is a call without arguments."""
    try:
        value = read_json(tool.arguments.encode()) if tool.pieces else {}
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
