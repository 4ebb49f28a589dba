"""Backends elsewhere: two clocks, runs that get into each other's way, and what is no brownout serve."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from brownout.faults.doors import admin as admin_api
from brownout.faults.doors.admin import Admin
from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.doors.process import ProcessConfig
from brownout.faults.doors.server import Server
from brownout.faults.model.spec import BackendSpec, Speed
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_plan
from brownout.faults.plans.plan import FaultPlan, Window
from brownout.faults.values.clock import RealClock
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.errors import ConfigError, SetupError
from brownout.faults.values.sink import Memory
from brownout.harness.app.running import free_port
from brownout.harness.backends import BackendProcess
from brownout.harness.prompts import marked
from brownout.harness.remote import RemoteBackends

SECRET = "the token of these tests"
SPEC = BackendSpec(speed=Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0)))


class Ahead(RealClock):
    """The clock of another machine."""

    def __init__(self, seconds: float) -> None:
        self._ns = round(seconds * 1e9)

    def now_ns(self) -> int:
        return super().now_ns() + self._ns


@dataclass
class There:
    url: str

    @property
    def run(self) -> str:
        """The run that holds it."""
        status = httpx.get(
            f"{self.url}/_brownout/status", headers={"authorization": f"Bearer {SECRET}"}, trust_env=False
        )
        return str(status.json()["run"])


@contextmanager
def served(port: int = 0, ahead: float = 0.0) -> Iterator[There]:
    """What ``brownout serve`` serves, with a clock that is some seconds ahead."""
    shared, clock = Shared(1, Codec("serve")), Ahead(ahead)
    admin = Admin(SECRET, (FaultPlan(), shared))
    backends = {"primary": Backend("primary", SPEC, FaultPlan(), shared)}
    server = Server(backends, Memory(), clock.now_ns(), clock, on_call=admin.note, admin=admin)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        origins = asyncio.run_coroutine_threadsafe(server.listen(ports={"primary": port}), loop).result(10)
        admin.attach(server, origins)
        yield There(origins["primary"])
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


SEED, KEY = 7, "key"
USERS = {number: f"user {number // 2}" for number in range(12)}


def config_in(folder: Path, rule: str = "{http_error: {status: 503}}", seconds: float = 0.4) -> ProcessConfig:
    """A run whose backend fails in the first seconds of its plan."""
    plan = parse_plan(Document.parse(f"faults: [{rule}]", "x"), None).within(Window(0.0, seconds))
    return ProcessConfig(SEED, KEY, time.monotonic_ns(), folder / "calls.jsonl", {"primary": SPEC}, plan, users=USERS)


def ask(origin: str, prompt: str = "Why?") -> int:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    return httpx.post(f"{origin}/v1/chat/completions", json=body, trust_env=False).status_code


def records_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def folder_of(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


@pytest.mark.parametrize("ahead", [-4321.5, 0.0, 86_000.25])
def test_a_plan_begins_when_it_is_due_by_any_clock(tmp_path: Path, ahead: float) -> None:
    with served(ahead=ahead) as there:
        config = config_in(tmp_path)
        backends = RemoteBackends.start(tmp_path, config, there.url, SECRET)
        backends.begin(time.monotonic_ns() + 200_000_000)
        said = [ask(there.url)]
        time.sleep(0.3)
        before = (time.monotonic_ns() - config.origin_ns) / 1e9
        said.append(ask(there.url))
        after = (time.monotonic_ns() - config.origin_ns) / 1e9
        time.sleep(0.5)
        said.append(ask(there.url))
        time.sleep(0.1)
        backends.stop()
    assert said == [200, 503, 200]
    found = records_in(tmp_path)
    assert [r["status"] for r in found] == said
    near = backends.uncertainty
    assert near < 0.05
    times = [found[1]["arrived"], *(at for action in found[1]["actions"] for at in action[1:3])]
    assert all(before - near <= at <= after + near + 0.02 for at in times)


def test_what_is_recorded_is_what_backends_of_our_own_record(tmp_path: Path) -> None:
    """The same users are hit, and the same texts made; only the times are others."""
    here, away = folder_of(tmp_path, "here"), folder_of(tmp_path, "away")
    said: list[list[int]] = []
    with served(ahead=50.0) as there:
        config = config_in(here, "{http_error: {status: 503}, per_user: 50%}", 60.0)
        for backends in (
            BackendProcess.start(here, config),
            RemoteBackends.start(away, config, there.url, SECRET),
        ):
            try:
                backends.begin(time.monotonic_ns())
                time.sleep(0.02)
                prompts = [marked(Codec(KEY), number, SEED) for number in USERS]
                said.append([ask(backends.origins["primary"], prompt) for prompt in prompts])
                time.sleep(0.1)
                backends.check()
            finally:
                backends.stop()
    assert said[0] == said[1]
    assert set(said[0]) == {200, 503}
    assert said[0][::2] == said[0][1::2], "both requests of a user"
    assert len(records_in(here)) == len(USERS)

    def timeless(record: dict[str, Any]) -> dict[str, Any]:
        kinds = [[a[0], a[3]] for a in record["actions"]]
        return {**{k: v for k, v in record.items() if k not in ("arrived", "ended")}, "actions": kinds}

    assert list(map(timeless, records_in(away))) == list(map(timeless, records_in(here)))


def test_a_run_that_another_one_pushed_out_is_told(tmp_path: Path) -> None:
    with served() as there:
        first, second = (
            RemoteBackends.start(folder, config_in(folder), there.url, SECRET)
            for folder in (folder_of(tmp_path, "first"), folder_of(tmp_path, "second"))
        )
        with pytest.raises(SetupError, match=r"the run second-\w+ has taken them over"):
            first.check()
        with pytest.raises(SetupError, match=r"second-\w+ holds the backends now"):
            first.begin(time.monotonic_ns())
        with pytest.raises(SetupError, match="taken them over"):
            first.stop()
        assert there.run.startswith("second-"), "it ends no run but its own"
        second.stop()
        assert there.run == ""


def test_backends_that_were_started_again_are_noticed(tmp_path: Path) -> None:
    port = free_port()
    with served(port) as there:
        backends = RemoteBackends.start(tmp_path, config_in(tmp_path), there.url, SECRET)
    with served(port), pytest.raises(SetupError, match="they were started again"):
        backends.check()
    with pytest.raises(SetupError, match="cannot be reached"):
        backends.stop()


def test_calls_that_were_dropped_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_api, "MOST_CALLS", 2)
    with served() as there:
        backends = RemoteBackends.start(tmp_path, config_in(tmp_path), there.url, SECRET)
        for _ in range(3):
            ask(there.url)
        time.sleep(0.1)
        with pytest.raises(SetupError, match="dropped 1 calls"):
            backends.stop()
        assert there.run == "", "the run is ended all the same"


def test_stopping_hides_no_interrupt(tmp_path: Path) -> None:
    with served() as there:
        backends = RemoteBackends.start(tmp_path, config_in(tmp_path), there.url, SECRET)

    def interrupted() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            backends.stop()

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_calls_of_the_app_between_runs_belong_to_none(tmp_path: Path) -> None:
    with served() as there:
        ask(there.url)
        backends = RemoteBackends.start(tmp_path, config_in(tmp_path), there.url, SECRET)
        ask(there.url)
        time.sleep(0.1)
        backends.stop()
        ask(there.url)
    assert len(records_in(tmp_path)) == 1


@pytest.mark.parametrize("url", ["127.0.0.1:8099", "localhost", "", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_an_address_is_one(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("http://127.0.0.1:8099, not")):
        RemoteBackends.start(tmp_path, config_in(tmp_path), url, SECRET)


@pytest.mark.parametrize("token", ["t\u00f6ken", "token\n", " token", "to\x00ken"])
def test_a_token_fits_into_a_header(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigError, match="BROWNOUT_TOKEN"):
        RemoteBackends.start(tmp_path, config_in(tmp_path), "http://127.0.0.1:1", token)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, "[]", "something else answers there"),
        (200, "<html>", "something else answers there"),
        (200, "{}", "something else answers there"),
        (200, '{"protocol": 99}', "speak version 99"),
        (404, "{}", "no brownout serve with an admin API"),
        (403, '{"error": "no"}', "GET /status answered 403"),
    ],
)
def test_what_is_no_brownout_serve(tmp_path: Path, status: int, body: str, said: str) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(SetupError, match=said):
                RemoteBackends.start(tmp_path, config_in(tmp_path), f"http://127.0.0.1:{server.server_port}", SECRET)
        finally:
            server.shutdown()
            thread.join()
