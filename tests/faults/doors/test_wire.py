"""The TCP door as an independent client sees it, byte for byte."""

import json
import os
import re
import signal
import socket
import statistics
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.model.spec import AnswerRule, BackendSpec, Capacity, Speed
from brownout.faults.values.distribution import Fixed

from .conftest import FAST, Serve, Served, request

RECORDED = Path(os.environ.get("BROWNOUT_SPECS", Path(__file__).parents[4] / "shared" / "specs")) / "recorded"


def split(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the undecoded body of a reply."""
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


def dechunk(body: bytes) -> tuple[list[bytes], bool]:
    """The chunks of a chunked body, and whether the terminating chunk came."""
    chunks: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return chunks, rest == b"\r\n"
        chunks.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        body = rest[length + 2 :]
    return chunks, False


def shape(value: Any) -> Any:
    """Keys and types of JSON data, for comparing forms."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return type(value).__name__


def exchange(client: socket.socket, sent: bytes) -> bytes:
    """Send, and receive until the server ends the connection in an orderly way."""
    client.sendall(sent)
    received = b""
    while piece := client.recv(65536):
        received += piece
    return received


class TestHealthy:
    def test_an_unstreamed_reply(self, serve: Serve) -> None:
        status, headers, body = split(serve().raw())
        data = json.loads(body)
        assert status == 200
        assert headers["content-type"] == "application/json"
        assert int(headers["content-length"]) == len(body)
        assert data["object"] == "chat.completion"
        assert data["choices"][0]["finish_reason"] == "stop"
        assert data["choices"][0]["message"]["content"].count(".") >= 3
        assert re.fullmatch(r"chatcmpl-\w{29}", data["id"])
        usage = data["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 10

    def test_a_stream_is_framed_as_recorded_from_the_provider(self, serve: Serve) -> None:
        recorded = RECORDED / "openai-chat-text.sse"
        if not recorded.exists():
            assert not os.environ.get("BROWNOUT_REQUIRE_SPECS")
            pytest.skip(f"the recorded bytes are not here ({recorded}); set BROWNOUT_SPECS to their folder")
        _, headers, body = split(serve().raw(stream=True, stream_options={"include_usage": True}))
        chunks, ended = dechunk(body)
        assert ended
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["transfer-encoding"] == "chunked"
        ours, theirs = b"".join(chunks), recorded.read_bytes()

        def events(stream: bytes) -> list[Any]:
            assert stream.endswith(b"\n\n")
            parts = stream[:-2].split(b"\n\n")
            assert all(p.startswith(b"data: ") and b"\n" not in p for p in parts)
            assert parts[-1] == b"data: [DONE]"
            return [json.loads(p[6:]) for p in parts[:-1]]

        mine, real = events(ours), events(theirs)
        for here, there in ((0, 0), (1, 1), (-2, -2), (-1, -1)):
            assert shape(mine[here]) == shape(real[there])
            assert list(mine[here]) == list(real[there]), "the keys stand in the provider's order"
            assert mine[here]["choices"] == [] or list(mine[here]["choices"][0]) == list(real[there]["choices"][0])
        assert mine[0]["choices"][0]["delta"] == real[0]["choices"][0]["delta"]
        assert len({e["obfuscation"] for e in mine[:-1]}) > 3
        # Compact JSON, as recorded.
        assert b'", "' not in ours.split(b"\n\n")[0].replace(b'content":"', b"")

    def test_options_of_the_stream(self, serve: Serve) -> None:
        served = serve()
        plain = served.raw(stream=True)
        assert b'"usage"' not in plain
        assert b'"obfuscation"' in plain
        assert b'"obfuscation"' not in served.raw(stream=True, stream_options={"include_obfuscation": False})

    def test_a_seed_repeats_the_answer_and_another_changes_it(self, serve: Serve) -> None:
        def said(served: Served) -> str:
            return str(json.loads(split(served.raw())[2])["choices"][0]["message"]["content"])

        first, second, other = said(serve(seed=5)), said(serve(seed=5)), said(serve(seed=6))
        assert first == second != other

    def test_max_tokens_and_stop_are_honoured(self, serve: Serve) -> None:
        spec = BackendSpec(speed=FAST, answers=(AnswerRule("alpha beta gamma delta"),))
        served = serve(spec=spec)
        cut = json.loads(split(served.raw(max_tokens=2))[2])
        assert cut["choices"][0]["finish_reason"] == "length"
        assert cut["choices"][0]["message"]["content"] == "alpha beta"
        assert cut["usage"]["completion_tokens"] == 2
        stopped = json.loads(split(served.raw(stop="gamma"))[2])
        assert stopped["choices"][0]["message"]["content"] == "alpha beta "
        assert stopped["choices"][0]["finish_reason"] == "stop"

    def test_scripted_answers(self, serve: Serve) -> None:
        rules = (
            AnswerRule("mini: {prompt}", model="*-mini"),
            AnswerRule("about money: {watermark}", prompt="(?i)refund", sentences=2),
        )
        served = serve(spec=BackendSpec(speed=FAST, answers=rules))

        def said(**body: Any) -> str:
            return str(json.loads(split(served.raw(**body))[2])["choices"][0]["message"]["content"])

        assert said(model="gpt-4o-mini") == "mini: Why?"
        assert said(messages=[{"role": "user", "content": "My Refund?"}]).startswith("about money: ")
        assert said() != "mini: Why?"
        assert [c["texts"][0]["literal"] for c in served.calls(3)] == ["mini: Why?", "", ""]

    def test_requests_on_one_connection_are_answered_in_turn(self, serve: Serve) -> None:
        spec = BackendSpec(speed=FAST, answers=(AnswerRule("{prompt}!"),))
        with serve(spec=spec).connect() as client:
            texts = ["one", "two", "three"]
            sent = (request(close=t == "three", messages=[{"role": "user", "content": t}]) for t in texts)
            received = exchange(client, b"".join(sent))
        assert re.findall(r'"content": "(\w+)!"', received.decode()) == texts


class TestErrors:
    @pytest.mark.parametrize(
        ("sent", "status", "code"),
        [
            (b"POST /v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 404, None),
            (b"GET /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 405, None),
            (request().replace(b'"messages"', b'"massages"'), 400, None),
            (
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\nconnection: close\r\n\r\n{",
                400,
                None,
            ),
            (request(modalities=["text", "audio"]), 501, "not_served"),
        ],
    )
    def test_what_is_no_good_request_gets_the_providers_error(
        self, serve: Serve, sent: bytes, status: int, code: str | None
    ) -> None:
        with serve().connect() as client:
            received = exchange(client, sent)
        found, _, body = split(received)
        error = json.loads(body)["error"]
        assert (found, error["code"]) == (status, code)
        assert set(error) == {"message", "type", "param", "code"}

    def test_an_unknown_model(self, serve: Serve) -> None:
        served = serve(spec=BackendSpec(models=("gpt-4o",), speed=FAST))
        status, _, body = split(served.raw(model="gpt-5x"))
        assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")
        assert "`gpt-5x`" in json.loads(body)["error"]["message"]

    @pytest.mark.parametrize(
        "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20000]
    )
    def test_garbage_is_refused_and_the_server_lives(self, serve: Serve, sent: bytes) -> None:
        served = serve()
        with served.connect() as client:
            try:
                client.sendall(sent)
                received = client.recv(65536)
            except OSError:
                received = b""
        assert not received or received.startswith(b"HTTP/1.1 4")
        assert split(served.raw())[0] == 200


class TestFaults:
    def test_an_http_error_with_retry_after(self, serve: Serve) -> None:
        status, headers, body = split(serve("- rate_limited: {retry_after: 2s}").raw())
        assert status == 429
        assert headers["retry-after"] == "2"
        assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"

    def test_a_clean_cut_ends_the_framing_without_an_end_of_the_stream(self, serve: Serve) -> None:
        chunks, ended = dechunk(split(serve("- stream_cut: {after_tokens: 4}").raw(stream=True))[2])
        assert ended
        assert len(chunks) == 5
        assert b"[DONE]" not in b"".join(chunks)
        assert b'"finish_reason":"stop"' not in b"".join(chunks)

    def test_an_abrupt_cut_breaks_the_framing(self, serve: Serve) -> None:
        chunks, ended = dechunk(split(serve("- stream_cut: {after_tokens: 4, end: abrupt}").raw(stream=True))[2])
        assert not ended
        assert len(chunks) == 5

    @pytest.mark.parametrize("at", ["connection", "request", "body"])
    def test_a_reset_is_a_reset(self, serve: Serve, at: str) -> None:
        served = serve(f"- reset: {{at: {at}, after_tokens: 3}}")
        with pytest.raises(ConnectionResetError):
            served.raw(stream=True)

    def test_a_hang_is_silent_until_the_client_leaves(self, serve: Serve) -> None:
        served = serve("- hang: {}")
        with served.connect() as client:
            client.sendall(request())
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(1)
        (call,) = served.calls(1)
        assert call["end"] == "client_left"
        assert call["status"] == 0
        assert call["ended"] - call["arrived"] >= 0.45

    def test_gibberish_is_formally_an_answer(self, serve: Serve) -> None:
        served = serve("- gibberish: {}")
        text = json.loads(split(served.raw())[2])["choices"][0]["message"]["content"]
        (call,) = served.calls(1)
        assert call["damage"] == "gibberish"
        assert call["texts"][-1]["kind"] == "nonsense"
        assert not re.search(r"\b(the|each|our)\b", text.lower())

    def test_a_rule_that_changes_nothing_is_recorded_as_not_injected(self, serve: Serve) -> None:
        served = serve("- stream_cut: {after_tokens: 4}")
        served.raw()
        (call,) = served.calls(1)
        assert [(f["fault"], f["injected"]) for f in call["faults"]] == [("stream_cut", False)]

    def test_before_it_begins_a_plan_does_nothing(self, serve: Serve) -> None:
        assert split(serve("- http_error: {status: 500}", begin=False).raw())[0] == 200

    def test_probability_is_keyed(self, serve: Serve) -> None:
        def statuses(served: Served, order: list[int]) -> dict[int, int]:
            return {i: split(served.raw(messages=[{"role": "user", "content": f"q{i}"}]))[0] for i in order}

        plan = "- {http_error: {status: 500}, probability: 50%}"
        forward = statuses(serve(plan), list(range(30)))
        backward = statuses(serve(plan), list(reversed(range(30))))
        assert forward == backward
        assert set(forward.values()) == {200, 500}


class TestTimes:
    def test_an_injected_delay_is_seen_by_an_independent_client(self, serve: Serve) -> None:
        """500 ms before the head: median within 5 ms, against the same backend without the fault."""
        served, plain = serve("- latency: {seconds: 500ms}"), serve()

        def first_byte(at: Served) -> float:
            with at.connect() as client:
                began = time.perf_counter()
                client.sendall(request())
                assert client.recv(1)
                return time.perf_counter() - began

        first_byte(plain), first_byte(served)
        delayed = statistics.median(first_byte(served) for _ in range(9))
        healthy = statistics.median(first_byte(plain) for _ in range(9))
        assert abs(delayed - healthy - 0.5) < 0.005, (delayed, healthy)

    def test_due_and_done_of_every_action_are_recorded(self, serve: Serve) -> None:
        spec = BackendSpec(speed=Speed(Fixed(0.1), Fixed(0.05), Fixed(0.01)), answers=(AnswerRule("a b c d e"),))
        served = serve(spec=spec)
        served.raw(stream=True)
        (call,) = served.calls(1)
        kinds = [a[0] for a in call["actions"]]
        assert kinds == ["head", *["data"] * 8, "end"]
        dues = [round(a[1] - call["arrived"], 4) for a in call["actions"]]
        assert dues == [0.1, 0.15, 0.15, 0.16, 0.17, 0.18, 0.19, 0.19, 0.19, 0.19]
        lags = [a[2] - a[1] for a in call["actions"]]
        assert min(lags) >= 0
        assert statistics.median(lags) < 0.02
        assert sum(a[3] for a in call["actions"]) > 1000

    def test_what_a_slow_reader_has_not_taken_is_not_delivered(self, serve: Serve) -> None:
        spec = BackendSpec(speed=FAST, answers=(AnswerRule("word " * 1_300_000),))
        served = serve(spec=spec)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", served.port))
            client.sendall(request())
            time.sleep(1.0)
            client.settimeout(5)
            while client.recv(1 << 20):
                pass
        (call,) = served.calls(1)
        body = next(a for a in call["actions"] if a[0] == "data")
        assert body[2] - body[1] > 0.3, "handed to the kernel only when the client had read"


class TestCapacity:
    def test_slots_and_queue(self, serve: Serve) -> None:
        spec = BackendSpec(speed=Speed(Fixed(0.4), Fixed(0.0), Fixed(0.0)), capacity=Capacity(slots=1, queue=1))
        served = serve(spec=spec)
        clients = [served.connect() for _ in range(3)]
        for client in clients:
            client.sendall(request())
            time.sleep(0.05)
        replies = []
        for client in clients:
            received = b""
            while piece := client.recv(65536):
                received += piece
            client.close()
            replies.append(split(received)[0])
        assert replies == [200, 200, 503]
        calls = sorted(served.calls(3), key=lambda c: c["call"])
        assert calls[0]["queued"] == 0
        assert 0.2 < calls[1]["queued"] < 0.6

    def test_a_client_that_leaves_gives_up_its_place(self, serve: Serve) -> None:
        spec = BackendSpec(speed=Speed(Fixed(0.3), Fixed(0.0), Fixed(0.0)), capacity=Capacity(slots=1, queue=1))
        served = serve(spec=spec)
        first, second = served.connect(), served.connect()
        first.sendall(request())
        time.sleep(0.05)
        second.sendall(request())
        time.sleep(0.05)
        second.close()
        first.close()
        time.sleep(0.05)
        assert split(served.raw())[0] == 200
        assert {c["end"] for c in served.calls(3)} == {"client_left", "complete"}


class TestEnd:
    def test_calls_in_progress_are_recorded_when_the_process_ends(self, serve: Serve) -> None:
        served = serve("- hang: {}")
        with served.connect() as client:
            client.sendall(request())
            time.sleep(0.2)
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(5) == 0
        (call,) = served.calls(1)
        assert call["end"] == "unfinished"

    def test_it_ends_when_its_parent_does(self, serve: Serve) -> None:
        served = serve()
        assert served.process.stdin
        served.process.stdin.close()
        assert served.process.wait(5) == 0
        served.process.stdin = None

    def test_a_client_that_resets_harms_nobody(self, serve: Serve) -> None:
        served = serve(spec=BackendSpec(speed=Speed(Fixed(0.0), Fixed(0.0), Fixed(0.05))))
        client = served.connect()
        client.sendall(request(stream=True))
        client.recv(100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert split(served.raw())[0] == 200
        assert {c["end"] for c in served.calls(2)} == {"client_left", "complete"}
