"""A stream that fails in the middle, and says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.catalog._fields import Headers, Kind, Tokens
from brownout.faults.catalog._replies import changed, failure
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Head, Step


@fault("stream_error")
class StreamError(Fault):
    """After `after_tokens` tokens of a stream send the provider's error for a `kind` of failure, and end as it does.

    The status was 200 long before. An empty `message` means the provider's usual text. `headers` are further headers of
    the reply, or others for those that it has. A reply that is not streamed is left alone.
    Example: ``stream_error: {kind: overloaded, after_tokens: 5}``.
    """

    kind: Kind = "overloaded"
    after_tokens: Tokens = 5
    message: str = ""
    headers: Headers | None = None

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        said = 0

        def step(action: Action) -> Iterable[Action]:
            nonlocal said
            if isinstance(action, Head) and action.length is None:
                return (changed(action, self.headers),)
            if not isinstance(action, Data) or not (action.part == "content" or action.closing):
                return (action,)
            if said >= self.after_tokens or action.closing:
                mark, _ = call.scribe.error()
                failed = replace(failure(call, self.kind, self.message), mark=mark)
                return call.dialect.stream_failure(call.ask, failed, call.stamp)
            said += action.tokens
            return (action,)

        return step
