"""HTTP/1.1 over TCP with full control of the socket: framing, cuts and resets as a reply asks for them."""

from __future__ import annotations

import asyncio
import http
import socket
import struct
from collections import deque
from typing import Any, Protocol, cast

import httptools

from brownout.faults.doors.player import Gone
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.clock import NS, Clock
from brownout.faults.values.fault import Accept
from brownout.faults.values.reply import Head

__all__ = ["Connection", "Handler"]

MAX_BODY = 32 * 1024 * 1024
MAX_HEAD = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class Handler(Protocol):
    """What a connection needs of its server."""

    clock: Clock

    def accept(self) -> Accept: ...
    async def serve(self, request: WireRequest, arrived_ns: int, wire: Connection) -> None:
        """Answer one request on `wire`."""
        ...

    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One client connection: parses requests, answers them one after the other, and is the player's wire."""

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop) -> None:
        self._handler, self._loop = handler, loop
        self._parser: Any = httptools.HttpRequestParser(self)
        self._requests: deque[tuple[WireRequest, int, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self._leaving: asyncio.Future[None] = loop.create_future()
        self._drained: asyncio.Future[None] | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._begin()
        self._chunked = self._keep_alive = False

    # Transport callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio.Transport.
        self._transport = transport = cast(asyncio.Transport, transport)
        # With a high-water mark of 0 a paused transport tells bytes that wait here from bytes that the kernel has.
        transport.set_write_buffer_limits(high=0)
        self._handler.opened(self)
        if self._handler.accept() is Accept.RESET:
            self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        for waiting in (self._leaving, self._drained, self._sleeper):
            if waiting is not None:
                _wake(waiting)
        self._handler.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self._refuse(400)
        if len(self._requests) > 8:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None:
            _wake(self._drained)
        self._drained = None

    # Parser callbacks

    def _begin(self) -> None:
        self._url, self._body, self._size = b"", bytearray(), 0
        self._headers: dict[str, str] = {}

    on_message_begin = _begin

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + 4
        if self._size > MAX_HEAD:
            self._refuse(431)
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MAX_BODY:
            self._refuse(413)

    def on_message_complete(self) -> None:
        if self._gone or self._transport.is_closing():
            return
        request = WireRequest(
            self._parser.get_method().decode("latin-1"), self._url.decode("latin-1"), self._headers, bytes(self._body)
        )
        self._requests.append((request, self._handler.clock.now_ns(), self._parser.should_keep_alive()))
        if self._task is None:
            self._task = self._loop.create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._requests and not self._gone:
                request, arrived, self._keep_alive = self._requests.popleft()
                await self._handler.serve(request, arrived, self)
                self._transport.resume_reading()
        finally:
            self._task = None

    def _refuse(self, status: int) -> None:
        """Answer what is no acceptable request, and close."""
        if not self._gone and not self._transport.is_closing():
            reason = _REASONS.get(status, "")
            self._transport.write(
                f"HTTP/1.1 {status} {reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
            )
            self._close()

    # The player's wire

    async def head(self, head: Head) -> int:
        framing = f"content-length: {head.length}" if head.length is not None else "transfer-encoding: chunked"
        self._chunked = head.length is None
        lines = [f"HTTP/1.1 {head.status} {_REASONS.get(head.status, '')}"]
        lines += [f"{name}: {value}" for name, value in head.headers]
        lines.append(framing)
        if not self._keep_alive:
            lines.append("connection: close")
        return await self._write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))

    async def data(self, body: bytes) -> int:
        return await self._write(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body) if body else 0

    async def end(self) -> int:
        size = await self._write(b"0\r\n\r\n") if self._chunked else 0
        if not self._keep_alive:
            self._close()
        return size

    async def sleep_until(self, due_ns: int) -> None:
        # Event loops round timers to the millisecond, also down: an action is never early.
        while (left := due_ns - self._handler.clock.now_ns()) > 0:
            self._sleeper = self._loop.create_future()
            timer = self._loop.call_later(left / NS, _wake, self._sleeper)
            try:
                await self._sleeper
            finally:
                timer.cancel()
            if self._gone:
                raise Gone

    async def gone(self) -> None:
        await asyncio.shield(self._leaving)
        raise Gone

    def cut(self) -> None:
        self._close()

    def reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._requests.clear()
        self._transport.abort()

    def stop(self) -> asyncio.Task[None] | None:
        """Drop the connection; returns the task that answers on it, if one does."""
        self._requests.clear()
        self._transport.abort()
        return self._task

    def _close(self) -> None:
        self._requests.clear()
        self._transport.close()

    async def _write(self, data: bytes) -> int:
        if self._gone or self._transport.is_closing():
            raise Gone
        self._transport.write(data)
        while self._drained is not None:
            await self._drained
        if self._gone:
            raise Gone
        return len(data)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
