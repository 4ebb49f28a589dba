"""The proxy as a process: what it refuses, what it lets through, and what it writes down."""

import asyncio
import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.harness.escape.servers import dial, echo, head_of, rest_of, serving, tunnel

from brownout.faults.values.errors import SetupError
from brownout.faults.values.sink import Memory
from brownout.harness.escape import proxy as limits
from brownout.harness.escape.escapes import JOURNAL
from brownout.harness.escape.guard import Guard
from brownout.harness.escape.hosts import HostPattern
from brownout.harness.escape.proxy import Proxy
from brownout.harness.journal import read_lines

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8 on the loopback interface")

ALLOWED, REFUSED = "127.0.0.2", "127.0.0.3"
DATA = os.urandom(1 << 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("escape")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The port of a running proxy that allows the hosts 127.0.0.2*."""
    guard = Guard.start(folder, time.monotonic_ns(), [HostPattern.parse("127.0.0.2*"), HostPattern.parse(ALLOWED)])
    yield int(guard.url.rpartition(":")[2])
    guard.check()
    guard.stop()


def journal(folder: Path, **wanted: object) -> list[dict[str, Any]]:
    """The records that hold all of `wanted`."""
    records, broken = read_lines(folder / JOURNAL)
    assert broken == 0
    return [r for r in records if wanted.items() <= r.items()]


class TestRefused:
    def test_a_tunnel(self, port: int, folder: Path) -> None:
        with serving(echo, REFUSED) as (there, accepted), dial(port) as wire:
            place = f"{REFUSED}:{there}"
            wire.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            head, body = head_of(wire).decode(), rest_of(wire).decode()
        assert head.startswith(f"HTTP/1.1 403 brownout refused {place}\r\n")
        assert f"content-length: {len(body)}\r\n" in head
        assert body.startswith(f"brownout refused a call of your app to {place}: ")
        assert "point that client at a simulated backend (app.env) or allow the host (app.allow)" in body
        assert accepted == []
        (record,) = journal(folder, port=there)
        assert 0 < record.pop("at") < 60
        assert record == {"host": REFUSED, "port": there, "method": "CONNECT", "allowed": False, "count": 1}

    @pytest.mark.parametrize("scheme", ["http", "https", "ws", "HTTP"])
    def test_a_request_in_absolute_form_whatever_its_size(self, port: int, scheme: str) -> None:
        with serving(echo, REFUSED) as (there, accepted):
            head = f"POST {scheme}://{REFUSED}:{there}/v1 HTTP/1.1\r\nContent-Length: {16 * len(DATA)}\r\n\r\n"
            with dial(port, head.encode(), *[DATA] * 16) as wire:
                assert head_of(wire).startswith(f"HTTP/1.1 403 brownout refused {REFUSED}:{there}".encode())
        assert accepted == []

    @pytest.mark.parametrize(
        ("target", "host", "number"),
        [
            ("http://api.openai.com", "api.openai.com", 80),
            ("http://API.openai.com?x", "api.openai.com", 80),
            ("https://api.openai.com/v1", "api.openai.com", 443),
            ("http://[2001:db8::1]/", "2001:db8::1", 80),
            ("http://localhost.evil.com/", "localhost.evil.com", 80),
            ("http://127.0.0.1@api.openai.com/", "api.openai.com", 80),
        ],
    )
    def test_the_host_of_an_absolute_form(self, port: int, folder: Path, target: str, host: str, number: int) -> None:
        with dial(port, f"GET {target} HTTP/1.1\r\n\r\n".encode()) as wire:
            assert head_of(wire).startswith(b"HTTP/1.1 403 ")
        record = journal(folder)[-1]
        assert (record["host"], record["port"], record["method"]) == (host, number, "GET")

    def test_no_secret_is_written_down(self, port: int, folder: Path) -> None:
        said = b"Authorization: Bearer sk-hush\r\nProxy-Authorization: Basic hush\r\nCookie: hush\r\n"
        for line in (b"POST http://u:hush@x.example/hush?key=hush#hush HTTP/1.1", b"CONNECT x.example:443 HTTP/1.1"):
            with dial(port, line + b"\r\n" + said + b"Content-Length: 4\r\n\r\nhush") as wire:
                assert b"403 brownout refused x.example" in head_of(wire)
        for line in (b"CONNECT sk-hush HTTP/1.1", b"HUSHSECRET hush", b"GET http://hush\xff/ HTTP/1.1"):
            with dial(port, line + b"\r\n\r\n") as wire:
                assert rest_of(wire).startswith(b"HTTP/1.1 400 ")
        assert len(journal(folder, host="x.example")) == 2
        for file in folder.iterdir():
            assert b"hush" not in file.read_bytes().lower(), file

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + DATA[:500], b"400"),  # TLS
            (b"\x05\x01\x00", b"400"),  # SOCKS 5
            (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"400"),
            (b"CONNECT nowhere HTTP/1.1\r\n\r\n", b"400"),
            (b"CONNECT nowhere:0 HTTP/1.1\r\n\r\n", b"400"),
            (b"CONNECT nowhere:70000 HTTP/1.1\r\n\r\n", b"400"),
            (b"CONNECT  x:443 HTTP/1.1\r\n\r\n", b"400"),
            (b"GET ftp://x.example/ HTTP/1.1\r\n\r\n", b"400"),
            (b"GET http:// HTTP/1.1\r\n\r\n", b"400"),
            (b"GET http://x:y/ HTTP/1.1\r\n\r\n", b"400"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
            (b"\r\n\r\n", b"400"),
            (b"A" * 70_000, b"431"),
            (b"", b""),
            (b"CONNECT x:443 HT", b""),
        ],
    )  # fmt: skip
    def test_garbage(self, port: int, folder: Path, sent: bytes, status: bytes) -> None:
        before = len(journal(folder))
        with dial(port, sent) as wire:
            wire.shutdown(socket.SHUT_WR)
            said = rest_of(wire)
        assert said[:12] == (b"HTTP/1.1 " + status if status else b"")
        assert len(journal(folder)) == before, "what names no host is no attempt at one"


class TestAllowed:
    def test_a_tunnel_carries_both_ways(self, port: int, folder: Path) -> None:
        with serving(echo, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:

            def send() -> None:
                wire.sendall(DATA)
                wire.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send)
            sender.start()
            assert hashlib.sha256(rest_of(wire)).digest() == hashlib.sha256(DATA).digest()
            sender.join()
            (record,) = journal(folder, port=there)
        assert (record["host"], record["allowed"]) == (ALLOWED, True)

    def test_one_direction_may_end_before_the_other(self, port: int) -> None:
        """The client says that it has sent all, and only then is answered; and the other way round."""

        def answer_at_the_end(wire: socket.socket) -> None:
            got = rest_of(wire)
            time.sleep(0.1)
            wire.sendall(hashlib.sha256(got).digest())

        heard: list[bytes] = []
        done = threading.Event()

        def fall_silent(wire: socket.socket) -> None:
            wire.sendall(b"all I have to say")
            wire.shutdown(socket.SHUT_WR)
            heard.append(rest_of(wire))
            done.set()

        with serving(answer_at_the_end, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:
            wire.sendall(DATA)
            wire.shutdown(socket.SHUT_WR)
            assert rest_of(wire) == hashlib.sha256(DATA).digest()
        with serving(fall_silent, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:
            assert rest_of(wire) == b"all I have to say"
            time.sleep(0.1)
            wire.sendall(b"and I go on")
            wire.shutdown(socket.SHUT_WR)
            assert done.wait(5)
        assert heard == [b"and I go on"]

    def test_what_is_sent_right_after_the_request_is_not_lost(self, port: int) -> None:
        with serving(echo, ALLOWED) as (there, _), dial(port) as wire:
            wire.sendall(f"CONNECT {ALLOWED}:{there} HTTP/1.1\r\n\r\nearly".encode())
            head_of(wire)
            wire.shutdown(socket.SHUT_WR)
            assert rest_of(wire) == b"early"

    def test_a_side_that_is_gone_ends_the_other(self, port: int) -> None:
        ended = threading.Event()

        def notice(wire: socket.socket) -> None:
            try:
                rest_of(wire)
            finally:
                ended.set()

        with serving(notice, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            wire.close()  # a reset
            assert ended.wait(5)

    def test_a_reader_that_does_not_read_holds_up_the_writer(self, port: int) -> None:
        release = threading.Event()

        def sit(_: socket.socket) -> None:
            release.wait(10)

        with serving(sit, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:
            wire.settimeout(0.3)
            sent = 0
            try:
                while sent < 256 << 20:
                    sent += wire.send(DATA)
            except TimeoutError:
                pass
            finally:
                release.set()
        assert sent < 64 << 20, "what waits in the proxy is bounded"

    def test_a_request_in_absolute_form(self, port: int) -> None:
        got: list[bytes] = []

        def answer(wire: socket.socket) -> None:
            got.append(head_of(wire) + wire.recv(5))
            wire.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

        with serving(answer, ALLOWED) as (there, _):
            head = (
                f"POST http://me:pw@{ALLOWED}:{there}/search?q=1#top HTTP/1.1\r\nHost: other\r\nX-Mine: yes\r\n"
                "Connection: keep-alive\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\n"
                "Content-Length: 5\r\n\r\nhello"
            )
            with dial(port, head.encode()) as wire:
                assert rest_of(wire).endswith(b"\r\n\r\nok")
        assert got[0].decode().split("\r\n") == [
            "POST /search?q=1 HTTP/1.1",
            f"Host: {ALLOWED}:{there}",
            "X-Mine: yes",
            "Content-Length: 5",
            "Connection: close",
            "",
            "hello",
        ]

    def test_names_of_this_machine_need_no_permission(self, port: int) -> None:
        """Some clients take no notice of NO_PROXY, and the simulated backends are here."""
        with serving(echo, "127.0.0.1") as (there, _):
            tunnel(port, f"127.0.0.1:{there}").close()
            tunnel(port, f"LOCALHOST:{there}").close()

    def test_a_host_that_cannot_be_reached(self, port: int) -> None:
        with serving(echo, ALLOWED) as (there, _):
            pass
        with dial(port, f"CONNECT {ALLOWED}:{there} HTTP/1.1\r\n\r\n".encode()) as wire:
            said = rest_of(wire).decode()
        assert said.startswith("HTTP/1.1 502 ")
        assert f"brownout allows {ALLOWED}:{there} to your app, but could not connect to it" in said


def test_many_connections(port: int, folder: Path) -> None:
    """Two hundred refusals among a hundred open tunnels and as many idle connections: each is answered and counted."""
    with serving(echo, ALLOWED) as (there, _):
        tunnels = [tunnel(port, f"{ALLOWED}:{there}") for _ in range(100)]
        idle = [dial(port) for _ in range(100)]

        def refused(_: int) -> bool:
            with dial(port, b"CONNECT many.example:443 HTTP/1.1\r\n\r\n") as wire:
                return rest_of(wire).startswith(b"HTTP/1.1 403 ")

        with ThreadPoolExecutor(20) as pool:
            assert all(pool.map(refused, range(200)))
        for number, wire in enumerate(tunnels):
            wire.sendall(b"%03d" % number)
        assert [wire.recv(3) for wire in tunnels] == [b"%03d" % number for number in range(100)]
        for wire in (*tunnels, *idle):
            wire.close()
    assert [r["count"] for r in journal(folder, host="many.example")] == list(range(1, 201))


def test_tls_on_behalf_of_a_client_that_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older clients send ``GET https://…`` to a proxy in place of CONNECT."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=here",
            ],
            *("-addext", f"subjectAltName=IP:{ALLOWED}", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def answer(wire: socket.socket) -> None:
        head_of(wire)
        wire.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret")

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    guard = Guard.start(tmp_path, time.monotonic_ns(), [HostPattern.parse(ALLOWED)])
    try:
        with serving(answer, ALLOWED, context) as (there, _):
            ask = f"GET https://{ALLOWED}:{there}/ HTTP/1.1\r\n\r\n".encode()
            with dial(int(guard.url.rpartition(":")[2]), ask) as wire:
                assert rest_of(wire).endswith(b"secret")
    finally:
        guard.stop()


def test_a_name_is_resolved_only_when_it_is_allowed() -> None:
    async def scenario() -> tuple[list[str], bytes, list[Any]]:
        asked: list[str] = []

        async def connect(host: str, port: int, **options: Any) -> Any:
            asked.append(f"{host}:{port}")
            return await asyncio.open_connection("127.0.0.1", there, **options)

        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(hello, "127.0.0.1", 0)
        there = server.sockets[0].getsockname()[1]
        memory = Memory()
        proxy = Proxy([HostPattern.parse("*.internal:6333")], memory, 0, connect=connect)
        port = await proxy.listen()
        said = b""
        for target in ("api.openai.com:443", "vectors.internal:443", "internal:6333", "vectors.internal:6333"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            said = await reader.read()
            writer.close()
        await proxy.stop()
        server.close()
        return asked, said, memory.records

    asked, said, records = asyncio.run(scenario())
    assert asked == ["vectors.internal:6333"]
    assert said.endswith(b"\r\n\r\nhello")
    assert [r["allowed"] for r in records] == [False, False, False, True]


class TestLimits:
    def test_of_connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MOST", 3)

        async def scenario() -> tuple[list[bytes], bytes]:
            proxy = Proxy([], Memory(), 0)
            port = await proxy.listen()
            wires = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            first = [await asyncio.wait_for(wires[3][0].read(), 5)]
            wires[0][1].write(b"CONNECT x:1 HTTP/1.1\r\n\r\n")
            said = await wires[0][0].read()
            for _, writer in wires:
                writer.close()
            await proxy.stop()
            await asyncio.sleep(0.1)  # for transports to close
            return first, said

        beyond, within = asyncio.run(scenario())
        assert beyond == [b""]
        assert within.startswith(b"HTTP/1.1 403 ")

    def test_of_the_silence_in_a_tunnel_that_is_half_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that still speaks is left alone; one that says nothing more is closed."""
        monkeypatch.setattr(limits, "IDLE", 0.25)

        async def scenario() -> tuple[bytes, float]:
            async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read()
                for _ in range(5):
                    writer.write(b".")
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.7)
                writer.close()

            server = await asyncio.start_server(drip, "127.0.0.1", 0)
            proxy = Proxy([], Memory(), 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.listen())
            writer.write(f"CONNECT localhost:{server.sockets[0].getsockname()[1]} HTTP/1.1\r\n\r\n".encode())
            writer.write_eof()
            began = time.monotonic()
            said = await reader.read()
            took = time.monotonic() - began
            writer.close()
            await proxy.stop()
            server.close()
            await asyncio.sleep(0.6)  # for the server's side to end
            return said, took

        said, took = asyncio.run(scenario())
        assert said.endswith(b"\r\n\r\n" + b"." * 5)
        assert 0.6 < took < 1.0, "0.25 s after the last of five bytes, and before the server ends"


