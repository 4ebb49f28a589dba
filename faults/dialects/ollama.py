"""Ollama's own API: base URL, errors, names of models. Each operation is a file of its own and registers itself here.

Wire facts, from Ollama's source and public logs: every error is ``{"error": "text"}``; a stream that fails has begun with
status 200, so its error is a line; no key is asked for. Ollama serves OpenAI's routes under ``/v1`` as well: a backend for
an app that uses those is declared with the dialect ``openai``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from brownout.faults.dialects._api import Api, compact, encoded
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End

__all__ = ["JSON", "Ollama", "go_json"]

JSON = "application/json; charset=utf-8"

_ESCAPED = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})

_BUSY = "server busy, please try again.  maximum pending requests exceeded"
_LIMITED = "too many concurrent requests"
_STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)
_KINDS: Mapping[str, str] = {
    "overloaded": _BUSY,
    "rate_limit": _LIMITED,
    "quota": "you've reached your hourly usage limit, please wait or upgrade to continue",
    "model_not_found": "model '{model}' not found",
    "context_length": "the input length exceeds the context length",
    "not_served": "this simulated backend does not serve that",
}
_STATUSES: Mapping[int, str] = {
    400: "invalid request",
    401: "unauthorized",
    404: "404 page not found",
    405: "405 method not allowed",
    413: "http: request body too large",
    429: _LIMITED,
    500: _STOPPED,
    503: _BUSY,
}


class Ollama(Api):
    """The dialect ``ollama``. `models` are those that the backend has; none means that any name is accepted."""

    name: ClassVar[str] = "ollama"
    title: ClassVar[str] = "Ollama's own API"
    framing: ClassVar[Literal["sse", "ndjson"]] = "ndjson"
    variables: ClassVar[Mapping[str, str]] = {"OLLAMA_HOST": "{origin}"}
    error_type: ClassVar[str] = JSON

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        super().__init__(models)
        # A name without a tag means the tag "latest": both names are known.
        tagged = [m if ":" in m else f"{m}:latest" for m in models]
        self.models = tuple(dict.fromkeys([*tagged, *(m.removesuffix(":latest") for m in tagged)]))

    def base_url(self, origin: str) -> str:
        return origin

    def parse(self, request: WireRequest) -> Ask | Failure:
        asked = super().parse(request)
        if isinstance(asked, Failure) and asked.status == 400 and not request.body:
            return Failure(400, "bad_request", "missing request body")
        return asked

    def unknown(self, method: str, path: str) -> Failure:
        return Failure(404)

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        usual = (
            _KINDS.get(failure.kind) or _STATUSES.get(failure.status) or _STATUSES[400 if failure.status < 500 else 500]
        )
        error = {"error": _text(failure, usual)}
        if failure.status == 401:
            error["signin_url"] = f"https://ollama.com/connect?name=simulated&key={stamp.id}"
        return go_json(error)

    def stream_failure(self, ask: Ask, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        text = _text(failure, "an error was encountered while running the model: unexpected EOF")
        return (Data(go_json({"error": text}) + b"\n", "done"), End())


def go_json(value: object) -> bytes:
    """Compact JSON as Go writes it: what HTML or JavaScript could take for their own is escaped."""
    return encoded(compact(value).translate(_ESCAPED))


def _text(failure: Failure, usual: str) -> str:
    return " ".join(filter(None, (failure.message or usual.format(model=failure.model), failure.mark)))


dialects.add("ollama", Ollama)
