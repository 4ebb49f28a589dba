"""An answer as a stream of the Vercel AI SDK, in either of its protocols.

The UI message stream (SDK 5 and later; header ``x-vercel-ai-ui-message-stream: v1``) is server-sent events whose data are JSON
parts with a `type`, then ``[DONE]``. The data stream (SDK 3 and 4; header ``x-vercel-ai-data-stream: v1``) is lines of a
one-character code, a colon and JSON. Sources: the SDK's documentation page "Stream Protocols", and what the npm packages `ai`
(3.4 to 7.0) and `@ai-sdk/ui-utils` (1.2) write and read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from brownout.harness.app.answers.event_stream import EventParser
from brownout.harness.app.answers.form import LIMIT, MAX_EVENT, MAX_EVENTS, Body, ReadAnswer
from brownout.harness.app.answers.lines import Lines
from brownout.harness.app.answers.values import ABSENT, parsed, shown
from brownout.harness.config.answer import VercelSpec

__all__ = ["Vercel"]

_PROBE = 64
_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*([^\s\xef].)", re.DOTALL)
_CODES = {
    "0": "text",
    "2": "data",
    "3": "error",
    "4": "assistant_message",
    "5": "assistant_control_data",
    "6": "data_message",
    "8": "message_annotations",
    "9": "tool_call",
    "a": "tool_result",
    "b": "tool_call_streaming_start",
    "c": "tool_call_delta",
    "d": "finish_message",
    "e": "finish_step",
    "f": "start_step",
    "g": "reasoning",
    "h": "source",
    "i": "redacted_reasoning",
    "j": "reasoning_signature",
    "k": "file",
}
"""The data stream's parts by their codes; 4, 5 and 6 are of the SDK's assistant streams."""
_UNTOLD = re.compile(r"text(-.*)?|reasoning(-.*)?|tool-input-delta|tool_call_delta")
"""Parts that are not kept as events: there are many, and none says anything but its piece."""


class Vercel:
    """Reads a stream of either protocol, told apart by its first two bytes.

    The SDK's clients show what comes until the stream closes, so `over` waits for ``[DONE]`` or the body's end; the finish
    part only says that the message is complete. Streams that an app merges may hold several: the last one counts, and only
    when no text or step follows it.
    """

    accept = "*/*"  # as fetch says it, which the SDK's clients use

    def __init__(self, spec: VercelSpec) -> None:
        self._spec = spec
        self._head = b""
        self._events: EventParser | None = None
        self._lines: Lines | None = None
        self._message = _Message()

    @property
    def over(self) -> bool:
        """Whether ``[DONE]``, an error or an abort has come."""
        return self._message.over

    def feed(self, data: bytes) -> list[str]:
        """The text of the parts that end within `data`."""
        if self._events is None and self._lines is None:
            self._head += data
            if not _BEGINS.match(self._head[:_PROBE]) and len(self._head) < _PROBE:
                return []
            data, self._head = self._head, b""
            begins = _BEGINS.match(data[:_PROBE])
            if begins and re.fullmatch(rb"[0-9a-zA-Z]:", begins[1]):
                self._lines = Lines()
            else:
                self._events = EventParser()
        return list(filter(None, self._texts(data)))

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The reply as a whole. The last line of a data stream needs no line feed, unless the body was interrupted."""
        message = self._message
        if complete and self._lines is not None:
            message.line(self._lines.rest())
        says_its_end = message.finished or (not self._spec.finish and (complete or message.marked))
        ended = says_its_end and not message.error and not message.aborted
        problem = message.problem
        if not message.count:
            problem = problem or "the reply holds no parts of the AI SDK's stream protocols"
        elif message.aborted:
            problem = message.aborted
        elif not message.error and not problem:
            if not ended and (complete or message.marked):
                problem = (
                    "the stream came without a finish part (where the app sends none, write vercel: {finish: false})"
                )
            elif not message.text:
                problem = f"no text in the {message.count} parts"
        return ReadAnswer(message.text, ended, message.error, tuple(message.events), problem, cut=not ended)

    def _texts(self, data: bytes) -> Iterator[str]:
        if self._lines is not None:
            yield from map(self._message.line, self._lines.feed(data))
        elif self._events is not None:
            # As in the SDK's clients, the name of an event says nothing.
            yield from (self._message.part(value) for _, value in self._events.feed(data))


