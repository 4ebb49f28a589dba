"""What users see of each streamed format over a socket, and specs on their way into the load child."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from brownout.harness.config.answer import AnswerSpec, NdjsonDone, NdjsonSpec, TextSpec, VercelSpec
from brownout.harness.config.app import ReplyRule, RouteSpec
from brownout.harness.load.client import Exchange, Target, Terms
from brownout.harness.load.run import LoadConfig
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival

GAP = 0.15
NDJSON = AnswerSpec(ndjson=NdjsonSpec("$.t", NdjsonDone("$.done", True), "$.error"))
TEXT = AnswerSpec(text=TextSpec())
VERCEL = AnswerSpec(vercel=VercelSpec())
FINISH = b'data: {"type":"finish"}\n\ndata: [DONE]\n\n'


def ask(answer: AnswerSpec, chunks: list[bytes], end: bytes = b"0\r\n\r\n") -> tuple[Sample, str]:
    """A user's sample, and the request's head, of an app that sends `chunks` a gap apart."""
    heads: list[str] = []

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            heads.append(connection.recv(65536).decode().lower())
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for part in chunks:
                time.sleep(GAP)
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            connection.sendall(end)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        now = time.monotonic_ns()
        route = RouteSpec("/?q={prompt}", answer, method="GET")
        terms = Terms(Target.resolve(f"http://127.0.0.1:{server.getsockname()[1]}"), {"ask": route}, now, 5.0, 9.0)
        sample = Exchange(terms, Arrival(1, 0.0, "p", "ask", 1, "why?", "u"), now).run()
        thread.join()
    return sample, heads[0]


@pytest.mark.parametrize(
    ("answer", "chunks", "accept"),
    [
        (NDJSON, [b'{"t": "one "}\n', b'{"t": "two "}\n{"t":', b' "three", "done": true}\n'], "application/x-ndjson"),
        (TEXT, [b"one ", b"two ", b"three"], "text/plain"),
        (
            VERCEL,
            [b'data: {"type":"text-delta","id":"0","delta":"%s"}\n\n' % w for w in (b"one ", b"two ", b"three")]
            + [FINISH],
            "*/*",
        ),
        (VERCEL, [b'0:"one "\n', b'0:"two "\n', b'0:"three"\nd:{"finishReason":"stop"}\n'], "*/*"),
    ],
    ids=["ndjson", "text", "vercel", "vercel-data-stream"],
)
def test_text_is_seen_as_it_comes(answer: AnswerSpec, chunks: list[bytes], accept: str) -> None:
    sample, head = ask(answer, chunks)
    assert (sample.end, sample.error, sample.text, sample.pieces) == ("complete", "", "one two three", 3)
    assert sample.first is not None
    assert sample.last is not None
    # Nothing can be seen before it was sent; the upper bounds leave room for a busy machine.
    assert GAP <= sample.first < 2 * GAP + 0.5
    assert 3 * GAP <= sample.last < 4 * GAP + 0.5
    assert sample.max_gap < 2 * GAP + 0.5
    assert f"accept: {accept}" in head


@pytest.mark.parametrize(
    ("answer", "chunk", "end", "error"),
    [
        (NDJSON, b'{"t": "a"}\n', "truncated", "the line that says the end ($.done) did not come"),
        (NDJSON, b'{"t": "a"}\n{"error": "gone"}\n', "error", "gone"),
        (VERCEL, b'0:"a"\n', "truncated", "the stream came without a finish part"),
        (VERCEL, b'0:"a"\n3:"gone"\n', "error", "gone"),
        (
            VERCEL,
            b'data: {"type":"text-delta","delta":"a"}\n\ndata: {"type":"abort"}\n\n',
            "truncated",
            "the app aborted",
        ),
    ],
)
def test_answers_that_do_not_end_well(answer: AnswerSpec, chunk: bytes, end: str, error: str) -> None:
    sample, _ = ask(answer, [chunk])
    assert (sample.end, sample.text) == (end, "a")
    assert sample.error.startswith(error)


def test_plain_text_of_an_interrupted_body_is_truncated() -> None:
    sample, _ = ask(TEXT, [b"half"], end=b"")
    assert (sample.end, sample.text) == ("truncated", "half")


@pytest.mark.parametrize("answer", [NDJSON, TEXT, VERCEL, AnswerSpec(vercel=VercelSpec(finish=False))])
def test_specs_survive_the_way_to_the_child(tmp_path: Path, answer: AnswerSpec) -> None:
    rules = [ReplyRule(schema={"type": "object", "required": ["a"]}), ReplyRule(path="$.x", schema=False)]
    route = RouteSpec("/{prompt}", answer, good=rules)
    config = LoadConfig(5, "http://127.0.0.1:1", tmp_path / "a", tmp_path / "b", 1.5, 9.0, {"chat": route})
    config.write(tmp_path / "load.json")
    assert repr(LoadConfig.read(tmp_path / "load.json")) == repr(config)
