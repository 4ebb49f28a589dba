"""Cohere without a server: what requests ask for, and the bytes of replies."""

import json
from typing import Any

import pytest
from hypothesis import given

from brownout.faults.values.answer import Answer, Usage
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, dialects
from brownout.faults.values.reply import Data

from .support import PERSON, STAMP, WEATHER, answer, answers, ask, asked, played, reference, refusal, sse

HI = [{"role": "user", "content": "Why?"}]
COHERE = dialects.get("cohere")()
CALL = ("get_weather", '{"city":"Oslo"}')
CHAT, EMBED = "/v2/chat", "/v2/embed"
UUID = "01234567-89ab-cdef-0123-456789abcdef"


def chat(**body: Any) -> Ask:
    return ask(COHERE, CHAT, {"model": "command-a-03-2025", "messages": HI, **body})


def events(body: bytes) -> list[dict[str, Any]]:
    """The events of a stream but the end marker. Their names are in their data too."""
    *said, end = sse(body)
    assert end == ("", "[DONE]")
    read = [(name, json.loads(data)) for name, data in said]
    assert all(name == data["type"] for name, data in read)
    return [data for _, data in read]


def order(said: list[dict[str, Any]]) -> list[str]:
    """The types of events, each once for a run of them."""
    types = [e["type"] for e in said]
    return [t for i, t in enumerate(types) if i == 0 or t != types[i - 1]]


class TestRequests:
    def test_what_a_chat_asks_for(self) -> None:
        result = {"type": "document", "document": {"data": {"weather": "sunny"}, "id": "1"}}
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": []},
            {"role": "tool", "tool_call_id": "x", "content": [result]},
        ]
        made = chat(
            messages=messages,
            tools=[WEATHER],
            tool_choice="REQUIRED",
            max_tokens=12,
            stop_sequences=["END"],
            response_format={"type": "json_object", "json_schema": PERSON},
            thinking={"type": "enabled"},
            stream=True,
            k=3,
        )
        assert [m.role for m in made.messages] == ["system", "user", "assistant", "tool"]
        assert [m.text for m in made.messages] == ["Be brief.", "Why?", "", '{"weather": "sunny"}']
        assert (made.max_tokens, made.stop, made.stream) == (12, ("END",), True)
        assert (made.tool_choice, made.schema, made.reasoning) == ("required", PERSON, True)
        assert chat(tools=[WEATHER], tool_choice="NONE").tool_choice == "none"
        assert chat(response_format={"type": "json_object"}).schema == {}
        assert chat(response_format={"type": "text"}).schema is None
        assert not chat(thinking={"type": "disabled"}).reasoning

    @pytest.mark.parametrize(
        ("path", "body", "said"),
        [
            (CHAT, {"messages": HI}, "model is required"),
            (CHAT, {"model": "m", "messages": []}, "message must be at least 1 token long"),
            (CHAT, {"model": "m", "messages": [{"content": "Why?"}]}, "must have a role"),
            (CHAT, {"model": "m", "messages": HI, "max_tokens": -1}, "max_tokens"),
            (CHAT, {"model": "m", "messages": HI, "tools": [{}]}, "tools[0].function.name"),
            (CHAT, {"model": "m", "messages": HI, "tool_choice": "REQUIRED"}, "tool_choice"),
            (EMBED, {"input_type": "search_query", "texts": ["Why?"]}, "model is required"),
            (EMBED, {"model": "m", "texts": ["Why?"]}, "valid input_type must be provided"),
        ],
    )
    def test_a_bad_request_is_told_what_is_wrong(self, path: str, body: object, said: str) -> None:
        failure = asked(COHERE, path, body)
        assert isinstance(failure, Failure)
        reply = refusal(COHERE, failure)
        assert reply.head.status == 400
        assert said in reply.json["message"]

    @pytest.mark.parametrize("more", [{}, {"images": ["data:"]}, {"texts": ["Why?"], "embedding_types": ["int8"]}])
    def test_what_is_not_embedded(self, more: dict[str, Any]) -> None:
        failure = asked(COHERE, EMBED, {"model": "m", "input_type": "search_query", **more})
        assert isinstance(failure, Failure)
        assert failure.status == 501

    def test_a_key_is_asked_for(self) -> None:
        failure = asked(COHERE, "/v1/models", method="GET", authorization="")
        assert isinstance(failure, Failure)
        assert refusal(COHERE, failure).head.status == 401
        assert refusal(COHERE, failure).json == {"id": UUID, "message": "no api key supplied"}

    def test_the_first_version_of_the_chat_is_not_served(self) -> None:
        failure = asked(COHERE, "/v1/chat", {"message": "Why?"})
        assert isinstance(failure, Failure)
        assert failure.status == 404


