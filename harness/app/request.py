"""A user's request to the app, from a route, a question and who asks it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brownout.harness.app.session import Session
from brownout.harness.app.talk import Talk
from brownout.harness.config.fields import fill, placeholders
from brownout.harness.config.route import RouteSpec

__all__ = ["encoded", "environment_values", "filled", "filled_path", "request_for"]


def request_for(
    route: RouteSpec,
    prompt: str,
    user: str,
    *,
    tenant: str = "",
    headers: Mapping[str, str] | None = None,
    session: Session | None = None,
    talk: Talk | None = None,
) -> dict[str, Any]:
    """`method`, `path`, `headers` (lower-case names) and `body` (bytes), with all placeholders of `RouteSpec` filled in.

    `headers` are the tenant's; where names are the same the session's count more, and the route's own most; cookies are
    put together. In the path
    values are percent-encoded. What a value brings in is not filled again. A route with conversations needs a `talk`.
    """
    session = session or Session()
    values = {"prompt": prompt, "user": user, "tenant": tenant}
    values |= {f"login.{name}": value for name, value in session.values.items()}
    lists: dict[str, list[dict[str, str]]] = {}
    if talk is not None:
        values["conversation"] = talk.id
        named = route.conversation.take if route.conversation else {}
        values |= {f"conversation.{name}": talk.values.get(name, "") for name in named}
        lists = {"history": talk.history, "messages": [*talk.history, {"role": "user", "content": prompt}]}
        values |= {name: json.dumps(messages) for name, messages in lists.items()}
    # What the app has set is sent back as it came: its braces are not ours to fill.
    parts = (filled(headers or {}, values), session.headers, filled(route.headers, values))
    lowered = [(name.lower(), value) for part in parts for name, value in part.items()]
    made = dict(lowered)
    if cookies := [value for name, value in lowered if name == "cookie"]:
        made["cookie"] = "; ".join(cookies)  # one header (RFC 6265 section 5.4): none takes the place of a login's
    body = encoded(filled(route.body, values, lists), made)
    return {"method": route.method, "path": filled_path(route.path, values), "headers": made, "body": body}


def encoded(body: Any, headers: dict[str, str]) -> bytes:
    """A body as bytes: a text as it is, anything else as JSON, which `headers` then say unless they say something else."""
    if not isinstance(body, str | None):
        headers.setdefault("content-type", "application/json")
        body = json.dumps(body)
    return (body or "").encode(errors="replace")  # apps may send lone surrogates in what is taken


def filled(value: Any, values: Mapping[str, str], lists: Mapping[str, list[dict[str, str]]] | None = None) -> Any:
    """A body, or a text, with ``{name}`` and ``{env.NAME}`` filled in; a text that is only the name of a list becomes it."""
    if isinstance(value, str):
        if lists and value[:1] == "{" and value[1:-1] in lists and value[-1:] == "}":
            return lists[value[1:-1]]
        return fill(value, {**environment_values(value), **values})
    if isinstance(value, Mapping):
        return {k: filled(v, values, lists) for k, v in value.items()}
    return [filled(v, values, lists) for v in value] if isinstance(value, list) else value


def filled_path(path: str, values: Mapping[str, str]) -> str:
    """A path with ``{name}`` and ``{env.NAME}`` filled in, percent-encoded."""
    return fill(
        path, {k: quote(v, safe="", errors="replace") for k, v in {**environment_values(path), **values}.items()}
    )


def environment_values(text: str) -> dict[str, str]:
    """What ``{env.NAME}`` in a text stands for: variables of brownout's own environment."""
    wanted = (name for name in placeholders(text) if name.startswith("env."))
    return {name: os.environ[name[4:]] for name in wanted if name[4:] in os.environ}
