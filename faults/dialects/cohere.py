"""Cohere: base URL, headers, keys and errors. Each operation is a file of its own and registers itself here.

Wire facts, from recordings and public logs: every error is ``{"id": UUID, "message": text}``; without a key it is 401; a
trial key's limits of a minute and of a month are both 429 and differ in the text alone. The official client reads its base
URL from ``CO_API_URL``, once, when it is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from brownout.faults.dialects._api import Api, Headers, compact, encoded
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End

__all__ = ["Cohere", "event"]

_TRIAL = (
    "You are using a Trial key, which is limited to {limit}. You can continue to use the Trial key for free or upgrade to a "
    "Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'."
)
_LIMITED = _TRIAL.replace("{limit}", "20 API calls / minute")
_KINDS: Mapping[str, str] = {
    "rate_limit": _LIMITED,
    "quota": _TRIAL.replace("{limit}", "1000 API calls / month"),
    "model_not_found": (
        "model '{model}' not found, make sure the correct model ID was used and that you have access to the model."
    ),
    "context_length": (
        "too many tokens: size limit exceeded by 19296 tokens. Try using shorter or fewer inputs. "
        "The limit for this model is 132000 tokens."
    ),
    "not_served": "this simulated backend does not serve that.",
}
_STATUSES: Mapping[int, str] = {
    400: "invalid request: the request is not valid.",
    401: "invalid api token",
    402: "Please add or update your payment method to continue.",
    404: "not found",
    429: _LIMITED,
    500: "internal server error, this has been reported to our developers.",
    503: "the service is overloaded, please try again later.",
}


class Cohere(Api):
    """The dialect ``cohere``. `models` are those that the backend has; none means that any name is accepted."""

    name: ClassVar[str] = "cohere"
    title: ClassVar[str] = "Cohere"
    variables: ClassVar[Mapping[str, str]] = {"CO_API_URL": "{base}", "CO_API_KEY": "not-a-real-key"}

    def base_url(self, origin: str) -> str:
        return origin

    def headers(self, stamp: Stamp) -> Headers:
        return (("x-debug-trace-id", stamp.id),)

    def parse(self, request: WireRequest) -> Ask | Failure:
        if not request.headers.get("authorization"):
            return Failure(401, "auth", "no api key supplied")
        return super().parse(request)

    def message(self, failure: Failure) -> str:
        """The text of a failure."""
        usual = (
            _KINDS.get(failure.kind) or _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        )
        return " ".join(filter(None, (failure.message or usual.format(model=failure.model), failure.mark)))

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        return encoded(compact({"id": str(UUID(stamp.id)), "message": self.message(failure)}))

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        # Its streams have no event for an error: the last event says that the message ended with one.
        end = event("message-end", {"delta": {"finish_reason": "ERROR", "error": self.message(failure)}})
        return (Data(end, "done"), End())


def event(kind: str, fields: Mapping[str, object]) -> bytes:
    """One event of a chat stream."""
    return encoded(f"event: {kind}\ndata: {compact({'type': kind, **fields})}\n\n")


dialects.add("cohere", Cohere)
