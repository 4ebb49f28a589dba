"""OpenAI's Responses API: what a request asks for, and the form of its replies, beside recorded ones."""

import json
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given

from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, Message, Tool
from brownout.faults.values.fault import Failure, dialects
from brownout.faults.values.reply import Data

from .support import (
    PERSON,
    STAMP,
    WEATHER,
    Played,
    answer,
    answers,
    ask,
    asked,
    played,
    reference,
    refusal,
    shape,
    sse,
)

DIALECT = dialects.get("openai")()
PATH = "/v1/responses"
TOOL: Any = {"type": "function", "strict": True, **WEATHER["function"]}
OTHER: Any = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}
SEARCH: Any = {"type": "web_search"}
ASK: Any = {"model": "gpt-4o", "input": "Why?"}
FORM: Any = {"format": {"type": "json_schema", "name": "person", "schema": PERSON}}


def streamed(said: Answer, **body: Any) -> list[Any]:
    """The events of a streamed reply. Each must be framed with its type as its name."""
    return events(played(DIALECT, ask(DIALECT, PATH, {**ASK, "stream": True, **body}), said).body)


def events(body: bytes) -> list[Any]:
    found = [(name, json.loads(data)) for name, data in sse(body)]
    assert all(name == event["type"] for name, event in found)
    return [event for _, event in found]


def whole(said: Answer, **body: Any) -> Any:
    return played(DIALECT, ask(DIALECT, PATH, {**ASK, **body}), said).json


def order(found: list[Any]) -> list[str]:
    """The types of events, those of deltas in a row once."""
    return [kind for kind, _ in groupby(event["type"].removeprefix("response.") for event in found)]


