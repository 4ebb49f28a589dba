"""A scripted stand-in for the OpenAI API, and a user of the support desk: both over real sockets, in one event loop."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from brownout.suites.demo.app import create_app
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import Timings

MAIN, SMALL = "gpt-4o", "gpt-4o-mini"
FAR = 30.0
"""Seconds: longer than any test waits."""


@dataclass(frozen=True)
class Script:
    """What one call gets. Durations in seconds."""

    pieces: tuple[str, ...] = ("Hello", " you", " there.")
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=lambda: {"message": "the provider's own words", "type": "x"})
    head_after: float = 0.0
    first_after: float = 0.0
    between: float = 0.0
    comment_every: float | None = None  # while waiting for the first piece
    stall_after: int | None = None  # pieces, then nothing more comes
    cut_after: int | None = None  # pieces, then the connection is closed
    insert: bytes = b""  # a raw event after the first piece
    finish: str | None = "stop"  # None: the stream ends in good order, but without a reason
    linger: float = 0.0  # between the reason and the end of the stream


@dataclass
class Call:
    """What was asked, and what became of it."""

    body: dict[str, Any]
    at: float
    ended: str | None = None  # "served", or "hung up" by the app

    @property
    def model(self) -> str:
        return str(self.body["model"])


class FakeOpenAI:
    """Each model plays its queue of scripts, then its standing one."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.standing: dict[str, Script] = defaultdict(Script)
        self.queue: dict[str, deque[Script]] = defaultdict(deque)
        self.url = ""

    def count(self, model: str) -> int:
        return sum(call.model == model for call in self.calls)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeOpenAI]:
        connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                    call = Call(json.loads(await reader.readexactly(length)), time.monotonic())
                    self.calls.append(call)
                    queue = self.queue[call.model]
                    script = queue.popleft() if queue else self.standing[call.model]
                    playing = asyncio.ensure_future(self._play(script, call, writer))
                    hanging_up = asyncio.ensure_future(reader.read(1))
                    await asyncio.wait({playing, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
                    if not playing.done():
                        call.ended = "hung up"
                    playing.cancel()
                    hanging_up.cancel()
                    await asyncio.gather(playing, hanging_up, return_exceptions=True)
                    if call.ended == "hung up" or script.cut_after is not None:
                        return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _play(self, script: Script, call: Call, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(script.head_after)
        extra = "".join(f"{name}: {value}\r\n" for name, value in script.headers.items())
        if script.status != 200:
            body = json.dumps({"error": script.error})
            writer.write(
                f"HTTP/1.1 {script.status} X\r\ncontent-type: application/json\r\n{extra}"
                f"content-length: {len(body)}\r\n\r\n{body}".encode()
            )
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            if not await self._stream(script, writer):
                return
        call.ended = "served"

    async def _stream(self, script: Script, writer: asyncio.StreamWriter) -> bool:
        """False if it was cut."""

        def write(event: bytes) -> None:
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))

        def chunk(delta: dict[str, str], finish: str | None = None, usage: object = None) -> None:
            choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
            body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
            write(b"data: %s\n\n" % json.dumps(body | {"usage": usage}).encode())

        chunk({"role": "assistant", "content": ""})
        silent_until = time.monotonic() + script.first_after
        while script.comment_every and time.monotonic() < silent_until:
            write(b": ping\n\n")
            await asyncio.sleep(script.comment_every)
        await asyncio.sleep(silent_until - time.monotonic())
        for number, piece in enumerate(script.pieces):
            if number == script.cut_after:
                return False
            if number == script.stall_after:
                await asyncio.sleep(FAR)
            if number:
                await asyncio.sleep(script.between)
            if number == 1 and script.insert:
                write(script.insert)
            chunk({"content": piece})
        if script.finish:
            chunk({}, script.finish)
            await asyncio.sleep(script.linger)
            chunk({}, usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
            write(b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        return True


@dataclass
class Heard:
    """What a user got."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    deltas: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # seconds from the request to each delta
    mode: str | None = None
    error: str | None = None
    took: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.deltas)


class User:
    """Somebody with a question for the support desk at `url`."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=FAR, verify=False)

    async def ask(self, message: str = "Where is my order?", *, patience: float = FAR) -> Heard:
        """Raises TimeoutError, and hangs up, when the answer is not complete after `patience` seconds."""
        async with asyncio.timeout(patience):
            return await self._ask(message)

    async def _ask(self, message: str) -> Heard:
        heard, start, event = Heard(), time.monotonic(), "message"
        async with self._client.stream("POST", "/chat", json={"message": message}) as response:
            heard.status, heard.headers = response.status_code, response.headers
            if response.status_code != 200:
                heard.error = json.loads(await response.aread())["error"]
            else:
                async for line in response.aiter_lines():
                    if line.startswith("event: "):
                        event = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        data = json.loads(line.removeprefix("data: "))
                        if event == "message":
                            heard.deltas.append(data["delta"])
                            heard.times.append(time.monotonic() - start)
                        elif event == "done":
                            heard.mode = data["mode"]
                        else:
                            heard.error = data["message"]
                        event = "message"
        heard.took = time.monotonic() - start
        return heard

    async def post(self, body: object, *, patience: float = FAR) -> httpx.Response:
        async with asyncio.timeout(patience):
            return await self._client.post("/chat", json=body)

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(path)

    async def aclose(self) -> None:
        await self._client.aclose()


class _Server(uvicorn.Server):
    """Leaves the signals to pytest, and stops at once instead of after some tenths of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.lifespan.shutdown()


@asynccontextmanager
async def desk(
    protections: Protections | None = None, timings: Timings | None = None
) -> AsyncIterator[tuple[FakeOpenAI, User]]:
    """A running support desk with a fake model behind it."""
    async with FakeOpenAI().serving() as fake:
        # Loading certificates, for connections that are not encrypted, takes longer than most tests.
        transport = DefaultAsyncHttpxClient(verify=False)
        client = AsyncOpenAI(base_url=fake.url, api_key="not-a-real-key", http_client=transport)
        app = create_app(protections or Protections.hardened(), timings=timings, client=client)
        # With the protocol named, asyncio turns Nagle's algorithm off; else each answer waits 40 ms.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            config = uvicorn.Config(app, log_level="critical", access_log=False)
            server = _Server(config)
            serving = asyncio.ensure_future(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.001)
            user = User(f"http://127.0.0.1:{listener.getsockname()[1]}")
            try:
                yield fake, user
            finally:
                await user.aclose()
                server.stop.set()
                await serving


def scenario(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Runs an async test to its end, at most 20 seconds."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(20):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


async def until(condition: Callable[[], bool], within: float = 2.0) -> bool:
    """Whether the condition comes true within so many seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.01)
    return True
