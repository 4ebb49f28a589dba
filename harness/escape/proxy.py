"""An HTTP proxy on loopback that refuses, before it resolves a name, every host that the app may not call.

Tunnels (CONNECT, RFC 9110 section 9.3.6) and requests in absolute form (RFC 9112 section 3.2.2) to allowed hosts are passed
on. What is recorded is host, port and method: never a path, a query, a header or a byte of a body.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from brownout.faults.values.clock import Clock, RealClock, since
from brownout.faults.values.sink import Sink
from brownout.harness.escape.hosts import LOOPBACK, HostPattern, split_target

__all__ = ["Connect", "Proxy"]

Connect = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

MOST = 2000
"""Connections that are served at once; more are closed at once."""
BUFFER = 1 << 16
"""Bytes that a request's head may have, and that wait in each direction of a tunnel."""
HEAD_TIME, CONNECT_TIME, LINGER, IDLE = 10.0, 10.0, 2.0, 60.0
"""Seconds: for a head to arrive; for an allowed host to accept; to let a refused client finish sending; for a tunnel of which
one direction has ended to stay silent in the other."""

_REQUEST = re.compile(r"([A-Z]{1,20}) (\S+) HTTP/1\.[01]")
_ABSOLUTE = re.compile(
    r"(http|ws)(s?)://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^:/?#@]*)(?::([0-9]*))?([/?#].*)?", re.IGNORECASE
)
_HOP_BY_HOP = re.compile(
    r"(?:host|connection|keep-alive|proxy-connection|proxy-authorization|te|trailer|upgrade)\s*:", re.IGNORECASE
)


