"""Delivery faults on a real socket: the client gets exactly the promised bytes, and the journal says what was injected."""

import json
import re
import socket
import time
from typing import Any

import pytest

from brownout.faults.model.spec import AnswerRule, BackendSpec

from .conftest import FAST, Serve, Served, request
from .test_wire import dechunk, split

SPEC = BackendSpec(speed=FAST, answers=(AnswerRule("one two three four five six seven"),))


def both(serve: Serve, plan: str, **body: Any) -> tuple[Served, bytes, bytes]:
    """A backend under a plan, what it sends, and what a healthy one sends to the same request."""
    served = serve(plan, spec=SPEC)
    return served, undated(served.raw(**body)), undated(serve(spec=SPEC).raw(**body))


def undated(reply: bytes) -> bytes:
    """A reply without the time at which it was made."""
    return re.sub(rb'("created": ?)\d{10}', rb"\g<1>1700000000", reply)


def injected(served: Served) -> tuple[bool, str]:
    (call,) = served.calls(1)
    return call["faults"][0]["injected"], call["end"]


def timed(served: Served, count: int, **body: Any) -> list[tuple[float, bytes]]:
    """The first `count` pieces that arrive after the head, with the time from one to the next."""
    with served.connect() as client:
        client.sendall(request(**body))
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(65536)
        at, pieces = time.monotonic(), list[tuple[float, bytes]]()
        while len(pieces) < count:
            piece = client.recv(65536)
            now = time.monotonic()
            pieces.append((now - at, piece))
            at = now
    return pieces


def test_not_a_byte(serve: Serve) -> None:
    served, received, _ = both(serve, "- empty_reply: {}")
    assert received == b""
    assert injected(served) == (True, "cut")


def test_half_a_head(serve: Serve) -> None:
    served, received, healthy = both(serve, "- empty_reply: {head: 50%}")
    assert 20 < len(received) < len(healthy)
    assert healthy.startswith(received)
    assert b"\r\n\r\n" not in received
    assert injected(served) == (True, "cut")


def test_no_http_at_all_and_the_same_again(serve: Serve) -> None:
    served = serve("- garbage: {size: 32}", spec=SPEC)
    first, again = served.raw(), serve("- garbage: {size: 32}", spec=SPEC).raw()
    assert len(first) == 33
    assert b"HTTP" not in first
    assert first == again, "a seed repeats it"
    assert served.raw() != first, "the second attempt has other bytes"


@pytest.mark.parametrize(("announced", "by"), [("more", 50), ("less", -50)])
def test_a_length_that_is_not_the_bodys(serve: Serve, announced: str, by: int) -> None:
    served = serve(f"- wrong_length: {{announced: {announced}, by: 50}}", spec=SPEC)
    with served.connect() as client:
        client.sendall(request(close=False))
        received = b""
        while piece := client.recv(65536):  # the server closes, though it was not asked to
            received += piece
    _, headers, body = split(received)
    assert int(headers["content-length"]) == len(body) + by
    assert json.loads(body)["choices"]
    assert injected(served) == (True, "cut")


def test_the_rest_that_never_comes(serve: Serve) -> None:
    served = serve("- wrong_length: {then: hang}", spec=SPEC)
    with served.connect() as client:
        client.sendall(request(close=False))
        client.settimeout(0.4)
        received = b""
        try:
            while piece := client.recv(65536):
                received += piece
            pytest.fail("the server closed the connection")
        except TimeoutError:
            pass
    assert json.loads(split(received)[2])["choices"], "all that there is has come"
    assert injected(served) == (True, "client_left")


@pytest.mark.parametrize("stream", [True, False])
def test_a_chunk_size_that_is_no_number(serve: Serve, stream: bool) -> None:
    served, received, _ = both(serve, "- broken_chunking: {after_tokens: 2}", stream=stream)
    _, headers, body = split(received)
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers
    before, _, after = body.partition(b"size\r\n")
    chunks, ended = dechunk(before)
    assert not ended
    assert len(chunks) == (3 if stream else 0)
    assert after
    assert injected(served) == (True, "cut")


@pytest.mark.parametrize("end", ["clean", "abrupt"])
def test_a_truncated_body(serve: Serve, end: str) -> None:
    served, received, healthy = both(serve, f"- truncated_body: {{size: 60, end: {end}}}")
    _, headers, body = split(received)
    whole = split(healthy)[2]
    assert body == whole[:60]
    assert int(headers["content-length"]) == (60 if end == "clean" else len(whole))
    assert injected(served) == (True, "complete" if end == "clean" else "cut")


def test_an_edges_page(serve: Serve) -> None:
    served, received, _ = both(serve, "- cloudflare_520_html: {after: 200ms}", stream=True)
    status, headers, body = split(received)
    assert (status, headers["content-type"], int(headers["content-length"])) == (
        520,
        "text/html; charset=UTF-8",
        len(body),
    )
    assert b"520: Web server is returning an unknown error" in body
    (call,) = served.calls(1)
    assert call["ended"] - call["arrived"] >= 0.2
    assert call["texts"][0]["kind"] == "error", "its mark is in the ledger"


def test_an_error_without_a_body(serve: Serve) -> None:
    status, headers, body = split(serve("- cloudflare_520_empty", spec=SPEC).raw())
    assert (status, headers["content-length"], body) == (520, "0", b"")


