"""What Ollama's chat and its completions share: the options of a request, and the lines of a reply.

Wire facts, from Ollama's source: a reply is streamed unless ``stream`` is false; each line is a JSON object with the model,
the time and ``"done":false``; the last one says nothing more and has ``done_reason`` and counters, durations in nanoseconds;
a reply that is not streamed is one such object with all of the text. The reason is ``stop`` or ``length``, also after calls
of tools; a call comes whole, its arguments as an object. A request without a prompt loads the model or, with ``keep_alive``
0, unloads it, and is never streamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from brownout.faults.dialects._api import base62, paced, stops, whole
from brownout.faults.dialects.ollama import JSON, go_json
from brownout.faults.values.answer import Answer, ToolCall
from brownout.faults.values.ask import Ask, Message, Tool
from brownout.faults.values.clock import NS
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["Lines", "Said", "bad", "created_at", "generation", "nanoseconds"]

Said = Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]
"""From text, thinking and calls of tools to the fields in which an operation says them."""


def generation(
    endpoint: str, body: Mapping[str, object], messages: tuple[Message, ...], tools: tuple[Tool, ...] = ()
) -> Ask | Failure:
    """What a chat or completions request asks for; without messages, that the model be loaded or unloaded."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return bad("model is required")
    given = body.get("options")
    options = given if isinstance(given, dict) else {}
    most = options.get("num_predict")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not abs(most) < 2**31):
        return bad('option "num_predict" must be of type integer')
    form = body.get("format")
    schema = {} if form == "json" else None if form == "" else form
    if schema is not None and not isinstance(schema, dict):
        return bad(f'invalid format: {json.dumps(schema)}; expected "json" or a valid JSON Schema object')
    return Ask(
        endpoint,
        model,
        messages,
        body.get("stream") is not False and bool(messages),
        # Zero and less mean no limit.
        (int(most) if most and most >= 1 else None) if messages else 0,
        stops(options.get("stop")),
        body=body,
        tools=tools,
        schema=schema,
        reasoning=bool(body.get("think")),
    )


class Lines:
    """Makes the reply to one request. `said` puts what is said where the operation has it."""

    def __init__(self, answer: Answer, stamp: Stamp, said: Said) -> None:
        self._answer, self._stamp, self._said = answer, stamp, said
        self._head = {"model": answer.model, "created_at": created_at(stamp)}

    def loaded(self, keep_alive: object) -> Iterator[Action]:
        """The reply to a request without a prompt."""
        reason = "unload" if keep_alive in (0, "0", "0s") else "load"
        return self._whole({**self._said("", "", []), "done": True, "done_reason": reason})

    def whole(self) -> Iterator[Action]:
        """The reply that is not streamed."""
        answer = self._answer
        calls, broken = self._calls()
        fields = self._said(answer.text + broken, "".join(answer.reasoning), calls)
        return self._whole({**fields, **self._end()})

    def stream(self) -> Iterator[Action]:
        """The streamed reply."""
        answer, pace = self._answer, self._answer.pace
        yield Wait(pace.head, "head")
        yield Head(200, (("content-type", "application/x-ndjson"),))
        yield Wait(pace.first_token, "first token")
        yield from paced(answer.reasoning, pace, lambda piece: self._line(self._said("", piece, [])))
        yield from paced(
            answer.pieces, pace, lambda piece: self._line(self._said(piece, "", [])), begun=bool(answer.reasoning)
        )
        begun = bool(answer.reasoning or answer.pieces)
        for i, tool in enumerate(answer.tools):
            yield Wait(pace.per_token * max(len(tool.pieces) - (not begun), 0), "token")
            call = _call(tool, i, self._stamp)
            fields = self._said(_broken(tool), "", []) if call is None else self._said("", "", [call])
            yield Data(self._line(fields), "content", len(tool.pieces))
            begun = True
        yield Data(self._json({**self._said("", "", []), **self._end()}) + b"\n", "finish")
        yield End()

    def _calls(self) -> tuple[list[dict[str, Any]], str]:
        """The calls of tools, and the text of those that are none."""
        made = [(tool, _call(tool, i, self._stamp)) for i, tool in enumerate(self._answer.tools)]
        return [call for _, call in made if call is not None], "".join(_broken(t) for t, call in made if call is None)

    def _end(self) -> dict[str, Any]:
        """Ollama has no reason of its own for calls of tools, nor for a refusal."""
        answer, pace = self._answer, self._answer.pace
        return {
            "done": True,
            "done_reason": "length" if answer.finish == "length" else "stop",
            "total_duration": nanoseconds(answer.seconds),
            "load_duration": nanoseconds(pace.head),
            "prompt_eval_count": answer.usage.prompt,
            "prompt_eval_duration": nanoseconds(pace.first_token),
            "eval_count": answer.usage.completion,
            "eval_duration": nanoseconds(answer.seconds - pace.head - pace.first_token),
        }

    def _line(self, fields: Mapping[str, object]) -> bytes:
        return self._json({**fields, "done": False}) + b"\n"

    def _whole(self, fields: Mapping[str, object]) -> Iterator[Action]:
        return whole(self._answer, self._json(fields), (), JSON)

    def _json(self, fields: Mapping[str, object]) -> bytes:
        return go_json({**self._head, **fields})


def _call(tool: ToolCall, index: int, stamp: Stamp) -> dict[str, Any] | None:
    """A call of a tool, or None where its arguments are no object: Ollama then takes it for text."""
    try:
        arguments = json.loads(tool.arguments)
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    made = "call_" + base62(f"{stamp.id}{index:02x}", 8).lower()
    return {"id": made, "function": {"index": index, "name": tool.name, "arguments": arguments}}


def _broken(tool: ToolCall) -> str:
    """A call as the model wrote it."""
    return f'{{"name": {json.dumps(tool.name)}, "arguments": {tool.arguments}}}'


def bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def created_at(stamp: Stamp) -> str:
    return datetime.fromtimestamp(stamp.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nanoseconds(seconds: float) -> int:
    """At least 1: a real server leaves out a duration of 0, and clients divide by it."""
    return max(round(seconds * NS), 1)
