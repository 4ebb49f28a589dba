"""Health and metrics of an app are read from outside while it is tested."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from brownout.harness.config.start import AppSpec, Watched
from brownout.harness.watch import METRICS, look, probes, watching


class App(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        if self.path in ("/flood", "/drip"):
            self.endless(b"x" * 65536 if self.path == "/flood" else b"x", 0 if self.path == "/flood" else 0.1)
            return
        body = b"requests_total 7\n" if self.path == "/metrics" else b"ok"
        self.send_response(App.status if self.path == "/healthz" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self, piece: bytes, pause: float) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(piece)
                time.sleep(pause)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    App.status = 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_watched_is_read_at_its_times_until_the_end(url: str, tmp_path: Path) -> None:
    app = AppSpec("x {port}", health=Watched("/healthz", 0.2), metrics=Watched("/metrics", 0.3))
    origin = time.monotonic_ns()
    with watching(app, url, origin, tmp_path):
        time.sleep(0.3)
        App.status = 503
        time.sleep(0.6)
    seen = probes(tmp_path)
    assert 4 <= len(seen) <= 6
    assert [p.ok for p in seen] == sorted((p.ok for p in seen), reverse=True)
    assert {p.status for p in seen} == {200, 503}
    assert all(0.1 < b.at - a.at < 0.5 for a, b in pairwise(seen))
    metrics = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert {m["text"] for m in metrics} == {"requests_total 7\n"}
    assert threading.active_count() < 10
    time.sleep(0.5)
    assert len(probes(tmp_path)) == len(seen), "nothing is read after the end"


def test_nothing_is_watched_unasked(url: str, tmp_path: Path) -> None:
    with watching(AppSpec("x {port}"), url, time.monotonic_ns(), tmp_path):
        time.sleep(0.1)
    assert list(tmp_path.iterdir()) == []
    assert probes(tmp_path) == ()


def test_an_app_that_is_not_there_is_not_well(url: str) -> None:
    assert look(url + "/healthz").ok
    App.status = 500
    assert not look(url + "/healthz").ok
    gone = look("http://127.0.0.1:1/healthz")
    assert (gone.ok, gone.status, gone.error) == (False, 0, "ConnectError")


@pytest.mark.parametrize(("path", "ok", "error"), [("/flood", True, ""), ("/drip", False, "no end")])
def test_a_url_without_an_end_is_read_within_bounds(
    url: str, path: str, ok: bool, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brownout.harness.watch.PATIENCE", 0.5)
    started = time.monotonic()
    probe = look(url + path)
    assert time.monotonic() - started < 1.5
    assert (probe.ok, probe.error) == (ok, error)