def test_headers_that_say_when_to_come_back(serve: Serve) -> None:
    plan = "- rate_limited: {retry_after: -1s, should_retry: false, headers: {x-ratelimit-remaining-requests: 0}}"
    status, headers, _ = split(serve(plan, spec=SPEC).raw())
    assert status == 429
    said = {n: headers[n] for n in ("retry-after", "x-should-retry", "x-ratelimit-remaining-requests")}
    assert said == {"retry-after": "-1", "x-should-retry": "false", "x-ratelimit-remaining-requests": "0"}


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_under_status_200(serve: Serve, stream: bool) -> None:
    status, headers, body = split(serve("- ok_with_error: {body: empty}", spec=SPEC).raw(stream=stream))
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    assert body == (b"0\r\n\r\n" if stream else b"")


def test_a_stream_that_fails_in_the_middle(serve: Serve) -> None:
    served, received, healthy = both(serve, "- overloaded_in_200_stream: {after_tokens: 3}", stream=True)
    (chunks, ended), (whole, _) = (dechunk(split(r)[2]) for r in (received, healthy))
    assert ended
    assert chunks[:-1] == whole[:4]
    assert json.loads(chunks[-1].removeprefix(b"data: "))["error"]["message"]
    assert injected(served) == (True, "complete")


def test_pieces_of_one_byte(serve: Serve) -> None:
    served, received, healthy = both(serve, "- slicer: {size: 1, seconds: 0}", stream=True)
    chunks, ended = dechunk(split(received)[2])
    assert ended
    assert {len(c) for c in chunks} == {1}
    assert undated(b"".join(chunks)) == b"".join(dechunk(split(healthy)[2])[0])
    assert injected(served) == (True, "complete")


def test_a_byte_now_and_then(serve: Serve) -> None:
    served = serve("- drip_under_read_timeout: {seconds: 100ms}", spec=SPEC)
    pieces = timed(served, 4)
    # A reader that is late itself finds two together.
    assert all(len(piece) in (1, 2) and gap > 0.08 * len(piece) for gap, piece in pieces[1:])


def test_a_narrow_line(serve: Serve) -> None:
    served, received, healthy = both(serve, "- bandwidth: {bytes_per_second: 2000}")
    assert split(received)[2] == split(healthy)[2]
    (call,) = served.calls(1)
    seconds = len(split(received)[2]) / 2000
    assert seconds <= call["ended"] - call["arrived"] < seconds + 0.3


def test_keep_alives_before_a_body(serve: Serve) -> None:
    served = serve("- idle_pings: {every: 100ms, seconds: 300ms}", spec=SPEC)
    _, headers, body = split(served.raw())
    chunks, ended = dechunk(body)
    assert ended
    assert headers["transfer-encoding"] == "chunked"
    assert chunks[:3] == [b"\n", b"\n", b"\n"]
    assert json.loads(b"".join(chunks))["choices"]


def test_keep_alives_that_never_end(serve: Serve) -> None:
    served = serve("- idle_pings: {form: event, every: 100ms}", spec=SPEC)
    pieces = timed(served, 4, stream=True)
    assert b"".join(piece for _, piece in pieces).count(b"event: ping") >= 3
    assert injected(served) == (True, "client_left")


def test_slow_tokens_are_slow_when_not_streamed_too(serve: Serve) -> None:
    served = serve("- slow_tokens: {seconds: 50ms}", spec=SPEC)
    served.raw()
    (call,) = served.calls(1)
    assert call["completion_tokens"] == 7
    assert call["ended"] - call["arrived"] >= 0.3
    assert call["faults"][0]["injected"]


def test_merged_events_come_in_one_write(serve: Serve) -> None:
    served, received, healthy = both(serve, "- merge_events: {}", stream=True)
    (chunks, _), (whole, _) = (dechunk(split(r)[2]) for r in (received, healthy))
    assert chunks == [b"".join(whole)]
    assert injected(served) == (True, "complete")


@pytest.mark.parametrize(
    "fault",
    ["stream_error", "drop_events", "duplicate_events", "merge_events", "malformed_event", "odd_lines: {kind: bom}"],
)
def test_what_has_no_meaning_for_a_reply_is_decided_and_not_injected(serve: Serve, fault: str) -> None:
    served, received, healthy = both(serve, f"- {fault}")
    assert split(received)[2] == split(healthy)[2]
    assert injected(served) == (False, "complete")


def test_the_connection_is_kept_after_a_clean_fault(serve: Serve) -> None:
    served = serve("- {truncated_body: {size: 10}, first_attempts: 1}", spec=SPEC)
    with served.connect() as client:
        client.sendall(request(close=False))
        first = b""
        while not first.endswith(b'{\n  "id": '):
            first += client.recv(65536)
        client.sendall(request(close=True))
        rest = b""
        while piece := client.recv(65536):
            rest += piece
    assert len(split(first)[2]) == 10
    assert json.loads(split(rest)[2])["choices"]


def test_a_cut_ends_with_fin_and_not_with_a_reset(serve: Serve) -> None:
    served = serve("- garbage: {}", spec=SPEC)
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as client:
        client.sendall(request())
        while client.recv(65536):
            pass
        assert client.recv(1) == b""
