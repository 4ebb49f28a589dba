"""OpenAI: base URL, headers, errors and routing. Each operation is a file of its own and registers itself here.

Wire facts: errors are ``{"error": {"message", "type", "param", "code"}}``; texts, types and codes as OpenAI's error
codes guide and public logs show them; ``x-request-id`` names a call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, Protocol

from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End, Head, Reply

__all__ = ["Operation", "OpenAI", "base62"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# status -> (type, code, message). "{model}" is the model asked for.
_KINDS: Mapping[str, tuple[str, str | None, str]] = {
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
    "not_served": ("invalid_request_error", "not_served", "This simulated backend does not serve that."),
}
_STATUSES: Mapping[int, tuple[str, str | None, str]] = {
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


class Operation(Protocol):
    """One operation of the API: `name` is the neutral endpoint, `method` and `path` (below the base URL) its address."""

    name: ClassVar[str]
    method: ClassVar[str]
    path: ClassVar[str]

    def parse(self, body: Mapping[str, object]) -> Ask | Failure: ...

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp, headers: tuple[tuple[str, str], ...]) -> Reply: ...


class OpenAI:
    """The dialect ``openai``. `models` are those that the backend has; none means that any name is accepted."""

    name: ClassVar[str] = "openai"
    operations: ClassVar[dict[tuple[str, str], Operation]] = {}

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        self.models = models

    @classmethod
    def operation(cls, made: Operation) -> None:
        """Register an operation."""
        cls.operations[made.method, made.path] = made

    def base_url(self, origin: str) -> str:
        return f"{origin}/v1"

    def parse(self, request: WireRequest) -> Ask | Failure:
        path = request.path.partition("?")[0].rstrip("/")
        # Any prefix is accepted: gateways and base URLs differ in what they put in front.
        found = next((o for (_, p), o in self.operations.items() if path.endswith(p)), None)
        if found is None:
            return Failure(404, message=f"Invalid URL ({request.method} {path})")
        if found.method != request.method:
            return Failure(405, message=f"Not allowed to {request.method} on {path}.")
        body: object = {}
        if request.body:
            try:
                body = _json(request.body)
            except (ValueError, RecursionError):
                return Failure(400, message="We could not parse the JSON body of your request.")
        if not isinstance(body, dict):
            return Failure(400, message="The body of your request must be a JSON object.")
        ask = found.parse(body)
        if isinstance(ask, Ask) and ask.model and self.models and ask.model not in self.models:
            return Failure(404, "model_not_found", model=ask.model)
        return ask

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        operation = next(o for o in self.operations.values() if o.name == ask.endpoint)
        return operation.reply(ask, answer, stamp, self._headers(stamp))

    def failure(self, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        kind, code, text = (
            _KINDS.get(failure.kind) or _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        )
        message = " ".join(filter(None, (failure.message or text.format(model=failure.model), failure.mark)))
        error = {"message": message, "type": kind, "param": None, "code": code}
        body = json.dumps({"error": error}, indent=2).encode()
        headers = (("content-type", "application/json; charset=utf-8"), *self._headers(stamp), *failure.headers)
        return (Head(failure.status, headers, len(body)), Data(body), End())

    def _headers(self, stamp: Stamp) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", f"req_{stamp.id}"), ("openai-version", "2020-10-01"))


def _json(data: bytes) -> object:
    """JSON in UTF-8. Raises ValueError also for half a surrogate pair, which no UTF-8 can hold: strict parsers refuse it."""
    value: object = json.loads(data.decode("utf-8-sig"))
    if b"\\ud" in data or b"\\uD" in data:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def base62(hexadecimal: str, length: int) -> str:
    """A text of `length` letters and digits made from hexadecimal digits: the alphabet of OpenAI's ids."""
    number, out = int(hexadecimal, 16) * 0x9E3779B97F4A7C15F39CC0605CEDC835, []
    for _ in range(length):
        number, digit = divmod(number, 62)
        out.append(_ALPHABET[digit])
    return "".join(out)


dialects.add("openai", OpenAI)
