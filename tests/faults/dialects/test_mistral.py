"""Mistral without a server: what requests ask for, and the bytes of replies."""

import json
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from brownout.faults.values.answer import Answer, Pace, Usage
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, dialects
from brownout.faults.values.reply import Data

from .support import PERSON, STAMP, WEATHER, answer, answers, ask, asked, played, reference, refusal, shape, sse

HI = [{"role": "user", "content": "Why?"}]
MISTRAL = dialects.get("mistral")()
CALL = ("get_weather", '{"city":"Oslo"}')
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"


def chat(**body: Any) -> Ask:
    return ask(MISTRAL, CHAT, {"model": "mistral-small-latest", "messages": HI, **body})


def chunks(body: bytes) -> list[dict[str, Any]]:
    """The events of a stream but the end marker."""
    *events, end = sse(body)
    assert end == ("", "[DONE]")
    assert not any(name for name, _ in events)
    return [json.loads(data) for _, data in events]


def contents(body: bytes, choice: int = 0) -> list[Any]:
    return [
        c["delta"]["content"]
        for e in chunks(body)
        for c in e["choices"]
        if c["index"] == choice and "role" not in c["delta"]
    ]


class TestRequests:
    def test_what_a_chat_asks_for(self) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
            {"role": "assistant", "tool_calls": [], "prefix": False},
            {"role": "tool", "tool_call_id": "x", "content": "sunny"},
        ]
        wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
        made = chat(
            messages=messages,
            tools=[WEATHER],
            tool_choice="any",
            max_tokens=12,
            stop="END",
            n=2,
            response_format=wanted,
            parallel_tool_calls=False,
            stream=True,
            random_seed=3,
        )
        assert [(m.role, m.text) for m in made.messages][:2] == [("system", "Be brief."), ("user", "Why?")]
        assert made.after_tool
        assert (made.tool_choice, made.parallel, made.choices) == ("required", False, 2)
        assert (made.max_tokens, made.stop, made.stream) == (12, ("END",), True)
        assert (made.schema, made.schema_name) == (PERSON, "person")
        assert not made.reasoning

    @pytest.mark.parametrize(
        ("given", "choice"),
        [
            ("auto", "auto"),
            ("none", "none"),
            ("any", "required"),
            ("required", "required"),
            ({"type": "function", "function": {"name": "get_weather"}}, "get_weather"),
        ],
    )
    def test_the_choice_of_tools(self, given: object, choice: str) -> None:
        assert chat(tools=[WEATHER], tool_choice=given).tool_choice == choice

    @pytest.mark.parametrize("given", [{"prompt_mode": "reasoning"}, {"reasoning_effort": "high"}])
    def test_thinking_is_asked_for(self, given: dict[str, str]) -> None:
        assert chat(**given).reasoning
        assert not chat(reasoning_effort="none").reasoning

    @pytest.mark.parametrize(
        ("path", "body", "said"),
        [
            (CHAT, None, "model: Field required"),
            (CHAT, b"{", "could not parse"),
            (CHAT, {"model": "m", "messages": []}, "messages: "),
            (CHAT, {"model": "m", "messages": [{"content": "Why?"}]}, "messages.0.role: "),
            (CHAT, {"model": "m", "messages": HI, "max_tokens": "12"}, "max_tokens"),
            (CHAT, {"model": "m", "messages": HI, "n": 0}, "n: "),
            (CHAT, {"model": "m", "messages": HI, "tools": "all"}, "tools"),
            (CHAT, {"model": "m", "messages": HI, "tool_choice": "any"}, "tool_choice: "),
            (EMBEDDINGS, {"model": "m", "input": []}, "input: "),
            (EMBEDDINGS, {"model": "m", "input": "Why?", "output_dimension": 0}, "output_dimension"),
        ],
    )
    def test_what_does_not_fit_is_422(self, path: str, body: object, said: str) -> None:
        failure = asked(MISTRAL, path, body)
        assert isinstance(failure, Failure)
        reply = refusal(MISTRAL, failure)
        assert reply.head.status == 422
        (wrong,) = reply.json["detail"]
        assert wrong.keys() >= {"type", "loc", "msg"}
        assert said in wrong["msg"]

    def test_a_key_is_asked_for(self) -> None:
        failure = asked(MISTRAL, CHAT, {"model": "m", "messages": HI}, authorization="")
        assert isinstance(failure, Failure)
        assert refusal(MISTRAL, failure).head.status == 401
        assert refusal(MISTRAL, failure).json == {"detail": "Unauthorized"}

    def test_a_model_that_does_not_exist_is_400(self) -> None:
        few = dialects.get("mistral")(("mistral-small-latest",))
        failure = asked(few, CHAT, {"model": "x", "messages": HI})
        assert isinstance(failure, Failure)
        assert refusal(few, failure).head.status == 400
        assert refusal(few, failure).json == {
            "object": "error",
            "message": "Invalid model: x",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
            "raw_status_code": 400,
        }

    def test_other_types_of_embeddings_are_not_served(self) -> None:
        for more in ({"output_dtype": "int8"}, {"encoding_format": "base64"}):
            failure = asked(MISTRAL, EMBEDDINGS, {"model": "m", "input": "Why?", **more})
            assert isinstance(failure, Failure)
            assert failure.status == 501