class TestRequests:
    def test_a_text(self) -> None:
        made = ask(DIALECT, PATH, {**ASK, "instructions": "Be brief.", "user": "u-1", "max_output_tokens": 99})
        assert made.endpoint == "responses"
        assert made.messages == (Message("system", "Be brief."), Message("user", "Why?"))
        assert (made.model, made.user, made.max_tokens, made.stream) == ("gpt-4o", "u-1", 99, False)
        assert (made.tools, made.tool_choice, made.parallel, made.schema) == ((), "auto", True, None)
        assert not made.reasoning
        assert ask(DIALECT, PATH, {**ASK, "safety_identifier": "s-1"}).user == "s-1"
        assert ask(DIALECT, PATH, {**ASK, "stream": True}).stream
        assert not ask(DIALECT, PATH, {**ASK, "parallel_tool_calls": False}).parallel

    def test_a_conversation_of_items(self) -> None:
        items = [
            {"role": "developer", "content": "Be brief."},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Why?"}, {"type": "input_image"}],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city":"Rome"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "Sunny."}]},
        ]
        made = ask(DIALECT, PATH, {"model": "m", "input": items})
        assert made.messages == (
            Message("system", "Be brief."),
            Message("user", "Why?"),
            Message("assistant", "I look."),
            Message("assistant", '{"city":"Rome"}'),
            Message("tool", "Sunny."),
        )
        assert made.after_tool
        assert made.prompt == "Why?"

    def test_what_an_earlier_response_held_is_not_known(self) -> None:
        for earlier in ({"previous_response_id": "resp_1"}, {"conversation": {"id": "conv_1"}}):
            assert ask(DIALECT, PATH, {"model": "m", **earlier}).messages == ()
        output = {"type": "function_call_output", "call_id": "call_1", "output": "Sunny."}
        assert ask(DIALECT, PATH, {"model": "m", "previous_response_id": "resp_1", "input": [output]}).after_tool

    @pytest.mark.parametrize(
        ("given", "choice", "names"),
        [
            (None, "auto", ["get_weather", "get_time"]),
            ("none", "none", ["get_weather", "get_time"]),
            ("required", "required", ["get_weather", "get_time"]),
            ({"type": "function", "name": "get_time"}, "get_time", ["get_weather", "get_time"]),
            ({"type": "web_search"}, "auto", ["get_weather", "get_time"]),
            (
                {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]},
                "required",
                ["get_time"],
            ),
        ],
    )
    def test_tools(self, given: Any, choice: str, names: list[str]) -> None:
        made = ask(DIALECT, PATH, {**ASK, "tools": [TOOL, SEARCH, OTHER], "tool_choice": given})
        assert (made.tool_choice, [t.name for t in made.tools]) == (choice, names)
        assert Tool("get_time", OTHER["parameters"]) in made.tools

    def test_to_require_a_tool_of_another_kind_requires_nothing(self) -> None:
        made = ask(DIALECT, PATH, {**ASK, "tools": [SEARCH], "tool_choice": "required"})
        assert (made.tool_choice, made.tools) == ("auto", ())

    def test_the_form_of_the_answer(self) -> None:
        made = ask(DIALECT, PATH, {**ASK, "text": FORM})
        assert (made.schema, made.schema_name) == (PERSON, "person")
        assert ask(DIALECT, PATH, {**ASK, "text": {"format": {"type": "json_object"}}}).schema == {}
        assert ask(DIALECT, PATH, {**ASK, "text": {"format": {"type": "text"}}}).schema is None

    def test_reasoning_is_shown_where_a_summary_is_asked_for(self) -> None:
        assert ask(DIALECT, PATH, {**ASK, "reasoning": {"effort": "low", "summary": "auto"}}).reasoning
        assert not ask(DIALECT, PATH, {**ASK, "reasoning": {"effort": "low"}}).reasoning

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"input": "Why?"}, "'model'"),
            ({"model": "m"}, 'One of "input"'),
            ({"model": "m", "input": []}, 'One of "input"'),
            ({"model": "m", "input": 7}, "'input'"),
            ({"model": "m", "input": ["Why?"]}, "'input[0]'"),
            ({"model": "m", "input": [{"content": "Why?"}]}, "'input[0].role'"),
            ({**ASK, "messages": []}, "moved to 'input'"),
            ({**ASK, "response_format": {}}, "moved to 'text.format'"),
            ({**ASK, "max_output_tokens": "9"}, "'max_output_tokens'"),
            ({**ASK, "max_output_tokens": 15}, "a value >= 16, but got 15"),
            ({**ASK, "tools": {}}, "'tools'"),
            ({**ASK, "tools": ["get_weather"]}, "'tools[0]'"),
            ({**ASK, "tools": [TOOL, WEATHER]}, "'tools[1].name'"),
            ({**ASK, "tool_choice": "required"}, "Tool choice 'required'"),
            ({**ASK, "tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "not found in 'tools'"),
            ({**ASK, "text": {"format": {"type": "json_schema", "schema": {}}}}, "'text.format.name'"),
            ({**ASK, "text": {"format": {"type": "json_schema", "name": "x"}}}, "'text.format.schema'"),
        ],
    )
    def test_refusals(self, body: Any, words: str) -> None:
        refused = asked(DIALECT, PATH, body)
        assert isinstance(refused, Failure)
        assert (refused.status, refused.kind) == (400, "bad_request")
        assert words in refused.message

    def test_nothing_runs_in_the_background(self) -> None:
        refused = asked(DIALECT, PATH, {**ASK, "background": True})
        assert isinstance(refused, Failure)
        assert (refused.status, refused.kind) == (501, "not_served")


TEXT = [
    "created",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
]


