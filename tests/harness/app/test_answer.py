"""Reading replies: event streams as the WHATWG standard says, JSON bodies, and the rules of good and degraded."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brownout.harness.app.answer import LIMIT, MAX_EVENT, MAX_EVENTS, AnswerReader, ReadAnswer, judge_reply
from brownout.harness.config.app import AnswerSpec, ReplyRule, RouteSpec, SseSpec

JSON = AnswerSpec(json="$.answer")
TOKENS = AnswerSpec(sse=SseSpec(text="$.t", done="done", error="error"))
RAW = AnswerSpec(sse=SseSpec(text="$"))
OPENAI = AnswerSpec(sse=SseSpec(text="$.choices[0].delta.content", done="[DONE]"))


def read(spec: AnswerSpec, *chunks: bytes, whole: bool = True) -> tuple[list[str], ReadAnswer]:
    reader = AnswerReader(spec)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return pieces, reader.finish(whole)


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
    cuts=st.lists(st.integers(0, 1000)),
    spec=st.sampled_from([TOKENS, RAW, OPENAI, JSON]),
    whole=st.booleans(),
)
@example(body=b"data: a\r\n\r\ndata: b\r\n\r\n", cuts=[8, 10], spec=RAW, whole=True)
@example(body="data: 🌍\n\n".encode(), cuts=[7, 8, 9], spec=RAW, whole=True)
def test_how_bytes_are_divided_changes_nothing(body: bytes, cuts: list[int], spec: AnswerSpec, whole: bool) -> None:
    at = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces, answer = read(spec, *(body[a:b] for a, b in pairwise(at)), whole=whole)
    once, expected = read(spec, body, whole=whole)
    assert (pieces, answer) == (once, expected)
    assert "".join(pieces) == answer.text or spec is JSON


def test_memory_is_bounded() -> None:
    reader = AnswerReader(RAW)
    for _ in range(40):
        reader.feed(b"data: " + b"x" * 20_000 + b"\n\n")
    reader.feed(b"data: " + b"y" * (2 * LIMIT))  # one endless line
    answer = reader.finish(True)
    assert (len(answer.text), len(reader.body_text)) == (LIMIT, LIMIT)
    assert len(reader._stream._line) == LIMIT


class TestJudgeReply:
    def judge(
        self, rule: ReplyRule, status: int = 200, body: str = "", text: str = "", **more: Any
    ) -> tuple[bool, tuple[bool, str]]:
        """Whether the rule holds as a rule of `good`, and what it says as one of `degraded`."""
        headers = more.get("headers", {})
        answer = ReadAnswer(text, True, events=more.get("events", ()))
        as_good = RouteSpec("/{prompt}", JSON, good=[ReplyRule(status=999), rule])
        as_degraded = RouteSpec("/{prompt}", JSON, degraded=[ReplyRule(status=999), rule])
        good, _ = judge_reply(as_good, status, headers, body, answer)
        return good, judge_reply(as_degraded, status, headers, body, answer)

    def test_default_is_2xx(self) -> None:
        route = RouteSpec("/{prompt}", JSON)
        assert [judge_reply(route, s, {}, "", ReadAnswer("", True)) for s in (200, 204, 0, 302, 404, 503)] == [
            *[(True, "")] * 2,
            *[(False, "")] * 4,
        ]

    @pytest.mark.parametrize(
        ("rule", "reply", "description"),
        [
            (ReplyRule(status=503), {"status": 503}, "status 503"),
            (ReplyRule(status="2xx"), {"status": 206}, "status 2xx"),
            (ReplyRule(status="429"), {"status": 429}, "status 429"),
            (ReplyRule(header={"X-Mode": "^fall"}), {"headers": {"x-mode": "fallback"}}, "header X-Mode: ^fall"),
            (ReplyRule(path="$.cached"), {"body": '{"cached": false}'}, "$.cached"),
            (ReplyRule(path="$.n", equals=1), {"body": '{"n": 1}'}, "$.n = 1"),
            (ReplyRule(path="$.by", equals="rules"), {"body": '{"by": "rules"}'}, '$.by = "rules"'),
            (
                ReplyRule(path="$.m[*]", matches="^small"),
                {"body": '{"m": ["big", "small-1"]}'},
                "$.m[*] matches ^small",
            ),
            (ReplyRule(matches="(?i)sorry"), {"text": "We are sorry."}, "text matches (?i)sorry"),
            (ReplyRule(event="meta"), {"events": (("meta", "{}"),)}, "event meta"),
            (
                ReplyRule(event="meta", path="$.degraded", equals=True),
                {"events": (("meta", "not json"), ("meta", '{"degraded": true}'))},
                "event meta, $.degraded = true",
            ),
            (
                ReplyRule(status=200, header={"x-a": ""}, event="meta", matches="ok"),
                {"headers": {"X-A": "1"}, "events": (("meta", "ok"),)},
                "status 200, header x-a, event meta, data matches ok",
            ),
        ],
    )
    def test_rules_that_hold(self, rule: ReplyRule, reply: dict[str, Any], description: str) -> None:
        good, (still_good, degraded) = self.judge(rule, **reply)
        assert good
        assert degraded == description
        assert still_good == (200 <= reply.get("status", 200) < 300)

    @pytest.mark.parametrize(
        ("rule", "reply"),
        [
            (ReplyRule(status="2xx"), {"status": 503}),
            (ReplyRule(status=200), {"status": 0}),
            (ReplyRule(header={"x-mode": "fallback"}), {"headers": {"x-other": "fallback"}}),
            (ReplyRule(header={"x-mode": "fallback"}), {"headers": {"x-mode": "normal"}}),
            (ReplyRule(path="$.n"), {"body": "not json"}),
            (ReplyRule(path="$.n"), {"body": "{}"}),
            (ReplyRule(path="$.n", equals=1), {"body": '{"n": true}'}),
            (ReplyRule(path="$.n", equals=True), {"body": '{"n": 1}'}),
            (ReplyRule(path="$.n", matches="a", equals="a"), {"body": '{"n": "ab"}'}),
            (ReplyRule(matches="sorry"), {"text": "", "body": "sorry"}),
            (ReplyRule(event="meta", matches="x"), {"events": (("other", "x"),), "text": "x"}),
            (ReplyRule(status=200, matches="x"), {"status": 500, "text": "x"}),
        ],
    )
    def test_rules_that_do_not(self, rule: ReplyRule, reply: dict[str, Any]) -> None:
        good, (_, degraded) = self.judge(rule, **reply)
        assert not good
        assert degraded == ""

    def test_values_survive_the_way_through_json(self) -> None:
        rule = ReplyRule(path="$.x", equals="ü")
        assert self.judge(rule, body=json.dumps({"x": "ü"}))[0]
