"""429: too many requests, or no quota left."""

from __future__ import annotations

from typing import Literal

from brownout.faults.catalog._fields import Headers, RetryAfter, RetryAfterAs
from brownout.faults.catalog._replies import changed, hints
from brownout.faults.values.fault import Call, Failure, Fault, fault, replace_with
from brownout.faults.values.reply import Head, Step


@fault("rate_limited")
class RateLimited(Fault):
    """Answer 429 in the provider's words, with Retry-After unless it is null.

    `kind` is ``rate_limit`` (come back later) or ``quota`` (used up: retrying cannot help, and no Retry-After is sent).
    `retry_after` may be 0 or negative; `retry_after_as` writes it in whole ``seconds``, as a ``decimal``, as a
    ``date``, or as the header ``retry-after-ms``. `should_retry` adds ``x-should-retry``, which OpenAI's and
    Anthropic's SDKs obey. `headers` are further headers, or others for those that the reply has.
    Example: ``rate_limited: {retry_after: 2s}`` or ``rate_limited: {kind: quota, should_retry: false}``.
    """

    retry_after: RetryAfter | None = 1.0
    kind: Literal["rate_limit", "quota"] = "rate_limit"
    retry_after_as: RetryAfterAs = "seconds"
    should_retry: bool | None = None
    headers: Headers | None = None

    def on_reply(self, call: Call) -> Step:
        wait = self.retry_after if self.kind == "rate_limit" else None
        said = hints(wait, self.retry_after_as, self.should_retry, call.stamp.created)
        reply = call.fail(Failure(429, self.kind, "", call.ask.model, headers=said))
        return replace_with([changed(a, self.headers) if isinstance(a, Head) else a for a in reply])
