"""429: too many requests, or no quota left."""

from __future__ import annotations

from typing import Literal

from brownout.faults.values.fault import Call, Failure, Fault, fault, replace_with
from brownout.faults.values.reply import Step
from brownout.faults.values.units import Seconds, retry_after


@fault("rate_limited")
class RateLimited(Fault):
    """Answer 429 in the provider's words, with Retry-After unless it is null.

    `kind` is ``rate_limit`` (come back later) or ``quota`` (used up: retrying cannot help, and no Retry-After is sent).
    Example: ``rate_limited: {retry_after: 2s}``.
    """

    retry_after: Seconds | None = 1.0
    kind: Literal["rate_limit", "quota"] = "rate_limit"

    def on_reply(self, call: Call) -> Step:
        headers = retry_after(self.retry_after if self.kind == "rate_limit" else None)
        return replace_with(call.fail(Failure(429, self.kind, "", call.ask.model, headers=headers)))
