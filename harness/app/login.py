"""Logging users in before the load begins."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from brownout.faults.values.errors import SetupError
from brownout.harness.app.answers.values import ABSENT, parsed, shown, values
from brownout.harness.app.request import filled
from brownout.harness.app.session import Session
from brownout.harness.config.access import LoginSpec
from brownout.harness.config.app import AppConfig

__all__ = ["log_in"]

AT_ONCE = 8
PATIENCE = 30.0
"""Seconds that a login may take."""


def log_in(config: AppConfig, base_url: str, users: Mapping[str, str]) -> dict[str, Session]:
    """A session for each user, or for each tenant ('' where there are none), as `login.each` says.

    `users` maps each user to its tenant. Raises SetupError for a login that fails, without what it sent.
    """
    login = config.login
    assert login is not None
    each = users if login.each == "user" else {tenant: tenant for tenant in users.values()}

    def one(name: str, tenant: str) -> Session:
        headers = config.tenants[tenant].headers if tenant in config.tenants else {}
        user = name if login.each == "user" else "user-0"
        return _log_in(base_url, login, headers, {"user": user, "tenant": tenant})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = {name: pool.submit(one, name, tenant) for name, tenant in each.items()}
        return {name: future.result() for name, future in made.items()}


def _log_in(base_url: str, login: LoginSpec, tenant_headers: Mapping[str, str], who: Mapping[str, str]) -> Session:
    whom = f"tenant {who['tenant']}" if who["tenant"] and login.each == "tenant" else who["user"]
    place = f"login: {login.method} {login.path}"
    try:
        # A client for each login: its cookies are this user's alone. Redirects are not followed; their cookies count.
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            reply = client.request(
                login.method,
                base_url + login.path,
                headers={k: filled(v, who) for k, v in {**tenant_headers, **login.headers}.items()},
                json=filled(login.body, who),
                data=filled(login.form, who) or None,
            )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
        raise SetupError(f"{place} failed for {whom}: {type(e).__name__}") from None
    if reply.status_code >= 400:
        raise SetupError(f"{place} answered {reply.status_code} for {whom}: check login: in brownout.yaml")
    cookies = "; ".join(f"{name}={value}" for name, value in reply.cookies.items())
    return Session({"cookie": cookies} if cookies else {}, _taken(login, reply, place))


def _taken(login: LoginSpec, reply: httpx.Response, place: str) -> dict[str, str]:
    if not login.take:
        return {}
    document = parsed(reply.text)
    if document is ABSENT:
        raise SetupError(f"{place}: the reply is no JSON, so nothing can be taken from it ({', '.join(login.take)})")
    found = {}
    for name, path in login.take.items():
        seen = values(path, document)
        if not seen or not shown(seen[0]):
            keys = ", ".join(document) if isinstance(document, dict) else type(document).__name__
            raise SetupError(f"{place}: {path} finds nothing for login.take.{name}; the reply has: {keys[:200]}")
        found[name] = shown(seen[0])
    return found
