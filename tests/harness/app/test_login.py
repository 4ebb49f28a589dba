"""Logging in at a small real server: what is sent, what is kept, and what an error tells."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from brownout.faults.values.errors import SetupError
from brownout.harness.app import login as module
from brownout.harness.app.login import log_in
from brownout.harness.app.session import Session
from brownout.harness.config.access import LoginSpec, TenantSpec
from brownout.harness.config.answer import AnswerSpec
from brownout.harness.config.app import AppConfig, AppSpec
from brownout.harness.config.route import RouteSpec

SECRET = "pässword-s3cret"
TENANTS = {"acme": TenantSpec({"X-Tenant": "acme"}), "globex": TenantSpec({"X-Tenant": "globex"})}


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class App:
    """`answer` makes status, headers and body of a reply from what was asked."""

    url: str = ""
    answer: Callable[[Asked], tuple[int, list[tuple[str, str]], str]] = lambda _: (200, [], "{}")
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def app() -> Iterator[App]:
    made = App()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
            asked = Asked(self.command, self.path, headers, body)
            made.asked.append(asked)
            status, said, text = made.answer(asked)
            self.send_response(status)
            for name, value in [*said, ("content-length", str(len(text.encode())))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.request_queue_size = 100
    server.server_bind()
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def config(tenants: dict[str, TenantSpec] | None = None, **login: Any) -> AppConfig:
    routes = {"chat": RouteSpec("/", AnswerSpec(json="$.a"), body="{prompt}")}
    return AppConfig(
        AppSpec(url="http://127.0.0.1:1"), routes, tenants=tenants or {}, login=LoginSpec(**{"path": "/login"} | login)
    )


def test_tenants_log_in_once_with_their_headers(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", SECRET)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    def answer(asked: Asked) -> tuple[int, list[tuple[str, str]], str]:
        return 200, [("set-cookie", f"sid={asked.headers['x-tenant']}; Path=/")], json.dumps({"access": {"token": 17}})

    app.answer = answer
    sent = {"tenant": "{tenant}", "as": "{user}", "password": "{env.BROWNOUT_SECRET}"}
    made = config(TENANTS, body=sent, headers={"x-Key": "k-{tenant}"}, take={"token": "$.access.token"})
    sessions = log_in(made, app.url, {"user-0": "acme", "user-1": "globex", "user-2": "acme"})
    assert sessions == {t: Session({"cookie": f"sid={t}"}, {"token": "17"}) for t in ("acme", "globex")}
    assert len(app.asked) == 2
    for asked in app.asked:
        tenant = asked.headers["x-tenant"]
        assert json.loads(asked.body) == {"tenant": tenant, "as": "user-0", "password": SECRET}
        assert asked.headers["x-key"] == f"k-{tenant}"
        assert asked.headers["content-type"] == "application/json"
        assert "cookie" not in asked.headers, "nobody has another's cookies"
        assert (asked.method, asked.path) == ("POST", "/login")


def test_users_log_in_each(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", "a&b")
    app.answer = lambda asked: (200, [("set-cookie", f"u={parse_qs(asked.body)['name'][0]}")], "")
    form = {"name": "{user}", "password": "{env.BROWNOUT_SECRET}"}
    users = {f"user-{i}": "acme" if i % 2 else "globex" for i in range(20)}
    sessions = log_in(config(TENANTS, each="user", form=form, path="/{tenant}/login?u={user}"), app.url, users)
    assert sessions == {user: Session({"cookie": f"u={user}"}) for user in users}
    for asked in app.asked:
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(asked.body)["password"] == ["a&b"]
    paths = {asked.path for asked in app.asked}
    assert paths == {f"/{tenant}/login?u={user}" for user, tenant in users.items()}


def test_without_tenants_all_users_share_a_session(app: App) -> None:
    app.answer = lambda _: (200, [], '"the-token"')
    made = config(method="GET", take={"token": "$"})
    assert log_in(made, app.url, {"user-0": "", "user-1": ""}) == {"": Session({}, {"token": "the-token"})}
    assert [(a.method, a.body) for a in app.asked] == [("GET", "")]
    assert "content-type" not in app.asked[0].headers


def test_a_text_is_sent_as_it_is(app: App) -> None:
    log_in(config(body="u={user}", headers={"content-type": "text/x", "x-latin": "é"}), app.url, {"a": ""})
    assert (app.asked[0].body, app.asked[0].headers["content-type"]) == ("u=user-0", "text/x")
    assert app.asked[0].headers["x-latin"] == "é"


def test_all_cookies_become_one_header(app: App) -> None:
    """As they came: neither their domain nor their path nor their quotes matter to a load that sends to one app."""
    cookies = [
        "sid=abc==; Path=/app; HttpOnly; Secure; SameSite=Lax",
        'quoted="a b"; Domain=shop.example.org',
        "name=old",
        "name=n\u00e9w; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "flash=gone; Max-Age=0",
        "other=kept",
        "other=; expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "later=yes; Expires=Fri, 31 Dec 2100 23:59:59 GMT",
        "odd=; Max-Age=soon",
        "no cookie at all",
    ]
    app.answer = lambda _: (303, [("location", "/home"), *(("Set-Cookie", c) for c in cookies)], "")
    sessions = log_in(config(), app.url, {"a": ""})
    header = 'sid=abc==; quoted="a b"; name=n\u00e9w; later=yes; odd='
    assert sessions == {"": Session({"cookie": header})}
    assert len(app.asked) == 1, "redirects are not followed"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "are the credentials in login: right?"),
        (404, "compare its path and method"),
        (422, "compare its body, form and headers"),
        (429, "does the app limit logins?"),
        (503, "see the app's output"),
    ],
)
def test_a_login_that_is_refused(app: App, status: int, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", SECRET)
    app.answer = lambda asked: (status, [("set-cookie", f"sid={SECRET}")], asked.body)
    with pytest.raises(SetupError) as caught:
        log_in(config(TENANTS, body=["{env.BROWNOUT_SECRET}"]), app.url, {"user-5": "acme"})
    assert str(caught.value).startswith(f"login: POST /login answered {status} for tenant acme: {hint}")
    assert SECRET not in str(caught.value)
    with pytest.raises(SetupError, match=f"answered {status} for user user-5"):
        log_in(config(TENANTS, each="user"), app.url, {"user-5": "acme"})
    with pytest.raises(SetupError, match=f"answered {status} for all users"):
        log_in(config(), app.url, {"user-5": ""})


def test_a_redirect_without_a_cookie_is_no_login(app: App) -> None:
    app.answer = lambda _: (302, [("location", f"https://sso.example.org/login?token={SECRET}")], "")
    with pytest.raises(SetupError) as caught:
        log_in(config(), app.url, {"a": ""})
    assert (
        str(caught.value) == "login: POST /login sent all users on to /login without a cookie: was the login refused?"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps({"access_token": SECRET, "user": {}}), "the reply has access_token, user"),
        (json.dumps({"token": None}), "the reply has token"),
        (json.dumps({"token": "", SECRET[:0] + "x" * 500: 1}), "the reply has token, xxx"),
        ("{}", "the reply has nothing in it"),
        (json.dumps([SECRET]), "the reply is no JSON object"),
    ],
)
def test_a_value_that_is_missing(app: App, body: str, said: str) -> None:
    app.answer = lambda _: (200, [("set-cookie", f"sid={SECRET}")], body)
    with pytest.raises(SetupError) as caught:
        log_in(config(take={"mine": "$.token"}), app.url, {"a": ""})
    text = str(caught.value)
    assert text.startswith(f"login: POST /login: $.token of login.take.mine finds nothing; {said}")
    assert SECRET not in text
    assert len(text) < 300


def test_a_reply_that_is_no_json(app: App) -> None:
    app.answer = lambda _: (200, [], f"<html>{SECRET}</html>")
    with pytest.raises(SetupError, match=r"the reply is no JSON, so nothing can be taken from it \(token\)$"):
        log_in(config(take={"token": "$.t"}), app.url, {"a": ""})


@pytest.mark.parametrize(
    ("secret", "said"),
    [("line\nfeed", "LocalProtocolError"), ("\u20ac", "UnicodeEncodeError")],
)
def test_a_secret_that_no_header_can_hold(app: App, secret: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", secret)
    with pytest.raises(SetupError) as caught:
        log_in(config(headers={"x": "{env.BROWNOUT_SECRET}"}), app.url, {"a": ""})
    assert str(caught.value) == f"login: POST /login failed for all users: {said}"


def test_nobody_listens_or_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}"
        with pytest.raises(SetupError, match="login: POST /login failed for all users: ConnectError"):
            log_in(config(), url, {"a": ""})
        s.listen()
        monkeypatch.setattr(module, "PATIENCE", 0.2)
        with pytest.raises(SetupError, match=r"did not answer for all users within 0\.2 s"):
            log_in(config(), url, {"a": ""})


def test_eight_at_once_until_one_fails(app: App) -> None:
    lock, now, most = threading.Lock(), Counter[str](), 0

    def answer(asked: Asked) -> tuple[int, list[tuple[str, str]], str]:
        nonlocal most
        with lock:
            now["going"] += 1
            most = max(most, now["going"])
        time.sleep(0.1)
        with lock:
            now["going"] -= 1
        return (500 if refused and asked.body == "user-0" else 200), [], ""

    app.answer, refused = answer, False
    users = {f"user-{i}": "" for i in range(40)}
    made = config(each="user", body="{user}")
    assert list(log_in(made, app.url, users)) == list(users)
    assert most == 8
    refused = True
    app.asked.clear()
    with pytest.raises(SetupError, match="answered 500 for user user-0"):
        log_in(made, app.url, users)
    assert len(app.asked) <= 24, "logins that have not begun are left out"


def test_what_a_tenant_says_twice_is_said_once(app: App) -> None:
    tenants = {"acme": replace(TENANTS["acme"], headers={"X-Key": "tenant"})}
    log_in(config(tenants, headers={"x-key": "login"}), app.url, {"a": "acme"})
    assert app.asked[0].headers["x-key"] == "login"