class TestReplies:
    @given(answers)
    def test_the_tokens_and_the_time_are_those_of_the_answer(self, said: Answer) -> None:
        made = played(DIALECT, ask(DIALECT, PATH, {**ASK, "stream": True}), said)
        assert made.ended
        assert made.tokens == said.tokens
        assert made.seconds == said.seconds
        assert made.parts[0] == "open"
        assert made.parts[-1] == "finish"
        assert set(made.parts) <= {"open", "content", "finish"}
        once = played(DIALECT, ask(DIALECT, PATH, ASK), said)
        assert (once.parts, once.tokens, once.seconds) == (["body"], said.tokens, said.seconds)

    @given(answers)
    def test_a_stream_ends_with_the_response_that_is_sent_at_once_else(self, said: Answer) -> None:
        found = streamed(said)
        assert [event["sequence_number"] for event in found] == list(range(len(found)))
        assert found[-1]["response"] == whole(said)
        assert found[-1]["type"] == "response." + found[-1]["response"]["status"]
        output = found[-1]["response"]["output"]
        assert [e["item"] for e in found if e["type"].endswith("item.done")] == output
        for index, item in enumerate(output):
            last = found[-1]["response"]["status"] if index == len(output) - 1 else "completed"
            assert item["type"] == "reasoning" or item["status"] == last
            own = [event["delta"] for event in found if "delta" in event and event["output_index"] == index]
            part = item if item["type"] == "function_call" else (item.get("content") or item["summary"])[0]
            assert "".join(own) == part.get("text", part.get("arguments"))

    @given(answers)
    def test_keys_follow_the_type_in_alphabetical_order(self, said: Answer) -> None:
        for event in streamed(said):
            assert list(event) == ["type", *sorted(event.keys() - {"type"})]

    def test_the_first_token_is_waited_for_after_the_response_has_begun(self) -> None:
        made = played(DIALECT, ask(DIALECT, PATH, {**ASK, "stream": True}), answer("Hi."))
        waits = [i for i, action in enumerate(made.actions) if getattr(action, "why", "") == "first token"]
        before = [e["type"] for a in made.actions[: waits[0]] if isinstance(a, Data) for e in events(a.body)]
        assert before == ["response.created", "response.in_progress"]
        assert made.content_type == "text/event-stream; charset=utf-8"

    def test_thinking_then_text_then_calls(self) -> None:
        said = answer("I look.", ("get_weather", '{"city":"Rome"}'), ("get_time", "{}"), thinking="Hm.")
        found = streamed(said)
        call = [
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
        ]
        summary = [f"reasoning_summary_{kind}" for kind in ("part.added", "text.delta", "text.done", "part.done")]
        thought = ["output_item.added", *summary, "output_item.done"]
        assert order(found) == [*TEXT[:2], *thought, *TEXT[2:-1], *call, *call, "completed"]
        output = found[-1]["response"]["output"]
        assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
        assert len({item["id"] for item in output} | {found[-1]["response"]["id"]}) == 5
        assert len({item["call_id"] for item in output[2:]}) == 2

    @pytest.mark.parametrize(
        ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
    )
    def test_an_answer_that_was_stopped_is_incomplete(self, finish: str, reason: str) -> None:
        end = streamed(answer("So it", finish=finish))[-1]
        assert end["type"] == "response.incomplete"
        assert end["response"]["incomplete_details"] == {"reason": reason}
        assert end["response"]["completed_at"] is None
        assert [item["status"] for item in end["response"]["output"]] == ["incomplete"]
        calls = whole(answer("I look.", ("a", "{}"), ("b", '{"ci'), finish=finish))["output"]
        assert [item["status"] for item in calls] == ["completed", "completed", "incomplete"]
        assert whole(answer("", finish=finish))["output"] == []
        assert [item["type"] for item in whole(answer("", thinking="Hm.", finish=finish))["output"]] == ["reasoning"]

    def test_a_refusal_is_a_part_of_its_own(self) -> None:
        found = streamed(answer("I will not.", finish="refusal"))
        assert order(found) == [kind.replace("output_text", "refusal") for kind in TEXT]
        (item,) = found[-1]["response"]["output"]
        assert item["content"] == [{"type": "refusal", "refusal": "I will not."}]
        assert "".join(event["delta"] for event in found if "delta" in event) == "I will not."
        assert found[3]["part"] == {"type": "refusal", "refusal": ""}
        assert not any("obfuscation" in event for event in found)

    def test_an_empty_answer_is_an_empty_message(self) -> None:
        found = streamed(answer(""))
        assert order(found) == [kind for kind in TEXT if not kind.endswith("delta")]
        assert found[-1]["response"]["output"][0]["content"][0]["text"] == ""

    def test_a_response_repeats_its_request(self) -> None:
        given: Any = {
            "instructions": "Be brief.",
            "max_output_tokens": 99,
            "metadata": {"a": "b"},
            "previous_response_id": "resp_1",
            "service_tier": "flex",
            "store": False,
            "temperature": 0.5,
            "tool_choice": "none",
            "user": "u-1",
        }
        made = whole(answer("Hi."), **given, text=FORM, tools=[TOOL, SEARCH], reasoning={"effort": "low"})
        assert {key: made[key] for key in given} == given
        assert made["text"] == {**FORM, "verbosity": "medium"}
        assert made["tools"] == [TOOL, SEARCH]
        assert made["reasoning"] == {"effort": "low", "summary": None}
        assert "conversation" not in made
        for conversation in ("conv_1", {"id": "conv_1"}):
            assert whole(answer("Hi."), conversation=conversation)["conversation"] == {"id": "conv_1"}

    def test_deltas_carry_no_noise_where_it_is_switched_off(self) -> None:
        for wanted in (True, False):
            found = streamed(answer("Hi."), stream_options={"include_obfuscation": wanted})
            assert any("obfuscation" in event for event in found) is wanted

    def test_only_what_is_said_takes_time(self) -> None:
        said = answer("", ("a", ""), ("b", "{}"))
        made = played(DIALECT, ask(DIALECT, PATH, {**ASK, "stream": True}), said)
        assert made.seconds == said.seconds == said.pace.head + said.pace.first_token

    def test_half_a_surrogate_pair_is_sent_as_its_escape(self) -> None:
        said = Answer(("a", "\ud83d"), "m")
        made = DIALECT.reply(Ask("responses", "m", stream=True), said, STAMP)
        assert events(Played(tuple(made)).body)[-1]["response"]["output"][0]["content"][0]["text"] == "a\ud83d"


