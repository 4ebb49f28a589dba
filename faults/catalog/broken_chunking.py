"""Chunked framing that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.catalog._fields import Tokens
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Cut, Data, Head, Raw, Step


@fault("broken_chunking")
class BrokenChunking(Fault):
    """Send a chunk whose size is no number, after `after_tokens` tokens of a stream, and close the connection.

    A reply that is not streamed is chunked too then, and its only chunk is the broken one.
    Example: ``broken_chunking: {after_tokens: 5}``.
    """

    after_tokens: Tokens = 5

    def on_reply(self, call: Call) -> Step:
        said = 0

        def step(action: Action) -> Iterable[Action]:
            nonlocal said
            if isinstance(action, Head) and action.length is not None:
                return (replace(action, length=None),)
            if not isinstance(action, Data):
                return (action,)
            if said >= self.after_tokens or action.closing or action.part == "body":
                return (Raw(b"size\r\n%b\r\n" % action.body), Cut())
            said += action.tokens
            return (action,)

        return step
