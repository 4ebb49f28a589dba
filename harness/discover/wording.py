"""How apps usually call things: the route that answers questions, the field of the question, that of the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["ANSWERS", "HEALTH", "QUESTIONS", "body_of", "events_of", "json_path", "likely", "likely_route"]

QUESTIONS = ("message", "prompt", "question", "query", "input", "text", "content", "q", "messages")
ANSWERS = ("answer", "reply", "response", "output", "completion", "result", "message", "text", "content")
PIECES = ("delta", "text", "content", "token", "chunk", "answer", "message")
"""Names of the text in an event of a stream."""

HEALTH = re.compile(r"/(?:[\w-]+/)*(?:health|healthz|healthcheck|ready|readyz|livez|live|ping|status)/?")
_ROUTE = re.compile(r"chat|ask|answer|complet|message|query|question|assist|generate|prompt", re.IGNORECASE)
_JSON = ("json.dumps", "JSON.stringify", "model_dump_json", "orjson")


def likely_route(text: str) -> bool:
    """Whether the path or the name of a route sounds as if it answered questions."""
    return _ROUTE.search(text) is not None


def likely(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    """The name that is most likely meant: the first of `wanted` that is there, or that is a part of one."""
    known = list(names)
    lower = {n.lower(): n for n in reversed(known)}
    whole = next((lower[w] for w in wanted if w in lower), None)
    return whole or next((n for w in wanted if len(w) > 2 for n in known if w in n.lower()), None)


def body_of(field: str, rest: dict[str, Any] | None = None) -> dict[str, Any]:
    """A JSON body with the question in `field`; a field for several messages gets one."""
    question: Any = "{prompt}"
    if field.lower().endswith("messages"):
        question = [{"role": "user", "content": "{prompt}"}]
    return {field: question, **(rest or {})}


def json_path(name: str) -> str:
    """The JSONPath of a key at the top of a JSON object."""
    return f"$.{name}" if name.isidentifier() else f"$[{json.dumps(name)}]"


def events_of(text: str) -> dict[str, Any]:
    """Where the answer is in the server-sent events that a source file writes, as `answer:` says it."""
    keys = re.findall(r"[{,]\s*[\"']?(\w+)[\"']?\s*:", text)
    path = f"$.{likely(keys, PIECES) or 'delta'}" if any(j in text for j in _JSON) else "$"
    names = re.findall(r"event:\s*(\w+)", text)
    done = "[DONE]" if "[DONE]" in text else likely(names, ("done", "end", "finish", "complete"))
    error = likely(names, ("error", "fail"))
    return {"sse": {"text": path, **({"done": done} if done else {}), **({"error": error} if error else {})}}
