"""Logging users in before the load begins."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

import httpx

from brownout.faults.values.errors import SetupError
from brownout.harness.app.answers.values import ABSENT, parsed, shown, values
from brownout.harness.app.request import encoded, filled, filled_path
from brownout.harness.app.session import Session
from brownout.harness.config.access import LoginSpec
from brownout.harness.config.app import AppConfig

__all__ = ["log_in"]

AT_ONCE = 8
PATIENCE = 30.0
"""Seconds that each step of a login may take: connecting, sending, and each wait for more of the reply."""


def log_in(config: AppConfig, base_url: str, users: Mapping[str, str]) -> dict[str, Session]:
    """A session for each user, or for each tenant ('' where there are none), as `login.each` says.

    `users` maps each user to its tenant. A tenant logs in as ``user-0``. Redirects are not followed. Raises SetupError for
    the first login that fails, without what it sent or got; logins that have not begun are then left out.
    """
    login = config.login
    assert login is not None
    each = users if login.each == "user" else {tenant: tenant for tenant in users.values()}
    trusted = ssl.create_default_context()  # made once: to read all certificates takes longer than a login

    def one(name: str, tenant: str) -> Session:
        headers = config.tenants[tenant].headers if tenant in config.tenants else {}
        user = name if login.each == "user" else "user-0"
        return _session(login, _reply(login, base_url, headers, {"user": user, "tenant": tenant}, trusted))

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        made = {name: pool.submit(one, name, tenant) for name, tenant in each.items()}
        return {name: future.result() for name, future in made.items()}
    finally:
        pool.shutdown(cancel_futures=True)


def _reply(
    login: LoginSpec, base_url: str, tenant_headers: Mapping[str, str], who: Mapping[str, str], trusted: ssl.SSLContext
) -> httpx.Response:
    place = f"login: {login.method} {login.path}"
    name = who[login.each]
    whom = f"{login.each} {name}" if name else "all users"
    try:
        parts = ({"user-agent": "brownout"}, filled(tenant_headers, who), filled(login.headers, who))
        headers = {name.lower(): value for part in parts for name, value in part.items()}
        if login.form:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
            body = urlencode(filled(login.form, who)).encode()
        else:
            body = encoded(filled(login.body, who), headers)
        request = httpx.Request(
            login.method,
            base_url + filled_path(login.path, who),
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            content=body,
            extensions={"timeout": httpx.Timeout(PATIENCE).as_dict()},
        )
        # Not by a client: it has its own way with cookies and proxies.
        with httpx.HTTPTransport(verify=trusted, trust_env=False) as transport:
            reply = transport.handle_request(request)
            reply.read()
    except httpx.TimeoutException:
        raise SetupError(f"{place} did not answer for {whom} within {PATIENCE:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:  # their texts may hold a secret
        raise SetupError(f"{place} failed for {whom}: {type(e).__name__}") from None
    if reply.status_code >= 400:
        raise SetupError(f"{place} answered {reply.status_code} for {whom}: {_hint(reply.status_code)}")
    if reply.status_code >= 300 and "set-cookie" not in reply.headers and not login.take:
        path = urlsplit(reply.headers.get("location", "")).path[:100]  # a query may hold a secret
        to = f"sent {whom} on to {path}" if path else f"answered {reply.status_code} for {whom}"
        raise SetupError(f"{place} {to} without a cookie: was the login refused?")
    return reply


def _hint(status: int) -> str:
    if status in (401, 403):
        return "are the credentials in login: right? Secrets come from brownout's own environment, {env.NAME}"
    if status in (404, 405):
        return "compare its path and method with the app's"
    if status == 429:
        return "does the app limit logins? each: tenant needs fewer of them than each: user"
    return "see the app's output" if status >= 500 else "compare its body, form and headers with what the app expects"


def _session(login: LoginSpec, reply: httpx.Response) -> Session:
    cookies = _cookies(value.decode("latin-1") for name, value in reply.headers.raw if name.lower() == b"set-cookie")
    return Session({"cookie": cookies} if cookies else {}, _taken(login, reply))


def _cookies(lines: Iterable[str]) -> str:
    """The cookie header of a user who was sent these Set-Cookie headers.

    Attributes other than the time of expiry say for which requests a cookie is meant: all that the load sends.
    """
    kept: dict[str, str] = {}
    for line in lines:
        pair, *attributes = line.split(";")
        name, is_pair, value = pair.partition("=")
        if is_pair and not _expired(attributes):
            kept[name.strip()] = value.strip()
        else:
            kept.pop(name.strip(), None)
    return "; ".join(f"{name}={value}" for name, value in kept.items())


def _expired(attributes: Iterable[str]) -> bool:
    """Whether the attributes of a cookie delete it (RFC 6265 section 5.3: Max-Age goes before Expires)."""
    said = {name.strip().lower(): value.strip() for name, _, value in (a.partition("=") for a in attributes)}
    try:
        if "max-age" in said:
            return int(said["max-age"]) <= 0
        return "expires" in said and parsedate_to_datetime(said["expires"]).timestamp() <= time.time()
    except (ValueError, OverflowError):
        return False


def _taken(login: LoginSpec, reply: httpx.Response) -> dict[str, str]:
    place = f"login: {login.method} {login.path}"
    document = parsed(reply.text) if login.take else None
    if document is ABSENT:
        raise SetupError(f"{place}: the reply is no JSON, so nothing can be taken from it ({', '.join(login.take)})")
    found = {}
    for name, path in login.take.items():
        seen = values(path, document)
        found[name] = shown(seen[0]) if seen else ""
        if not found[name]:
            # Names alone: the values may be secrets.
            has = f"has {', '.join(document) or 'nothing in it'}" if isinstance(document, dict) else "is no JSON object"
            raise SetupError(f"{place}: {path} of login.take.{name} finds nothing; the reply {has[:200]}")
    return found