class TestReplies:
    def test_a_stream(self) -> None:
        said = answer("Because it is so.")
        reply = played(MISTRAL, chat(stream=True), said)
        assert reply.content_type == "text/event-stream; charset=utf-8"
        assert reply.parts == ["open", "content", "finish", "done"]
        first, *content, last = chunks(reply.body)
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(c["choices"][0]["delta"]["content"] for c in content) == said.text
        assert last["choices"][0]["finish_reason"] == "stop"
        assert last["usage"] == {"prompt_tokens": 7, "total_tokens": 7 + said.tokens, "completion_tokens": said.tokens}
        assert not any("usage" in c for c in (first, *content))

    def test_thinking_in_a_stream(self) -> None:
        said = answer("Because.", thinking="Hm, why?")
        reply = played(MISTRAL, chat(stream=True), said)
        assert reply.parts == ["open", "content", "open", "content", "finish", "done"]
        got = contents(reply.body)
        thoughts = [c[0]["thinking"] for c in got if isinstance(c, list)]
        assert "".join(t["text"] for ts in thoughts for t in ts) == "Hm, why?"
        assert thoughts[-1] == [], "an empty one ends thinking"
        assert "".join(c for c in got if isinstance(c, str)) == "Because."

    def test_calls_of_tools_come_whole(self) -> None:
        said = answer("", CALL, ("get_weather", '{"city":"Rome"}'))
        reply = played(MISTRAL, chat(stream=True, tools=[WEATHER]), said)
        assert reply.parts == ["open", "content", "finish", "done"]
        _, called, last = chunks(reply.body)
        calls = called["choices"][0]["delta"]["tool_calls"]
        assert [c["function"] for c in calls] == [
            {"name": name, "arguments": a} for name, a in (CALL, (CALL[0], '{"city":"Rome"}'))
        ]
        assert [c["index"] for c in calls] == [0, 1]
        assert len({c["id"] for c in calls}) == 2
        assert all(len(c["id"]) == 9 and c["id"].isalnum() for c in calls)
        assert last["choices"][0]["finish_reason"] == "tool_calls"
        whole = played(MISTRAL, chat(tools=[WEATHER]), said).json["choices"][0]
        assert whole["message"]["tool_calls"] == calls
        assert whole["finish_reason"] == "tool_calls"

    def test_several_choices(self) -> None:
        said = answer("Because.", others=(answer("So.", finish="length"),))
        reply = played(MISTRAL, chat(stream=True, n=2), said)
        assert "".join(contents(reply.body)) == "Because."
        assert "".join(contents(reply.body, 1)) == "So."
        assert [("usage" in c) for c in chunks(reply.body)].count(True) == 1
        assert "usage" in chunks(reply.body)[-1]
        whole = played(MISTRAL, chat(n=2), said).json
        assert [(c["message"]["content"], c["finish_reason"]) for c in whole["choices"]] == [
            ("Because.", "stop"),
            ("So.", "length"),
        ]

    @pytest.mark.parametrize("finish", ["refusal", "content_filter"])
    def test_a_refusal_stops(self, finish: str) -> None:
        said = answer("No.", finish=finish)
        assert played(MISTRAL, chat(), said).json["choices"][0]["finish_reason"] == "stop"

    def test_what_was_cached_is_told(self) -> None:
        said = Answer(("a",), "m", usage=Usage(7, 1, cached=4), pace=Pace())
        assert played(MISTRAL, chat(), said).json["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}

    def test_embeddings(self) -> None:
        made = ask(MISTRAL, EMBEDDINGS, {"model": "m", "input": ["Why?", "How?"], "output_dimension": 2})
        assert (made.endpoint, made.inputs, made.dimensions) == ("embeddings", ("Why?", "How?"), 2)
        reply = played(MISTRAL, made, Answer((), "m", usage=Usage(4), vectors=((0.6, 0.8), (1.0, 0.0)))).json
        assert [(d["index"], d["embedding"]) for d in reply["data"]] == [(0, [0.6, 0.8]), (1, [1.0, 0.0])]
        assert reply["usage"] == {"prompt_tokens": 4, "total_tokens": 4, "completion_tokens": 0}

    def test_models(self) -> None:
        few = dialects.get("mistral")(("a", "b"))
        assert [m["id"] for m in played(few, ask(few, "/v1/models", method="GET"), answer()).json["data"]] == ["a", "b"]
        assert played(few, ask(few, "/v1/models/b", method="GET"), answer()).json["id"] == "b"

    @pytest.mark.parametrize(
        ("failure", "kind", "code"),
        [
            (Failure(429, "rate_limit"), "rate_limited", "1300"),
            (Failure(503, "overloaded"), "internal_server_error", "3800"),
            (Failure(500), "internal_server_error", "1000"),
            (Failure(400, "context_length"), "invalid_request_invalid_args", "3051"),
        ],
    )
    def test_errors(self, failure: Failure, kind: str, code: str) -> None:
        reply = refusal(MISTRAL, failure)
        assert reply.head.status == reply.json["raw_status_code"] == failure.status
        assert (reply.json["object"], reply.json["type"], reply.json["code"]) == ("error", kind, code)
        assert dict(reply.head.headers)["mistral-correlation-id"] == "01234567-89ab-cdef-0123-456789abcdef"

    @pytest.mark.parametrize("status", [400, 401, 422, 429, 500])
    def test_a_mark_is_in_every_error(self, status: int) -> None:
        assert "A mark." in refusal(MISTRAL, Failure(status, mark="A mark.")).body.decode()

    def test_a_failure_in_a_stream_is_an_event(self) -> None:
        data, _ = MISTRAL.stream_failure(chat(stream=True), Failure(503, mark="A mark."), STAMP)
        assert isinstance(data, Data)
        ((name, event),) = sse(data.body)
        assert name == ""
        assert json.loads(event)["object"] == "error"
        assert json.loads(event)["message"].endswith("A mark.")

    @given(answers)
    def test_nothing_of_an_answer_is_lost(self, said: Answer) -> None:
        reply = played(MISTRAL, chat(stream=True), said)
        got = contents(reply.body)
        assert "".join(c for c in got if isinstance(c, str)) == said.text
        thoughts = (t["text"] for c in got if isinstance(c, list) for t in c[0]["thinking"])
        assert "".join(thoughts) == "".join(said.reasoning)
        calls = [t for e in chunks(reply.body) for t in e["choices"][0]["delta"].get("tool_calls", [])]
        assert [c["function"]["arguments"] for c in calls] == [t.arguments for t in said.tools]
        assert reply.tokens == said.tokens == played(MISTRAL, chat(), said).tokens
        assert reply.seconds == pytest.approx(said.seconds)
        assert reply.ended


class TestRecorded:
    """Against what api.mistral.ai sent."""

    def test_a_stream_with_thinking_and_text(self) -> None:
        recorded = chunks(reference("recorded/mistral-chat-text.sse").read_bytes())
        ours = chunks(played(MISTRAL, chat(stream=True), answer("To cross.", thinking="Okay, so.")).body)

        def kinds(events: list[dict[str, Any]]) -> list[str]:
            """Each form of event, once for a run of them; one that says nothing tells nothing."""
            said = [json.dumps(shape(e)) for e in events if e["choices"][0]["delta"] != {"content": ""} or "usage" in e]
            return [s for i, s in enumerate(said) if i == 0 or s != said[i - 1]]

        assert kinds(ours) == kinds(recorded)
        for mine, real in ((ours[0], recorded[0]), (ours[-1], recorded[-1])):
            assert list(mine) == list(real), "the keys stand in the provider's order"
            assert mine["choices"] == real["choices"]
            assert list(mine.get("usage", ())) == list(real.get("usage", ()))
        assert len(ours[0]["id"]) == len(recorded[0]["id"])

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("text", answer("Hello")),
            ("tool-call", answer("", CALL)),
            ("reasoning", answer("4", thinking="2 + 2")),
        ],
    )
    def test_a_reply_that_is_not_streamed(self, name: str, said: Answer) -> None:
        real = json.loads(reference(f"recorded-vercel/mistral/mistral-{name}.json").read_text())
        mine = played(MISTRAL, chat(), said).json
        assert list(mine) == list(real)
        assert {**shape(mine), "choices": None} == {**shape(real), "choices": None}
        (choice,), (theirs,) = mine["choices"], real["choices"]
        assert choice["finish_reason"] == theirs["finish_reason"]
        content = theirs["message"].get("content")
        assert shape(choice["message"]["content"]) == shape(content or "")
        for call, their in zip(
            choice["message"]["tool_calls"] or (), theirs["message"].get("tool_calls") or (), strict=True
        ):
            assert {**shape(their), "index": "int"} == shape(call)
            assert len(call["id"]) == len(their["id"])

    def test_calls_of_tools_in_a_stream(self) -> None:
        text = reference("recorded-vercel/mistral/mistral-tool-call.chunks.txt").read_text()
        recorded = [json.loads(line) for line in text.splitlines()]
        _, called, _ = chunks(played(MISTRAL, chat(stream=True), answer("", CALL)).body)
        (mine,), (real,) = (e["choices"][0]["delta"]["tool_calls"] for e in (called, recorded[-1]))
        assert shape(mine) == {**shape(real), "index": "int"}


