"""The rules of good and degraded replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brownout.harness.app.answer import ReadAnswer, judge_reply
from brownout.harness.app.rules import means_status
from brownout.harness.config.answer import AnswerSpec, NdjsonSpec
from brownout.harness.config.app import ReplyRule, RouteSpec

JSON = AnswerSpec(json="$.answer")


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


ANSWER = {
    "title": "Answer",
    "type": "object",
    "properties": {"answer": {"type": "string", "minLength": 1}, "sources": {"type": "array", "maxItems": 2}},
    "required": ["answer"],
}


class TestSchemas:
    @pytest.mark.parametrize(
        ("rule", "body", "holds"),
        [
            (ReplyRule(schema=ANSWER), '{"answer": "yes"}', True),
            (ReplyRule(schema=ANSWER), '{"answer": ""}', False),
            (ReplyRule(schema=ANSWER), '{"answer": "yes", "sources": [1, 2, 3]}', False),
            (ReplyRule(schema=ANSWER), '{"text": "yes"}', False),
            (ReplyRule(schema=ANSWER), '{"answer": "half', False),
            (ReplyRule(schema=True), "null", True),
            (ReplyRule(schema=True), "not JSON", False),
            (ReplyRule(schema=False), "{}", False),
            (ReplyRule(path="$.data", schema=ANSWER), '{"data": {"answer": "yes"}}', True),
            (ReplyRule(path="$.data", schema=ANSWER), '{"answer": "yes"}', False),
            (ReplyRule(path="$.data", schema=ANSWER), '{"data": {}}', False),
            (ReplyRule(path="$.all[*]", schema=ANSWER), '{"all": [{}, {"answer": "yes"}]}', True),
            (ReplyRule(path="$.n", schema={"type": "integer"}, equals=2), '{"n": 1}', False),
            (ReplyRule(status=200, schema=ANSWER), '{"answer": "yes"}', True),
            (ReplyRule(status=503, schema=ANSWER), '{"answer": "yes"}', False),
            (ReplyRule(schema=ANSWER, matches="sorry"), '{"answer": "yes"}', False),
            (ReplyRule(schema={"$ref": "#"}), "{}", False),  # never comes to an end
        ],
    )  # fmt: skip
    def test_hold_for_a_body_or_a_value_in_it(self, rule: ReplyRule, body: str, holds: bool) -> None:
        route = RouteSpec("/{prompt}", JSON, good=[rule])
        assert judge_reply(route, 200, {}, body, ReadAnswer("yes", True)) == (holds, "")

    def test_hold_for_the_data_of_an_event(self) -> None:
        route = RouteSpec("/{prompt}", JSON, degraded=[ReplyRule(event="meta", schema=ANSWER)])
        for data, description in (('{"answer": "yes"}', "event meta, data satisfies the schema Answer"), ("{}", "")):
            read = ReadAnswer("", True, events=(("meta", data),))
            assert judge_reply(route, 200, {}, "", read) == (True, description)

    @pytest.mark.parametrize(
        ("rule", "description"),
        [
            (ReplyRule(schema=ANSWER), "body satisfies the schema Answer"),
            (ReplyRule(path="$.answer", schema={"type": "string"}), "$.answer satisfies the schema"),
        ],
    )
    def test_are_described(self, rule: ReplyRule, description: str) -> None:
        route = RouteSpec("/{prompt}", JSON, degraded=[rule])
        assert judge_reply(route, 200, {}, '{"answer": "yes"}', ReadAnswer("yes", True)) == (True, description)

    def test_of_the_draft_that_they_name(self) -> None:
        old = {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3, "exclusiveMaximum": True}
        for n, holds in ((2, True), (3, False)):
            route = RouteSpec("/{prompt}", JSON, good=[ReplyRule(schema=old)])
            assert judge_reply(route, 200, {}, str(n), ReadAnswer("", True))[0] is holds


LINES = '{"delta": "a"}\n{"meta": {"source": "cache"}}\n'


@pytest.mark.parametrize(
    ("rule", "description"),
    [
        (ReplyRule(path="$.meta.source", equals="cache"), '$.meta.source = "cache"'),
        (ReplyRule(schema={"required": ["meta"]}), "body satisfies the schema"),
        (ReplyRule(path="$.meta.source", equals="rules"), ""),
        (ReplyRule(matches="^a$"), "text matches ^a$"),
        (ReplyRule(status=200), "status 200"),
    ],
)
def test_rules_look_at_each_line_of_newline_delimited_json(rule: ReplyRule, description: str) -> None:
    route = RouteSpec("/{prompt}", AnswerSpec(ndjson=NdjsonSpec(text="$.delta")), degraded=[rule])
    assert judge_reply(route, 200, {}, LINES, ReadAnswer("a", True))[1] == description
    route = RouteSpec("/{prompt}", JSON, degraded=[rule])
    assert judge_reply(route, 200, {}, LINES, ReadAnswer("a", True))[1] == (
        "" if rule.path or rule.schema else description
    )


class TestCommands:
    @pytest.mark.parametrize(
        ("good", "status", "is_good", "is_meant"),
        [
            ([], 0, True, False),
            ([], 1, False, False),
            ([], 200, False, False),  # of a request it would be good
            ([ReplyRule(status=0), ReplyRule(status=1)], 1, True, True),
            ([ReplyRule(status=0), ReplyRule(status=1, matches="yes")], 1, False, True),
            ([ReplyRule(matches="no")], 1, True, False),
            ([ReplyRule(status=1)], 0, False, False),
            ([ReplyRule(status=17)], 173, False, False),
        ],
    )
    def test_are_judged_by_their_exit_status(
        self, good: list[ReplyRule], status: int, is_good: bool, is_meant: bool
    ) -> None:
        route = RouteSpec(run=["ask", "{prompt}"], good=good)
        assert judge_reply(route, status, {}, "no", ReadAnswer("no", True)) == (is_good, "")
        assert means_status(route, status) is is_meant

    def test_can_say_by_it_that_an_answer_is_a_stopgap(self) -> None:
        route = RouteSpec(run="ask {prompt}", degraded=[ReplyRule(status=3)])
        assert judge_reply(route, 3, {}, "", ReadAnswer("", True)) == (False, "status 3")
