"""OpenAI: base URL, headers and errors. Each operation is a file of its own and registers itself here.

Wire facts: errors are ``{"error": {"message", "type", "param", "code"}}``; texts, types and codes as OpenAI's error
codes guide and public logs show them; ``x-request-id`` names a call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from brownout.faults.dialects._api import Api, Headers, compact, encoded
from brownout.faults.dialects._openai_events import failed
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End

__all__ = ["OpenAI"]

Words = tuple[str, str | None, str]
"""Type, code, and message, in which ``{model}`` is the model asked for."""

_KINDS: Mapping[str, Words] = {
    "rate_limit": (
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} on requests per min (RPM). Please try again later. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
    ),
    "quota": (
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
        "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "model_not_found": (
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "context_length": (
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is exceeded by your messages. Please reduce the length of the messages.",
    ),
    "not_served": ("invalid_request_error", "not_served", "This simulated backend does not serve that."),
}
_STATUSES: Mapping[int, Words] = {
    400: ("invalid_request_error", None, "The request could not be understood."),
    413: ("invalid_request_error", None, "The request body is too large."),
    414: ("invalid_request_error", None, "The URL is too long."),
    431: ("invalid_request_error", None, "The request headers are too large."),
    401: (
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    403: ("request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"),
    404: ("invalid_request_error", None, "Invalid URL"),
    429: _KINDS["rate_limit"],
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    502: ("server_error", None, "Bad gateway."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
    504: ("server_error", None, "Gateway timeout."),
}


class OpenAI(Api):
    """The dialect ``openai``. `models` are those that the backend has; none means that any name is accepted."""

    name: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI, and the many services with an OpenAI-compatible API"
    variables: ClassVar[Mapping[str, str]] = {"OPENAI_BASE_URL": "{base}", "OPENAI_API_KEY": "not-a-real-key"}
    error_type: ClassVar[str] = "application/json; charset=utf-8"

    def base_url(self, origin: str) -> str:
        return f"{origin}/v1"

    def headers(self, stamp: Stamp) -> Headers:
        return (("x-request-id", f"req_{stamp.id}"), ("openai-version", "2020-10-01"))

    def error(self, failure: Failure) -> dict[str, Any]:
        """The error object of a failure."""
        kind, code, text = (
            _KINDS.get(failure.kind) or _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        )
        message = " ".join(filter(None, (failure.message or text.format(model=failure.model), failure.mark)))
        # Only the Responses API, which refuses an unknown model with this status, names the parameter.
        param = "model" if failure.kind == "model_not_found" and failure.status == 400 else None
        return {"message": message, "type": kind, "param": param, "code": code}

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        return json.dumps({"error": self.error(failure)}, indent=2).encode()

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        if ask.endpoint == "responses":
            return (*(Data(event, "done") for event in failed(ask, self.error(failure), stamp)), End())
        # Chat completions: an event that holds the error object alone; no end marker follows it.
        return (Data(encoded("data: " + compact({"error": self.error(failure)}) + "\n\n"), "done"), End())


dialects.add("openai", OpenAI)
