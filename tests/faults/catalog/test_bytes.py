"""Replies that are no good HTTP, and bodies that are cut."""

import json
from typing import Any, Literal

import pytest

from brownout.faults.catalog.broken_chunking import BrokenChunking
from brownout.faults.catalog.empty_reply import EmptyReply
from brownout.faults.catalog.garbage import Garbage
from brownout.faults.catalog.truncated_body import TruncatedBody
from brownout.faults.catalog.wrong_length import WrongLength
from brownout.faults.values.fault import Fault
from brownout.faults.values.reply import Acquire, Cut, Data, End, Hang, Raw, Wait

from .wires import CHAT, chat

STREAM, WHOLE = chat("openai", stream=True), chat("openai", stream=False)


@pytest.mark.parametrize("on", [STREAM, WHOLE])
def test_an_empty_reply_closes_in_place_of_the_head(on: Any) -> None:
    *before, cut = on.play(EmptyReply()).actions
    assert isinstance(cut, Cut)
    assert {type(a) for a in before} == {Acquire, Wait}, "the model was asked"


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_share_of_the_head_is_a_beginning_of_it(share: float) -> None:
    *_, raw, cut = WHOLE.play(EmptyReply(share)).actions
    assert isinstance(cut, Cut)
    assert isinstance(raw, Raw)
    whole = b"HTTP/1.1 200 OK\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in WHOLE.play().head.headers)
    assert raw.body == whole[: round(len(whole) * share)]
    assert b"\r\n\r\n" not in raw.body


def test_garbage_is_no_http_and_differs_between_calls() -> None:
    *_, raw, cut = STREAM.play(Garbage(40)).actions
    assert isinstance(cut, Cut)
    assert isinstance(raw, Raw)
    assert len(raw.body) == 41
    assert not raw.body.startswith(b"HTTP")
    assert len(set(raw.body)) > 20


@pytest.mark.parametrize(
    ("fault", "announced", "end"),
    [
        (WrongLength("more", 7), 7, Cut),
        (WrongLength("more", 7, "hang"), 7, Hang),
        (WrongLength("less", 7), -7, Cut),
        (WrongLength("less", 7, "hang"), -7, Cut),
    ],
)
def test_a_wrong_length(fault: Fault, announced: int, end: type) -> None:
    played = WHOLE.play(fault)
    assert played.body == WHOLE.play().body
    assert played.head.length == len(played.body) + announced
    assert isinstance(played.end, end)
    assert not STREAM.play(fault).stepped, "a stream announces no length"


def test_less_than_the_whole_body_is_nothing() -> None:
    assert WHOLE.play(WrongLength("less", 1_000_000)).head.length == 0


def test_a_chunk_whose_size_is_no_number() -> None:
    played = STREAM.play(BrokenChunking(4))
    assert len(played.parts("content")) == 4
    raw, cut = played.actions[-2:]
    assert isinstance(raw, Raw)
    with pytest.raises(ValueError, match="base 16"):
        int(raw.body.split(b"\r\n")[0], 16)
    assert isinstance(cut, Cut)


def test_a_body_that_is_not_streamed_is_chunked_to_be_broken() -> None:
    played = WHOLE.play(BrokenChunking())
    assert played.head.length is None
    assert not played.data
    assert WHOLE.play().body in played.body


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (TruncatedBody(), lambda size: size // 2),
        (TruncatedBody(0.95), lambda size: int(size * 0.95)),
        (TruncatedBody(0.0), lambda size: 0),
        (TruncatedBody(1.0), lambda size: size - 2),
        (TruncatedBody(size=10), lambda size: 10),
        (TruncatedBody(size=100_000), lambda size: size - 2),
    ],
)
@pytest.mark.parametrize("end", ["clean", "abrupt"])
def test_a_truncated_body(fault: TruncatedBody, kept: Any, end: Literal["clean", "abrupt"]) -> None:
    whole = WHOLE.play().body
    played = WHOLE.play(TruncatedBody(fault.share, fault.size, end))
    assert played.body == whole[: kept(len(whole))]
    assert played.head.length == len(played.body if end == "clean" else whole)
    assert isinstance(played.end, End if end == "clean" else Cut)
    assert not STREAM.play(fault).stepped, "see stream_cut"


@pytest.mark.parametrize("dialect", list(CHAT))
def test_a_body_that_is_cut_is_no_json_and_its_finish_reason_was_not_sent(dialect: str) -> None:
    played = chat(dialect, stream=False).play(TruncatedBody(1.0))
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(played.body)
    (piece,) = played.data
    (whole,) = chat(dialect, stream=False).play().data
    assert isinstance(piece, Data)
    assert 0 < piece.tokens < whole.tokens
