"""The response object of OpenAI's Responses API, and the events of its stream.

Framing as recorded from api.openai.com: each event is ``event: `` + its type, a line feed, ``data: `` + compact JSON + two line
feeds, in which the type comes first and the other keys follow in alphabetical order; events are numbered from 0 and there is no
``[DONE]``. ``response.created`` and ``response.in_progress`` come before the model says anything. Each item of the output is
added, filled by deltas, and done; a text and a summary of the reasoning are parts of their item, and are themselves added and
done. ``response.completed`` or ``response.incomplete`` ends the stream. Deltas carry ``obfuscation`` unless it is switched off:
as many characters as make the delta a multiple of 16 long. A refusal was not recorded: its events are as OpenAI's
specification has them, without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from brownout.faults.dialects._api import base62, compact, encoded, paced
from brownout.faults.dialects._openai_chunks import call_id
from brownout.faults.values.answer import Answer, Pace, ToolCall, Usage
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, Wait

__all__ = ["events", "failed", "finished"]

Json = dict[str, Any]

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the neutral finish reason."""
_ECHOED: Mapping[str, object] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": "in_memory",
    "safety_identifier": None,
    "service_tier": "auto",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
"""What a response repeats of its request, with what it says where the request does not."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of the output. `done` is the item when all is said, `added` are its fields that are others at first.

    `said` names the events of its deltas, which fill the field `key` of `part`, or of the item where it has no parts. `parts`
    names the events of the part, `at` says which part of the item it is, and `more` are further fields of the text's events.
    """

    done: Json
    added: Json
    pieces: tuple[str, ...]
    said: str
    key: str
    part: Json = field(default_factory=dict)
    parts: str = ""
    at: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)


def _items(answer: Answer, stamp: Stamp) -> list[_Item]:
    """The output: reasoning, a message, function calls, as far as there are any.

    What the model says last is incomplete where the response is. An answer that says nothing is an empty message, unless it was
    stopped before it could say anything.
    """
    stopped, made = answer.finish in _REASONS, []
    if answer.reasoning:
        made.append(_reasoning(_id("rs", stamp, 1), answer))
    if answer.pieces or not (answer.tools or stopped):
        status = "incomplete" if stopped and not answer.tools else "completed"
        made.append(_message(_id("msg", stamp, len(made) + 1), answer, status))
    for i, tool in enumerate(answer.tools):
        status = "incomplete" if stopped and i == len(answer.tools) - 1 else "completed"
        made.append(_call(_id("fc", stamp, len(made) + 1), tool, call_id(stamp, 0, i), status))
    return made


def _reasoning(name: str, answer: Answer) -> _Item:
    part = {"type": "summary_text", "text": "".join(answer.reasoning)}
    return _Item(
        done={"id": name, "type": "reasoning", "summary": [part]},
        added={"summary": []},
        pieces=answer.reasoning,
        said="reasoning_summary_text",
        key="text",
        part=part,
        parts="reasoning_summary_part",
        at={"summary_index": 0},
    )


def _message(name: str, answer: Answer, status: str) -> _Item:
    refused = answer.finish == "refusal"
    refusal: Json = {"type": "refusal", "refusal": answer.text}
    text: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    part = refusal if refused else text
    return _Item(
        done={"id": name, "type": "message", "status": status, "content": [part], "role": "assistant"},
        added={"status": "in_progress", "content": []},
        pieces=answer.pieces,
        said="refusal" if refused else "output_text",
        key="refusal" if refused else "text",
        part=part,
        parts="content_part",
        at={"content_index": 0},
        more={} if refused else {"logprobs": []},
    )


def _call(name: str, tool: ToolCall, call: str, status: str) -> _Item:
    fields = {"arguments": tool.arguments, "call_id": call, "name": tool.name}
    return _Item(
        done={"id": name, "type": "function_call", "status": status, **fields},
        added={"status": "in_progress", "arguments": ""},
        pieces=tool.pieces,
        said="function_call_arguments",
        key="arguments",
    )


def _id(prefix: str, stamp: Stamp, place: int) -> str:
    """An id with 50 hexadecimal digits: the reply's stamp, and the place of an item in it from 1, 0 for the response."""
    return f"{prefix}_{stamp.id}{place:018x}"


