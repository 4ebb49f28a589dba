"""The admin API by itself, and over a socket beside the calls that it steers."""

import asyncio
import json
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
    [({}, 401), ({"authorization": "Bearer wrong"}, 401), ({**AUTH, "origin": "http://evil"}, 403), (AUTH, 200)],
)
def test_the_token_is_needed_and_browsers_are_refused(running: Running, headers: dict[str, str], status: int) -> None:
    reply = running.client.get(running.origins["primary"] + ADMIN + "/status", headers=headers)
    assert reply.status_code == status
    sink: Any = running.server.sink
    assert sink.records == [], "an admin request is no call"


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
    assert where == {"from": 1, "to": 3, "of": 3}
    assert [c["status"] for c in calls] == [200, 429]
    assert running.admin_of("GET", "/calls?after=3").text.count("\n") == 1
    assert running.server.backends["primary"].shared.users == {3: "dana"}
    running.admin_of("POST", "/end", json={})
    assert running.ask().status_code == 200


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


@settings(max_examples=300, deadline=None)
@given(methods, paths, bodies)
def test_nothing_that_is_sent_breaks_it(method: str, path: str, body: bytes) -> None:
    shared = Shared(1, Codec("test"))
    admin = Admin(TOKEN, (FaultPlan(), shared))
    server = Server({"primary": Backend("primary", BackendSpec(), FaultPlan(), shared)}, Memory(), 0, admin=admin)
    admin.attach(server, {"primary": "http://127.0.0.1:1"})
    told = admin.handle(WireRequest(method, ADMIN + path, AUTH, body))
    assert told.status in (200, 400, 404)
    assert told.body.endswith(b"\n")
