"""Parts of replies that faults have in common: errors in any body, headers, events of streams."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Literal, TypeGuard

from brownout.faults.catalog._fields import Kind, RetryAfterAs
from brownout.faults.values.fault import Call, Failure
from brownout.faults.values.reply import Action, Data, Head
from brownout.faults.values.units import retry_after as whole_seconds

__all__ = ["Events", "changed", "failure", "framing", "hints", "json_span", "slices"]

_STATUSES: Mapping[str, int] = {
    "server_error": 500,
    "rate_limit": 429,
    "quota": 429,
    "bad_request": 400,
    "context_length": 400,
    "content_filter": 400,
    "model_not_found": 404,
    "auth": 401,
}


def failure(call: Call, kind: Kind, message: str = "") -> Failure:
    """A failure of a kind, with its usual status."""
    return Failure(_STATUSES.get(kind, call.dialect.overloaded), kind, message, call.ask.model)


def hints(
    retry_after: float | None, written: RetryAfterAs, should_retry: bool | None, now: int
) -> tuple[tuple[str, str], ...]:
    """The headers that say when to come back, and whether at all; `now` is in Unix seconds.

    Retry-After is in whole seconds or a date (RFC 9110, section 10.2.3). ``retry-after-ms`` and ``x-should-retry`` are
    headers that OpenAI's and Anthropic's SDKs obey.
    """
    said = () if retry_after is None else _wait(retry_after, written, now)
    return said if should_retry is None else (*said, ("x-should-retry", "true" if should_retry else "false"))


def _wait(seconds: float, written: RetryAfterAs, now: int) -> tuple[tuple[str, str], ...]:
    match written:
        case "date":
            return (("retry-after", formatdate(now + math.ceil(seconds), usegmt=True)),)
        case "decimal":
            return (("retry-after", str(float(seconds))),)
        case "ms":
            return (("retry-after-ms", str(round(seconds * 1000))),)
    return whole_seconds(seconds)


def changed(head: Head, headers: Mapping[str, str] | None) -> Head:
    """`head` with these headers, in lower case, in place of those of the same name; an empty value takes one away."""
    if not headers:
        return head
    given = {name.lower(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in head.headers if name not in given]
    return replace(head, headers=(*kept, *((name, value) for name, value in given.items() if value)))


def framing(call: Call, head: Head) -> Literal["sse", "ndjson", ""]:
    """How the body after `head` is cut into events; '' where it is not: a whole body, or a stream that is one array."""
    kind = dict(head.headers).get("content-type", "")
    return "" if head.length is not None or kind.startswith("application/json") else call.dialect.framing


class Events:
    """Picks events of a stream: `count` (None: all) of those that are of `parts`, from `after_tokens` tokens on.

    A stream that is shorter counts as long enough at its end. What keeps a connection alive is no event.
    """

    def __init__(
        self,
        call: Call,
        after_tokens: int,
        count: int | None,
        parts: Collection[str] = ("open", "content", "finish", "usage", "done"),
    ) -> None:
        self._call, self._after, self._left, self._parts = call, after_tokens, count, parts
        self._said, self._framing = 0, ""

    def picks(self, action: Action) -> TypeGuard[Data]:
        """Whether an action, of which each must be shown once, is an event to act on."""
        if isinstance(action, Head):
            self._framing = framing(self._call, action)
        if not isinstance(action, Data) or not self._framing:
            return False
        due = action.part in self._parts and (self._said >= self._after or action.closing) and self._left != 0
        self._said += action.tokens
        if due and self._left is not None:
            self._left -= 1
        return due


def slices(data: Data, sizes: Iterator[int]) -> tuple[Data, ...]:
    """`data` in pieces of these sizes; itself where the first takes all. The last piece has its tokens."""
    pieces, at = [], 0
    while at + (size := next(sizes)) < len(data.body):
        pieces.append(replace(data, body=data.body[at : at + size], tokens=0))
        at += size
    return (*pieces, replace(data, body=data.body[at:]) if at else data)


def json_span(body: bytes) -> tuple[int, int]:
    """Where the JSON object in an event, a line or a body begins and ends; an empty span where there is none."""
    start, end = body.find(b"{"), body.rfind(b"}") + 1
    return (start, end) if 0 <= start < end else (0, 0)
