"""Anthropic: base URL, headers and errors. Each operation is a file of its own and registers itself here.

Wire facts: an error is ``{"type": "error", "error": {"type", "message"}, "request_id"}``, types and texts as Anthropic's
error guide and public logs show them; in a stream the error object has ``details`` too, and nothing follows it. The header
``request-id`` names a call. The current SDKs send their key as ``Authorization: Bearer``, older ones as ``x-api-key``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from brownout.faults.dialects._api import Api, Headers, base62, compact, encoded
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Cut, Data

__all__ = ["Anthropic"]

Words = tuple[str, str]
"""Error type, and message, in which ``{model}`` is the model asked for."""

_STATUSES: Mapping[int, Words] = {
    400: ("invalid_request_error", "Invalid request"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is a problem with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not Found"),
    405: ("invalid_request_error", "Method Not Allowed"),
    409: ("conflict_error", "The request conflicts with the current state of the resource."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: (
        "rate_limit_error",
        "This request would exceed the rate limit for your organization. For details, refer to: "
        "https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce "
        "the prompt length or the maximum tokens requested, or try again later.",
    ),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_KINDS: Mapping[str, Words] = {
    "overloaded": _STATUSES[529],
    "server_error": _STATUSES[500],
    "rate_limit": _STATUSES[429],
    "auth": _STATUSES[401],
    "bad_request": _STATUSES[400],
    "context_length": ("invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"),
    "content_filter": ("invalid_request_error", "Output blocked by content filtering policy"),
    "model_not_found": ("not_found_error", "model: {model}"),
    "not_served": ("invalid_request_error", "This simulated backend does not serve that."),
}
_NO_CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."
_ORGANIZATION = "5e000000-0000-4000-8000-000000000000"


class Anthropic(Api):
    """The dialect ``anthropic``. `models` are those that the backend has; none means that any name is accepted.

    Any key is accepted, but a request with neither ``Authorization`` nor ``x-api-key`` gets 401, and one without
    ``anthropic-version`` gets 400: that would be a defect of the app, which the real API refuses too.
    """

    name: ClassVar[str] = "anthropic"
    title: ClassVar[str] = "Anthropic Messages API"
    overloaded: ClassVar[int] = 529
    variables: ClassVar[Mapping[str, str]] = {"ANTHROPIC_BASE_URL": "{base}", "ANTHROPIC_API_KEY": "not-a-real-key"}

    def base_url(self, origin: str) -> str:
        return origin  # the SDKs add /v1 themselves

    def parse(self, request: WireRequest) -> Ask | Failure:
        if not (request.headers.get("authorization") or request.headers.get("x-api-key")):
            return Failure(401, "auth", "x-api-key header is required")
        if not request.headers.get("anthropic-version"):
            return Failure(400, "bad_request", "anthropic-version: header is required")
        return super().parse(request)

    def headers(self, stamp: Stamp) -> Headers:
        return (("request-id", _request_id(stamp)), ("anthropic-organization-id", _ORGANIZATION))

    def error(self, failure: Failure) -> dict[str, Any]:
        """The error object of a failure. What is said of used-up credit has the type of its status: at the real API, 400."""
        by_status = _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        kind, text = (by_status[0], _NO_CREDIT) if failure.kind == "quota" else _KINDS.get(failure.kind, by_status)
        message = " ".join(filter(None, (failure.message or text.format(model=failure.model), failure.mark)))
        return {"type": kind, "message": message}

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        # Unlike all else that the API sends, its error bodies have spaces after colons and commas.
        return json.dumps({"type": "error", "error": self.error(failure), "request_id": _request_id(stamp)}).encode()

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        error = {"details": None, **self.error(failure)}
        body = compact({"type": "error", "error": error, "request_id": _request_id(stamp)})
        return (Data(encoded(f"event: error\ndata: {body}\n\n"), "done"), Cut())


def _request_id(stamp: Stamp) -> str:
    return "req_011C" + base62(stamp.id, 20)


dialects.add("anthropic", Anthropic)
