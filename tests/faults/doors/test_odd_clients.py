"""What clients send that is odd, broken or hostile: each gets a well-formed reply or a closed connection, never a hang."""

import contextlib
import json
import re
import socket
import time

import httpx
import pytest

from brownout.faults.model.spec import AnswerRule, BackendSpec, Speed
from brownout.faults.values.distribution import Fixed

from .conftest import FAST, Serve, Served, request
from .test_wire import dechunk, exchange, split

SLOW = BackendSpec(speed=Speed(Fixed(0.0), Fixed(0.0), Fixed(0.03)), answers=(AnswerRule("a b c d e f g h i j"),))
ECHO = BackendSpec(speed=FAST, answers=(AnswerRule("{prompt}!"),))


def told(served: Served, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with served.connect() as client:
        return split(exchange(client, sent))


class TestUnicode:
    @pytest.mark.parametrize(
        "body",
        [
            {"model": "\ud800"},
            {"messages": [{"role": "\ud800", "content": "Why?"}]},
            {"messages": [{"role": "user", "content": "cut \ud83d"}]},
        ],
    )
    def test_half_a_surrogate_pair_is_no_json(self, serve: Serve, body: dict[str, object]) -> None:
        served = serve()
        status, _, said = split(served.raw(**body))
        assert (status, json.loads(said)["error"]["type"]) == (400, "invalid_request_error")
        assert served.calls(1)[0]["end"] == "complete"

    def test_bytes_that_are_no_utf8_are_no_json(self, serve: Serve) -> None:
        assert told(serve(), request().replace(b"Why?", b"W\xed\xa0\x80"))[0] == 400

    def test_whole_pairs_are_text(self, serve: Serve) -> None:
        served = serve(spec=ECHO)
        status, _, said = split(served.raw(messages=[{"role": "user", "content": "\U0001f600 \\ud"}]))
        assert (status, json.loads(said)["choices"][0]["message"]["content"]) == (200, "\U0001f600 \\ud!")


class TestUpgrade:
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_an_upgrade_is_ignored(self, serve: Serve, size: int) -> None:
        """Three requests on one connection, two of which ask for HTTP/2, in pieces of `size` bytes."""
        offer = b"\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA\r\n"
        texts = ["one", "two", "three"]
        sent = b"".join(
            request(close=t == "three", messages=[{"role": "user", "content": t}]).replace(
                b"\r\n", b"\r\n" if t == "three" else offer, 1
            )
            for t in texts
        )
        served = serve(spec=ECHO)
        with served.connect() as client:
            for at in range(0, len(sent), size):
                client.sendall(sent[at : at + size])
            received = exchange(client, b"")
        assert re.findall(r'"content": "(\w+)!"', received.decode()) == texts
        assert received.count(b"HTTP/1.1 ") == 3

    def test_a_chunked_body_after_an_upgrade(self, serve: Serve) -> None:
        body = request().partition(b"\r\n\r\n")[2]
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: close, upgrade\r\n"
        sent = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        status, headers, _ = told(serve(), sent)
        assert (status, headers["connection"]) == (200, "close")

    def test_a_tunnel_is_not_made(self, serve: Serve) -> None:
        status, _, body = told(serve(), b"CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n\x16\x03\x01")
        assert (status, "error" in json.loads(body)) == (404, True)


class TestGarbage:
    @pytest.mark.parametrize("close", [True, False])
    def test_garbage_behind_a_request_never_enters_its_reply(self, serve: Serve, close: bool) -> None:
        with serve(spec=SLOW).connect() as client:
            client.sendall(request(close=close, stream=True))
            time.sleep(0.1)
            received = exchange(client, b"NONSENSE\r\n\r\n")
        end = received.index(b"0\r\n\r\n") + 5
        chunks, ended = dechunk(split(received[:end])[2])
        assert ended
        assert chunks[-1] == b"data: [DONE]\n\n"
        rest = received[end:]
        assert not rest if close else split(rest)[0] == 400

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"NONSENSE\r\n\r\n", 400),
            (b"GET /" + b"a" * 3_000_000, 414),
            (b"GET / HTTP/1.1\r\na: " + b"b" * 3_000_000, 431),
            (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 3_000_000, 431),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", 431),
            (b"\r\n" * 100_000, 431),
            (b"POST / HTTP/1.1\r\ncontent-length: 40000000\r\n\r\n" + b"a" * 36_000_000, 413),
        ],
        ids=["nonsense", "url", "first header", "header", "headers", "line feeds", "body"],
    )
    def test_it_is_refused_in_the_providers_words(self, serve: Serve, sent: bytes, status: int) -> None:
        served = serve()
        found, headers, body = told(served, sent)
        assert (found, headers["connection"]) == (status, "close")
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
        assert split(served.raw())[0] == 200
        assert len(served.calls(1)) == 1

    def test_a_client_that_goes_on_sending_after_a_refusal_is_dropped(self, serve: Serve) -> None:
        with serve().connect() as client:
            client.sendall(b"NONSENSE\r\n\r\n")
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 5:
                    client.sendall(b"x" * 1000)
                    time.sleep(0.02)
        assert 0.8 < time.monotonic() - began < 2.5

    def test_a_head_below_the_limit_is_read_whatever_came_before(self, serve: Serve) -> None:
        padded = request().replace(b"\r\n", b"\r\nx-pad: " + b"p" * 55_000 + b"\r\n", 1)
        with serve().connect() as client:
            received = exchange(client, request(close=False, user="u" * 200_000) + padded)
        assert received.count(b"HTTP/1.1 200") == 2


