"""Gemini: base URL, key, headers and errors. Each operation is a file of its own and registers itself here.

Wire facts: errors are ``{"error": {"code", "message", "status", "details"}}``, pretty-printed, with the status words of
google.rpc.Code. A missing key is 403, a wrong one 400. A 429 tells a limit of the minute from one of the day only by its
``quotaId``, and when to come back only by its RetryInfo. Texts as public logs show them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs

from brownout.faults.dialects._api import Api, Headers, encoded
from brownout.faults.dialects._gemini_chunks import framed
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End

__all__ = ["JSON", "Gemini"]

JSON = "application/json; charset=UTF-8"
"""The content type of all that is not an event stream."""

_CALLED = re.compile(r"/(v1\w*)/(?:.*:(\w+)$)?")
_TYPE = "type.googleapis.com/google.rpc."
_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
_LIMITS = {"rate_limit": ("PerMinute", "5"), "quota": ("PerDay", "20")}
_EXHAUSTED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, head "
    "to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of "
    "API consumer identity to call this API."
)
_WORDS: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TEXTS: Mapping[str | int, str] = {
    "rate_limit": _EXHAUSTED,
    "quota": _EXHAUSTED,
    "auth": "API key not valid. Please pass a valid API key.",
    "context_length": "The input token count exceeds the maximum number of tokens allowed (1048576).",
    "model_not_found": "models/{model} is not found for API version {version}, or is not supported for {method}. Call "
    "ModelService.ListModels to see the list of available models and their supported methods.",
    "not_served": "This simulated backend does not serve that.",
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    429: "Resource has been exhausted (e.g. check quota).",
    413: "Request payload size exceeds the limit.",
    499: "The operation was cancelled.",
    500: "An internal error has occurred. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting",
    501: "Operation is not implemented, or supported, or enabled.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}


class Gemini(Api):
    """The dialect ``gemini``, under any API version. `models` are those that the backend has; none means any name."""

    name: ClassVar[str] = "gemini"
    title: ClassVar[str] = "Google Gemini API"
    variables: ClassVar[Mapping[str, str]] = {
        "GOOGLE_GEMINI_BASE_URL": "{base}",
        "GEMINI_API_KEY": "not-a-real-key",
        "GOOGLE_API_KEY": "not-a-real-key",  # has precedence: left alone, a real key would be used
    }
    error_type: ClassVar[str] = JSON

    def base_url(self, origin: str) -> str:
        return origin  # clients add the version

    def headers(self, stamp: Stamp) -> Headers:
        return (("vary", "Origin"), ("x-content-type-options", "nosniff"), ("x-frame-options", "SAMEORIGIN"))

    def parse(self, request: WireRequest) -> Ask | Failure:
        path, _, query = request.path.partition("?")
        if not (parse_qs(query).get("key") or any(request.headers.get(h) for h in ("x-goog-api-key", "authorization"))):
            return Failure(403, message=_NO_KEY)
        asked = super().parse(request)
        if isinstance(asked, Failure) and asked.kind == "model_not_found":
            return replace(asked, message=_not_found(asked.model, path))
        return asked

    def unknown(self, method: str, path: str) -> Failure:
        return Failure(404, message=f"The requested URL {path} was not found on this server.")

    def error(self, failure: Failure) -> dict[str, Any]:
        """The error object of a failure."""
        usual = 400 if failure.status < 500 else 500
        kind = failure.kind or ("rate_limit" if failure.status == 429 else "")
        text = failure.message or _TEXTS.get(kind) or _TEXTS.get(failure.status) or _TEXTS[usual]
        if kind == "model_not_found" and not failure.message:
            text = _not_found(failure.model)
        details = _details(kind, failure)
        if kind in _LIMITS and not failure.message:
            text += f" \n* Quota exceeded for metric: {_METRIC}, limit: {_LIMITS[kind][1]}, model: {failure.model}"
            text += f"\nPlease retry in {delay}." if (delay := _delay(failure)) else ""
        made = {
            "code": failure.status,
            "message": " ".join(filter(None, (text, failure.mark))),
            "status": _WORDS.get(failure.status, "INVALID_ARGUMENT" if usual == 400 else "INTERNAL"),
        }
        return {**made, "details": details} if details else made

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        return encoded(json.dumps({"error": self.error(failure)}, indent=2, ensure_ascii=False) + "\n")

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        sse = ask.body.get("alt") == "sse"
        last = framed({"error": self.error(failure)}, sse=sse, last=True) + (b"" if sse else b"]\n")
        return (Data(last, "done"), End())


def _not_found(model: str, path: str = "") -> str:
    """The text for an unknown model, which names the API version and the method that `path` calls."""
    called = _CALLED.search(path)
    version, method = called.groups() if called else ("v1beta", None)
    return _TEXTS["model_not_found"].format(model=model, version=version, method=method or "generateContent")


def _delay(failure: Failure) -> str:
    """The failure's Retry-After in protobuf's form of a duration, '' without one."""
    seconds = dict(failure.headers).get("retry-after", "")
    return f"{seconds}s" if re.fullmatch(r"\d+(\.\d+)?", seconds) else ""


def _details(kind: str, failure: Failure) -> list[dict[str, Any]]:
    if kind == "auth":
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        service = {"service": "generativelanguage.googleapis.com"}
        return [
            {"@type": _TYPE + "ErrorInfo", **info, "metadata": service},
            {"@type": _TYPE + "LocalizedMessage", "locale": "en-US", "message": _TEXTS["auth"]},
        ]
    if kind not in _LIMITS:
        return []
    per, limit = _LIMITS[kind]
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    violation = {
        "quotaMetric": _METRIC,
        "quotaId": f"GenerateRequests{per}PerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": failure.model},
        "quotaValue": limit,
    }
    details: list[dict[str, Any]] = [
        {"@type": _TYPE + "Help", "links": [link]},
        {"@type": _TYPE + "QuotaFailure", "violations": [violation]},
    ]
    if delay := _delay(failure):
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": delay})
    return details


dialects.add("gemini", Gemini)
