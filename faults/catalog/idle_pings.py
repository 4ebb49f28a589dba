"""Keep-alives in place of data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from brownout.faults.catalog._fields import Every, Line, Tokens
from brownout.faults.catalog._replies import framing
from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Hang, Head, Step, Wait

_FORMS = {"comment": ": {}\n\n", "data": "data: {}\n\n", "event": 'event: {0}\ndata: {{"type": "{0}"}}\n\n'}
_USUAL = {"comment": "keep-alive", "data": "", "event": "ping"}
_FOR_EVER = 3600.0
"""Seconds after which pings without an end cease: no client waits that long for one reply."""


@fault("idle_pings")
class IdlePings(Fault):
    """After `after_tokens` tokens send only keep-alives, one `every` so often, for `seconds` or, left out, for ever.

    The `form` is a ``comment`` of Server-Sent Events, a ``data`` line, empty unless `text` says otherwise, or an
    ``event``; `text` stands in place of ``keep-alive`` in the comment and of ``ping`` as the event's name. Where there
    are no Server-Sent Events, in JSON lines and before a body that is not streamed, a comment is an empty line, and the
    other forms do nothing.
    Example: ``idle_pings: {form: comment, every: 5s, seconds: 1m}``.
    """

    form: Literal["comment", "data", "event"] = "comment"
    text: Line | None = None
    every: Every = 5.0
    seconds: Duration | None = None
    after_tokens: Tokens = 0

    def on_reply(self, call: Call) -> Step | None:
        lines = not call.ask.stream or call.dialect.framing != "sse"
        if lines and self.form != "comment":
            return None
        said, done, ping = 0, False, b""

        def step(action: Action) -> Iterable[Action]:
            nonlocal said, done, ping
            if isinstance(action, Head):
                sse = framing(call, action) == "sse"
                ping = self._ping() if sse else b"\n" if self.form == "comment" else b""
                # White space before a body was not counted in its length.
                return (action,) if action.length is None or not ping else (replace(action, length=None),)
            if done or not ping or not isinstance(action, Data):
                return (action,)
            if said >= self.after_tokens or action.closing or action.part == "body":
                done = True
                return self._pings(call, Data(ping, "idle"), action)
            said += action.tokens
            return (action,)

        return step

    def _ping(self) -> bytes:
        text = _USUAL[self.form] if self.text is None else self.text
        return _FORMS[self.form].format(text).encode()

    def _pings(self, call: Call, ping: Data, following: Action) -> Iterable[Action]:
        lasting = _FOR_EVER if self.seconds is None else self.seconds.draw(call.rng)
        count = int(lasting / self.every + 1e-9)  # three times 0.1 s in 0.3 s, though not as floats
        pings = (Wait(self.every, self.name), ping) * count
        if self.seconds is None:
            return (*pings, Hang())
        return (*pings, Wait(max(0.0, lasting - count * self.every), self.name), following)