def recorded(name: str) -> list[Any]:
    return events(reference(f"recorded/openai-responses-{name}.sse").read_bytes())


class TestRecordings:
    def test_a_text(self) -> None:
        theirs = recorded("text")
        theirs[-1]["response"]["usage"]["input_tokens_details"]["cache_write_tokens"] = 0  # newer than the recording
        ours = streamed(Answer(("Two", "."), "m"), instructions="Be brief.", conversation="conv_1")
        assert order(ours) == order(theirs) == TEXT
        assert [shape(event) for event in ours] == [shape(event) for event in theirs]
        assert [list(event) for event in ours] == [list(event) for event in theirs]

    def test_a_call_of_a_function(self) -> None:
        theirs, ours = recorded("function-call"), streamed(answer("", ("get_capital", '{"country":"France"}')))
        assert order(ours) == order(theirs)
        known = {event["type"]: shape(event) for event in theirs}
        for event in ours[2:-1]:  # what else is in ours, newer recordings have
            newer = {"sequence_number": "int", **({"obfuscation": "str"} if "delta" in event else {})}
            assert shape(event) == {**known[event["type"]], **newer}
        (want,), (have,) = (found[-1]["response"]["output"] for found in (theirs, ours))
        assert shape(have) == shape(want)
        assert len(have["call_id"]) == len(want["call_id"])

    def test_a_summary_of_reasoning(self) -> None:
        theirs, ours = recorded("reasoning-summary"), streamed(answer("Hi.", thinking="Hm."))
        at = order(theirs).index("output_item.done") + 1
        assert order(ours)[:at] == order(theirs)[:at]
        assert order(ours)[at:] == order(theirs)[-len(order(ours)) + at :]
        known: dict[str, Any] = {e["type"]: shape(e) for e in theirs if "output_item" not in e["type"]}
        for event in ours:
            if "summary" in event["type"]:
                assert shape(event) == known[event["type"]]

    def test_a_response_has_every_recorded_field(self) -> None:
        ours = whole(answer("Hi."))
        for name in ("text", "function-call", "reasoning-summary"):
            assert recorded(name)[-1]["response"].keys() - ours.keys() <= {"conversation"}

    def test_deltas_are_filled_up_to_a_multiple_of_16(self) -> None:
        said = answer("One two threefour.", ("f", '{"a":1}'), thinking="Hm.")
        for found in ([*recorded("text"), *recorded("reasoning-summary")], streamed(said)):
            filled = [(event["delta"], event["obfuscation"]) for event in found if "obfuscation" in event]
            assert {len(delta + noise) % 16 for delta, noise in filled} == {0}
            assert max(len(noise) for _, noise in filled) < 16

    def test_a_failure_within_a_stream(self) -> None:
        lines = reference("recorded-vercel/openai/openai-error.1.chunks.txt").read_text().splitlines()
        *_, error, response = (json.loads(line) for line in lines if line)
        *said, _ = DIALECT.stream_failure(ask(DIALECT, PATH, ASK), Failure(429, "quota"), STAMP)
        ours = [event for action in said if isinstance(action, Data) for event in events(action.body)]
        assert ours[0] == error
        for key in ("status", "error", "output"):
            assert ours[1]["response"][key] == response["response"][key]
        assert response["response"].keys() <= ours[1]["response"].keys()
        assert [e["sequence_number"] for e in ours] == [2, 3]

    def test_an_unknown_model(self) -> None:
        known = json.loads(reference("recorded/errors.json").read_text())
        theirs = next(e for e in known if e["path"] == PATH and e["body"]["error"]["code"] == "model_not_found")
        dialect = dialects.get("openai")(("gpt-4o",))
        refused = asked(dialect, PATH, {"model": "gpt-5.2-proo", "input": "Why?"})
        assert isinstance(refused, Failure)
        assert refused.status == theirs["status"]
        assert refusal(dialect, refused).json == theirs["body"]
