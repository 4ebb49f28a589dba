"""Backends in a process of their own, as the engine runs them, and a client that knows nothing of HTTP libraries."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.spec import BackendSpec, Speed
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_rules
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.distribution import Fixed

FAST = Speed(Fixed(0.0), Fixed(0.0), Fixed(0.0))


def plan_of(text: str) -> FaultPlan:
    document = Document.parse(text, "test.plan.yaml")
    return parse_rules(document, document.data, ())


@dataclass
class Served:
    """A running backend process with one backend, ``primary``."""

    process: subprocess.Popen[bytes]
    port: int
    journal: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def calls(self, count: int, timeout: float = 3.0) -> list[dict[str, Any]]:
        """The journal's records, once there are `count`."""
        deadline = time.monotonic() + timeout
        records: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            if self.journal.exists():
                records = [json.loads(line) for line in self.journal.read_text().splitlines()]
            if len(records) >= count:
                break
            time.sleep(0.01)
        assert len(records) == count, records
        return records

    def connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def raw(self, **body: Any) -> bytes:
        """Everything that the server sends to one request on a connection of its own."""
        with self.connect() as client:
            client.sendall(request(**body))
            received = b""
            while piece := client.recv(65536):
                received += piece
        return received


def request(*, close: bool = True, path: str = "/v1/chat/completions", **body: Any) -> bytes:
    """The bytes of a chat request."""
    filled = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}], **body}
    data = json.dumps(filled).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n"
    return (head + ("connection: close\r\n" if close else "") + "\r\n").encode() + data


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a backend process: ``serve("- hang: {}")``; its plan begins at once."""
    running: list[Served] = []

    def start(
        plan: str | FaultPlan = "[]", *, seed: int = 1, spec: BackendSpec | None = None, begin: bool = True, **more: Any
    ) -> Served:
        journal = tmp_path / f"calls-{len(running)}.jsonl"
        config = ProcessConfig(
            seed=seed,
            key="test",
            origin_ns=time.monotonic_ns(),
            journal=journal,
            backends={"primary": spec or BackendSpec(speed=FAST)},
            plan=plan_of(plan) if isinstance(plan, str) else plan,
            **more,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "brownout.faults.doors.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(config.encode())
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if begin:
            process.stdin.write(json.dumps({"begin_ns": time.monotonic_ns()}).encode() + b"\n")
            process.stdin.flush()
            time.sleep(0.05)
        served = Served(process, int(answer["origins"]["primary"].rsplit(":", 1)[1]), journal)
        running.append(served)
        return served

    yield start
    for served in running:
        served.process.terminate()
        served.process.communicate(timeout=10)
