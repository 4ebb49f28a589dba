"""Answers as newline-delimited JSON."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.harness.app.reading import CUTS, divided, read

from brownout.harness.app.answer import AnswerReader, ReadAnswer
from brownout.harness.app.answers.form import LIMIT
from brownout.harness.config.answer import AnswerSpec, NdjsonDone, NdjsonSpec

OPEN = AnswerSpec(ndjson=NdjsonSpec(text="$.delta"))
DONE = AnswerSpec(ndjson=NdjsonSpec(text="$.delta", done=NdjsonDone("$.done", True), error="$.error"))
TYPED = AnswerSpec(ndjson=NdjsonSpec(text="$.text", done=NdjsonDone("$.type", "end")))


@pytest.mark.parametrize(
    ("body", "pieces", "text"),
    [
        (b'{"delta": "a"}\n{"delta": "b"}\n', ["a", "b"], "ab"),
        (b'{"delta": "a"}\r\n{"delta": "b"}\r\n', ["a", "b"], "ab"),
        (b'\n  \n{"delta": "a"}\n\r\n\n{"delta": "b"}\n', ["a", "b"], "ab"),
        (b'{"delta": "a"}\n{"delta": "b"}', ["a"], "ab"),
        (b'\xef\xbb\xbf{"delta": "a"}\n', ["a"], "a"),
        ('{"delta": "Grüße, 世界 🌍"}\n'.encode(), ["Grüße, 世界 🌍"], "Grüße, 世界 🌍"),
        (b'{"delta": "caf\xe9"}\n', ["caf\ufffd"], "caf\ufffd"),
        (b'{"delta": "two\\nlines"}\n', ["two\nlines"], "two\nlines"),
        (b'{"delta": "a"}\n{"other": 1}\n{"delta": null}\n{"delta": ""}\n[1]\n7\n', ["a"], "a"),
        (b'{"delta": 42}\n', ["42"], "42"),
    ],
)
def test_each_line_is_a_piece(body: bytes, pieces: list[str], text: str) -> None:
    for chunks in ([body], [bytes([b]) for b in body]):
        assert read(OPEN, *chunks) == (pieces, ReadAnswer(text, ended=True))


def test_text_is_visible_with_its_line_feed() -> None:
    reader = AnswerReader(OPEN)
    assert reader.feed(b'{"delta": "a"}') == []
    assert reader.feed(b'\n{"del') == ["a"]
    assert reader.feed(b'ta": "b"}\n{"delta": "c"}\n') == ["b", "c"]


class TestTheEnd:
    def test_is_the_line_that_says_so_and_it_may_hold_text(self) -> None:
        reader = AnswerReader(DONE)
        assert reader.feed(b'{"delta": "a", "done": false}\n') == ["a"]
        assert not reader.over
        assert reader.feed(b'{"delta": "b", "done": true}\n{"delta": "later"}\n') == ["b"]
        assert reader.over
        assert reader.finish(False) == ReadAnswer("ab", ended=True)

    @pytest.mark.parametrize(
        ("done", "line", "ends"),
        [
            (NdjsonDone("$.done", True), b'{"done": 1}', False),
            (NdjsonDone("$.done", True), b'{"done": "true"}', False),
            (NdjsonDone("$.done", 1), b'{"done": true}', False),
            (NdjsonDone("$.type", "end"), b'{"type": "end"}', True),
            (NdjsonDone("$.type", "end"), b'{"type": "text"}', False),
            (NdjsonDone("$.done"), b'{"done": true}', True),
            (NdjsonDone("$.done"), b'{"done": "stop"}', True),
            (NdjsonDone("$.done"), b'{"done": false}', False),
            (NdjsonDone("$.done"), b'{"done": ""}', False),
            (NdjsonDone("$.done"), b"{}", False),
        ],
    )
    def test_is_what_the_path_finds(self, done: NdjsonDone, line: bytes, ends: bool) -> None:
        spec = AnswerSpec(ndjson=NdjsonSpec(text="$.delta", done=done))
        _, answer = read(spec, b'{"delta": "a"}\n' + line + b"\n")
        assert (answer.ended, answer.cut) == (ends, not ends)
        assert answer.problem == ("" if ends else f"the line that says the end ({done.path}) did not come")

    def test_needs_no_line_feed_in_a_whole_body(self) -> None:
        body = b'{"delta": "a"}\n{"delta": "b", "done": true}'
        assert read(DONE, body)[1] == ReadAnswer("ab", ended=True)
        assert read(DONE, body, whole=False)[1] == ReadAnswer("a", ended=False, cut=True)

    @pytest.mark.parametrize("whole", [True, False])
    def test_without_a_line_that_says_it_is_the_end_of_the_body(self, whole: bool) -> None:
        assert read(OPEN, b'{"delta": "a"}\n', whole=whole)[1] == ReadAnswer("a", ended=whole, cut=not whole)


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "error"),
        [
            (b'{"error": "gone", "delta": "x"}', "gone"),
            (b'{"error": {"code": 5}}', '{"code": 5}'),
            (b'{"error": true}', "true"),
        ],
    )
    def test_are_lines_in_which_the_path_finds_something(self, line: bytes, error: str) -> None:
        reader = AnswerReader(DONE)
        assert reader.feed(b'{"delta": "a"}\n' + line + b'\n{"delta": "b", "done": true}\n') == ["a"]
        assert reader.over
        assert reader.finish(True) == ReadAnswer("a", ended=False, error=error, cut=True)

    def test_end_an_answer_whose_end_no_line_says(self) -> None:
        spec = AnswerSpec(ndjson=NdjsonSpec(text="$.delta", error="$.error"))
        assert read(spec, b'{"error": "gone"}\n')[1] == ReadAnswer("", ended=False, error="gone", cut=True)

    @pytest.mark.parametrize("value", ["null", "false", '""', "[]", "{}", "0"])
    def test_are_not_lines_in_which_it_finds_nothing(self, value: str) -> None:
        body = f'{{"error": {value}, "delta": "a"}}\n{{"done": true}}\n'.encode()
        assert read(DONE, body)[1] == ReadAnswer("a", ended=True)


def test_problems_are_named() -> None:
    assert read(OPEN, b"")[1].problem == "the reply holds no lines of JSON"
    assert read(OPEN, b"\n\n")[1].problem == "the reply holds no lines of JSON"
    assert read(OPEN, b"<html>\r\n")[1].problem == "a line is not JSON: '<html>'"
    assert read(OPEN, b'{"x": 1}\n' * 2)[1].problem == "path $.delta found no text in the 2 lines"
    assert read(OPEN, b'{"delta": "' + b"x" * LIMIT + b'"}\n')[1].problem == "a line is larger than 256 kB"
    _, answer = read(DONE, b'{"delta": "a"}\n{"delta": "half\n{"done": true}\n')
    assert (answer.text, answer.ended, answer.problem) == ("a", True, 'a line is not JSON: \'{"delta": "half\'')


def test_memory_is_bounded() -> None:
    reader = AnswerReader(OPEN)
    for _ in range(20):
        reader.feed(b'{"delta": "' + b"x" * 20_000 + b'"}\n')
    for _ in range(20):
        reader.feed(b"y" * 20_000)  # a line without an end
    answer = reader.finish(True)
    assert (len(answer.text), len(reader.body_text)) == (LIMIT, LIMIT)
    assert answer.problem == "a line is larger than 256 kB"


LINES = st.sampled_from(
    [
        b'{"delta": "\xc3\xbc"}', b'{"delta": "a"}', b'{"delta": "\xff"}', b'{"text": "b", "type": "end"}', b"[1]", b"half",
        b'{"done": true, "delta": "z"}', b'{"error": "gone"}', b"", b" ", b"\xef\xbb\xbf{}", b"\xe2\x82",
    ]
)  # fmt: skip
BODIES = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r", b""])).map(b"".join)).map(b"".join)


@settings(deadline=None)
@given(
    body=st.one_of(BODIES, st.binary(max_size=100)),
    cuts=CUTS,
    spec=st.sampled_from([OPEN, DONE, TYPED]),
    whole=st.booleans(),
)
@example(body=b'{"delta": "a"}\r\n', cuts=[15], spec=OPEN, whole=True)
@example(body=b'\xef\xbb\xbf{"delta": "a"}\n', cuts=[1, 2], spec=OPEN, whole=True)
def test_how_bytes_are_divided_changes_nothing(body: bytes, cuts: list[int], spec: AnswerSpec, whole: bool) -> None:
    pieces, answer = read(spec, *divided(body, cuts), whole=whole)
    assert (pieces, answer) == read(spec, body, whole=whole)
    assert answer.text.startswith("".join(pieces))