class TestSpecification:
    """Against the official specification."""

    @pytest.mark.parametrize(
        ("name", "method", "path", "body"),
        [
            ("EmbeddingResponse", "POST", EMBEDDINGS, {"input": "Why?"}),
            ("ModelList", "GET", "/v1/models", {}),
            ("BaseModelCard", "GET", "/v1/models/m", {}),
        ],
    )
    def test_a_reply(self, name: str, method: str, path: str, body: dict[str, Any]) -> None:
        made = ask(MISTRAL, path, {"model": "m", **body}, method)
        validator(name).validate(played(MISTRAL, made, answer(vectors=((0.6, 0.8),))).json)

    def test_a_completion(self) -> None:
        # Not as a whole: the specification requires a field ``data`` there, which no reply was seen to have.
        reply = played(MISTRAL, chat(), answer("Because.", CALL, thinking="Hm.")).json
        validator("UsageInfo").validate(reply["usage"])
        validator("ChatCompletionChoice").validate(reply["choices"][0])

    def test_a_stream(self) -> None:
        for event in chunks(played(MISTRAL, chat(stream=True), answer("Because.", CALL, thinking="Hm.")).body):
            validator("CompletionChunk").validate(event)

    def test_what_does_not_fit(self) -> None:
        validator("HTTPValidationError").validate(refusal(MISTRAL, Failure(422)).json)


@cache
def components() -> Any:
    spec = yaml.load(reference("mistral/openapi.yaml").read_text(), yaml.CSafeLoader)
    return spec["components"]


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components()})
