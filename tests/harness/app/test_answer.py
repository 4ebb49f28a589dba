"""Reading replies: event streams as the WHATWG standard says, and JSON bodies."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.harness.app.reading import CUTS, divided, read

from brownout.harness.app.answer import AnswerReader, ReadAnswer
from brownout.harness.app.answers.event_stream import EventParser
from brownout.harness.app.answers.form import LIMIT, MAX_EVENT, MAX_EVENTS
from brownout.harness.config.answer import AnswerSpec, SseSpec

JSON = AnswerSpec(json="$.answer")
TOKENS = AnswerSpec(sse=SseSpec(text="$.t", done="done", error="error"))
RAW = AnswerSpec(sse=SseSpec(text="$"))
OPENAI = AnswerSpec(sse=SseSpec(text="$.choices[0].delta.content", done="[DONE]"))


class TestEvents:
    @pytest.mark.parametrize(
        ("body", "pieces"),
        [
            (b"data: a\n\ndata: b\n\n", ["a", "b"]),
            (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
            (b"data: a\r\rdata: b\r\r", ["a", "b"]),
            (b"data: a\ndata\ndata: b\n\n", ["a\n\nb"]),
            (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
            (b": comment\ndata: a\nid: 7\nretry: 10\nunknown: x\n\n: ping\n\n", ["a"]),
            (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
            (b"event: message\ndata: a\n\nevent: meta\ndata: b\n\n", ["a"]),
            (b"data: a\n\ndata: unended\n", ["a"]),
            ("data: Grüße, 世界 🌍\n\n".encode(), ["Grüße, 世界 🌍"]),
            (b"data: caf\xe9\n\n", ["caf\ufffd"]),
            (b"data\n\ndata: a\n\n", ["a"]),  # an event of empty text shows nothing
        ],
    )
    def test_follow_the_standard(self, body: bytes, pieces: list[str]) -> None:
        for chunks in ([body], [bytes([b]) for b in body]):
            assert read(RAW, *chunks) == (
                pieces,
                ReadAnswer("".join(pieces), ended=True, events=read(RAW, body)[1].events),
            )

    def test_become_visible_with_the_bytes_that_end_them(self) -> None:
        reader = AnswerReader(RAW)
        assert reader.feed(b"data: a\r\n") == []
        assert reader.feed(b"\r") == ["a"]
        assert reader.feed(b"\ndata: b") == []
        assert reader.feed(b"\n\n") == ["b"]

    def test_of_another_name_are_kept_within_bounds(self) -> None:
        body = b"".join(b"event: n%d\ndata: %s\n\n" % (i, b"x" * 5000) for i in range(60))
        _, answer = read(RAW, body)
        assert [name for name, _ in answer.events] == [f"n{i}" for i in range(MAX_EVENTS)]
        assert {len(data) for _, data in answer.events} == {MAX_EVENT}

    @pytest.mark.parametrize("data", ["word", "42", "1.0", "null", '{"t": 1}', '"quoted', " two"])
    def test_raw_text_is_taken_as_it_is(self, data: str) -> None:
        assert read(RAW, f"data: {data}\n\n".encode())[1].text == data

    def test_raw_text_written_as_a_json_string_is_decoded(self) -> None:
        assert read(RAW, b'data: "one\\ntwo"\n\n')[1].text == "one\ntwo"

    def test_a_path_takes_text_and_leaves_out_the_rest(self) -> None:
        roles = b'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n\n'
        words = [b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % w for w in (b"Good ", b"morning")]
        usage = b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\n'
        pieces, answer = read(OPENAI, roles, *words, usage, b"data: [DONE]\n\n")
        assert pieces == ["Good ", "morning"]
        assert answer == ReadAnswer("Good morning", ended=True)


class TestTheEndOfEvents:
    def test_is_the_event_that_says_so(self) -> None:
        reader = AnswerReader(TOKENS)
        reader.feed(b'data: {"t": "a"}\n\n')
        assert not reader.over
        assert reader.feed(b'event: done\ndata: {}\n\ndata: {"t": "later"}\n\n') == []
        assert reader.over
        # A connection that breaks after the announced end takes nothing from the answer.
        assert reader.finish(False) == ReadAnswer("a", ended=True, events=(("done", "{}"),))

    def test_missing_is_a_cut_even_where_the_body_ends_cleanly(self) -> None:
        _, answer = read(TOKENS, b'data: {"t": "a"}\n\n')
        assert (answer.ended, answer.cut) == (False, True)
        assert answer.problem == "the event that says the end (done) did not come"

    @pytest.mark.parametrize("whole", [True, False])
    def test_without_a_done_event_is_the_end_of_the_body(self, whole: bool) -> None:
        _, answer = read(RAW, b"data: a\n\n", whole=whole)
        assert (answer.ended, answer.cut) == (whole, not whole)

    def test_error_event(self) -> None:
        reader = AnswerReader(TOKENS)
        assert reader.feed(b'data: {"t": "a"}\n\nevent: error\ndata: the model is gone\n\n') == ["a"]
        assert reader.over
        answer = reader.finish(True)
        assert (answer.error, answer.ended, answer.text) == ("the model is gone", False, "a")
        assert answer.events == (("error", "the model is gone"),)

    @pytest.mark.parametrize("spec", [TOKENS, AnswerSpec(sse=SseSpec(text="$.t", error="error"))])
    def test_an_error_decides_although_an_end_follows(self, spec: AnswerSpec) -> None:
        _, answer = read(spec, b'event: error\ndata: gone\n\ndata: {"t": "later"}\n\nevent: done\ndata: {}\n\n')
        assert (answer.text, answer.ended, answer.error, answer.problem) == ("", False, "gone", "")

    def test_problems_are_named(self) -> None:
        assert "no server-sent events" in read(TOKENS, b'{"answer": "json"}')[1].problem
        assert "path $.t found no text in the 2 events" in read(TOKENS, b'data: {"x": 1}\n\n' * 2)[1].problem
        assert read(TOKENS, b"data: plain\n\n")[1].problem == "the data of an event is not JSON: 'plain'"
        assert "event done came without a data line" in read(TOKENS, b'data: {"t": "a"}\n\nevent: done\n\n')[1].problem


class TestJson:
    def test_is_visible_only_when_it_is_whole(self) -> None:
        reader = AnswerReader(JSON)
        body = '{"answer": "Grüße"}'.encode()
        assert [reader.feed(bytes([b])) for b in body] == [[]] * len(body)
        assert reader.finish(True) == ReadAnswer("Grüße", ended=True)

    @pytest.mark.parametrize(
        ("value", "text"), [('"a"', "a"), ("42", "42"), ('{"k": ["ü"]}', '{"k": ["ü"]}'), ('""', "")]
    )
    def test_values_read_as_text(self, value: str, text: str) -> None:
        assert read(JSON, f'{{"answer": {value}}}'.encode())[1] == ReadAnswer(text, ended=True)

    def test_several_values_are_joined(self) -> None:
        spec = AnswerSpec(json="$.parts[*].text")
        assert read(spec, b'{"parts": [{"text": "a"}, {"kind": "x"}, {"text": "b"}]}')[1].text == "ab"

    @pytest.mark.parametrize(
        ("body", "problem", "cut"),
        [
            (b"<html>oops</html>", "not JSON: '<html>oops</html>'", False),
            (b"", "not JSON: the body is empty", False),
            (b'{"reply": "a"}', "path $.answer found nothing", False),
            (b'{"answer": null}', "path $.answer found null", False),
            (b'{"answer": "half', 'not JSON: \'{"answer": "half\'', True),
            (b"[" * 100_000 + b"]" * 100_000, "not JSON: '" + "[" * 80 + "'", False),
            (b'{"answer": "' + b"x" * LIMIT + b'"}', "the body is larger than 256 kB", False),
        ],
    )
    def test_problems(self, body: bytes, problem: str, cut: bool) -> None:
        assert read(JSON, body)[1] == ReadAnswer("", ended=False, problem=problem, cut=cut)

    def test_an_interrupted_body_is_cut_although_it_parses(self) -> None:
        assert read(JSON, b'{"answer": "a"}', whole=False)[1] == ReadAnswer("a", ended=False, cut=True)


NAMES = [b"event: done", b"event: error", b"event: x"]
DATA = [b"data", b"data: a", b'data: {"t": "\xc3\xbc"}', b"data: \xf0\x9f\x8c\x8d", b"data: \xff", b"data: [DONE]"]
LINES = st.sampled_from([*NAMES, *DATA, b"", b"", b"", b": c", b"id: 1", b"\xef\xbb\xbfdata: b"])
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])).map(b"".join)).map(b"".join)


@settings(deadline=None)
@given(
    body=st.one_of(STREAMS, st.binary(max_size=200)),
    cuts=CUTS,
    spec=st.sampled_from([TOKENS, RAW, OPENAI, JSON]),
    whole=st.booleans(),
)
@example(body=b"data: a\r\n\r\ndata: b\r\n\r\n", cuts=[8, 10], spec=RAW, whole=True)
@example(body="data: 🌍\n\n".encode(), cuts=[7, 8, 9], spec=RAW, whole=True)
def test_how_bytes_are_divided_changes_nothing(body: bytes, cuts: list[int], spec: AnswerSpec, whole: bool) -> None:
    pieces, answer = read(spec, *divided(body, cuts), whole=whole)
    once, expected = read(spec, body, whole=whole)
    assert (pieces, answer) == (once, expected)
    assert "".join(pieces) == answer.text or spec is JSON


def test_memory_is_bounded() -> None:
    reader = AnswerReader(RAW)
    for _ in range(40):
        reader.feed(b"data: " + b"x" * 20_000 + b"\n\n")
    answer = reader.finish(True)
    assert (len(answer.text), len(reader.body_text)) == (LIMIT, LIMIT)


def test_an_endless_line_is_cut() -> None:
    ((_, data),) = EventParser().feed(b"data: " + b"y" * (2 * LIMIT) + b"\n\n")
    assert len(data) == LIMIT - len("data: ")
