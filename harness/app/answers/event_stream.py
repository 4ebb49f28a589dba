"""An answer as server-sent events: text becomes visible event by event."""

from __future__ import annotations

from collections.abc import Iterator

from brownout.harness.app.answers.form import LIMIT, MAX_EVENT, MAX_EVENTS, Body, Kept, ReadAnswer
from brownout.harness.app.answers.values import ABSENT, parsed, shown, values
from brownout.harness.config.answer import SseSpec

__all__ = ["EventParser", "EventStream"]


class EventStream:
    """Reads the text of unnamed events. The first event that says the end or an error decides; text after it is not read."""

    accept = "text/event-stream"

    def __init__(self, spec: SseSpec) -> None:
        self._spec = spec
        self._parser = EventParser()
        self._text = Kept()
        self._named: list[tuple[str, str]] = []
        self._count = 0
        self._error = self._problem = ""
        self._done = self.over = False

    def feed(self, data: bytes) -> list[str]:
        """The text of the events that end within `data`."""
        return [piece for name, value in self._parser.feed(data) if (piece := self._event(name, value))]

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The reply as a whole."""
        spec, problem = self._spec, self._problem
        ended = self._done or (complete and not spec.done and not self._error)
        if not self._count:
            problem = "the reply holds no server-sent events"
        elif not problem and not self._error:
            if not self._text:
                problem = f"path {spec.text} found no text in the {self._count} events"
            elif not ended and complete:
                problem = f"the event that says the end ({spec.done}) did not come"
        if spec.done and not ended and spec.done in self._parser.dataless:
            problem = f"the event {spec.done} came without a data line, and such events are never dispatched"
        return ReadAnswer(str(self._text), ended, self._error, tuple(self._named), problem, cut=not ended)

    def _event(self, name: str, data: str) -> str:
        """The answer text in one event. WHATWG: an event named ``message`` is an unnamed one."""
        spec, named = self._spec, name not in ("", "message")
        self._count += 1
        if named and len(self._named) < MAX_EVENTS:
            self._named.append((name, data[:MAX_EVENT]))
        if self.over:
            return ""
        if spec.done and spec.done in (name, data):
            self._done = self.over = True
        elif spec.error and spec.error in (name, data):
            self.over = True
            self._error = data[:MAX_EVENT] or name
        elif not named:
            return self._text.add(self._text_of(data))
        return ""

    def _text_of(self, data: str) -> str:
        value = parsed(data)
        if self._spec.text == "$":
            # Text that happens to read as a number or an object is text; a JSON string was encoded to carry line feeds.
            return value if isinstance(value, str) else data
        if value is ABSENT:
            self._problem = self._problem or f"the data of an event is not JSON: {data[:80]!r}"
            return ""
        return "".join(map(shown, values(self._spec.text, value)))


class EventParser:
    """Parses an event stream incrementally as the WHATWG HTML standard says (section 9.2.6, interpreting an event stream).

    Lines end in LF, CR or CRLF; an event ends with an empty line, and one that the stream's end interrupts is dropped, as is
    an event without data. `id` and `retry` say nothing about an answer.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._first = True
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._length = 0
        self.dataless: set[str] = set()

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Name and data of each event that ends within `data`."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        # Splitting bytes, not text: UTF-8 never holds a line end within a character, so only whole lines are decoded.
        for part in data.splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            self._line += content[: LIMIT - len(self._line)]
            if len(content) == len(part):
                return
            line = bytes(self._line)
            self._line.clear()
            if self._first:
                line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
            event = self._take(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _take(self, line: str) -> tuple[str, str] | None:
        if not line:
            name, data = self._name, self._data
            self._name, self._data, self._length = "", [], 0
            if data:
                return name, "\n".join(data)
            if name and len(self.dataless) < MAX_EVENTS:
                self.dataless.add(name)
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value[:MAX_EVENT]
        elif field == "data" and self._length < LIMIT:
            self._data.append(value[: LIMIT - self._length])
            self._length += len(value) + 1
        return None
