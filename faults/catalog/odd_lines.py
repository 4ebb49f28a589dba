"""Streams that are unusual and well-formed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal

from brownout.faults.catalog._replies import framing
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Head, Step

Odd = Literal[
    "bom", "crlf", "cr", "blank", "comment", "id", "id_ping", "retry", "unknown_event", "no_space", "two_lines"
]

_ENDS = re.compile(rb"\r\n|\n")
_FIRST: Mapping[Odd, bytes] = {"bom": b"\xef\xbb\xbf", "retry": b"retry: 3000\n\n"}
_EACH: Mapping[Odd, Callable[[bytes, int], bytes]] = {
    "crlf": lambda event, n: _ENDS.sub(b"\r\n", event),
    "cr": lambda event, n: _ENDS.sub(b"\r", event),
    "blank": lambda event, n: event + b"\n",
    "comment": lambda event, n: b": comment\n" + event,
    "id": lambda event, n: b"id: %d\n%b" % (n, event),
    "id_ping": lambda event, n: b"id: %d\n: ping\n\n%b" % (n, event),
    "unknown_event": lambda event, n: b'event: heartbeat\ndata: {"type":"heartbeat"}\n\n' + event,
    "no_space": lambda event, n: event.replace(b"data: ", b"data:", 1),
    "two_lines": lambda event, n: event.replace(b"data: {", b"data: {\ndata: ", 1),
}
_LINES: tuple[Odd, ...] = ("bom", "crlf", "blank")
"""What there can be in a stream of JSON lines as well."""


@fault("odd_lines")
class OddLines(Fault):
    """Write a stream in a way that the standard of Server-Sent Events allows and that is seldom seen.

    The `kind` is a byte order mark (``bom``) or ``retry`` at the start; line ends that are ``crlf`` or ``cr``; for each
    event one more ``blank`` line after it, a ``comment`` or an ``id`` in it, an event of an id alone (``id_ping``) or
    an ``unknown_event`` before it; ``data:`` without a space (``no_space``), or the JSON on ``two_lines``. Streams of
    JSON lines may have ``bom``, ``crlf`` and ``blank``. A reply that is not streamed is left alone.
    Example: ``odd_lines: {kind: comment}``.
    """

    kind: Odd

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream or (call.dialect.framing == "ndjson" and self.kind not in _LINES):
            return None
        events, streamed = 0, False

        def step(action: Action) -> Iterable[Action]:
            nonlocal events, streamed
            if isinstance(action, Head):
                streamed = bool(framing(call, action))
            if not streamed or not isinstance(action, Data):
                return (action,)
            events += 1
            body = self._written(action.body, events)
            return (action,) if body == action.body else (replace(action, body=body),)

        return step

    def _written(self, event: bytes, number: int) -> bytes:
        if self.kind in _FIRST:
            return _FIRST[self.kind] + event if number == 1 else event
        return _EACH[self.kind](event, number)
