"""What is learned from an app that runs: processes of the project that listen, and their OpenAPI documents."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.harness.discover.trees import FASTAPI, plant

from brownout.faults.values.errors import ConfigError
from brownout.harness.discover import Find, discover
from brownout.harness.discover.asking import loopback, openapi_document
from brownout.harness.discover.listening import listeners

DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/v2/chat": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"properties": {"prompt": {"type": "string"}}}}}
                },
                "responses": {"200": {"content": {"text/event-stream": {}}}},
            }
        }
    },
}
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/v3/api-docs"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(open("document.json", "rb").read())
    def log_message(self, *_): pass
server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2].removeprefix("--port="))), Handler)
print("up", flush=True)
server.serve_forever()
"""
linux = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="processes are seen on Linux only")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running(folder: Path, host: str, *more: str) -> Iterator[tuple[int, int]]:
    """An app of a project in `folder`, started by its own process there: pid and port."""
    plant(folder, {"document.json": json.dumps(DOCUMENT), "server.py": SERVER})
    port = free_port()
    command = [sys.executable, "server.py", host, f"--port={port}", *more]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        yield process.pid, port
    finally:
        process.kill()
        process.communicate()


@linux
@pytest.mark.parametrize(
    ("host", "reached"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.9", "127.0.0.9")]
)
def test_processes_of_the_project_are_seen(tmp_path: Path, host: str, reached: str) -> None:
    inner, other = tmp_path / "a" / "b", tmp_path / "other"
    inner.mkdir(parents=True)
    other.mkdir()
    with running(inner, host) as (pid, port):
        (found,) = listeners(tmp_path / "a")
        assert (found.pid, found.port) == (pid, port)
        assert found.words[1:] == ("server.py", host, f"--port={port}")
        assert found.url == f"http://{reached}:{port}"
        assert listeners(other) == []
    assert listeners(tmp_path) == []


@linux
def test_this_process_is_not_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)):
        assert os.getpid() not in {f.pid for f in listeners(tmp_path)}


@linux
def test_a_running_app_counts_for_more_than_its_sources(tmp_path: Path) -> None:
    with running(plant(tmp_path, FASTAPI), "127.0.0.1") as (_, port):
        project = discover(tmp_path)
    source = f"http://127.0.0.1:{port}/v3/api-docs"
    assert project.path == Find("/v2/chat", source)
    assert project.body == Find({"prompt": "{prompt}"}, source)
    assert project.answer == Find({"sse": {"text": "$.delta"}}, f"{source}: a stream; the names in it are a guess")
    assert project.ready == Find("/healthz", "src/shop/main.py:17"), "of which the document says nothing"
    assert project.start
    assert project.start.value.startswith("uvicorn shop.main:api")


@linux
def test_how_a_stream_is_read_the_sources_know_better(tmp_path: Path) -> None:
    source = (
        'app = FastAPI()\n@app.post("/v2/chat")\ndef chat(x: str):\n'
        '    return StreamingResponse(json.dumps({"token": 1}), media_type="text/event-stream")'
    )
    with running(plant(tmp_path, {"main.py": source}), "127.0.0.1"):
        project = discover(tmp_path)
    assert project.answer == Find({"sse": {"text": "$.token"}}, "main.py:2")


@linux
def test_the_command_of_a_running_app_tells_how_it_is_started(tmp_path: Path) -> None:
    with running(tmp_path, "127.0.0.1") as (_, port):
        project = discover(tmp_path)
    command = f"{sys.executable} server.py 127.0.0.1 --port={{port}}"
    assert project.start == Find(command, f"the process that listens on port {port}")
    assert project.ready == Find("/v3/api-docs", f"http://127.0.0.1:{port}/v3/api-docs: it answers")


@linux
def test_a_command_that_holds_a_secret_is_not_repeated(tmp_path: Path) -> None:
    with running(tmp_path, "127.0.0.1", "--api-key=sk-123"):
        assert discover(tmp_path).start is None


Answering = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answering) -> Iterator[tuple[str, list[str]]]:
    """A server in this process: its origin, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(status: int, body: bytes, *headers: tuple[str, str]) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_an_address_that_was_given_is_asked_whatever_proxy_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(reply(200, json.dumps(DOCUMENT).encode())) as (origin, asked):
        project = discover(tmp_path, f"{origin}/docs")
    assert asked == ["/openapi.json"]
    assert project.url == Find(origin, "--url")
    assert project.path == Find("/v2/chat", f"{origin}/openapi.json")


@pytest.mark.parametrize(
    "answer", [reply(404, b""), reply(200, b"<html>"), reply(200, b"[" * 100_000), reply(200, b'{"paths": 1}')]
)
def test_what_is_no_document(tmp_path: Path, answer: Answering) -> None:
    with answering(answer) as (origin, asked):
        assert openapi_document(origin) is None
        assert asked == ["/openapi.json", "/swagger.json", "/v3/api-docs", "/api/openapi.json"]


def test_a_redirect_is_not_followed() -> None:
    with answering(reply(200, json.dumps(DOCUMENT).encode())) as (elsewhere, asked):
        with answering(reply(302, b"", ("location", f"{elsewhere}/openapi.json"))) as (origin, _):
            assert openapi_document(origin) is None
        assert asked == []


@pytest.mark.parametrize("drips", [False, True])
def test_a_server_that_takes_its_time_is_left(drips: bool) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if drips:
            handler.send_response(200)
            handler.end_headers()
        for _ in range(8):
            time.sleep(0.4)
            with suppress(OSError):
                handler.wfile.write(b" " if drips else b"")

    with answering(answer) as (origin, _):
        began = time.monotonic()
        assert openapi_document(origin) is None
        assert time.monotonic() - began < 2.5


def test_nothing_listens() -> None:
    assert openapi_document(f"http://127.0.0.1:{free_port()}") is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:8000",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
        "http://[::2]",
        "http://x:y",
        "",
    ],
)
def test_other_machines_are_not_asked(url: str) -> None:
    with pytest.raises(ConfigError, match="--url is where the app runs on this machine"):
        loopback(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://localhost:8000/x?y", "http://localhost:8000"),
        ("https://[::1]:1/", "https://[::1]:1"),
        ("http://127.1.2.3", "http://127.1.2.3"),
    ],
)
def test_this_machine(url: str, origin: str) -> None:
    assert loopback(url) == origin
