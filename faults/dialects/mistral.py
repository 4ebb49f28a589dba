"""Mistral: base URL, headers, keys and errors. Each operation is a file of its own and registers itself here.

Wire facts, from public logs and the official specification: most errors are ``{"object": "error", "message", "type", "param",
"code", "raw_status_code"}``; a request that does not fit is 422 with a list of what is wrong; a model that does not exist is
400, not 404; without a key it is 401 with ``{"detail": "Unauthorized"}``. Every reply has a ``mistral-correlation-id``. The
official client takes its server's URL from the code alone: there is no environment variable for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from brownout.faults.dialects._api import Api, Headers, compact, encoded
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End

__all__ = ["Mistral"]

Words = tuple[str, str | None, str]
"""Type, code, and message, in which ``{model}`` is the model asked for."""

_OVERLOADED: Words = ("internal_server_error", "3800", "Service unavailable.")
_LIMITED: Words = ("rate_limited", "1300", "Rate limit exceeded")
_KINDS: Mapping[str, Words] = {
    "rate_limit": _LIMITED,
    "quota": _LIMITED,
    "model_not_found": ("invalid_model", "1500", "Invalid model: {model}"),
    "context_length": (
        "invalid_request_invalid_args",
        "3051",
        "Prompt contains 160907 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    ),
    "not_served": ("invalid_request_error", None, "This simulated backend does not serve that."),
}
_STATUSES: Mapping[int, Words] = {
    400: ("invalid_request_error", None, "Bad request"),
    404: ("invalid_request_error", None, "Not found"),
    429: _LIMITED,
    500: ("internal_server_error", "1000", "Service unavailable."),
    503: _OVERLOADED,
}
_KIND_STATUSES = {"bad_request": 422, "model_not_found": 400}
"""Where Mistral's status for a request that it cannot serve is another than most providers'."""


class Mistral(Api):
    """The dialect ``mistral``. `models` are those that the backend has; none means that any name is accepted."""

    name: ClassVar[str] = "mistral"
    title: ClassVar[str] = "Mistral"
    variables: ClassVar[Mapping[str, str]] = {"MISTRAL_API_KEY": "not-a-real-key"}

    def base_url(self, origin: str) -> str:
        return origin

    def headers(self, stamp: Stamp) -> Headers:
        return (("mistral-correlation-id", str(UUID(stamp.id))),)

    def parse(self, request: WireRequest) -> Ask | Failure:
        if not request.headers.get("authorization"):
            return Failure(401, "auth")
        asked = super().parse(request)
        if isinstance(asked, Failure):
            return replace(asked, status=_KIND_STATUSES.get(asked.kind, asked.status))
        return asked

    def error(self, failure: Failure) -> dict[str, Any]:
        """The error object of a failure."""
        kind, code, usual = (
            _KINDS.get(failure.kind) or _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        )
        message = _text(failure, usual)
        return {
            "object": "error",
            "message": message,
            "type": kind,
            "param": None,
            "code": code,
            "raw_status_code": failure.status,
        }

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        if failure.status == 401:
            body: dict[str, Any] = {"detail": _text(failure, "Unauthorized")}
        elif failure.status == 422:
            wrong = _text(failure, "Input should be a valid request")
            body = {"detail": [{"type": "value_error", "loc": ["body"], "msg": wrong, "input": None}]}
        else:
            body = self.error(failure)
        return encoded(compact(body))

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        # No end marker follows it.
        return (Data(encoded("data: " + compact(self.error(failure)) + "\n\n"), "done"), End())


def _text(failure: Failure, usual: str) -> str:
    return " ".join(filter(None, (failure.message or usual.format(model=failure.model), failure.mark)))


dialects.add("mistral", Mistral)
