"""What the simulated model says to every kind of ask, and what its ledger keeps of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.model.schema import SchemaError
from brownout.faults.model.scribe import LedgerScribe, text_of
from brownout.faults.model.simulated import SimulatedModel
from brownout.faults.model.spec import AnswerRule, BackendSpec, ScriptedTool
from brownout.faults.model.vectors import embedding
from brownout.faults.model.watermark.text import Codec, Kind
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.answer import Answer, Issued, Pace, Usage, tokens
from brownout.faults.values.ask import Ask, Message, Tool, WireRequest
from brownout.faults.values.reply import TERMINAL

WEATHER = Tool("weather", {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}})
SEARCH = Tool("search", {"$ref": "#/$defs/S", "$defs": {"S": {"type": "object", "properties": {"query": {}}}}})
FINAL = Tool("final_result")
REVIEW: Mapping[str, Any] = {
    "title": "Review",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "verdict": {"enum": ["buy", "leave"]},
        "code": {"type": "string", "maxLength": 20},
        "points": {"type": "array", "items": {"type": "string"}, "minItems": 2},
    },
    "required": ["title", "stars", "verdict", "code", "points"],
    "additionalProperties": False,
}
VERDICT: Mapping[str, Any] = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@dataclass
class Run:
    """A model with its ledger."""

    rules: tuple[AnswerRule, ...] = ()
    noted: list[Issued] = field(default_factory=list)
    codec: Codec = field(default_factory=lambda: Codec("test"))

    @cached_property
    def scribe(self) -> LedgerScribe:
        return LedgerScribe(self.codec, count(1 << 22), self.noted.append)

    def answer(self, ask: Ask, seed: int = 1, nth: int = 1) -> Answer:
        model = SimulatedModel(BackendSpec(answers=self.rules), ("Good news from Ash Ltd.",))
        return model.answer(ask, Random(seed), self.scribe, nth)

    def text(self, issued: Issued) -> str:
        """A text of the ledger, as it was said."""
        return (issued.literal or self.codec.make(text_of(issued)))[: issued.length or None]


def ask(prompt: str = "Why?", **more: Any) -> Ask:
    return Ask("chat", "gpt-4o", (Message("system", "Be kind."), Message("user", prompt)), **more)


def said(*rules: AnswerRule, **more: Any) -> str:
    return Run(rules).answer(ask(**more)).text


def arguments(answer: Answer, index: int = 0) -> Any:
    return json.loads(answer.tools[index].arguments)


class TestProse:
    def test_it_is_one_text_of_the_ledger(self) -> None:
        run = Run()
        answer = run.answer(ask())
        assert answer.issued == tuple(run.noted)
        assert answer.text == run.text(run.noted[0])
        assert answer.text.startswith("Good news from Ash Ltd. ")
        assert answer.finish == "stop"
        assert answer.usage == Usage(len(tokens("Be kind.\nWhy?")), len(answer.pieces))

    @pytest.mark.parametrize("choice", ["auto", "none"])
    def test_tools_need_not_be_called(self, choice: str) -> None:
        answer = Run().answer(ask(tools=(WEATHER,), tool_choice=choice))
        assert answer.text
        assert not answer.tools

    def test_an_answer_is_a_function_of_the_call(self) -> None:
        wanted = ask(tools=(WEATHER,), tool_choice="required", reasoning=True, choices=2)
        assert Run().answer(wanted, seed=4) == Run().answer(wanted, seed=4) != Run().answer(wanted, seed=5)

    def test_choices(self) -> None:
        run = Run()
        answer = run.answer(ask(choices=3))
        texts = [answer.text, *(o.text for o in answer.others)]
        assert texts == [run.text(i) for i in run.noted]
        assert len(set(texts)) == 3
        assert answer.issued == (run.noted[0],)
        assert answer.usage.completion == answer.tokens == sum(len(tokens(t)) for t in texts)
        assert all(o.pace == answer.pace != Pace() for o in answer.others)

    def test_reasoning_is_noted_and_counted(self) -> None:
        run = Run()
        answer = run.answer(ask(reasoning=True))
        thought = "".join(answer.reasoning)
        assert [run.text(i) for i in run.noted] == [thought, answer.text]
        assert answer.issued == (run.noted[1],)
        assert 0 < len(answer.reasoning) == answer.usage.reasoning
        assert answer.usage.completion == answer.tokens == len(answer.reasoning) + len(answer.pieces)
        assert {n.sentences for seed in range(20) for n in _noted(ask(reasoning=True), seed)[:1]} == {1, 2}

    def test_a_stop_sequence_cuts_text(self) -> None:
        rule = AnswerRule("one two three")
        answer = Run((rule,)).answer(ask(stop=("three", "two", "")))
        assert (answer.text, answer.finish) == ("one ", "stop")

    def test_offered_tools_and_schema_count_as_prompt(self) -> None:
        def prompt(**more: Any) -> int:
            return Run().answer(ask(**more)).usage.prompt

        assert prompt(schema=REVIEW) - prompt() > 50
        assert prompt(tools=(WEATHER, SEARCH)) - prompt() > 20


def _noted(wanted: Ask, seed: int) -> list[Issued]:
    run = Run()
    run.answer(wanted, seed)
    return run.noted


class TestJson:
    def test_it_satisfies_the_schema_and_every_free_string_is_a_text(self) -> None:
        run = Run()
        answer = run.answer(ask(schema=REVIEW, stop=("a", '"')))
        value = json.loads(answer.text)
        validate(value, REVIEW)
        free = [value["title"], value["code"], *value["points"]]
        assert free == [run.text(i) for i in answer.issued]
        assert {(i.kind, i.sentences) for i in answer.issued} == {("prose", 1)}
        assert answer.issued == tuple(run.noted)
        assert [i.length for i in answer.issued] == [0, 20, *(0 for _ in value["points"])], "0 is all of it"

    def test_any_object(self) -> None:
        run = Run()
        answer = run.answer(ask(schema={}))
        assert json.loads(answer.text) == {"answer": run.text(run.noted[0])}

    def test_without_a_free_string_the_whole_is_a_text(self) -> None:
        answer = Run().answer(ask(schema=VERDICT))
        assert [i.literal for i in answer.issued] == [answer.text]
        assert answer.text in ('{"ok":true}', '{"ok":false}')

    def test_a_schema_that_nothing_satisfies(self) -> None:
        with pytest.raises(SchemaError):
            Run().answer(ask(schema={"type": "string", "pattern": "("}))

    @settings(deadline=None)
    @given(st.integers(1, 200), st.booleans())
    def test_a_cut_answer_keeps_what_is_left_of_its_texts(self, most: int, scripted: bool) -> None:
        long = AnswerRule(json={"a": "{watermark}", "b": [1, "{watermark}"]}, sentences=6)
        run = Run((long,) if scripted else ())
        answer = run.answer(ask(schema=REVIEW, max_tokens=most))
        whole = replace(run).answer(ask(schema=REVIEW))
        assert len(answer.pieces) == min(most, len(whole.pieces))
        assert answer.finish == ("length" if most < len(whole.pieces) else "stop")
        left = answer.text
        for issued in answer.issued:
            piece = json.dumps(run.text(issued))[1:-1]
            assert piece
            assert piece in left
            left = left[left.index(piece) + len(piece) :]
        assert "the" not in left.lower(), "nothing is left that the ledger does not name"


class TestTools:
    def test_required(self) -> None:
        run = Run()
        answer = run.answer(ask(tools=(WEATHER,), tool_choice="required", schema=REVIEW))
        assert (answer.finish, answer.text, answer.issued) == ("tool_calls", "", ())
        assert arguments(answer)["city"] == run.text(run.noted[0])
        assert isinstance(arguments(answer)["days"], int)
        assert answer.usage.completion == len(answer.tools[0].pieces)

    def test_the_named_one(self) -> None:
        answer = Run().answer(ask(tools=(WEATHER, SEARCH), tool_choice="search"))
        assert [t.name for t in answer.tools] == ["search"]
        assert list(arguments(answer)) == ["query"], "references stay in the tool's schema"

    def test_an_agent_that_must_call_a_tool_reaches_its_last(self) -> None:
        names, wanted = [], ask(tools=(WEATHER, SEARCH, FINAL), tool_choice="required")
        for _ in range(4):
            (call,) = Run().answer(wanted).tools
            names.append(call.name)
            wanted = replace(wanted, messages=(*wanted.messages, Message("assistant", ""), Message("tool", "done")))
        assert names == ["weather", "search", "final_result", "final_result"]
        assert call.arguments == "{}"

    @settings(deadline=None)
    @given(st.integers(1, 80))
    def test_a_limit_cuts_the_arguments(self, most: int) -> None:
        rule = AnswerRule(tools=(ScriptedTool("weather"), ScriptedTool("search")))
        cut = Run((rule,)).answer(ask(tools=(WEATHER, SEARCH), max_tokens=most))
        whole = Run((rule,)).answer(ask(tools=(WEATHER, SEARCH)))
        assert cut.tokens == cut.usage.completion == min(most, whole.tokens)
        assert cut.finish == ("length" if most < whole.tokens else "tool_calls")
        begun = whole.tools[: len(cut.tools)]
        assert all(w.arguments.startswith(c.arguments) for c, w in zip(cut.tools, begun, strict=True))
        assert all(t.pieces for t in cut.tools), "a call that is not begun is not there"

    def test_who_thinks_too_long_says_nothing(self) -> None:
        answer = Run().answer(ask(max_tokens=3, reasoning=True))
        assert (len(answer.reasoning), answer.text, answer.issued, answer.finish) == (3, "", (), "length")
        assert answer.usage == Usage(answer.usage.prompt, 3, reasoning=3)


class TestSilentEndpoints:
    def embed(self, *texts: str, run: Run | None = None, **more: Any) -> Answer:
        messages = tuple(Message("input", t) for t in texts)
        return (run or Run()).answer(Ask("embeddings", "text-embedding-3-large", messages, **more))

    def test_embeddings(self) -> None:
        run = Run()
        answer = self.embed("One two.", "", run=run)
        assert answer.vectors == (embedding("One two.", 3072), embedding("", 3072))
        assert (answer.pieces, answer.usage, run.noted) == ((), Usage(len(tokens("One two.\n"))), [])
        assert self.embed("One two.", dimensions=8).vectors == (embedding("One two.", 8),)

    def test_a_rule_is_for_the_inputs_that_it_matches(self) -> None:
        rules = (AnswerRule("text is for others"), AnswerRule(vector=(1.0, 0.0), prompt="refund"))
        answer = self.embed("My refund?", "Penguins.", run=Run(rules), dimensions=2)
        assert answer.vectors == ((1.0, 0.0), embedding("Penguins.", 2))

    def test_a_vector_answers_nothing_else(self) -> None:
        assert said(AnswerRule(vector=(1.0,)), AnswerRule("text")) == "text"

    @pytest.mark.parametrize("endpoint", ["moderations", "count_tokens", "models"])
    def test_answers_without_text(self, endpoint: str) -> None:
        run = Run((AnswerRule("text"),))
        wanted = replace(ask(tools=(WEATHER,)), endpoint=endpoint)
        answer = run.answer(wanted)
        assert (answer.pieces, answer.tools, answer.vectors, run.noted) == ((), (), (), [])
        assert answer.usage == Usage(run.answer(ask(tools=(WEATHER,))).usage.prompt)


class TestRules:
    def test_text(self) -> None:
        run = Run((AnswerRule("On {prompt}: {watermark}!", sentences=2),))
        answer = run.answer(ask("{watermark}"))
        assert answer.text == f"On {{watermark}}: {run.text(run.noted[0])}!", "a prompt holds no placeholders"
        assert answer.issued == tuple(run.noted)
        assert run.noted[0].sentences == 2
        assert Run((AnswerRule("{watermark}"),)).answer(ask()).issued[0].sentences == 4

    def test_what_a_limit_leaves_of_a_watermark_inside_a_text(self) -> None:
        run = Run((AnswerRule("On this: {watermark}"),))
        answer = run.answer(ask(max_tokens=6))
        assert answer.text == f"On this: {run.text(answer.issued[0])}"
        assert 0 < answer.issued[0].length < 40

    def test_json(self) -> None:
        run = Run((AnswerRule(json=[{"a": "{watermark}", "b": {"c": "{prompt}", "d": "{watermark}"}}, 1.5, None]),))
        answer = run.answer(ask("Ünï"))
        first, second = map(run.text, answer.issued)
        assert json.loads(answer.text) == [{"a": first, "b": {"c": "Ünï", "d": second}}, 1.5, None]
        assert {i.sentences for i in answer.issued} == {1}
        assert "Ünï" in answer.text
        assert said(AnswerRule(json={"a": 1})) == '{"a":1}'
        assert said(AnswerRule(json=False)) == "false"

    def test_tools(self) -> None:
        tools = (
            ScriptedTool("search", {"q": ["{prompt}", "{watermark}"]}),
            ScriptedTool("any"),
            ScriptedTool("made_up"),
        )
        run = Run((AnswerRule(tools=tools),))
        answer = run.answer(ask(tools=(WEATHER, SEARCH)))
        assert [t.name for t in answer.tools] == ["search", "weather", "made_up"]
        assert arguments(answer) == {"q": ["Why?", run.text(run.noted[0])]}
        assert arguments(answer, 1)["city"] == run.text(run.noted[1])
        assert arguments(answer, 2) == {}
        assert (answer.finish, answer.issued) == ("tool_calls", ())
        one = run.answer(ask(tools=(WEATHER, SEARCH), parallel=False))
        assert [t.name for t in one.tools] == ["search"]

    def test_tools_are_not_called_again_for_ever(self) -> None:
        always = AnswerRule(tools=(ScriptedTool("weather"),))
        run = Run((always, AnswerRule("Done.")))
        wanted = ask(tools=(WEATHER,))
        after = replace(wanted, messages=(*wanted.messages, Message("tool", "sunny")))
        assert run.answer(wanted).tools
        assert run.answer(after).text == "Done."
        assert Run((replace(always, nth=2),)).answer(after, nth=2).tools
        assert run.answer(replace(wanted, tool_choice="none")).text == "Done."

    def test_any_tool_needs_one(self) -> None:
        assert said(AnswerRule(tools=(ScriptedTool("any"),)), AnswerRule("None.")) == "None."

    def test_one_of(self) -> None:
        run = Run((AnswerRule(one_of=("safe", "unsafe")),))
        texts = [run.answer(ask(), seed).text for seed in range(40)]
        assert set(texts) == {"safe", "unsafe"}
        assert [i.literal for i in run.noted] == texts

    def test_refusal(self) -> None:
        run = Run((AnswerRule(refusal="I cannot help with that."),))
        answer = run.answer(ask())
        assert (answer.text, answer.finish) == ("I cannot help with that.", "refusal")
        assert [i.literal for i in answer.issued] == [answer.text]
        assert run.answer(ask(max_tokens=1)).finish == "refusal"

    @pytest.mark.parametrize(
        ("rule", "wanted", "nth", "matches"),
        [
            ({"model": "gpt-*"}, ask(), 1, True),
            ({"model": "claude-*"}, ask(), 1, False),
            ({"prompt": "^Why"}, ask(), 1, True),
            ({"prompt": "kind"}, ask(), 1, False),
            ({"endpoint": "chat"}, ask(), 1, True),
            ({"endpoint": "responses"}, ask(), 1, False),
            ({"nth": 2}, ask(), 2, True),
            ({"nth": 2}, ask(), 1, False),
            ({"schema": "Rev*"}, ask(schema=REVIEW), 1, True),
            ({"schema": "answer"}, ask(schema=REVIEW, schema_name="answer"), 1, True),
            ({"schema": "Other"}, ask(schema=REVIEW, schema_name="answer"), 1, False),
            ({"schema": "*"}, ask(schema={}), 1, True),
            ({"schema": "*"}, ask(), 1, False),
            ({"model": "gpt-*", "nth": 1, "prompt": "W", "endpoint": "chat"}, ask(), 1, True),
        ],
    )
    def test_matching(self, rule: dict[str, Any], wanted: Ask, nth: int, matches: bool) -> None:
        rules = (AnswerRule("ruled", **rule), AnswerRule("other"))
        assert Run(rules).answer(wanted, nth=nth).text == ("ruled" if matches else "other")


class TestJournal:
    """What a backend's records say of the texts."""

    def record(self, spec: BackendSpec, *prompts: str, **body: Any) -> tuple[dict[str, Any], Answer]:
        """The record of the last of some calls of one user request."""
        codec = Codec("test")
        backend = Backend("primary", spec, FaultPlan(), Shared(1, codec, {3: "user"}))
        mark = codec.sentence(Kind.PROMPT, 3, 0)
        for prompt in prompts or ("Why?",):
            filled = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"{mark} {prompt}"}], **body}
            request = WireRequest("POST", "/v1/chat/completions", {}, json.dumps(filled).encode())
            exchange = backend.receive(request, 1.0, 0)
            for action in exchange.watched():
                if isinstance(action, TERMINAL):
                    break
        assert exchange.answer
        return json.loads(json.dumps(exchange.record(spec))), exchange.answer

    def lengths(self, **body: Any) -> list[int]:
        record, _ = self.record(BackendSpec(), **body)
        return [text["length"] for text in record["texts"]]

    def test_prose(self) -> None:
        record, answer = self.record(BackendSpec(), max_tokens=9)
        assert [t["length"] for t in record["texts"]] == [len(answer.text)]
        rule = AnswerRule("On this: {watermark}")
        record, answer = self.record(BackendSpec(answers=(rule,)), max_tokens=9)
        assert [t["length"] for t in record["texts"]] == [len(answer.text) - len("On this: ")]

    def test_json_with_several_texts(self) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "review", "schema": REVIEW}}
        assert self.lengths(response_format=form)[:4] == [0, 20, 0, 0]
        cut = self.lengths(response_format=form, max_tokens=5)
        assert 0 < cut[0] < 30

    def test_arguments_of_tools(self) -> None:
        properties = {"city": {"type": "string"}, "code": {"type": "string", "maxLength": 20}}
        function = {"name": "weather", "parameters": {"type": "object", "properties": properties}}
        tools = [{"type": "function", "function": function}]
        assert self.lengths(tools=tools, tool_choice="required") == [0, 20]

    def test_rules_count_the_different_calls_of_a_request(self) -> None:
        spec = BackendSpec(answers=(AnswerRule("second", nth=2), AnswerRule("other")))
        assert self.record(spec, "a")[1].text == "other"
        assert self.record(spec, "a", "a")[1].text == "other", "a retry is the same call"
        assert self.record(spec, "a", "b")[1].text == "second"
        assert self.record(spec, "a", "b", "c")[1].text == "other"