def _response(ask: Ask, model: str, stamp: Stamp, **more: Any) -> Json:
    """A response in progress, changed by `more`."""
    body, tools = ask.body, ask.body.get("tools")
    return {
        "id": _id("resp", stamp, 0),
        "object": "response",
        "created_at": stamp.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        **_conversation(body.get("conversation")),
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "model": model,
        "moderation": None,
        "output": [],
        "presence_penalty": 0.0,
        **{key: usual if body.get(key) is None else body[key] for key, usual in _ECHOED.items()},
        "reasoning": {"effort": None, "summary": None, **_object(body.get("reasoning"))},
        "text": {"format": {"type": "text"}, "verbosity": "medium", **_object(body.get("text"))},
        "tools": [_tool(tool) for tool in tools] if isinstance(tools, list) else [],
        "usage": None,
        **more,
    }


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _conversation(given: object) -> Json:
    """The conversation that the caller named, by its id or as an object; a response without one has no such field."""
    name = given.get("id") if isinstance(given, dict) else given
    return {"conversation": {"id": name}} if name else {}


def _tool(tool: Any) -> Any:
    """A tool as a response repeats it: a function is strict unless its caller said otherwise."""
    function = isinstance(tool, dict) and tool.get("type") == "function"
    return {"type": "function", "description": None, "strict": True, **tool} if function else tool


def finished(ask: Ask, answer: Answer, stamp: Stamp) -> Json:
    """The response when all is said: ``completed``, or ``incomplete`` where a limit or a filter stopped it."""
    reason, tier = _REASONS.get(answer.finish), ask.body.get("service_tier")
    return _response(
        ask,
        answer.model,
        stamp,
        status="incomplete" if reason else "completed",
        completed_at=None if reason else stamp.created + int(answer.seconds),
        incomplete_details={"reason": reason} if reason else None,
        output=[item.done for item in _items(answer, stamp)],
        service_tier="default" if tier in (None, "auto") else tier,
        usage=_usage(answer.usage),
    )


def _usage(said: Usage) -> Json:
    return {
        "input_tokens": said.prompt,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": said.cached},
        "output_tokens": said.completion,
        "output_tokens_details": {"reasoning_tokens": said.reasoning},
        "total_tokens": said.total,
    }


def _event(kind: str, number: int, fields: Json) -> bytes:
    ordered = dict(sorted({**fields, "sequence_number": number}.items()))
    return encoded(f"event: {kind}\ndata: {compact({'type': kind, **ordered})}\n\n")


class _Events:
    """Makes the events of one stream and numbers them."""

    def __init__(self, stamp: Stamp, *, obfuscated: bool) -> None:
        self._noise = base62(stamp.id, 16) if obfuscated else ""
        self._number = 0

    def event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return _event(f"response.{kind}", self._number - 1, fields)

    def item(self, item: _Item, index: int, pace: Pace, *, begun: bool) -> Iterator[Action]:
        """The events of one item. `begun`: the model has said something before."""
        at: Json = {"item_id": item.done["id"], "output_index": index, **item.at}
        yield self._open("output_item.added", output_index=index, item={**item.done, **item.added})
        if item.parts:
            yield self._open(f"{item.parts}.added", **at, part={**item.part, item.key: ""})

        def delta(piece: str) -> bytes:
            noisy = self._noise and item.said != "refusal"
            noise = {"obfuscation": self._noise[: -len(piece) % 16]} if noisy else {}
            return self.event(f"{item.said}.delta", **at, **item.more, **noise, delta=piece)

        yield from paced(item.pieces, pace, delta, begun=begun)
        yield self._open(f"{item.said}.done", **at, **item.more, **{item.key: "".join(item.pieces)})
        if item.parts:
            yield self._open(f"{item.parts}.done", **at, part=item.part)
        yield self._open("output_item.done", output_index=index, item=item.done)

    def _open(self, kind: str, **fields: Any) -> Data:
        return Data(self.event(kind, **fields), "open")


def events(ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
    """The body of a streamed reply, with the time until its first token."""
    options = _object(ask.body.get("stream_options"))
    made = _Events(stamp, obfuscated=options.get("include_obfuscation") is not False)
    begin = _response(ask, answer.model, stamp)
    yield Data(made.event("created", response=begin), "open")
    yield Data(made.event("in_progress", response=begin), "open")
    yield Wait(answer.pace.first_token, "first token")
    begun = False
    for index, item in enumerate(_items(answer, stamp)):
        yield from made.item(item, index, answer.pace, begun=begun)
        begun = begun or bool(item.pieces)
    end = finished(ask, answer, stamp)
    yield Data(made.event(end["status"], response=end), "finish")


def failed(ask: Ask, error: Mapping[str, Any], stamp: Stamp) -> tuple[bytes, bytes]:
    """The two events by which a stream fails, as recorded: the error object, then the response that has failed.

    Their numbers are the recorded ones, of a failure before the model says anything: how far the stream got is not known here.
    """
    code = error["code"] or error["type"]
    response = _response(ask, ask.model, stamp, status="failed", error={"code": code, "message": error["message"]})
    said = _event("error", 2, {"error": {**error, "code": code}})
    return said, _event("response.failed", 3, {"response": response})
