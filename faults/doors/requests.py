"""HTTP requests out of the bytes of one connection: parsing with limits, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httptools

from brownout.faults.values.ask import WireRequest

__all__ = ["MAX_BODY", "MAX_HEAD", "Parsed", "Refused", "RequestParser"]

MAX_BODY = 32 * 1024 * 1024
MAX_HEAD = 64 * 1024
_SLICE = 4096
"""Bytes of a head that are parsed at a time, so that its size is known to within as much."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole request. `chunked`: its sender knows chunked framing, which came with HTTP/1.1."""

    request: WireRequest
    keep_alive: bool = True
    chunked: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """What came is no acceptable request; `status` says why. Nothing that follows on the connection is read."""

    status: int


class RequestParser:
    """Feed it what arrives; it returns what that completed."""

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        self._done: list[Parsed | Refused] = []
        self._ended = False
        self.awaited = False
        """True when a request's head has come and its sender waits for ``100 Continue`` before sending the body."""
        self.on_message_begin()

    def feed(self, data: bytes) -> list[Parsed | Refused]:
        """The requests that `data` completes, in order. After a Refused there are no more."""
        self._done = []
        at = 0
        while at < len(data) and not self._ended:
            in_head = self._in_head
            piece = data[at : at + _SLICE] if in_head else data[at:]
            at += self._parse(piece)
            if in_head and self._in_head:
                self._size += len(piece)
                if self._size > MAX_HEAD:
                    self._refuse(414 if len(self._url) > MAX_HEAD // 2 else 431)
        return self._done

    def _parse(self, piece: bytes) -> int:
        """Parse `piece`; returns how many of its bytes were used."""
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as e:
            self._decline()
            return int(e.args[0])
        except httptools.HttpParserError:
            self._refuse(400)
        return len(piece)

    def _decline(self) -> None:
        """Go on as if no upgrade had been asked for: a server may ignore one (RFC 9110, 7.8).

        The parser stops behind the head of such a request, so another one reads it again without its upgrade.
        """
        if self._method == "CONNECT":  # what follows is no HTTP
            self._finish(keep_alive=False)
            self._ended = True
            return
        headers = {n: v for n, v in self._headers.items() if n not in ("upgrade", "http2-settings", "connection")}
        options = [o.strip() for o in self._headers.get("connection", "").split(",")]
        headers["connection"] = ", ".join(o for o in options if o.lower() not in ("upgrade", "http2-settings"))
        lines = [f"{self._method} {self._url.decode('latin-1')} HTTP/{self._version}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value]
        self._parser = httptools.HttpRequestParser(self)
        self._parse(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def _refuse(self, status: int) -> None:
        if not self._ended:
            self._ended = True
            self._done.append(Refused(status))

    def _finish(self, *, keep_alive: bool) -> None:
        request = WireRequest(self._method, self._url.decode("latin-1"), self._headers, bytes(self._body))
        self._done.append(Parsed(request, keep_alive, self._version != "1.0"))

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        self._url, self._body = b"", bytearray()
        self._headers: dict[str, str] = {}
        self._size, self._in_head = 0, True
        self._method = self._version = ""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._method, self._version = self._parser.get_method().decode("latin-1"), self._parser.get_http_version()
        if self._parser.should_upgrade():
            return
        self._in_head = False
        self.awaited = self._version != "1.0" and self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        self.awaited = False
        if len(self._body) + len(body) > MAX_BODY:
            self._refuse(413)
        elif not self._ended:
            self._body += body

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade() or self._ended:
            return
        self.awaited = False
        self._finish(keep_alive=self._parser.should_keep_alive())
        self._in_head, self._size = True, 0
