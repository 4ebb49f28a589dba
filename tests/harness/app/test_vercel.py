"""Answers as streams of the Vercel AI SDK. The samples are what ai 7.0 and ai 4.3 send for the same answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.harness.app.reading import CUTS, divided, read

from brownout.harness.app.answer import AnswerReader, ReadAnswer
from brownout.harness.app.answers.form import LIMIT, MAX_EVENT, MAX_EVENTS
from brownout.harness.config.answer import AnswerSpec, VercelSpec

VERCEL = AnswerSpec(vercel=VercelSpec())
UNFINISHED = AnswerSpec(vercel=VercelSpec(finish=False))
DONE = b"data: [DONE]\n\n"


def parts(*written: Any) -> bytes:
    """A UI message stream, without its [DONE]."""
    return b"".join(
        b"data: %s\n\n" % json.dumps(p, ensure_ascii=False, separators=(",", ":")).encode() for p in written
    )


def begin(block: str = "0") -> dict[str, str]:
    return {"type": "text-start", "id": block}


def delta(text: str, block: str = "0") -> dict[str, str]:
    return {"type": "text-delta", "id": block, "delta": text}


START, STEP, END_STEP = {"type": "start"}, {"type": "start-step"}, {"type": "finish-step"}
FINISH = {"type": "finish", "finishReason": "stop"}
THOUGHT = [{"type": "reasoning-start", "id": "r"}, {"type": "reasoning-delta", "id": "r", "delta": "hmm"}]
MESSAGE = parts(
    START, STEP, *THOUGHT, {"type": "reasoning-end", "id": "r"}, begin(), delta("Grüße, "), delta('Welt 🌍\n"x"'),
    {"type": "text-end", "id": "0"}, END_STEP, FINISH,
)  # fmt: skip
OLD = (
    'f:{"messageId":"msg-1"}\ng:"hmm"\n0:"Grüße, "\n0:"Welt 🌍\\n\\"x\\""\n'
    'e:{"finishReason":"stop","usage":{"promptTokens":1,"completionTokens":2},"isContinued":false}\n'
    'd:{"finishReason":"stop","usage":{"promptTokens":1,"completionTokens":2}}\n'
).encode()
TEXT = 'Grüße, Welt 🌍\n"x"'


class TestUiMessageStream:
    @pytest.mark.parametrize(
        "before", [b"", b": stream-open\n\n", b"event: message\n", b"\xef\xbb\xbf", b"id: 1\n", b"\n" * 99]
    )
    def test_text_is_its_text_deltas(self, before: bytes) -> None:
        body = before + MESSAGE + DONE
        for chunks in ([body], [bytes([b]) for b in body]):
            pieces, answer = read(VERCEL, *chunks)
            assert pieces == ["Grüße, ", 'Welt 🌍\n"x"']
            assert (answer.text, answer.ended, answer.cut, answer.problem) == (TEXT, True, False, "")

    def test_is_complete_with_finish_and_over_with_done(self) -> None:
        reader = AnswerReader(VERCEL)
        reader.feed(MESSAGE)
        assert not reader.over
        assert reader.finish(False).ended
        reader.feed(DONE)
        assert reader.over
        assert reader.feed(parts(delta("later"))) == []
        assert reader.finish(False).text == TEXT

    @pytest.mark.parametrize("end", [DONE, b""])
    def test_is_not_ended_without_finish(self, end: bytes) -> None:
        _, answer = read(VERCEL, parts(START, delta("a")) + end)
        assert (answer.text, answer.ended, answer.cut) == ("a", False, True)
        assert answer.problem == (
            "the stream came without a finish part (where the app sends none, write vercel: {finish: false})"
        )

    @pytest.mark.parametrize(("end", "whole", "ended"), [(DONE, False, True), (b"", True, True), (b"", False, False)])
    def test_may_do_without_finish(self, end: bytes, whole: bool, ended: bool) -> None:
        _, answer = read(UNFINISHED, parts(START, delta("a")) + end, whole=whole)
        assert (answer.ended, answer.cut, answer.problem) == (ended, not ended, "")

    def test_is_not_ended_by_a_finish_that_more_follows(self) -> None:
        for more in ([STEP], [delta("b")]):
            assert not read(VERCEL, parts(START, delta("a"), FINISH, *more) + DONE)[1].ended
        merged = parts(START, delta("a"), FINISH, STEP, delta("b"))
        _, answer = read(VERCEL, merged + parts(FINISH, {"type": "data-title", "data": "t"}) + DONE)
        assert (answer.text, answer.ended) == ("ab", True)

    def test_shows_blocks_one_below_the_other_whatever_their_ids(self) -> None:
        steps = parts(STEP, begin(), delta("a"), END_STEP, STEP, begin(), delta("b"), FINISH)
        assert read(VERCEL, steps)[1].text == "a\nb"
        woven = parts(begin("x"), begin("y"), delta("1", "x"), delta("A", "y"), delta("2", "x"), begin("z"), FINISH)
        assert read(VERCEL, woven) == (["1", "A", "2"], read(VERCEL, woven)[1])
        assert read(VERCEL, woven)[1].text == "12\nA"

    def test_takes_back_a_step_that_is_done_again(self) -> None:
        body = parts(
            STEP, begin(), delta("kept"), STEP, begin(), delta("half"), {"type": "reset-step"}, delta("new"), FINISH
        )
        assert read(VERCEL, body)[1].text == "kept\nnew"
        assert read(VERCEL, parts(delta("half"), {"type": "reset-step"}, delta("new"), FINISH))[1].text == "new"

    def test_error_part(self) -> None:
        reader = AnswerReader(VERCEL)
        error = {"type": "error", "errorText": "An error occurred."}
        reader.feed(parts(START, delta("a"), error, END_STEP, {"type": "finish", "finishReason": "error"}) + DONE)
        assert reader.over
        answer = reader.finish(True)
        assert (answer.text, answer.ended, answer.error) == ("a", False, "An error occurred.")

    def test_finish_says_an_error_that_no_part_told(self) -> None:
        _, answer = read(VERCEL, parts(delta("a"), {"type": "finish", "finishReason": "error"}) + DONE)
        assert (answer.ended, answer.error) == (False, 'finishReason "error"')

    @pytest.mark.parametrize("reason", ["stop", "length", "tool-calls", "content-filter", "other", None])
    def test_finish_of_another_reason_is_an_end(self, reason: str | None) -> None:
        assert read(VERCEL, parts(delta("a"), {"type": "finish", "finishReason": reason}) + DONE)[1].ended

    @pytest.mark.parametrize(
        ("last", "problem"),
        [
            ({"type": "abort"}, "the app aborted the answer"),
            ({"type": "abort", "reason": "deadline"}, "the app aborted the answer: deadline"),
            ({"type": "finish", "finishReason": "interrupted"}, 'finishReason "interrupted"'),
        ],
    )
    def test_aborted(self, last: dict[str, str], problem: str) -> None:
        for spec in (VERCEL, UNFINISHED):
            _, answer = read(spec, parts(START, delta("a"), last) + DONE)
            assert (answer.text, answer.ended, answer.cut, answer.problem) == ("a", False, True, problem)

    def test_tools_that_fail_are_not_the_answers_error(self) -> None:
        tool = {"toolCallId": "c", "errorText": "no such city"}
        body = parts({"type": "tool-output-error", **tool}, {"type": "tool-input-error", **tool}, delta("a"), FINISH)
        assert (read(VERCEL, body)[1].error, read(VERCEL, body)[1].ended) == ("", True)

    def test_parts_are_events_for_rules(self) -> None:
        data = {"type": "data-mode", "data": {"fallback": True}}
        told = read(VERCEL, parts(START, data, *THOUGHT, begin(), delta("a"), FINISH))[1].events
        assert [name for name, _ in told] == ["start", "data-mode", "finish"]
        assert json.loads(told[1][1]) == data

    def test_problems_are_named(self) -> None:
        assert read(VERCEL, parts(START, FINISH))[1].problem == "no text in the 2 parts"
        assert read(VERCEL, b"data: half{\n\n")[1].problem == "a part is not JSON with a type: 'half{'"
        assert read(VERCEL, b'data: {"t": 1}\n\n')[1].problem == "a part is not JSON with a type: '{\"t\": 1}'"
        wrong = parts({"type": "text-delta", "id": "0", "text": "a"}, FINISH)
        assert read(VERCEL, wrong)[1].problem == "the text of a part is not a string: ''"


class TestDataStream:
    def test_text_is_its_lines_of_code_0(self) -> None:
        for chunks in ([OLD], [bytes([b]) for b in OLD], [OLD.replace(b"\n", b"\r\n")], [b"\xef\xbb\xbf" + OLD]):
            pieces, answer = read(VERCEL, *chunks)
            assert pieces == ["Grüße, ", 'Welt 🌍\n"x"']
            assert (answer.text, answer.ended, answer.problem) == (TEXT, True, "")
            assert [name for name, _ in answer.events] == ["start_step", "finish_step", "finish_message"]

    def test_text_is_visible_with_its_line_feed(self) -> None:
        reader = AnswerReader(VERCEL)
        assert reader.feed(b'0:"a"') == []
        assert reader.feed(b'\n0:"b') == ["a"]
        assert reader.feed(b'"\n') == ["b"]

    @pytest.mark.parametrize("body", [OLD, OLD.removesuffix(b"\n")])
    def test_is_complete_with_line_d(self, body: bytes) -> None:
        reader = AnswerReader(VERCEL)
        reader.feed(body)
        assert not reader.over  # clients show what comes until the stream closes
        assert reader.finish(True).ended

    def test_is_not_ended_without_line_d(self) -> None:
        _, answer = read(VERCEL, b'0:"a"\ne:{"finishReason":"stop"}\n')
        assert (answer.text, answer.ended, answer.cut) == ("a", False, True)
        assert "without a finish part" in answer.problem
        assert read(UNFINISHED, b'0:"a"\n')[1] == ReadAnswer("a", ended=True)
        assert read(UNFINISHED, b'0:"a"\n0:"b', whole=False)[1] == ReadAnswer("a", ended=False, cut=True)

    @pytest.mark.parametrize("more", [b"f:{}\n", b'0:"b"\n'])
    def test_is_not_ended_by_a_line_d_that_more_follows(self, more: bytes) -> None:
        assert not read(VERCEL, b'0:"a"\nd:{"finishReason":"stop"}\n' + more)[1].ended

    def test_several_steps(self) -> None:
        body = (
            b'2:[{"mode":"fallback"}]\nf:{}\n0:"Let me look. "\n9:{"toolCallId":"c1","toolName":"w","args":{}}\n'
            b'a:{"toolCallId":"c1","result":1}\ne:{"finishReason":"tool-calls"}\nf:{}\n0:"Yes."\nd:{"finishReason":"stop"}\n'
        )
        _, answer = read(VERCEL, body)
        assert (answer.text, answer.ended) == ("Let me look. Yes.", True)
        assert answer.events[0] == ("data", '[{"mode":"fallback"}]')
        assert [name for name, _ in answer.events[2:4]] == ["tool_call", "tool_result"]

    def test_error_line(self) -> None:
        reader = AnswerReader(VERCEL)
        assert reader.feed(b'0:"a"\n3:"An error occurred."\nd:{"finishReason":"error"}\n0:"b"\n') == ["a"]
        assert reader.over
        answer = reader.finish(True)
        assert (answer.text, answer.ended, answer.error) == ("a", False, "An error occurred.")

    @pytest.mark.parametrize("line", ['z:"a"', "0:half", "0", "data: {}", '00:"a"'])
    def test_lines_that_are_none_are_said(self, line: str) -> None:
        _, answer = read(VERCEL, b'0:"a"\n' + line.encode() + b"\nd:{}\n")
        assert (answer.text, answer.ended, answer.problem) == ("a", True, f"a line is not a code and JSON: {line!r}")


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b"0", b'{"error": "no key"}', b"<html>", b": ping\n\n", b" " * 99, DONE]
)
def test_replies_of_neither_protocol(body: bytes) -> None:
    _, answer = read(VERCEL, body)
    assert (answer.ended, answer.problem) == (False, "the reply holds no parts of the AI SDK's stream protocols")


def test_what_is_kept_is_bounded() -> None:
    reader = AnswerReader(VERCEL)
    for i in range(60):
        reader.feed(parts(delta("x" * 5000), {"type": f"data-{i}", "data": "y" * 5000}))
    answer = reader.finish(True)
    assert (len(answer.text), len(answer.events)) == (LIMIT, MAX_EVENTS)
    assert {len(data) for _, data in answer.events} == {MAX_EVENT}


UI = st.sampled_from(
    [
        parts(p) for p in (
            START, STEP, FINISH, begin(), begin("ü"), delta("a"), delta("ü", "ü"), {"type": "reset-step"}, {"type": "abort"},
            {"type": "error", "errorText": "gone"}, {"type": "data-x", "data": 1}, 7,
        )
    ] + [DONE, b": ping\n\n", b"data: \xff\n\n", b"event: x\r\n", b"data: {\r"]
)  # fmt: skip
CODES = st.sampled_from(
    [b'0:"a"\n', b'0:"\xc3\xbc"\r\n', b'3:"gone"\n', b"d:{}\n", b"f:{}\n", b'2:["x"]\n', b"\n", b"0:half", b"q:1\n", b'0:"\xff"\n']
)  # fmt: skip
START_OF_BODY = st.sampled_from([b"", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\xef", b" " * 70])


@settings(deadline=None)
@given(
    head=START_OF_BODY,
    body=st.one_of(st.lists(UI).map(b"".join), st.lists(CODES).map(b"".join), st.binary(max_size=100)),
    cuts=CUTS,
    spec=st.sampled_from([VERCEL, UNFINISHED]),
    whole=st.booleans(),
)
@example(head=b"", body=MESSAGE + DONE, cuts=[1, 2, 100, 101], spec=VERCEL, whole=True)
@example(head=b"\xef\xbb\xbf", body=OLD, cuts=[1, 2, 3, 4, 5], spec=VERCEL, whole=True)
def test_how_bytes_are_divided_changes_nothing(
    head: bytes, body: bytes, cuts: list[int], spec: AnswerSpec, whole: bool
) -> None:
    assert read(spec, *divided(head + body, cuts), whole=whole) == read(spec, head + body, whole=whole)
