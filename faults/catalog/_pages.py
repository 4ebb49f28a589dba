"""Bodies that are not the provider's: what an edge, a proxy or a wrong address answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus

from brownout.faults.values.fault import Call
from brownout.faults.values.reply import Action, Data, End, Head

__all__ = ["edge_page", "empty", "phrase", "plain_text", "site_page"]

_EDGE: Mapping[int, tuple[str, str]] = {
    502: ("Bad gateway", "The origin sent a reply that could not be used."),
    504: ("Gateway time-out", "The origin did not answer in time."),
    520: (
        "Web server is returning an unknown error",
        "The origin sent a reply that is empty, or that nobody expected.",
    ),
    521: ("Web server is down", "The origin refused the connection."),
    522: ("Connection timed out", "No connection to the origin came about in time."),
    523: ("Origin is unreachable", "There is no route to the origin."),
    524: ("A timeout occurred", "The origin took the connection, but did not answer within 100 seconds."),
    525: ("SSL handshake failed", "No secure connection to the origin came about."),
}
"""The edge's own statuses: titles, as in Cloudflare's documentation of its 5xx errors, and what happened."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en-US">
<head>
<title>{host} | {status}: {title}</title>
<meta charset="UTF-8" />
<meta name="robots" content="noindex, nofollow" />
<meta name="viewport" content="width=device-width,initial-scale=1" />
<link rel="stylesheet" href="/cdn-cgi/styles/main.css" />
</head>
<body>
<div id="cf-wrapper">
  <header>
    <h1>{title} <span>Error code {status}</span></h1>
    <p>Visit <a href="https://www.cloudflare.com/5xx-error-landing">cloudflare.com</a> for more information.</p>
    <p>{time} UTC</p>
  </header>
  <section>
    <div id="cf-browser-status"><span>You</span> <h3>Browser</h3> <span>Working</span></div>
    <div id="cf-cloudflare-status"><span>Frankfurt</span> <h3>Cloudflare</h3> <span>Working</span></div>
    <div id="cf-host-status"><span>{host}</span> <h3>Host</h3> <span>Error</span></div>
  </section>
  <section>
    <h2>What happened?</h2>
    <p>{message}</p>
    <h2>What can I do?</h2>
    <p>Please try again in a few minutes.</p>
  </section>
  <footer>
    <span>Cloudflare Ray ID: <strong>{ray}</strong></span> &bull; <span>Your IP: {address}</span> &bull;
    <span>Performance &amp; security by Cloudflare</span>
  </footer>
</div>
</body>
</html>
"""
_SITE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8" /><title>Welcome</title><script type="module" src="/assets/index.js"></script></head>
<body><div id="root"></div><noscript>{message}</noscript></body>
</html>
"""
_HTML, _TEXT = "text/html; charset=UTF-8", "text/plain"
_HOST = "api.example.com"
_ADDRESS = "203.0.113.7"
"""The client's address, which such pages show: one of those that RFC 5737 keeps for examples."""


def edge_page(call: Call, status: int, message: str = "") -> tuple[Action, ...]:
    """An error page in the shape of Cloudflare's, marked so that it is recognised where it leaks."""
    title, usual = _EDGE.get(status, (phrase(status), "The request could not be answered."))
    page = _PAGE.format(
        host=_HOST,
        status=status,
        title=escape(title),
        time=datetime.fromtimestamp(call.stamp.created, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        message=_said(call, escape(message or usual)),
        ray=_ray(call),
        address=_ADDRESS,
    )
    return _reply(status, page, ("content-type", _HTML), *_edge(call))


def site_page(call: Call) -> tuple[Action, ...]:
    """The start page of a web site, with status 200: what a wrong base URL leads to."""
    return _reply(200, _SITE.format(message=_said(call, "Please enable JavaScript.")), ("content-type", _HTML))


def plain_text(call: Call, status: int, message: str = "") -> tuple[Action, ...]:
    """One line of text, as proxies such as Envoy answer."""
    return _reply(status, _said(call, message or phrase(status)), ("content-type", _TEXT), ("server", "envoy"))


def empty(call: Call, status: int) -> tuple[Action, ...]:
    """An edge's reply without a body."""
    return (Head(status, _edge(call), 0), End())


def phrase(status: int) -> str:
    """The name of a status; of one that has none, the name of its class."""
    names = {s.value: s.phrase for s in HTTPStatus}
    return names.get(status) or ("Client Error" if status < 500 else "Server Error")


def _reply(status: int, text: str, *headers: tuple[str, str]) -> tuple[Action, ...]:
    body = text.encode()
    return (Head(status, headers, len(body)), Data(body), End())


def _said(call: Call, text: str) -> str:
    mark, _ = call.scribe.error()
    return f"{text} {mark}"


def _edge(call: Call) -> tuple[tuple[str, str], ...]:
    return (("server", "cloudflare"), ("cf-ray", f"{_ray(call)}-FRA"))


def _ray(call: Call) -> str:
    return call.stamp.id[:16]
