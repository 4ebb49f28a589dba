"""A user's request to the app, from a route and a question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brownout.harness.config.app import RouteSpec, fill

__all__ = ["request_for"]


def request_for(route: RouteSpec, prompt: str, user: str) -> dict[str, Any]:
    """`method`, `path`, `headers` (lower-case names) and `body` (bytes), with ``{prompt}`` and ``{user}`` filled in.

    In the path they are percent-encoded. A body that is not a text is sent as JSON, and its content type says so unless the
    route gives one.
    """
    values = {"prompt": prompt, "user": user}

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return fill(value, values)
        if isinstance(value, Mapping):
            return {k: filled(v) for k, v in value.items()}
        return [filled(v) for v in value] if isinstance(value, list) else value

    body = filled(route.body)
    headers = {k.lower(): fill(v, values) for k, v in route.headers.items()}
    if not isinstance(body, str | None):
        headers.setdefault("content-type", "application/json")
        body = json.dumps(body)
    path = fill(route.path, {k: quote(v, safe="") for k, v in values.items()})
    return {"method": route.method, "path": path, "headers": headers, "body": (body or "").encode()}
