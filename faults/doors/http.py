"""HTTP/1.1 over TCP with full control of the socket: framing, cuts and resets as a reply asks for them."""

from __future__ import annotations

import asyncio
import http
import socket
import struct
import sys
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

from brownout.faults.doors.player import Gone
from brownout.faults.doors.requests import Parsed, Refused, RequestParser
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.clock import NS, Clock
from brownout.faults.values.fault import Accept
from brownout.faults.values.reply import Action, Data, Head

__all__ = ["Connection", "Handler", "complain"]

_LINGER = 1.0
"""Seconds for which a refused client may go on sending: closing on unread bytes would destroy the refusal on its way."""
_PEEK = 0.1
"""Seconds for which a connection may stay silent before it counts as one to a backend, where it could be another."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class Handler(Protocol):
    """What a connection needs of its server."""

    clock: Clock

    @property
    def steered(self) -> bool:
        """Whether connections come here, too, that are for no backend."""
        ...

    def accept(self) -> Accept: ...
    def steers(self, data: bytes) -> bool:
        """Whether a connection that begins with `data` is for no backend: then it is not to be accepted by one."""
        ...

    async def serve(self, request: WireRequest, arrived_ns: int, wire: Connection) -> None:
        """Answer one request on `wire`."""
        ...

    def refusal(self, status: int) -> Sequence[Action]:
        """The reply to what is no acceptable request, in the provider's words."""
        ...

    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One client connection: parses requests, answers them one after the other, and is the player's wire.

    A client that closes its sending side counts as having left: nothing tells it from one that closed the socket before
    something is written to it, and users who leave during a long wait must be noticed at once.
    """

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop) -> None:
        self._handler, self._loop = handler, loop
        self._parser = RequestParser()
        self._requests: deque[tuple[Parsed | Refused, int]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._gone = False
        self._leaving: asyncio.Future[None] = loop.create_future()
        self._drained: asyncio.Future[None] | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._refused = False
        self._lingering: asyncio.TimerHandle | None = None
        self._peeking: asyncio.TimerHandle | None = None
        self._chunked = self._bodiless = False
        self._parsed = Parsed(WireRequest("", "", {}, b""))
        self._keep_alive = False

    # Transport callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio.Transport.
        self._transport = transport = cast(asyncio.Transport, transport)
        # With a high-water mark of 0 a paused transport tells bytes that wait here from bytes that the kernel has.
        transport.set_write_buffer_limits(high=0)
        self._handler.opened(self)
        if self._handler.steered:
            self._peeking = self._loop.call_later(_PEEK, self._accept)
        else:
            self._accept()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._lingering, self._peeking):
            if timer is not None:
                timer.cancel()
        self._leave()
        self._handler.closed(self)

    def eof_received(self) -> None:
        if self._peeking is not None:
            self._accept()
        self._leave()

    def data_received(self, data: bytes) -> None:
        if self._peeking is not None:
            if self._handler.steers(data):
                self._stop_peeking()
            else:
                self._accept()
        if self._refused or self._gone or self._transport.is_closing():
            return
        arrived = self._handler.clock.now_ns()
        for made in self._parser.feed(data):
            self._requests.append((made, arrived))
            self._refused |= isinstance(made, Refused)
        if self._requests and self._task is None:
            self._task = self._loop.create_task(self._answer())
        elif self._parser.awaited and self._task is None:  # never into a reply that is running
            self._parser.awaited = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self._requests) > 8:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None:
            _wake(self._drained)
        self._drained = None

    def _accept(self) -> None:
        self._stop_peeking()
        if self._handler.accept() is Accept.RESET:
            self.reset()

    def _stop_peeking(self) -> None:
        if self._peeking is not None:
            self._peeking.cancel()
            self._peeking = None

    # Answering

    async def _answer(self) -> None:
        """Answer what has arrived, in turn. Requests of a client that has left are served too: that they came is recorded."""
        try:
            while self._requests:
                made, arrived = self._requests.popleft()
                if isinstance(made, Refused):
                    await self._refuse(made.status)
                    break
                self._parsed, self._keep_alive = made, made.keep_alive
                self._bodiless = made.request.method == "HEAD"
                await self._handler.serve(made.request, arrived, self)
                self._transport.resume_reading()
        except Gone:
            pass
        except Exception as e:  # noqa: BLE001 - a client must not wait for ever for a reply that nobody makes
            complain("a connection", e)
            self.reset()
        finally:
            self._task = None

    async def _refuse(self, status: int) -> None:
        """Answer what is no acceptable request, and close."""
        self._parsed, self._keep_alive, self._bodiless = Parsed(WireRequest("", "", {}, b"")), False, False
        for action in self._handler.refusal(status):
            if isinstance(action, Head):
                await self.head(action)
            elif isinstance(action, Data):
                await self.data(action.body)
        self._transport.write_eof()
        self._lingering = self._loop.call_later(_LINGER, self._transport.abort)

    def _leave(self) -> None:
        self._gone = True
        for waiting in (self._leaving, self._drained, self._sleeper):
            if waiting is not None:
                _wake(waiting)

    # The player's wire

    async def head(self, head: Head) -> int:
        self._chunked = head.length is None and self._parsed.chunked
        if head.length is None and not self._chunked:
            self._keep_alive = False  # only the end of the connection ends such a body
        lines = [f"HTTP/1.1 {head.status} {_REASONS.get(head.status, '')}"]
        lines += [f"{name}: {value}" for name, value in head.headers]
        if head.length is not None:
            lines.append(f"content-length: {head.length}")
        elif self._chunked:
            lines.append("transfer-encoding: chunked")
        if not self._keep_alive:
            lines.append("connection: close")
        elif not self._parsed.chunked:
            lines.append("connection: keep-alive")  # not the default of HTTP/1.0
        return await self._write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))

    async def data(self, body: bytes) -> int:
        if not body or self._bodiless:
            return 0
        return await self._write(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)

    async def raw(self, body: bytes) -> int:
        """Write bytes as they are. What follows on the connection cannot be told apart from them, so it is not kept."""
        self._keep_alive = False
        return await self._write(body) if body else 0

    async def end(self) -> int:
        size = await self._write(b"0\r\n\r\n") if self._chunked and not self._bodiless else 0
        if not self._keep_alive:
            self._close()
        return size

    async def sleep_until(self, due_ns: int) -> None:
        # Event loops round timers to the millisecond, also down: an action is never early.
        while (left := due_ns - self._handler.clock.now_ns()) > 0:
            if self._gone:
                raise Gone
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
        if sock is not None and not self._gone:
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


def complain(what: str, error: Exception) -> None:
    """One line on standard error about a failure of ours: where it happened, and nothing of what a request held."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" in {at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at is not None else ""
    print(f"the simulated backend failed on {what}: {type(error).__name__}{place}", file=sys.stderr, flush=True)
