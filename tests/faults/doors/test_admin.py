"""The admin API by itself, and over a socket beside the calls that it steers."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.doors.admin import ADMIN, Admin
from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.doors.server import Server
from brownout.faults.model.spec import AnswerRule, BackendSpec, Speed
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_plan
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.plans.wire import to_data
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.sink import Memory

TOKEN = "open sesame"
AUTH = {"authorization": f"Bearer {TOKEN}"}
FAST = Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0))
ASK = {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}


class Recorder(Memory):
    def __init__(self, admin: Admin) -> None:
        super().__init__()
        self.admin = admin

    def put(self, record: Any) -> None:
        super().put(record)
        self.admin.note(record)


@dataclass
class Running:
    server: Server
    admin: Admin
    origins: dict[str, str]
    client: httpx.Client

    def ask(self, backend: str = "primary", path: str = "/v1/chat/completions") -> httpx.Response:
        return self.client.post(self.origins[backend] + path, json=ASK)

    def admin_of(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, self.origins["primary"] + ADMIN + path, headers=AUTH, **more)


@pytest.fixture
def running() -> Iterator[Running]:
    """Three backends: one on its own port, two that share one by prefix."""
    shared = Shared(1, Codec("test"))
    specs = {
        "primary": BackendSpec(speed=FAST),
        "a": BackendSpec(speed=FAST, prefix="/a", answers=(AnswerRule("from a"),)),
        "longer": BackendSpec(speed=FAST, prefix="/a/b", answers=(AnswerRule("from longer"),)),
    }
    admin = Admin(TOKEN, (FaultPlan(), shared))
    backends = {name: Backend(name, spec, FaultPlan(), shared) for name, spec in specs.items()}
    server = Server(backends, Recorder(admin), time.monotonic_ns(), admin=admin)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        origins = asyncio.run_coroutine_threadsafe(server.listen(), loop).result(10)
        admin.attach(server, origins)
        server.begin(time.monotonic_ns())
        with httpx.Client(trust_env=False) as client:
            yield Running(server, admin, origins, client)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_prefixes_share_a_port_and_the_longest_wins(running: Running) -> None:
    a, longer, primary = (httpx.URL(running.origins[n]) for n in ("a", "longer", "primary"))
    assert a.port == longer.port != primary.port
    assert (a.path, longer.path) == ("/a", "/a/b")

    def said(path: str) -> str:
        reply = running.client.post(str(a.copy_with(path=path)), json=ASK)
        return (
            str(reply.json()["choices"][0]["message"]["content"])
            if reply.status_code == 200
            else str(reply.status_code)
        )

    assert said("/a/v1/chat/completions") == "from a"
    assert said("/a/b/v1/chat/completions") == "from longer"
    assert said("/ab/v1/chat/completions") == "404", "a prefix ends where a part of the path does"
    refused = running.client.post(str(a.copy_with(path="/v1/chat/completions")), json=ASK)
    assert refused.status_code == 404
    assert "/a, /a/b" in refused.json()["error"]["message"]
    sink: Any = running.server.sink
    assert [r["endpoint"] for r in sink.records] == ["chat", "chat", "", ""], "what no backend has is on record too"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"x-brownout-token": "wrong"}, 401),
        ({**AUTH, "origin": "http://evil"}, 403),
        (AUTH, 200),
        ({"x-brownout-token": TOKEN}, 200),
    ],
)
def test_the_token_is_needed_and_browsers_are_refused(running: Running, headers: dict[str, str], status: int) -> None:
    reply = running.client.get(running.origins["primary"] + ADMIN + "/status", headers=headers)
    assert reply.status_code == status
    sink: Any = running.server.sink
    assert sink.records == [], "an admin request is no call"


def test_status_says_where_everything_is(running: Running) -> None:
    status = running.admin_of("GET", "/status").json()
    assert (status["protocol"], status["seed"], status["run"], status["calls"]) == (1, 1, "", 0)
    assert abs(status["now_ns"] - time.monotonic_ns()) < 5e9
    origin = running.origins["longer"]
    assert status["backends"]["longer"] == {
        "dialect": "openai",
        "prefix": "/a/b",
        "origin": origin,
        "base_url": f"{origin}/v1",
    }


def test_faults_of_connections_do_not_concern_the_admin_api(running: Running) -> None:
    running.admin_of("PUT", "/plan", content="faults: [{reset: {at: connection}, scope: {backend: a}}]")
    port = httpx.URL(running.origins["longer"]).port
    assert port is not None
    with pytest.raises(httpx.TransportError):  # the port is that of backend a, too
        httpx.post(running.origins["longer"] + "/v1/chat/completions", json=ASK, trust_env=False)
    for sent in (b"", b"POST /a/v1/models HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(sent)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    sink: Any = running.server.sink
    assert [r["end"] for r in sink.records] == ["reset"] * 4
    with httpx.Client(trust_env=False, headers=AUTH) as client:
        assert client.delete(f"http://127.0.0.1:{port}{ADMIN}/plan").status_code == 200
    assert len(sink.records) == 4, "an admin request is no call"
    assert running.ask("longer").status_code == 200


def test_a_plan_is_changed_while_calls_are_made(running: Running) -> None:
    assert running.ask().status_code == 200
    plan = "faults:\n  - http_error: {status: 503}\n    scope: {backend: primary}\n"
    put = running.admin_of("PUT", "/plan", content=plan)
    assert put.status_code == 200, put.text
    assert running.ask().status_code == 503
    assert running.ask("a").status_code == 200
    (rule,) = running.admin_of("GET", "/plan").json()["faults"]
    assert (rule["label"], rule["fault"], rule["decided"], rule["injected"]) == (
        "http_error",
        "http_error status: 503",
        1,
        1,
    )
    assert running.admin_of("DELETE", "/plan").status_code == 200
    assert running.ask().status_code == 200


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (
            "faults:\n  - http_eror: {status: 503}\n",
            "plan:2:5: faults[0].http_eror: unknown fault or incident 'http_eror'",
        ),
        ("faults:\n  - hang: {}\n    scope: {backend: other}\n", "unknown backend 'other'"),
        ("- x", "a plan is a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_bad_plan_is_told_with_its_place_and_changes_nothing(running: Running, plan: str, said: str) -> None:
    reply = running.admin_of("PUT", "/plan", content=plan)
    assert reply.status_code == 400
    assert said in reply.json()["error"]
    assert running.ask().status_code == 200


def test_a_run_has_its_own_plan_users_and_calls(running: Running) -> None:
    running.ask()
    plan = parse_plan(Document.parse("faults: [{rate_limited: {}}]", "x"), None)
    body = {"run": "r", "seed": 7, "key": "k", "users": {"3": "dana"}, "plan": to_data(plan)}
    status = running.admin_of("POST", "/run", json=body).json()
    assert status["run"] == "r"
    assert running.ask().status_code == 200, "its plan has not begun"
    running.admin_of("POST", "/begin", json={"at_ns": status["now_ns"]})
    assert running.ask().status_code == 429
    where, *calls = map(json.loads, running.admin_of("GET", f"/calls?after={status['calls']}").text.splitlines())
    assert where == {"run": "r", "from": 1, "to": 3, "of": 3}
    assert [c["status"] for c in calls] == [200, 429]
    assert running.admin_of("GET", "/calls?after=3").text.count("\n") == 1
    assert running.server.backends["primary"].shared.users == {3: "dana"}
    running.admin_of("POST", "/end", json={})
    assert running.ask().status_code == 200


RUN: dict[str, Any] = {"run": "r", "seed": 1, "key": "k", "users": {}, "plan": []}


def test_a_run_holds_the_backends_until_it_ends_or_another_begins(running: Running) -> None:
    def answered(method: str, path: str, data: Any = None) -> int:
        return running.admin_of(method, path, json=data).status_code

    now = {"at_ns": time.monotonic_ns()}
    assert answered("POST", "/run", RUN) == 200
    refused = running.admin_of("PUT", "/plan", content="faults: []")
    assert refused.status_code == 409
    assert "the run r holds the backends" in refused.json()["error"]
    assert answered("DELETE", "/plan") == 409
    assert answered("POST", "/run", {**RUN, "run": "other"}) == 200
    assert answered("POST", "/begin", {"run": "r", **now}) == 409
    assert answered("POST", "/end", {"run": "r"}) == 409
    assert running.admin_of("GET", "/status").json()["run"] == "other"
    assert answered("POST", "/begin", {"run": "other", **now}) == 200
    assert running.admin_of("POST", "/end").status_code == 200, "by hand a run is ended without its name"
    assert running.admin_of("PUT", "/plan", content="faults: []").status_code == 200


def test_a_call_that_came_before_a_run_is_none_of_it(running: Running) -> None:
    slow = "faults: [{latency: {seconds: 300ms}}]"
    assert running.admin_of("PUT", "/plan", content=slow).status_code == 200
    early = threading.Thread(
        target=httpx.post, args=(running.origins["a"] + "/v1/chat/completions",), kwargs={"json": ASK}
    )
    early.start()
    time.sleep(0.1)
    running.admin_of("POST", "/run", json=RUN)
    early.join()
    running.ask()
    sink: Any = running.server.sink
    deadline = time.monotonic() + 3
    while len(sink.records) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    _, *calls = map(json.loads, running.admin_of("GET", "/calls").text.splitlines())
    assert [c["backend"] for c in calls] == ["primary"]
    assert len(sink.records) == 2, "it is on record all the same"


RULE = {
    "id": "1",
    "label": "hang",
    "fault": "hang",
    "parameters": {},
    "scope": {},
    "window": [0, None],
    "selectors": {},
}


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        ("/run", {**RUN, "users": []}, "users is missing, or not a mapping"),
        ("/run", {**RUN, "users": {"x": "dana"}}, "invalid literal"),
        ("/run", {**RUN, "seed": True}, "seed is missing, or not a whole number"),
        ("/run", {**RUN, "key": "\ud800"}, "surrogates"),
        ("/run", {**RUN, "run": ""}, "run is empty"),
        ("/run", {**RUN, "plan": [{**RULE, "scope": {"model": 7}}]}, "a scope holds"),
        ("/run", {**RUN, "plan": [{**RULE, "scope": {"streaming": "yes"}}]}, "a scope holds"),
        ("/run", {**RUN, "plan": [{**RULE, "window": [0, float("nan")]}]}, "window"),
        ("/run", {**RUN, "plan": [{**RULE, "window": [10**400, None]}]}, "OverflowError"),
        ("/run", [], "expected a JSON object"),
        ("/begin", {"at_ns": 10**400}, "a time of this server's monotonic clock"),
        ("/begin", {"at_ns": 0.5}, "at_ns is missing, or not a whole number"),
        ("/end", 5, "expected a JSON object"),
    ],
)
def test_what_would_break_calls_is_refused(running: Running, path: str, data: Any, said: str) -> None:
    reply = running.admin_of("POST", path, content=json.dumps(data))
    assert (reply.status_code, said in reply.json()["error"]) == (400, True), reply.text
    assert running.admin_of("GET", "/status").json()["run"] == ""
    assert running.ask().status_code == 200


Sent = tuple[str, str, bytes]
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH"])
paths = st.sampled_from(
    ["/status", "/plan", "/run", "/begin", "/end", "/calls", "/calls?after=x", "/calls?after=-9", "/zz", ""]
)
bodies = st.binary(max_size=40) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["run", "plan", "users", "seed", "at_ns", "key", "faults"]), inner)
    ),
).map(lambda data: json.dumps(data).encode())


values: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([]), st.just({})
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda n: usual if n else values)


def parts(**usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({name: mostly(value) for name, value in usual.items()})


rules = parts(
    id=st.text(),
    label=st.text(),
    fault=st.just("http_error"),
    parameters=parts(status=st.just(503)),
    scope=st.dictionaries(st.sampled_from(["model", "backend", "endpoint", "streaming"]), values, max_size=1),
    window=st.tuples(mostly(st.just(0)), mostly(st.none())),
    selectors=st.just({}) | st.dictionaries(st.sampled_from(["probability", "first_attempts"]), values, max_size=1),
)
runs = parts(
    run=st.just("r"),
    seed=st.integers(),
    key=st.text(),
    users=st.dictionaries(st.integers().map(str), st.text(), max_size=1),
    plan=st.lists(rules, min_size=1, max_size=1),
).map(lambda data: ("POST", "/run", json.dumps(data).encode()))
begins = st.tuples(st.integers(-(10**400), 10**400), st.integers(-(10**13), 10**13)).map(
    lambda at: (
        "POST",
        "/begin",
        json.dumps({"at_ns": at[0] if at[1] % 4 == 0 else time.monotonic_ns() + at[1]}).encode(),
    )
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(methods, paths, bodies), max_size=2), runs, begins)
def test_nothing_that_is_sent_breaks_it(odd: list[Sent], run: Sent, begin: Sent) -> None:
    shared = Shared(1, Codec("test"))
    admin = Admin(TOKEN, (FaultPlan(), shared))
    server = Server({"primary": Backend("primary", BackendSpec(), FaultPlan(), shared)}, Memory(), 0, admin=admin)
    admin.attach(server, {"primary": "http://127.0.0.1:1"})
    for method, path, body in [*odd, run, begin]:
        told = admin.handle(WireRequest(method, ADMIN + path, AUTH, body))
        assert told.status in (200, 400, 404, 409)
        assert told.body.endswith(b"\n")
    call = WireRequest("POST", "/v1/chat/completions", {}, json.dumps(ASK).encode())
    exchange = server.backends["primary"].receive(call, server.plan_time(time.monotonic_ns()), 0)
    next(exchange.watched())
