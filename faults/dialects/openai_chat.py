"""OpenAI chat completions, streaming and not.

Framing as recorded from api.openai.com: each event is ``data: `` + compact JSON + two line feeds; the first delta has the
role, empty content and a null refusal; the last has an empty delta and the finish reason; with ``include_usage`` every chunk
has ``"usage":null`` and one more chunk has no choices and the usage; ``data: [DONE]`` ends the stream. Each chunk carries
``service_tier``, ``system_fingerprint`` and, unless switched off, ``obfuscation``, a text of random length.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from brownout.faults.dialects.openai import OpenAI, base62
from brownout.faults.values.answer import Answer, Usage
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["ChatCompletions"]


class ChatCompletions:
    """``POST /chat/completions``."""

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[str] = "/chat/completions"

    def parse(self, body: Mapping[str, object]) -> Ask | Failure:
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not model:
            return Failure(400, message="you must provide a model parameter")
        if not isinstance(messages, list):
            return Failure(400, message="Missing required parameter: 'messages'.")
        if not messages:
            return Failure(400, message="Invalid 'messages': empty array. Expected an array with minimum length 1.")
        read = []
        for i, m in enumerate(messages):
            if not isinstance(m, dict) or not isinstance(m.get("role"), str):
                return Failure(400, message=f"Invalid type for 'messages[{i}]': expected an object with a role.")
            read.append(Message(m["role"], _text(m.get("content"))))
        unserved = _unserved(body)
        if unserved:
            return Failure(501, "not_served", f"This simulated backend does not serve {unserved} yet.")
        most = body.get("max_completion_tokens")
        if most is None:
            most = body.get("max_tokens")
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            return Failure(400, message="Invalid value for 'max_completion_tokens': expected an integer above 0.")
        stop = body.get("stop")
        stops = (
            (stop,)
            if isinstance(stop, str)
            else tuple(s for s in stop if isinstance(s, str))
            if isinstance(stop, list)
            else ()
        )
        user = body.get("user") or body.get("safety_identifier") or ""
        return Ask(self.name, model, tuple(read), body.get("stream") is True, most, stops, str(user), body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp, headers: tuple[tuple[str, str], ...]) -> Iterator[Action]:
        pace = answer.pace
        if not ask.stream:
            yield Wait(pace.head + pace.first_token + pace.per_token * max(0, len(answer.pieces) - 1), "generate")
            body = json.dumps(_completion(answer, stamp), indent=2, ensure_ascii=False).encode(
                "utf-8", "backslashreplace"
            )
            yield Head(200, (("content-type", "application/json"), *headers), len(body))
            yield Data(body, "body", len(answer.pieces))
            yield End()
            return
        chunk = _Chunks(ask, answer, stamp)
        yield Wait(pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), *headers))
        yield Wait(pace.first_token, "first token")
        yield Data(chunk.delta({"role": "assistant", "content": "", "refusal": None}), "open")
        for i, piece in enumerate(answer.pieces):
            if i:
                yield Wait(pace.per_token, "token")
            yield Data(chunk.content(piece), "content", 1)
        yield Data(chunk.delta({}, answer.finish), "close")
        if chunk.with_usage:
            yield Data(chunk.usage(answer.usage), "close")
        yield Data(b"data: [DONE]\n\n", "close")
        yield End()


def _text(content: object) -> str:
    """The text of a message: a string, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    return ""


def _unserved(body: Mapping[str, object]) -> str:
    """What a request needs that the simulated model cannot do: answering something else would be a wrong reply."""
    n, form, choice = body.get("n"), body.get("response_format"), body.get("tool_choice")
    if isinstance(n, int) and n > 1:
        return "n > 1"
    if isinstance(form, dict) and form.get("type") in ("json_schema", "json_object"):
        return "response_format"
    if choice is not None and choice not in ("auto", "none"):
        return "tool_choice"
    return ""


def _fingerprint(model: str) -> str:
    return "fp_" + hashlib.blake2b(model.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _completion(answer: Answer, stamp: Stamp) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    return {
        "id": f"chatcmpl-{base62(stamp.id, 29)}",
        "object": "chat.completion",
        "created": stamp.created,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}],
        "usage": _usage(answer.usage),
        "service_tier": "default",
        "system_fingerprint": _fingerprint(answer.model),
    }


class _Chunks:
    """Makes the events of one stream. What all events share is encoded once."""

    def __init__(self, ask: Ask, answer: Answer, stamp: Stamp) -> None:
        options = ask.body.get("stream_options")
        options = options if isinstance(options, dict) else {}
        self.with_usage = options.get("include_usage") is True
        self._noise = base62(stamp.id, 64) if options.get("include_obfuscation") is not False else ""
        self._at = 0
        head = {
            "id": f"chatcmpl-{base62(stamp.id, 29)}",
            "object": "chat.completion.chunk",
            "created": stamp.created,
            "model": answer.model,
            "service_tier": "default",
            "system_fingerprint": _fingerprint(answer.model),
        }
        self._head = "data: " + _compact(head)[:-1] + ',"choices":['

    def content(self, piece: str) -> bytes:
        return self._event(
            '{"index":0,"delta":{"content":' + _compact(piece) + '},"logprobs":null,"finish_reason":null}'
        )

    def delta(self, delta: Mapping[str, object], finish: str | None = None) -> bytes:
        return self._event(_compact({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}))

    def usage(self, usage: Usage) -> bytes:
        return self._event("", _compact(_usage(usage)))

    def _event(self, choice: str, usage: str = "null") -> bytes:
        text = self._head + choice + "]"
        if self.with_usage:
            text += ',"usage":' + usage
        if self._noise:
            self._at = (self._at * 7 + 5) % 48
            text += f',"obfuscation":"{self._noise[self._at : self._at + 1 + self._at % 16]}"'
        # Half a surrogate pair has no UTF-8; what this puts in its place is its JSON escape.
        return (text + "}\n\n").encode("utf-8", "backslashreplace")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


OpenAI.operation(ChatCompletions())
