"""What users see of an app whose behaviour is known to the millisecond: over plain sockets, and by Locust in a child."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brownout.faults.values.errors import SetupError
from brownout.harness.config.app import AnswerSpec, ReplyRule, RouteSpec, SseSpec
from brownout.harness.load import schedule
from brownout.harness.load.client import Exchange, Target, Terms, retry_after
from brownout.harness.load.run import LoadConfig, LoadRun
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival

FIRST, GAP, WORDS = 0.2, 0.05, 10
PATIENCE, LONGEST = 0.6, 2.0
CHUNKED = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = RouteSpec(
    path="/chat/{user}",
    answer=AnswerSpec(sse=SseSpec(text="$.t", done="done", error="error")),
    headers={"x-user": "{user}"},
    body={"message": "{prompt}"},
)
ASK = replace(STREAM, answer=AnswerSpec(json="$.answer"), degraded=[ReplyRule(header={"x-mode": "rules"})])


class Stub:
    """An app in a thread of its own. The first word of the question says what becomes of it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any], float]] = []
        self.left: dict[str, float] = {}  # question: monotonic time at which its user's connection was closed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1"), self._loop
        ).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(f.lower().split(": ", 1) for f in fields)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append((line, headers, body, time.monotonic()))
            act: Callable[..., Awaitable[None]] = getattr(self, body["message"].split()[0])
            await act(writer, reader, body["message"])
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass  # the user has left, or the test is over
        finally:
            writer.close()

    async def _gone(self, reader: asyncio.StreamReader, question: str) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        self.left[question] = time.monotonic()

    async def _words(self, writer: asyncio.StreamWriter, count: int) -> None:
        begun = time.monotonic()
        writer.write(b"HTTP/1.1 200 OK\r\n" + CHUNKED)
        for i in range(count):
            if writer.is_closing():
                raise ConnectionError
            await asyncio.sleep(max(0.0, begun + FIRST + i * GAP - time.monotonic()))
            writer.write(chunk(b'data: {"t": "w%d "}\r\n\r\n' % i))

    async def stream(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, WORDS)
        writer.write(chunk(b"event: done\ndata: {}\n\n") + b"0\r\n\r\n")

    async def linger(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, question: str) -> None:
        await self._words(writer, 2)
        writer.write(chunk(b"event: done\ndata: {}\n\n"))
        await self._gone(reader, question)

    async def noend(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, 3)
        writer.write(b"0\r\n\r\n")

    async def cut(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, 3)

    async def reset(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, 3)
        await asyncio.sleep(0.05)
        abort(writer)

    async def fail(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, 2)
        writer.write(chunk(b"event: error\ndata: model gone\n\n") + b"0\r\n\r\n")

    async def stall(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, question: str) -> None:
        await self._words(writer, 2)
        await self._gone(reader, question)

    async def hang(self, _: object, reader: asyncio.StreamReader, question: str) -> None:
        await self._gone(reader, question)

    async def endless(self, writer: asyncio.StreamWriter, *_: object) -> None:
        await self._words(writer, 10_000)

    async def busy(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 17\r\n\r\n" + b'{"detail":"full"}')

    async def json(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 19\r\nx-mode: rules\r\n\r\n{"answer": ')
        await asyncio.sleep(0.1)
        writer.write(b'"yes"}  ')

    async def short(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{"answer": "yes"}')

    async def unframed(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"answer": "yes"}')

    async def other(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    async def close_(self, *_: object) -> None:
        pass

    async def garbage(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b"220 smtp.example.org ESMTP\r\n")

    async def moved(self, writer: asyncio.StreamWriter, *_: object) -> None:
        writer.write(b"HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


def asked(text: str, at: float = 0.0, request: int = 0) -> Arrival:
    return Arrival(request, at, "fault", "chat", request, text, f"user-{request}")


def ask(url: str, text: str, route: RouteSpec = STREAM, late: float = 0.0, longest: float = LONGEST) -> Sample:
    """One request over a plain socket, meant to begin `late` seconds ago."""
    now = time.monotonic_ns()
    terms = Terms(Target.resolve(url), {"chat": route}, now - 10**9, PATIENCE, longest)
    return Exchange(terms, asked(text), now - round(late * 1e9)).run()


class TestExchange:
    """All in one thread pool, as most of it is waiting."""

    @pytest.fixture(scope="class")
    @staticmethod
    def seen(stub: Stub) -> dict[str, Sample]:
        streams = [
            "stream",
            "linger",
            "noend",
            "cut",
            "reset",
            "fail",
            "stall",
            "hang",
            "busy",
            "close_",
            "garbage",
            "moved",
        ]
        asks = ["json", "short", "unframed", "other"]
        with ThreadPoolExecutor(20) as pool:
            running = {w: pool.submit(ask, stub.url, f"{w} please") for w in streams}
            running |= {w: pool.submit(ask, stub.url, f"{w} please", ASK) for w in asks}
            running["endless"] = pool.submit(ask, stub.url, "endless please", longest=1.0)
            running["late"] = pool.submit(ask, stub.url, "hang late", late=0.4)
            return {w: f.result() for w, f in running.items()}

    @pytest.mark.parametrize(
        ("word", "end", "status", "text", "error"),
        [
            ("stream", "complete", 200, "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 ", ""),
            ("linger", "complete", 200, "w0 w1 ", ""),
            ("noend", "truncated", 200, "w0 w1 w2 ", "the event that says the end (done) did not come"),
            ("cut", "truncated", 200, "w0 w1 w2 ", "the connection was closed before the end of the body"),
            ("reset", "truncated", 200, "w0 w1 w2 ", "ConnectionResetError: [Errno 104] Connection reset by peer"),
            ("fail", "error", 200, "w0 w1 ", "model gone"),
            ("stall", "left", 200, "w0 w1 ", ""),
            ("hang", "left", 0, "", ""),
            ("late", "left", 0, "", ""),
            ("busy", "error", 503, "", '{"detail":"full"}'),
            ("close_", "refused", 0, "", "closed without a reply"),
            ("garbage", "refused", 0, "", "not HTTP: Expected HTTP/"),
            ("moved", "error", 307, "", "sent on to /elsewhere, which users' requests do not follow"),
            ("json", "complete", 200, "yes", ""),
            ("short", "truncated", 200, "yes", "the connection was closed before the end of the body"),
            ("unframed", "complete", 200, "yes", ""),
            ("other", "complete", 200, "", "path $.answer found nothing"),
        ],
    )
    def test_ends(self, seen: dict[str, Sample], word: str, end: str, status: int, text: str, error: str) -> None:
        s = seen[word]
        assert (s.end, s.status, s.text) == (end, status, text)
        assert s.error.startswith(error) if error else s.error == ""
        assert s.good == (200 <= status < 300)

    def test_times_of_a_stream(self, seen: dict[str, Sample]) -> None:
        s = seen["stream"]
        assert s.sent is not None
        assert s.head is not None
        assert s.first is not None
        assert s.last is not None
        assert s.ended is not None
        assert s.intended <= s.sent <= s.head <= s.first <= s.last <= s.ended
        assert FIRST <= s.first - s.sent < FIRST + 0.1
        assert FIRST + (WORDS - 1) * GAP <= s.ended - s.sent < FIRST + (WORDS - 1) * GAP + 0.15
        assert 0.8 * GAP <= s.max_gap < FIRST - 0.01
        assert s.pieces == WORDS

    def test_a_json_answer_is_seen_when_it_is_whole(self, seen: dict[str, Sample]) -> None:
        s = seen["json"]
        assert s.first == s.last == s.ended
        assert (s.pieces, s.max_gap, s.bytes, s.degraded) == (1, 0.0, 19, "header x-mode: rules")
        assert s.first is not None
        assert s.head is not None
        assert s.first - s.head >= 0.09

    def test_users_leave_when_nothing_new_comes(self, seen: dict[str, Sample], stub: Stub) -> None:
        for word, since in (("hang", "intended"), ("stall", "last"), ("late", "intended")):
            s = seen[word]
            waited = (s.ended or 0.0) - getattr(s, since)
            assert PATIENCE - 0.001 <= waited < PATIENCE + 0.15, word
            question = "hang late" if word == "late" else f"{word} please"
            # The connection was really closed then: the app could see it.
            arrived = next(at for _, _, body, at in stub.requests if body["message"] == question)
            expected = (s.ended or 0.0) - (s.sent or 0.0)
            assert stub.left[question] - arrived == pytest.approx(expected, abs=0.15), word

    def test_no_request_outlasts_the_longest(self, seen: dict[str, Sample]) -> None:
        s = seen["endless"]
        assert s.end == "timeout"
        assert (s.ended or 0.0) - s.intended == pytest.approx(1.0, abs=0.1)
        assert s.text.startswith("w0 w1 w2 ")

    def test_an_announced_end_is_the_end_although_the_connection_stays(
        self, seen: dict[str, Sample], stub: Stub
    ) -> None:
        s = seen["linger"]
        assert (s.ended or 0.0) - (s.sent or 0.0) == pytest.approx(FIRST + GAP, abs=0.1)
        arrived = next(at for _, _, body, at in stub.requests if body["message"] == "linger please")
        assert stub.left["linger please"] - arrived > 1.0  # the app had a second to finish

    def test_retry_after(self, seen: dict[str, Sample]) -> None:
        assert seen["busy"].retry_after == 7.0
        assert seen["stream"].retry_after is None
        assert retry_after("1.5") == 1.5
        assert retry_after(formatdate(1000, usegmt=True), now=940.0) == 60.0
        assert retry_after(formatdate(1000, usegmt=True), now=2000.0) == 0.0
        assert [retry_after(v) for v in ("", "soon", "-3", "Wed, 99 Nov 2026 00:00:00 GMT")] == [None] * 4

    def test_the_request(self, seen: dict[str, Sample], stub: Stub) -> None:
        line, headers, body, _ = next(r for r in stub.requests if r[2]["message"] == "stream please")
        assert line == "POST /chat/user-0 HTTP/1.1"
        assert body == {"message": "stream please"}
        assert headers["content-type"] == "application/json"
        assert headers["accept"] == "text/event-stream"
        assert headers["x-user"] == "user-0"
        assert headers["host"] == stub.url.removeprefix("http://")

    def test_what_cannot_be_sent(self, stub: Stub) -> None:
        s = ask(stub.url, "two\nlines", replace(STREAM, headers={"x-question": "{prompt}"}))
        assert (s.end, s.sent) == ("refused", None)
        assert s.error == "ValueError: a header holds a line feed or another control character"

    def test_stopped_meanwhile(self, stub: Stub) -> None:
        now = time.monotonic_ns()
        exchange = Exchange(
            Terms(Target.resolve(stub.url), {"chat": STREAM}, now, PATIENCE, LONGEST), asked("stall on"), now
        )
        with ThreadPoolExecutor() as pool:
            running = pool.submit(exchange.run)
            time.sleep(FIRST + 3 * GAP)
            s = exchange.unfinished()
            running.result()
        assert (s.end, s.ended, s.text, s.pieces) == ("unfinished", None, "w0 w1 ", 2)

    def test_addresses(self) -> None:
        assert Target.resolve("http://localhost:1").host == "localhost:1"
        with pytest.raises(ValueError, match="'localhost:8000' is not an address such as http"):
            Target.resolve("localhost:8000")


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def load(folder: Path, url: str, arrivals: list[Arrival]) -> tuple[LoadRun, LoadConfig]:
    config = LoadConfig(
        time.monotonic_ns(),
        url,
        folder / "schedule.jsonl",
        folder / "requests.jsonl",
        PATIENCE,
        LONGEST,
        {"chat": STREAM},
    )
    schedule.write(config.schedule, arrivals)
    return LoadRun.start(folder, config), config


def samples(config: LoadConfig) -> dict[int, Sample]:
    found = [Sample.from_record(json.loads(line)) for line in config.samples.read_text().splitlines()]
    assert len({s.request for s in found}) == len(found)
    return {s.request: s for s in found}


def until_finished(run: LoadRun, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not run.finished:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.load
class TestLocust:
    def test_a_schedule_is_sent_whatever_becomes_of_the_requests(
        self, tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What a user has set up for Locust or for proxies must not reach the load.
        monkeypatch.setenv("LOCUST_RUN_TIME", "1s")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / ".locust.conf").write_text("processes = 2\n")
        words = ["hang", "cut", "stream", "busy", "noend", "stream", "fail", "stall", "close_", "stream"]
        arrivals = [asked(f"{words[i % 10]} {i}", at=0.05 * i, request=i) for i in range(80)]
        run, config = load(tmp_path, stub.url, arrivals)
        try:
            run.wait_ready()
            assert not config.samples.exists() or not config.samples.read_text()
            start_ns = time.monotonic_ns() + 200_000_000
            run.begin(start_ns)
            until_finished(run, 0.2 + 4.0 + LONGEST + 5.0)
        finally:
            run.stop()
        assert "gevent" not in sys.modules
        assert "locust" not in sys.modules
        found = samples(config)
        assert sorted(found) == list(range(80))
        ends = {"hang": "left", "stall": "left", "cut": "truncated", "noend": "truncated", "stream": "complete"}
        ends |= {"busy": "error", "fail": "error", "close_": "refused"}
        start = (start_ns - config.origin_ns) / 1e9
        for a in arrivals:
            s = found[a.request]
            assert s.end == ends[a.text.split()[0]], s
            assert s.intended == pytest.approx(start + a.at, abs=1e-5)
            assert (s.user, s.prompt, s.phase, s.route) == (a.user, a.prompt, a.phase, a.route)
        assert {s.retry_after for s in found.values() if s.status == 503} == {7.0}
        # Open loop: requests left on time although the first one hung.
        lags = sorted((s.sent or 0.0) - s.intended for s in found.values())
        assert lags[0] >= 0.0
        assert statistics.median(lags) < 0.02
        firsts = [(s.first or 0.0) - (s.sent or 0.0) for s in found.values() if s.end == "complete"]
        assert statistics.median(firsts) == pytest.approx(FIRST, abs=0.03)
        gaps = [s.max_gap for s in found.values() if s.end == "complete"]
        assert statistics.median(gaps) == pytest.approx(GAP, abs=0.03)
        # The app saw the disconnect when patience was over.
        waited = [stub.left[a.text] - start_ns / 1e9 - a.at for a in arrivals if a.text.startswith("hang")]
        assert min(waited) >= PATIENCE - 0.001
        assert statistics.median(waited) == pytest.approx(PATIENCE, abs=0.05)
        log = (tmp_path / "load.log").read_text()
        assert "80" in next(line for line in log.splitlines() if line.strip().startswith("Aggregated"))
        assert "RuntimeError('truncated, status 200')" in log
        assert "Traceback" not in log

    def test_stopped_in_the_middle_and_refused(self, tmp_path: Path, stub: Stub) -> None:
        before = len(stub.requests)
        arrivals = [asked(f"{'endless' if i % 2 else 'stream'} {i}", at=0.02 * i, request=i) for i in range(250)]
        run, config = load(tmp_path, stub.url, arrivals)
        try:
            run.wait_ready()
            run.begin(time.monotonic_ns())
            time.sleep(1.0)
            asked_at = time.monotonic()
        finally:
            run.stop()
        assert time.monotonic() - asked_at < 3.0
        found = samples(config)
        # The app may not have read the last ones before their users were gone.
        assert 0 <= len(found) - (len(stub.requests) - before) <= 3
        assert 20 <= len(found) <= 100
        for request, s in found.items():
            assert s.end == ("unfinished" if request % 2 or s.ended is None else "complete")
        unfinished = [s for s in found.values() if s.end == "unfinished"]
        assert {s.ended for s in unfinished} == {None}
        assert {s.request % 2 for s in unfinished} == {0, 1}
        assert found[1].text.startswith("w0 w1 ")
        assert run.finished

    def test_nobody_listens(self, tmp_path: Path) -> None:
        run, config = load(
            tmp_path, f"http://127.0.0.1:{closed_port()}", [asked("stream", 0.1 * i, i) for i in range(3)]
        )
        try:
            run.wait_ready()
            run.begin(time.monotonic_ns())
            until_finished(run, 5.0)
            with pytest.raises(SetupError, match="the load ended: exit code 0"):
                run.begin(0)
        finally:
            run.stop()
        found = samples(config)
        assert [(s.end, s.status, s.good) for s in found.values()] == [("refused", 0, False)] * 3
        assert {s.error for s in found.values()} == {"ConnectionRefusedError: [Errno 111] Connection refused"}
        assert all(s.sent is not None and s.ended is not None for s in found.values())


def test_without_locust_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "locust" else find(name, *a))
    with pytest.raises(SetupError, match=r"needs the extra: pip install 'brownout\[load\]'"):
        load(tmp_path, "http://127.0.0.1:1", [])


@pytest.mark.parametrize(
    ("program", "message"), [("exit 3", "the load ended: exit code 3"), ("sleep 60", "not ready within 0.3 s")]
)
def test_a_child_that_does_not_get_ready(
    program: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho something is missing >&2\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr("brownout.harness.load.run.sys", SimpleNamespace(executable=str(python)))
    run, _ = load(tmp_path, "http://127.0.0.1:1", [])
    try:
        with pytest.raises(SetupError, match=message) as caught:
            run.wait_ready(0.3 if program.startswith("sleep") else 10.0)
        assert caught.value.output == "something is missing"
        if program.startswith("exit"):
            with pytest.raises(SetupError, match="exit code 3"):
                run.finished  # noqa: B018
        else:
            assert not run.finished
    finally:
        run.stop()


def test_configuration_survives_its_file(tmp_path: Path) -> None:
    route = replace(ASK, good=[ReplyRule(status="2xx"), ReplyRule(path="$.ok", equals=True)])
    config = LoadConfig(5, "http://127.0.0.1:1", tmp_path / "a", tmp_path / "b", 1.5, 9.0, {"chat": route})
    config.write(tmp_path / "load.json")
    assert LoadConfig.read(tmp_path / "load.json") == config
