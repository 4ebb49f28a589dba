"""One user's request over a socket, timed as the user lives it: the connection, the first text, every gap, the end.

Plain blocking sockets with a time limit for each step; in the Locust child they are gevent's. HTTP is parsed by httptools, so
that bytes are seen the moment they arrive and nothing is retried, redirected or buffered behind our back.

Each request has a connection of its own. Users do not share connections, and the race in which a server closes an idle
connection just as a request is sent on it would be counted as a failure of the app. The price is a connect, 0.1 ms on loopback.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httptools

from brownout.faults.values.clock import NS, since
from brownout.harness.app.answer import AnswerReader, judge_reply
from brownout.harness.app.request import request_for
from brownout.harness.app.session import Session
from brownout.harness.app.talk import Talk, taken
from brownout.harness.config.access import TenantSpec
from brownout.harness.config.route import RouteSpec
from brownout.harness.load.sample import End, Sample
from brownout.harness.load.schedule import Arrival

__all__ = ["Exchange", "Target", "Terms", "retry_after"]

BLOCK = 64 * 1024
DRAIN_NS = 1 * NS
"""How long the body may go on after the answer's end was announced before the user closes the connection."""
_BLANK = " \t\r\n\u00a0\u200b\u200c\u200d\u2060\ufeff"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the app is: its addresses, resolved once, in the order in which they are tried."""

    host: str
    addresses: tuple[tuple[int, Any], ...]
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    @classmethod
    def resolve(cls, base_url: str) -> Target:
        """From ``http(s)://host[:port]``. Raises OSError when the host is not known. Proxies are never used."""
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"{base_url!r} is not an address such as http://127.0.0.1:8000")
        tls = ssl.create_default_context() if url.scheme == "https" else None
        found = socket.getaddrinfo(url.hostname, url.port or (443 if tls else 80), type=socket.SOCK_STREAM)
        return cls(
            url.netloc.rpartition("@")[2], tuple((f, address) for f, _, _, _, address in found), tls, url.hostname
        )


class _CutError(Exception):
    """The connection ended before the reply did."""


class _GivenUpError(Exception):
    """The user's patience (`end` left) or the hard bound (timeout) is over."""

    def __init__(self, end: End) -> None:
        self.end: End = end


@dataclass(frozen=True, slots=True)
class Terms:
    """What all requests of a load have in common.

    `patience` and `longest` are seconds: a user leaves after seeing nothing new for `patience` since the intended start or the
    last visible text; no request outlasts `longest` from its intended start. `origin_ns` is the run's origin. `target` is
    None where every route runs a command; commands are run in the folder `cwd` with the environment `env`. `tenants` and
    `sessions` are as in `LoadConfig`.
    """

    target: Target | None
    routes: Mapping[str, RouteSpec]
    origin_ns: int
    patience: float
    longest: float
    tenants: Mapping[str, TenantSpec] = field(default_factory=dict)
    sessions: Mapping[str, Session] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)