class _Message:
    """The message that a stream's parts build up. `aborted` says how it was given up, '' when it was not."""

    def __init__(self) -> None:
        self.count = 0
        self.finished = self.marked = self.over = False
        self.error = self.problem = self.aborted = ""
        self.events: list[tuple[str, str]] = []
        self._blocks: list[list[str]] = []
        self._open: dict[Any, list[str]] = {}
        self._length = self._step = 0

    @property
    def text(self) -> str:
        """The message's text: its blocks, which clients show one below the other."""
        return "\n".join(filter(None, map("".join, self._blocks)))[:LIMIT]

    def part(self, data: str) -> str:
        """Take in a part of a UI message stream; returns the text that it makes visible."""
        if self.over:
            return ""
        if data == "[DONE]":
            self.marked = self.over = True
            return ""
        value = parsed(data)
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            self._problem("a part is not JSON with a type", data)
            return ""
        self._tell(kind, data)
        match kind:
            case "text-start":
                self._begin(value.get("id"))
            case "text-delta":
                return self._say(value.get("id"), value.get("delta"))
            case "start-step":
                self.finished, self._step = False, len(self._blocks)
            case "reset-step":  # the step is done again, and clients take back what they have shown of it
                del self._blocks[self._step :]
                self._open.clear()
            case "finish":
                self._finish(value)
            case "error":
                self._fail(value.get("errorText"))
            case "abort":
                reason = shown(value.get("reason"))
                self.aborted = "the app aborted the answer" + (f": {reason[:MAX_EVENT]}" if reason else "")
                self.over = True
        return ""

    def line(self, line: str) -> str:
        """Take in a line of a data stream; returns the text that it makes visible."""
        if self.over or not line.strip():
            return ""
        code, _, data = line.partition(":")
        value = parsed(data)
        if code not in _CODES or value is ABSENT:
            self._problem("a line is not a code and JSON", line)
            return ""
        kind = _CODES[code]
        self._tell(kind, data)
        match kind:
            case "text":
                return self._say(None, value)
            case "start_step":
                self.finished = False
            case "finish_message":
                self._finish(value)
            case "error":
                self._fail(value)
        return ""

    def _begin(self, block: Any) -> list[str]:
        """Begin a block of text. Ids come again: a provider may count its blocks anew in each step."""
        begun: list[str] = []
        self._blocks.append(begun)
        self._open[shown(block)] = begun
        return begun

    def _say(self, block: Any, text: Any) -> str:
        if not isinstance(text, str):
            self._problem("the text of a part is not a string", shown(text))
            return ""
        self.finished = False
        into = self._open.get(shown(block))
        into = self._begin(block) if into is None else into
        if self._length < LIMIT:
            into.append(text)
            self._length += len(text)
        return text

    def _finish(self, value: Any) -> None:
        """A finish part. Of its reasons, `error` and `interrupted` (the provider's stream broke off) say that it is not whole."""
        reason = value.get("finishReason") if isinstance(value, dict) else None
        if reason == "error":
            self._fail('finishReason "error"')
        elif reason == "interrupted":
            self.aborted = 'finishReason "interrupted"'
        else:
            self.finished = True

    def _fail(self, error: Any) -> None:
        self.error = shown(error)[:MAX_EVENT] or "an error without a text"
        self.over = True

    def _tell(self, kind: str, data: str) -> None:
        self.count += 1
        if len(self.events) < MAX_EVENTS and not _UNTOLD.fullmatch(kind):
            self.events.append((kind, data[:MAX_EVENT]))

    def _problem(self, what: str, data: str) -> None:
        self.problem = self.problem or f"{what}: {data[:80]!r}"
