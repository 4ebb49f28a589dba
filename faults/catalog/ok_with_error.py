"""Status 200 and no answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from brownout.faults.catalog._fields import Kind
from brownout.faults.catalog._pages import site_page
from brownout.faults.catalog._replies import failure
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, End, Head, Step


@fault("ok_with_error")
class OkWithError(Fault):
    """Answer 200 with a `body` that is no answer, in place of a stream too.

    ``error`` is the provider's error object for a `kind` of failure, usually ``server_error``, ``html`` the start page
    of a web site, ``json_null`` the JSON ``null``, ``empty`` the usual head and nothing after it. For broken JSON see
    ``truncated_body``, for an error within a stream ``stream_error``.
    Example: ``ok_with_error: {body: error, kind: rate_limit}``.
    """

    body: Literal["error", "html", "json_null", "empty"] = "error"
    kind: Kind | None = None

    def __post_init__(self) -> None:
        if self.kind and self.body != "error":
            raise ValueError(f"kind picks words of the provider, and a body that is {self.body} has none")

    def on_reply(self, call: Call) -> Step:
        def step(action: Action) -> Iterable[Action]:
            return self._reply(call, action) if isinstance(action, Head) else (action,)

        return step

    def _reply(self, call: Call, usual: Head) -> Iterable[Action]:
        match self.body:
            case "error":
                reply = call.fail(failure(call, self.kind or "server_error"))
                return [replace(a, status=200) if isinstance(a, Head) else a for a in reply]
            case "html":
                return site_page(call)
            case "json_null":
                return (Head(200, (("content-type", "application/json"),), 4), Data(b"null"), End())
        return (replace(usual, length=None if usual.length is None else 0), End())
