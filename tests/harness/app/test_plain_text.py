"""Answers that are the body itself."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.harness.app.reading import CUTS, divided, read

from brownout.harness.app.answer import AnswerReader, ReadAnswer
from brownout.harness.app.answers.form import LIMIT
from brownout.harness.config.answer import AnswerSpec, TextSpec

TEXT = AnswerSpec(text=TextSpec())


def test_text_is_visible_as_its_bytes_come() -> None:
    reader = AnswerReader(TEXT)
    assert reader.feed(b"Gr\xc3") == ["Gr"]
    assert reader.feed(b"\xbc") == ["ü"]
    assert reader.feed(b"\xf0\x9f\x8c") == []
    assert reader.feed(b"\x8d\nand on") == ["🌍\nand on"]
    assert not reader.over
    assert reader.finish(True) == ReadAnswer("Grü🌍\nand on", ended=True)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"caf\xe9!", "caf\ufffd!"),
        (b"cut \xe2\x82", "cut \ufffd"),
        (b"\xef\xbb\xbfa", "a"),
        (b'{"answer": 1}', '{"answer": 1}'),
        (b"\r\n a \n", "\r\n a \n"),
    ],
)
def test_bytes_become_text(body: bytes, text: str) -> None:
    for chunks in ([body], [bytes([b]) for b in body]):
        assert read(TEXT, *chunks)[1] == ReadAnswer(text, ended=True)


def test_an_interrupted_body_is_cut_before_its_last_half_character() -> None:
    assert read(TEXT, b"half \xe2\x82", whole=False)[1] == ReadAnswer("half ", ended=False, cut=True)


def test_an_empty_body_is_said() -> None:
    assert read(TEXT)[1] == ReadAnswer("", ended=True, problem="the body is empty")


def test_memory_is_bounded() -> None:
    reader = AnswerReader(TEXT)
    for _ in range(20):
        assert reader.feed(b"x" * 20_000) == ["x" * 20_000]
    assert (len(reader.finish(True).text), len(reader.body_text)) == (LIMIT, LIMIT)


@settings(deadline=None)
@given(body=st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)), cuts=CUTS, whole=st.booleans())
@example(body=b"\xef\xbb\xbfa", cuts=[1, 2], whole=True)
@example(body=b"\xef\xbb", cuts=[1], whole=True)
@example(body=b"\xf0\x9f\x8c\x8d", cuts=[1, 2, 3], whole=True)
@example(body=b"\xed\xa0\x80\xe2\x28\xa1", cuts=[1, 2, 3, 4, 5], whole=True)
def test_how_bytes_are_divided_changes_nothing(body: bytes, cuts: list[int], whole: bool) -> None:
    pieces, answer = read(TEXT, *divided(body, cuts), whole=whole)
    assert answer == read(TEXT, body, whole=whole)[1]
    assert answer.text.startswith("".join(pieces))
    if whole:
        assert answer.text == body.decode("utf-8-sig", "replace")