class TestReplies:
    def test_a_stream(self) -> None:
        said = answer("Because it is so.")
        reply = played(COHERE, chat(stream=True), said)
        assert reply.content_type == "text/event-stream"
        assert reply.parts == ["open", "content", "open", "finish", "done"]
        got = events(reply.body)
        assert order(got) == ["message-start", "content-start", "content-delta", "content-end", "message-end"]
        assert got[0]["id"] == UUID
        assert got[0]["delta"]["message"]["role"] == "assistant"
        assert got[1]["delta"]["message"]["content"] == {"type": "text", "text": ""}
        counts = {"input_tokens": 7, "output_tokens": said.tokens}
        usage = {"billed_units": counts, "tokens": counts, "cached_tokens": 0}
        assert got[-1]["delta"] == {"finish_reason": "COMPLETE", "usage": usage}

    def test_thinking_is_a_block_of_its_own(self) -> None:
        got = events(played(COHERE, chat(stream=True), answer("Because.", thinking="Hm, why?")).body)
        block = ["content-start", "content-delta", "content-end"]
        assert order(got) == ["message-start", *block, *block, "message-end"]
        assert [e["delta"]["message"]["content"]["type"] for e in got if e["type"] == "content-start"] == [
            "thinking",
            "text",
        ]
        assert [e["index"] for e in got if e["type"] == "content-end"] == [0, 1]

    def test_calls_of_tools_and_their_plan(self) -> None:
        said = answer("I will look.", CALL, CALL)
        reply = played(COHERE, chat(stream=True, tools=[WEATHER]), said)
        got = events(reply.body)
        call = ["tool-call-start", "tool-call-delta", "tool-call-end"]
        assert order(got) == ["message-start", "tool-plan-delta", *call, *call, "message-end"]
        starts = [e for e in got if e["type"] == "tool-call-start"]
        assert [e["index"] for e in starts] == [0, 1]
        began = [e["delta"]["message"]["tool_calls"] for e in starts]
        assert [b["function"] for b in began] == [{"name": "get_weather", "arguments": ""}] * 2
        assert len({b["id"] for b in began}) == 2
        assert got[-1]["delta"]["finish_reason"] == "TOOL_CALL"
        whole = played(COHERE, chat(tools=[WEATHER]), said).json
        assert whole["message"]["tool_plan"] == "I will look."
        assert [c["id"] for c in whole["message"]["tool_calls"]] == [b["id"] for b in began]
        assert whole["message"]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": CALL[1]}
        assert "content" not in whole["message"]

    def test_a_reply_that_is_not_streamed(self) -> None:
        reply = played(COHERE, chat(), answer("Because.", thinking="Hm."))
        assert reply.content_type == "application/json"
        assert reply.json["id"] == UUID
        assert reply.json["message"] == {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Because."}],
        }

    @pytest.mark.parametrize(
        ("finish", "reason"), [("length", "MAX_TOKENS"), ("content_filter", "ERROR"), ("refusal", "COMPLETE")]
    )
    def test_why_it_ended(self, finish: str, reason: str) -> None:
        assert played(COHERE, chat(), answer("No.", finish=finish)).json["finish_reason"] == reason

    def test_embeddings(self) -> None:
        mixed = [{"content": [{"type": "text", "text": "How?"}]}]
        made = ask(COHERE, EMBED, {"model": "m", "input_type": "search_query", "inputs": mixed})
        assert made.inputs == ("How?",)
        more = {"embedding_types": ["float"], "output_dimension": 2}
        made = ask(COHERE, EMBED, {"model": "m", "input_type": "search_query", "texts": ["Why?", "How?"], **more})
        assert (made.endpoint, made.inputs, made.dimensions) == ("embeddings", ("Why?", "How?"), 2)
        reply = played(COHERE, made, Answer((), "m", usage=Usage(4), vectors=((0.6, 0.8), (1.0, 0.0)))).json
        assert reply["embeddings"] == {"float": [[0.6, 0.8], [1.0, 0.0]]}
        assert reply["texts"] == ["Why?", "How?"]
        assert reply["meta"]["billed_units"] == {"input_tokens": 4}

    def test_models(self) -> None:
        few = dialects.get("cohere")(("a", "embed-b"))
        listed = played(few, ask(few, "/v1/models", method="GET"), answer()).json["models"]
        assert [(m["name"], m["endpoints"]) for m in listed] == [("a", ["chat"]), ("embed-b", ["embed"])]
        assert played(few, ask(few, "/v1/models/a", method="GET"), answer()).json == listed[0]

    @pytest.mark.parametrize(
        ("failure", "text"),
        [
            (Failure(429, "rate_limit"), "limited to 20 API calls / minute."),
            (Failure(429, "quota"), "limited to 1000 API calls / month."),
            (Failure(401), "invalid api token"),
            (Failure(500), "internal server error"),
            (Failure(500, mark="A mark."), "developers. A mark."),
        ],
    )
    def test_errors(self, failure: Failure, text: str) -> None:
        reply = refusal(COHERE, failure)
        assert reply.head.status == failure.status
        assert reply.json.keys() == {"id", "message"}
        assert text in reply.json["message"]

    def test_an_unknown_model_is_told_as_recorded(self) -> None:
        few = dialects.get("cohere")(("a",))
        failure = asked(few, EMBED, {"model": "nonexistent", "input_type": "search_query", "texts": ["Why?"]})
        assert isinstance(failure, Failure)
        recorded = json.loads(reference("recorded/errors.json").read_text())
        (real,) = (e for e in recorded if e["host"] == "api.cohere.com" and e["path"] == EMBED)
        mine = refusal(few, failure)
        assert mine.head.status == real["status"]
        assert {**mine.json, "id": ""} == {**real["body"], "id": ""}
        assert len(mine.json["id"]) == len(real["body"]["id"])

    def test_a_failure_in_a_stream_ends_the_message(self) -> None:
        data, _ = COHERE.stream_failure(chat(stream=True), Failure(500, mark="A mark."), STAMP)
        assert isinstance(data, Data)
        ((name, event),) = sse(data.body)
        assert name == "message-end"
        delta = json.loads(event)["delta"]
        assert delta["finish_reason"] == "ERROR"
        assert delta["error"].endswith("A mark.")

    @given(answers)
    def test_nothing_of_an_answer_is_lost(self, said: Answer) -> None:
        reply = played(COHERE, chat(stream=True), said)
        messages = [e["delta"]["message"] for e in events(reply.body) if "delta" in e and "message" in e["delta"]]
        contents = [m["content"] for m in messages if isinstance(m.get("content"), dict)]
        plan = "".join(m["tool_plan"] for m in messages if "tool_plan" in m)
        assert "".join(c.get("text", "") for c in contents) + plan == said.text
        assert "".join(c.get("thinking", "") for c in contents) == "".join(said.reasoning)
        calls = [m["tool_calls"]["function"]["arguments"] for m in messages if isinstance(m.get("tool_calls"), dict)]
        assert "".join(calls) == "".join(t.arguments for t in said.tools)
        assert reply.tokens == said.tokens == played(COHERE, chat(), said).tokens
        assert reply.seconds == pytest.approx(said.seconds)
        assert reply.ended