@dataclass(frozen=True)
class _Ask:
    """What a client asks of the proxy. `forward` is the head for the host itself; empty for a tunnel."""

    method: str
    host: str
    port: int
    tls: bool = False
    forward: bytes = b""

    @property
    def place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _RefusedError(Exception):
    """A request that gets an answer of ours: status, reason phrase, text."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(reason)
        self.answer = _answer(status, reason, text)


class Proxy:
    """Serves the app's calls to other hosts. Times in the journal are seconds since `origin_ns`."""

    def __init__(
        self,
        allow: Sequence[HostPattern],
        journal: Sink,
        origin_ns: int,
        clock: Clock | None = None,
        connect: Connect = asyncio.open_connection,
    ) -> None:
        self._allow, self._journal, self._origin_ns = allow, journal, origin_ns
        self._clock, self._connect = clock or RealClock(), connect
        self._counts: Counter[tuple[str, int]] = Counter()
        self._serving: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def listen(self) -> int:
        """Listen on a free port of 127.0.0.1 and return it."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=BUFFER, backlog=MOST)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._listener is not None:
            self._listener.close()
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._serving) >= MOST:
            writer.transport.abort()
            return
        self._serving.add(task)
        try:
            await self._converse(reader, writer)
            writer.close()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._serving.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head, rest = await _read_head(reader)
            if not head:
                return
            ask = _parse(head)
            self._admit(ask)
            await self._pass_on(ask, rest, reader, writer)
        except _RefusedError as refused:
            writer.write(refused.answer)
            await writer.drain()
            writer.write_eof()
            # Closing with unread bytes would reset the connection, and the client might never see the answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    while await reader.read(BUFFER):
                        pass

    def _admit(self, ask: _Ask) -> None:
        """Record an attempt. Raises _RefusedError for a host that the app may not call."""
        allowed = ask.host in LOOPBACK or any(p.matches(ask.host, ask.port) for p in self._allow)
        self._counts[ask.host, ask.port] += 1
        self._journal.put(
            {
                "at": since(self._origin_ns, self._clock.now_ns()),
                "host": ask.host,
                "port": ask.port,
                "method": ask.method,
                "allowed": allowed,
                "count": self._counts[ask.host, ask.port],
            }
        )
        if not allowed:
            # Few clients show the body of a refused CONNECT; many show the reason phrase.
            raise _RefusedError(
                403,
                f"brownout refused {ask.place}",
                f"brownout refused a call of your app to {ask.place}: while it is tested, the app may call simulated "
                "backends and allowed hosts only; point that client at a simulated backend (app.env) or allow the host "
                "(app.allow)",
            )

    async def _pass_on(
        self, ask: _Ask, rest: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIME):
                far = await self._connect(ask.host, ask.port, limit=BUFFER, ssl=True if ask.tls else None)
        except (OSError, UnicodeError) as e:  # a name may be no name to the resolver
            why = f"it did not accept within {CONNECT_TIME:g} s" if isinstance(e, TimeoutError) else str(e)
            text = f"brownout allows {ask.place} to your app, but could not connect to it: {why}"
            raise _RefusedError(502, "brownout could not connect", text) from None
        far_reader, far_writer = far
        try:
            if not ask.forward:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            far_writer.write(ask.forward + rest)
            await _relay(_Flow(reader, far_writer), _Flow(far_reader, writer))
            far_writer.close()
        except BaseException:
            far_writer.transport.abort()
            raise


class _Flow:
    """One direction of a tunnel. `moved` counts its bytes."""

    def __init__(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self.source, self.sink, self.moved = source, sink, 0

    async def run(self) -> None:
        """Pass bytes on until the source ends, and its end too. Raises OSError when a side is gone."""
        while data := await self.source.read(BUFFER):
            self.moved += len(data)
            self.sink.write(data)
            await self.sink.drain()
        if self.sink.can_write_eof():
            self.sink.write_eof()


async def _relay(*flows: _Flow) -> None:
    """Run both directions to their ends; one may go on after the other. Raises OSError when a side is gone."""
    tasks = [asyncio.create_task(f.run()) for f in flows]
    try:
        ended, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        moved = -1
        while left and not any(t.exception() for t in ended) and moved != (moved := sum(f.moved for f in flows)):
            more, left = await asyncio.wait(left, timeout=IDLE)
            ended |= more
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_head(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head of a request, and what came after it; an empty head when the client left. Raises _RefusedError."""
    data = b""
    try:
        async with asyncio.timeout(HEAD_TIME):
            while b"\r\n\r\n" not in data:
                more = await reader.read(BUFFER)
                if not more:
                    return b"", b""
                data += more
                if not data[:1].isalpha():  # TLS or SOCKS, not HTTP
                    raise _malformed()
                if len(data) > BUFFER:
                    raise _RefusedError(431, "brownout: head too large", f"a request's head may have {BUFFER} bytes")
    except TimeoutError:
        raise _malformed() from None
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _parse(head: bytes) -> _Ask:
    """What a head asks for. Raises _RefusedError for one that no HTTP proxy can serve."""
    line, *headers = head.decode("latin-1").split("\r\n")
    match = _REQUEST.fullmatch(line)
    if match is None:
        raise _malformed()
    method, target = match[1], match[2]
    try:
        if method == "CONNECT":
            return _Ask(method, *split_target(target))
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise _malformed()
        _, secure, host, port, path = absolute.groups()
        name, number = split_target(f"{host}:{port or (443 if secure else 80)}")
    except ValueError:
        raise _malformed() from None
    path = (path or "/").partition("#")[0]
    path = path if path.startswith("/") else f"/{path}"
    # One request for each connection: the next one may be for another host.
    kept = [h for h in headers if not _HOP_BY_HOP.match(h)]
    authority = host if not port else f"{host}:{port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *kept, "Connection: close", "", ""]
    return _Ask(method, name, number, bool(secure), "\r\n".join(lines).encode("latin-1"))


def _malformed() -> _RefusedError:
    text = "this is the HTTP proxy of an app that brownout tests: it serves CONNECT and requests in absolute form"
    return _RefusedError(400, "brownout: not a proxy request", text)


def _answer(status: int, reason: str, text: str) -> bytes:
    body = text.encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii", "replace") + body