class TestEnd:
    def test_stopping_ends_the_process_and_its_tunnels(self, tmp_path: Path) -> None:
        guard = Guard.start(tmp_path, time.monotonic_ns(), [HostPattern.parse(ALLOWED)])
        port, pid = int(guard.url.rpartition(":")[2]), guard.child.main_pid
        with serving(echo, ALLOWED) as (there, _), tunnel(port, f"{ALLOWED}:{there}") as wire:
            began = time.monotonic()
            guard.stop()
            assert time.monotonic() - began < 1.5, "it ends at SIGTERM, not at SIGKILL"
            with pytest.raises(SetupError, match="keeps the app from escaping ended: exit code 0"):
                guard.check()
            with contextlib.suppress(ConnectionResetError):
                assert wire.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                dial(port)
        assert not Path(f"/proc/{pid}").exists()
        guard.stop()
        assert (tmp_path / "escape.log").read_text() == ""

    def test_it_ends_with_its_parent(self, tmp_path: Path) -> None:
        child = subprocess.Popen(
            [sys.executable, "-m", "brownout.harness.escape.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdin is not None
        assert child.stdout is not None
        with child:
            child.stdin.write(b'{"origin_ns": 0, "journal": "/dev/null", "allow": []}\n')
            child.stdin.flush()
            assert child.stdout.readline().startswith(b'{"port": ')
            child.stdin.close()
            try:
                assert child.wait(5) == 0
            finally:
                child.kill()

    def test_one_that_cannot_start_says_why(self, tmp_path: Path) -> None:
        (tmp_path / JOURNAL).mkdir()
        with pytest.raises(SetupError, match="did not start") as caught:
            Guard.start(tmp_path, 0, [])
        assert "IsADirectoryError" in caught.value.output