class TestOldClients:
    def test_a_stream_to_http_1_0_ends_with_its_connection(self, serve: Serve) -> None:
        sent = request(close=False, stream=True).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        _, headers, body = told(serve(), sent.replace(b"host: x", b"connection: keep-alive"))
        assert "transfer-encoding" not in headers
        assert headers["connection"] == "close"
        assert body.startswith(b"data: {")
        assert body.endswith(b"data: [DONE]\n\n")

    def test_http_1_0_keeps_a_connection_only_when_asked(self, serve: Serve) -> None:
        sent = request(close=False).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        served = serve()
        assert told(served, sent)[1]["connection"] == "close"
        with served.connect() as client:
            received = exchange(client, sent.replace(b"host: x", b"connection: keep-alive") + sent)
        assert received.count(b"HTTP/1.1 200") == 2
        assert split(received)[1]["connection"] == "keep-alive"

    def test_a_reply_to_head_has_no_body(self, serve: Serve) -> None:
        status, headers, body = told(serve(), b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert status in (404, 405)
        assert int(headers["content-length"]) > 0
        assert body == b""

    def test_expect_continue(self, serve: Serve) -> None:
        head, _, body = request().partition(b"\r\n\r\n")
        with serve().connect() as client:
            client.sendall(head + b"\r\nexpect: 100-continue\r\n\r\n")
            assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert split(exchange(client, body))[0] == 200


def test_a_null_limit_is_no_limit(serve: Serve) -> None:
    served = serve(spec=SLOW)
    cut = json.loads(split(served.raw(max_completion_tokens=None, max_tokens=2))[2])
    assert cut["usage"]["completion_tokens"] == 2


class TestLeaving:
    @pytest.mark.parametrize(
        "plan", ["- hang: {}", "- latency: {seconds: 30s}", "- stall: {after_tokens: 2, seconds: 30s}"]
    )
    def test_an_http_client_that_gives_up_is_noticed_at_once(self, serve: Serve, plan: str) -> None:
        served = serve(plan)
        body = {"model": "m", "messages": [{"role": "user", "content": "Why?"}], "stream": True}
        with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=0.3, trust_env=False) as client:
            client.post(f"{served.base_url}/chat/completions", json=body)
        (call,) = served.calls(1, timeout=1.5)
        assert call["end"] == "client_left"
        assert call["ended"] - call["arrived"] < 1.3

    def test_a_client_that_closes_its_sending_side_has_left(self, serve: Serve) -> None:
        """Nothing tells it from one that closed the socket: what it asked is recorded, the server lives."""
        served = serve(spec=SLOW)
        with served.connect() as client:
            client.sendall(request(stream=True, close=False) * 3)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        assert [c["end"] for c in served.calls(3)] == ["client_left"] * 3
        assert split(served.raw())[0] == 200


def test_refused_connections_are_recorded(serve: Serve) -> None:
    served = serve("- reset: {at: connection}")
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            served.raw()
    for call in served.calls(2):
        assert (call["endpoint"], call["status"], call["end"]) == ("", 0, "reset")
        assert call["faults"] == [
            {"rule": call["faults"][0]["rule"], "fault": "reset", "label": "reset", "injected": True}
        ]
        assert 0 <= call["arrived"] <= call["ended"]
