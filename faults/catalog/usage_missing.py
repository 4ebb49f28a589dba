"""A reply that does not say what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from brownout.faults.catalog._replies import json_span
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step

_KEYS = ("usage", "usageMetadata", "prompt_eval_count", "eval_count")
"""Where the dialects say how many tokens there were."""
_WITHIN = ("message", "delta", "response")


@fault("usage_missing")
class UsageMissing(Fault):
    """Take the numbers of tokens out of the reply: events of nothing else, and their keys in other events and bodies.

    Example: ``usage_missing: {}``.
    """

    def on_reply(self, call: Call) -> Step:
        def step(action: Action) -> Iterable[Action]:
            if not isinstance(action, Data):
                return (action,)
            if action.part == "usage":
                return ()
            body = _without(action.body)
            if body is None or len(body) > len(action.body):
                return (action,)
            # A body keeps the length that was announced: white space after JSON means nothing.
            return (replace(action, body=body.ljust(len(action.body)) if action.part == "body" else body),)

        return step


def _without(body: bytes) -> bytes | None:
    """The piece without its usage; None where there is none, or no JSON object."""
    start, end = json_span(body)
    try:
        value = json.loads(body[start:end])
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if not sum([_take(v) for v in (value, *(value.get(key) for key in _WITHIN))]):
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return body[:start] + text.encode("utf-8", "backslashreplace") + body[end:]


def _take(value: Any) -> bool:
    """Take the usage out of an object, and say whether there was any."""
    found = [key for key in _KEYS if value.get(key) is not None] if isinstance(value, dict) else []
    for key in found:
        del value[key]
    return bool(found)