class Exchange:
    """One arrival from its intended start, a monotonic time in nanoseconds, to its sample.

    `talk` is the conversation that it is a turn of, a new one where it is not given. An answer that the user got, good or
    degraded, becomes part of it, and so does what the route takes from its reply.
    """

    def __init__(self, terms: Terms, arrival: Arrival, intended_ns: int, talk: Talk | None = None) -> None:
        self.arrival = arrival
        assert terms.target is not None
        self._terms, self._target, self._intended = terms, terms.target, intended_ns
        self._route = terms.routes[arrival.route]
        spec = self._route.conversation
        self._talk = talk or Talk(arrival.conversation) if spec else None
        self._takes = spec.take if spec else {}
        self._reader = AnswerReader(self._route.read)
        self._parser: Any = None
        self._headers: dict[str, str] = {}
        self._status = self._bytes = self._pieces = self._max_gap = self._now = 0
        self._sent: int | None = None
        self._head: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._ended: int | None = None
        self._whole = False

    def run(self) -> Sample:
        """Send the request and read the reply to its end, once. What goes wrong on the way is said by the sample."""
        left: End | None = None
        error = ""
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._converse()
        except _GivenUpError as e:
            left = e.end
        except _CutError as e:
            error = str(e)
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours, not of the app
        except httptools.HttpParserError as e:
            error = f"not HTTP: {e}"
        except (OSError, ValueError) as e:  # ValueError: a request that cannot be written, such as {prompt} in a header
            error = f"{type(e).__name__}: {e}"
        finally:
            self._parser = None  # it refers back to us
        if self._ended is None:
            self._ended = time.monotonic_ns()
        sample = self._sample(left, error)
        if self._talk is not None and sample.end == "complete" and (sample.good or sample.degraded) and sample.text:
            self._talk.heard(self.arrival.text, sample.text, taken(self._takes, self._reader.body_text))
        return sample

    def unfinished(self) -> Sample:
        """The sample of a request that is still going on when the load is stopped."""
        return self._sample(None if self._reader.over else "unfinished", "")

    # The conversation

    def _converse(self) -> None:
        request = self._request()
        # What the user waits for begins here; connecting is the app's part of it.
        self._sent = time.monotonic_ns()
        with contextlib.closing(self._connect()) as sock:
            sock.settimeout(self._allowed())
            # A server may answer and close before it has read everything: its reply counts more than the broken pipe.
            with self._waiting(), contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(request)
            while not self._whole:
                sock.settimeout(self._allowed())
                with self._waiting():
                    data = sock.recv(BLOCK)
                self._now = time.monotonic_ns()
                if not data:
                    self._end_of_connection()
                    return
                self._parser.feed_data(data)

    def _connect(self) -> socket.socket:
        failure: OSError | None = None
        for family, address in self._target.addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(self._allowed())
                with self._waiting():
                    sock.connect(address)
                    if self._target.tls is not None:
                        sock = self._target.tls.wrap_socket(sock, server_hostname=self._target.server_name)
                return sock
            except OSError as e:
                sock.close()
                failure = e
            except BaseException:
                sock.close()
                raise
        raise failure or OSError(f"{self._target.host} has no address")

    def _request(self) -> bytes:
        """The request's bytes. Raises ValueError when a header cannot be written."""
        a, terms = self.arrival, self._terms
        made = request_for(
            self._route,
            a.text,
            a.user,
            tenant=a.tenant,
            headers=terms.tenants[a.tenant].headers if a.tenant in terms.tenants else None,
            session=terms.sessions.get(a.user) or terms.sessions.get(a.tenant),
            talk=self._talk,
        )
        headers = {"host": self._target.host, "accept": self._reader.accept, "user-agent": "brownout"}
        headers |= {name.lower(): value for name, value in made["headers"].items()}
        # One request a connection; and no coding of the body, whose pieces must be seen as they come.
        headers |= {"connection": "close", "accept-encoding": "identity"}
        if made["body"] or made["method"] != "GET":
            headers["content-length"] = str(len(made["body"]))
        path = quote(made["path"], safe="/%:=&?~#+!$,;'@()*[]").partition("#")[0]
        lines = [f"{made['method']} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any(map(_CONTROL.search, lines)):
            raise ValueError("a header holds a line feed or another control character")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(made["body"])

    # Limits

    def _allowed(self) -> float:
        """Seconds that the next step may take. Raises _GivenUpError when there are none."""
        deadline, end = self._deadline()
        left = deadline - time.monotonic_ns()
        if left <= 0:
            raise _GivenUpError(end)
        return left / NS

    def _deadline(self) -> tuple[int, End]:
        longest = self._intended + round(self._terms.longest * NS)
        if self._reader.over:
            assert self._ended is not None
            return self._ended + DRAIN_NS, "complete"
        since_ns = self._intended if self._last is None else self._last
        patience = since_ns + round(self._terms.patience * NS)
        return (patience, "left") if patience < longest else (longest, "timeout")

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """Around a step that may run into the time limit set on its socket."""
        try:
            yield
        except TimeoutError as e:
            if e.errno is not None:  # the kernel gave up (ETIMEDOUT), not we
                raise
            raise _GivenUpError(self._deadline()[1]) from None

    # What httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and status != 101:  # an interim response; the real one follows
            self._headers.clear()
            return
        self._status, self._head = status, self._now

    def on_body(self, data: bytes) -> None:
        self._bytes += len(data)
        for piece in self._reader.feed(data):
            if piece.strip(_BLANK):  # a user who sees white space sees nothing
                self._seen()
        if self._reader.over and self._ended is None:
            self._ended = self._now

    def on_message_complete(self) -> None:
        if self._status:
            self._whole = True
            self._ended = self._ended or self._now

    def _seen(self) -> None:
        if self._last is None:
            self._first = self._now
        else:
            self._max_gap = max(self._max_gap, self._now - self._last)
        self._last = self._now
        self._pieces += 1

    def _end_of_connection(self) -> None:
        framed = "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()
        if self._status and not framed:  # RFC 9112 section 6.3: then the connection's end is the body's
            self.on_message_complete()
            return
        self._ended = self._ended or self._now
        raise _CutError(
            "the connection was closed before the end of the body" if self._status else "closed without a reply"
        )

    # What came of it

    def _sample(self, given_up: End | None, error: str) -> Sample:
        read = self._reader.finish(self._whole)
        body = self._reader.body_text
        end: End
        if given_up is not None and given_up != "complete":
            end = given_up
        elif not self._status:
            end = "refused"
        elif not 200 <= self._status <= 299:
            location = self._headers.get("location", "")
            moved = f"sent on to {location}, which users' requests do not follow" if location else ""
            end, error = "error", moved or " ".join(body.split()) or error
        elif read.error:
            end, error = "error", read.error
        elif read.cut:
            end, error = "truncated", error or read.problem
        else:
            end, error = "complete", read.problem
        first, last, pieces = self._first, self._last, self._pieces
        if end == "complete" and read.text and not pieces:  # JSON: all becomes visible at once, when it is whole
            first = last = self._ended
            pieces = 1
        good, degraded = judge_reply(self._route, self._status, self._headers, body, read)
        if end == "complete" and not good and not error:
            error = "not good by the rules of its route: " + " ".join(body.split())
        a = self.arrival
        return Sample(
            request=a.request,
            prompt=a.prompt,
            user=a.user,
            phase=a.phase,
            route=a.route,
            intended=since(self._terms.origin_ns, self._intended),
            sent=self._at(self._sent),
            status=self._status,
            head=self._at(self._head),
            first=self._at(first),
            last=self._at(last),
            ended=self._at(self._ended),
            end=end,
            error=error,
            text=read.text,
            pieces=pieces,
            max_gap=round(self._max_gap / NS, 6),
            bytes=self._bytes,
            good=good,
            degraded=degraded,
            retry_after=retry_after(self._headers.get("retry-after", "")),
            tenant=a.tenant,
            conversation=a.conversation,
            turn=a.turn,
        )

    def _at(self, at_ns: int | None) -> float | None:
        return None if at_ns is None else since(self._terms.origin_ns, at_ns)


def retry_after(value: str, now: float | None = None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3: seconds, or a date); None when it says nothing.

    `now` is Unix time, for dates.
    """
    value = value.strip()
    # Decimals are not in the RFC, but some services send them.
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, round(at - (time.time() if now is None else now), 3))
